package c2

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tlv"
)

// Relay are the thresholds of the relay resistance protocol. The card counts in units of 100 µs.
type Relay struct {
	MinGrace, MaxGrace time.Duration // DF8132, DF8133: allowed below and above what the card says it needs
	// ExpectedAnswer is how long the terminal expects the card's answer to take on the air (DF8135). How long
	// the command takes (DF8134) is not needed: the hardware measures from the command's end.
	ExpectedAnswer time.Duration
	Accuracy       time.Duration // DF8136: how much longer than the card's minimum is still plausible
	Mismatch       int           // DF8137: per cent; least likeness of the two expectations of the answer's time
}

// DefaultRelay returns the published thresholds.
func DefaultRelay() Relay {
	return Relay{
		MinGrace: 20 * relayUnit, MaxGrace: 50 * relayUnit, ExpectedAnswer: 24 * relayUnit,
		Accuracy: 300 * relayUnit, Mismatch: 50,
	}
}

const relayUnit = 100 * time.Microsecond

func (r *Relay) check() error {
	if min(r.MinGrace, r.MaxGrace, r.ExpectedAnswer, r.Accuracy) < 0 {
		return errors.New("relay resistance: a time below zero")
	}
	if r.Mismatch < 0 || r.Mismatch > 100 {
		return fmt.Errorf("relay resistance: mismatch of %d per cent, want 0 to 100", r.Mismatch)
	}
	return nil
}

// relayTries is how often the card is asked, when its answer takes too long.
const relayTries = 3

// relayData is what both sides said. A card that signs its cryptogram signs it too.
type relayData struct {
	terminal, device [4]byte
	min, max, answer uint16 // units
	measured         uint16
	repeated         byte // how often the card was asked again
}

// signed is the data in the order of the ICC dynamic data (Book C-2, "ICC Dynamic Data").
func (r *relayData) signed() []byte {
	b := append(bytes.Clone(r.terminal[:]), r.device[:]...)
	b = binary.BigEndian.AppendUint16(b, r.min)
	b = binary.BigEndian.AppendUint16(b, r.max)
	return binary.BigEndian.AppendUint16(b, r.answer)
}

// parseRelay decodes the answer: template '80' with entropy, least and greatest time the card needs, and how
// long it thinks its answer takes on the air.
func parseRelay(data []byte) (r relayData, ok bool) {
	e, rest, err := tlv.ParseOne(data)
	if err != nil || len(rest) != 0 || e.Tag != 0x80 || len(e.Value) != 10 {
		return r, false
	}
	r.device = [4]byte(e.Value)
	r.min = binary.BigEndian.Uint16(e.Value[4:])
	r.max = binary.BigEndian.Uint16(e.Value[6:])
	r.answer = binary.BigEndian.Uint16(e.Value[8:])
	return r, true
}

// relay measures how long the card takes to answer (Book C-2, "Relay Resistance Protocol", state R1). Where
// the card or the hardware cannot, the TVR says "not performed". The unpredictable number is a new one for
// every try: one that the card knows from the PDOL could be known far away.
func (t *transaction) relay(ctx context.Context) error {
	if t.k.NoRelay || t.aip[1]&aipRelay == 0 || !t.a.Card.Measures() {
		t.tvr.Set(emvkernel.RelayNotPerformed)
		return nil
	}
	limits := DefaultRelay()
	if t.k.RelayResistance != nil {
		limits = *t.k.RelayResistance
	}
	const name = "EXCHANGE RELAY RESISTANCE DATA"
	for try := 1; ; try++ {
		un, err := t.draw()
		if err != nil {
			return err
		}
		resp, took, measured, err := t.a.Card.SendTimed(ctx, apdu.Command{CLA: 0x80, INS: 0xEA, Data: un[:]})
		if err != nil {
			return transport(ctx, err)
		}
		if resp.SW != apdu.OK {
			return refused(name, resp.SW)
		}
		r, ok := parseRelay(resp.Data)
		if !ok {
			return malformed(name)
		}
		if !measured {
			t.tvr.Set(emvkernel.RelayNotPerformed)
			return nil
		}
		r.terminal = un
		r.measured = uint16(min(max(took, 0)/relayUnit, 0xFFFF))
		took = time.Duration(r.measured) * relayUnit
		if took < time.Duration(r.min)*relayUnit-limits.MinGrace {
			return invalid(l2CardDataError, name+": faster than the card can be")
		}
		late := took > time.Duration(r.max)*relayUnit+limits.MaxGrace
		if late && try < relayTries {
			continue
		}
		if late {
			t.tvr.Set(emvkernel.RelayTimeLimitsExceeded)
		}
		if limits.implausible(&r) {
			t.tvr.Set(emvkernel.RelayThresholdExceeded)
		}
		t.tvr.Set(emvkernel.RelayResistance)
		r.repeated = byte(try - 1)
		t.keepRelay(&r)
		return nil
	}
}

// implausible: the card's and the terminal's idea of how long the answer is on the air differ too much, or
// the time is too far from the card's least one.
func (l *Relay) implausible(r *relayData) bool {
	card, ours := int64(r.answer), int64(l.ExpectedAnswer/relayUnit)
	if card != 0 && ours != 0 && 100*min(card, ours) < int64(l.Mismatch)*max(card, ours) {
		return true
	}
	return time.Duration(int(r.measured)-int(r.min))*relayUnit > l.Accuracy
}

// keepRelay makes the data of an exchange those of the transaction.
func (t *transaction) keepRelay(r *relayData) {
	t.relayed = r
	number := func(n uint16) []byte { return binary.BigEndian.AppendUint16(nil, n) }
	t.o.Set(0xDF8301, r.terminal[:]...)
	t.o.Set(0xDF8302, r.device[:]...)
	t.o.Set(0xDF8303, number(r.min)...)
	t.o.Set(0xDF8304, number(r.max)...)
	t.o.Set(0xDF8305, number(r.answer)...)
	t.o.Set(0xDF8306, number(r.measured)...)
	t.o.Set(0xDF8307, r.repeated)
}

// draw makes a new unpredictable number the transaction's.
func (t *transaction) draw() (un [4]byte, err error) {
	if t.a.UN != nil {
		un, err = t.a.UN()
	} else {
		_, err = rand.Read(un[:])
	}
	if err != nil {
		return un, fmt.Errorf("c2: no unpredictable number: %w", err)
	}
	t.o.Set(0x9F37, bytes.Clone(un[:])...)
	return un, nil
}
