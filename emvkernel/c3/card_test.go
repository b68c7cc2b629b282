package c3_test

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	mrand "math/rand/v2"
	"slices"
	"sync"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/oda"
	"smartreader/emvkernel/tlv"
)

// key is an RSA key, always the same one for a name: fuzzing runs in several processes.
type key struct {
	oda.PublicKey
	n, d *big.Int
}

var keys sync.Map

func newKey(name string, size int, exponent int64) *key {
	name = fmt.Sprint(name, " ", size, " ", exponent)
	if k, have := keys.Load(name); have {
		return k.(*key)
	}
	e, one := big.NewInt(exponent), big.NewInt(1)
	source := mrand.NewChaCha8(sha256.Sum256([]byte("c3 test key " + name)))
	for {
		p, q := prime(source, size*4), prime(source, size*4)
		n := new(big.Int).Mul(p, q)
		phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
		if d := new(big.Int).ModInverse(e, phi); d != nil && n.BitLen() == size*8 {
			k := &key{oda.PublicKey{Modulus: n.Bytes(), Exponent: e.Bytes()}, n, d}
			keys.Store(name, k)
			return k
		}
	}
}

// prime has its two top bits set: the modulus then has its full length and begins above '6A'.
func prime(source *mrand.ChaCha8, bits int) *big.Int {
	raw := make([]byte, bits/8)
	source.Read(raw)
	n := new(big.Int).SetBytes(raw)
	n.SetBit(n.SetBit(n.SetBit(n, bits-1, 1), bits-2, 1), 0, 1)
	for !n.ProbablyPrime(10) {
		n.Add(n, big.NewInt(2))
	}
	return n
}

// sign signs a body, padded to the key's length, with a hash over it and what else is covered.
func (k *key) sign(body []byte, covered ...[]byte) []byte {
	body = append(bytes.Clone(body), bytes.Repeat([]byte{0xBB}, len(k.Modulus)-22-len(body))...)
	h := sha1.New()
	h.Write(body)
	for _, c := range covered {
		h.Write(c)
	}
	block := append(h.Sum(append([]byte{0x6A}, body...)), 0xBC)
	return new(big.Int).Exp(new(big.Int).SetBytes(block), k.d, k.n).FillBytes(make([]byte, len(k.Modulus)))
}

// certify makes a certificate for another key, good to December 2049, and what of that did not fit.
func (k *key) certify(format byte, holder []byte, other *key, static []byte) (certificate, remainder []byte) {
	body := append([]byte{format}, holder...)
	body = append(body, 0x12, 0x49, 0, 0, 7, 1, 1, byte(len(other.Modulus)), byte(len(other.Exponent)))
	room := len(k.Modulus) - 22 - len(body)
	fits := min(room, len(other.Modulus))
	body, remainder = append(body, other.Modulus[:fits]...), other.Modulus[fits:]
	return k.sign(body, remainder, other.Exponent, static), remainder
}

// chain is the keys behind a card; index is '8F', that of the certification authority's.
type chain struct {
	index           byte
	ca, issuer, icc *key
}

func newChain(index byte, ca, issuer, icc int, exponent int64) func() chain {
	return sync.OnceValue(func() chain {
		return chain{index, newKey("ca", ca, exponent), newKey("issuer", issuer, exponent), newKey("icc", icc, exponent)}
	})
}

// The chains of the test cards: one with remainders, the card's key no multiple of eight bytes, and those of the
// lengths that cards have today.
var (
	small  = newChain(0x92, 176, 144, 126, 3)
	usual  = newChain(0x94, 248, 176, 144, 3)
	fermat = newChain(0x95, 248, 176, 144, 65537)
)

var rid = [5]byte{0xA0, 0, 0, 0, 0x03}

// caKeys are those of the chains.
func caKeys(chains ...chain) []oda.CAKey {
	var out []oda.CAKey
	for _, c := range chains {
		k := oda.CAKey{RID: rid, Index: c.index, Modulus: c.ca.Modulus, Exponent: c.ca.Exponent, Test: true}
		sum := k.Sum()
		k.Checksum = sum[:]
		out = append(out, k)
	}
	return out
}

// object is a data object of the card.
type object struct {
	tag   tlv.Tag
	value []byte
}

func hexBytes(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// card is a software card that was selected. It speaks commands and answers; what is in it can be changed
// before it is used.
type card struct {
	pdol    string // hex
	fci     []object
	options []object // of the answer to GET PROCESSING OPTIONS, without '94' and '9F4B'
	static  []object // the signed record
	chain   []object // the record with the certificates; they are made when they are needed
	last    []object // the last record

	sw      apdu.SW // of GET PROCESSING OPTIONS
	format1 bool    // the answer is AIP and AFL; the rest of the options is in a record
	signs   bool    // there are records and a signature
	keys    func() chain
	sdad    byte // its format
	version byte // of what it covers
	covers  func(un, amount, currency, related []byte) [][]byte
	dynamic []byte // ICC dynamic data

	change  func(n int, answer []byte) []byte // the n-th answer, from 0
	gone    int                               // the card is gone at this command, from 1
	answers map[byte]apdu.SW                  // of other commands, by instruction

	sent    [][]byte
	records map[[2]byte][]byte
}

const (
	pan      = "4761739001010119"
	fullPDOL = "9F66049F02069F03069F1A0295055F2A029A039C019F3704"
	iadOf    = "06010A03%02X0000"
	cidAAC   = 0x00
	cidTC    = 0x40
	cidARQC  = 0x80
)

// newCard is a card with the cryptogram of a kind, all of it in one answer.
func newCard(cid byte) *card {
	return &card{
		pdol: fullPDOL,
		fci:  []object{{0x50, []byte("VISA CREDIT")}, {0x5F2D, []byte("deEN")}},
		options: []object{
			{0x82, []byte{0x20, 0x00}}, {0x9F36, []byte{0x00, 0x42}}, {0x9F26, hexBytes("0102030405060708")},
			{0x9F10, hexBytes(fmt.Sprintf(iadOf, 0x80|cid>>2))}, {0x57, hexBytes(pan + "D49122011234567F")}, {0x5F34, []byte{0x01}},
			{0x9F27, []byte{cid}}, {0x9F6C, []byte{0x00, 0x00}}, {0x9F6E, hexBytes("20700000")},
		},
		static: []object{
			{0x5A, hexBytes(pan)}, {0x5F24, hexBytes("491231")}, {0x5F25, hexBytes("200101")}, {0x9F07, hexBytes("FFC0")},
			{0x5F28, hexBytes("0840")}, {0x9F4A, []byte{0x82}},
		},
		last: []object{{0x9F69, hexBytes("01112233440000")}},
		sw:   apdu.OK, keys: small, sdad: 0x05, version: 1, dynamic: hexBytes("0455667788"), answers: map[byte]apdu.SW{},
	}
}

// signing makes it sign, and approve or ask for its issuer.
func signing(cid byte) *card {
	c := newCard(cid)
	c.signs = true
	return c
}

// set changes, adds or, with nil, takes out a data object, wherever it is; new ones go into the options.
func (c *card) set(tag tlv.Tag, value []byte) *card {
	for _, list := range []*[]object{&c.options, &c.static, &c.chain, &c.last, &c.fci} {
		if i := slices.IndexFunc(*list, func(o object) bool { return o.tag == tag }); i >= 0 {
			if value == nil {
				*list = slices.Delete(*list, i, i+1)
			} else {
				(*list)[i].value = value
			}
			return c
		}
	}
	if value != nil {
		c.options = append(c.options, object{tag, value})
	}
	return c
}

// option adds a data object to the answer to GET PROCESSING OPTIONS.
func (c *card) option(tag tlv.Tag, value string) *card {
	c.options = append(c.options, object{tag, hexBytes(value)})
	return c
}

func (c *card) get(tag tlv.Tag) []byte {
	for _, o := range slices.Concat(c.options, c.static, c.chain, c.last, c.fci) {
		if o.tag == tag {
			return o.value
		}
	}
	return nil
}

// qualifiers sets the card transaction qualifiers, and their copy.
func (c *card) qualifiers(ctq string) *card {
	c.set(0x9F6C, hexBytes(ctq))
	if c.get(0x9F69) != nil {
		c.set(0x9F69, append(hexBytes("0111223344"), hexBytes(ctq)...))
	}
	return c
}

func encode(list []object) []byte {
	var out []byte
	for _, o := range list {
		out = tlv.Append(out, o.tag, o.value...)
	}
	return out
}

// selection is what SELECT answered.
func (c *card) selection() []byte {
	a5 := encode(c.fci)
	if c.pdol != "none" {
		a5 = tlv.Append(a5, 0x9F38, hexBytes(c.pdol)...)
	}
	name := tlv.Append(nil, 0x84, aid...)
	return tlv.Append(nil, 0x6F, append(name, tlv.Append(nil, 0xA5, a5...)...)...)
}

var errGone = errors.New("no card in the field")

func (c *card) Transceive(ctx context.Context, command []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c.sent = append(c.sent, bytes.Clone(command))
	if len(c.sent) == c.gone {
		return nil, errGone
	}
	answer := c.answer(command)
	if c.change != nil {
		answer = c.change(len(c.sent)-1, answer)
	}
	return answer, nil
}

func (c *card) answer(command []byte) []byte {
	cmd, err := apdu.ParseCommand(command)
	if err != nil {
		return status(apdu.WrongLength)
	}
	if sw, ok := c.answers[cmd.INS]; ok {
		return status(sw)
	}
	switch cmd.INS {
	case apdu.INSGetProcessingOptions:
		return c.processingOptions(cmd.Data)
	case apdu.INSReadRecord:
		if r, ok := c.records[[2]byte{cmd.P2 >> 3, cmd.P1}]; ok && cmd.P2&7 == 4 {
			return append(bytes.Clone(r), 0x90, 0x00)
		}
		return status(apdu.RecordNotFound)
	case apdu.INSExternalAuthenticate:
		return status(apdu.OK)
	default:
		return status(apdu.INSNotSupported)
	}
}

func status(sw apdu.SW) []byte { return []byte{sw.SW1(), sw.SW2()} }

func (c *card) processingOptions(data []byte) []byte {
	if c.sw != apdu.OK {
		return status(c.sw)
	}
	pdol, _ := tlv.ParseDOL(hexBytes(c.pdol))
	if len(data) < 2 || data[0] != 0x83 || int(data[1]) != len(data)-2 || pdol.Size() != len(data)-2 {
		return status(apdu.WrongLength)
	}
	told := map[tlv.Tag][]byte{}
	at := 2
	for _, item := range pdol {
		told[item.Tag] = data[at : at+item.Length]
		at += item.Length
	}
	options := slices.Clone(c.options)
	var afl []byte
	c.records = map[[2]byte][]byte{}
	if c.signs {
		afl = hexBytes("1001020018010101" + "18020200")
		c.certificates()
		first := []tlv.Tag{0x8F, 0x90, 0x92, 0x9F32}
		if len(c.get(0x90)) > 200 {
			first = []tlv.Tag{0x90} // fills a record
		}
		isFirst := func(o object) bool { return slices.Contains(first, o.tag) }
		second := slices.DeleteFunc(slices.Clone(c.chain), isFirst)
		c.records[[2]byte{2, 2}] = tlv.Append(nil, 0x70, encode(second)...)
		c.records[[2]byte{2, 1}] = tlv.Append(nil, 0x70, encode(slices.DeleteFunc(slices.Clone(c.chain), func(o object) bool { return !isFirst(o) }))...)
		c.records[[2]byte{3, 1}] = tlv.Append(nil, 0x70, encode(c.static)...)
		c.records[[2]byte{3, 2}] = tlv.Append(nil, 0x70, encode(c.last)...)
		if _, set := c.find(0x9F4B); !set {
			options = append(options, object{0x9F4B, c.signature(told)})
		}
	}
	if c.format1 {
		record := slices.DeleteFunc(slices.Clone(options), func(o object) bool { return o.tag == 0x82 })
		c.records[[2]byte{4, 1}] = tlv.Append(nil, 0x70, encode(record)...)
		afl = append(afl, 0x20, 1, 1, 0)
		return append(tlv.Append(nil, 0x80, append(bytes.Clone(c.get(0x82)), afl...)...), 0x90, 0x00)
	}
	if len(afl) > 0 {
		if _, set := c.find(0x94); !set {
			options = append(options, object{0x94, afl})
		}
	}
	return append(tlv.Append(nil, 0x77, encode(options)...), 0x90, 0x00)
}

func (c *card) find(tag tlv.Tag) ([]byte, bool) {
	v := c.get(tag)
	return v, v != nil
}

// signature is '9F4B' over the payment as the card was told of it.
func (c *card) signature(told map[tlv.Tag][]byte) []byte {
	covered := [][]byte{told[0x9F37]}
	if c.version == 1 {
		covered = append(covered, told[0x9F02], told[0x5F2A], c.get(0x9F69))
	}
	if c.covers != nil {
		covered = c.covers(told[0x9F37], told[0x9F02], told[0x5F2A], c.get(0x9F69))
	}
	body := append([]byte{c.sdad, 1, byte(len(c.dynamic))}, c.dynamic...)
	return c.keys().icc.sign(body, covered...)
}

// certificates of static data already seen, so that fuzzing does not sign the same again.
var certificates sync.Map

// certificates fills in what the test did not set.
func (c *card) certificates() {
	if c.chain != nil {
		return
	}
	static := encode(c.static)
	if bytes.Equal(c.get(0x9F4A), []byte{0x82}) {
		static = append(static, c.get(0x82)...)
	}
	keys := c.keys()
	name := fmt.Sprintf("%X %X", keys.index, static)
	if made, have := certificates.Load(name); have {
		c.chain = slices.Clone(made.([]object))
		return
	}
	number := c.get(0x5A)
	holder := append(bytes.Clone(number), bytes.Repeat([]byte{0xFF}, max(0, 10-len(number)))...)[:10]
	issuer, issuerRest := keys.ca.certify(0x02, hexBytes("476173FF"), keys.issuer, nil)
	own, ownRest := keys.issuer.certify(0x04, holder, keys.icc, static)
	c.chain = []object{
		{0x8F, []byte{keys.index}}, {0x90, issuer}, {0x92, issuerRest}, {0x9F32, keys.issuer.Exponent},
		{0x9F46, own}, {0x9F47, keys.icc.Exponent}, {0x9F48, ownRest},
	}
	c.chain = slices.DeleteFunc(c.chain, func(o object) bool { return len(o.value) == 0 }) // all of the key fitted
	certificates.Store(name, slices.Clone(c.chain))
}
