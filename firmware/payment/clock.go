package payment

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"smartreader/emvkernel"
	"smartreader/hal"
)

// clock adds up where the time of one payment goes. Waiting for people is in
// none of it. Only one goroutine at a time works on a payment, so it needs no
// lock.
type clock struct {
	commands int
	card     time.Duration // commands to the card: driver, bus and card together
	kernel   time.Duration // the EMV kernel, without the card
	platform time.Duration
	store    time.Duration // commits
}

// add times a step: defer c.add(&c.store, time.Now()).
func (c *clock) add(to *time.Duration, begun time.Time) { *to += time.Since(begun) }

// log says where the time went, for whoever looks for slow parts.
func (c *clock) log(log *slog.Logger, localID string) {
	if c.commands > 0 {
		log.Debug("payment timing", "payment", localID, "commands", c.commands,
			"card", c.card, "kernel", c.kernel-c.card, "platform", c.platform, "store", c.store)
	}
}

// clocked is a card whose answers are timed.
type clocked struct {
	hal.Card
	clock *clock
}

func (c clocked) Transceive(ctx context.Context, command []byte) ([]byte, error) {
	c.clock.commands++
	defer c.clock.add(&c.clock.card, time.Now())
	return c.Card.Transceive(ctx, command)
}

// complete has the kernel end the transaction with the card.
func (s *session) complete(ctx context.Context, answer emvkernel.Answer) (emvkernel.Outcome, error) {
	defer s.clock.add(&s.clock.kernel, time.Now())
	outcome, err := s.transaction.Complete(ctx, answer)
	if !errors.Is(err, emvkernel.ErrOrder) { // nothing was owed to the card
		s.recording.note(&answer, outcome, err)
	}
	return outcome, err
}
