package sim

import (
	"context"
	"time"

	"smartreader/hal"
)

// TimedChip is a Chip that says how long its answers take on the air: what the
// contactless chip of a reader would measure. In a [Field], but not in a
// [Tray], its card implements hal.TimedCard.
type TimedChip interface {
	Chip
	// TransceiveTimed is Exchange, with the time as hal.TimedCard has it. The chip
	// need not really take that long.
	TransceiveTimed(ctx context.Context, command []byte) (response []byte, took time.Duration, ok bool, err error)
}

// timedSession is a session with a TimedChip.
type timedSession struct{ *session }

var _ hal.TimedCard = (*timedSession)(nil)

// TransceiveTimed implements hal.TimedCard.
func (s *timedSession) TransceiveTimed(ctx context.Context, command []byte) (response []byte, took time.Duration, ok bool, err error) {
	response, err = s.exchange(ctx, command, func(ctx context.Context, command []byte) (answer []byte, err error) {
		answer, took, ok, err = s.card.chip.(TimedChip).TransceiveTimed(ctx, command)
		return answer, err
	})
	if err != nil || !ok {
		return response, 0, false, err
	}
	return response, took, true, nil
}
