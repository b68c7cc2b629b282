package sim

import (
	"context"
	"sync"

	"smartreader/hal"
)

// moments are things that happen and are lost when nobody waits for one.
type moments[E any] struct {
	now    chan E // not buffered: only who waits already gets it
	once   sync.Once
	halted chan struct{}
}

func newMoments[E any]() *moments[E] {
	return &moments[E]{now: make(chan E), halted: make(chan struct{})}
}

func (m *moments[E]) happen(e E) (noticed bool) {
	select {
	case m.now <- e:
		return true
	default:
		return false
	}
}

func (m *moments[E]) next(ctx context.Context) (e E, err error) {
	select {
	case <-m.halted:
		return e, hal.ErrHalted
	default:
	}
	if err := ctx.Err(); err != nil {
		return e, err
	}
	select {
	case e = <-m.now:
		return e, nil
	case <-m.halted:
		return e, hal.ErrHalted
	case <-ctx.Done():
		return e, ctx.Err()
	}
}

func (m *moments[E]) halt() { m.once.Do(func() { close(m.halted) }) }
