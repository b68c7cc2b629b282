package tap

import "time"

// OutcomeKind is what a kernel, or Entry Point, came to (Book A, 6.2).
type OutcomeKind byte

const (
	// NoOutcome is the zero value, so that nothing is ever approved by omission.
	NoOutcome OutcomeKind = iota
	// SelectNext: this application is not to be used; Entry Point takes the next one at Start C.
	SelectNext
	// TryAgain: the card is to be presented again; Entry Point does so at Start B.
	TryAgain
	// Approved by the card, without its issuer (TC). With an OnlineAnswer: what the issuer sent did its work.
	Approved
	// Declined by card or terminal.
	Declined
	// OnlineRequest: the issuer is to be asked. The card may leave.
	OnlineRequest
	// TryAnotherInterface: the card can pay, but not by this tap; AlternateInterface says how.
	TryAnotherInterface
	// EndApplication: there is nothing to be done with this card, or nothing more. With Start B in the
	// outcome it is to be presented again.
	EndApplication
)

// String names the outcome, in lower case.
func (k OutcomeKind) String() string {
	switch k {
	case NoOutcome:
		return "no outcome"
	case SelectNext:
		return "select next"
	case TryAgain:
		return "try again"
	case Approved:
		return "approved"
	case Declined:
		return "declined"
	case OnlineRequest:
		return "online request"
	case TryAnotherInterface:
		return "try another interface"
	case EndApplication:
		return "end application"
	default:
		return "unknown outcome"
	}
}

// Start is where Entry Point begins, or begins again (Book A, 5.1; Book B, 3).
type Start byte

const (
	NoStart Start = iota // not applicable
	StartA               // pre-processing, then as B
	StartB               // protocol activation: a card is looked for
	StartC               // combination selection, with the card in the field
	StartD               // kernel activation, with the application selected
)

// String returns the letter, or "n/a".
func (s Start) String() string {
	if s >= StartA && s <= StartD {
		return string(rune('A' + s - StartA))
	}
	return "n/a"
}

// CVM is how the cardholder is, or is to be, verified (Book A, 6.2).
type CVM byte

const (
	CVMNotApplicable CVM = iota
	NoCVM
	ObtainSignature
	OnlinePIN
	ConfirmationCodeVerified // on the consumer's device
)

// String names the method as emvkernel.Receipt does.
func (c CVM) String() string {
	switch c {
	case NoCVM:
		return "none"
	case ObtainSignature:
		return "signature"
	case OnlinePIN:
		return "online_pin"
	case ConfirmationCodeVerified:
		return "on_device"
	default:
		return "n/a"
	}
}

// Interface is another way to present the card.
type Interface byte

const (
	NoInterface Interface = iota
	Contact
	MagneticStripe
	AnyInterface
)

// OnlineData says what of the issuer's answer the kernel wants when it is started again.
type OnlineData byte

const (
	NoOnlineData  OnlineData = iota // it is not started again for the answer
	EMVOnlineData                   // issuer authentication data and scripts
	AnyOnlineData
)

// Outcome is what a kernel came to, with its parameters (Book A, 6.2 and tables). The zero value of a
// parameter is "not applicable".
type Outcome struct {
	Kind  OutcomeKind
	Start Start // where Entry Point goes on; SelectNext and TryAgain imply C and B
	// OnlineData is set with OnlineRequest when the kernel wants to be started again, at Start, with the
	// issuer's answer.
	OnlineData OnlineData
	CVM        CVM
	UI         *UIRequest // shown with the outcome; nil: none
	Restart    *UIRequest // shown when Entry Point begins again; nil: none
	// Reading is the data record and whatever else is known of the card. With Approved, Declined and
	// OnlineRequest it is never nil. Whoever gets the outcome wipes it.
	Reading            *Reading
	Discretionary      []byte // data objects for diagnosis, TLV; no account number in it
	AlternateInterface Interface
	Receipt            bool          // a receipt is to be offered
	FieldOff           time.Duration // at least this long before the field is on again; 0: no request
	RemovalTimeout     time.Duration // how long the card may stay before the cardholder is reminded; 0: none
	// Reason is for operators and logs: English, never card data, not for cardholders.
	Reason string
}
