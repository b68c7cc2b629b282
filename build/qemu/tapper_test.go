package main

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/hal"
	"smartreader/hal/pn532"
	"smartreader/hal/pn532/pn532test"
)

var selectPPSE = []byte("\x00\xA4\x04\x00\x0E2PAY.SYS.DDF01\x00")

// plugged is the reader's own driver at the emulated chip.
func plugged(r *rig) (reader *pn532.Reader, unplug func()) {
	cable := pn532test.Plug(r.field)
	reader = pn532.New(func(context.Context) (pn532.Link, error) {
		port, err := cable.Open()
		if err != nil {
			return nil, err
		}
		return pn532.HSU(port), nil
	}, nil)
	return reader, func() {
		r.tapper.end()
		reader.Close()
		cable.Close()
	}
}

// A tap as the hand does it, with the reader's own driver: the card comes when the
// field is on, and goes when the reader is done with it, also when the reader looked
// for the last customer's card first.
func TestTapperTapsAsPeopleDo(t *testing.T) {
	r := desk(t)
	reader, unplug := plugged(r)
	defer unplug()
	if err := r.tapper.Tap("4242424242424242"); err != nil || !slices.Equal(r.tapper.Tapped(), []string{"visa"}) {
		t.Fatalf("%v, %q in the hand", err, r.tapper.Tapped())
	}
	for _, lastCustomer := range []bool{true, false} {
		if lastCustomer {
			if err := reader.WaitRemoval(t.Context()); err != nil {
				t.Fatal(err)
			}
		} else if err := r.tapper.Tap("mastercard"); err != nil {
			t.Fatal(err)
		}
		card, err := reader.Activate(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if answer, err := card.Transceive(t.Context(), selectPPSE); err != nil || len(answer) < 2 {
			t.Errorf("SELECT PPSE: %X, %v", answer, err)
		}
		if len(r.tapper.Tapped()) != 1 {
			t.Errorf("the hand has %q while the card is read", r.tapper.Tapped())
		}
		if err := reader.FieldOff(); err != nil {
			t.Fatal(err)
		}
		if !await(t.Context(), time.Minute, func() bool { return r.tapper.Tapped() == nil }) {
			t.Errorf("a minute later the hand has %q", r.tapper.Tapped())
		}
	}
	if err := r.tapper.Take(); err == nil {
		t.Error("something was taken that is not there")
	}
	if err := r.tapper.Tap("visa", "mastercard"); err != nil {
		t.Fatal(err)
	}
	if _, err := reader.Activate(t.Context()); !errors.Is(err, hal.ErrCollision) {
		t.Errorf("two cards: %v", err)
	}
	if err := reader.WaitRemoval(t.Context()); err != nil {
		t.Error(err)
	}
	if err := r.tapper.Tap("library-card"); err == nil {
		t.Error("an unknown card was tapped")
	}
}

// A reader that waits for the card to be taken away, with its field on, gets its wish;
// one that thinks for a while between two commands keeps the card.
func TestTapperLeavesAReaderThatWaits(t *testing.T) {
	r := desk(t)
	synctest.Test(t, func(t *testing.T) {
		reader, unplug := plugged(r)
		defer unplug()
		if err := r.tapper.Tap("visa"); err != nil {
			t.Fatal(err)
		}
		card, err := reader.Activate(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if _, err := card.Transceive(t.Context(), selectPPSE); err != nil {
				t.Fatal(err)
			}
			time.Sleep(quiet - time.Second)
		}
		waits, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := reader.WaitRemoval(waits); err != nil {
			t.Fatal(err)
		}
		time.Sleep(apart + unserved) // it would come again to a reader that asks
		synctest.Wait()
		if r.tapper.Tapped() != nil {
			t.Errorf("%q in the hand", r.tapper.Tapped())
		}
	})
}

// Two cards are kept until the reader asks for one, however often it looked for the
// last customer's before: it would find two, and say nothing of it.
func TestTapperKeepsTwoCardsForAReaderThatAsks(t *testing.T) {
	r := desk(t)
	synctest.Test(t, func(t *testing.T) {
		reader, unplug := plugged(r)
		defer unplug()
		if err := r.tapper.Tap("visa", "mastercard"); err != nil {
			t.Fatal(err)
		}
		within, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for range 3 {
			if err := reader.WaitRemoval(within); err != nil {
				t.Fatal(err)
			}
			if len(r.tapper.Tapped()) != 2 {
				t.Fatalf("the hand has %q", r.tapper.Tapped())
			}
			time.Sleep(dark / 2) // the next look may come before the hand has seen that this one is over
		}
		if _, err := reader.Activate(within); !errors.Is(err, hal.ErrCollision) {
			t.Errorf("two cards: %v", err)
		}
		if err := reader.WaitRemoval(within); err != nil || r.tapper.Tapped() != nil {
			t.Errorf("%v, %q in the hand", err, r.tapper.Tapped())
		}
		// A tap that is taken back ends at once, before the reader asks for long enough.
		if err := r.tapper.Tap("visa", "mastercard"); err != nil {
			t.Fatal(err)
		}
		shortly, end := context.WithTimeout(t.Context(), asks/2)
		defer end()
		time.AfterFunc(asks/4, func() {
			if err := r.tapper.Take(); err != nil {
				t.Error(err)
			}
		})
		if _, err := reader.Activate(shortly); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("nobody taps: %v", err)
		}
	})
}

// A card that is left on the antenna stays there until it is taken, in the middle of a
// command if need be: the reader sees the last customer's card for as long.
func TestTapperLeavesACard(t *testing.T) {
	r := desk(t)
	synctest.Test(t, func(t *testing.T) {
		reader, unplug := plugged(r)
		defer unplug()
		if err := r.tapper.Hold(3*time.Second, "visa"); err != nil {
			t.Fatal(err)
		}
		card, err := reader.Activate(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if answer, err := card.Transceive(t.Context(), selectPPSE); err != nil || len(answer) < 2 || time.Since(began) < 3*time.Second {
			t.Errorf("SELECT PPSE: %X, %v, after %v", answer, err, time.Since(began))
		}
		if err := reader.FieldOff(); err != nil {
			t.Error(err)
		}
		look, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		if err := reader.WaitRemoval(look); !errors.Is(err, context.DeadlineExceeded) || !slices.Equal(r.tapper.Tapped(), []string{"visa"}) {
			t.Errorf("%v, %q in the hand", err, r.tapper.Tapped())
		}
		if card, err = reader.Activate(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Second, func() {
			if err := r.tapper.Take(); err != nil {
				t.Error(err)
			}
		})
		if _, err := card.Transceive(t.Context(), selectPPSE); err == nil {
			t.Error("a card that was taken away answers")
		}
		if err := reader.WaitRemoval(t.Context()); err != nil || r.tapper.Tapped() != nil {
			t.Errorf("%v, %q in the hand", err, r.tapper.Tapped())
		}
	})
}

// Whoever stops a tap does not wait for the reader.
func TestTapperStops(t *testing.T) {
	r := desk(t)
	if err := r.tapper.Tap("visa"); err != nil {
		t.Fatal(err)
	}
	if err := r.tapper.Tap("amex"); err != nil || !slices.Equal(r.tapper.Tapped(), []string{"amex"}) {
		t.Errorf("%v, %q in the hand", err, r.tapper.Tapped())
	}
	if err := r.tapper.Take(); err != nil || r.tapper.Tapped() != nil {
		t.Errorf("%v, %q in the hand", err, r.tapper.Tapped())
	}
}
