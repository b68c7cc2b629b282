package emvtest

import (
	"bytes"
	"crypto/sha1"
	"math/big"
	"testing"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tlv"
)

// Every fault changes something a terminal or issuer sees, and nothing that comes before it.
func TestEveryFaultShows(t *testing.T) {
	const visa = "application visa\npan 4242424242424242\n"
	const mastercard = "application mastercard\npan 5555555555554444\n"
	for _, f := range faults {
		text := visa
		switch f.name {
		case faultStaticSignature:
			text += "oda sda\n"
		case faultCDACID, faultCDAHash:
			text = mastercard
		case faultPINSignature, faultPINExpired, faultPINKeyShort:
			text += "pin-key own\n"
		}
		good, bad := transcript(t, text), transcript(t, text+"fault "+f.name+"\n")
		if bytes.Equal(good, bad) {
			t.Errorf("%s: the card behaves like a good one", f.name)
		}
	}
}

// transcript is all a card says in a transaction up to the first cryptogram.
func transcript(t *testing.T, text string) []byte {
	t.Helper()
	d := newDesk(t, parse(t, text), nil)
	d.selectFirst()
	out := d.must(apdu.GetProcessingOptions(d.dol(d.app().pdol)))
	for afl := d.app().afl; len(afl) > 0; afl = afl[4:] {
		for n := afl[1]; n <= afl[2]; n++ {
			out = append(out, d.must(apdu.ReadRecord(afl[0]>>3, n))...)
		}
	}
	if d.app().icc != nil {
		out = append(out, d.must(apdu.InternalAuthenticate([]byte{1, 2, 3, 4}))...)
	}
	return append(out, d.must(apdu.GenerateAC(apdu.RequestARQC|apdu.RequestCDA, d.dol(d.app().cdol1)))...)
}

// The faults in certificates and signatures are what they say: one link of the chain breaks.
func TestBrokenLinks(t *testing.T) {
	opens := func(signature, modulus, exponent, alsoHashed []byte) bool {
		m := new(big.Int).Exp(new(big.Int).SetBytes(signature), new(big.Int).SetBytes(exponent), new(big.Int).SetBytes(modulus))
		b := m.FillBytes(make([]byte, len(modulus)))
		sum := sha1.Sum(append(bytes.Clone(b[1:len(b)-21]), alsoHashed...))
		return b[0] == 0x6A && b[len(b)-1] == 0xBC && bytes.Equal(sum[:], b[len(b)-21:len(b)-1])
	}
	for _, c := range []struct {
		fault                string
		issuer, icc, dynamic bool
	}{
		{"", true, true, true},
		{faultIssuerSignature, false, true, true},
		{faultICCSignature, true, false, true},
		{faultStaticData, true, false, true},
		{faultSDADSignature, true, true, false},
	} {
		text := "application visa\npan 4242424242424242\n"
		if c.fault != "" {
			text += "fault " + c.fault + "\n"
		}
		d := newDesk(t, parse(t, text), nil)
		d.begin()
		b := d.app().brand
		ca, issuer := findKey(b.caSpec()), findKey(b.issuerSpec())
		if got := opens(d.read[0x90], ca.modulus(), ca.exponent(), append(bytes.Clone(d.read[0x92]), d.read[0x9F32]...)); got != c.issuer {
			t.Errorf("%q: issuer certificate opens: %v", c.fault, got)
		}
		also := append(bytes.Clone(d.read[0x9F48]), d.read[0x9F47]...)
		if got := opens(d.read[0x9F46], issuer.modulus(), issuer.exponent(), append(also, d.signedData()...)); got != c.icc {
			t.Errorf("%q: card certificate opens: %v", c.fault, got)
		}
		e, _, _ := tlv.ParseOne(d.must(apdu.InternalAuthenticate([]byte{1, 2, 3, 4})))
		if got := opens(e.Value, d.app().icc.modulus(), d.app().icc.exponent(), []byte{1, 2, 3, 4}); got != c.dynamic {
			t.Errorf("%q: signature opens: %v", c.fault, got)
		}
	}
}
