package entry

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/tap"
)

// Errors that a Field reports a card by, after which another try makes sense.
var (
	// ErrCollision is returned by Field.Activate when more than one card answers.
	ErrCollision = errors.New("entry: more than one card in the field")
	// ErrUnreadable is returned by Field.Activate when a card was there and could not be activated.
	ErrUnreadable = errors.New("entry: a card that cannot be activated")
)

// Field is the antenna. Errors of its methods reach the caller of Run wrapped.
type Field interface {
	// Activate switches the field on, waits for one card and selects it up to ISO 14443-4. A card that stayed
	// in the field is activated again. Errors match ErrCollision, ErrUnreadable, or end the payment: that is
	// how a caller ends the wait, for example when a card was inserted instead.
	Activate(ctx context.Context) (emvkernel.Transceiver, error)
	// WaitRemoval returns when no card answers any more. However it returns, the field is off.
	WaitRemoval(ctx context.Context) error
	// Off switches the field off; a card in it is reset. It may be off already.
	Off() error
}

// Environment is what a payment runs in. Only Field must be there.
type Environment struct {
	Field Field
	// UI shows a request; nil: nothing is shown. It should not wait for the message's hold time.
	UI func(tap.UIRequest)
	// UN draws an unpredictable number, once for each kernel activation; nil: from crypto/rand.
	UN func() ([4]byte, error)
	// Hold waits for a time in which the field is off, or until ctx ends, with an error that wraps ctx.Err();
	// nil: a timer.
	Hold func(ctx context.Context, d time.Duration) error
	// Trace wraps each activated card, to record what passes; nil: no. What it returns must implement tap.Timed
	// where the card does.
	Trace func(emvkernel.Transceiver) emvkernel.Transceiver
	// Log gets no card data; nil: no log.
	Log *slog.Logger
}

// withDefaults returns the environment with no function missing.
func (e Environment) withDefaults() Environment {
	if e.UI == nil {
		e.UI = func(tap.UIRequest) {}
	}
	if e.UN == nil {
		e.UN = randomNumber
	}
	if e.Hold == nil {
		e.Hold = hold
	}
	if e.Trace == nil {
		e.Trace = func(card emvkernel.Transceiver) emvkernel.Transceiver { return card }
	}
	if e.Log == nil {
		e.Log = slog.New(slog.DiscardHandler)
	}
	return e
}

func randomNumber() (un [4]byte, err error) {
	_, err = rand.Read(un[:])
	return un, err
}

func hold(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
