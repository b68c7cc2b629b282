package payment

import (
	"context"
	"errors"
	"fmt"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/hal"
)

// pad is the board's PIN pad at work on the card of one payment. Digits go from
// the pad to the card; neither this nor the kernel sees them.
type pad struct {
	hal.PINPad
	card    hal.Card
	session *session
	until   time.Time // all tries together end then
}

// EnterOnline implements emvkernel.PINPad.
func (p pad) EnterOnline(context.Context, emvkernel.OnlinePIN) (emvkernel.PINEntry, error) {
	return 0, fmt.Errorf("%w: no key for online PINs", emvkernel.ErrPINPad)
}

// VerifyOffline implements emvkernel.PINPad.
func (p pad) VerifyOffline(ctx context.Context, pin emvkernel.OfflinePIN) (emvkernel.PINVerdict, error) {
	request := hal.OfflinePIN{
		Method: hal.PlainPIN, Modulus: pin.Modulus, Exponent: pin.Exponent,
		Prompt: hal.PINPrompt{
			Amount: p.session.payment.Amount, Currency: p.session.payment.Currency,
			TriesLeft: pin.TriesLeft, WrongPINLast: pin.Again, MinDigits: 4, MaxDigits: 12,
		},
	}
	if t := p.session.transaction; t != nil {
		if languages := t.Card().Languages; len(languages) >= 2 {
			request.Prompt.Language = languages[:2]
		}
	}
	if pin.Enciphered {
		request.Method = hal.EncipheredPIN
	}
	entry, stop := context.WithDeadline(ctx, p.until)
	defer stop()
	verdict, err := p.PINPad.VerifyOffline(entry, p.card, request)
	switch {
	case err != nil && entry.Err() != nil && ctx.Err() == nil: // somebody walked away from the pad
		return emvkernel.PINVerdict{Entry: emvkernel.PINTimedOut}, nil
	case errors.Is(err, hal.ErrUnsupported), errors.Is(err, hal.ErrNotFound), errors.Is(err, hal.ErrHalted): // the card was not asked
		return emvkernel.PINVerdict{}, fmt.Errorf("%w: %w", emvkernel.ErrPINPad, err)
	case err != nil:
		return emvkernel.PINVerdict{}, err
	}
	how, known := map[hal.PINEntry]emvkernel.PINEntry{
		hal.PINEntered: emvkernel.PINEntered, hal.PINBypassed: emvkernel.PINBypassed,
		hal.PINCancelled: emvkernel.PINCanceled, hal.PINTimedOut: emvkernel.PINTimedOut,
	}[verdict.Entry]
	if !known {
		return emvkernel.PINVerdict{}, fmt.Errorf("payment: the PIN pad ended in a way that does not exist: %d", verdict.Entry)
	}
	return emvkernel.PINVerdict{Entry: how, SW: apdu.SW(verdict.SW)}, nil
}
