package emvkernel_test

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"math/big"
	mrand "math/rand/v2"
	"sync"
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/oda"
	"smartreader/emvkernel/tlv"
)

// signed is a stub with keys: its certification authority, its issuer and itself sign whatever a test
// wants, right or wrong, where the cards of emvtest sign what cards sign. The keys are short, and each
// certificate needs a remainder.
type signed struct {
	*stub
	certs map[tlv.Tag][]byte // '8F', '90', '92', '9F32', '93', '9F46', '9F47', '9F48'; in file 2

	pdol, cdol1 []byte // what the card was sent
	generated   int    // GENERATE ACs answered
	signatures  int    // dynamic signatures made
	// dynamic and combined may change what is signed; n counts the GENERATE ACs from 1.
	dynamic  func(p *proof)
	combined func(n int, p *proof)
	kinds    []byte // CID of each GENERATE AC; after the last one '00'
	higher   bool   // may answer more than asked for
	format   byte   // of the answer to INTERNAL AUTHENTICATE: 77 or 80
}

// proof is what a dynamic signature is made of.
type proof struct {
	number        []byte // ICC dynamic number with its length byte
	cid           byte   // as signed
	cryptogram    []byte
	un            []byte // what is hashed behind the signed data
	before, after []byte // data objects of the answer, around the signature
	transaction   []byte // what of the transaction is hashed, before and after behind it
}

// rsaKey signs by plain exponentiation: enough for tests.
type rsaKey struct {
	oda.PublicKey
	n, d *big.Int
}

func newKey(name string, size int) *rsaKey {
	source := mrand.NewChaCha8(sha256.Sum256([]byte("test key " + name)))
	e, one := big.NewInt(3), big.NewInt(1)
	prime := func() *big.Int {
		raw := make([]byte, size/2)
		for {
			source.Read(raw)
			raw[0] |= 0xC0
			raw[len(raw)-1] |= 1
			if p := new(big.Int).SetBytes(raw); p.ProbablyPrime(10) && new(big.Int).Mod(p, e).Int64() == 2 {
				return p
			}
		}
	}
	p, q := prime(), prime()
	n := new(big.Int).Mul(p, q)
	d := new(big.Int).ModInverse(e, new(big.Int).Mul(p.Sub(p, one), q.Sub(q, one)))
	return &rsaKey{oda.PublicKey{Modulus: n.Bytes(), Exponent: []byte{3}}, n, d}
}

// sign pads body with 'BB' and signs 6A | body | SHA-1(body | extra...) | BC.
func (k *rsaKey) sign(body []byte, extra ...[]byte) []byte {
	size := len(k.Modulus)
	for len(body) < size-22 {
		body = append(body, 0xBB)
	}
	sum := sha1.Sum(append(bytes.Clone(body), bytes.Join(extra, nil)...))
	m := append([]byte{0x6A}, body...)
	m = append(append(m, sum[:]...), 0xBC)
	x := new(big.Int).SetBytes(m)
	return x.Exp(x, k.d, k.n).FillBytes(make([]byte, size))
}

// certify returns a certificate and the remainder of the key.
func (k *rsaKey) certify(format byte, id []byte, key *rsaKey, static []byte) (certificate, remainder []byte) {
	body := append([]byte{format}, id...)
	body = append(body, 0x12, 0x49, 0x00, 0x00, 0x07, 1, 1, byte(len(key.Modulus)), byte(len(key.Exponent)))
	fits := len(k.Modulus) - 22 - len(body)
	return k.sign(append(body, key.Modulus[:fits]...), key.Modulus[fits:], key.Exponent, static), key.Modulus[fits:]
}

var signedKeys = sync.OnceValue(func() (keys struct{ ca, issuer, icc *rsaKey }) {
	keys.ca, keys.issuer, keys.icc = newKey("ca", 80), newKey("issuer", 76), newKey("icc", 68)
	return keys
})

// signedIndex is the index of the certification authority key; the serial number of both certificates is
// 000007.
const signedIndex = 0xF1

// signedTerminal is terminal with the key of the signed cards.
func signedTerminal() *emvkernel.Config {
	cfg := terminal()
	ca := signedKeys().ca
	key := oda.CAKey{RID: [5]byte{0xA0, 0, 0, 0, 3}, Index: signedIndex, Modulus: ca.Modulus, Exponent: ca.Exponent, Expiry: "2049-12", Test: true}
	sum := key.Sum()
	key.Checksum = sum[:]
	cfg.Test, cfg.CAKeys = true, []oda.CAKey{key}
	return cfg
}

// newSigned makes a card that promises the methods in aip. change may alter its data before it is signed.
func newSigned(aip byte, change func(*stub)) *signed {
	s := newStub()
	s.aip[0] = aip
	s.afl = []byte{0x08, 1, 1, 1, 0x10, 1, 3, 0}
	s.data[0x8C] = []byte{0x9F, 0x02, 0x06, 0x95, 0x05, 0x9F, 0x37, 0x04}
	s.data[0x8D] = []byte{0x8A, 0x02, 0x95, 0x05, 0x9F, 0x37, 0x04}
	if change != nil {
		change(s)
	}
	c := &signed{stub: s, format: 0x77, kinds: []byte{0x80, 0x40}}
	static := template(0x70, s.data)[2:]
	if len(static) > 0x7F {
		static = static[1:] // '81' before the length
	}
	if list, have := s.data[0x9F4A]; have && bytes.Equal(list, []byte{0x82}) {
		static = append(bytes.Clone(static), s.aip[:]...)
	}
	k := signedKeys()
	account := s.data[0x5A]
	c.certs = map[tlv.Tag][]byte{0x8F: {signedIndex}, 0x9F32: {3}, 0x9F47: {3}}
	c.certs[0x90], c.certs[0x92] = k.ca.certify(0x02, append(bytes.Clone(account[:3]), 0xFF), k.issuer, nil)
	c.certs[0x9F46], c.certs[0x9F48] = k.issuer.certify(0x04, append(bytes.Clone(account), 0xFF, 0xFF), k.icc, static)
	c.certs[0x93] = k.issuer.sign([]byte{0x03, 1, 0xDA, 0xC5}, static)
	return c
}

// record gives record n of file 2: the issuer's certificate, the card's, what else there is.
func (c *signed) record(n byte) []byte {
	data := map[tlv.Tag][]byte{}
	for tag, v := range c.certs {
		place := byte(3)
		switch tag {
		case 0x8F, 0x90, 0x92, 0x9F32:
			place = 1
		case 0x9F46, 0x9F47, 0x9F48:
			place = 2
		}
		if place == n {
			data[tag] = v
		}
	}
	return ok(template(0x70, data))
}

func (c *signed) Transceive(ctx context.Context, command []byte) ([]byte, error) {
	answer, err := c.stub.Transceive(ctx, command)
	if err != nil {
		return answer, err
	}
	cmd, err := apdu.ParseCommand(command)
	if err != nil {
		return nil, err
	}
	switch {
	case cmd.INS == apdu.INSReadRecord && cmd.P2>>3 == 2:
		if _, replaced := c.records[[2]byte{2, cmd.P1}]; !replaced {
			return c.record(cmd.P1), nil
		}
	case cmd.INS == apdu.INSGetProcessingOptions:
		e, _, err := tlv.ParseOne(cmd.Data)
		if err != nil {
			return nil, err
		}
		c.pdol = bytes.Clone(e.Value)
	case cmd.INS == apdu.INSInternalAuthenticate && c.answers[cmd.INS] == nil:
		p := &proof{number: []byte{8, 1, 2, 3, 4, 5, 6, 7, byte(c.signatures)}, un: cmd.Data}
		if c.dynamic != nil {
			c.dynamic(p)
		}
		c.signatures++
		sdad := signedKeys().icc.sign(append([]byte{0x05, 1, byte(len(p.number))}, p.number...), p.un)
		if c.format == 0x80 {
			return ok(tlv.Append(nil, 0x80, sdad...)), nil
		}
		return ok(tlv.Append(nil, 0x77, tlv.Append(nil, 0x9F4B, sdad...)...)), nil
	case cmd.INS == apdu.INSGenerateAC:
		return c.generateAC(cmd), nil
	}
	return answer, nil
}

func (c *signed) generateAC(cmd apdu.Command) []byte {
	c.generated++
	cid := byte(0)
	if c.generated <= len(c.kinds) {
		cid = c.kinds[c.generated-1]
	}
	if height(cid) > height(cmd.P1&0xC0) && !c.higher {
		cid = cmd.P1 & 0xC0
	}
	transaction := append(bytes.Clone(c.pdol), cmd.Data...)
	if c.generated == 1 {
		c.cdol1 = bytes.Clone(cmd.Data)
	} else {
		transaction = bytes.Join([][]byte{c.pdol, c.cdol1, cmd.Data}, nil)
	}
	if cmd.P1&apdu.RequestCDA == 0 || cid == 0 {
		return acFormat1(cid)
	}
	p := &proof{
		number: []byte{4, 9, 8, 7, byte(c.generated)}, cid: cid, cryptogram: []byte("CRYPTOGR"),
		un:          cmd.Data[max(0, len(cmd.Data)-4):], // both lists end with '9F37'
		before:      []byte{0x9F, 0x27, 0x01, cid, 0x9F, 0x36, 0x02, 0x00, 0x2A},
		after:       []byte{0x9F, 0x10, 0x02, 0x06, 0x01},
		transaction: transaction,
	}
	if c.combined != nil {
		c.combined(c.generated, p)
	}
	c.signatures++
	hash := sha1.Sum(bytes.Join([][]byte{p.transaction, p.before, p.after}, nil))
	dynamic := append(append(append(bytes.Clone(p.number), p.cid), p.cryptogram...), hash[:]...)
	sdad := signedKeys().icc.sign(append([]byte{0x05, 1, byte(len(dynamic))}, dynamic...), p.un)
	return ok(tlv.Append(nil, 0x77, append(tlv.Append(bytes.Clone(p.before), 0x9F4B, sdad...), p.after...)...))
}

func height(kind byte) int { return map[byte]int{0x00: 0, 0x80: 1, 0x40: 2}[kind] }

// run collects a payment with the card on signedTerminal.
func (c *signed) run(t testing.TB, change func(*emvkernel.Config, *emvkernel.Params)) (*emvkernel.Transaction, emvkernel.Outcome) {
	t.Helper()
	cfg, p := signedTerminal(), payment()
	if change != nil {
		change(cfg, &p)
	}
	tx := begin(t, cfg, p, c, nil)
	return tx, collect(t, tx)
}
