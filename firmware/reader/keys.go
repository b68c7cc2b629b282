package reader

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"smartreader/firmware/payment"
	"smartreader/hal"
)

// keypad hands what is pressed or touched to whoever asks at that moment: a
// question to the cardholder, or nobody. It alone reads the board's Input.
//
// Each call of Next belongs to one of them from its beginning, and what it brings
// is for that one only. So nothing pressed before a question answers it, and
// nothing pressed for a question means anything once it is over.
type keypad struct {
	input   hal.Input
	unasked func(context.Context, hal.InputEvent) // nobody asked for it
	log     *slog.Logger

	turn chan struct{} // held by the question that has the keys

	mu     sync.Mutex
	asking *answers           // nil: nobody
	end    context.CancelFunc // of the call of Next that is under way
}

func newKeypad(input hal.Input, log *slog.Logger, unasked func(context.Context, hal.InputEvent)) *keypad {
	return &keypad{input: input, unasked: unasked, log: log, turn: make(chan struct{}, 1), end: func() {}}
}

// run reads the keys. Without any it waits for some to be plugged in. No key is
// ever logged: it may be a digit of a PIN.
func (k *keypad) run(ctx context.Context) error {
	warned := false
	for {
		call, end := context.WithCancel(ctx)
		asking := k.begin(end)
		event, err := k.input.Next(call)
		interrupted := call.Err() != nil
		end()
		switch {
		case err == nil && asking != nil:
			warned = false
			k.answer(asking, event)
		case err == nil:
			warned = false
			k.unasked(ctx, event)
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, hal.ErrHalted):
			return err
		case interrupted: // the keys are somebody else's now
		default:
			if !warned {
				k.log.Warn("keys", "err", err)
				warned = true
			}
			k.fail(asking, err)
			if err := pause(ctx, deviceRetry); err != nil {
				return err
			}
		}
	}
}

func (k *keypad) begin(end context.CancelFunc) *answers {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.end = end
	return k.asking
}

// give makes the keys pressed from now on a's; nil: nobody's.
func (k *keypad) give(a *answers) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asking = a
	k.end()
}

func (k *keypad) answer(a *answers, event hal.InputEvent) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.asking != a {
		return // too late
	}
	select {
	case a.pressed <- event:
	default: // nobody thinks that far ahead
	}
}

// fail tells a question that its keys do not work.
func (k *keypad) fail(a *answers, err error) {
	if a == nil {
		return
	}
	select {
	case a.failed <- err:
	default: // it has not asked since it was told
	}
}

// ask takes the keys for a question, as soon as nobody else has them. They must
// be given back with close.
func (k *keypad) ask(ctx context.Context) (*answers, error) {
	select {
	case k.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	a := &answers{keypad: k, pressed: make(chan hal.InputEvent, typedAhead), failed: make(chan error, 1)}
	k.give(a)
	return a, nil
}

// answers are the keys pressed for one question. Unlike a board's Input it keeps
// what is pressed between two calls of Next, so that fast fingers lose nothing.
// It implements hal.Input; one goroutine calls its methods.
type answers struct {
	keypad  *keypad
	pressed chan hal.InputEvent
	failed  chan error
}

// typedAhead is more than anybody types while a picture is drawn: a whole PIN.
const typedAhead = 16

// Next implements hal.Input. Behind an error of the keys it may be called again:
// they may be plugged in meanwhile.
func (a *answers) Next(ctx context.Context) (hal.InputEvent, error) {
	if err := ctx.Err(); err != nil {
		return hal.InputEvent{}, err
	}
	select {
	case event := <-a.pressed:
		return event, nil
	case err := <-a.failed:
		return hal.InputEvent{}, err
	case <-ctx.Done():
		return hal.InputEvent{}, ctx.Err()
	}
}

// close gives the keys back and forgets what was not asked for.
func (a *answers) close() {
	a.keypad.give(nil)
	for len(a.pressed) > 0 {
		<-a.pressed
	}
	<-a.keypad.turn
}

// cancelKey lets the cardholder cancel collecting while nothing is asked.
func (r *Reader) cancelKey(ctx context.Context, event hal.InputEvent) {
	if event.Key != hal.KeyCancel {
		return
	}
	end, err := r.machine.CancelByCardholder(ctx)
	if err != nil && ctx.Err() == nil {
		r.log.Warn("cancel key", "err", err)
	}
	if end == payment.EndCanceled {
		r.screen.tone(hal.ToneKey)
	}
}

// deviceRetry is how long a device that failed is left alone.
const deviceRetry = 3 * time.Second
