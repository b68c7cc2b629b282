package payment

import "time"

// FaceKind says what the cardholder is to see. None of them tells that the
// shop is offline or why an issuer declined.
type FaceKind int

// The faces of a payment.
const (
	FaceIdle FaceKind = iota
	FacePresentCard
	FaceProcessing
	FaceCardRead // by tap: the card may be taken away, the outcome follows
	FaceApproved // the issuer approved
	FaceAccepted // taken by the shop; the issuer was not asked
	FaceDeclined
	FaceTryAgain // the card could not be read
	FaceNotAccepted
	FaceCanceled
	FaceError

	// What a tap may need besides.
	FaceOneCard    // more than one card was held to the reader: present one only
	FaceTapAgain   // the same card again, it was taken away too early
	FaceSeePhone   // look at the phone, unlock it, then tap again
	FaceInsertCard // this card cannot pay by tap: insert it
)

// Entries are the ways to present a card that are open; combine with |.
type Entries byte

// Ways to present a card.
const (
	EntryInsert Entries = 1 << iota
	EntryTap
	EntrySwipe
)

// Face is one picture of the payment for the cardholder.
type Face struct {
	Kind       FaceKind
	Amount     int64 // minor units
	Currency   string
	Languages  string        // the card's language preference (5F2D), may be empty
	RemoveCard bool          // the card is still in the slot and may be taken
	Entries    Entries       // what is open now; of faces that ask for a card
	Tapped     bool          // the card was tapped: lights and tones are those of a tap
	Ready      bool          // a card is awaited: of faces that ask for something else first
	Hold       time.Duration // the face stays at least this long, whatever comes next; 0: no longer than it has to
}

// StepKind says what happened on the way.
type StepKind int

// The steps a POS may follow.
const (
	StepPhase StepKind = iota
	StepCardInserted
	StepCardRemoved
	StepCardTapped
	StepPrompt // the cardholder is asked to do something else than to present a card; only while collecting
)

// Step is something a POS may show while it waits.
type Step struct {
	Kind    StepKind
	Phase   Phase
	Prompt  FaceKind // of StepPrompt
	LocalID string
}
