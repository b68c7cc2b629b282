package acme100

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"smartreader/hal"
)

// card is one activation.
type card struct {
	slot *Slot
	atr  []byte
	dead error // nil: in use; guarded by slot.mu
}

var _ hal.Card = (*card)(nil)

// Transceive implements hal.Card.
func (c *card) Transceive(ctx context.Context, command []byte) ([]byte, error) {
	if err := c.state(); err != nil {
		return nil, fmt.Errorf("acme100: transceive: %w", err)
	}
	if len(command) < 4 || len(command) > maxPayload {
		return nil, fmt.Errorf("acme100: transceive: %w: a command of %d bytes", hal.ErrUnsupported, len(command))
	}
	answer, err := c.slot.command(ctx, cmdExchange, command)
	if err == nil && len(answer) < 2 {
		err = fmt.Errorf("%w: %d bytes instead of a status word", hal.ErrMute, len(answer))
	}
	if err != nil {
		c.end(err)
		return nil, fmt.Errorf("acme100: transceive: %w", err)
	}
	return answer, nil
}

// ATR implements hal.Card.
func (c *card) ATR() []byte { return bytes.Clone(c.atr) }

// Close implements hal.Card.
func (c *card) Close() error {
	c.end(hal.ErrHalted)
	if c.slot.giveUp(c) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		// A slot that is gone or empty has no card under power.
		_, _ = c.slot.command(ctx, cmdOff, nil)
	}
	return nil
}

func (c *card) state() error {
	c.slot.mu.Lock()
	defer c.slot.mu.Unlock()
	return c.dead
}

// end ends the use of the card: after any error an exchange is in doubt.
func (c *card) end(why error) {
	c.slot.mu.Lock()
	defer c.slot.mu.Unlock()
	switch {
	case c.dead != nil:
	case errors.Is(why, hal.ErrCardRemoved):
		c.dead = hal.ErrCardRemoved
	default:
		c.dead = hal.ErrHalted
	}
}
