package c2

import (
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tap"
)

// outcome is what came of a transaction that reached its cryptogram (Book C-2, states 9 and 10, valid
// response).
func (t *transaction) outcome() (tap.Outcome, error) {
	if m, wanted := t.seePhone(); wanted {
		return t.presentAgain(m), nil
	}
	out := tap.Outcome{CVM: t.cvm, Receipt: t.receipt, FieldOff: t.fieldOff()}
	message := tap.NoMessage
	switch t.answer.kind() {
	case apdu.RequestTC:
		out.Kind, out.Reason = tap.Approved, "card approved offline"
		message = tap.ApprovedMessage
		if t.cvm == tap.ObtainSignature {
			message = tap.ApprovedSign
		}
	case apdu.RequestARQC:
		out.Kind, out.Reason = tap.OnlineRequest, "card asks for the issuer"
		message = tap.Authorising
	default:
		return t.declined(), nil
	}
	out.UI = t.ui(message, tap.NotReady)
	if out.Kind == tap.Approved {
		out.UI.Hold = t.k.MessageHold
	}
	return t.withReading(out), nil
}

// declined is the outcome of an AAC. A plastic card is asked to be inserted where the reader has contacts:
// with the chip in contact there are ways to verify the cardholder that a tap has not. A device that says it
// is no card cannot be inserted. A refund has no other cryptogram, and is done without one.
func (t *transaction) declined() tap.Outcome {
	out := tap.Outcome{Kind: tap.Declined, Reason: "card declined", CVM: t.cvm, Receipt: t.receipt, FieldOff: t.fieldOff()}
	if t.request == apdu.RequestAAC {
		out.Reason = "terminal declined"
	}
	switch {
	case !t.a.Params.Purchase() && !t.a.Params.Cash():
		out.Kind = tap.EndApplication
		out.UI = t.ui(tap.ClearDisplay, tap.NotReady)
		return t.withReading(out)
	case t.k.CardDataInput&canContacts != 0 && !t.isDevice():
		out.Kind, out.AlternateInterface = tap.TryAnotherInterface, tap.Contact
		out.Reason += ": it may be inserted"
		out.UI = t.ui(tap.InsertCard, tap.NotReady)
		out.UI.Hold = t.k.MessageHold
		out.Discretionary = t.discretionary(nil, tap.NoMessage)
		return out
	}
	out.UI = t.ui(tap.NotAuthorised, tap.NotReady)
	out.UI.Hold = t.k.MessageHold
	return t.withReading(out)
}

// isDevice: the third party data says that this is something else than a card.
func (t *transaction) isDevice() bool {
	kind := t.deviceType()
	return kind != "" && kind != "00"
}

// presentAgain asks the cardholder to look at the phone, and for a second tap of the same payment. The
// cryptogram is of no use to anybody.
func (t *transaction) presentAgain(m PhoneMessage) tap.Outcome {
	first := t.ui(m.Message, m.Status)
	first.Hold = t.k.MessageHold
	t.a.UI(*first)
	return tap.Outcome{
		Kind: tap.EndApplication, Start: tap.StartB,
		Restart:       t.ui(m.Message, tap.ReadyToRead),
		FieldOff:      t.fieldOff(),
		Discretionary: t.discretionary(nil, tap.NoMessage),
		Reason:        "the consumer's device wants to be looked at",
	}
}

// withReading adds the data record.
func (t *transaction) withReading(out tap.Outcome) tap.Outcome {
	method := "none"
	if t.proven {
		method = "CDA"
	}
	reading, ok := tap.NewReading(t.o, tap.Facts{
		TVR: t.tvr, TSI: t.tsi, CVM: t.cvm, Method: method, Authenticated: t.proven, Device: t.device(),
	})
	if !ok {
		return t.end(&ending{kind: tap.EndApplication, l2: l2CardDataError, reason: "account data malformed or contradictory"})
	}
	out.Reading = reading
	out.Discretionary = t.discretionary(nil, tap.NoMessage)
	return out
}
