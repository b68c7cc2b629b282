package softpad

import (
	"context"

	"smartreader/hal"
)

// Keypad is a cardholder at the board's own keys.
type Keypad struct {
	in     hal.Input
	show   func(ctx context.Context, prompt hal.PINPrompt, entered int) error
	prompt hal.PINPrompt
}

var _ Cardholder = (*Keypad)(nil)

// NewKeypad makes a cardholder of an input, whose only reader the pad is while a
// call of it runs. Show puts the prompt and as many dots as digits have been
// entered on the screen; it is called before every key, and an error of it ends
// the entry: nobody enters a PIN for an amount that cannot be seen. It never learns
// a digit. What is pressed while it runs is lost with an Input that does not queue,
// so it should wait for the first picture of an entry only, and hand the others to
// whoever draws. It may be nil where there is no screen.
func NewKeypad(in hal.Input, show func(ctx context.Context, prompt hal.PINPrompt, entered int) error) *Keypad {
	return &Keypad{in: in, show: show}
}

// Ask implements Cardholder.
func (k *Keypad) Ask(_ context.Context, prompt hal.PINPrompt) error {
	k.prompt = prompt
	return nil
}

// Key implements Cardholder. Touches of the screen are not keys: a PIN entered on
// glass would have to be hidden from who draws it.
func (k *Keypad) Key(ctx context.Context, entered int) (hal.Key, error) {
	if k.show != nil {
		if err := k.show(ctx, k.prompt, entered); err != nil {
			return 0, err
		}
	}
	for {
		event, err := k.in.Next(ctx)
		if err != nil || event.Key != 0 {
			return event.Key, err
		}
	}
}
