package haltest

import (
	"bytes"
	"context"
	"errors"
	"time"

	"smartreader/hal"
)

// TwoCards is a hand that can also hold a second card to the antenna, together
// with the first. Remove takes both away.
type TwoCards interface {
	Hand
	InsertBoth()
}

// OneOfTwo is a hand that can also take one of two cards away.
type OneOfTwo interface {
	TwoCards
	RemoveOne()
}

// selectPPSE is a command every EMV contactless card answers (EMV Contactless
// Book B, SELECT Proximity Payment System Environment).
const selectPPSE = "\x00\xA4\x04\x00\x0E2PAY.SYS.DDF01\x00"

// inARow is how many taps a driver has to do one after the other.
const inARow = 30

// ContactlessReader checks an antenna, which must have no card near it. The
// card in the hand must be an EMV card or phone; with a [TestCard] more is found.
// The hand holds it there and takes it away three times, and twice more, first
// with a second one, if it is [TwoCards].
func ContactlessReader(t T, r hal.ContactlessReader, hand Hand) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*patience)
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
	timed, _ := card.(hal.TimedCard)
	if timed != nil {
		check(t, "a timed answer is an answer", "TransceiveTimed is Transceive; its time is measured by the chip, on the air, or not known")
		timedAnswers(ctx, t, timed)
	}
	check(t, "a whole card is read", "look at answers that are longer than a frame of the chip or of the air: chaining both ways")
	known := wholeTap(ctx, t, card)
	check(t, "a long command arrives", "look at commands that are longer than a frame of the chip or of the air: chaining")
	longCommand(ctx, t, card, known)
	check(t, "an exchange is not begun for nobody", "look at the context before the first byte is sent")
	refusesCancelled(t, "Transceive", func(ctx context.Context) error {
		_, err := card.Transceive(ctx, []byte(selectPPSE))
		return err
	})
	check(t, "a closed card is dead", "what comes after Close is ErrHalted, a second Close is nil")
	closed(ctx, t, card, selectPPSE)
	if timed != nil {
		if _, _, _, err := timed.TransceiveTimed(ctx, []byte(selectPPSE)); !errors.Is(err, hal.ErrHalted) {
			t.Errorf("TransceiveTimed on a closed card: got %v, want hal.ErrHalted", err)
		}
	}

	check(t, "a card that stayed is activated again", "reset the card by switching the field off before polling again")
	card = activateAgain(ctx, t, r)
	forgets(ctx, t, card, known)
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
	check(t, "an activation that fails leaves no card", "whatever Activate returns an error for, the field is off then")
	refusesCancelled(t, "Activate with a card activated", activate)
	if _, err := next.Transceive(ctx, []byte(selectPPSE)); !dead(err) {
		t.Errorf("Transceive after an Activate that failed: got %v, want hal.ErrHalted", err)
	}
	check(t, "field off closes the card", "FieldOff makes the card ErrHalted")
	next = activateAgain(ctx, t, r)
	if wholeTap(ctx, t, next) != known {
		t.Errorf("the card activated again is another one than before, want the same")
	}
	fieldOff(t, r)
	if _, err := next.Transceive(ctx, []byte(selectPPSE)); !errors.Is(err, hal.ErrHalted) {
		t.Errorf("Transceive after FieldOff: got %v, want hal.ErrHalted", err)
	}
	check(t, "many taps in a row", "look at what one activation leaves to the next: deaf cards, the chip's list of cards, open goroutines")
	for n := range inARow {
		card = activateAgain(ctx, t, r)
		forgets(ctx, t, card, known)
		if answer, err := card.Transceive(ctx, []byte(selectPPSE)); err != nil || len(answer) < 2 {
			t.Fatalf("Transceive in tap %d of %d: got %d bytes, %v; want an answer", n+1, inARow, len(answer), err)
		}
		fieldOff(t, r)
	}

	check(t, "waiting for removal ends with the context", "WaitRemoval sees a card as long as it is there, and asks in short steps")
	endsWithContext(t, "WaitRemoval with a card there", r.WaitRemoval)
	card = activateAgain(ctx, t, r)
	endsWithContext(t, "WaitRemoval with a card activated", r.WaitRemoval)
	answers(ctx, t, card, selectPPSE) // it stays activated
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
	check(t, "a card that was torn away is read when it comes back", "an exchange that failed leaves nothing behind: the chip is ready, and the card is reset")
	tapAgain(ctx, t, r, hand, known)

	if two, ok := hand.(TwoCards); ok {
		twoCards(ctx, t, r, two, known)
	}
	fieldOff(t, r)
}

// tapAgain holds the card there once more, reads it, and takes it away.
func tapAgain(ctx context.Context, t T, r hal.ContactlessReader, hand Hand, known bool) {
	t.Helper()
	card := activateTap(ctx, t, r, hand)
	forgets(ctx, t, card, known)
	if wholeTap(ctx, t, card) != known {
		t.Errorf("the card is another one than before, want the same")
	}
	if err := card.Close(); err != nil {
		t.Errorf("Close: got %v, want nil", err)
	}
	hand.Remove()
	if err := r.WaitRemoval(ctx); err != nil {
		t.Fatalf("WaitRemoval, the card being taken away: got %v, want nil", err)
	}
}

func twoCards(ctx context.Context, t T, r hal.ContactlessReader, two TwoCards, known bool) {
	t.Helper()
	check(t, "two cards are refused", "hold two cards side by side, within half a minute; more than one answer is ErrCollision, never a choice")
	two.InsertBoth()
	_, err := r.Activate(ctx)
	for begun := time.Now(); !errors.Is(err, hal.ErrCollision) && time.Since(begun) < long; { // one of them is the first
		pause(t, short)
		_, err = r.Activate(ctx)
	}
	if err == nil || errors.Is(err, hal.ErrCollision) { // and once more
		_, err = r.Activate(ctx)
	}
	if !errors.Is(err, hal.ErrCollision) {
		t.Errorf("Activate with two cards: got %v, want hal.ErrCollision", err)
	}
	if one, ok := two.(OneOfTwo); ok {
		check(t, "one of two cards is taken when the other has gone", "after a collision Activate begins anew, with a reset")
		one.RemoveOne()
		card, err := r.Activate(ctx)
		for errors.Is(err, hal.ErrCollision) && ctx.Err() == nil { // the hand is slow
			pause(t, short)
			card, err = r.Activate(ctx)
		}
		if err != nil {
			t.Fatalf("Activate, one of two cards being taken away: got %v, want the other one", err)
		}
		answers(ctx, t, card, selectPPSE)
	}
	two.Remove()
	if err := r.WaitRemoval(ctx); err != nil {
		t.Fatalf("WaitRemoval, two cards being taken away: got %v, want nil", err)
	}
	check(t, "a card is read after a collision", "after a collision Activate begins anew, with a reset")
	tapAgain(ctx, t, r, two, known)
}

// timedAnswers checks what can be known of times without another clock: no answer
// takes longer on the air than the whole call, and none takes no time.
func timedAnswers(ctx context.Context, t T, card hal.TimedCard) {
	t.Helper()
	want, err := card.Transceive(ctx, []byte(selectPPSE))
	if err != nil {
		t.Fatalf("Transceive: got %v, want an answer", err)
	}
	for range 3 {
		command, begun := []byte(selectPPSE), time.Now()
		answer, took, ok, err := card.TransceiveTimed(ctx, command)
		whole := time.Since(begun)
		switch {
		case err != nil:
			t.Fatalf("TransceiveTimed: got %v, want an answer", err)
		case len(answer) < 2 || !bytes.Equal(answer[len(answer)-2:], want[len(want)-2:]):
			t.Errorf("TransceiveTimed: got %d bytes with another status word than that of Transceive, want the same", len(answer))
		case string(command) != selectPPSE:
			t.Errorf("TransceiveTimed changed the command, want it untouched")
		case ok && (took <= 0 || took > whole):
			t.Errorf("TransceiveTimed: the answer took %v in a call of %v, want more than nothing and no more than the call", took, whole)
		case !ok && took != 0:
			t.Errorf("TransceiveTimed: got %v that is not known, want 0", took)
		}
	}
	refusesCancelled(t, "TransceiveTimed", func(ctx context.Context) error {
		_, _, _, err := card.TransceiveTimed(ctx, []byte(selectPPSE))
		return err
	})
}

// wholeTap reads the card to its end and says whether it is the [TestCard], with
// which every byte is checked.
func wholeTap(ctx context.Context, t T, card hal.Card) (known bool) {
	t.Helper()
	tap, err := readCard(ctx, card, func(file, number byte, data []byte) {
		if want := testRecord(file, number); known && !bytes.Equal(data, want) {
			t.Errorf("record %d of file %d arrived changed: %d bytes, want %d", number, file, len(data), len(want))
		}
	}, func(aid []byte) { known = string(aid) == testAID })
	if err != nil {
		t.Fatalf("reading the card: got %v, want answers to its end", err)
	}
	t.Logf("%v", tap)
	if known && tap.Ended != "" {
		t.Errorf("reading the test card: got %s, want it read to its end", tap.Ended)
	}
	return known
}

// longCommand sends the longest command of one frame that EMV has. What a card
// says to it is its business, but it must be heard: an answer has to come.
func longCommand(ctx context.Context, t T, card hal.Card, known bool) {
	t.Helper()
	data := make([]byte, 255)
	for i := range data {
		data[i] = byte(i) * 5
	}
	command := selectName(data)
	if known {
		command = append(append([]byte(echoHeader), 255), append(bytes.Clone(data), 0x00)...)
	}
	answer, err := card.Transceive(ctx, command)
	switch {
	case err != nil:
		t.Errorf("Transceive of %d bytes: got %v, want an answer", len(command), err)
	case known && !bytes.Equal(answer, append(data, 0x90, 0x00)):
		t.Errorf("a command of %d bytes came back changed: %d bytes, want %d", len(command), len(answer), len(data)+2)
	}
	answers(ctx, t, card, selectPPSE) // after that, too
}

// forgets checks that a card lost what was selected: it was without a field.
func forgets(ctx context.Context, t T, card hal.Card, known bool) {
	t.Helper()
	if !known {
		return // some cards have an application that needs no selection
	}
	command, _ := processingOptions(testOptions)
	if answer, err := card.Transceive(ctx, command); err != nil || !bytes.Equal(answer, []byte{0x69, 0x85}) {
		t.Errorf("GET PROCESSING OPTIONS with nothing selected: got %d bytes, %v; want 6985 of a card that was reset", len(answer), err)
	}
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
