package sim

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"sync"

	"smartreader/hal"
)

// PINPad is a secure PIN pad made of software, and the cardholder at it, who enters the right PIN at once
// unless told otherwise. It makes PIN blocks and talks to the card itself; no call returns digits, and
// they are wiped when the board is closed. It has no keys for online PINs. It is safe for concurrent use.
type PINPad struct {
	halted chan struct{} // closed at the end

	mu      sync.Mutex
	closed  bool
	digits  hal.Secret // ASCII
	plan    []act      // for the next entries; then the right PIN
	prompts []hal.PINPrompt
}

// act is what the cardholder does when asked.
type act byte

const (
	enterRight act = iota
	enterWrong
	cancelEntry
	leaveEntry
	hesitate
)

// The PIN of the test cards, and how many prompts are kept.
const (
	testPIN     = "1234"
	keptPrompts = 64
)

var _ hal.PINPad = (*PINPad)(nil)

func newPINPad() *PINPad {
	return &PINPad{halted: make(chan struct{}), digits: hal.NewSecret([]byte(testPIN))}
}

// SetPIN says which PIN the cardholder enters from now on: 4 to 12 digits. It is 1234 at first, the PIN of
// the test cards.
func (p *PINPad) SetPIN(digits string) error {
	if len(digits) < 4 || len(digits) > 12 {
		return fmt.Errorf("sim: a PIN has 4 to 12 digits, not %d", len(digits))
	}
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' {
			return fmt.Errorf("sim: a PIN consists of digits: %w", hal.ErrUnsupported)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return fmt.Errorf("sim: set PIN: %w", hal.ErrHalted)
	}
	p.digits.Wipe()
	p.digits = hal.NewSecret([]byte(digits))
	return nil
}

// EnterWrong makes the next n entries, behind those already planned, a wrong PIN.
func (p *PINPad) EnterWrong(n int) {
	for range n {
		p.next(enterWrong)
	}
}

// Cancel makes the cardholder press Cancel at the next entry, behind those already planned.
func (p *PINPad) Cancel() { p.next(cancelEntry) }

// TimeOut makes the next entry, behind those already planned, end as if nobody had pressed a key for as
// long as the pad waits. It does not take that long.
func (p *PINPad) TimeOut() { p.next(leaveEntry) }

// Hesitate makes the next entry, behind those already planned, wait for a key that never comes: until
// the context ends or the board is closed.
func (p *PINPad) Hesitate() { p.next(hesitate) }

// Forget drops what is planned: the right PIN is next.
func (p *PINPad) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plan = nil
}

// Prompts returns what was shown, one for each entry, oldest first, at most the last 64.
func (p *PINPad) Prompts() []hal.PINPrompt {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.prompts)
}

func (p *PINPad) next(a act) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plan = append(p.plan, a)
}

// OnlineBlock implements hal.PINPad: there is no key.
func (p *PINPad) OnlineBlock(context.Context, hal.OnlinePIN) (hal.PINBlock, error) {
	return hal.PINBlock{}, fmt.Errorf("sim: online PIN: the pad has no key: %w", hal.ErrUnsupported)
}

// VerifyOffline implements hal.PINPad.
func (p *PINPad) VerifyOffline(ctx context.Context, card hal.Card, req hal.OfflinePIN) (hal.OfflineVerdict, error) {
	verdict, err := p.verify(ctx, card, req)
	if err != nil {
		return hal.OfflineVerdict{}, fmt.Errorf("sim: offline PIN: %w", err)
	}
	return verdict, nil
}

func (p *PINPad) verify(ctx context.Context, card hal.Card, req hal.OfflinePIN) (v hal.OfflineVerdict, err error) {
	var key *rsaKey
	switch req.Method {
	case hal.PlainPIN:
	case hal.EncipheredPIN:
		if key, err = newRSAKey(req.Modulus, req.Exponent); err != nil {
			return v, err
		}
	default:
		return v, fmt.Errorf("method %d: %w", req.Method, hal.ErrUnsupported)
	}
	entry, digits, err := p.enter(ctx, req.Prompt)
	defer clear(digits)
	if err != nil || entry != hal.PINEntered {
		return hal.OfflineVerdict{Entry: entry}, err
	}
	data := pinBlock(digits)
	defer func() { clear(data) }()
	p2 := byte(0x80)
	if key != nil {
		challenge, sw, err := getChallenge(ctx, card)
		if err != nil || sw != 0x9000 {
			return hal.OfflineVerdict{Entry: entry, SW: sw}, err
		}
		plain := data
		data, err = key.encipher(plain, challenge)
		clear(plain)
		if err != nil {
			return v, err
		}
		p2 = 0x88
	}
	_, sw, err := exchange(ctx, card, slices.Concat([]byte{0x00, 0x20, 0x00, p2, byte(len(data))}, data))
	return hal.OfflineVerdict{Entry: entry, SW: sw}, err
}

// enter shows the prompt and returns what the cardholder did. The caller wipes the digits.
func (p *PINPad) enter(ctx context.Context, prompt hal.PINPrompt) (hal.PINEntry, []byte, error) {
	if err := ctx.Err(); err != nil {
		return 0, nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return 0, nil, hal.ErrHalted
	}
	p.prompts = append(p.prompts, prompt)
	if n := len(p.prompts); n > keptPrompts {
		p.prompts = slices.Delete(p.prompts, 0, n-keptPrompts)
	}
	a := enterRight
	if len(p.plan) > 0 {
		a, p.plan = p.plan[0], p.plan[1:]
	}
	switch a {
	case cancelEntry:
		return hal.PINCancelled, nil, nil
	case leaveEntry:
		return hal.PINTimedOut, nil, nil
	case hesitate:
		p.mu.Unlock()
		defer p.mu.Lock()
		select {
		case <-ctx.Done():
			return 0, nil, ctx.Err()
		case <-p.halted:
			return 0, nil, hal.ErrHalted
		}
	}
	n := len(p.digits.Bytes())
	if n < prompt.MinDigits || prompt.MaxDigits > 0 && n > prompt.MaxDigits {
		return hal.PINTimedOut, nil, nil // the pad does not take such a PIN; the cardholder knows no other
	}
	digits := bytes.Clone(p.digits.Bytes())
	if a == enterWrong {
		digits[n-1] = '0' + (digits[n-1]-'0'+1)%10
	}
	return hal.PINEntered, digits, nil
}

func (p *PINPad) halt() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.closed = true
	p.digits.Wipe()
	close(p.halted)
}

// Format keeps fmt away from the fields.
func (p *PINPad) Format(f fmt.State, _ rune) { io.WriteString(f, "sim.PINPad") }
