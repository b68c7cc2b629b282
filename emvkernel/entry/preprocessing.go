package entry

import "smartreader/emvkernel/tap"

// Prepared is a combination that serves the payment's transaction type, with what pre-processing found.
type Prepared struct {
	*tap.Combination
	Indicators tap.Indicators
}

// Bits of the terminal transaction qualifiers '9F66' (Book A, 5.7 [unverified]).
const (
	ttqOfflineOnly      = 0x08 // byte 1
	ttqOnlineCryptogram = 0x80 // byte 2: required
	ttqCVM              = 0x40 // byte 2: required
)

// prepare does pre-processing: which combinations the payment can be tapped with (Book B, 3.1.1).
func (t *Transaction) prepare() {
	for i := range t.prepared {
		p := &t.prepared[i]
		p.Indicators = t.indicators(p.Combination)
	}
}

// indicators are those of one combination, found in the order of the book.
func (t *Transaction) indicators(c *tap.Combination) tap.Indicators {
	amount := t.params.Amount
	var in tap.Indicators
	if c.TTQ != nil {
		in.HasTTQ, in.TTQ = true, *c.TTQ
		in.TTQ[1] &^= ttqOnlineCryptogram | ttqCVM
	}
	in.StatusCheckRequested = c.StatusCheck && amount == unit(t.params.Exponent)
	if amount == 0 {
		in.ZeroAmount = c.ZeroAmountAllowed
		in.NotAllowed = !c.ZeroAmountAllowed
	}
	if len(c.Limits) > 0 {
		l, ok := tap.LimitsIn(c.Limits, t.params.Currency)
		in.TransactionLimitReached = l.Transaction != nil && amount >= *l.Transaction
		in.FloorLimitExceeded = l.Floor != nil && amount > *l.Floor
		in.CVMRequired = l.CVMRequired != nil && amount >= *l.CVMRequired
		in.NotAllowed = in.NotAllowed || in.TransactionLimitReached || !ok
	}
	if !in.HasTTQ {
		return in
	}
	if in.FloorLimitExceeded || in.StatusCheckRequested {
		in.TTQ[1] |= ttqOnlineCryptogram
	}
	if in.ZeroAmount {
		if in.TTQ[0]&ttqOfflineOnly != 0 {
			in.NotAllowed = true // an amount of zero is for asking the issuer, whom this reader cannot ask
		} else {
			in.TTQ[1] |= ttqOnlineCryptogram
		}
	}
	if in.CVMRequired {
		in.TTQ[1] |= ttqCVM
	}
	return in
}

// unit is one of the currency in its minor units.
func unit(exponent byte) int64 {
	n := int64(1)
	for range exponent {
		n *= 10
	}
	return n
}

// reset is what stands for pre-processing when Entry Point begins at Start B: nothing is known of the amount,
// and the terminal transaction qualifiers are as configured (Book B, 3.2.1.1).
func (t *Transaction) reset() {
	for i := range t.prepared {
		p := &t.prepared[i]
		p.Indicators = tap.Indicators{}
		if p.TTQ != nil {
			p.Indicators.HasTTQ, p.Indicators.TTQ = true, *p.TTQ
		}
	}
}

// Combinations returns the combinations for the payment's transaction type and what pre-processing found,
// a new list each time. It is good as soon as the Transaction is there.
func (t *Transaction) Combinations() []Prepared { return append([]Prepared(nil), t.prepared...) }

// Possible reports whether any card can be tapped for this payment. If not, Run ends without switching the
// field on.
func (t *Transaction) Possible() bool {
	for i := range t.prepared {
		if p := &t.prepared[i]; !p.Indicators.NotAllowed && !elsewhere(p.Combination) {
			return true
		}
	}
	return false
}

// nothingAllowed is the outcome where no combination may be used (Book B, 3.1.1.13).
func nothingAllowed() tap.Outcome {
	return tap.Outcome{
		Kind:   tap.TryAnotherInterface,
		UI:     &tap.UIRequest{Message: tap.InsertOrSwipe, Status: tap.ConditionsNotSatisfied},
		Reason: "amount, currency or type of the payment allow no tap",
	}
}
