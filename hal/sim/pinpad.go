package sim

import (
	"context"
	"fmt"
	"io"

	"smartreader/hal"
	"smartreader/hal/softpad"
)

// PINPad is a PIN pad made of software (hal/softpad), and the cardholder at it,
// who enters the right PIN at once unless told otherwise. No call returns digits,
// and the cardholder's are wiped when the board is closed. Keys for online PINs
// are in the board's key store; softpad.Load puts them there. It is safe for
// concurrent use.
type PINPad struct {
	pad    *softpad.Pad
	holder *cardholder
}

var _ hal.PINPad = (*PINPad)(nil)

func newPINPad(keys hal.SecretKeeper) *PINPad {
	holder := newCardholder()
	return &PINPad{softpad.New(keys, holder), holder}
}

// SetPIN says which PIN the cardholder enters from now on: 4 to 12 digits. It is 1234 at first, the PIN of
// the test cards.
func (p *PINPad) SetPIN(digits string) error { return p.holder.know(digits) }

// EnterWrong makes the next n entries, behind those already planned, a wrong PIN.
func (p *PINPad) EnterWrong(n int) {
	for range n {
		p.holder.next(enterWrong)
	}
}

// Cancel makes the cardholder press Cancel at the next entry, behind those already planned.
func (p *PINPad) Cancel() { p.holder.next(cancelEntry) }

// Bypass makes the cardholder press Enter without a PIN at the next entry, behind those already planned.
// Where the prompt does not allow that, the entry ends like TimeOut.
func (p *PINPad) Bypass() { p.holder.next(bypassEntry) }

// TimeOut makes the next entry, behind those already planned, end as if nobody had pressed a key for as
// long as the pad waits. It does not take that long.
func (p *PINPad) TimeOut() { p.holder.next(leaveEntry) }

// Hesitate makes the next entry, behind those already planned, wait for a key that never comes: until
// the context ends or the board is closed. The pad is patient this time; for the end of its patience
// there is TimeOut.
func (p *PINPad) Hesitate() { p.holder.next(hesitate) }

// Forget drops what is planned: the right PIN is next.
func (p *PINPad) Forget() { p.holder.forget() }

// Prompts returns what was shown, one for each entry, oldest first, at most the last 64.
func (p *PINPad) Prompts() []hal.PINPrompt { return p.holder.shown() }

// OnlineBlock implements hal.PINPad.
func (p *PINPad) OnlineBlock(ctx context.Context, req hal.OnlinePIN) (hal.PINBlock, error) {
	block, err := p.pad.OnlineBlock(ctx, req)
	if err != nil {
		return hal.PINBlock{}, fmt.Errorf("sim: %w", err)
	}
	return block, nil
}

// VerifyOffline implements hal.PINPad.
func (p *PINPad) VerifyOffline(ctx context.Context, card hal.Card, req hal.OfflinePIN) (hal.OfflineVerdict, error) {
	verdict, err := p.pad.VerifyOffline(ctx, card, req)
	if err != nil {
		return hal.OfflineVerdict{}, fmt.Errorf("sim: %w", err)
	}
	return verdict, nil
}

func (p *PINPad) halt() { p.holder.leave() }

// Format keeps fmt away from the fields.
func (p *PINPad) Format(f fmt.State, _ rune) { io.WriteString(f, "sim.PINPad") }
