package emvtest

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"math/big"
	"strings"
	"testing"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tlv"
)

// Every fault changes something a terminal or issuer sees.
func TestEveryFaultShows(t *testing.T) {
	for _, f := range faults {
		if onlyByTap(f.name) {
			continue // see TestEveryTapFaultShows
		}
		text, p := cardWith(t, f.name)
		if bytes.Equal(transcript(t, parse(t, text)), transcript(t, p)) {
			t.Errorf("%s: the card behaves like a good one", f.name)
		}
	}
}

// transcript is all a card says in two transactions: one that the issuer approves, and one to be declined.
func transcript(t *testing.T, p *Profile) []byte {
	t.Helper()
	d := newDesk(t, p, nil)
	var out []byte
	send := func(cmd apdu.Command) {
		data, sw := d.send(cmd)
		out = append(append(out, data...), sw.SW1(), sw.SW2())
	}
	start := func() {
		send(apdu.Select(d.card.applications[0].aid, false))
		send(apdu.GetProcessingOptions(d.dol(d.app().pdol)))
		for afl := d.app().afl; len(afl) > 0; afl = afl[4:] {
			for n := afl[1]; n <= afl[2]; n++ {
				send(apdu.ReadRecord(afl[0]>>3, n))
			}
		}
	}
	start()
	if d.app().icc != nil {
		send(apdu.InternalAuthenticate([]byte{1, 2, 3, 4}))
	}
	send(apdu.GenerateAC(apdu.RequestARQC|apdu.RequestCDA, d.dol(d.app().cdol1)))
	if d.app().issuerAuthentication.way == "external" {
		response := arpc(deriveSessionKey(d.app().master, 1), d.card.session.arqc, [2]byte{'0', '0'})
		send(apdu.ExternalAuthenticate(append(response[:], '0', '0')))
	}
	send(apdu.GenerateAC(apdu.RequestTC, d.dol(d.app().cdol2)))
	start()
	send(apdu.GenerateAC(apdu.RequestAAC, d.dol(d.app().cdol1)))
	return out
}

// Nothing in a signed block is wrong but what the flaw says: a check that is left out shows.
func TestFlawsChangeOneField(t *testing.T) {
	signer, subject := findKey(brandNamed("discover").caSpec()), findKey(brandNamed("discover").issuerSpec())
	open := func(f flaw) (block []byte, hashed bool) {
		certificate, remainder := issuerCertificate(signer, subject, [4]byte{0x60, 0x11, 0x11, 0xFF}, goodTerm, f)
		m := new(big.Int).Exp(new(big.Int).SetBytes(certificate), big.NewInt(int64(signer.e)), signer.n)
		b := m.FillBytes(make([]byte, signer.size()))
		sum := sha1.Sum(append(append(bytes.Clone(b[1:len(b)-21]), remainder...), subject.exponent()...))
		return b, bytes.Equal(sum[:], b[len(b)-21:len(b)-1])
	}
	good, hashed := open("")
	if !hashed {
		t.Fatal("the good certificate is not")
	}
	for f, at := range map[flaw]int{
		flawFormat: 1, flawIdentifier: 3, flawHashAlgorithm: 11, flawKeyAlgorithm: 12, flawKeyLength: 13, flawExponentLength: 14,
	} {
		bad, hashed := open(f)
		if !hashed {
			t.Errorf("%s: the hash is wrong too", f)
		}
		for i := range good[:len(good)-21] {
			if (good[i] != bad[i]) != (i == at) {
				t.Errorf("%s: byte %d is %02X, was %02X", f, i, bad[i], good[i])
			}
		}
	}
	for f, at := range map[flaw]int{flawHeader: 0, flawTrailer: len(good) - 1, flawHash: len(good) - 11} {
		bad, _ := open(f)
		for i := range good {
			if (good[i] != bad[i]) != (i == at) {
				t.Errorf("%s: byte %d is %02X, was %02X", f, i, bad[i], good[i])
			}
		}
	}
}

// A fault that would not show is refused, and the error says what it takes.
func TestFaultsThatDoNotApply(t *testing.T) {
	const visa = "application visa\npan 4242424242424242\n"
	for text, want := range map[string]string{
		visa + "fault static-signature\n":                                  `fault static-signature has no effect on this card; it needs "oda sda"`,
		visa + "fault cda-hash\n":                                          `needs "oda cda"`,
		visa + "fault pin-key-short\n":                                     `needs "pin-key own"`,
		visa + "oda none\nfault issuer-certificate-hash\n":                 `needs "oda dda", "oda cda" or "oda sda"`,
		visa + "fault issuer-certificate-remainder-short\n":                `whose issuer key leaves a remainder`,
		visa + "issuer-authentication none\nfault issuer-authentication\n": `needs "issuer-authentication external"`,
		visa + "omit 9F0D\nfault static-data\n":                            `needs no other change of '9F0D'`,
	} {
		_, err := ParseProfile(strings.NewReader(text))
		if !errors.Is(err, ErrProfile) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
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
		{"issuer-certificate-signature", false, true, true},
		{"icc-certificate-signature", true, false, true},
		{faultStaticData, true, false, true},
		{"sdad-signature", true, true, false},
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
