package haltest

import (
	"bytes"
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"smartreader/hal"
)

// Hand puts a card in and takes it out. It fails the test when it cannot.
type Hand interface {
	Insert()
	Remove()
}

// short is how long a check waits to see that nothing happens; long is how long
// something may take that must happen (somebody moves a card by hand).
const (
	short = 200 * time.Millisecond
	long  = 30 * time.Second
)

// selectPSE is a command every EMV card answers, if only with "not found".
var selectPSE = append([]byte{0x00, 0xA4, 0x04, 0x00, 14}, "1PAY.SYS.DDF01\x00"...)

// ContactReader checks a chip slot, which must be empty. The card in the hand
// must be an EMV card.
func ContactReader(t testing.TB, r hal.ContactReader, hand Hand) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*long)
	defer cancel()

	present(ctx, t, r, false)
	if err := r.WaitRemoval(ctx); err != nil {
		t.Fatalf("WaitRemoval with an empty slot: %v", err)
	}
	endsWithContext(t, "Activate with an empty slot", func(ctx context.Context) error {
		_, err := r.Activate(ctx)
		return err
	})

	card := activateAfter(ctx, t, r, hand)
	present(ctx, t, r, true)
	endsWithContext(t, "WaitRemoval with a card in the slot", r.WaitRemoval)
	answers(ctx, t, card)

	cancelled, stop := context.WithCancel(ctx)
	stop()
	if _, err := card.Transceive(cancelled, selectPSE); !errors.Is(err, context.Canceled) {
		t.Errorf("Transceive with a cancelled context: got %v, want context.Canceled", err)
	}
	closed(ctx, t, card)

	again, err := r.Activate(ctx)
	if err != nil {
		t.Fatalf("Activate with a card that stayed in the slot: %v", err)
	}
	answers(ctx, t, again)

	third, err := r.Activate(ctx)
	if err != nil {
		t.Fatalf("Activate of an activated card: %v", err)
	}
	if _, err := again.Transceive(ctx, selectPSE); !errors.Is(err, hal.ErrHalted) {
		t.Errorf("Transceive on a card activated again since: got %v, want hal.ErrHalted", err)
	}
	answers(ctx, t, third)

	hand.Remove()
	if err := r.WaitRemoval(ctx); err != nil {
		t.Fatalf("WaitRemoval after the card was taken out: %v", err)
	}
	present(ctx, t, r, false)
	if _, err := third.Transceive(ctx, selectPSE); !errors.Is(err, hal.ErrCardRemoved) {
		t.Errorf("Transceive after the card was taken out: got %v, want hal.ErrCardRemoved", err)
	}
	if err := third.Close(); err != nil {
		t.Errorf("Close after the card was taken out: %v", err)
	}
}

func present(ctx context.Context, t testing.TB, r hal.ContactReader, want bool) {
	t.Helper()
	if got, err := r.Present(ctx); err != nil || got != want {
		t.Fatalf("Present = %v, %v; want %v, nil", got, err, want)
	}
}

// activateAfter checks that Activate waits for the card.
func activateAfter(ctx context.Context, t testing.TB, r hal.ContactReader, hand Hand) hal.Card {
	t.Helper()
	type result struct {
		card hal.Card
		err  error
	}
	var inserting atomic.Bool
	done := make(chan result, 1)
	go func() {
		card, err := r.Activate(ctx)
		if !inserting.Load() {
			err = errors.Join(errors.New("activated before there was a card"), err)
		}
		done <- result{card, err}
	}()
	inserting.Store(true)
	hand.Insert()
	got := <-done
	if got.err != nil {
		t.Fatalf("Activate: %v", got.err)
	}
	if len(got.card.ATR()) < 2 {
		t.Errorf("ATR has %d bytes", len(got.card.ATR()))
	}
	return got.card
}

// answers checks one exchange, and that command and answers are not shared.
func answers(ctx context.Context, t testing.TB, card hal.Card) {
	t.Helper()
	command := bytes.Clone(selectPSE)
	first, err := card.Transceive(ctx, command)
	if err != nil {
		t.Fatalf("Transceive: %v", err)
	}
	if len(first) < 2 {
		t.Fatalf("Transceive: %d bytes are no response", len(first))
	}
	if !bytes.Equal(command, selectPSE) {
		t.Error("Transceive changed the command")
	}
	kept := bytes.Clone(first)
	if _, err := card.Transceive(ctx, selectPSE); err != nil {
		t.Fatalf("second Transceive: %v", err)
	}
	if !bytes.Equal(first, kept) {
		t.Error("the second Transceive changed the first response")
	}
	atr := card.ATR()
	clear(atr)
	if bytes.Equal(atr, card.ATR()) {
		t.Error("ATR returns the same slice twice")
	}
}

func closed(ctx context.Context, t testing.TB, card hal.Card) {
	t.Helper()
	for range 2 {
		if err := card.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	if _, err := card.Transceive(ctx, selectPSE); !errors.Is(err, hal.ErrHalted) {
		t.Errorf("Transceive on a closed card: got %v, want hal.ErrHalted", err)
	}
}

// endsWithContext checks that a waiting call ends when its context does.
func endsWithContext(t testing.TB, what string, call func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), short)
	defer cancel()
	if err := call(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%s: got %v, want context.DeadlineExceeded", what, err)
	}
}
