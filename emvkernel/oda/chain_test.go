package oda

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	mrand "math/rand/v2"
	"sync"
	"testing"
	"time"

	"smartreader/emvkernel/tlv"
)

// signer is a test key of any length in bytes, also such that crypto/rsa refuses.
type signer struct {
	PublicKey
	n, d *big.Int
}

// signers keeps the keys made so far: by size and exponent.
var signers sync.Map

// newSigner makes a key with a modulus of size bytes, always the same one: fuzzing runs in several
// processes, and the seeds of one must verify in the others.
func newSigner(t testing.TB, size int, exponent int64) *signer {
	t.Helper()
	name := [2]int64{int64(size), exponent}
	if s, have := signers.Load(name); have {
		return s.(*signer)
	}
	e := big.NewInt(exponent)
	one := big.NewInt(1)
	source := mrand.NewChaCha8(sha256.Sum256(fmt.Append(nil, "test key ", size, " ", exponent)))
	for range 1000 {
		p, q := prime(source, size*4), prime(source, size*8-size*4)
		n := new(big.Int).Mul(p, q)
		phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
		d := new(big.Int).ModInverse(e, phi)
		if d == nil || n.BitLen() != size*8 {
			continue
		}
		s := &signer{PublicKey{Modulus: n.Bytes(), Exponent: e.Bytes()}, n, d}
		signers.Store(name, s)
		return s
	}
	t.Fatal("no key found")
	return nil
}

// prime finds a prime whose two top bits are set: the modulus then has its full length and begins with
// a byte above '6A', so that every message fits.
func prime(source *mrand.ChaCha8, bits int) *big.Int {
	raw := make([]byte, (bits+7)/8)
	source.Read(raw)
	n := new(big.Int).SetBytes(raw)
	n.Rsh(n, uint(len(raw)*8-bits))
	n.SetBit(n.SetBit(n.SetBit(n, bits-1, 1), bits-2, 1), 0, 1)
	for !n.ProbablyPrime(10) {
		n.Add(n, big.NewInt(2))
	}
	return n
}

// raw applies the private key to a whole message.
func (s *signer) raw(message []byte) []byte {
	m := new(big.Int).SetBytes(message)
	return m.Exp(m, s.d, s.n).FillBytes(make([]byte, len(s.Modulus)))
}

// sign builds 6A | body | SHA-1(body, extra...) | BC and signs it. body must fit exactly.
func (s *signer) sign(t testing.TB, body []byte, extra ...[]byte) []byte {
	t.Helper()
	if len(body) != len(s.Modulus)-22 {
		t.Fatalf("body of %d bytes for a key of %d", len(body), len(s.Modulus))
	}
	h := sha1.New()
	h.Write(body)
	for _, e := range extra {
		h.Write(e)
	}
	m := append([]byte{0x6A}, body...)
	m = append(m, h.Sum(nil)...)
	return s.raw(append(m, 0xBC))
}

// pad fills body with BB to the room a key leaves.
func (s *signer) pad(body []byte) []byte {
	for len(body) < len(s.Modulus)-22 {
		body = append(body, 0xBB)
	}
	return body
}

// certify issues a certificate for key. edit may change the body before it is signed.
func (s *signer) certify(t testing.TB, format byte, id []byte, expiry [2]byte, key PublicKey, static []byte, edit func([]byte)) Certificate {
	t.Helper()
	body := append([]byte{format}, id...)
	body = append(body, expiry[:]...)
	body = append(body, 0x00, 0x00, 0x01, 0x01, 0x01, byte(len(key.Modulus)), byte(len(key.Exponent)))
	room := len(s.Modulus) - 22 - len(body)
	fits := min(room, len(key.Modulus))
	body = s.pad(append(body, key.Modulus[:fits]...))
	if edit != nil {
		edit(body)
	}
	remainder := key.Modulus[fits:]
	return Certificate{
		Certificate: s.sign(t, body, remainder, key.Exponent, static),
		Remainder:   remainder,
		Exponent:    key.Exponent,
	}
}

var (
	testPAN    = []byte{0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42}
	testPAN10  = append(append([]byte{}, testPAN...), 0xFF, 0xFF)
	testIssuer = []byte{0x42, 0x42, 0x42, 0xFF}
	testStatic = []byte("static data to be authenticated")
	today      = time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)
	dec27      = [2]byte{0x12, 0x27}
)

// chain is a certification authority, an issuer and a card of given key lengths.
type chain struct {
	ca          CAKey
	caKey       *signer
	issuer, icc *signer
}

func newChain(t testing.TB, caSize, issuerSize, iccSize int) *chain {
	t.Helper()
	return chainOf(newSigner(t, caSize, 65537), newSigner(t, issuerSize, 3), newSigner(t, iccSize, 65537))
}

// newChainOf makes one whose keys have all the same exponent.
func newChainOf(t testing.TB, caSize, issuerSize, iccSize int, exponent int64) *chain {
	t.Helper()
	return chainOf(newSigner(t, caSize, exponent), newSigner(t, issuerSize, exponent), newSigner(t, iccSize, exponent))
}

func chainOf(ca, issuer, icc *signer) *chain {
	c := &chain{caKey: ca, issuer: issuer, icc: icc}
	c.ca = CAKey{RID: [5]byte{0xA0, 0, 0, 0, 3}, Index: 0x92, Modulus: c.caKey.Modulus, Exponent: c.caKey.Exponent, Expiry: "2031-12"}
	sum := c.ca.Sum()
	c.ca.Checksum = sum[:]
	return c
}

func (c *chain) issuerCertificate(t testing.TB, edit func([]byte)) Certificate {
	return c.caKey.certify(t, formatIssuer, testIssuer, dec27, c.issuer.PublicKey, nil, edit)
}

func (c *chain) iccCertificate(t testing.TB, edit func([]byte)) Certificate {
	return c.issuer.certify(t, formatICC, testPAN10, dec27, c.icc.PublicKey, testStatic, edit)
}

// The way from the certification authority to a card's key, by the card's data objects, and everything that can be
// missing or wrong on it.
func TestChain(t *testing.T) {
	c := newChain(t, 144, 128, 112)
	issuer, icc := c.issuerCertificate(t, nil), c.iccCertificate(t, nil)
	record := tlv.Append(nil, 0x70, testStatic...)
	tests := []struct {
		name   string
		change func(objects map[tlv.Tag][]byte, chain *Chain)
		want   error
	}{
		{"good", func(map[tlv.Tag][]byte, *Chain) {}, nil},
		{"no key index", func(o map[tlv.Tag][]byte, _ *Chain) { delete(o, 0x8F) }, Missing},
		{"a key index of two bytes", func(o map[tlv.Tag][]byte, _ *Chain) { o[0x8F] = []byte{0x92, 0x92} }, Missing},
		{"another key index", func(o map[tlv.Tag][]byte, _ *Chain) { o[0x8F] = []byte{0x93} }, NoCAKey},
		{"another provider", func(_ map[tlv.Tag][]byte, c *Chain) { c.RID = []byte{0xA0, 0, 0, 0, 4} }, NoCAKey},
		{"no keys", func(_ map[tlv.Tag][]byte, c *Chain) { c.Keys = nil }, NoCAKey},
		{"revoked", func(_ map[tlv.Tag][]byte, ch *Chain) {
			ch.Revoked = []Revocation{{RID: c.ca.RID, Index: c.ca.Index, Serial: [3]byte{0, 0, 1}}}
		}, Revoked},
		{"later", func(_ map[tlv.Tag][]byte, c *Chain) { c.On = c.On.AddDate(2, 0, 0) }, Expired},
		{"no issuer certificate", func(o map[tlv.Tag][]byte, _ *Chain) { delete(o, 0x90) }, Missing},
		{"no card certificate", func(o map[tlv.Tag][]byte, _ *Chain) { delete(o, 0x9F46) }, Missing},
		{"another account", func(o map[tlv.Tag][]byte, _ *Chain) { o[0x5A] = []byte{0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x59} }, PANMismatch},
		{"the AIP asked for, and not signed", func(o map[tlv.Tag][]byte, _ *Chain) { o[0x9F4A] = []byte{0x82} }, HashMismatch},
		{"something else asked for", func(o map[tlv.Tag][]byte, _ *Chain) { o[0x9F4A] = []byte{0x5A} }, BadStaticData},
		{"an empty tag list", func(o map[tlv.Tag][]byte, _ *Chain) { o[0x9F4A] = []byte{} }, BadStaticData},
	}
	for _, tt := range tests {
		objects := map[tlv.Tag][]byte{
			0x8F: {c.ca.Index}, 0x90: issuer.Certificate, 0x92: issuer.Remainder, 0x9F32: issuer.Exponent,
			0x9F46: icc.Certificate, 0x9F48: icc.Remainder, 0x9F47: icc.Exponent, 0x5A: testPAN,
		}
		chain := Chain{Get: func(tag tlv.Tag) []byte { return objects[tag] }, RID: c.ca.RID[:], Keys: []CAKey{c.ca}, On: today}
		tt.change(objects, &chain)
		var static StaticData
		static.AddRecord(1, record)
		key, err := chain.ICCKey(&static, []byte{0x18, 0x00})
		if !errors.Is(err, tt.want) || err == nil && !bytes.Equal(key.Modulus, c.icc.Modulus) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}

// What is missing is found before anything is computed, and named.
func TestChainNeeds(t *testing.T) {
	chain := Chain{Get: func(tag tlv.Tag) []byte {
		return map[tlv.Tag][]byte{0x8F: {0x92}, 0x90: {}}[tag]
	}}
	if err := chain.Need(0x8F); err != nil {
		t.Error(err)
	}
	for _, tag := range []tlv.Tag{0x90, 0x9F32} {
		err := chain.Need(0x8F, tag)
		if f, ok := errors.AsType[*Failure](err); !ok || !errors.Is(err, Missing) || f.What != "tag "+tag.String() {
			t.Errorf("%s: %v", tag, err)
		}
	}
}
