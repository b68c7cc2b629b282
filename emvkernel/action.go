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
	arcUnableDeclined  = "Z3" // unable to go online, declined
)

// unproven is what every terminal action code online and default contains, whatever the acquirer
// configured: data authentication not performed, or failed. EMV strongly recommends it (Book 3, 10.7);
// without it a copied card could be approved offline.
var unproven = [5]byte{byte(ODANotPerformed | SDAFailed | DDAFailed | CDAFailed)}

// AnalyzeTerminalAction decides what to ask the card for, by comparing the TVR with the action codes
// of issuer and terminal (EMV Book 3, 10.7; response codes as in Book 4, 6.3.6).
//
//	any TVR bit in a denial code                       AAC
//	online-only terminal                               ARQC
//	offline-only terminal: any bit in a default code   AAC, else TC
//	others:                any bit in an online code   ARQC, else TC
//
// The bits of unproven count as part of the terminal's online and default codes.
func (t *Transaction) AnalyzeTerminalAction(ctx context.Context) (Outcome, error) {
	return t.step(ctx, "analyze terminal action", toAnalyze, toFirstAC, func(context.Context) error {
		// A card without action codes wants nothing denied and everything irregular online (Book 3, 10.7).
		none, all := [5]byte{}, [5]byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF}
		denial, ok1 := t.actionCode(0x9F0E, none)
		online, ok2 := t.actionCode(0x9F0F, all)
		deflt, ok3 := t.actionCode(0x9F0D, all)
		if !ok1 || !ok2 || !ok3 {
			return terminate("malformed issuer action code")
		}
		term := &t.cfg.Terminal
		proven := !t.tvr.matches(unproven)
		switch {
		case t.tvr.matches(denial) || t.tvr.matches(t.app.TACDenial):
			t.request = apdu.RequestAAC
		case term.onlineOnly():
			t.request = apdu.RequestARQC
		case term.offlineOnly() && (!proven || t.tvr.matches(deflt) || t.tvr.matches(t.app.TACDefault)):
			t.request = apdu.RequestAAC
		case !term.offlineOnly() && (!proven || t.tvr.matches(online) || t.tvr.matches(t.app.TACOnline)):
			t.request = apdu.RequestARQC
		default:
			t.request = apdu.RequestTC
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

// matches reports whether any bit of the code is set in the TVR.
func (r TVR) matches(code [5]byte) bool {
	for i := range r {
		if r[i]&code[i] != 0 {
			return true
		}
	}
	return false
}
