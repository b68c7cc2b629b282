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
func (r *Reader) kick(ctx context.Context) error { return r.kickWhile(ctx, r.machine.Ping) }

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

// watchSlot notices when the chip card reader is unplugged, and when it is back.
func (r *Reader) watchSlot(ctx context.Context) error {
	for {
		r.noteSlot(r.findSlot(ctx))
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
	default:
		return
	}
	r.screen.slot(fault == nil)
}

func (r *Reader) findSlot(ctx context.Context) error {
	err := within(ctx, healthPeriod, func(ctx context.Context) error {
		_, err := r.board.Contact.Present(ctx)
		return err
	})
	// Only a reader that is not there is news: one that is slow or busy with a
	// card shows it by itself.
	if errors.Is(err, hal.ErrNotFound) {
		return err
	}
	return nil
}
