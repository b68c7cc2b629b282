package haltest

import (
	"bytes"
	"context"
	"errors"
	"time"

	"smartreader/hal"
)

// answers checks two exchanges, and that commands and answers are not shared.
// Only lengths are reported: answers hold card data.
func answers(ctx context.Context, t T, card hal.Card, command string) {
	t.Helper()
	sent := []byte(command)
	first, err := card.Transceive(ctx, sent)
	if err != nil {
		t.Fatalf("Transceive: got %v, want an answer", err)
	}
	if len(first) < 2 {
		t.Fatalf("Transceive: got %d bytes, want a response with its status word", len(first))
	}
	if string(sent) != command {
		t.Errorf("Transceive changed the command, want it untouched")
	}
	kept := bytes.Clone(first)
	if second, err := card.Transceive(ctx, []byte(command)); err != nil || len(second) < 2 {
		t.Fatalf("second Transceive: got %d bytes, %v; want an answer", len(second), err)
	}
	if !bytes.Equal(first, kept) {
		t.Errorf("the second Transceive changed the first response, want a slice of its own for every caller")
	}
	atr := card.ATR()
	clear(atr)
	if bytes.Equal(atr, card.ATR()) && len(atr) > 0 {
		t.Errorf("ATR returns the same slice twice, want a slice of its own for every caller")
	}
}

// exchangeUntilGone exchanges until there is an error. The breaks give way to a
// hand that needs this processor (or this bubble's clock).
func exchangeUntilGone(ctx context.Context, card hal.Card, command string) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := card.Transceive(ctx, []byte(command)); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func closed(ctx context.Context, t T, card hal.Card, command string) {
	t.Helper()
	for range 2 {
		if err := card.Close(); err != nil {
			t.Errorf("Close: got %v, want nil", err)
		}
	}
	if _, err := card.Transceive(ctx, []byte(command)); !errors.Is(err, hal.ErrHalted) {
		t.Errorf("Transceive on a closed card: got %v, want hal.ErrHalted", err)
	}
}
