package haltest

import (
	"context"
	"errors"

	"smartreader/hal"
)

// TwoCards is a hand that can also hold a second card to the antenna, together
// with the first. Remove takes both away.
type TwoCards interface {
	Hand
	InsertBoth()
}

// selectPPSE is a command every EMV contactless card answers (EMV Contactless
// Book B, SELECT Proximity Payment System Environment).
const selectPPSE = "\x00\xA4\x04\x00\x0E2PAY.SYS.DDF01\x00"

// ContactlessReader checks an antenna, which must have no card near it. The
// card in the hand must be an EMV card or phone. The hand holds it there and
// takes it away twice, and once more with a second one if it is [TwoCards].
func ContactlessReader(t T, r hal.ContactlessReader, hand Hand) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	defer cancel()
	activate := func(ctx context.Context) error {
		_, err := r.Activate(ctx)
		return err
	}

	check(t, "no card", "take all cards, and metal, away from the antenna; check the wiring and supply of the chip")
	fieldOff(t, r)
	if err := r.WaitRemoval(ctx); err != nil {
		t.Fatalf("WaitRemoval with no card: got %v, want nil", err)
	}
	check(t, "waiting for a card ends with the context", "a driver whose chip cannot wait interruptibly polls in short steps")
	endsWithContext(t, "Activate with no card", activate)

	check(t, "a card held there is activated", "hold the card flat on the antenna; it must be an ISO 14443-4 card")
	card := activateTap(ctx, t, r, hand)
	check(t, "a card is exchanged with", "look at ISO 14443-4: block numbers, chaining, waiting-time extensions")
	answers(ctx, t, card, selectPPSE)
	check(t, "an exchange is not begun for nobody", "look at the context before the first byte is sent")
	refusesCancelled(t, "Transceive", func(ctx context.Context) error {
		_, err := card.Transceive(ctx, []byte(selectPPSE))
		return err
	})
	check(t, "a closed card is dead", "what comes after Close is ErrHalted, a second Close is nil")
	closed(ctx, t, card, selectPPSE)

	check(t, "a card that stayed is activated again", "reset the card by switching the field off before polling again")
	card = activateAgain(ctx, t, r)
	answers(ctx, t, card, selectPPSE)
	check(t, "a new activation closes the card before it", "every Activate makes the card of the one before dead")
	next := activateAgain(ctx, t, r)
	if _, err := card.Transceive(ctx, []byte(selectPPSE)); !dead(err) {
		t.Errorf("Transceive on a card activated again since: got %v, want hal.ErrHalted or hal.ErrCardRemoved", err)
	}
	if err := card.Close(); err != nil {
		t.Errorf("Close of a card activated again since: got %v, want nil", err)
	}
	answers(ctx, t, next, selectPPSE) // which that Close did not harm
	check(t, "field off closes the card", "FieldOff makes the card ErrHalted")
	fieldOff(t, r)
	if _, err := next.Transceive(ctx, []byte(selectPPSE)); !errors.Is(err, hal.ErrHalted) {
		t.Errorf("Transceive after FieldOff: got %v, want hal.ErrHalted", err)
	}
	card = activateAgain(ctx, t, r)
	answers(ctx, t, card, selectPPSE)

	check(t, "waiting for removal ends with the context", "WaitRemoval sees a card as long as it is there, and asks in short steps")
	endsWithContext(t, "WaitRemoval with a card there", r.WaitRemoval)
	check(t, "a card taken away is noticed", "WaitRemoval asks the card; no answer any more is nil, not an error")
	hand.Remove()
	if err := r.WaitRemoval(ctx); err != nil {
		t.Fatalf("WaitRemoval, the card being taken away: got %v, want nil", err)
	}
	if _, err := card.Transceive(ctx, []byte(selectPPSE)); !dead(err) {
		t.Errorf("Transceive after the card was taken away: got %v, want hal.ErrCardRemoved or hal.ErrHalted", err)
	}
	if err := card.Close(); err != nil {
		t.Errorf("Close after the card was taken away: got %v, want nil", err)
	}

	check(t, "a card taken away during exchanges is noticed", "take the card away quickly; an exchange that it leaves is ErrCardRemoved: after a time-out, ask whether it is there")
	card = activateTap(ctx, t, r, hand)
	hand.Remove()
	if err := exchangeUntilGone(ctx, card, selectPPSE); !errors.Is(err, hal.ErrCardRemoved) {
		t.Errorf("Transceive, the card being taken away: got %v, want hal.ErrCardRemoved", err)
	}
	if err := r.WaitRemoval(ctx); err != nil {
		t.Fatalf("WaitRemoval after that: got %v, want nil", err)
	}
	if err := card.Close(); err != nil {
		t.Errorf("Close of a card taken away: got %v, want nil", err)
	}

	if two, ok := hand.(TwoCards); ok {
		check(t, "two cards are refused", "hold two cards side by side, within five seconds; more than one answer is ErrCollision, never a choice")
		two.InsertBoth()
		pause(t, reaction) // one of them is the first
		if err := activate(ctx); !errors.Is(err, hal.ErrCollision) {
			t.Errorf("Activate with two cards: got %v, want hal.ErrCollision", err)
		}
		two.Remove()
		if err := r.WaitRemoval(ctx); err != nil {
			t.Fatalf("WaitRemoval, two cards being taken away: got %v, want nil", err)
		}
	}
	fieldOff(t, r)
}

// activateTap checks that Activate waits for the card.
func activateTap(ctx context.Context, t T, r hal.ContactlessReader, hand Hand) hal.Card {
	t.Helper()
	p := start(func() (hal.Card, error) { return r.Activate(ctx) })
	if p.after(short) {
		t.Fatalf("Activate with no card: got %v, %v; want it to wait for a card", p.v, p.err)
	}
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

func activateAgain(ctx context.Context, t T, r hal.ContactlessReader) hal.Card {
	t.Helper()
	card, err := r.Activate(ctx)
	if err != nil {
		t.Fatalf("Activate with a card that stayed there: got %v, want the card", err)
	}
	return card
}

// fieldOff checks that the field can be switched off, on or off as it is.
func fieldOff(t T, r hal.ContactlessReader) {
	t.Helper()
	for range 2 {
		if err := bounded(t, "FieldOff", r.FieldOff); err != nil {
			t.Errorf("FieldOff: got %v, want nil", err)
		}
	}
}
