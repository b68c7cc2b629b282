package ccid

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"smartreader/hal"
	"smartreader/hal/iso7816"
)

// card is a card under power: one Activate to the next, or to Close.
type card struct {
	reader  *Reader
	session *session
	dead    error // why it can be used no more; nil: it can. The turn guards it.
}

var _ hal.Card = (*card)(nil)

// over makes the card unusable. The first reason stays, except that a card that
// was taken out is known as such.
func (c *card) over(why error) {
	if c.dead == nil || errors.Is(why, hal.ErrCardRemoved) {
		c.dead = why
	}
}

// Transceive implements hal.Card.
func (c *card) Transceive(ctx context.Context, command []byte) (answer []byte, err error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("ccid: transceive: %w", err)
	}
	err = c.reader.do(ctx, func(ctx context.Context, l *link) error {
		if c.dead != nil {
			return c.dead
		}
		answer, err = c.session.exchange(ctx, command)
		if err == nil && len(answer) < 2 {
			err = fmt.Errorf("%w: %d bytes instead of a status word", hal.ErrMute, len(answer))
		}
		if err = c.reader.verdict(ctx, l, err); err != nil {
			c.fail(err)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("ccid: transceive: %w", err)
	}
	return answer, nil
}

// fail ends the card after an error that leaves the exchange in doubt.
func (c *card) fail(err error) {
	switch {
	case errors.Is(err, iso7816.ErrCommand), errors.Is(err, hal.ErrUnsupported): // nothing was sent
	case errors.Is(err, hal.ErrCardRemoved):
		c.over(hal.ErrCardRemoved)
	case errors.Is(err, hal.ErrNotFound):
		c.over(err)
	default:
		c.over(hal.ErrHalted)
	}
}

// ATR implements hal.Card.
func (c *card) ATR() []byte { return bytes.Clone(c.session.raw) }

// Close implements hal.Card. It waits for a call in flight, and then for the
// reader, a second or so at most.
func (c *card) Close() error {
	r := c.reader
	r.turn <- struct{}{}
	defer func() { <-r.turn }()
	if r.card == c {
		r.power()
	}
	c.over(hal.ErrHalted)
	return nil
}
