package emvkernel_test

import (
	"bytes"
	"math/big"
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/oda"
	"smartreader/emvkernel/tlv"
)

// Methods in byte 1 of the AIP.
const (
	aipSDA = 0x40
	aipDDA = 0x20
	aipCDA = 0x01
)

// EMV fact 12: the strongest method that card and terminal both have, CDA before DDA before SDA. A stub
// has none of the data it promises, so the TVR shows which one was tried.
func TestMethodSelection(t *testing.T) {
	const sda, dda, cda = 0x80, 0x40, 0x08 // '9F33' byte 3
	for bits := range 64 {
		aip, can := byte(0), byte(0)
		for i, m := range []struct{ card, terminal byte }{{aipSDA, sda}, {aipDDA, dda}, {aipCDA, cda}} {
			if bits>>i&1 == 1 {
				aip |= m.card
			}
			if bits>>(3+i)&1 == 1 {
				can |= m.terminal
			}
		}
		want, tsi := byte(emvkernel.ODANotPerformed), false
		switch both := bits & (bits >> 3); {
		case both&4 != 0:
			want, tsi = byte(emvkernel.CDAFailed|emvkernel.ICCDataMissing), true
		case both&2 != 0:
			want, tsi = byte(emvkernel.DDAFailed|emvkernel.ICCDataMissing), true
		case both&1 != 0:
			want, tsi = byte(emvkernel.SDAFailed|emvkernel.ICCDataMissing|emvkernel.SDASelected), true
		}
		own := [3]byte{0x20, 0x28, can}
		for name, change := range map[string]func(*emvkernel.Config, *emvkernel.Params){
			"terminal": func(c *emvkernel.Config, _ *emvkernel.Params) { c.Terminal.Capabilities = own },
			"application": func(c *emvkernel.Config, _ *emvkernel.Params) {
				c.Terminal.Capabilities = [3]byte{0x20, 0x28, ^can & (sda | dda | cda)}
				for i := range c.Applications {
					c.Applications[i].Capabilities = &own
				}
			},
		} {
			s := newStub()
			s.aip[0] = aip
			tx, _ := s.run(t, change)
			if tx.TVR()[0] != want || tx.TSI().Has(emvkernel.ODAPerformed) != tsi {
				t.Errorf("AIP %02X, capabilities of the %s %02X: TVR %v, want %02X; TSI %v, want performed %v", aip, name, can, tx.TVR(), want, tx.TSI(), tsi)
			}
		}
	}
}

// EMV fact 12: data missing shows beside the method that failed for it, whatever else is wrong; a remainder
// is missed only where the key needs one.
func TestMissingData(t *testing.T) {
	methods := []struct {
		name   string
		aip    byte
		failed emvkernel.Flag
		needs  []tlv.Tag
	}{
		{"SDA", aipSDA, emvkernel.SDAFailed | emvkernel.SDASelected, []tlv.Tag{0x8F, 0x90, 0x92, 0x9F32, 0x93}},
		{"DDA", aipDDA, emvkernel.DDAFailed, []tlv.Tag{0x8F, 0x90, 0x92, 0x9F32, 0x9F46, 0x9F47, 0x9F48}},
		{"CDA", aipCDA, emvkernel.CDAFailed, []tlv.Tag{0x8F, 0x90, 0x92, 0x9F32, 0x9F46, 0x9F47, 0x9F48}},
	}
	all := []tlv.Tag{0x8F, 0x90, 0x92, 0x9F32, 0x93, 0x9F46, 0x9F47, 0x9F48}
	for _, m := range methods {
		for _, tag := range all {
			for _, otherKeys := range []bool{false, true} { // nor is the certification authority key there
				c := newSigned(m.aip, nil)
				delete(c.certs, tag)
				tx, _ := c.run(t, func(cfg *emvkernel.Config, _ *emvkernel.Params) {
					if otherKeys {
						cfg.CAKeys = nil
					}
				})
				needed := false
				for _, n := range m.needs {
					needed = needed || n == tag
				}
				want := byte(0)
				switch {
				case otherKeys && (tag == 0x92 || tag == 0x9F48 || !needed):
					want = byte(m.failed) // nobody knows how long the key is
				case needed:
					want = byte(m.failed | emvkernel.ICCDataMissing)
				case m.aip == aipSDA:
					want = byte(emvkernel.SDASelected)
				}
				if tx.TVR()[0] != want || !tx.TSI().Has(emvkernel.ODAPerformed) {
					t.Errorf("%s without %v, no key %v: TVR %v, want %02X, TSI %v", m.name, tag, otherKeys, tx.TVR(), want, tx.TSI())
				}
			}
		}
	}
}

// Everything right: each method leaves its traces and nothing else. SDA proves no genuine card.
func TestMethodsSucceed(t *testing.T) {
	for _, m := range []struct {
		aip    byte
		tvr    byte
		proven bool
		code   string // data authentication code, which the card asks for
	}{{aipSDA, byte(emvkernel.SDASelected), false, "DAC5"}, {aipDDA, 0, true, "0000"}, {aipCDA, 0, true, "0000"}} {
		for _, tags := range []map[tlv.Tag][]byte{nil, {0x9F4A: {0x82}}} {
			c := newSigned(m.aip, func(s *stub) {
				s.data[0x8C] = append([]byte{0x9F, 0x45, 2}, s.data[0x8C]...)
				for tag, v := range tags {
					s.data[tag] = v
				}
			})
			tx, out := c.run(t, nil)
			if asked := c.asked(apdu.INSGenerateAC); len(asked) != 1 || !bytes.Equal(asked[0].Data[:2], unhex(t, m.code)) {
				t.Errorf("AIP %02X: the card was given %v, want %s", m.aip, asked, m.code)
			}
			if out.Kind != emvkernel.OnlineRequest || tx.TVR()[0] != m.tvr || !tx.TSI().Has(emvkernel.ODAPerformed) || tx.Authenticated() != m.proven {
				t.Errorf("AIP %02X: %v, TVR %v, TSI %v, authenticated %v", m.aip, out, tx.TVR(), tx.TSI(), tx.Authenticated())
			}
			list, err := tlv.Parse(tx.ACData())
			if err != nil {
				t.Fatal(err)
			}
			if _, have := tlv.Find(list, 0x9F4C); have != (m.aip == aipDDA) {
				// Under CDA the number comes with the answer, after the data set was taken.
				t.Errorf("AIP %02X: ICC dynamic number in the data set: %v", m.aip, have)
			}
		}
	}
}

// EMV fact 7: '9F4A' may ask for the AIP and for nothing else, wherever the card keeps it.
func TestStaticTagList(t *testing.T) {
	for _, m := range []struct {
		aip    byte
		failed emvkernel.Flag
	}{{aipSDA, emvkernel.SDAFailed | emvkernel.SDASelected}, {aipDDA, emvkernel.DDAFailed}, {aipCDA, emvkernel.CDAFailed}} {
		for _, list := range []string{"8282", "84", "5F24", "9F0D", "8200"} {
			c := newSigned(m.aip, func(s *stub) { s.data[0x9F4A] = unhex(t, list) })
			if tx, _ := c.run(t, nil); tx.TVR()[0] != byte(m.failed) || tx.Authenticated() {
				t.Errorf("AIP %02X, list %s: TVR %v", m.aip, list, tx.TVR())
			}
		}
		// In a record that is not signed it works as well, but then the AIP must have been signed.
		c := newSigned(m.aip, nil)
		c.certs[0x9F4A] = []byte{0x82}
		if tx, _ := c.run(t, nil); tx.TVR()[0] != byte(m.failed) {
			t.Errorf("AIP %02X, AIP asked for and not signed: TVR %v", m.aip, tx.TVR())
		}
		// The AIP that counts is the one the card sent.
		c = newSigned(m.aip, func(s *stub) { s.data[0x9F4A] = []byte{0x82} })
		c.aip[1] ^= 0x80
		if tx, _ := c.run(t, nil); tx.TVR()[0] != byte(m.failed) {
			t.Errorf("AIP %02X altered on the way: TVR %v", m.aip, tx.TVR())
		}
	}
}

// EMV fact 7: of the files 11 to 30 the whole record is signed, of the others the content of the template.
func TestSignedFiles(t *testing.T) {
	for _, brand := range []string{"jcb\npan 3566002020360505", "visa\npan 4242424242424242"} {
		for _, method := range []string{"sda", "dda", "cda"} {
			for _, file := range []string{"none", "11", "30"} {
				cfg := emvtest.TerminalConfig()
				card := software(t, "application "+brand+"\nformat 77\noda "+method+"\nsigned-extra "+file+"\n")
				tx := begin(t, &cfg, payment(), card, nil)
				if out := collect(t, tx); out.Kind != emvkernel.OnlineRequest || tx.TVR()[0]&^byte(emvkernel.SDASelected) != 0 {
					t.Errorf("%s %s, file %s: %v, TVR %v", brand, method, file, out, tx.TVR())
				}
			}
		}
	}
	// Records are signed in the order the locator names them.
	c := newSigned(aipSDA, nil)
	record := ok(unhex(t, "7004 5F50 01 41"))
	c.records = map[[2]byte][]byte{{11, 1}: record}
	static := append(bytes.Clone(template(0x70, c.data)[2:]), record[:6]...)
	c.certs[0x93] = signedKeys().issuer.sign([]byte{0x03, 1, 0xDA, 0xC5}, static)
	for afl, failed := range map[string]bool{"08010101 58010101 10010300": false, "58010101 08010101 10010300": true, "08010101 58010100 10010300": true} {
		c.afl = unhex(t, afl)
		if tx, _ := c.run(t, nil); tx.TVR().Has(emvkernel.SDAFailed) != failed {
			t.Errorf("locator %s: TVR %v", afl, tx.TVR())
		}
		c.ac = [][]byte{acFormat1(0x80)}
	}
}

// EMV fact 13: the issuer certificate is on the revocation list, so whatever depends on it failed.
func TestRevokedIssuer(t *testing.T) {
	rid := [5]byte{0xA0, 0, 0, 0, 3}
	listed := oda.Revocation{RID: rid, Index: signedIndex, Serial: [3]byte{0, 0, 7}}
	for _, m := range []struct {
		aip    byte
		failed emvkernel.Flag
	}{{aipSDA, emvkernel.SDAFailed}, {aipDDA, emvkernel.DDAFailed}, {aipCDA, emvkernel.CDAFailed}} {
		for name, tt := range map[string]struct {
			list    []oda.Revocation
			revoked bool
		}{
			"listed":              {[]oda.Revocation{{RID: rid, Index: 1}, listed}, true},
			"no list":             {nil, false},
			"another serial":      {[]oda.Revocation{{RID: rid, Index: signedIndex, Serial: [3]byte{0, 0, 8}}}, false},
			"another index":       {[]oda.Revocation{{RID: rid, Index: 0xF2, Serial: listed.Serial}}, false},
			"another application": {[]oda.Revocation{{RID: [5]byte{0xA0, 0, 0, 0, 4}, Index: signedIndex, Serial: listed.Serial}}, false},
		} {
			tx, out := newSigned(m.aip, nil).run(t, func(c *emvkernel.Config, _ *emvkernel.Params) { c.Revoked = tt.list })
			if tx.TVR().Has(m.failed) != tt.revoked || tx.TVR().Has(emvkernel.ICCDataMissing) || !tx.TSI().Has(emvkernel.ODAPerformed) {
				t.Errorf("%s, AIP %02X: %v, TVR %v, TSI %v", name, m.aip, out, tx.TVR(), tx.TSI())
			}
			if tt.revoked && tx.Authenticated() {
				t.Errorf("AIP %02X: a card of a revoked issuer is authenticated", m.aip)
			}
		}
	}
}

// The serial number of an ordinary test card's issuer certificate, taken from the certificate itself.
func TestRevokedTestCard(t *testing.T) {
	cfg := emvtest.TerminalConfig()
	card := &recorder{card: software(t, visa)}
	collect(t, begin(t, &cfg, payment(), card, nil))
	var certificate, index []byte
	for _, f := range card.frames {
		if f.command[1] != apdu.INSReadRecord || f.answer[0] != 0x70 {
			continue
		}
		e, _, err := tlv.ParseOne(f.answer)
		if err != nil {
			t.Fatal(err)
		}
		list, err := e.Children()
		if err != nil {
			t.Fatal(err)
		}
		if e, have := tlv.Find(list, 0x90); have {
			certificate = e.Value
		}
		if e, have := tlv.Find(list, 0x8F); have {
			index = e.Value
		}
	}
	ca, err := oda.Find(cfg.CAKeys, []byte{0xA0, 0, 0, 0, 3}, index[0])
	if err != nil {
		t.Fatal(err)
	}
	x := new(big.Int).SetBytes(certificate)
	x.Exp(x, new(big.Int).SetBytes(ca.Exponent), new(big.Int).SetBytes(ca.Modulus))
	recovered := x.FillBytes(make([]byte, len(ca.Modulus)))
	// 6A, format, issuer identifier(4), expiry(2), serial number(3)
	cfg.Revoked = []oda.Revocation{{RID: ca.RID, Index: ca.Index, Serial: [3]byte(recovered[8:11])}}
	tx := begin(t, &cfg, payment(), software(t, visa), nil)
	collect(t, tx)
	if !tx.TVR().Has(emvkernel.DDAFailed) || tx.Authenticated() {
		t.Errorf("TVR %v", tx.TVR())
	}
	// Nor does that issuer vouch for a key PINs could be enciphered with, the card's own for PINs or the other.
	for _, profile := range []string{visa, visa + "pin-key own\n"} {
		keypad := &pad{verdicts: []emvkernel.PINVerdict{{Entry: emvkernel.PINEntered, SW: apdu.OK}}}
		p := payment()
		p.PINPad = keypad
		collect(t, begin(t, &cfg, p, software(t, profile+"cvm enciphered-pin always\n"), nil))
		if len(keypad.asked) != 0 {
			t.Error("a PIN was asked for, to be enciphered with a key of a revoked issuer")
		}
	}
	unlisted := cfg
	unlisted.Revoked = nil
	keypad := &pad{verdicts: []emvkernel.PINVerdict{{Entry: emvkernel.PINEntered, SW: apdu.OK}}}
	p := payment()
	p.PINPad = keypad
	collect(t, begin(t, &unlisted, p, software(t, visa+"pin-key own\ncvm enciphered-pin always\n"), nil))
	if len(keypad.asked) != 1 {
		t.Error("no PIN was asked for with a good key")
	}
}
