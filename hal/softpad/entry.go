package softpad

import (
	"context"
	"errors"
	"fmt"
	"time"

	"smartreader/hal"
	"smartreader/hal/pinblock"
)

// Timeout is how long the pad waits for each key.
const Timeout = 30 * time.Second

// ErrNobody is what a Cardholder returns instead of a key when there is nobody to
// press one any more: the entry ends as timed out, without the wait.
var ErrNobody = errors.New("softpad: nobody presses a key")

// Cardholder is who is asked for a PIN, and with what: a Keypad, or a script. A
// pad calls it from one goroutine at a time. Errors of hal.Input and the context's
// end the pad's call with them.
type Cardholder interface {
	// Ask begins an entry and says what to show for it.
	Ask(ctx context.Context, prompt hal.PINPrompt) error

	// Key shows how many digits have been entered, and waits for the next key.
	// What has no meaning in a PIN entry (up, down) is ignored by the pad.
	Key(ctx context.Context, entered int) (hal.Key, error)
}

// enter asks for a PIN. Its digits, when it ends with hal.PINEntered, are p.digits,
// which the caller's caller wipes (Pad.end).
func (p *Pad) enter(ctx context.Context, prompt hal.PINPrompt) (pin []byte, ended hal.PINEntry, err error) {
	least, most := limits(prompt)
	if least > most {
		return nil, 0, fmt.Errorf("PIN of %d digits at least and %d at most: %w", prompt.MinDigits, prompt.MaxDigits, hal.ErrUnsupported)
	}
	if err := p.holder.Ask(ctx, prompt); err != nil {
		return nil, 0, err
	}
	n := 0
	for {
		key, err := p.key(ctx, n)
		switch {
		case errors.Is(err, ErrNobody):
			return nil, hal.PINTimedOut, nil
		case err != nil:
			return nil, 0, err
		case key == hal.KeyCancel:
			return nil, hal.PINCancelled, nil
		case key == hal.KeyClear: // one may have been a slip, and nobody can see which
			clear(p.digits[:])
			n = 0
		case key == hal.KeyEnter && n == 0 && prompt.AllowBypass:
			return nil, hal.PINBypassed, nil
		case key == hal.KeyEnter && n >= least:
			return p.digits[:n], hal.PINEntered, nil
		case key >= hal.Key0 && key <= hal.Key9 && n < most:
			p.digits[n] = '0' + byte(key-hal.Key0)
			n++
		}
	}
}

// key waits for one key, for as long as the pad does. It tells the pad's own end
// of patience from the caller's.
func (p *Pad) key(ctx context.Context, entered int) (hal.Key, error) {
	patience, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	key, err := p.holder.Key(patience, entered)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return 0, ErrNobody
	}
	return key, err
}

// limits are a prompt's, within those of every PIN.
func limits(prompt hal.PINPrompt) (least, most int) {
	least, most = max(prompt.MinDigits, pinblock.MinDigits), pinblock.MaxDigits
	if prompt.MaxDigits > 0 {
		most = min(prompt.MaxDigits, most)
	}
	return least, most
}
