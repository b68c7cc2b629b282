package c3

import (
	"encoding/hex"
	"strconv"

	"smartreader/emvkernel/tap"
	"smartreader/emvkernel/tlv"
)

// elsewhere sends the card to the contact slot, or, where the reader has none, to whatever there is
// (Book C-3, 5.2.2 and 5.5).
func (t *transaction) elsewhere(reason string) error {
	out := tap.Outcome{
		Kind: tap.TryAnotherInterface, AlternateInterface: tap.Contact, Reason: reason,
		UI: t.ui(tap.InsertCard, tap.ConditionsNotSatisfied),
	}
	if t.ttq[0]&ttqContact == 0 {
		out.AlternateInterface, out.UI.Message = tap.AnyInterface, tap.InsertOrSwipe
	}
	return &stop{out}
}

// end: nothing can be done with this card.
func (t *transaction) end(reason string) error { return &stop{t.ended(reason)} }

func (t *transaction) ended(reason string) tap.Outcome {
	return tap.Outcome{
		Kind: tap.EndApplication, Reason: reason,
		UI: t.ui(tap.InsertSwipeOrTryAnother, tap.StatusProcessingError),
	}
}

// seePhone: the cardholder has to do something with the phone first, then the card is looked for again, for the
// same payment (Book C-3, 5.2.2.2).
func (t *transaction) seePhone() error {
	out := tap.Outcome{
		Kind: tap.TryAgain, Start: tap.StartB, FieldOff: t.k.Hold,
		UI:      t.ui(tap.SeePhone, tap.StatusProcessingError),
		Restart: t.ui(tap.SeePhone, tap.ReadyToRead),
		Reason:  "GET PROCESSING OPTIONS: the phone asks its owner for something",
	}
	out.UI.Hold = t.k.Hold
	return &stop{out}
}

// tryAgain: the card was taken away too early. Its cryptogram, if there was one, is nobody's.
func (t *transaction) tryAgain(reason string) error {
	return &stop{tap.Outcome{
		Kind: tap.TryAgain, Start: tap.StartB, Reason: reason,
		UI:      t.ui(tap.PresentCardAgain, tap.StatusProcessingError),
		Restart: t.ui(tap.PresentCardAgain, tap.ReadyToRead),
	}}
}

func (t *transaction) ui(m tap.Message, s tap.Status) *tap.UIRequest {
	languages := t.card.Languages
	if len(t.card.PAN) == 0 { // it ends early; the card told its languages when it was selected
		c, _ := t.look()
		languages = c.Languages
		wipe(&c)
	}
	return &tap.UIRequest{Message: m, Status: s, Languages: languages}
}

// decide makes the outcome of what the steps found (Book C-3, 5.8 and 5.9). A reader that is never online
// declines where the issuer would have to be asked.
func (t *transaction) decide() tap.Outcome {
	if t.online && t.ttq[0]&ttqOfflineOnly != 0 {
		t.decline("the issuer would have to be asked, and this reader is never online")
	}
	if t.offline() && !t.genuine { // no step leaves it to this
		t.decline("the card approves without proof")
	}
	out := tap.Outcome{Reason: t.reason}
	switch {
	case t.declined:
		out.Kind = tap.Declined
		t.cvm = tap.NoCVM // as two public kernels have it
		out.UI = t.ui(tap.NotAuthorised, tap.NotReady)
	case t.online:
		out.Kind = tap.OnlineRequest
		out.UI = t.ui(tap.Authorising, tap.NotReady)
		if t.ttq[2]&ttqIssuerUpdate != 0 && t.ctq.has(ctqIssuerUpdate) {
			out.Start, out.OnlineData = tap.StartB, tap.EMVOnlineData
			out.Restart = t.ui(tap.PresentCardAgain, tap.ReadyToRead)
		}
	default:
		out.Kind = tap.Approved
		out.Reason = "the card approves, and is genuine"
		out.UI = t.ui(tap.ApprovedMessage, tap.NotReady)
		if t.cvm == tap.ObtainSignature {
			out.UI.Message = tap.ApprovedSign
		}
	}
	out.CVM = t.cvm
	out.Receipt = t.cvm == tap.ObtainSignature // there must be something to sign [unverified]
	t.showSpendingAmount(&out)

	facts := tap.Facts{CVM: t.cvm, Method: "none", Authenticated: t.genuine, Device: device(t.objects.Get(0x9F6E))}
	if t.tried {
		facts.Method = "fDDA"
	}
	// TVR and TSI stay zero: the card made its cryptogram before there was anything to report
	// (Book C-3, Annex A).
	var ok bool
	if out.Reading, ok = tap.NewReading(t.objects, facts); !ok {
		return t.ended(noAccount)
	}
	return out
}

// showSpendingAmount adds what the card says is left to spend without its issuer, '9F5D', twelve digits of the
// payment's currency (Book C-3, 4.3.1.1).
func (t *transaction) showSpendingAmount(out *tap.Outcome) {
	left := t.objects.Get(0x9F5D)
	if !t.k.SpendingAmount || len(left) != 6 {
		return
	}
	n, err := strconv.ParseInt(hex.EncodeToString(left), 10, 64)
	if err != nil {
		return
	}
	out.Discretionary = tlv.Append(out.Discretionary, 0x9F5D, left...)
	out.UI.Qualifier, out.UI.Value, out.UI.Currency = tap.Balance, n, t.a.Params.Currency
}

// device is the form factor in one word, of '9F6E' byte 1 (Book C-3, Annex A): version 1 in the three
// upper bits, the form below them.
func device(ffi []byte) string {
	if len(ffi) != 4 || ffi[0]&0xE0 != 0x20 {
		return ""
	}
	switch ffi[0] & 0x1F {
	case 0, 1: // full size, mini
		return "card"
	case 2:
		return "token" // neither card nor one of the following: a key fob, a sticker
	case 3:
		return "phone"
	case 4:
		return "watch"
	default:
		return ""
	}
}
