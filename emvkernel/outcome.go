package emvkernel

import "errors"

// OutcomeKind is what a step, or the transaction, came to.
type OutcomeKind byte

const (
	// Undecided: the transaction goes on with the next step. It is the zero value, so that nothing is
	// ever approved by omission.
	Undecided OutcomeKind = iota
	// SelectAgain: the card withdrew the application before it started; SelectApplication is next.
	// Collect never returns it.
	SelectAgain
	// OnlineRequest: the card asks for the issuer (ARQC). A Complete is owed.
	OnlineRequest
	// Approved: the card approved (TC), with its issuer or, where the configuration allows it, alone.
	Approved
	// Declined: card, terminal or issuer declined (AAC, or a failed combined signature).
	Declined
	// NotAccepted: card and terminal have no application in common that may be used, or the card does
	// not allow the service.
	NotAccepted
	// CardBlocked: the card, or its SELECT command, is blocked.
	CardBlocked
	// TryAgain: the card's answer was not readable before anything started; inserting it again may help.
	TryAgain
	// Terminated: the card broke a rule. Nothing it said counts.
	Terminated
	// Canceled: the cardholder canceled PIN entry. Nothing is owed to the card.
	Canceled
	// TimedOut: the cardholder was asked for a PIN and did nothing. Nothing is owed to the card.
	TimedOut
)

// String names the kind.
func (k OutcomeKind) String() string {
	switch k {
	case Undecided:
		return "undecided"
	case SelectAgain:
		return "select again"
	case OnlineRequest:
		return "online request"
	case Approved:
		return "approved"
	case Declined:
		return "declined"
	case NotAccepted:
		return "not accepted"
	case CardBlocked:
		return "card blocked"
	case TryAgain:
		return "try again"
	case Terminated:
		return "terminated"
	case Canceled:
		return "canceled"
	case TimedOut:
		return "timed out"
	default:
		return "unknown outcome"
	}
}

// Outcome is what was decided and why. The reason is for operators and logs: English, stable enough to
// read, never card data, not for cardholders.
type Outcome struct {
	Kind   OutcomeKind
	Reason string
	// Reverse is set when the issuer approved but the card did not complete: the host's approval must
	// be reversed.
	Reverse bool
	// Referral is set when the issuer wants to be called. The kernel has declined; what was agreed on the
	// telephone is another payment.
	Referral bool
}

// ErrOrder is returned when a step is called that is not the next one.
var ErrOrder = errors.New("emvkernel: step out of order")

// decision carries an Outcome up through the helpers of a step; the exported step turns it back, so
// that no caller sees it as an error.
type decision struct{ Outcome }

func (d *decision) Error() string { return "emvkernel: " + d.Kind.String() + ": " + d.Reason }

func decide(kind OutcomeKind, reason string) error {
	return &decision{Outcome{Kind: kind, Reason: reason}}
}

func terminate(reason string) error { return decide(Terminated, reason) }
