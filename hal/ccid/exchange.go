package ccid

import (
	"context"
	"fmt"
	"time"

	"smartreader/hal"
)

// shortMessage holds every short APDU and T=1 block. Some readers announce a
// little less and yet take it.
const shortMessage = headerSize + 261

// slack is added to a card's waiting time. At 9600 bit/s a full exchange of
// 2 x 262 characters takes 0.7 s, and some readers are slow to ask for more
// time. That a card is mute the reader says; this is for a reader that hangs.
const slack = 5 * time.Second

// tpdus carries T=0 TPDUs and T=1 blocks.
type tpdus struct {
	link *link
	wait time.Duration // of the card's protocol
	t1   bool
}

// Exchange implements iso7816.Transport.
func (p *tpdus) Exchange(ctx context.Context, unit []byte, wait int) ([]byte, error) {
	param := [3]byte{}
	if p.t1 && wait > 1 {
		param[0] = byte(wait) // bBWI
	}
	r, err := p.link.command(ctx, xfrBlock, param, unit, p.wait*time.Duration(wait)+slack)
	if err != nil {
		return nil, err
	}
	if r.chain != 0 {
		return nil, fmt.Errorf("%w: chained TPDU", errMessage)
	}
	return r.data, nil
}

// apduTime is how long a reader that exchanges whole APDUs may be silent. It
// asks for more time whenever the card does.
const apduTime = 20 * time.Second

// apdus carries whole APDUs, in parts where a message is too short for one.
type apdus struct{ link *link }

// Chaining of command and response parts (wLevelParameter, bChainParameter).
const (
	whole       = 0x00
	first       = 0x01
	last        = 0x02
	middle      = 0x03
	continuance = 0x10 // "go on": no data
)

// maxChain bounds a response in parts.
const maxChain = 65536 + 2

// Exchange implements iso7816.Transport.
func (p *apdus) Exchange(ctx context.Context, command []byte, _ int) ([]byte, error) {
	size := max(p.link.descriptor.maxMessage, shortMessage) - headerSize
	if len(command) > size && !p.link.descriptor.features.has(levelExtended) {
		return nil, fmt.Errorf("ccid: command of %d bytes: the reader takes %d: %w", len(command), size, hal.ErrUnsupported)
	}
	var r response
	for sent := 0; ; {
		part := command[sent:]
		level := byte(whole)
		switch {
		case sent == 0 && len(part) > size:
			level = first
		case len(part) > size:
			level = middle
		case sent > 0:
			level = last
		}
		part = part[:min(len(part), size)]
		var err error
		if r, err = p.link.command(ctx, xfrBlock, [3]byte{1: level}, part, apduTime); err != nil {
			return nil, err
		}
		if sent += len(part); sent == len(command) {
			break
		}
		if r.chain != continuance {
			return nil, fmt.Errorf("%w: answer within a command", errMessage)
		}
	}
	return p.rest(ctx, r)
}

// rest gathers the parts of a response.
func (p *apdus) rest(ctx context.Context, r response) ([]byte, error) {
	answer := r.data
	for r.chain == first || r.chain == middle {
		var err error
		if r, err = p.link.command(ctx, xfrBlock, [3]byte{1: continuance}, nil, apduTime); err != nil {
			return nil, err
		}
		if len(r.data) == 0 || len(answer)+len(r.data) > maxChain || r.chain != middle && r.chain != last {
			return nil, fmt.Errorf("%w: parts of an answer do not fit", errMessage)
		}
		answer = append(answer[:len(answer):len(answer)], r.data...)
	}
	return answer, nil
}
