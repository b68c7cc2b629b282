package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image/png"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"smartreader/build/story"
	"smartreader/lan/wire"
)

// smoke plays the story of an outage on the real image, kernel and drivers, and
// then does to the machine what only a machine can suffer. It fails unless all
// of it held.
func smoke(ctx context.Context, o options, stdout, stderr io.Writer) error {
	leave, err := o.temporary(ctx)
	if err != nil {
		return err
	}
	var live io.Writer
	if !o.json {
		live = stderr
	}
	s := smokeTest{teller: story.NewTeller(live)}
	failed := withRig(ctx, o, stderr, func(ctx context.Context, r *rig) error {
		s.rig = r
		return s.play(ctx, o.screenshot)
	})
	if failed != nil && s.rig != nil && s.rig.console != nil {
		failed = fmt.Errorf("%w\nThe console's last lines:\n%s", failed, tail(s.rig.consoleFile(), 30))
	}
	if o.json {
		err = s.teller.WriteJSON(stdout, "smoke", failed == nil)
	} else {
		err = s.teller.WriteTable(stdout)
	}
	if failed != nil {
		return leave(fmt.Errorf("the smoke test did not hold: %w", failed))
	}
	return leave(errors.Join(err, ctx.Err()))
}

type smokeTest struct {
	rig    *rig
	teller *story.Teller
}

// check adds a step; what does not hold ends the test.
func (s *smokeTest) check(step string, err error, got string, args ...any) error {
	text := fmt.Sprintf(got, args...)
	if err != nil {
		text = err.Error()
	}
	s.teller.Tell(story.Step{Step: step, Got: text, OK: err == nil})
	if err != nil {
		return fmt.Errorf("%s: %w", step, err)
	}
	return nil
}

func (s *smokeTest) play(ctx context.Context, screenshot string) error {
	if err := s.rig.build(ctx, "", ""); err != nil {
		return err
	}
	if err := story.Outage(ctx, s.rig, s.teller.Tell); err != nil {
		return err
	}
	if err := s.replug(ctx); err != nil {
		return err
	}
	if err := s.enterPIN(ctx); err != nil {
		return err
	}
	if err := s.look(ctx, screenshot); err != nil {
		return err
	}
	if err := s.check("power button", s.powerOff(ctx), "the reader switched itself off, its data partition unmounted"); err != nil {
		return err
	}
	return s.conform(ctx)
}

// replug pulls the chip card reader out while a POS is connected.
func (s *smokeTest) replug(ctx context.Context) error {
	pos, err := story.NewPOS("smoke-test")
	if err != nil {
		return err
	}
	defer pos.Close()
	if _, err := pos.Connect(ctx, s.rig.endpoints()); err != nil {
		return s.check("connect again", err, "")
	}
	err = s.rig.plug(ctx, "ccid", false)
	if err == nil {
		err = slotWarning(ctx, pos, true)
	}
	if err := s.check("unplug card reader", err, "the POS is warned that no chip card can be read"); err != nil {
		return err
	}
	err = s.rig.plug(ctx, "ccid", true)
	if err == nil {
		err = slotWarning(ctx, pos, false)
	}
	if err := s.check("plug it in again", err, "the warning is gone"); err != nil {
		return err
	}
	paid, err := pos.Pay(ctx, s.rig, 550, "visa")
	if err == nil && (paid.Status != wire.StatusSucceeded || paid.OfflineDetails != nil) {
		err = fmt.Errorf("the payment ended as %s", paid.Status)
	}
	return s.check("pay 5.50", err, "approved by the issuer")
}

// enterPIN pays with a PIN on the reader's own keys.
func (s *smokeTest) enterPIN(ctx context.Context) error {
	pos, err := story.NewPOS("smoke-test-pin")
	if err != nil {
		return err
	}
	defer pos.Close()
	if _, err := pos.Connect(ctx, s.rig.endpoints()); err != nil {
		return s.check("connect for the PIN", err, "")
	}
	paid, err := pos.Pay(ctx, &typist{rig: s.rig}, 750, "offline-pin-cvm")
	if err == nil {
		cvm := "none"
		if m := paid.PaymentMethod; m != nil && m.CardPresent != nil && m.CardPresent.ReceiptDetails != nil {
			cvm = m.CardPresent.ReceiptDetails.CardholderVerificationMethod
		}
		if paid.Status != wire.StatusSucceeded || cvm != "offline_pin" {
			err = fmt.Errorf("the payment ended as %s, the cardholder verified by %s", paid.Status, cvm)
		}
	}
	return s.check("pay 7.50 with a PIN", err, "entered on the keypad, found right by the card")
}

// typist is a hand that enters the PIN of the test cards as soon as it is asked
// for: over and over, because keys that are pressed before the question are lost,
// and what was entered of it halfway is cleared.
type typist struct {
	*rig
	stop context.CancelFunc
	done chan error
}

func (t *typist) Insert(ctx context.Context, card string) error {
	if err := t.rig.Insert(ctx, card); err != nil {
		return err
	}
	ctx, t.stop = context.WithCancel(ctx)
	t.done = make(chan error, 1)
	go func() { t.done <- t.typeOn(ctx) }()
	return nil
}

func (t *typist) typeOn(ctx context.Context) error {
	for {
		for _, key := range []string{"clear", "1", "2", "3", "4", "enter"} {
			if err := t.press(ctx, key); err != nil {
				if ctx.Err() != nil {
					return nil
				}
				return err
			}
			select {
			case <-time.After(200 * time.Millisecond): // a person's pace: the machine may be slow
			case <-ctx.Done():
				return nil
			}
		}
	}
}

func (t *typist) Remove(ctx context.Context) error {
	t.stop()
	return errors.Join(<-t.done, t.rig.Remove(ctx))
}

// slotWarning waits until the reader warns that its slot does not work, or does
// not any more.
func slotWarning(ctx context.Context, pos *story.POS, wanted bool) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		r, err := pos.Conn().GetReader(ctx)
		if err != nil {
			return err
		}
		warned := slices.ContainsFunc(r.Warnings, func(w string) bool { return strings.Contains(w, "no chip card can be read") })
		if warned == wanted {
			return nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("the reader's warnings stay %q", r.Warnings)
		}
	}
}

// look takes a picture of the screen.
func (s *smokeTest) look(ctx context.Context, file string) error {
	data, err := s.rig.screen(ctx)
	if err != nil {
		return s.check("screen", err, "")
	}
	if file != "" {
		if err := os.WriteFile(file, data, 0o644); err != nil {
			return err
		}
	}
	size, colours, err := picture(data)
	if err == nil && colours < 8 {
		err = fmt.Errorf("%d colours on it: nobody draws text with so few", colours)
	}
	return s.check("screen", err, "%s, %d colours", size, colours)
}

// picture counts what is on a screen. Text has smooth edges, so many colours; a
// console or a blank screen has few.
func picture(data []byte) (size string, colours int, err error) {
	p, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		return "", 0, err
	}
	type colour struct{ r, g, b, a uint32 }
	seen := map[colour]bool{}
	b := p.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			var c colour
			c.r, c.g, c.b, c.a = p.At(x, y).RGBA()
			seen[c] = true
		}
	}
	return fmt.Sprintf("%dx%d", b.Dx(), b.Dy()), len(seen), nil
}

// powerOff presses the power button and looks at what the reader left behind.
func (s *smokeTest) powerOff(ctx context.Context) error {
	m, err := s.rig.running()
	if err != nil {
		return err
	}
	if err := s.rig.switchOff(ctx); err != nil {
		return err
	}
	if !m.OffByGuest() {
		return errors.New("the machine did not switch itself off")
	}
	return unmounted(s.rig.image.disk)
}

// unmounted reads the data partition's superblock: Linux kernel documentation,
// "ext4 Data Structures and Algorithms", "The Super Block": s_magic at 0x38,
// s_state at 0x3A, s_feature_incompat at 0x60.
func unmounted(disk string) error {
	f, err := os.Open(disk)
	if err != nil {
		return err
	}
	defer f.Close()
	parts, err := table(f)
	if err != nil {
		return err
	}
	var b [0x64]byte
	if _, err := f.ReadAt(b[:], int64(parts.starts[3])*512+1024); err != nil {
		return err
	}
	const clean, damaged, needsRecovery = 1, 2, 4
	switch state := binary.LittleEndian.Uint16(b[0x3A:]); {
	case binary.LittleEndian.Uint16(b[0x38:]) != 0xEF53:
		return errors.New("the data partition is no ext4 file system")
	case state&damaged != 0:
		return errors.New("the data partition is damaged")
	case state&clean == 0, binary.LittleEndian.Uint32(b[0x60:])&needsRecovery != 0:
		return errors.New("the data partition was not unmounted")
	}
	return nil
}

// conform checks the devices that a payment does not use.
func (s *smokeTest) conform(ctx context.Context) error {
	defer s.rig.Kill() // the tool has nothing to save
	var wrong []string
	passed, err := s.rig.conform(ctx, func(line string) {
		if strings.HasPrefix(line, "fail ") && !slices.Contains(wrong, line) {
			wrong = append(wrong, line)
		}
	})
	if err == nil && !passed {
		err = fmt.Errorf("not every device conforms: %s", strings.Join(wrong, "; "))
	}
	return s.check("conformance", err, "every device of the machine passed")
}

func tail(file string, lines int) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimSpace(string(data)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
