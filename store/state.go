package store

import "slices"

// State is where a payment stands.
//
//	created -> collecting -> collected -+-> authorizing -+-> approved
//	   ^           |            |       |                +-> declined
//	   +-----------+------------+       |                +-> stored (answer lost, deferrable)
//	                                    |                +-> reversing -> interrupted, declined, created
//	                                    +-> stored -> sending -+-> forwarded, declined, failed, expired
//	                                          ^         |      +-> unknown (answer lost: look up first)
//	                                          +---------+
//
// Also: created, collecting and collected can be canceled; collecting and
// collected can be interrupted; an online decline and an interrupted payment
// can be collected again or canceled. A stored payment can be voided, which goes
// through reversing so that the platform knows of its sequence, and rescued:
// somebody else forwards it from an export. A stored payment that the platform
// refused (failed) or that was rescued keeps its sealed payload until its end is
// known: an operator can have it sent again, or void it.
type State string

// The states. Their text is on disk and on the wire.
const (
	Created     State = "created"
	Collecting  State = "collecting"  // the card is, or may be, being asked
	Collected   State = "collected"   // first cryptogram is there; not confirmed
	Authorizing State = "authorizing" // an online authorization is, or may be, under way
	Stored      State = "stored"      // accepted; waits to be forwarded
	Sending     State = "sending"     // forwarding is, or may be, under way
	Unknown     State = "unknown"     // sent, answer lost: look up before sending again
	Reversing   State = "reversing"   // the attempt must be undone at the platform
	Approved    State = "approved"    // authorized online and completed
	Declined    State = "declined"    // by card or issuer, online or after forwarding
	Forwarded   State = "forwarded"   // the platform accepted the stored payment
	Failed      State = "failed"      // refused for ever, with a reason
	Expired     State = "expired"     // the platform refused it for its age
	Voided      State = "voided"      // withdrawn before it was sent
	Rescued     State = "rescued"     // handed over: whoever has the export submits it
	Interrupted State = "interrupted" // power cut or lost card; no money moved
	Canceled    State = "canceled"
)

// steps is the whole state table. A state leading to itself means that its
// details may change while it lasts.
var steps = map[State][]State{
	"":          {Created},
	Created:     {Created, Collecting, Canceled},
	Collecting:  {Created, Collected, Declined, Failed, Interrupted, Canceled},
	Collected:   {Created, Collected, Authorizing, Stored, Declined, Failed, Interrupted, Canceled},
	Authorizing: {Stored, Reversing, Approved, Declined}, // its sequence is spent: it ends in a verdict or a reversal
	Stored:      {Sending, Reversing, Rescued},
	Sending:     {Stored, Unknown, Forwarded, Declined, Failed, Expired, Rescued},
	Unknown:     {Unknown, Sending, Reversing, Forwarded, Declined, Failed, Expired, Rescued},
	Reversing:   {Reversing, Created, Declined, Interrupted, Voided},
	Approved:    {},
	Declined:    {Collecting, Canceled}, // the POS may collect again, under the same key, unless it was forwarded
	Forwarded:   {},
	Failed:      {Stored, Reversing, Rescued}, // if it was stored before
	Expired:     {},
	Voided:      {},
	Rescued:     {Rescued, Unknown, Declined}, // settled elsewhere; until its end is known it can be taken back
	Interrupted: {Collecting, Canceled},       // likewise
	Canceled:    {},
}

// Allows tells whether a payment may go from s to next. The empty state is that
// of a payment that does not exist yet.
func (s State) Allows(next State) bool { return slices.Contains(steps[s], next) }

// Valid tells whether s is one of the states.
func (s State) Valid() bool { _, ok := steps[s]; return ok && s != "" }

// Final tells whether nothing is pending: the payment leaves this state only if
// the POS collects again, an operator steps in, or never.
func (s State) Final() bool {
	switch s {
	case Approved, Declined, Forwarded, Failed, Expired, Voided, Rescued, Interrupted, Canceled:
		return true
	case Created, Collecting, Collected, Authorizing, Stored, Sending, Unknown, Reversing:
		return false
	}
	return false
}

// Work tells whether the forwarder has something to do.
func (s State) Work() bool { return s == Reversing || s.Pending() }

// Pending tells whether accepted money waits to reach the platform. These
// payments make the totals.
func (s State) Pending() bool { return s == Stored || s == Sending || s == Unknown }

// sealed tells whether a payment in this state needs its sealed payload.
func (s State) sealed() bool { return s == Authorizing || s.Work() }

// keepsSealed tells whether a payment in this state keeps a sealed payload that
// it has: a wrong refusal must not destroy the only copy.
func (s State) keepsSealed() bool { return s.sealed() || s == Failed || s == Rescued }
