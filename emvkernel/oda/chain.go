package oda

import (
	"time"

	"smartreader/emvkernel/tlv"
)

// Chain leads from the certification authority to a card's own key, by what the card holds.
type Chain struct {
	Get     func(tlv.Tag) []byte // the card's data objects; nil for one it does not have
	RID     []byte               // the first five bytes of the application's name
	Keys    []CAKey
	Revoked []Revocation
	On      time.Time // the transaction date
}

// Need looks for what a method cannot do without, before anything is computed: whether data is missing
// shall not depend on what else is wrong (EMV Book 3, 7.2 and 7.5). Key remainders are only needed where a
// key does not fit its certificate.
func (c Chain) Need(tags ...tlv.Tag) error {
	for _, tag := range tags {
		if len(c.Get(tag)) == 0 {
			return fail("tag "+tag.String(), Missing)
		}
	}
	return nil
}

// IssuerKey recovers the issuer's public key (EMV Book 2, 5.3 and 6.3).
func (c Chain) IssuerKey() (PublicKey, error) {
	index := c.Get(0x8F)
	if len(index) != 1 {
		return PublicKey{}, fail("certification authority key index", Missing)
	}
	ca, err := Find(c.Keys, c.RID, index[0])
	if err != nil {
		return PublicKey{}, err
	}
	return RecoverIssuerKey(ca, Certificate{Certificate: c.Get(0x90), Remainder: c.Get(0x92), Exponent: c.Get(0x9F32)},
		c.Get(0x5A), c.Revoked, c.On)
}

// ICCKey recovers the card's own key, which vouches for the static data (EMV Book 2, 6.4).
func (c Chain) ICCKey(static *StaticData, aip []byte) (PublicKey, error) {
	issuer, err := c.IssuerKey()
	if err != nil {
		return PublicKey{}, err
	}
	signed, err := c.StaticData(static, aip)
	if err != nil {
		return PublicKey{}, err
	}
	return RecoverICCKey(issuer, Certificate{Certificate: c.Get(0x9F46), Remainder: c.Get(0x9F48), Exponent: c.Get(0x9F47)},
		signed, c.Get(0x5A), c.On)
}

// StaticData returns the static data to be authenticated, with the AIP where the card's '9F4A' asks for it.
func (c Chain) StaticData(static *StaticData, aip []byte) ([]byte, error) {
	list := c.Get(0x9F4A)
	return static.Bytes(list, list != nil, aip)
}
