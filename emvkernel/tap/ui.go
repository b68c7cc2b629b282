package tap

import (
	"fmt"
	"time"

	"smartreader/emvkernel"
)

// Message is what the cardholder is to read (Book A, "Message Identifiers"). The words are the display's.
type Message byte

// The messages of Book A; numbers as published by several terminal makers.
const (
	ApprovedMessage         Message = 0x03
	NotAuthorised           Message = 0x07
	EnterPIN                Message = 0x09
	ProcessingError         Message = 0x0F
	RemoveCard              Message = 0x10
	Welcome                 Message = 0x14
	PresentCard             Message = 0x15
	Processing              Message = 0x16
	CardReadOK              Message = 0x17 // please remove card
	InsertOrSwipe           Message = 0x18
	PresentOneCard          Message = 0x19
	ApprovedSign            Message = 0x1A
	Authorising             Message = 0x1B
	InsertSwipeOrTryAnother Message = 0x1C
	InsertCard              Message = 0x1D
	ClearDisplay            Message = 0x1E
	SeePhone                Message = 0x20
	PresentCardAgain        Message = 0x21
	NoMessage               Message = 0xFF
)

// Status says what the reader is doing, for lights and tones (Book A, "Status").
type Status byte

// The states. Those from ConditionsNotSatisfied on are newer than the others [unverified].
const (
	NotReady               Status = 0x00
	Idle                   Status = 0x01
	ReadyToRead            Status = 0x02
	StatusProcessing       Status = 0x03
	CardReadSuccessfully   Status = 0x04
	StatusProcessingError  Status = 0x05
	ConditionsNotSatisfied Status = 0x06 // for contactless
	Collision              Status = 0x07
	CardNotRemoved         Status = 0x08
	NoStatus               Status = 0xFF
)

// Qualifier says what Value is.
type Qualifier byte

// The qualifiers.
const (
	NoValue Qualifier = 0x00
	Amount  Qualifier = 0x10
	Balance Qualifier = 0x20 // [unverified]
)

// UIRequest is a user interface request (Book A, "User Interface Request Data"; 'DF8116' in Book C-2).
type UIRequest struct {
	Message   Message
	Status    Status
	Hold      time.Duration // the message stays at least this long
	Languages string        // the card's preference, as emvkernel.CardData.Languages; empty: not known
	Qualifier Qualifier
	Value     int64  // minor units
	Currency  uint16 // ISO 4217 numeric
}

// Bytes codes the request as 'DF8116', 22 bytes (Book C-2, Annex A [unverified]): message, status, hold time in units
// of 100 ms (n 6), language preference (8 bytes, filled with zeros), qualifier, value (n 12), currency (n 3).
func (r UIRequest) Bytes() []byte {
	b := make([]byte, 0, 22)
	b = append(b, byte(r.Message), byte(r.Status))
	b = append(b, emvkernel.Number(int64(r.Hold/(100*time.Millisecond)), 3)...)
	var languages [8]byte
	copy(languages[:], r.Languages)
	b = append(b, languages[:]...)
	b = append(b, byte(r.Qualifier))
	b = append(b, emvkernel.Number(r.Value, 6)...)
	return append(b, emvkernel.Number(int64(r.Currency), 2)...)
}

// String is for logs: the two numbers.
func (r UIRequest) String() string {
	return fmt.Sprintf("message %02X status %02X", byte(r.Message), byte(r.Status))
}
