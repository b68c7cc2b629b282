package pn532

import (
	"context"
	"errors"
	"fmt"
	"time"

	"smartreader/hal"
)

// Link carries frames between this host and one chip. [HSU], [I2C] and [SPI]
// make links; they are used by one Reader.
type Link interface {
	// Close gives back what the link owns: HSU closes its port, the others own
	// nothing and can be used again.
	Close() error

	// String says where the chip is, and what to check when it is silent.
	String() string

	// wake ends the chip's sleep. What follows it must be SAMConfiguration if
	// the chip was just powered on.
	wake(ctx context.Context) error

	// send sends one frame.
	send(ctx context.Context, frame []byte) error

	// receive waits for the next frame. Expected is how long it will be if all
	// is well: on a bus, that much is read at first. It returns errDamaged for a
	// frame that cannot be read, with its data as far as it makes sense; the
	// context's error when that ends first; and anything else when the link is of
	// no use any more. The caller owns the data.
	receive(ctx context.Context, expected int) (frame, error)

	// settle throws away what the chip still says.
	settle(ctx context.Context) error
}

// rated is a link with a baud rate.
type rated interface {
	setBaud(baud int) error
	baud() int
}

// gone is the error of a link that is of no use any more.
func gone(l fmt.Stringer, err error) error {
	if errors.Is(err, hal.ErrNotFound) {
		return err
	}
	return hal.Advise(fmt.Errorf("%w: %w", hal.ErrNotFound, err), "%s: %v: check the PN532's wiring and the switches that choose its interface", l, err)
}

// pause waits, at most until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
