package pn532_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/hal"
	"smartreader/hal/haltest"
	"smartreader/hal/pn532"
	"smartreader/hal/pn532/pn532test"
)

// tally counts what goes over the cable: the driver writes one frame at a time.
type tally struct {
	pn532.Port
	frames, out, in int
}

func (c *tally) Write(b []byte) (int, error) {
	c.frames++
	n, err := c.Port.Write(b)
	c.out += n
	return n, err
}

func (c *tally) Read(b []byte) (int, error) {
	n, err := c.Port.Read(b)
	c.in += n
	return n, err
}

// since returns what was counted since the last call.
func (c *tally) since() traffic {
	t := traffic{c.frames, c.out, c.in}
	c.frames, c.out, c.in = 0, 0, 0
	return t
}

// traffic is frames and bytes to the chip, and bytes from it.
type traffic struct{ frames, out, in int }

// counted is a bench whose cable is counted.
func counted(t testing.TB, chip *pn532test.Emulator) (*pn532.Reader, *tally) {
	cable := pn532test.Plug(chip)
	count := &tally{}
	reader := pn532.New(func(context.Context) (pn532.Link, error) {
		port, err := cable.Open()
		if err != nil {
			return nil, err
		}
		count.Port = port
		return pn532.HSU(count), nil
	}, nil)
	t.Cleanup(func() {
		if err := reader.Close(); err != nil {
			t.Error(err)
		}
		cable.Close()
	})
	return reader, count
}

// TestWhatATapCosts counts frames and bytes, which are what a slow line costs: a
// change that needs more of them has to say so here.
func TestWhatATapCosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := pn532test.New()
		reader, count := counted(t, chip)
		costs := func(what string, want traffic) {
			t.Helper()
			if got := count.since(); got != want {
				t.Errorf("%s: %+v, want %+v", what, got, want)
			}
		}
		activate := func() hal.Card {
			t.Helper()
			card, err := reader.Activate(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return card
		}
		if err := reader.WaitRemoval(t.Context()); err != nil {
			t.Fatal(err)
		}
		count.since() // set-up

		test := &haltest.TestCard{}
		if err := chip.Tap(pn532test.TypeA(test)); err != nil {
			t.Fatal(err)
		}
		// Field on, look for B, look for A: three commands, each acknowledged.
		card := activate()
		costs("activation of type A", traffic{3, 11 + 12 + 11, 3*6 + 9 + 10 + 24})
		tap, err := haltest.ReadCard(t.Context(), card)
		if err != nil || tap.Ended != "" {
			t.Fatalf("%+v, %v", tap, err)
		}
		// One command each. Around an APDU there are 10 bytes, and 3 more if the
		// frame is a long one: those of the six longest answers are.
		n := tap.Commands
		costs("whole tap", traffic{n, tap.Sent + 10*n, tap.Received + (6+10)*n + 3*6})
		if err := card.Close(); err != nil {
			t.Error(err)
		}
		costs("field off", traffic{1, 11, 6 + 9})
		if err := reader.FieldOff(); err != nil {
			t.Error(err)
		}
		costs("field off that is off", traffic{})
		activate()
		costs("tap again", traffic{3, 34, 61})
		if resets := test.Resets(); resets != 2 {
			t.Errorf("the card was reset %d times by two taps", resets)
		}

		chip.Take()
		if err := reader.FieldOff(); err != nil {
			t.Error(err)
		}
		if err := chip.Tap(pn532test.TypeB(&haltest.TestCard{})); err != nil {
			t.Fatal(err)
		}
		count.since()
		// Looking for A ends its activation: off, on, and B again.
		activate()
		costs("activation of type B", traffic{6, 11 + 12 + 11 + 11 + 11 + 12, 6*6 + 3*9 + 10 + 2*25})

		chip.Take()
		if err := reader.FieldOff(); err != nil {
			t.Error(err)
		}
		count.since()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := reader.Activate(ctx); err == nil {
			t.Fatal("a card out of nothing")
		}
		// On, B, A, off; and again.
		if got := count.since(); got.out > got.frames*12 || got.frames%4 > 1 || got.frames < 600 {
			t.Errorf("waiting ten seconds: %+v", got)
		}
	})
}

// TestWholeTap has every kind of card read to its end, also by a slow card, and
// again and again.
func TestWholeTap(t *testing.T) {
	for name, kind := range map[string]func(pn532test.Chip) pn532test.Card{"A": pn532test.TypeA, "B": pn532test.TypeB} {
		run(t, func(t *testing.T, b *bench) {
			chip := &haltest.TestCard{}
			b.tap(t, kind(chip))
			for range 30 {
				tap, err := haltest.ReadCard(t.Context(), b.activate(t))
				if err != nil || tap.Ended != "" || tap.Records != 14 || tap.Longest != 258 {
					t.Fatalf("type %s: %+v, %v", name, tap, err)
				}
				if err := b.reader.FieldOff(); err != nil {
					t.Fatal(err)
				}
			}
			if got, want := b.chip.Exchanges(), chip.Commands(); got != want || got != 30*17 {
				t.Errorf("type %s: %d exchanges, the card saw %d", name, got, want)
			}
		})
	}
}

// TestSlowCards: a card may take its time, as long as it asks for it. The chip
// hears that; the driver only has to wait.
func TestSlowCards(t *testing.T) {
	for _, delay := range []time.Duration{50 * time.Millisecond, time.Second, 5 * time.Second} {
		run(t, func(t *testing.T, b *bench) {
			b.tap(t, pn532test.TypeA(&haltest.TestCard{Delay: delay}))
			tap, err := haltest.ReadCard(t.Context(), b.activate(t))
			if err != nil || tap.Ended != "" {
				t.Errorf("%v for each answer: %+v, %v", delay, tap, err)
			}
		})
	}
	run(t, func(t *testing.T, b *bench) {
		tardy := pn532test.TypeA(&haltest.TestCard{Delay: time.Second})
		tardy.Tardy = true
		b.tap(t, tardy)
		card := b.activate(t)
		start := time.Now()
		_, err := card.Transceive(t.Context(), selectPPSE)
		want(t, "a card that does not ask for more time", err, hal.ErrMute)
		if took := time.Since(start); took > 300*time.Millisecond {
			t.Errorf("it took %v to find out", took)
		}
	})
}

// TestAForgetfulChip: after an answer that the chip does not
// have, the next tap is as good as any.
func TestAForgetfulChip(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.tap(t, pn532test.TypeA(&haltest.TestCard{}))
		for _, fault := range []pn532test.Fault{pn532test.Forget, pn532test.Refuse, pn532test.Forget} {
			card := b.activate(t)
			b.chip.Fail(dataExchange, fault)
			_, err := card.Transceive(t.Context(), selectPPSE)
			want(t, "Transceive", err, hal.ErrMute)
			if b.chip.FieldOn() {
				t.Error("the field is on")
			}
		}
		if tap, err := haltest.ReadCard(t.Context(), b.activate(t)); err != nil || tap.Ended != "" {
			t.Errorf("%+v, %v", tap, err)
		}
		if b.opened != 1 {
			t.Errorf("opened %d times", b.opened)
		}
		// While it waits for removal, that it knows no card is no sign that there
		// is none.
		b.activate(t)
		b.chip.Fail(diagnose, pn532test.Forget)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		want(t, "WaitRemoval", b.reader.WaitRemoval(ctx), context.DeadlineExceeded)
	})
}

// TestTornAtEveryCommand takes the card away while it thinks about one command
// after the other, and holds it there again: the next tap is a whole one.
func TestTornAtEveryCommand(t *testing.T) {
	for at := range 17 {
		run(t, func(t *testing.T, b *bench) {
			chip := &haltest.TestCard{Delay: 100 * time.Millisecond}
			b.tap(t, pn532test.TypeA(chip))
			card := b.activate(t)
			time.AfterFunc(time.Duration(at)*100*time.Millisecond+50*time.Millisecond, b.chip.Take)
			tap, err := haltest.ReadCard(t.Context(), card)
			want(t, fmt.Sprintf("torn at command %d", at), err, hal.ErrCardRemoved)
			if tap.Commands != at {
				t.Errorf("torn at command %d: %+v", at, tap)
			}
			if b.chip.FieldOn() {
				t.Error("the field is on")
			}
			time.AfterFunc(300*time.Millisecond, func() { b.tap(t, pn532test.TypeA(chip)) })
			if tap, err := haltest.ReadCard(t.Context(), b.activate(t)); err != nil || tap.Ended != "" {
				t.Errorf("tapped again after command %d: %+v, %v", at, tap, err)
			}
		})
	}
}

// TestContactWins ends waiting for a tap at every moment, as an inserted card
// does: at once, with the field off, and the next tap is as good as any.
func TestContactWins(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		if err := b.reader.WaitRemoval(t.Context()); err != nil { // and so set up
			t.Fatal(err)
		}
		for after := time.Duration(0); after < 120*time.Millisecond; after += 700 * time.Microsecond {
			for name, call := range map[string]func(context.Context) error{
				"Activate":    func(ctx context.Context) error { _, err := b.reader.Activate(ctx); return err },
				"WaitRemoval": b.reader.WaitRemoval,
			} {
				if name == "WaitRemoval" {
					b.tap(t, pn532test.TypeA(&haltest.TestCard{}))
				}
				ctx, inserted := context.WithCancel(t.Context())
				time.AfterFunc(after, inserted)
				start := time.Now()
				want(t, name, call(ctx), context.Canceled)
				if late := time.Since(start) - after; late > 100*time.Millisecond {
					t.Errorf("%s: %v late after %v", name, late, after)
				}
				if b.chip.FieldOn() {
					t.Errorf("%s: the field is on", name)
				}
				b.chip.Take()
			}
		}
		b.tap(t, pn532test.TypeA(&haltest.TestCard{}))
		if tap, err := haltest.ReadCard(t.Context(), b.activate(t)); err != nil || tap.Ended != "" {
			t.Errorf("%+v, %v", tap, err)
		}
	})
}

// TestADeadContextEndsTheTapBefore: whatever Activate returns an error for, no
// card has a field afterwards.
func TestADeadContextEndsTheTapBefore(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.tap(t, pn532test.TypeA(&haltest.TestCard{}))
		card := b.activate(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := b.reader.Activate(ctx)
		want(t, "Activate", err, context.Canceled)
		if b.chip.FieldOn() {
			t.Error("the field is on")
		}
		_, err = card.Transceive(t.Context(), selectPPSE)
		want(t, "the card before", err, hal.ErrHalted)
	})
}

// TestNoTimes: the chip measures no times on the air, so nobody may be told some.
func TestNoTimes(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.tap(t, pn532test.TypeA(&haltest.TestCard{}))
		if _, timed := b.activate(t).(hal.TimedCard); timed {
			t.Error("a card of a PN532 is a hal.TimedCard")
		}
	})
}

// TestLinesThatCarryLess: the fastest rate that a line carries is used, and kept
// to when the chip is opened anew.
func TestLinesThatCarryLess(t *testing.T) {
	for limit, failures := range map[int]int{921600: 0, 460800: 1, 115200: 2} {
		synctest.Test(t, func(t *testing.T) {
			var log bytes.Buffer
			b := newBench(t, &pn532.Opts{Log: slog.New(slog.NewTextHandler(&log, nil))})
			b.cable.Limit(limit)
			b.tap(t, pn532test.TypeA(&haltest.TestCard{}))
			for range 2 {
				if tap, err := haltest.ReadCard(t.Context(), b.activate(t)); err != nil || tap.Ended != "" {
					t.Errorf("up to %d baud: %+v, %v", limit, tap, err)
				}
				if got := b.chip.Baud(); got != limit {
					t.Errorf("%d baud, want %d", got, limit)
				}
				b.cable.Unplug()
				if _, err := b.reader.Activate(t.Context()); err == nil {
					t.Error("activated without a chip")
				}
				b.cable.Replug()
			}
			// The second opening knew better.
			if got := strings.Count(log.String(), "the line does not carry"); got != failures {
				t.Errorf("up to %d baud: %d rates were tried in vain, want %d", limit, got, failures)
			}
		})
	}
}

// muffled is a port whose writes get lost at raised rates, as long as it is told so.
type muffled struct {
	pn532.Port
	on     *bool
	raised bool
}

func (m *muffled) SetBaud(baud int) error {
	m.raised = baud > 115200
	return m.Port.SetBaud(baud)
}

func (m *muffled) Write(b []byte) (int, error) {
	if *m.on && m.raised {
		return len(b), nil
	}
	return m.Port.Write(b)
}

// TestChipOutOfReach: a chip that went to a rate at which nothing gets through is
// gone, and found there when the line is better.
func TestChipOutOfReach(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		on := true
		r := pn532.New(func(context.Context) (pn532.Link, error) {
			port, err := b.cable.Open()
			return pn532.HSU(&muffled{Port: port, on: &on}), err
		}, nil)
		defer r.Close()
		b.tap(t, pn532test.TypeA(&haltest.TestCard{}))
		for range 2 {
			start := time.Now()
			_, err := r.Activate(t.Context())
			want(t, "Activate", err, hal.ErrNotFound)
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("it took %v to find out", took)
			}
		}
		on = false
		card, err := r.Activate(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if tap, err := haltest.ReadCard(t.Context(), card); err != nil || tap.Ended != "" {
			t.Errorf("%+v, %v", tap, err)
		}
	})
}

// TestChipLeftAtAnotherRate: a program that used another rate was here before.
func TestChipLeftAtAnotherRate(t *testing.T) {
	for _, before := range []int{921600, 460800} {
		for _, baud := range []int{115200, 460800, 921600} {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, &pn532.Opts{Baud: before})
				b.tap(t, pn532test.TypeA(&haltest.TestCard{}))
				b.activate(t)
				next := pn532.New(b.open, &pn532.Opts{Baud: baud})
				defer next.Close()
				card, err := next.Activate(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if tap, err := haltest.ReadCard(t.Context(), card); err != nil || tap.Ended != "" {
					t.Errorf("from %d to %d baud: %v, %v", before, baud, tap, err)
				}
				if got := b.chip.Baud(); got != baud {
					t.Errorf("from %d to %d baud: the chip is at %d", before, baud, got)
				}
				if err := next.Close(); err != nil {
					t.Error(err)
				}
				b.cable.Unplug() // the first reader knows nothing of all that
			})
		}
	}
}

// TestLongPatternsMayBeRefused: that says nothing about the line.
func TestLongPatternsMayBeRefused(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.tap(t, pn532test.TypeA(&haltest.TestCard{}))
		b.chip.Fail(diagnose, pn532test.Noise, pn532test.Refuse, pn532test.Refuse)
		b.activate(t)
		if got := b.chip.Baud(); got != 921600 {
			t.Errorf("%d baud", got)
		}
	})
}

// BenchmarkTap reads a whole card and reports what goes over the cable for each
// of its commands: frames to the chip, and bytes both ways besides the APDUs.
func BenchmarkTap(b *testing.B) {
	chip := pn532test.New()
	reader, count := counted(b, chip)
	if err := chip.Tap(pn532test.TypeA(&haltest.TestCard{})); err != nil {
		b.Fatal(err)
	}
	var frames, octets, commands int
	for b.Loop() {
		card, err := reader.Activate(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		count.since()
		tap, err := haltest.ReadCard(b.Context(), card)
		if err != nil || tap.Ended != "" {
			b.Fatal(tap.Ended, err)
		}
		got := count.since()
		frames += got.frames
		octets += got.out + got.in - tap.Sent - tap.Received
		commands += tap.Commands
	}
	b.ReportMetric(float64(frames)/float64(commands), "frames/APDU")
	b.ReportMetric(float64(octets)/float64(commands), "bytes/APDU")
}
