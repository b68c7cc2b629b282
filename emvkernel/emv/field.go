package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/entry"
	"smartreader/emvkernel/transcript"
	"smartreader/hal"
	"smartreader/hal/ccid"
)

// tapSource is an antenna and who holds cards to it.
type tapSource struct {
	field  entry.Field
	hold   func(context.Context, time.Duration) error // nil: time passes
	close  func()
	player *transcript.Player     // of a transcript
	played *transcript.Transcript // of a transcript
	soft   *emvtest.Profile       // of a software card
}

// openField finds the card the flags name, to be tapped.
func (o *runOptions) openField(ctx context.Context, played *transcript.Transcript) (*tapSource, error) {
	if err := o.oneCard(); err != nil {
		return nil, err
	}
	switch {
	case o.card != "":
		p, err := loadProfile(o.card)
		if err != nil {
			return nil, err
		}
		hand := &hand{card: emvtest.NewCard(p, nil).Contactless(), timed: o.timed, second: o.collision}
		return &tapSource{field: hand, hold: atOnce, close: func() {}, soft: p}, nil
	case o.tcp != "":
		c, err := o.dialTCP(ctx)
		if err != nil {
			return nil, err
		}
		return &tapSource{field: &socket{remote: c}, hold: atOnce, close: func() { c.Close() }}, nil
	case played != nil:
		return &tapSource{player: transcript.NewPlayer(played), close: func() {}, played: played}, nil
	}
	r := ccid.New(ccid.Options{Match: o.reader, Slot: byte(o.slot), AnyCard: true}) // the reader makes the answer to reset up
	return &tapSource{field: &slot{reader: r}, close: func() { r.Close() }}, nil
}

// oneCard checks that one card is named.
func (o *runOptions) oneCard() error {
	named := 0
	for _, given := range []bool{o.card != "", o.tcp != "", o.transcript != "", o.ccid} {
		if given {
			named++
		}
	}
	if named != 1 {
		return usage("say which card: one of -card NAME, -tcp HOST:PORT, -transcript FILE, -ccid")
	}
	return nil
}

func (o *runOptions) dialTCP(ctx context.Context) (*remote, error) {
	if _, _, err := net.SplitHostPort(o.tcp); err != nil {
		return nil, usage("-tcp %q is no address; write HOST:PORT, as 127.0.0.1:9000", o.tcp)
	}
	return dial(ctx, o.tcp)
}

// atOnce waits for nothing: a software card needs no time without a field.
func atOnce(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// hand holds a software card to the antenna whenever it is asked for.
type hand struct {
	card   *emvtest.TapCard
	timed  bool // the times its profile has are measured
	second bool // there is another card beside it, until it is taken away
}

func (h *hand) Activate(ctx context.Context) (emvkernel.Transceiver, error) {
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case h.second:
		return nil, entry.ErrCollision
	}
	h.card.Reset()
	if h.timed {
		return h.card, nil
	}
	return untimed{h.card}, nil
}

func (h *hand) WaitRemoval(context.Context) error {
	h.second = false
	return nil
}

func (h *hand) Off() error { return nil }

// untimed hides that a card's answers could be measured.
type untimed struct{ card emvkernel.Transceiver }

func (u untimed) Transceive(ctx context.Context, command []byte) ([]byte, error) {
	return u.card.Transceive(ctx, command)
}

// socket is the antenna of a card server.
type socket struct {
	*remote
	again bool
}

func (s *socket) Activate(ctx context.Context) (emvkernel.Transceiver, error) {
	if s.again { // dial did it
		if err := s.reset(ctx); err != nil {
			return nil, err
		}
	}
	s.again = true
	return s.remote, nil
}

func (s *socket) WaitRemoval(context.Context) error { return nil }
func (s *socket) Off() error                        { return nil }

// slot is a reader of the smart card class with an antenna: it powers a card in its field as others do one in
// their slot.
type slot struct {
	reader *ccid.Reader
	card   hal.Card
}

func (s *slot) Activate(ctx context.Context) (emvkernel.Transceiver, error) {
	card, err := s.reader.Activate(ctx)
	if errors.Is(err, hal.ErrMute) {
		return nil, fmt.Errorf("%w: %w", entry.ErrUnreadable, err)
	}
	if err != nil {
		return nil, readerError(err)
	}
	s.card = card
	return card, nil
}

func (s *slot) WaitRemoval(ctx context.Context) error { return s.reader.WaitRemoval(ctx) }

func (s *slot) Off() error {
	if s.card == nil {
		return nil
	}
	card := s.card
	s.card = nil
	card.Close() // a card that was taken away meanwhile has no power either
	return nil
}
