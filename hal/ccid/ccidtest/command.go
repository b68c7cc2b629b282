package ccidtest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
)

// Messages from the host and their answers.
const (
	setParameters = 0x61
	powerOn       = 0x62
	powerOff      = 0x63
	getSlotStatus = 0x65
	getParameters = 0x6C
	xfrBlock      = 0x6F
	abort         = 0x72
	setRate       = 0x73

	dataBlock  = 0x80
	slotStatus = 0x81
	parameters = 0x82
	dataRate   = 0x84
)

// Slot errors.
const (
	errAborted    = 0xFF
	errMute       = 0xFE
	errParity     = 0xFD
	errBusy       = 0xE0
	errUnknown    = 0x00
	errLevelField = 0x08
)

// command carries out one message. The reader's mu is held.
func (d *device) command(m []byte) {
	r := d.reader
	if d.busy != nil && m[0] != abort {
		d.fail(m, slotStatus, errBusy)
		return
	}
	if bytes.IndexByte(r.options.Unknown, m[0]) >= 0 {
		d.fail(m, slotStatus, errUnknown)
		return
	}
	switch m[0] {
	case getSlotStatus:
		if r.swallow > 0 {
			r.swallow--
			return
		}
		d.reply(m, slotStatus, 0, 0, 0, nil)
	case powerOff:
		r.powerOff()
		d.reply(m, slotStatus, 0, 0, 0, nil)
	case powerOn:
		d.powerOn(m)
	case getParameters:
		if r.card == nil {
			d.fail(m, parameters, errMute)
			return
		}
		d.reply(m, parameters, 0, 0, byte(r.card.protocol), []byte{0x11, 0, 0, 0x0A, 0})
	case setParameters:
		if r.options.Features&AutomaticParameters != 0 && r.options.Features&AutomaticPPS == 0 {
			d.fail(m, parameters, errUnknown)
			return
		}
		r.set = append([]byte{m[7]}, m[10:]...)
		d.reply(m, parameters, 0, 0, m[7], m[10:])
	case setRate:
		r.bits = int(binary.LittleEndian.Uint32(m[14:]))
		d.reply(m, dataRate, 0, 0, 0, m[10:])
	case xfrBlock:
		d.transfer(m)
	case abort:
		d.abort(m)
	default:
		d.fail(m, slotStatus, errUnknown)
	}
}

func (d *device) powerOn(m []byte) {
	r := d.reader
	r.voltage = m[7]
	if r.chip == nil {
		d.fail(m, dataBlock, errMute)
		return
	}
	switch {
	case r.card != nil:
		r.warm++
		r.card.end()
	default:
		r.cold++
	}
	r.chip.Reset()
	c, err := newCard(r.chip, r.options.Features&(LevelShort|LevelExtended) != 0)
	if err != nil {
		r.card = nil
		d.fail(m, dataBlock, errMute)
		return
	}
	c.noPPS = r.options.NoPPS
	r.card = c
	d.reply(m, dataBlock, 0, 0, 0, c.atr)
}

func (d *device) abort(m []byte) {
	if d.reader.options.NoAbort {
		d.fail(m, slotStatus, errUnknown)
		return
	}
	if d.aborting != int(m[6]) {
		d.fail(m, slotStatus, errUnknown)
		return
	}
	d.aborting = -1
	d.reader.aborts++
	if d.hung {
		d.hung = false
		d.fail(d.current, dataBlock, errAborted)
		d.current = nil
	}
	if d.busy != nil {
		d.busy()
		d.busy = nil
		d.fail(d.current, dataBlock, errAborted)
		d.current = nil
	}
	d.reply(m, slotStatus, 0, 0, 0, nil)
}

// transfer lets the card work on what the host sent.
func (d *device) transfer(m []byte) {
	r := d.reader
	if r.card == nil {
		d.fail(m, dataBlock, errMute)
		return
	}
	var fault Fault
	if len(r.faults) > 0 {
		fault, r.faults = r.faults[0], r.faults[1:]
	}
	switch fault {
	case Mute:
		d.fail(m, dataBlock, errMute)
		return
	case Hang:
		d.hung, d.current = true, m
		return
	case Garbage:
		d.queue = append(d.queue, bytes.Repeat([]byte{0xA5}, 13))
		return
	case Stall:
		d.stalled = true
		return
	case Busy:
		d.fail(m, dataBlock, errBusy)
		return
	case Pull:
		r.pull()
		d.fail(m, dataBlock, errMute)
		return
	case PullSilently:
		r.pull()
		d.hung, d.current = true, m
		return
	case Vanish:
		r.vanish()
		return
	case Stale:
		old := bytes.Clone(m)
		old[6] -= 7
		d.reply(old, dataBlock, 0, 0, 0, []byte{0x6F, 0x00})
	case Extend:
		for range 3 {
			d.reply(m, dataBlock, 2, 2, 0, nil)
		}
	}
	c := r.card
	ctx, cancel := context.WithCancel(c.life)
	d.busy, d.current = cancel, m
	d.work.Go(func() {
		defer cancel()
		level := uint16(m[8]) | uint16(m[9])<<8
		answer, chain, err := c.exchange(ctx, m[10:], level, r.options.MaxMessage-10)
		r.mu.Lock()
		defer r.mu.Unlock()
		if d.closed || d.gone || d.current == nil || &d.current[0] != &m[0] {
			return
		}
		d.busy, d.current = nil, nil
		switch {
		case errors.Is(err, errLevel):
			d.fail(m, dataBlock, errLevelField)
		case err != nil || fault == Garble:
			code := byte(errMute)
			if fault == Garble {
				code = errParity
			}
			d.fail(m, dataBlock, code)
		default:
			if fault == Corrupt {
				answer[len(answer)-1] ^= 0x55
			}
			d.reply(m, dataBlock, 0, 0, chain, answer)
		}
	})
}
