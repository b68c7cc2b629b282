package softpad

import (
	"context"
	"fmt"
	"io"

	"smartreader/hal"
	"smartreader/hal/pinblock"
)

// Pad is a hal.PINPad made of software. It may be used from several goroutines,
// one after the other gets its turn. Two pads must not share a key store: they
// would use the same keys.
type Pad struct {
	holder Cardholder
	keys   hal.SecretKeeper

	turn   chan struct{} // held by the call that runs
	digits [pinblock.MaxDigits]byte
}

var _ hal.PINPad = (*Pad)(nil)

// New makes a PIN pad. Without a key store (nil) it has no keys for online PINs.
func New(keys hal.SecretKeeper, holder Cardholder) *Pad {
	return &Pad{holder: holder, keys: keys, turn: make(chan struct{}, 1)}
}

// Format keeps fmt away from the digits.
func (p *Pad) Format(f fmt.State, _ rune) { io.WriteString(f, "softpad.Pad") }

// begin waits for this call's turn; end gives it on and wipes what was entered.
func (p *Pad) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case p.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *Pad) end() {
	clear(p.digits[:])
	<-p.turn
}
