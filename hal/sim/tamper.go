package sim

import (
	"context"
	"fmt"
	"sync"

	"smartreader/hal"
)

// Tamper is a tamper switch. It is safe for concurrent use.
type Tamper struct {
	once     sync.Once
	done     chan struct{} // closed by Trigger, after reason is set
	reason   string
	haltOnce sync.Once
	halted   chan struct{}
}

var _ hal.Tamper = (*Tamper)(nil)

func newTamper() *Tamper {
	return &Tamper{done: make(chan struct{}), halted: make(chan struct{})}
}

// Trigger opens the case. Only the first reason counts.
func (t *Tamper) Trigger(reason string) {
	t.once.Do(func() {
		t.reason = reason
		close(t.done)
	})
}

// Watch implements hal.Tamper.
func (t *Tamper) Watch(ctx context.Context) (string, error) {
	select {
	case <-t.done: // tampering counts even when the context ended too
		return t.reason, nil
	default:
	}
	select {
	case <-t.done:
		return t.reason, nil
	case <-t.halted:
		return "", fmt.Errorf("sim: tamper: %w", hal.ErrHalted)
	case <-ctx.Done():
		return "", fmt.Errorf("sim: tamper: %w", ctx.Err())
	}
}

func (t *Tamper) halt() { t.haltOnce.Do(func() { close(t.halted) }) }
