package c3

import "smartreader/emvkernel/tap"

// verifyCardholder decides how the cardholder is verified: the card says it, and the reader what it can do and
// whether it must be (Book C-3, 5.7).
func (t *transaction) verifyCardholder() {
	required := t.ttq[1]&ttqCVMRequired != 0
	canPIN, canSign := t.ttq[0]&ttqOnlinePIN != 0, t.ttq[0]&ttqSignature != 0
	if t.altered() {
		t.decline("the card signed other qualifiers than those that arrived")
		return
	}
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
	case t.ctq.has(ctqConsumerDevice) && !t.unproved():
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

// altered reports whether the card signed that it wants an online PIN, and the qualifiers that arrived do not say
// so. The book compares the two for consumer devices only; whoever takes away the PIN of a stolen card is to gain
// nothing by putting a signature in its place.
func (t *transaction) altered() bool {
	signed := t.genuine && t.proof.version == version1
	return signed && t.proof.ctq.has(ctqOnlinePIN) && !t.ctq.has(ctqOnlinePIN)
}

// unproved reports whether a signature that was to be there proves nothing: it is wrong, or the card promised one
// by its interchange profile and none arrived. Then somebody in between may have written the signed copy as well,
// and a claim of verification counts for nothing. The book goes further for the promise: it ends the application.
func (t *transaction) unproved() bool {
	promised := t.objects.Get(0x82)[0]&aipDynamic != 0 && t.ttq[0]&ttqOnlineODA != 0
	return !t.genuine && (t.tried || promised)
}

// deviceVerified reports whether the claim that the consumer's device verified the cardholder may be believed:
// anybody between card and reader can set the bit, but not in the copy that the card signs. A card
// without such a copy has to leave the claim to its issuer (Book C-3, 5.7.1.2).
func (t *transaction) deviceVerified() bool {
	if t.proof.present {
		signed := t.proof.version == version1 || t.kind == typeARQC
		return signed && t.proof.ctq == t.ctq
	}
	return t.kind == typeARQC
}
