package c2

import (
	"bytes"
	"context"
	"fmt"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tlv"
)

// risk is what of risk management a tap has: the floor limit, and what the merchant knows of the payment and
// the account (Book C-2, states 4 to 6).
func (t *transaction) risk(context.Context) error {
	if t.exceeds(t.limits.Floor) {
		t.tvr.Set(emvkernel.FloorLimitExceeded)
	}
	if t.a.Params.ForceOnline {
		t.tvr.Set(emvkernel.ForcedOnline)
	}
	if ask := t.a.Params.ExceptionFile; ask != nil {
		pan, _ := emvkernel.AccountNumber(t.o.Get(0x5A)) // which was checked
		defer pan.Wipe()
		sequence := ""
		if s := t.o.Get(0x5F34); len(s) == 1 {
			sequence = fmt.Sprintf("%02X", s[0])
		}
		if ask(pan, sequence) {
			t.tvr.Set(emvkernel.InExceptionFile)
		}
	}
	return nil
}

// Issuer action codes of a card that has none: nothing is denied, everything irregular goes online. The two
// bits that only say what became of relay resistance are not irregular [unverified].
var irregular = [5]byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFC}

// analyze decides what the card is asked for (Book C-2, "Terminal Action Analysis"):
//
//	any TVR bit in a denial code                   AAC
//	online-only terminal                           ARQC
//	offline-only: any bit in a default code        AAC, else TC
//	others:       any bit in an online code        ARQC, else TC
//
// Where the book asks for a TC and this kernel does not trust the card with it, the issuer is asked, on an
// offline-only terminal the payment is declined.
func (t *transaction) analyze(context.Context) error {
	denial, ok1 := t.actionCode(0x9F0E, [5]byte{})
	online, ok2 := t.actionCode(0x9F0F, irregular)
	byDefault, ok3 := t.actionCode(0x9F0D, irregular)
	if !ok1 || !ok2 || !ok3 {
		return malformed("issuer action code")
	}
	term := &t.a.Config.Terminal
	matches := func(issuer, terminal [5]byte) bool { return t.tvr.Matches(issuer) || t.tvr.Matches(terminal) }
	switch {
	case matches(denial, t.k.TACDenial):
		t.request = apdu.RequestAAC
	case term.OfflineOnly() && (matches(byDefault, t.k.TACDefault) || !t.mayApprove()):
		t.request = apdu.RequestAAC
	case term.OfflineOnly():
		t.request = apdu.RequestTC
	case term.OnlineOnly() || matches(online, t.k.TACOnline) || !t.mayApprove():
		t.request = apdu.RequestARQC
	default:
		t.request = apdu.RequestTC
	}
	if t.unproven() {
		t.request = apdu.RequestAAC
	}
	if t.request == apdu.RequestAAC && !t.signsAAC() {
		t.combined = false
	}
	t.o.Set(0x95, bytes.Clone(t.tvr[:])...)
	return nil
}

// unproven: it is known that nobody will have signed how the cardholder was verified. That is so of a device that
// verifies its holder, whether its signature cannot be checked or is not to be had: who clears the bit of CDA in
// the AIP can set that of verification (Book C-2, "Prepare Generate AC Command"). Stricter than the book, it is
// also so of a card over the CVM limit that promises CDA and cannot be held to it: who breaks its chain of
// certificates, which goes online all the same, can give it another CVM list.
func (t *transaction) unproven() bool {
	if t.combined {
		return false
	}
	return t.onDevice || t.cvmRequired && t.tvr.Has(emvkernel.CDAFailed)
}

func (t *transaction) actionCode(tag tlv.Tag, absent [5]byte) (code [5]byte, ok bool) {
	raw := t.o.Get(tag)
	if raw == nil {
		return absent, true
	}
	if len(raw) != 5 {
		return code, false
	}
	return [5]byte(raw), true
}

// mayApprove: the card may be asked to approve without its issuer, as far as this kernel, stricter than the
// book, is concerned. It will prove that it is genuine, and the payment is a plain purchase below the floor
// limit that nobody wants the issuer asked about.
func (t *transaction) mayApprove() bool {
	p := &t.a.Params
	return t.combined && !p.NoOfflineApproval && p.Amount > 0 && p.PlainPurchase() &&
		!t.tvr.Has(emvkernel.FloorLimitExceeded) && !t.tvr.Has(emvkernel.ForcedOnline) &&
		!t.tvr.Has(emvkernel.InExceptionFile) && !t.tvr.Has(emvkernel.OnlinePINEntered)
}
