package sim

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"smartreader/hal"
	"smartreader/hal/pinblock"
	"smartreader/hal/softpad"
)

// cardholder presses the keys of the PIN pad: those of a PIN, or what was planned.
type cardholder struct {
	left chan struct{} // closed at the end

	mu      sync.Mutex
	gone    bool
	digits  hal.Secret // ASCII
	plan    []act      // for the next entries; then the right PIN
	prompts []hal.PINPrompt
	now     act // what is done at the entry that runs
	pressed int // keys of it so far
}

// act is what the cardholder does when asked.
type act byte

const (
	enterRight act = iota
	enterWrong
	cancelEntry
	bypassEntry
	leaveEntry
	hesitate
)

// The PIN of the test cards, and how many prompts are kept.
const (
	testPIN     = "1234"
	keptPrompts = 64
)

var _ softpad.Cardholder = (*cardholder)(nil)

func newCardholder() *cardholder {
	return &cardholder{left: make(chan struct{}), digits: hal.NewSecret([]byte(testPIN))}
}

func (c *cardholder) know(digits string) error {
	if len(digits) < pinblock.MinDigits || len(digits) > pinblock.MaxDigits {
		return fmt.Errorf("sim: a PIN has 4 to 12 digits, not %d", len(digits))
	}
	for _, d := range []byte(digits) {
		if d < '0' || d > '9' {
			return fmt.Errorf("sim: a PIN consists of digits: %w", hal.ErrUnsupported)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return fmt.Errorf("sim: set PIN: %w", hal.ErrHalted)
	}
	c.digits.Wipe()
	c.digits = hal.NewSecret([]byte(digits))
	return nil
}

func (c *cardholder) next(a act) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.plan = append(c.plan, a)
}

func (c *cardholder) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.plan = nil
}

func (c *cardholder) shown() []hal.PINPrompt {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.prompts)
}

func (c *cardholder) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return
	}
	c.gone = true
	c.digits.Wipe()
	close(c.left)
}

// Ask implements softpad.Cardholder. Who hesitates does it here, where the pad does
// not count the time.
func (c *cardholder) Ask(ctx context.Context, prompt hal.PINPrompt) error {
	if err := c.begin(prompt); err != nil || c.doing() != hesitate {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-c.left:
		return hal.ErrHalted
	}
}

func (c *cardholder) begin(prompt hal.PINPrompt) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return hal.ErrHalted
	}
	c.prompts = append(c.prompts, prompt)
	if n := len(c.prompts); n > keptPrompts {
		c.prompts = slices.Delete(c.prompts, 0, n-keptPrompts)
	}
	c.now, c.pressed = enterRight, 0
	if len(c.plan) > 0 {
		c.now, c.plan = c.plan[0], c.plan[1:]
	}
	return nil
}

func (c *cardholder) doing() act {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Key implements softpad.Cardholder.
func (c *cardholder) Key(ctx context.Context, entered int) (hal.Key, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.gone:
		return 0, hal.ErrHalted
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case c.now == cancelEntry:
		return hal.KeyCancel, nil
	}
	at, pin := c.pressed, c.digits.Bytes()
	c.pressed++
	switch {
	case c.now == bypassEntry && at == 0:
		return hal.KeyEnter, nil
	case c.now == bypassEntry || c.now == leaveEntry:
		return 0, softpad.ErrNobody
	case at < len(pin):
		digit := pin[at] - '0'
		if c.now == enterWrong && at == len(pin)-1 {
			digit = (digit + 1) % 10
		}
		return hal.Key0 + hal.Key(digit), nil
	case at == len(pin) && entered == len(pin):
		return hal.KeyEnter, nil
	}
	return 0, softpad.ErrNobody // the pad does not take such a PIN; the cardholder knows no other
}
