package pn532

import (
	"bytes"
	"context"
	"errors"
	"fmt"
)

// modulation is the kind of card to look for: BrTy of InListPassiveTarget.
type modulation byte

const (
	typeA modulation = 0x00 // 106 kbit/s ISO/IEC 14443 type A
	typeB modulation = 0x03 // 106 kbit/s ISO/IEC 14443 type B
)

// target is a card the chip has found and selected.
type target struct {
	number byte   // the chip's name for it, 1 or 2
	smart  bool   // it says that it speaks ISO/IEC 14443-4
	answer []byte // ATS or ATQB; empty: it was not activated
}

// activated says whether commands can be exchanged with the card.
func (t target) activated() bool { return t.smart && len(t.answer) > 0 }

// maxTargets is how many cards the chip can hold, and enough to see a collision.
const maxTargets = 2

// list looks for cards of one kind and activates what it finds, two at most.
// It ends all activations before. The field must be on. It must not be repeated
// without a reset: the cards it has found are deaf to it.
func (d *device) list(ctx context.Context, m modulation) ([]target, error) {
	params := []byte{maxTargets, byte(m)}
	if m == typeB {
		params = append(params, 0x00) // AFI: cards of every kind
	}
	answer, err := d.once(ctx, answerTime, cmdInListPassiveTarget, params...)
	if err != nil {
		return nil, err
	}
	targets, err := parseTargets(m, answer)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoAnswer, err)
	}
	return targets, nil
}

var errTargets = errors.New("a list of cards that cannot be read")

// parseTargets reads the answer to InListPassiveTarget behind its code: a
// count, and for each card (User Manual, "InListPassiveTarget")
//
//	type A: number, SENS_RES (2), SEL_RES, length and NFCID1, length and ATS
//	type B: number, ATQB (12), length and ATTRIB_RES
//
// The ATS is there only if the card speaks ISO/IEC 14443-4, and its length
// byte belongs to it. An answer that ends before it means that the card gave
// none. Of two cards only the number matters: neither will be used. A card that
// says of itself what cannot be is there, and not activated.
func parseTargets(m modulation, b []byte) ([]target, error) {
	if len(b) < 1 || b[0] > maxTargets {
		return nil, errTargets
	}
	if b[0] != 1 {
		return make([]target, b[0]), nil
	}
	r := cursor{b: b[1:]}
	t := target{number: r.one()}
	switch m {
	case typeA:
		r.take(2)
		t.smart = r.one()&0x20 != 0
		r.take(int(r.one()))
		if t.smart && len(r.b) > 0 && r.b[0] > 0 {
			t.answer = r.take(int(r.b[0]))
		} else {
			r.take(len(r.b))
		}
	case typeB:
		t.smart = true
		t.answer = r.take(12)
		r.take(int(r.one()))
	}
	if t.number == 0 || t.number > maxTargets {
		return nil, errTargets
	}
	if r.failed || len(r.b) > 0 {
		t.answer = nil
	}
	return []target{t}, nil
}

// cursor takes bytes from the front of b until there are too few.
type cursor struct {
	b      []byte
	failed bool
}

func (c *cursor) take(n int) []byte {
	if c.failed || n > len(c.b) {
		c.failed, c.b = true, nil
		return nil
	}
	taken := bytes.Clone(c.b[:n])
	c.b = c.b[n:]
	return taken
}

func (c *cursor) one() byte {
	if b := c.take(1); len(b) == 1 {
		return b[0]
	}
	return 0
}
