package reader

import (
	"context"
	"errors"
	"time"

	"smartreader/firmware/payment"
	"smartreader/hal"
)

// watchKeys lets the cardholder cancel. Without a key to press it waits for one
// to be plugged in.
func (r *Reader) watchKeys(ctx context.Context) error {
	warned := false
	for {
		event, err := r.board.Input.Next(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, hal.ErrHalted):
			return err
		case err != nil:
			if !warned {
				r.log.Warn("keys", "err", err)
				warned = true
			}
			if err := pause(ctx, deviceRetry); err != nil {
				return err
			}
			continue
		}
		warned = false
		if event.Key != hal.KeyCancel {
			continue
		}
		end, err := r.machine.CancelByCardholder(ctx)
		if err != nil {
			r.log.Warn("cancel key", "err", err)
		}
		if end == payment.EndCanceled {
			r.screen.tone(hal.ToneKey)
		}
	}
}

// deviceRetry is how long a device that failed is left alone.
const deviceRetry = 3 * time.Second
