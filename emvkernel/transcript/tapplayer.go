package transcript

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/entry"
	"smartreader/emvkernel/tap"
	"smartreader/emvkernel/tlv"
)

// Environment is the one of a recorded payment by tap: its cards come, leave and answer as they did, its numbers
// are drawn again, nothing is waited for, and what is shown is compared. Stop is called where the payment was
// stopped from outside; it should end the context the payment runs with. What there is in the result may be
// wrapped, but not replaced.
func (p *Player) Environment(stop context.CancelFunc) entry.Environment {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stop = stop
	return entry.Environment{
		Field: playedField{p}, UN: p.drawn, UI: p.shown,
		Hold: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	}
}

// pass returns the next event if it is of the kind, and goes on to the one after it.
func (p *Player) pass(kind Kind) (e Event, ok bool) {
	p.skipReset()
	if p.next < len(p.t.Events) && p.t.Events[p.next].Kind == kind {
		p.next++
		return p.t.Events[p.next-1], true
	}
	return e, false
}

// differs notes that the terminal does something else than the transcript has next.
func (p *Player) differs(what string) error {
	has := "ends"
	if p.next < len(p.t.Events) {
		switch e := p.t.Events[p.next]; e.Kind {
		case Command:
			has = "has " + apdu.Name(e.Bytes)
		case Number, UI:
			has = fmt.Sprintf("has %s %X", eventWords[e.Kind], e.Bytes)
		default:
			has = strings.TrimSpace("has " + eventWords[e.Kind] + " " + e.Text)
		}
	}
	if p.failed == nil {
		p.failed = &Mismatch{p.number + 1, "the terminal " + what + ", where the transcript " + has, true}
	}
	return p.failed
}

type playedField struct{ player *Player }

func (f playedField) Activate(context.Context) (emvkernel.Transceiver, error) {
	p := f.player
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed != nil {
		return nil, p.failed
	}
	if e, ok := p.pass(Tap); ok {
		if e.Text == timedWord {
			return playedTimed{p}, nil
		}
		return p, nil
	}
	if e, ok := p.pass(Field); ok {
		switch e.Text {
		case collisionWord:
			return nil, fmt.Errorf("%w: %w", ErrRecorded, entry.ErrCollision)
		case unreadableWord:
			return nil, fmt.Errorf("%w: %w", ErrRecorded, entry.ErrUnreadable)
		}
		return nil, p.fault(e)
	}
	return nil, p.differs("waits for a card")
}

func (f playedField) WaitRemoval(context.Context) error { return f.error() }
func (f playedField) Off() error                        { return f.error() }

// error is the recorded one, if there is one next.
func (f playedField) error() error {
	p := f.player
	p.mu.Lock()
	defer p.mu.Unlock()
	p.skipReset()
	if p.next < len(p.t.Events) {
		if e := p.t.Events[p.next]; e.Kind == Field && e.Text != collisionWord && e.Text != unreadableWord {
			p.next++
			return p.fault(e)
		}
	}
	return nil
}

// fault is what a Field or Fault event was noted for. Where the payment was stopped from outside it is again.
func (p *Player) fault(e Event) error {
	if e.Kind == Field {
		e.Text = e.Text[len(errorWord):]
	}
	if stopped(e) && p.stop != nil {
		p.stop()
	}
	return faultOf(e)
}

func stopped(e Event) bool {
	return e.Text == context.Canceled.Error() || e.Text == context.DeadlineExceeded.Error()
}

// drawn returns the next recorded unpredictable number.
func (p *Player) drawn() (number [4]byte, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed != nil {
		return number, p.failed
	}
	e, ok := p.pass(Number)
	if !ok || len(e.Bytes) != 4 {
		return number, p.differs("draws an unpredictable number")
	}
	return [4]byte(e.Bytes), nil
}

// shown compares a request of the user interface.
func (p *Player) shown(r tap.UIRequest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed != nil {
		return
	}
	if e, ok := p.pass(UI); !ok {
		p.differs("shows " + r.String())
	} else if !bytes.Equal(e.Bytes, r.Bytes()) {
		p.next--
		p.differs(fmt.Sprintf("shows %X", r.Bytes()))
	}
}

// playedTimed is a card whose hardware measured times.
type playedTimed struct{ *Player }

var _ tap.Timed = playedTimed{}

func (c playedTimed) TransceiveTimed(ctx context.Context, command []byte) (answer []byte, took time.Duration, ok bool, err error) {
	answer, err = c.Transceive(ctx, command)
	if err != nil {
		return nil, 0, false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next < len(c.t.Events) && c.t.Events[c.next].Kind == Took {
		took, err = time.ParseDuration(c.t.Events[c.next].Text)
		c.next++
		return answer, took, err == nil, nil
	}
	return answer, 0, false, nil
}

// certified reports whether an answer has what a redacted card cannot prove any more: a certificate or a
// signature.
func certified(answer []byte) (found bool) {
	each(body(answer), func(tag tlv.Tag, _ []byte) {
		switch tag {
		case 0x90, 0x93, 0x9F46, 0x9F4B:
			found = true
		}
	}, func([]byte) {})
	return found
}
