package sim

import (
	"bytes"
	"context"
	"fmt"

	"smartreader/hal"
)

// session is a card under power: one Activate to the next, or to Close.
type session struct {
	tray *Tray
	card *insertion
	atr  []byte
}

var _ hal.Card = (*session)(nil)

// Transceive implements hal.Card.
func (s *session) Transceive(ctx context.Context, command []byte) ([]byte, error) {
	return s.exchange(ctx, command, s.card.chip.Exchange)
}

// exchange asks the chip, by one of its ways. An exchange that ends after the
// card was pulled out gives no answer, like a real one.
func (s *session) exchange(ctx context.Context, command []byte, ask func(context.Context, []byte) ([]byte, error)) ([]byte, error) {
	if err := s.tray.take(ctx, s.card); err != nil {
		return nil, fmt.Errorf("sim: transceive: %w", err)
	}
	defer s.tray.release()
	if !s.powered() {
		return nil, fmt.Errorf("sim: transceive: %w", hal.ErrHalted)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.card.gone, cancel)()
	response, err := ask(ctx, bytes.Clone(command))
	switch {
	case s.card.gone.Err() != nil:
		err = context.Cause(s.card.gone)
	case err == nil && len(response) < 2:
		err = fmt.Errorf("%w: %d bytes instead of a status word", hal.ErrMute, len(response))
	case err == nil:
		return bytes.Clone(response), nil
	case ctx.Err() != nil:
		err = ctx.Err() // the caller gave up; the chip may have said anything
	default:
		err = fmt.Errorf("%w: %w", hal.ErrMute, err)
	}
	s.drop() // the exchange is in doubt: only a new Activate brings the card back
	return nil, fmt.Errorf("sim: transceive: %w", err)
}

// ATR implements hal.Card.
func (s *session) ATR() []byte { return bytes.Clone(s.atr) }

// Close implements hal.Card.
func (s *session) Close() error {
	s.drop()
	return nil
}

func (s *session) powered() bool {
	s.tray.mu.Lock()
	defer s.tray.mu.Unlock()
	return s.card.active == s
}

func (s *session) drop() {
	s.tray.mu.Lock()
	defer s.tray.mu.Unlock()
	if s.card.active == s {
		s.card.active = nil
	}
}
