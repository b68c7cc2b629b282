package tap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
)

// Timed is implemented by a card whose hardware measures how long an answer takes on the air. Took is from
// the end of the command to the beginning of the answer; ok false: not known for this exchange. A time
// taken by software on this side is no such time: it would find relays where there are none.
type Timed interface {
	TransceiveTimed(ctx context.Context, command []byte) (response []byte, took time.Duration, ok bool, err error)
}

// maxCommands bounds one tap. Cards need some ten commands.
const maxCommands = 256

// Errors of Link.Send, besides those of the transport, which it wraps.
var (
	// ErrUnreadable: the answer is none: shorter than a status word, or longer than EMV allows.
	ErrUnreadable = errors.New("tap: unreadable answer")
	// ErrTooMuch: the card asks for more commands, or for more data in a command, than there can be.
	ErrTooMuch = errors.New("tap: the card asks for more than a tap has")
)

// Link is the way to a card in the field. It counts what goes over the air.
type Link struct {
	card     emvkernel.Transceiver
	commands int
	sent     int
	received int
}

// NewLink returns a link to an activated card.
func NewLink(card emvkernel.Transceiver) *Link { return &Link{card: card} }

// Traffic returns how many commands were sent, and the bytes of commands and answers.
func (l *Link) Traffic() (commands, sent, received int) { return l.commands, l.sent, l.received }

// Send sends a command. The answer is a copy. An error wraps that of the transport, ErrUnreadable or
// ErrTooMuch; after the end of ctx it wraps that of ctx.
func (l *Link) Send(ctx context.Context, cmd apdu.Command) (apdu.Response, error) {
	r, _, _, err := l.send(ctx, cmd, false)
	return r, err
}

// SendTimed is Send with the time the answer took on the air, where the hardware measures it.
func (l *Link) SendTimed(ctx context.Context, cmd apdu.Command) (r apdu.Response, took time.Duration, ok bool, err error) {
	return l.send(ctx, cmd, true)
}

// Measures reports whether the card's hardware can measure times at all.
func (l *Link) Measures() bool {
	_, ok := l.card.(Timed)
	return ok
}

func (l *Link) send(ctx context.Context, cmd apdu.Command, timed bool) (r apdu.Response, took time.Duration, ok bool, err error) {
	raw, err := cmd.Bytes()
	if err != nil || l.commands == maxCommands {
		return r, 0, false, fmt.Errorf("%w: %v", ErrTooMuch, cmd)
	}
	l.commands++
	l.sent += len(raw)
	var answer []byte
	if t, can := l.card.(Timed); timed && can {
		answer, took, ok, err = t.TransceiveTimed(ctx, raw)
	} else {
		answer, err = l.card.Transceive(ctx, raw)
	}
	if ctx.Err() != nil {
		return r, 0, false, fmt.Errorf("tap: %s: %w", apdu.Name(raw), ctx.Err())
	}
	if err != nil {
		return r, 0, false, fmt.Errorf("tap: %s: %w", apdu.Name(raw), err)
	}
	l.received += len(answer)
	r, err = apdu.ParseResponse(bytes.Clone(answer))
	if err != nil {
		return r, 0, false, fmt.Errorf("%w: %s", ErrUnreadable, apdu.Name(raw))
	}
	return r, took, ok, nil
}
