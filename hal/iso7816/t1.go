package iso7816

import (
	"context"
	"errors"
	"fmt"
)

// Limits on what a T=1 card may draw out in one exchange.
const (
	attempts = 3   // blocks in succession without a valid answer
	maxIdle  = 600 // blocks of the card that bring the exchange no further: requests, empty ones
)

// T1 carries command APDUs by the block protocol T=1. It is for one goroutine
// at a time, and for one activation of a card: after an error it is of no more
// use (EMV Book 1, "Block Protocol T=1", "Error Detection and Correction").
type T1 struct {
	link Transport
	crc  bool
	ifsc int  // longest information field the card takes
	ifsd int  // longest information field we take
	send byte // N(S) of our next I-block
	want byte // N(S) of the card's next I-block
	dead bool
}

// NewT1 starts the protocol for a card that answered a. The first thing to do
// is Announce, unless the reader does that itself.
func NewT1(link Transport, a *ATR) *T1 {
	return &T1{link: link, crc: a.CRC(), ifsc: min(max(a.IFSC(), 1), maxField), ifsd: 32}
}

// Assume sets the longest information field the card may send, where the reader
// has announced it.
func (t *T1) Assume(ifsd int) { t.ifsd = min(max(ifsd, 1), maxField) }

// Announce tells the card how long an information field may be that it sends,
// 1 to 254 bytes; EMV wants 254. Errors match ErrProtocol, or are the link's.
func (t *T1) Announce(ctx context.Context, ifsd int) error {
	ifsd = min(max(ifsd, 1), maxField)
	request := block{pcb: requestIFS, inf: []byte{byte(ifsd)}}
	for range attempts {
		answer, err := t.transmit(ctx, request)
		if err == nil && answer.pcb == requestIFS|responseS && len(answer.inf) == 1 && answer.inf[0] == byte(ifsd) {
			t.ifsd = ifsd
			return nil
		}
		if err != nil && !repairable(err) {
			t.dead = true
			return err
		}
	}
	t.dead = true
	return fmt.Errorf("%w: no answer to the block size after %d attempts", ErrProtocol, attempts)
}

// Exchange sends one command APDU and returns data and status word. Errors
// match ErrCommand (nothing was sent), ErrProtocol, or are the link's.
func (t *T1) Exchange(ctx context.Context, apdu []byte) ([]byte, error) {
	cmd, err := parse(apdu)
	if err != nil {
		return nil, err
	}
	if t.dead {
		return nil, fmt.Errorf("%w: used after an error", ErrProtocol)
	}
	e := exchange{T1: t, rest: apdu, limit: maxShort}
	if cmd.extended {
		e.limit = maxResponse
	}
	response, err := e.run(ctx)
	if err == nil && len(response) < 2 {
		err = fmt.Errorf("%w: %d bytes are no answer", ErrProtocol, len(response))
	}
	if err != nil {
		t.dead = true
		return nil, err
	}
	return response, nil
}

// exchange is one command on its way:
//
//	        R(next)              I(last)
//	sending ---------> sending ... -----> done
//	   |  I(more)
//	   +--------> receiving --I(more)--> receiving --I(last)--> done
type exchange struct {
	*T1
	rest      []byte // of the command, from the block that is not acknowledged yet
	sent      block  // the I-block sent last; the card may change IFSC after it
	grant     block  // what the card was granted since; without PCB: nothing
	receiving bool   // the card has begun its answer
	response  []byte
	limit     int // bytes of response
	failures  int // blocks in succession without a valid answer
}

func (e *exchange) run(ctx context.Context) ([]byte, error) {
	out := e.current()
	for idle := 0; ; {
		in, err := e.transmit(ctx, out)
		if err != nil && !repairable(err) {
			return nil, err
		}
		if err == nil && !in.isR() && (!in.isI() || len(in.inf) == 0) {
			if idle++; idle > maxIdle {
				return nil, fmt.Errorf("%w: the card keeps the terminal waiting without end", ErrProtocol)
			}
		}
		switch {
		case err != nil:
			out, err = e.complain(err)
		case in.isI():
			var done bool
			if out, done, err = e.took(in); done {
				return e.response, nil
			}
		case in.isR():
			out, err = e.acknowledged(in)
		default:
			out, err = e.granted(in)
		}
		if err != nil {
			return nil, err
		}
	}
}

// current is the I-block that the card has not acknowledged yet.
func (e *exchange) current() block {
	b := block{pcb: blockI(e.send), inf: e.rest}
	if len(e.rest) > e.ifsc {
		b.pcb |= moreI
		b.inf = e.rest[:e.ifsc]
	}
	e.sent, e.grant = b, block{}
	return b
}

// took handles an I-block: it acknowledges what we sent and continues the
// card's answer.
func (e *exchange) took(in block) (out block, done bool, err error) {
	unasked := !e.receiving && e.sent.more()
	if in.sentI() != e.want || unasked || len(in.inf) > e.ifsd {
		out, err = e.complain(errBlock)
		return out, false, err
	}
	if len(e.response)+len(in.inf) > e.limit {
		return block{}, false, fmt.Errorf("%w: the answer does not end", ErrProtocol)
	}
	e.failures = 0
	e.grant = block{}
	e.want ^= 1
	if !e.receiving {
		e.receiving = true
		e.send ^= 1
	}
	e.response = append(e.response, in.inf...)
	return block{pcb: blockRFor(e.want, 0)}, !in.more(), nil
}

// acknowledged handles an R-block: the next block of our chain is due, or the
// last one again.
func (e *exchange) acknowledged(in block) (out block, err error) {
	switch {
	case e.unheard(in):
		return e.grant, e.failed()
	case e.receiving && in.nextR() == e.send: // our last R-block got lost
		return block{pcb: blockRFor(e.want, 0)}, e.failed()
	case !e.receiving && in.nextR() == e.send: // our last I-block got lost
		return e.current(), e.failed()
	case !e.receiving && e.sent.more():
		e.failures = 0
		e.rest = e.rest[len(e.sent.inf):]
		e.send ^= 1
		return e.current(), nil
	}
	return e.complain(errBlock)
}

// unheard says whether an R-block asks for what the card was granted. A card that
// asked for time has the command and works on it: it must not get it twice,
// whatever the R-block says.
func (e *exchange) unheard(in block) bool {
	switch e.grant.pcb {
	case requestWTX | responseS:
		return in.isError() || in.nextR() == e.send
	case requestIFS | responseS:
		return in.isError()
	}
	return false
}

// granted handles a request of the card for time or another block size.
func (e *exchange) granted(in block) (out block, err error) {
	known := len(in.inf) == 1 && in.inf[0] != 0 && (in.pcb == requestWTX || in.pcb == requestIFS)
	switch {
	case in.pcb&responseS == 0 && in.pcb != requestWTX && in.pcb != requestIFS:
		// S(ABORT) and S(RESYNCH) are not for an EMV card to ask.
		return block{}, fmt.Errorf("%w: request %02X", ErrProtocol, in.pcb)
	case !known || in.pcb == requestIFS && in.inf[0] > maxField:
		return e.complain(errBlock)
	}
	if in.pcb == requestIFS {
		e.ifsc = int(in.inf[0])
	}
	e.grant = block{pcb: in.pcb | responseS, inf: in.inf}
	return e.grant, nil
}

// complain asks for the card's last block again.
func (e *exchange) complain(why error) (block, error) {
	reason := byte(otherError)
	if errors.Is(why, errEDC) || errors.Is(why, ErrGarbled) {
		reason = edcError
	}
	return block{pcb: blockRFor(e.want, reason)}, e.failed()
}

func (e *exchange) failed() error {
	if e.failures++; e.failures >= attempts {
		return fmt.Errorf("%w: no valid block after %d attempts", ErrProtocol, attempts)
	}
	return nil
}

// transmit sends a block and returns the one that came back, for which a card
// that asked for time has as many waiting times.
func (t *T1) transmit(ctx context.Context, out block) (block, error) {
	wait := 1
	if out.pcb == requestWTX|responseS {
		wait = int(out.inf[0])
	}
	raw, err := t.link.Exchange(ctx, out.append(make([]byte, 0, len(out.inf)+5), t.crc), wait)
	if err != nil {
		return block{}, err
	}
	return parseBlock(raw, t.crc)
}

// repairable says whether the protocol may ask again after an error.
func repairable(err error) bool {
	return errors.Is(err, errBlock) || errors.Is(err, ErrSilent) || errors.Is(err, ErrGarbled)
}
