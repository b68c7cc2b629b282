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
		if err := reader.WaitRemoval(waits); err != nil || r.tapper.Tapped() != nil {
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
