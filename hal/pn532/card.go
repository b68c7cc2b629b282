package pn532

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"smartreader/hal"
)

const (
	// chunk is how much of an APDU fits into one InDataExchange.
	chunk = maxExtended - 3
	// maxResponse is the longest response APDU: 65536 bytes and the status.
	maxResponse = 65536 + 2
)

// card is an activated card. The reader's turn guards it.
type card struct {
	reader *Reader
	number byte
	answer []byte
	ended  error // why it cannot be used any more, nil: it can
}

var _ hal.Card = (*card)(nil)

// ATR implements hal.Card: the ATS (type A) or ATQB (type B).
func (c *card) ATR() []byte { return bytes.Clone(c.answer) }

// Close implements hal.Card. It switches the field off.
func (c *card) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), offTime)
	defer cancel()
	err := c.reader.do(ctx, "close card", func(ctx context.Context) error {
		if c.reader.active != c {
			return nil // another card may be active by now
		}
		c.reader.end(hal.ErrHalted)
		return c.reader.off(ctx)
	})
	if errors.Is(err, hal.ErrHalted) || errors.Is(err, hal.ErrNotFound) {
		return nil // the chip is gone, and its field with it
	}
	return err
}

// Transceive implements hal.Card.
func (c *card) Transceive(ctx context.Context, command []byte) (response []byte, err error) {
	err = c.reader.do(ctx, "transceive", func(ctx context.Context) error {
		if c.ended != nil {
			return c.ended
		}
		if len(command) == 0 {
			return errors.New("empty command")
		}
		response, err = c.exchange(ctx, command)
		return c.settle(ctx, err)
	})
	if err != nil {
		return nil, err
	}
	return response, nil
}

// exchange sends a command in as many pieces as needed and collects the
// response the same way (User Manual, "InDataExchange": MI, both ways).
func (c *card) exchange(ctx context.Context, command []byte) (response []byte, err error) {
	for len(command) > chunk {
		more, data, err := c.piece(ctx, c.number|moreInformation, command[:chunk])
		if err != nil {
			return nil, err
		}
		if more || len(data) > 0 {
			return nil, fmt.Errorf("%w: it answered half a command", hal.ErrMute)
		}
		command = command[chunk:]
	}
	more, data, err := c.piece(ctx, c.number, command)
	for {
		if err != nil {
			return nil, err
		}
		longer := slices.Concat(response, data)
		clear(response)
		clear(data) // the link has no use for it any more
		response = longer
		switch {
		case len(response) > maxResponse || more && len(data) == 0:
			return nil, fmt.Errorf("%w: its answer does not end", hal.ErrMute)
		case !more && len(response) < 2:
			return nil, fmt.Errorf("%w: its answer has %d bytes", hal.ErrMute, len(response))
		case !more:
			return response, nil
		}
		more, data, err = c.piece(ctx, c.number, nil)
	}
}

// piece runs one InDataExchange. It is never repeated: the card may have seen it.
func (c *card) piece(ctx context.Context, target byte, data []byte) (more bool, answer []byte, err error) {
	params := append([]byte{target}, data...)
	answer, err = c.reader.dev.once(ctx, exchangeTime, cmdInDataExchange, params...)
	clear(params)
	switch {
	case err != nil:
		return false, nil, err
	case len(answer) == 0:
		return false, nil, fmt.Errorf("%w: InDataExchange without a status", errNoAnswer)
	}
	if s := status(answer[0]) & statusMask; s != statusOK {
		return false, nil, s
	}
	return answer[0]&moreInformation != 0, answer[1:], nil
}

// settle ends a card whose exchange failed: what it did is not known. It gets no
// power until the next activation.
func (c *card) settle(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	c.reader.end(hal.ErrHalted)
	err = c.reader.judge(ctx, err)
	if errors.Is(err, hal.ErrCardRemoved) {
		c.ended = hal.ErrCardRemoved
	}
	return errors.Join(err, c.reader.off(ctx))
}

// judge finds out why an exchange failed.
func (r *Reader) judge(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case silent(err):
		// Was it one frame that got lost, or is it the chip?
		if _, dead := r.dev.command(ctx, cmdGetFirmwareVersion); dead != nil {
			return r.lost(dead)
		}
		return fmt.Errorf("%w: an exchange got lost between host and chip: %w", hal.ErrMute, err)
	case errors.Is(err, hal.ErrNotFound):
		return r.lost(err)
	case errors.Is(err, hal.ErrMute):
		return err
	}
	// A card that answers after a reset was mute; one that does not has gone.
	for range absences {
		there, failed := r.anybody(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case failed != nil:
			return r.lost(failed)
		case there:
			return fmt.Errorf("%w: %w", hal.ErrMute, err)
		}
	}
	return fmt.Errorf("%w: %w", hal.ErrCardRemoved, err)
}
