package pn532test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"
)

// Chip is a card without its transport: it answers command APDUs. The emulator
// calls it from one goroutine at a time.
type Chip interface {
	// ATR is not used by the emulator: contactless cards have none.
	ATR() []byte
	// Exchange answers one command APDU. It must return when ctx ends, which it
	// does when the card is taken away too.
	Exchange(ctx context.Context, command []byte) (response []byte, err error)
	// Reset puts the chip in its state after power on.
	Reset()
}

// Card is a card to hold into the field.
type Card struct {
	Chip Chip
	// B is set for ISO/IEC 14443 type B.
	B bool
	// UID is the NFCID1 of a type A card (4, 7 or 10 bytes) or the PUPI of a
	// type B card (4).
	UID []byte
	// SAK of a type A card. Without bit 0x20 it does not speak ISO/IEC 14443-4.
	SAK byte
	// ATS of a type A card with its length byte. Empty: it answers no RATS.
	ATS []byte
	// Tardy is a card that does not ask for more time (S(WTX), ISO/IEC 14443-4)
	// when it needs more than its frame waiting time. Others ask, and the chip
	// waits as long as they do.
	Tardy bool
	// Data are the application data (4) and protocol info (3) of type B's ATQB.
	Data []byte
}

// TypeA is a usual type A payment card.
func TypeA(chip Chip) Card {
	return Card{Chip: chip, UID: []byte{0x08, 0x5A, 0x12, 0x34}, SAK: 0x20, ATS: []byte{0x05, 0x78, 0x80, 0x70, 0x02}}
}

// TypeB is a usual type B payment card.
func TypeB(chip Chip) Card {
	return Card{Chip: chip, B: true, UID: []byte{0x4A, 0x1B, 0x2C, 0x3D}, Data: []byte{0x00, 0x00, 0x00, 0x00, 0x00, 0x71, 0x71}}
}

// Door is a type A card that is no payment card, like a transit or door card.
func Door() Card {
	return Card{UID: []byte{0xDE, 0xAD, 0xBE, 0xEF}, SAK: 0x08}
}

// held is a card in the field.
type held struct {
	Card
	gone  context.Context // ends when the card is taken away
	leave context.CancelFunc

	// By the chip's commands only, one at a time:
	powered bool // it has had the field since it was reset
	busy    bool // activated: deaf to polling until it loses power
}

// waitingTime is the frame waiting time that the card gives of itself: FWI, in TB
// of the ATS or in the protocol info of the ATQB, else 4 (ISO/IEC 14443-3 and -4).
func (c Card) waitingTime() time.Duration {
	fwi := 4
	if c.B {
		fwi = int(c.Data[6] >> 4)
	} else if len(c.ATS) > 1 && c.ATS[1]&0x20 != 0 {
		at := 2
		if c.ATS[1]&0x10 != 0 {
			at++ // behind TA
		}
		if at < len(c.ATS) {
			fwi = int(c.ATS[at] >> 4)
		}
	}
	const fc = 13_560_000
	return 256 * 16 * time.Second / fc << fwi
}

// Tap holds a card into the field, beside those that are there.
func (e *Emulator) Tap(card Card) error {
	switch n := len(card.UID); {
	case card.B && (n != 4 || len(card.Data) != 7):
		return errors.New("pn532test: a type B card needs a UID of 4 and data of 7 bytes")
	case !card.B && n != 4 && n != 7 && n != 10:
		return errors.New("pn532test: a type A card needs a UID of 4, 7 or 10 bytes")
	case card.Chip == nil && (card.B || card.SAK&0x20 != 0):
		return errors.New("pn532test: no chip")
	}
	gone, leave := context.WithCancel(context.Background())
	e.mu.Lock()
	defer e.mu.Unlock()
	e.cards = append(e.cards, &held{Card: card, gone: gone, leave: leave})
	return nil
}

// Take takes all cards out of the field, in the middle of an exchange if there
// is one.
func (e *Emulator) Take() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range e.cards {
		c.leave()
	}
	e.cards = nil
}

// TakeOne takes the card out of the field that came last, and leaves the others.
func (e *Emulator) TakeOne() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if n := len(e.cards); n > 0 {
		e.cards[n-1].leave()
		e.cards = e.cards[:n-1]
	}
}

// present returns the cards in the field, and powers the new ones up.
func (e *Emulator) present() []*held {
	e.mu.Lock()
	cards, field := slices.Clone(e.cards), e.field
	e.mu.Unlock()
	for _, c := range cards {
		if field && !c.powered {
			c.powered, c.busy = true, false
			if c.Chip != nil {
				c.Chip.Reset()
			}
		}
	}
	return cards
}

// quiet is how long cards are to be let alone: powered before they are spoken to,
// without a field to lose what they know, and after words that were for cards of
// the other type (ISO/IEC 14443-3 and EMV: 5 ms and a little more).
const quiet = 5 * time.Millisecond

// switchField turns the field on or off. Cards that were without one for long
// enough lose power.
func (e *Emulator) switchField(on bool) {
	e.mu.Lock()
	was := e.field
	e.field = on
	cards := slices.Clone(e.cards)
	e.mu.Unlock()
	switch {
	case !on:
		e.targets = nil
		if was {
			e.dark = time.Now()
		}
	case !was:
		e.lit = time.Now()
		if e.lit.Sub(e.dark) < quiet {
			return
		}
		for _, c := range cards {
			c.powered, c.busy = false, false
		}
	}
}

// FieldOn says whether the field is on.
func (e *Emulator) FieldOn() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.field
}

// targetData is what InListPassiveTarget says of a card, behind its number.
// Automatic is whether the chip asks type A cards for their ATS by itself.
func (c *held) targetData(automatic bool) []byte {
	if c.B {
		atqb := slices.Concat([]byte{0x50}, c.UID, c.Data)
		return append(atqb, 0x01, 0x00) // ATTRIB_RES of one byte
	}
	data := slices.Concat([]byte{0x00, 0x04, c.SAK, byte(len(c.UID))}, c.UID)
	if c.SAK&0x20 != 0 && automatic {
		data = append(data, bytes.Clone(c.ATS)...)
	}
	return data
}
