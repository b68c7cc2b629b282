package simulation

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/hal"
)

var selectPPSE = []byte("\x00\xA4\x04\x00\x0E2PAY.SYS.DDF01\x00")

// A card that is to be tapped waits in the hand until the reader asks, and leaves
// when the reader has switched its field off.
func TestTapWaitsForTheReader(t *testing.T) {
	a := newSimulation(t, 1).Antenna()
	if err := a.Tap("4242424242424242"); err != nil {
		t.Fatal(err)
	}
	if held := a.Held(); len(held) != 0 || !slices.Equal(a.Tapped(), []string{"visa"}) {
		t.Errorf("before a payment %q is held, %q in the hand", held, a.Tapped())
	}
	// The last customer's card must be away before a payment begins.
	if err := a.WaitRemoval(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.FieldOff(); err != nil {
		t.Fatal(err)
	}
	card, err := a.Activate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := card.Transceive(t.Context(), selectPPSE); err != nil || len(answer) < 2 {
		t.Errorf("SELECT PPSE: %X, %v", answer, err)
	}
	if !slices.Equal(a.Held(), []string{"visa"}) || !slices.Equal(a.Tapped(), []string{"visa"}) {
		t.Errorf("while it is read %q is held, %q in the hand", a.Held(), a.Tapped())
	}
	if err := a.FieldOff(); err != nil {
		t.Fatal(err)
	}
	if held := a.Held(); len(held) != 0 || a.Tapped() != nil {
		t.Errorf("afterwards %q is held, %q in the hand", held, a.Tapped())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.Activate(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a second customer: %v", err)
	}
}

func TestTapForAReaderThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newSimulation(t, 1).Antenna()
		read := make(chan error)
		activate := func() { _, err := a.Activate(t.Context()); read <- err }
		go activate()
		synctest.Wait()
		if err := a.Tap("mastercard_debit"); err != nil {
			t.Fatal(err)
		}
		if err := <-read; err != nil || !slices.Equal(a.Held(), []string{"mastercard-debit"}) {
			t.Errorf("%v; %q is held", err, a.Held())
		}
		// Two cards come together, or the reader would read the first.
		if err := a.FieldOff(); err != nil {
			t.Fatal(err)
		}
		go activate()
		synctest.Wait()
		if err := a.Tap("visa", "mastercard"); err != nil {
			t.Fatal(err)
		}
		if err := <-read; !errors.Is(err, hal.ErrCollision) {
			t.Errorf("two cards: %v", err)
		}
		if err := a.WaitRemoval(t.Context()); err != nil || len(a.Held()) != 0 {
			t.Errorf("%v; %q are held although the reader told their holder", err, a.Held())
		}
		// A reader that gives up has seen nothing.
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := a.Activate(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("nobody taps: %v", err)
		}
	})
}

// Somebody holds a card to the antenna in the moment in which the reader stops asking:
// another payment, or a look for the last customer's card. The tap is not lost, and
// the next payment gets it, once.
func TestTapOutlivesAReaderThatStopsAsking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, meanwhile := range map[string]func(*Antenna) error{
			"field off":    (*Antenna).FieldOff,
			"look":         func(a *Antenna) error { return a.WaitRemoval(t.Context()) },
			"nothing":      func(*Antenna) error { return nil },
			"all at once":  func(a *Antenna) error { return errors.Join(a.FieldOff(), a.WaitRemoval(t.Context()), a.FieldOff()) },
			"another card": func(a *Antenna) error { return errors.Join(a.Tap("amex"), a.Tap("visa")) },
		} {
			a := newSimulation(t, 1).Antenna()
			if err := a.Tap("visa"); err != nil {
				t.Fatal(err)
			}
			canceled, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := a.Activate(canceled); !errors.Is(err, context.Canceled) {
				t.Fatalf("%s: %v", name, err)
			}
			if err := meanwhile(a); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if !slices.Equal(a.Tapped(), []string{"visa"}) {
				t.Errorf("%s: %q in the hand", name, a.Tapped())
			}
			if _, err := a.Activate(t.Context()); err != nil || !slices.Equal(a.Held(), []string{"visa"}) {
				t.Errorf("%s: %q is read, %v", name, a.Held(), err)
			}
			if err := a.FieldOff(); err != nil || a.Tapped() != nil || len(a.Held()) != 0 {
				t.Errorf("%s, when it was read: %q in the hand, %v", name, a.Tapped(), err)
			}
			short, cancel := context.WithTimeout(t.Context(), time.Minute)
			if _, err := a.Activate(short); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: read twice: %v", name, err)
			}
			cancel()
		}
	})
}

// Taps, takes and a reader that asks and gives up, all at the same time: nobody waits
// for ever, and what is in the hand is what is at the antenna.
func TestHandsInARush(t *testing.T) {
	a := newSimulation(t, 1).Antenna()
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		for ctx.Err() == nil {
			asking, stop := context.WithCancel(ctx)
			go stop()
			if card, err := a.Activate(asking); err == nil {
				_, _ = card.Transceive(ctx, selectPPSE) // it may be away
			}
			stop()
			if err := a.FieldOff(); err != nil {
				t.Error(err)
			}
		}
	})
	for range 2 {
		all.Go(func() {
			for range 300 {
				if err := a.Tap("visa"); err != nil {
					t.Error(err)
				}
				if err := a.Take(); err != nil && !errors.Is(err, errNotTapped) {
					t.Error(err)
				}
				a.Tapped()
			}
		})
	}
	all.Go(func() {
		for range 300 {
			if err := a.Tap("mastercard", "amex"); err != nil {
				t.Error(err)
			}
		}
		cancel()
	})
	all.Wait()
	if err := a.Take(); err != nil && !errors.Is(err, errNotTapped) {
		t.Error(err)
	}
	if held := a.Held(); len(held) != 0 || a.Tapped() != nil {
		t.Errorf("in the end %q is held, %q in the hand", held, a.Tapped())
	}
}

func TestTakeInTheMiddle(t *testing.T) {
	a := newSimulation(t, 1).Antenna()
	if err := a.Take(); !errors.Is(err, errNotTapped) {
		t.Errorf("nothing to take: %v", err)
	}
	if err := a.Tap("visa"); err != nil {
		t.Fatal(err)
	}
	if err := a.Tap("library-card"); err == nil || !strings.Contains(err.Error(), "card list") || !slices.Equal(a.Tapped(), []string{"visa"}) {
		t.Errorf("an unknown card: %v, %q in the hand", err, a.Tapped())
	}
	card, err := a.Activate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Take(); err != nil || a.Tapped() != nil {
		t.Errorf("%v, %q in the hand", err, a.Tapped())
	}
	if _, err := card.Transceive(t.Context(), selectPPSE); !errors.Is(err, hal.ErrCardRemoved) {
		t.Errorf("a card that is away: %v", err)
	}
	if err := a.Tap("amex"); err != nil {
		t.Fatal(err)
	}
	if err := a.Take(); err != nil || a.Tapped() != nil {
		t.Errorf("before the reader asked: %v, %q in the hand", err, a.Tapped())
	}
}

// A card that is left on the antenna stays there, whatever the reader does, until it
// is taken; in the middle of a command if need be.
func TestHoldStaysUntilItIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newSimulation(t, 1).Antenna()
		if err := a.Hold(0, "visa"); err != nil || !slices.Equal(a.Held(), []string{"visa"}) {
			t.Fatalf("%v; before a payment %q is held", err, a.Held())
		}
		for range 2 {
			look, stop := context.WithTimeout(t.Context(), time.Minute)
			if err := a.WaitRemoval(look); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a look for the last customer's card: %v", err)
			}
			stop()
			if _, err := a.Activate(t.Context()); err != nil {
				t.Error(err)
			}
			if err := a.FieldOff(); err != nil || !slices.Equal(a.Held(), []string{"visa"}) || !slices.Equal(a.Tapped(), []string{"visa"}) {
				t.Errorf("%v; afterwards %q is held, %q in the hand", err, a.Held(), a.Tapped())
			}
		}
		if err := a.Take(); err != nil || len(a.Held()) != 0 || a.Tapped() != nil {
			t.Errorf("%v; taken away, %q is held, %q in the hand", err, a.Held(), a.Tapped())
		}
		// For a reader that waits, two come together.
		read := make(chan error)
		go func() { _, err := a.Activate(t.Context()); read <- err }()
		synctest.Wait()
		if err := a.Hold(0, "visa", "mastercard"); err != nil {
			t.Fatal(err)
		}
		if err := <-read; !errors.Is(err, hal.ErrCollision) {
			t.Errorf("two cards: %v", err)
		}
		// A tap ends it, and is a tap again.
		if err := a.Tap("mastercard"); err != nil || len(a.Held()) != 0 {
			t.Errorf("%v; %q is held", err, a.Held())
		}
		if _, err := a.Activate(t.Context()); err != nil {
			t.Error(err)
		}
		if err := a.FieldOff(); err != nil || a.Tapped() != nil {
			t.Errorf("%v; %q in the hand", err, a.Tapped())
		}
		// One that thinks can be taken away while it does.
		if err := a.Hold(3*time.Second, "visa"); err != nil {
			t.Fatal(err)
		}
		card, err := a.Activate(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if answer, err := card.Transceive(t.Context(), selectPPSE); err != nil || len(answer) < 2 || time.Since(began) < 3*time.Second {
			t.Errorf("SELECT PPSE: %X, %v, after %v", answer, err, time.Since(began))
		}
		time.AfterFunc(time.Second, func() {
			if err := a.Take(); err != nil {
				t.Error(err)
			}
		})
		if _, err := card.Transceive(t.Context(), selectPPSE); !errors.Is(err, hal.ErrCardRemoved) {
			t.Errorf("taken away in the middle: %v", err)
		}
	})
}
