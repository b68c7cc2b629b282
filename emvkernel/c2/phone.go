package c2

import (
	"encoding/binary"

	"smartreader/emvkernel/tap"
)

// PhoneMessage is an entry of the phone message table (DF8131): it fits when the POS cardholder interaction
// information under Mask is Value.
type PhoneMessage struct {
	Mask, Value [3]byte
	Message     tap.Message
	Status      tap.Status
}

// DefaultPhoneMessages returns the published table: "see phone" for a wallet that wants a second tap, a
// conflict, a changed code, a code or a confirmation, and "declined" for the rest.
func DefaultPhoneMessages() []PhoneMessage {
	var table []PhoneMessage
	for _, bit := range [][3]byte{{0, 0, 0x01}, {0, 0x08, 0}, {0, 0x04, 0}, {0, 0x01, 0}, {0, 0x02, 0}} {
		table = append(table, PhoneMessage{bit, bit, tap.SeePhone, tap.NotReady})
	}
	return append(table, PhoneMessage{Message: tap.NotAuthorised, Status: tap.NotReady})
}

// secondTap are the bits that ask for a second tap (Book C-2, states 9 and 10).
const secondTap = 0x00030F

// seePhone reports whether the consumer's device wants to be looked at and presented again, and what the
// cardholder is told.
func (t *transaction) seePhone() (m PhoneMessage, wanted bool) {
	if len(t.answer.phone) != 3 || number24(t.answer.phone)&secondTap == 0 {
		return m, false
	}
	table := t.k.PhoneMessages
	if len(table) == 0 {
		table = DefaultPhoneMessages()
	}
	for _, m := range table {
		if number24(t.answer.phone)&number24(m.Mask[:]) == number24(m.Value[:]) {
			return m, true
		}
	}
	return PhoneMessage{Message: tap.SeePhone, Status: tap.NotReady}, true
}

func number24(b []byte) uint32 { return binary.BigEndian.Uint32([]byte{0, b[0], b[1], b[2]}) }
