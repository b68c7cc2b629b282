package haltest

import (
	"context"
	"errors"
	"fmt"

	"smartreader/hal"
)

// Hand moves one card: into the slot and out of it, or to the antenna and away.
// It may return before the card has moved (a person was asked to); it fails the
// test when it cannot.
type Hand interface {
	Insert()
	Remove()
}

// selectPSE is a command every EMV contact card answers, if only with "not
// found" (EMV Book 1, SELECT; Payment System Environment).
const selectPSE = "\x00\xA4\x04\x00\x0E1PAY.SYS.DDF01\x00"

// ContactReader checks a chip slot, which must be empty. The card in the hand
// must be an EMV card. The hand puts it in and takes it out twice.
func ContactReader(t T, r hal.ContactReader, hand Hand) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	defer cancel()
	activate := func(ctx context.Context) error {
		_, err := r.Activate(ctx)
		return err
	}

	check(t, "empty slot", "take the card out; if the slot is empty, look at how the driver learns of cards")
	present(ctx, t, r, false)
	if err := r.WaitRemoval(ctx); err != nil {
		t.Fatalf("WaitRemoval with an empty slot: got %v, want nil", err)
	}
	check(t, "waiting for a card ends with the context", "a driver whose chip cannot wait interruptibly polls in short steps")
	endsWithContext(t, "Activate with an empty slot", activate)
	refusesCancelled(t, "Present", func(ctx context.Context) error {
		_, err := r.Present(ctx)
		return err
	})
	present(ctx, t, r, false)

	check(t, "a card put in is activated", "try the card in another reader, chip up and chip first; clean its contacts")
	card := activateAfter(ctx, t, r, hand)
	if len(card.ATR()) < 2 {
		t.Errorf("ATR has %d bytes, want an answer to reset (2 at least)", len(card.ATR()))
	}
	present(ctx, t, r, true)
	check(t, "a card is exchanged with", "look at the transport protocol: T=0 procedure bytes, T=1 blocks, GET RESPONSE")
	answers(ctx, t, card, selectPSE)
	check(t, "a card can be looked for while it is exchanged with", "one command to the reader after the other, whoever sends it")
	presentMeanwhile(ctx, t, r, card)

	check(t, "waiting for removal ends with the context", "a driver whose chip cannot wait interruptibly polls in short steps")
	endsWithContext(t, "WaitRemoval with a card in the slot", r.WaitRemoval)
	check(t, "an exchange is not begun for nobody", "look at the context before the first byte is sent")
	refusesCancelled(t, "Transceive", func(ctx context.Context) error {
		_, err := card.Transceive(ctx, []byte(selectPSE))
		return err
	})
	check(t, "a closed card is dead", "Close powers the card down; what comes after is ErrHalted, a second Close is nil")
	closed(ctx, t, card, selectPSE)

	check(t, "a card that stayed is activated again", "Activate powers a card that is in the slot, from reset")
	again, err := r.Activate(ctx)
	if err != nil {
		t.Fatalf("Activate with a card that stayed in the slot: got %v, want the card", err)
	}
	answers(ctx, t, again, selectPSE)
	check(t, "a new activation closes the card before it", "every Activate makes the card of the one before ErrHalted")
	third, err := r.Activate(ctx)
	if err != nil {
		t.Fatalf("Activate of an activated card: got %v, want the card", err)
	}
	if _, err := again.Transceive(ctx, []byte(selectPSE)); !errors.Is(err, hal.ErrHalted) {
		t.Errorf("Transceive on a card activated again since: got %v, want hal.ErrHalted", err)
	}
	if err := again.Close(); err != nil {
		t.Errorf("Close of a card activated again since: got %v, want nil", err)
	}
	answers(ctx, t, third, selectPSE) // which that Close did not power down

	check(t, "a card taken out is noticed", "look at how the driver learns of cards (slot changes, polling)")
	hand.Remove()
	if err := r.WaitRemoval(ctx); err != nil {
		t.Fatalf("WaitRemoval, the card being taken out: got %v, want nil", err)
	}
	present(ctx, t, r, false)
	removed(ctx, t, third)

	check(t, "a card put in again is another activation", "a card taken out stays dead, even when the same one comes back")
	fourth := activateAfter(ctx, t, r, hand)
	if _, err := third.Transceive(ctx, []byte(selectPSE)); !dead(err) {
		t.Errorf("Transceive on the activation before the card was taken out: got %v, want hal.ErrCardRemoved or hal.ErrHalted", err)
	}
	answers(ctx, t, fourth, selectPSE)

	check(t, "a card taken out during exchanges is noticed", "an exchange that the card leaves is ErrCardRemoved, not ErrMute")
	hand.Remove()
	err = exchangeUntilGone(ctx, fourth, selectPSE)
	if !errors.Is(err, hal.ErrCardRemoved) {
		t.Errorf("Transceive, the card being taken out: got %v, want hal.ErrCardRemoved", err)
	}
	if err := r.WaitRemoval(ctx); err != nil {
		t.Fatalf("WaitRemoval after that: got %v, want nil", err)
	}
	if err := fourth.Close(); err != nil {
		t.Errorf("Close of a card taken out: got %v, want nil", err)
	}
}

func present(ctx context.Context, t T, r hal.ContactReader, want bool) {
	t.Helper()
	if got, err := r.Present(ctx); err != nil || got != want {
		t.Fatalf("Present: got %v, %v; want %v, nil", got, err, want)
	}
}

// presentMeanwhile checks that Present is no hindrance to a card at work: that is
// how a card is noticed that is taken out while the cardholder enters a PIN.
func presentMeanwhile(ctx context.Context, t T, r hal.ContactReader, card hal.Card) {
	t.Helper()
	const exchanges = 8
	p := start(func() (none, error) {
		for range exchanges {
			if answer, err := card.Transceive(ctx, []byte(selectPSE)); err != nil || len(answer) < 2 {
				return none{}, fmt.Errorf("%d bytes, %w", len(answer), err)
			}
		}
		return none{}, nil
	})
	for range exchanges {
		present(ctx, t, r, true)
	}
	if <-p.done; p.err != nil {
		t.Errorf("Transceive while Present was called: got %v, want answers", p.err)
	}
}

// activateAfter checks that Activate waits for the card, and that Present may
// be asked meanwhile.
func activateAfter(ctx context.Context, t T, r hal.ContactReader, hand Hand) hal.Card {
	t.Helper()
	p := start(func() (hal.Card, error) { return r.Activate(ctx) })
	if p.after(short) {
		t.Fatalf("Activate with an empty slot: got %v, %v; want it to wait for a card", p.v, p.err)
	}
	present(ctx, t, r, false)
	hand.Insert()
	<-p.done
	if errors.Is(p.err, context.DeadlineExceeded) {
		t.Fatalf("Activate: got %v, want a card: none came, or it was not noticed", p.err)
	}
	if p.err != nil {
		t.Fatalf("Activate: got %v, want the card", p.err)
	}
	return p.v
}

func removed(ctx context.Context, t T, card hal.Card) {
	t.Helper()
	if _, err := card.Transceive(ctx, []byte(selectPSE)); !errors.Is(err, hal.ErrCardRemoved) {
		t.Errorf("Transceive after the card was taken out: got %v, want hal.ErrCardRemoved", err)
	}
	if err := card.Close(); err != nil {
		t.Errorf("Close after the card was taken out: got %v, want nil", err)
	}
}
