package payment

// FaceKind says what the cardholder is to see. None of them tells that the
// shop is offline or why an issuer declined.
type FaceKind int

// The faces of a payment.
const (
	FaceIdle FaceKind = iota
	FacePresentCard
	FaceProcessing
	FaceApproved // the issuer approved
	FaceAccepted // taken by the shop; the issuer was not asked
	FaceDeclined
	FaceTryAgain // the card could not be read
	FaceNotAccepted
	FaceCanceled
	FaceError
)

// Face is one picture of the payment for the cardholder.
type Face struct {
	Kind       FaceKind
	Amount     int64 // minor units
	Currency   string
	Languages  string // the card's language preference (5F2D), may be empty
	RemoveCard bool   // the card is still in the slot and may be taken
}

// StepKind says what happened on the way.
type StepKind int

// The steps a POS may follow.
const (
	StepPhase StepKind = iota
	StepCardInserted
	StepCardRemoved
)

// Step is something a POS may show while it waits.
type Step struct {
	Kind    StepKind
	Phase   Phase
	LocalID string
}
