package haltest

import (
	"context"
	"errors"
	"time"

	"smartreader/hal"
)

// Bounds are generous: no check is about speed.
const (
	// short is how long a check looks on to see that nothing happens.
	short = 200 * time.Millisecond
	// soon is how long a call may go on after its context's end. The contract
	// says a second.
	soon = 5 * time.Second
	// reaction is how long a hand takes where nothing tells that it has acted.
	reaction = 5 * time.Second
	// long is how long something may take that must happen by itself.
	long = 30 * time.Second
	// patience is how long a hand may take.
	patience = 3 * time.Minute
)

// bounded runs a call that must return by itself.
func bounded(t T, what string, call func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- call() }()
	timer := time.NewTimer(long)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		t.Fatalf("%s: still waiting after %v, want it to return", what, long)
		return nil
	}
}

// endsWithContext checks that a call that waits ends when its context does,
// and at once when it has ended already.
func endsWithContext(t T, what string, call func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), short)
	defer cancel()
	end := time.Now().Add(short)
	if err := bounded(t, what, func() error { return call(ctx) }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%s: got %v, want context.DeadlineExceeded", what, err)
	}
	if late := time.Since(end); late > soon {
		t.Errorf("%s: returned %v after its context had ended, want a second at most", what, late.Round(time.Second))
	}
	refusesCancelled(t, what, call)
}

// refusesCancelled checks that a call does nothing for a context that has ended.
func refusesCancelled(t T, what string, call func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := bounded(t, what, func() error { return call(ctx) }); !errors.Is(err, context.Canceled) {
		t.Errorf("%s with a cancelled context: got %v, want context.Canceled", what, err)
	}
}

// pending is a call at work on its own goroutine.
type pending[V any] struct {
	done chan struct{} // closed at the end
	v    V
	err  error
}

func start[V any](call func() (V, error)) *pending[V] {
	p := &pending[V]{done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.v, p.err = call()
	}()
	return p
}

// after waits for the end of the call, at most d.
func (p *pending[V]) after(d time.Duration) (ended bool) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-p.done:
		return true
	case <-timer.C:
		return false
	}
}

func (p *pending[V]) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// none is the value of a call that returns only an error.
type none struct{}

func only(call func() error) func() (none, error) {
	return func() (none, error) { return none{}, call() }
}

// dead says whether err is what a card says that is no longer in use.
func dead(err error) bool {
	return errors.Is(err, hal.ErrHalted) || errors.Is(err, hal.ErrCardRemoved)
}

// pause gives a person time: to see, to hear, to act.
func pause(t T, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
	}
}
