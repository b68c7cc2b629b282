package emvkernel

import (
	"context"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tlv"
)

// Authorisation response codes the terminal gives itself (EMV Book 4, Annex A6).
const (
	arcOfflineApproved = "Y1"
	arcOfflineDeclined = "Z1"
	arcUnableApproved  = "Y3" // unable to go online, approved
	arcUnableDeclined  = "Z3" // unable to go online, declined
)

// needsIssuer is what every terminal action code online and default contains, whatever the acquirer
// configured: data authentication not performed, or failed, which EMV strongly recommends (Book 3, 10.7),
// since a copied card could be approved offline without it; SDA, which a copy passes, also of a card with
// DDA whose unsigned AIP somebody altered; an account on the exception file; a PIN that only the issuer can
// verify; the merchant's own wish.
var needsIssuer = [5]byte{
	byte(ODANotPerformed | SDAFailed | DDAFailed | CDAFailed | SDASelected | InExceptionFile), 0,
	byte(OnlinePINEntered & 0xFF), byte(ForcedOnline & 0xFF), 0,
}

// AnalyzeTerminalAction decides what to ask the card for, by comparing the TVR with the action codes
// of issuer and terminal (EMV Book 3, 10.7; response codes as in Book 4, 6.3.6).
//
//	any TVR bit in a denial code                       AAC
//	offline-only terminal: any bit in a default code   AAC, else TC
//	online-only terminal                               ARQC
//	others:                any bit in an online code   ARQC, else TC
//
// The bits of needsIssuer count as part of the terminal's online and default codes, "floor limit exceeded"
// as part of its online code. Where approval offline is not allowed (Application.OfflineApproval,
// Params.NoOfflineApproval, Params.MayApproveOffline), or the payment is not plainly a purchase, no TC is
// asked for: an ARQC instead, on an offline-only terminal an AAC.
func (t *Transaction) AnalyzeTerminalAction(ctx context.Context) (Outcome, error) {
	return t.step(ctx, "analyze terminal action", toAnalyze, toFirstAC, func(context.Context) error {
		// A card without action codes wants nothing denied and everything irregular online (Book 3, 10.7).
		denial, ok1 := t.actionCode(0x9F0E, [5]byte{})
		online, ok2 := t.actionCode(0x9F0F, allBits)
		_, ok3 := t.actionCode(0x9F0D, allBits)
		if !ok1 || !ok2 || !ok3 {
			return terminate("malformed issuer action code")
		}
		if may := t.params.MayApproveOffline; may != nil && t.offlineApproval() && !may() {
			t.params.NoOfflineApproval = true
		}
		term := &t.cfg.Terminal
		switch {
		case t.tvr.Matches(denial) || t.tvr.Matches(t.app.TACDenial):
			t.request = apdu.RequestAAC
		case term.OfflineOnly() && t.approvedByDefault():
			t.request = apdu.RequestTC
		case term.OfflineOnly():
			t.request = apdu.RequestAAC
		case t.offlineApproval() && !t.tvr.Has(FloorLimitExceeded) && !t.tvr.Matches(online) && !t.tvr.Matches(t.app.TACOnline):
			t.request = apdu.RequestTC
		default:
			t.request = apdu.RequestARQC
		}
		switch t.request {
		case apdu.RequestTC:
			t.arc = []byte(arcOfflineApproved)
		case apdu.RequestAAC:
			t.arc = []byte(arcOfflineDeclined)
		}
		return nil
	})
}

var allBits = [5]byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF}

// offlineApproval: the card may be asked to approve without its issuer, as far as acquirer, caller and the
// TVR as it stands now are concerned. Never on an online-only terminal, and only for a purchase: cash, with
// or without one, and money that goes back to the card are the issuer's to grant [unverified].
func (t *Transaction) offlineApproval() bool {
	return t.app.OfflineApproval && !t.params.NoOfflineApproval && !t.cfg.Terminal.OnlineOnly() &&
		t.params.PlainPurchase() && !t.tvr.Matches(needsIssuer)
}

// approvedByDefault: the terminal approves where its issuer cannot be asked, because no default code has a
// bit of the TVR as it stands now.
func (t *Transaction) approvedByDefault() bool {
	deflt, ok := t.actionCode(0x9F0D, allBits)
	return ok && t.offlineApproval() && !t.tvr.Matches(deflt) && !t.tvr.Matches(t.app.TACDefault)
}

func (t *Transaction) actionCode(tag tlv.Tag, absent [5]byte) (code [5]byte, ok bool) {
	raw, have := t.card[tag]
	if !have {
		return absent, true
	}
	if len(raw) != 5 {
		return code, false
	}
	return [5]byte(raw), true
}

// Matches reports whether any bit of the code is set in the TVR.
func (r TVR) Matches(code [5]byte) bool {
	for i := range r {
		if r[i]&code[i] != 0 {
			return true
		}
	}
	return false
}
