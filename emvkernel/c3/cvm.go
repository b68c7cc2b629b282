package c3

import "smartreader/emvkernel/tap"

// verifyCardholder decides how the cardholder is verified: the card says it, and the reader what it can do and
// whether it must be (Book C-3, 5.7).
func (t *transaction) verifyCardholder() {
	required := t.ttq[1]&ttqCVMRequired != 0
	canPIN, canSign := t.ttq[0]&ttqOnlinePIN != 0, t.ttq[0]&ttqSignature != 0
	if !t.ctq.present {
		// Book C-3, 5.7.1.1.
		switch {
		case !required:
			t.cvm = tap.NoCVM
		case canSign:
			t.cvm = tap.ObtainSignature
		case canPIN:
			t.onlinePIN()
		default:
			t.decline("the cardholder cannot be verified")
		}
		return
	}
	// Book C-3, 5.7.1.2 and 5.7.1.3.
	switch {
	case t.ctq.has(ctqOnlinePIN) && canPIN:
		t.onlinePIN()
	case t.ctq.has(ctqConsumerDevice):
		if !t.deviceVerified() {
			t.decline("the card does not stand by its consumer device verification")
			return
		}
		t.cvm = tap.ConfirmationCodeVerified
	case t.ctq.has(ctqSignature) && canSign:
		t.cvm = tap.ObtainSignature
	case required:
		t.decline("the cardholder cannot be verified")
	default:
		t.cvm = tap.NoCVM
	}
}

// onlinePIN goes to the issuer, who alone can verify it.
func (t *transaction) onlinePIN() {
	t.cvm = tap.OnlinePIN
	t.requireOnline("the cardholder's PIN is for the issuer to verify")
}

// deviceVerified reports whether the claim that the consumer's device verified the cardholder may be believed:
// anybody between card and reader can set the bit, but not in the copy that the card signs. A card
// without such a copy has to leave the claim to its issuer (Book C-3, 5.7.1.2).
func (t *transaction) deviceVerified() bool {
	if t.proof.present {
		signed := t.proof.version == version1 || t.kind == typeARQC
		return signed && t.proof.copied && t.proof.ctq == t.ctq.raw
	}
	return t.kind == typeARQC
}
