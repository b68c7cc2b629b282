package reader

import (
	"context"
	"errors"
	"time"

	"smartreader/hal"
)

const (
	healthPeriod = 3 * time.Second
	// pingTimeout is how long the payment loop may be busy with one step: a
	// commit to a slow disk, at most.
	pingTimeout = 20 * time.Second
)

// kick tells the watchdog that the reader works, as long as payments do. A
// reader that is not ready for want of a platform works too.
func (r *Reader) kick(ctx context.Context) error {
	return r.kickWhile(ctx, func(ctx context.Context) error {
		if r.standing.Load() {
			return nil // it ends by itself
		}
		return r.machine.Ping(ctx)
	})
}

func (r *Reader) kickWhile(ctx context.Context, ping func(context.Context) error) error {
	for {
		err := within(ctx, pingTimeout, ping)
		switch {
		case err == nil:
			if err := r.board.Watchdog.Kick(); err != nil {
				r.log.Error("watchdog", "err", err)
			}
		case ctx.Err() == nil:
			r.log.Error("the payment loop does not answer: the watchdog is left alone", "err", err)
		}
		if err := pause(ctx, healthPeriod); err != nil {
			return err
		}
	}
}

func within(ctx context.Context, d time.Duration, call func(context.Context) error) error {
	ctx, stop := context.WithTimeout(ctx, d)
	defer stop()
	return call(ctx)
}

// watchSlot notices when the chip card reader is unplugged or of no use, and
// when it is back.
func (r *Reader) watchSlot(ctx context.Context) error {
	for {
		if fault, known := r.findSlot(ctx); known {
			r.noteSlot(fault)
		}
		if err := pause(ctx, healthPeriod); err != nil {
			return err
		}
	}
}

func (r *Reader) noteSlot(fault error) {
	r.mu.Lock()
	was := r.slotFault
	r.slotFault = fault
	r.mu.Unlock()
	switch {
	case was == nil && fault != nil:
		r.log.Error("no chip card can be read", "err", fault)
	case was != nil && fault == nil:
		r.log.Info("the chip card reader is there again")
	case errors.Is(was, hal.ErrNotFound) == errors.Is(fault, hal.ErrNotFound):
		return // the screen says the same
	}
	r.screen.slot(fault)
}

// findSlot says what is wrong with the slot, nil for nothing. While it is busy
// with a card nobody knows.
func (r *Reader) findSlot(ctx context.Context) (fault error, known bool) {
	err := within(ctx, healthPeriod, func(ctx context.Context) error {
		_, err := r.board.Contact.Present(ctx)
		return err
	})
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return nil, false
	}
	return err, true
}
