package emvtest

// The issuer application data ('9F10') of the test issuer, 7 bytes:
//
//	06           length of what follows
//	01           derivation key index
//	12           this issuer's cryptogram version number, see below
//	03 B2 B3 B4  card verification results
//
// B2: b8-7 the second cryptogram (00 AAC, 01 TC, 10 not asked for yet), b6-5 the first (00 AAC, 01 TC,
// 10 ARQC), b4 issuer authentication failed.
// B3: b8 the last online transaction was not completed, b5 new card, b4 issuer authentication failed in
// the last online transaction, b3 no issuer authentication after an online answer.
// B4: b2 DDA was performed, b3 an offline PIN was checked, b4 it was wrong, b5 no tries are left; b8 by tap,
// b7 the card asked for an online PIN, b6 the consumer's device verified the cardholder.
//
// '12' is a label of this issuer and no payment system's version: what the cryptogram covers and the
// key it is made with are as common EMV cards have them, but the response is by method 1 (EMV Book 2,
// 8.2.1), while the version widely known as 18 answers by method 2 [unverified].
const (
	iadBytes          = 7
	iadKeyIndex       = 0x01
	cryptogramVersion = 0x12
	cvrLength         = 0x03

	cvrIssuerFailed     = 0x08 // B2
	cvrLastNotCompleted = 0x80 // B3
	cvrNewCard          = 0x10
	cvrIssuerFailedLast = 0x08
	cvrIssuerNotAsked   = 0x04
	cvrDDAPerformed     = 0x02 // B4
	cvrPINPerformed     = 0x04
	cvrPINFailed        = 0x08
	cvrPINBlocked       = 0x10
	cvrOnDevice         = 0x20
	cvrOnlinePIN        = 0x40
	cvrTap              = 0x80
)

// cvrCode is the two-bit code of a cryptogram type in B2.
func (t acType) cvrCode() byte { return byte(t) >> 6 }

const cvrNotAsked = 0b10

func (s *session) issuerApplicationData(kind acType, second bool, memory ApplicationState) []byte {
	var b2, b3, b4 byte
	if second {
		b2 = kind.cvrCode()<<6 | s.firstAC.cvrCode()<<4
	} else {
		b2 = cvrNotAsked<<6 | kind.cvrCode()<<4
	}
	if s.issuer == forged {
		b2 |= cvrIssuerFailed
	}
	if !second && memory.OnlinePending {
		b3 |= cvrLastNotCompleted
	}
	if memory.LastOnlineATC == 0 {
		b3 |= cvrNewCard
	}
	if !second && memory.IssuerFailed {
		b3 |= cvrIssuerFailedLast
	}
	if second && s.issuer == notAsked {
		b3 |= cvrIssuerNotAsked
	}
	if s.ddaDone {
		b4 |= cvrDDAPerformed
	}
	switch s.pin {
	case pinRight:
		b4 |= cvrPINPerformed
	case pinWrong:
		b4 |= cvrPINPerformed | cvrPINFailed
	}
	if s.app.triesLeft(memory) == 0 {
		b4 |= cvrPINBlocked
	}
	if s.tap {
		b4 |= cvrTap
	}
	if s.onlinePIN {
		b4 |= cvrOnlinePIN
	}
	if s.onDevice {
		b4 |= cvrOnDevice
	}
	return []byte{iadBytes - 1, iadKeyIndex, cryptogramVersion, cvrLength, b2, b3, b4}
}

// pinInIAD reports whether the card says that it was given the right PIN.
func pinInIAD(iad []byte) bool {
	return len(iad) == iadBytes && iad[6]&(cvrPINPerformed|cvrPINFailed) == cvrPINPerformed
}

// tapInIAD, onlinePINInIAD and onDeviceInIAD read what the card says of a tap.
func tapInIAD(iad []byte) bool       { return len(iad) == iadBytes && iad[6]&cvrTap != 0 }
func onlinePINInIAD(iad []byte) bool { return len(iad) == iadBytes && iad[6]&cvrOnlinePIN != 0 }
func onDeviceInIAD(iad []byte) bool  { return len(iad) == iadBytes && iad[6]&cvrOnDevice != 0 }

// iadClaims reads back which cryptogram an IAD belongs to, and whether it was the second one of its
// transaction; ok is false for an IAD that is not this issuer's. The cryptogram covers the IAD, so that
// one of a refusal cannot be passed off as the request it ended.
func iadClaims(iad []byte) (kind acType, second, ok bool) {
	if len(iad) != iadBytes || iad[0] != iadBytes-1 || iad[1] != iadKeyIndex || iad[2] != cryptogramVersion || iad[3] != cvrLength {
		return 0, false, false
	}
	if iad[4]>>6 == cvrNotAsked {
		return acType(iad[4] >> 4 & 0b11 << 6), false, true
	}
	return acType(iad[4] & 0xC0), true, true
}
