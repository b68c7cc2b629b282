package sandbox

import (
	"github.com/bojanz/currency"

	"smartreader/emvkernel/emvtest"
	"smartreader/store/seal"
)

// decision is the issuer's answer. Package emvtest decides by card (a profile's
// issuer line) and by what the card signed, and by the endings that only look at
// the amount: .01 call_issuer, .05 generic_decline, .65
// withdrawal_count_limit_exceeded, however the card was read. What it approves
// is held here against the endings about the PIN:
//
//	.02  offline_pin_required            approved only if inserted, with an offline PIN: a card that is
//	                                     tapped is declined, and one inserted without PIN as well
//	.03  online_or_offline_pin_required  approved with a PIN, offline or online, however the card was read
//	.55  incorrect_pin                   declined always
//	.75  pin_try_exceeded                declined always
//
// All other endings approve. The endings are cents: a currency whose minor
// unit is not a hundredth has none, and approves [unverified: how the public
// platform treats them]. Which CVM was used is what the reader says; the card's
// cryptogram does not cover it. A cardholder whom the tapped device verified is as
// good as one with a PIN, for both.
func decision(h seal.Header, card cardData, checked emvtest.CheckResult) emvtest.Decision {
	digits, ok := currency.GetDigits(upperASCII(h.Currency))
	if !checked.Decision.Approved || checked.Verdict == emvtest.CardApproved || !ok || digits != 2 {
		return checked.Decision
	}
	cvm := card.verification(h)
	switch h.Amount % 100 {
	case 2:
		if cvm != "offline_pin" && cvm != onDevice {
			return declined("offline_pin_required", "1A")
		}
	case 3:
		if cvm != "offline_pin" && cvm != "online_pin" && cvm != onDevice {
			return declined(eitherPIN, "70")
		}
	case 55:
		return declined("incorrect_pin", "55")
	case 75:
		return declined("pin_try_exceeded", "75")
	}
	return checked.Decision
}

// eitherPIN is the decline code of an issuer who wants a PIN, of whatever kind. A
// tap that got it may come again with an online PIN.
const eitherPIN = "online_or_offline_pin_required"

// declined has the response code (8A) that networks use for it; 1A and 70 are
// those of one network for "authenticate" and "PIN needed" [unverified].
func declined(code, arc string) emvtest.Decision {
	return emvtest.Decision{DeclineCode: code, ARC: [2]byte([]byte(arc))}
}

// refundFails tells whether the issuer will give a refund back: the test card
// for it does.
func (d cardData) refundFails(checked emvtest.CheckResult) bool {
	return checked.Verdict == emvtest.Genuine && d.number() == "4000000000005126"
}

// tooOld tells whether the platform no longer takes the stored payment. A time
// from a clock that was not set says nothing, and is no reason to refuse money.
func (p *opened) tooOld(nowMs, maxAgeMs int64) bool {
	if !p.offline || maxAgeMs == 0 || !p.header.ClockSet {
		return false
	}
	at := p.storedAtMs
	// The header is sealed with the card data, storedAtMs is only said.
	if signed := p.header.CollectedAtMs; at == 0 || signed != 0 && signed < at {
		at = signed
	}
	return at != 0 && nowMs-at > maxAgeMs
}
