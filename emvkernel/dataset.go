package emvkernel

import (
	"bytes"

	"smartreader/emvkernel/tlv"
)

// dataSetTags is what an issuer needs to check the cryptogram and to authorize, in the order ACData
// lists it. First the cryptogram's own data, then what it was computed over, then the card's account.
var dataSetTags = []tlv.Tag{
	0x9F26, 0x9F27, 0x9F36, 0x9F10,
	0x9F37, 0x95, 0x9A, 0x9F21, 0x9C, 0x9F02, 0x9F03, 0x5F2A, 0x5F36, 0x9F1A, 0x82, 0x84, 0x9F06,
	0x9F33, 0x9F34, 0x9F35, 0x9F40, 0x9F09, 0x9F1E, 0x9F1C, 0x9F16, 0x9F15, 0x9F39, 0x9F41, 0x9B, 0x8A,
	0x9F4C, 0x9F6C, 0x9F6E, 0x9F7C,
	0x5A, 0x57, 0x5F24, 0x5F34,
}

// snapshot is a copy of the data set's values at the moment the GENERATE AC is sent; the TVR, for one,
// may change right after it.
type snapshot map[tlv.Tag][]byte

func (t *Transaction) snapshot() snapshot {
	s := make(snapshot, len(dataSetTags))
	for _, tag := range dataSetTags {
		if v := t.value(tag); len(v) > 0 {
			s[tag] = bytes.Clone(v)
		}
	}
	return s
}

// with encodes the snapshot together with what the card answered.
func (s snapshot) with(a *acAnswer) Secret {
	answer := snapshot{0x9F26: a.ac, 0x9F27: {a.cid}, 0x9F36: a.atc, 0x9F10: a.iad}
	// Room for all of it, so that growing leaves no copies of the account number behind: three bytes of
	// tag and three of length are the most an object has.
	size := 0
	for _, values := range []snapshot{s, answer} {
		for _, v := range values {
			size += 6 + len(v)
		}
	}
	out := make([]byte, 0, size)
	for _, tag := range dataSetTags {
		v, ok := answer[tag]
		if !ok {
			v = s[tag]
		}
		if len(v) > 0 {
			out = tlv.Append(out, tag, v...)
		}
	}
	return out
}

// wipe overwrites the copies: account number and track 2 image are among them.
func (s snapshot) wipe() {
	for _, v := range s {
		clear(v)
	}
}

// ACData returns the data set of the first GENERATE AC as one flat list of data objects in a fixed
// order, every value as it was when the command was sent: unpredictable number, TVR, amounts, date,
// and the card's answer with account number and track 2 image. It is what an authorization, now or
// deferred, is made of; nothing in it is ever computed again. Nil before FirstGenerateAC, and after one
// whose combined signature failed: no issuer shall be asked about that card.
//
// Every call returns a new copy, which the caller wipes when it is done with it.
func (t *Transaction) ACData() Secret { return bytes.Clone(t.acData) }

// ClearingData returns the data set of the TC that approved the payment, in the form of ACData and with
// the response code ('8A') it was asked for with: of the first GENERATE AC when the card approved offline
// (Y1), where it is the same as ACData, else of the second (Y3, or the issuer's code). What was approved
// without the issuer goes to clearing with it. Nil when the card did not approve, or its combined signature
// failed. Like ACData every call returns a new copy.
func (t *Transaction) ClearingData() Secret { return bytes.Clone(t.clearing) }

// AdviceRequested reports that the card's last decision that counts asks for an advice: the issuer should
// hear of it although it was not asked (bit 4 of '9F27', EMV Book 3, 6.5.5.4).
func (t *Transaction) AdviceRequested() bool { return t.ac.cid&adviceRequested != 0 }
