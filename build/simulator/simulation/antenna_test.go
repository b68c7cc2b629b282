package simulation

import (
	"context"
	"errors"
	"slices"
	"strings"
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
