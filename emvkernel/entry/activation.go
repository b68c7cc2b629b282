package entry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"smartreader/emvkernel/tap"
)

// settle is how long the field stays off before another try that no kernel asked to wait for. A card needs
// some 10 ms to forget; the rest keeps a card that cannot be read from occupying bus, processor and screen.
const settle = 200 * time.Millisecond

// activate does protocol activation: it asks for a card and returns when one is in the field (Book B, 3.2.1).
// More than one, or one that cannot be read, is told to the cardholder and tried again until ctx ends.
func (t *Transaction) activate(ctx context.Context) error {
	if err := t.rest(ctx); err != nil {
		return err
	}
	t.ask()
	for {
		t.on = true
		card, err := t.env.Field.Activate(ctx)
		switch {
		case err == nil:
			t.forgetLink()
			t.link = tap.NewLink(t.env.Trace(card))
			t.show(tap.UIRequest{Message: tap.Processing, Status: tap.StatusProcessing})
			return nil
		case ctx.Err() == nil && errors.Is(err, ErrCollision):
			err = t.separate(ctx)
		case ctx.Err() == nil && errors.Is(err, ErrUnreadable):
			err = t.retry()
		default:
			err = fmt.Errorf("entry: waiting for a card: %w", err)
		}
		if err == nil {
			err = t.rest(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// ask requests a card: with the words of the outcome that began this try, with those a lost card left, or
// those of a new payment (Book B, 3.2.1.2). The amount is for the cardholder to see what a tap will cost.
func (t *Transaction) ask() {
	r := tap.UIRequest{
		Message: tap.PresentCard, Status: tap.ReadyToRead,
		Qualifier: tap.Amount, Value: t.params.Amount, Currency: t.params.Currency,
	}
	if t.request != nil {
		r, t.request = *t.request, nil
	}
	t.show(r)
}

// separate waits until none of several cards is in the field, so that the cardholder chooses the one to pay
// with (Book B, 3.2.1.4 and 3.2.1.5; the book goes on with the card that stayed).
func (t *Transaction) separate(ctx context.Context) error {
	t.show(tap.UIRequest{Message: tap.PresentOneCard, Status: tap.Collision})
	if err := t.off(); err != nil {
		return err
	}
	if err := t.env.Field.WaitRemoval(ctx); err != nil {
		return fmt.Errorf("entry: waiting for cards to be removed: %w", err)
	}
	t.show(tap.UIRequest{Message: tap.PresentOneCard, Status: tap.ReadyToRead})
	t.pause = settle
	return nil
}

// retry asks for the same card once more, after it could not be read.
func (t *Transaction) retry() error {
	if t.shown != presentAgain {
		t.show(presentAgain)
	}
	t.pause = settle
	return t.off()
}

var presentAgain = tap.UIRequest{Message: tap.PresentCardAgain, Status: tap.ReadyToRead}

// rest keeps the field off for as long as it has to be.
func (t *Transaction) rest(ctx context.Context) error {
	if t.pause == 0 {
		return nil
	}
	d := t.pause
	t.pause = 0
	if err := t.env.Hold(ctx, d); err != nil {
		return fmt.Errorf("entry: with the field off: %w", err)
	}
	return nil
}

// off switches the field off, once.
func (t *Transaction) off() error {
	if !t.on {
		return nil
	}
	if err := t.env.Field.Off(); err != nil {
		return fmt.Errorf("entry: switching the field off: %w", err)
	}
	t.on = false
	t.forgetLink()
	return nil
}

// forgetLink ends the use of an activated card and keeps count of what it cost. What was selected on it is not
// selected on the next.
func (t *Transaction) forgetLink() {
	t.selected = nil
	if t.link == nil {
		return
	}
	commands, sent, received := t.link.Traffic()
	t.commands += commands
	t.sent += sent
	t.received += received
	t.link = nil
}

// show requests something of the user interface, in the card's language if the request has none.
func (t *Transaction) show(r tap.UIRequest) {
	t.shown = r
	if r.Languages == "" {
		r.Languages = t.languages
	}
	t.env.UI(r)
}
