package bench

import (
	"context"
	"time"

	"smartreader/hal/sim"
)

// Slowly is a chip that takes that much longer for each command, so that there is
// time to take it away in the middle of a payment; 0 leaves it as it is.
func Slowly(chip sim.Chip, longer time.Duration) sim.Chip {
	if longer <= 0 {
		return chip
	}
	return slow{chip, longer}
}

// slow keeps nothing but the methods of sim.Chip: a card that is made slow measures
// no times on the air.
type slow struct {
	sim.Chip
	longer time.Duration
}

// Exchange implements sim.Chip.
func (s slow) Exchange(ctx context.Context, command []byte) ([]byte, error) {
	thinking := time.NewTimer(s.longer)
	defer thinking.Stop()
	select {
	case <-thinking.C:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return s.Chip.Exchange(ctx, command)
}
