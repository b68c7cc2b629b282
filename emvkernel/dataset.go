package emvkernel

import (
	"bytes"

	"smartreader/emvkernel/tlv"
)

// dataSetTags is what an issuer needs to check the cryptogram and to authorize, in the order ACData
// lists it. First the cryptogram's own data, then what it was computed over, then the card's account.
var dataSetTags = [...]tlv.Tag{
	0x9F26, 0x9F27, 0x9F36, 0x9F10,
	0x9F37, 0x95, 0x9A, 0x9F21, 0x9C, 0x9F02, 0x9F03, 0x5F2A, 0x5F36, 0x9F1A, 0x82, 0x84, 0x9F06,
	0x9F33, 0x9F34, 0x9F35, 0x9F40, 0x9F09, 0x9F1E, 0x9F1C, 0x9F16, 0x9F15, 0x9F39, 0x9F41, 0x9B, 0x8A,
	0x9F4C, 0x9F66, 0x9F6C, 0x9F6E, 0x9F7C, 0x9F19, 0x9F24,
	0x5A, 0x57, 0x5F24, 0x5F34,
}

// DataSet lists what an issuer needs to check a cryptogram and to authorize, in the order of ACData. Get returns nil
// for what is not there. The list is a copy, which the caller wipes.
func DataSet(get func(tlv.Tag) []byte) Secret {
	var values [len(dataSetTags)][]byte
	size := 0 // room for all of it, so that growing leaves no copies of the account number behind
	for i, tag := range dataSetTags {
		values[i] = get(tag)
		size += 6 + len(values[i])
	}
	s := make(Secret, 0, size)
	for i, tag := range dataSetTags {
		if len(values[i]) > 0 {
			s = tlv.Append(s, tag, values[i]...)
		}
	}
	return s
}

// snapshot is a copy of the data set's values, encoded, at the moment the GENERATE AC is sent; the TVR, for
// one, may change right after it. What the card answers is not in it: the first answerTags of dataSetTags.
type snapshot []byte

const answerTags = 4

func (t *Transaction) snapshot() snapshot {
	// Room for all of it, so that growing leaves no copies of the account number behind.
	s := make(snapshot, 0, 1024)
	for _, tag := range dataSetTags[answerTags:] {
		if v := t.value(tag); len(v) > 0 {
			s = tlv.Append(s, tag, v...)
		}
	}
	return s
}

// with puts what the card answered in front of the snapshot.
func (s snapshot) with(a *acAnswer) Secret {
	out := make([]byte, 0, len(s)+64)
	for i, v := range [answerTags][]byte{a.ac, {a.cid}, a.atc, a.iad} {
		if len(v) > 0 {
			out = tlv.Append(out, dataSetTags[i], v...)
		}
	}
	return append(out, s...)
}

// wipe overwrites the copy: account number and track 2 image are in it.
func (s snapshot) wipe() { clear(s[:cap(s)]) }

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
