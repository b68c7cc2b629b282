package reader

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/display"
	"smartreader/hal"
	"smartreader/hal/sim"
	"smartreader/hal/softpad"
)

// checker is a card that writes down what it is sent and finds every PIN right.
type checker struct{ commands [][]byte }

func (c *checker) Transceive(_ context.Context, command []byte) ([]byte, error) {
	c.commands = append(c.commands, bytes.Clone(command))
	return []byte{0x90, 0x00}, nil
}
func (*checker) ATR() []byte  { return nil }
func (*checker) Close() error { return nil }

var prompt = hal.PINPrompt{Amount: 1250, Currency: "usd", Language: "fr", MinDigits: 4, MaxDigits: 12}

// softPad is a counter's software PIN pad.
func (c *counter) softPad() hal.PINPad {
	c.Helper()
	c.r.board.PINPad, c.r.opt.SoftwarePIN = nil, true
	pad := c.r.pinPad()
	if pad == nil {
		c.Fatal("there is no software PIN pad")
	}
	return pad
}

type entered struct {
	verdict hal.OfflineVerdict
	err     error
	took    time.Duration
}

// pin asks for a PIN and returns when it can be entered.
func (c *counter) pin(ctx context.Context, pad hal.PINPad, card hal.Card, p hal.PINPrompt) <-chan entered {
	c.Helper()
	done := make(chan entered, 1)
	go func() {
		begun := time.Now()
		verdict, err := pad.VerifyOffline(ctx, card, hal.OfflinePIN{Method: hal.PlainPIN, Prompt: p})
		done <- entered{verdict, err, time.Since(begun)}
	}()
	synctest.Wait()
	return done
}

// pays enters a PIN, which is right.
func (c *counter) pays(pad hal.PINPad) {
	c.Helper()
	card := &checker{}
	done := c.pin(c.Context(), pad, card, prompt)
	c.press(hal.Key2, hal.Key4, hal.Key6, hal.Key8, hal.KeyEnter)
	if got := <-done; got.err != nil || got.verdict.SW != 0x9000 || !bytes.Equal(card.commands[0][5:8], []byte{0x24, 0x24, 0x68}) {
		c.Errorf("the next entry: %+v", got)
	}
	synctest.Wait()
}

func TestPINIsEnteredOnTheReadersKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, card := atCounter(t), &checker{}
		pad := c.softPad()
		done := c.pin(t.Context(), pad, card, prompt)
		want := display.View{Kind: display.EnterPIN, Language: "fr", Amount: 1250, Currency: "usd"}
		for n, key := range []hal.Key{hal.Key8, hal.Key0, hal.KeyClear, hal.Key9, hal.Key0, hal.Key7, hal.Key3} {
			c.press(key)
			want.Entered = []int{1, 2, 0, 1, 2, 3, 4}[n]
			if got := c.sees(); got.Kind != want.Kind || got.Entered != want.Entered || got.Amount != want.Amount || got.Language != want.Language {
				t.Errorf("behind %d keys the screen shows %+v", n+1, got)
			}
		}
		c.press(hal.KeyEnter)
		if got := <-done; got.err != nil || got.verdict != (hal.OfflineVerdict{Entry: hal.PINEntered, SW: 0x9000}) {
			t.Fatalf("got %+v", got)
		}
		if want := []byte{0x00, 0x20, 0x00, 0x80, 0x08, 0x24, 0x90, 0x73, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}; len(card.commands) != 1 || !bytes.Equal(card.commands[0], want) {
			t.Errorf("the card was sent % X", card.commands)
		}
		if s := c.strays(); len(s) > 0 {
			t.Errorf("others saw %d keys", len(s))
		}
		// Not even which kind of key it was is logged.
		if c.log.Len() > 0 {
			t.Errorf("logged:\n%s", c.log.String())
		}
		synctest.Wait()
		if v := c.sees(); v.Kind != display.Processing {
			t.Errorf("behind the PIN the screen shows %v", v.Kind)
		}
		c.press(hal.KeyCancel)
		if len(c.strays()) != 1 {
			t.Error("the cancel key behind the PIN is nobody's")
		}
	})
}

func TestPINPromptIsShown(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*hal.PINPrompt)
		want   func(display.View) bool
	}{
		"first":  {func(*hal.PINPrompt) {}, func(v display.View) bool { return !v.WrongPIN && !v.LastTry && !v.MayBypass }},
		"wrong":  {func(p *hal.PINPrompt) { p.WrongPINLast, p.TriesLeft = true, 2 }, func(v display.View) bool { return v.WrongPIN && !v.LastTry }},
		"last":   {func(p *hal.PINPrompt) { p.TriesLeft = 1 }, func(v display.View) bool { return v.LastTry && !v.WrongPIN }},
		"bypass": {func(p *hal.PINPrompt) { p.AllowBypass = true }, func(v display.View) bool { return v.MayBypass }},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := atCounter(t)
			p := prompt
			test.change(&p)
			done := c.pin(t.Context(), c.softPad(), &checker{}, p)
			if v := c.sees(); v.Kind != display.EnterPIN || v.Amount != 1250 || !test.want(v) {
				t.Errorf("%s: the screen shows %+v", name, v)
			}
			c.press(hal.KeyCancel)
			if got := <-done; got.verdict.Entry != hal.PINCancelled {
				t.Errorf("%s: %+v", name, got)
			}
		})
	}
}

func TestPINEntryEnds(t *testing.T) {
	for name, test := range map[string]struct {
		during func(c *counter, stop context.CancelFunc)
		want   hal.PINEntry
		err    error
		after  time.Duration
	}{
		"by the cancel key": {func(c *counter, _ context.CancelFunc) { c.press(hal.Key1, hal.KeyCancel) }, hal.PINCancelled, nil, 0},
		"without a key":     {func(*counter, context.CancelFunc) {}, hal.PINTimedOut, nil, softpad.Timeout},
		"by a touch no more": {func(c *counter, _ context.CancelFunc) {
			time.Sleep(10 * time.Second)
			c.board.Keys.Touch(c.board.Screen.Bounds().Max.Div(2))
		}, hal.PINTimedOut, nil, softpad.Timeout},
		"with the payment": {func(_ *counter, stop context.CancelFunc) { stop() }, 0, context.Canceled, 0},
		"with the card": {func(c *counter, _ context.CancelFunc) {
			c.press(hal.Key1)
			if err := c.board.Tray.Remove(); err != nil {
				c.Error(err)
			}
		}, 0, hal.ErrCardRemoved, cardPeriod},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, card := atCounter(t), &checker{}
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				pad := c.softPad()
				done := c.pin(ctx, pad, card, prompt)
				test.during(c, stop)
				got := <-done
				if got.verdict.Entry != test.want || !errors.Is(got.err, test.err) || (got.err == nil) != (test.err == nil) || got.took != test.after {
					t.Errorf("got %+v", got)
				}
				if len(card.commands) > 0 {
					t.Errorf("the card was sent % X", card.commands)
				}
				synctest.Wait()
				if v := c.sees(); v.Kind != display.Processing {
					t.Errorf("the screen shows %v", v.Kind)
				}
				if s := c.strays(); len(s) > 0 {
					t.Errorf("others saw %d keys", len(s))
				}
				// Keys, screen and pad are the next payment's.
				if test.err == hal.ErrCardRemoved {
					c.insert()
				}
				c.pays(pad)
			})
		})
	}
}

// A look at the slot that is under way when the PIN is entered is not broken off,
// and over before the card is the kernel's again.
func TestLookAtTheSlotEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slot := &slowSlot{began: make(chan bool, 1), take: cardPeriod}
		c := atCounter(t, func(b *hal.Board) { slot.ContactReader, b.Contact = b.Contact, slot })
		done := c.pin(t.Context(), c.softPad(), &checker{}, prompt)
		c.press(hal.Key1, hal.Key2, hal.Key3, hal.Key4)
		<-slot.began
		c.press(hal.KeyEnter)
		if got := <-done; got.err != nil || got.verdict.SW != 0x9000 {
			t.Errorf("got %+v", got)
		}
		if slot.busy.Load() || slot.brokenOff.Load() {
			t.Errorf("still looking: %v, broken off: %v", slot.busy.Load(), slot.brokenOff.Load())
		}
	})
}

// slowSlot takes its time to look for a card.
type slowSlot struct {
	hal.ContactReader
	began           chan bool
	take            time.Duration
	busy, brokenOff atomic.Bool
}

func (s *slowSlot) Present(ctx context.Context) (bool, error) {
	select {
	case s.began <- true:
	default:
	}
	s.busy.Store(true)
	defer s.busy.Store(false)
	select {
	case <-time.After(s.take):
		return true, nil
	case <-ctx.Done():
		s.brokenOff.Store(true)
		return false, ctx.Err()
	}
}

// A keypad that is unplugged is a PIN pad that does not work, at once and not when
// the cardholder's time is over; plugged in again it works again.
func TestKeypadIsUnpluggedDuringAPIN(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cable, card := &cable{}, &checker{}
		c := atCounter(t, func(b *hal.Board) { cable.Input, b.Input = b.Input, cable })
		pad := c.softPad()
		for _, keys := range [][]hal.Key{{hal.Key1, hal.Key2, hal.Key3, hal.Key4, hal.Key5}, nil} {
			done := c.pin(t.Context(), pad, card, prompt)
			if len(keys) > 0 {
				c.press(keys[1:]...)
				cable.out.Store(true)
				c.press(keys[0]) // ends the call that waits
			}
			got := <-done
			if !errors.Is(got.err, hal.ErrNotFound) || got.took > deviceRetry || got.verdict != (hal.OfflineVerdict{}) {
				t.Errorf("behind %d keys: %+v", len(keys), got)
			}
			synctest.Wait()
			if v := c.sees(); v.Kind != display.Processing {
				t.Errorf("behind %d keys the screen shows %v", len(keys), v.Kind)
			}
		}
		if len(card.commands) > 0 {
			t.Errorf("the card was sent % X", card.commands)
		}
		cable.out.Store(false)
		time.Sleep(deviceRetry)
		synctest.Wait()
		c.pays(pad)
		if n := strings.Count(c.log.String(), "level=WARN"); n != 1 || strings.Contains(c.log.String(), "key=") {
			t.Errorf("logged:\n%s", c.log.String())
		}
	})
}

// Digits pressed before the prompt is seen are no part of the PIN, nor are those
// behind the Enter of the try before.
func TestNoPINBeforeItsPrompt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &slowScreen{shown: make(chan struct{})}
		c := atCounter(t, func(b *hal.Board) { slow.Screen, b.Screen = b.Screen, slow })
		card := &checker{}
		pad := c.softPad()
		slow.hold.Store(true)
		done := c.pin(t.Context(), pad, card, prompt)
		c.press(hal.Key9)
		slow.hold.Store(false)
		close(slow.shown)
		synctest.Wait()
		c.press(hal.Key1, hal.Key2, hal.Key3, hal.Key4)
		c.board.Keys.Press(hal.KeyEnter)
		c.board.Keys.Press(hal.Key5) // at once, too late
		<-done
		done = c.pin(t.Context(), pad, card, prompt)
		c.press(hal.Key6, hal.Key7, hal.Key8, hal.Key9, hal.KeyEnter)
		<-done
		if len(card.commands) != 2 || !bytes.Equal(card.commands[0][5:8], []byte{0x24, 0x12, 0x34}) || !bytes.Equal(card.commands[1][5:8], []byte{0x24, 0x67, 0x89}) {
			t.Errorf("the card was sent % X", card.commands)
		}
	})
}

func TestPINThatCannotBeShownIsNotAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, card := atCounter(t, func(b *hal.Board) { b.Screen = broken{} }), &checker{}
		got := <-c.pin(t.Context(), c.softPad(), card, prompt)
		if !errors.Is(got.err, hal.ErrNotFound) || got.took > 0 {
			t.Errorf("got %+v", got)
		}
		const want = "no PIN can be entered: the screen does not work: connect a display"
		if people := hal.AdviceOf(got.err); people != want {
			t.Errorf("people read %q", people)
		}
	})
}

func TestOnlinePINIsEnteredOnTheReadersKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := atCounter(t)
		err := softpad.Load(t.Context(), c.r.board.Keys.(hal.SecretKeeper), softpad.Injection{
			Name: "pin", Kind: softpad.AESDUKPT, InitialKey: hal.NewSecret(bytes.Repeat([]byte{7}, 16)), Serial: []byte("12345678"),
		})
		if err != nil {
			t.Fatal(err)
		}
		pad := c.softPad()
		done := make(chan hal.PINBlock, 1)
		go func() {
			b, err := pad.OnlineBlock(t.Context(), hal.OnlinePIN{
				Prompt: prompt, Format: hal.ISOFormat4, Key: "pin", PAN: hal.NewSecret([]byte("4242424242424242")),
			})
			if err != nil {
				t.Error(err)
			}
			done <- b
		}()
		synctest.Wait()
		c.press(hal.Key1, hal.Key2, hal.Key3, hal.Key4, hal.KeyEnter)
		if b := <-done; b.Entry != hal.PINEntered || len(b.Ciphertext) != 16 || len(b.KeySerial) == 0 {
			t.Errorf("got %+v", b)
		}
	})
}

// Real PINs are never typed on the keys of a development board.
func TestSoftwarePINPadRefusesLiveMode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := atCounter(t)
		pad := c.softPad()
		refused := func(when string) {
			t.Helper()
			_, offline := pad.VerifyOffline(t.Context(), &checker{}, hal.OfflinePIN{Method: hal.PlainPIN, Prompt: prompt})
			_, online := pad.OnlineBlock(t.Context(), hal.OnlinePIN{Prompt: prompt, Format: hal.ISOFormat4})
			for _, err := range []error{offline, online} {
				if !errors.Is(err, hal.ErrUnsupported) || !strings.Contains(err.Error(), "softwarePinPad") || !strings.Contains(err.Error(), "no PIN entry device") {
					t.Errorf("%s: %v", when, err)
				}
			}
		}
		c.r.config.platform.Livemode = true
		refused("live mode")
		c.r.config = nil
		refused("before anybody knows")
		if v := c.sees(); v.Kind == display.EnterPIN {
			t.Error("a PIN is asked for")
		}
	})
}

// plainKeys keep no secrets.
type plainKeys struct{ hal.KeyStore }

func TestWhichPINPad(t *testing.T) {
	board, err := sim.Open(sim.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer board.HAL.Close()
	for name, test := range map[string]struct {
		change func(*hal.Board)
		off    bool
		want   string
		says   string
	}{
		"its own":            {func(b *hal.Board) { b.PINPad = board.PINPad }, false, "own", ""},
		"its own, and off":   {func(b *hal.Board) { b.PINPad = board.PINPad }, true, "own", ""},
		"off":                {func(*hal.Board) {}, true, "none", ""},
		"of software":        {func(*hal.Board) {}, false, "software", ""},
		"no screen":          {func(b *hal.Board) { b.Screen = nil }, false, "none", "softwarePinPad is on, but there is no screen"},
		"no keys":            {func(b *hal.Board) { b.Input = nil }, false, "none", "softwarePinPad is on, but there are no keys (set devices.keys)"},
		"neither":            {func(b *hal.Board) { b.Input, b.Screen = nil, nil }, false, "none", "there are no keys (set devices.keys) and there is no screen"},
		"nothing to keep it": {func(b *hal.Board) { b.Keys = plainKeys{b.Keys} }, false, "none", "softwarePinPad is on, but the key store keeps no secrets"},
	} {
		hardware := *board.HAL
		hardware.PINPad = nil
		hardware.Missing = []hal.Missing{
			{Device: "PIN pad", Err: errors.New("the board has none")},
			{Device: "keys", Err: fmt.Errorf("board: %w", hal.Advise(hal.ErrNotFound, "set devices.keys"))},
		}
		test.change(&hardware)
		var log strings.Builder
		r := &Reader{board: hardware, opt: Options{SoftwarePIN: !test.off}, log: slog.New(slog.NewTextHandler(&log, nil))}
		got := "none"
		switch pad := r.pinPad(); pad.(type) {
		case *sim.PINPad:
			got = "own"
		case *pinEntry:
			got = "software"
		}
		if got != test.want || (log.Len() > 0) != (test.says != "") || !strings.Contains(log.String(), test.says) {
			t.Errorf("%s: %s, said %q", name, got, log.String())
		}
		// What a POS is told.
		told := cmp.Or(test.says, map[string]string{"software": "keys and screen take its place (softwarePinPad)"}[got], "the board has none")
		pads := slices.DeleteFunc(slices.Clone(r.board.Missing), func(m hal.Missing) bool { return m.Device != "PIN pad" })
		if len(pads) != 1 || !strings.Contains(pads[0].Err.Error(), told) || len(r.board.Missing) != len(hardware.Missing) {
			t.Errorf("%s: POS are told %v, want %q once", name, r.board.Missing, told)
		}
		if told != "the board has none" && !errors.Is(pads[0].Err, hal.ErrNotFound) {
			t.Errorf("%s: %v does not match hal.ErrNotFound", name, pads[0].Err)
		}
		if hardware.Missing[0].Err.Error() != "the board has none" {
			t.Errorf("%s: the board's own list became %v", name, hardware.Missing)
		}
	}
}
