package ccidtest

import (
	"context"
	"errors"
)

var (
	errLevel = errors.New("ccidtest: wrong chaining of a command")
	errCard  = errors.New("ccidtest: the card does not answer that")
)

// card is a chip under power with its transport protocol.
type card struct {
	chip     Chip
	atr      []byte
	protocol int
	whole    bool // the reader takes APDUs
	rate     byte // after PPS
	noPPS    bool
	life     context.Context
	end      context.CancelFunc

	t0   t0
	t1   t1
	part []byte // of a command or an answer that comes in parts
}

func newCard(chip Chip, whole bool) (*card, error) {
	atr := chip.ATR()
	if len(atr) < 2 {
		return nil, errCard
	}
	c := &card{chip: chip, atr: atr, whole: whole, protocol: firstProtocol(atr), t0: t0{chip: chip}}
	c.life, c.end = context.WithCancel(context.Background())
	c.t1 = t1{ifsd: 32}
	return c, nil
}

// firstProtocol reads TD1. An answer that ends before it is one of T=0.
func firstProtocol(atr []byte) int {
	at := 2
	for bit := byte(0x10); bit < 0x80; bit <<= 1 {
		if atr[1]&bit != 0 {
			at++
		}
	}
	if atr[1]&0x80 == 0 || at >= len(atr) {
		return 0
	}
	return int(atr[at] & 0x0F)
}

// exchange answers what the host sent with XfrBlock.
func (c *card) exchange(ctx context.Context, unit []byte, level uint16, size int) (answer []byte, chain byte, err error) {
	if c.whole {
		return c.parts(ctx, unit, level, size)
	}
	if level != 0 {
		return nil, 0, errLevel
	}
	if len(unit) == 4 && unit[0] == 0xFF { // PPS
		if c.noPPS {
			return nil, 0, errCard
		}
		c.rate = unit[2]
		return unit, 0, nil
	}
	if c.protocol == 1 {
		answer, err = c.t1.block(ctx, unit, c.chip.Exchange)
	} else {
		answer, err = c.t0.tpdu(ctx, unit)
	}
	return answer, 0, err
}

// parts gathers commands that come in parts and hands answers out so.
func (c *card) parts(ctx context.Context, unit []byte, level uint16, size int) (answer []byte, chain byte, err error) {
	switch level {
	case 0:
		answer, err = c.apdu(ctx, unit)
	case 1, 3:
		c.part = append(c.part, unit...)
		return nil, 0x10, nil
	case 2:
		command := append(c.part, unit...)
		c.part = nil
		answer, err = c.apdu(ctx, command)
	case 0x10:
		if len(unit) != 0 || len(c.part) == 0 {
			return nil, 0, errLevel
		}
		answer, c.part, chain = c.part, nil, 2
		if len(answer) > size {
			answer, c.part, chain = answer[:size], answer[size:], 3
		}
		return answer, chain, nil
	default:
		return nil, 0, errLevel
	}
	if err == nil && len(answer) > size {
		answer, c.part, chain = answer[:size], answer[size:], 1
	}
	return answer, chain, err
}

// apdu is what the reader makes of an APDU: to a T=0 card it sends the header
// with data, and hands 61xx and 6Cxx up, as many readers do.
func (c *card) apdu(ctx context.Context, command []byte) ([]byte, error) {
	if c.protocol == 1 {
		return c.chip.Exchange(ctx, command)
	}
	switch {
	case len(command) == 4:
		command = append(command[:4:4], 0)
	case len(command) > 5 && command[4] != 0:
		command = command[:min(5+int(command[4]), len(command))]
	}
	return c.t0.tpdu(ctx, command)
}
