package payment

import (
	"smartreader/emvkernel"
	"smartreader/emvkernel/tap"
)

// reading is what was read of a card, inserted or tapped: an
// *emvkernel.Transaction or a *tap.Reading.
type reading interface {
	Card() emvkernel.CardData
	Receipt() emvkernel.Receipt
	ACData() emvkernel.Secret
	ClearingData() emvkernel.Secret
	Authenticated() bool
	OnlinePINRequired() bool
	Wipe()
}

// tapped is what was read of a card that was tapped; nil: it was not.
func (s *session) tapped() *tap.Reading {
	r, _ := s.read.(*tap.Reading)
	return r
}

// readMethod is how the card was read, as Stripe Terminal names it.
func (s *session) readMethod() string {
	switch r := s.tapped(); {
	case r == nil:
		return contactEMV
	case r.MagneticStripe():
		return contactlessStripe
	}
	return contactlessEMV
}

// factsOf is what the policy knows of the session's card.
func (m *Machine) factsOf(s *session) CardFacts {
	card := s.read.Card()
	f := CardFacts{
		Read: true, Brand: card.Brand, ReadMethod: s.readMethod(), CVM: s.read.Receipt().CVM, OnlinePIN: s.read.OnlinePINRequired(),
		Authenticated: s.read.Authenticated(), ExpiryYear: card.ExpiryYear, ExpiryMonth: card.ExpiryMonth,
		WrongBrand:  !brandFits(card.Brand, card.PAN),
		fingerprint: m.velocity.fingerprint(card.PAN),
	}
	if s.transaction != nil && s.transaction.OnlinePINEntered() || s.tapWithPIN() {
		f.OnlinePIN = true
	}
	return f
}

// brandFits reports whether an account number can belong to the brand of the
// application it was read from. Only brands whose numbers nobody else has are
// looked at (ISO/IEC 7812; the ranges are public): Visa begins with 4,
// Mastercard with 51 to 55 or 2221 to 2720, American Express with 34 or 37. Domestic
// schemes that share cards with them have their numbers.
func brandFits(brand string, pan []byte) bool {
	if len(pan) < 4 {
		return false
	}
	four := 0
	for _, d := range pan[:4] {
		four = four*10 + int(d-'0')
	}
	visa := four/1000 == 4
	mastercard := four/100 >= 51 && four/100 <= 55 || four >= 2221 && four <= 2720
	amex := four/100 == 34 || four/100 == 37
	switch brand {
	case "visa":
		return !mastercard && !amex
	case "mastercard", "maestro":
		return !visa && !amex
	case "amex":
		return amex
	case "discover", "diners", "jcb", "unionpay":
		return !visa && !mastercard && !amex
	}
	return true
}
