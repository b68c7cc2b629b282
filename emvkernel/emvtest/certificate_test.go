package emvtest

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tlv"
)

// recovered opens a signature with a public key and checks its frame and hash; body is what stands
// between header and hash.
func recovered(t *testing.T, what string, signature, modulus, exponent, alsoHashed []byte) (body []byte) {
	t.Helper()
	if len(signature) != len(modulus) {
		t.Fatalf("%s: %d bytes, the key has %d", what, len(signature), len(modulus))
	}
	m := new(big.Int).Exp(new(big.Int).SetBytes(signature), new(big.Int).SetBytes(exponent), new(big.Int).SetBytes(modulus))
	b := m.FillBytes(make([]byte, len(modulus)))
	if b[0] != 0x6A || b[len(b)-1] != 0xBC {
		t.Fatalf("%s: frame %02X...%02X", what, b[0], b[len(b)-1])
	}
	body = b[1 : len(b)-21]
	if sum := sha1.Sum(append(bytes.Clone(body), alsoHashed...)); !bytes.Equal(sum[:], b[len(b)-21:len(b)-1]) {
		t.Fatalf("%s: hash differs", what)
	}
	return body
}

// chain recovers the issuer's and the card's public modulus from what the card's records hold.
func chain(t *testing.T, d *desk, static []byte) (issuer, icc []byte) {
	t.Helper()
	var ca []byte
	var caExponent []byte
	for _, k := range CAKeys() {
		if err := k.Check(); err != nil {
			t.Fatal(err)
		}
		if bytes.HasPrefix(d.app().aid, k.RID[:]) && d.read[0x8F][0] == k.Index {
			ca, caExponent = k.Modulus, k.Exponent
		}
	}
	body := recovered(t, "issuer certificate", d.read[0x90], ca, caExponent, append(bytes.Clone(d.read[0x92]), d.read[0x9F32]...))
	if body[0] != 0x02 || !strings.HasPrefix(string(d.app().pan), strings.TrimRight(hex.EncodeToString(body[1:5]), "f")) {
		t.Fatalf("issuer certificate: format %02X, identifier %X", body[0], body[1:5])
	}
	issuer = publicModulus(body[14:], body[12], d.read[0x92])

	if len(d.read[0x9F46]) == 0 {
		return issuer, nil
	}
	also := append(bytes.Clone(d.read[0x9F48]), d.read[0x9F47]...)
	body = recovered(t, "icc certificate", d.read[0x9F46], issuer, d.read[0x9F32], append(also, static...))
	if number := strings.TrimRight(hex.EncodeToString(body[1:11]), "f"); body[0] != 0x04 || number != string(d.app().pan) {
		t.Fatalf("icc certificate: format %02X or another card's", body[0])
	}
	return issuer, publicModulus(body[20:], body[18], d.read[0x9F48])
}

func publicModulus(field []byte, length byte, remainder []byte) []byte {
	if len(remainder) > 0 {
		return append(bytes.Clone(field), remainder...)
	}
	return field[:length]
}

// signedData collects the static data to be authenticated from the AFL, as a terminal does.
func (d *desk) signedData() []byte {
	d.t.Helper()
	var out []byte
	for afl := d.app().afl; len(afl) > 0; afl = afl[4:] {
		for n := range afl[3] {
			record := d.must(apdu.ReadRecord(afl[0]>>3, afl[1]+n))
			if afl[0]>>3 <= 10 {
				e, _, _ := tlv.ParseOne(record)
				record = e.Value
			}
			out = append(out, record...)
		}
	}
	if bytes.Equal(d.read[0x9F4A], []byte{0x82}) {
		out = append(out, d.app().aip[:]...)
	}
	return out
}

func TestCertificatesRecover(t *testing.T) {
	for _, name := range []string{"visa", "mastercard", "amex", "discover", "jcb", "unionpay", "sda"} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, load(t, name), nil)
			d.begin()
			static := d.signedData()
			issuer, icc := chain(t, d, static)
			if name == "sda" {
				if body := recovered(t, "static signature", d.read[0x93], issuer, d.read[0x9F32], static); body[0] != 0x03 {
					t.Errorf("format %02X", body[0])
				}
				return
			}
			if want := d.app().brand.icc.bits / 8; len(icc) != want {
				t.Errorf("card key of %d bytes, want %d", len(icc), want)
			}
			ddol, err := tlv.ParseDOL(d.read[0x9F49])
			if err != nil {
				t.Fatal(err)
			}
			data := d.dol(ddol)
			e, _, err := tlv.ParseOne(d.must(apdu.InternalAuthenticate(data)))
			if err != nil {
				t.Fatal(err)
			}
			signature := e.Value
			if e.Tag == 0x77 {
				e, _, _ = tlv.ParseOne(e.Value)
				signature = e.Value
			}
			body := recovered(t, "dynamic signature", signature, icc, d.read[0x9F47], data)
			if body[0] != 0x05 || body[2] != 9 || body[3] != 8 {
				t.Errorf("format %02X, length %d, number of %d bytes", body[0], body[2], body[3])
			}
		})
	}
}

func TestCDASignatureCoversTheTransaction(t *testing.T) {
	for _, name := range []string{"mastercard", "amex", "jcb"} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, load(t, name), nil)
			d.begin()
			_, icc := chain(t, d, d.signedData())
			pdol := d.dol(d.app().pdol)
			first := d.dol(d.app().cdol1)
			arqc := cdaAnswer(t, d, icc, apdu.RequestARQC|apdu.RequestCDA, first, append(bytes.Clone(pdol), first...))

			issuer := NewIssuer()
			data := encode(d.payment(arqc))
			answer, err := issuer.Respond(data, [2]byte{'0', '0'})
			if err != nil {
				t.Fatal(err)
			}
			if result, err := issuer.Check(data); err != nil || result.Verdict != Genuine {
				t.Fatalf("%v %s %v", result.Verdict, result.Reason, err)
			}
			if d.app().issuerAuthentication.way == "external" {
				d.must(apdu.ExternalAuthenticate(answer))
			}
			d.values[0x91] = answer
			d.values[0x9F37] = []byte{1, 2, 3, 4} // the second signature is over the second number
			second := d.dol(d.app().cdol2)
			covered := append(append(bytes.Clone(pdol), first...), second...)
			if tc := cdaAnswer(t, d, icc, apdu.RequestTC|apdu.RequestCDA, second, covered); tc[0x9F27][0] != 0x40 {
				t.Errorf("cryptogram information %02X, want TC", tc[0x9F27])
			}
		})
	}
}

// cdaAnswer sends a GENERATE AC, checks its signature over what was covered and returns the data with
// the cryptogram that was inside.
func cdaAnswer(t *testing.T, d *desk, icc []byte, p1 byte, data, covered []byte) map[tlv.Tag][]byte {
	t.Helper()
	e, _, err := tlv.ParseOne(d.must(apdu.GenerateAC(p1, data)))
	if err != nil || e.Tag != 0x77 {
		t.Fatalf("template %v: %v", e.Tag, err)
	}
	elements, err := e.Children()
	if err != nil {
		t.Fatal(err)
	}
	out := map[tlv.Tag][]byte{}
	for _, e := range elements {
		out[e.Tag] = e.Value
		if e.Tag != 0x9F4B {
			covered = append(covered, e.Raw...)
		}
	}
	if _, ok := out[0x9F26]; ok {
		t.Fatal("the cryptogram stands outside the signature")
	}
	body := recovered(t, "signed cryptogram", out[0x9F4B], icc, d.read[0x9F47], d.values[0x9F37])
	dynamic := body[3 : 3+int(body[2])]
	rest := dynamic[1+int(dynamic[0]):]
	if rest[0] != out[0x9F27][0] {
		t.Errorf("signed information %02X, sent %02X", rest[0], out[0x9F27])
	}
	if sum := sha1.Sum(covered); !bytes.Equal(sum[:], rest[9:]) {
		t.Error("transaction data hash differs")
	}
	out[0x9F26] = rest[1:9]
	delete(out, 0x9F4B)
	return out
}
