package oda

import "smartreader/emvkernel/tlv"

const (
	tagRecord   tlv.Tag = 0x70
	tagAIP      tlv.Tag = 0x82
	lastTLVFile         = 10 // SFI 1 to 10 hold TLV records of the EMV specification
)

// StaticData collects the static data to be authenticated in the order the card's application file
// locator names it (EMV Book 3, 10.3). The zero value is ready.
type StaticData struct {
	data []byte
	bad  bool
}

// AddRecord adds one record, as READ RECORD returned it without status word, of the file sfi. From
// the files 1 to 10 only the value of template '70' counts, from 11 to 30 the whole record. A record
// that is not a template '70' spoils the authentication, not the transaction.
func (s *StaticData) AddRecord(sfi byte, record []byte) {
	e, rest, err := tlv.ParseOne(record)
	if err != nil || len(rest) != 0 || e.Tag != tagRecord {
		s.bad = true
		return
	}
	if sfi <= lastTLVFile {
		record = e.Value
	}
	s.grow(len(record) + aipSize)
	s.data = append(s.data, record...)
}

// aipSize is the room that is always left behind the records, for the AIP.
const aipSize = 2

// grow makes room for n more bytes, and leaves no copy of the account number behind.
func (s *StaticData) grow(n int) {
	if cap(s.data)-len(s.data) >= n {
		return
	}
	grown := make([]byte, len(s.data), max(1024, 2*(len(s.data)+n)))
	copy(grown, s.data)
	clear(s.data)
	s.data = grown
}

// Bytes returns what was collected, followed by the AIP when the card's static data authentication
// tag list ('9F4A', nil when absent) asks for it. That list may name nothing but the AIP.
// The result is not to be changed, and Wipe overwrites it.
func (s *StaticData) Bytes(tagList []byte, present bool, aip []byte) ([]byte, error) {
	if s.bad {
		return nil, fail("static data", BadStaticData)
	}
	if !present {
		return s.data, nil
	}
	if len(tagList) != 1 || tlv.Tag(tagList[0]) != tagAIP {
		return nil, fail("static data authentication tag list", BadStaticData)
	}
	return append(s.data, aip...), nil
}

// VerifySSAD verifies the signed static application data ('93') with the issuer's key and returns the
// data authentication code, tag '9F45' (EMV Book 2, 5.4).
func VerifySSAD(issuer PublicKey, ssad, static []byte) (dac []byte, err error) {
	const what = "SDA signature"
	if len(ssad) == 0 {
		return nil, fail(what, Missing)
	}
	message, hash, err := issuer.recoverMessage(what, ssad, formatStatic)
	if err != nil {
		return nil, err
	}
	// format, hash algorithm, data authentication code(2), padding
	if len(message) < 4 {
		return nil, fail(what, BadFormat)
	}
	if message[1] != algorithm01 {
		return nil, fail(what, BadAlgorithm)
	}
	if !sumEqual(hash, message, static) {
		return nil, fail(what, HashMismatch)
	}
	return message[2:4], nil
}

// Wipe overwrites and drops what was collected.
func (s *StaticData) Wipe() {
	clear(s.data)
	*s = StaticData{}
}
