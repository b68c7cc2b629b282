package payment

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
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
	timeout time.Duration // for all tries together
	until   time.Time     // when they end; zero before the first
}

// entry is the time the cardholder has left. It begins with the first entry: until
// then somebody else may have been asked something else.
func (p *pad) entry(ctx context.Context) (context.Context, context.CancelFunc) {
	if p.until.IsZero() {
		p.until = time.Now().Add(p.timeout)
	}
	return context.WithDeadline(ctx, p.until)
}

// PINBlock is an encrypted PIN block on its way to the issuer. It tells nothing
// without the key, and is neither stored nor logged all the same.
type PINBlock struct {
	Format     hal.PINBlockFormat
	Key        string // the PIN pad's key
	KeySerial  []byte // DUKPT key serial number, may be empty
	Ciphertext hal.Secret
}

// EnterOnline implements emvkernel.PINPad. The block stays with the session until
// the issuer is asked.
func (p *pad) EnterOnline(ctx context.Context, pin emvkernel.OnlinePIN) (emvkernel.PINEntry, error) {
	account := hal.NewSecret(bytes.Clone(pin.PAN))
	defer account.Wipe()
	request := hal.OnlinePIN{Prompt: p.prompt(pin.Bypass, pin.Languages), PAN: account, Format: p.session.settings.PINFormat, Key: p.session.settings.PINKey}
	entry, stop := p.entry(ctx)
	defer stop()
	block, err := p.OnlineBlock(entry, request)
	how, err := ended(ctx, entry, block.Entry, err)
	if err != nil || how != emvkernel.PINEntered {
		return how, err
	}
	if block.Format != request.Format || len(block.Ciphertext) == 0 {
		return 0, fmt.Errorf("%w: another block than was asked for", emvkernel.ErrPINPad)
	}
	p.session.pin = &PINBlock{Format: block.Format, Key: request.Key, KeySerial: block.KeySerial, Ciphertext: hal.NewSecret(block.Ciphertext)}
	return how, nil
}

// prompt is what the cardholder sees. Languages are those of a card that was tapped.
func (p *pad) prompt(bypass bool, languages string) hal.PINPrompt {
	prompt := hal.PINPrompt{
		Amount: p.session.payment.Amount, Currency: p.session.payment.Currency, MinDigits: 4, MaxDigits: 12, AllowBypass: bypass,
	}
	if t := p.session.transaction; t != nil {
		prompt.Language, _ = t.Language()
		return prompt
	}
	for wanted := languages; len(wanted) >= 2; wanted = wanted[2:] {
		if slices.Contains(p.session.settings.Kernel.Terminal.Languages, wanted[:2]) {
			prompt.Language = wanted[:2]
			break
		}
	}
	return prompt
}

// ended says in the kernel's words how an entry ended. err is what the pad
// returned; entry is the time the cardholder had.
func ended(ctx, entry context.Context, how hal.PINEntry, err error) (emvkernel.PINEntry, error) {
	switch {
	case err != nil && entry.Err() != nil && ctx.Err() == nil: // somebody walked away from the pad
		return emvkernel.PINTimedOut, nil
	case errors.Is(err, hal.ErrUnsupported), errors.Is(err, hal.ErrNotFound), errors.Is(err, hal.ErrHalted): // nobody was asked
		return 0, fmt.Errorf("%w: %w", emvkernel.ErrPINPad, err)
	case err != nil:
		return 0, err
	}
	switch how {
	case hal.PINEntered:
		return emvkernel.PINEntered, nil
	case hal.PINBypassed:
		return emvkernel.PINBypassed, nil
	case hal.PINCancelled:
		return emvkernel.PINCanceled, nil
	case hal.PINTimedOut:
		return emvkernel.PINTimedOut, nil
	}
	return 0, fmt.Errorf("payment: the PIN pad ended in a way that does not exist: %d", how)
}

// VerifyOffline implements emvkernel.PINPad.
func (p *pad) VerifyOffline(ctx context.Context, pin emvkernel.OfflinePIN) (emvkernel.PINVerdict, error) {
	request := hal.OfflinePIN{Method: hal.PlainPIN, Modulus: pin.Modulus, Exponent: pin.Exponent, Prompt: p.prompt(pin.Bypass, "")}
	request.Prompt.TriesLeft, request.Prompt.WrongPINLast = pin.TriesLeft, pin.Again
	if pin.Enciphered {
		request.Method = hal.EncipheredPIN
	}
	entry, stop := p.entry(ctx)
	defer stop()
	verdict, err := p.PINPad.VerifyOffline(entry, p.card, request)
	how, err := ended(ctx, entry, verdict.Entry, err)
	return emvkernel.PINVerdict{Entry: how, SW: apdu.SW(verdict.SW), Challenge: verdict.Challenge}, err
}
