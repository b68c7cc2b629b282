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
	0x9F33, 0x9F34, 0x9F35, 0x9F40, 0x9F09, 0x9F1E, 0x9F1C, 0x9F16, 0x9F15, 0x9F39, 0x9F41, 0x9B,
	0x9F4C, 0x9F6C, 0x9F6E, 0x9F7C,
	0x5A, 0x57, 0x5F24, 0x5F34,
}

// snapshot copies the data set's values at the moment the GENERATE AC is sent; the TVR, for one, may
// change right after it.
func (t *Transaction) snapshot() map[tlv.Tag][]byte {
	s := make(map[tlv.Tag][]byte, len(dataSetTags))
	for _, tag := range dataSetTags {
		if v := t.value(tag); len(v) > 0 {
			s[tag] = bytes.Clone(v)
		}
	}
	return s
}

// dataSet encodes the snapshot with what the card answered.
func (t *Transaction) dataSet(sent map[tlv.Tag][]byte, a *acAnswer) Secret {
	sent[0x9F26], sent[0x9F27], sent[0x9F36], sent[0x9F10] = a.ac, []byte{a.cid}, a.atc, a.iad
	var out []byte
	for _, tag := range dataSetTags {
		if v := sent[tag]; len(v) > 0 {
			out = tlv.Append(out, tag, v...)
		}
	}
	return out
}

// ACData returns the data set of the first GENERATE AC as one flat list of data objects in a fixed
// order, every value as it was when the command was sent: unpredictable number, TVR, amounts, date,
// and the card's answer with account number and track 2 image. It is what an authorization, now or
// deferred, is made of; nothing in it is ever computed again. Nil before FirstGenerateAC.
func (t *Transaction) ACData() Secret { return t.acData }
