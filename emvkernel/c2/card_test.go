package c2_test

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"log/slog"
	"math/big"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/c2"
	"smartreader/emvkernel/oda"
	"smartreader/emvkernel/tap"
	"smartreader/emvkernel/tlv"
)

// rsaKey signs as EMV does: the block is the number.
type rsaKey struct {
	n, d     *big.Int
	exponent []byte
}

// Size is the length of the modulus in bytes.
func (k rsaKey) Size() int { return (k.n.BitLen() + 7) / 8 }

func (k rsaKey) sign(block []byte) []byte {
	if known, ok := signatures.Load(string(block)); ok {
		return bytes.Clone(known.([]byte))
	}
	s := new(big.Int).Exp(new(big.Int).SetBytes(block), k.d, k.n).FillBytes(make([]byte, k.Size()))
	signatures.Store(string(block), bytes.Clone(s))
	return s
}

var signatures sync.Map // what was signed before, so that thousands of taps take seconds

func (k rsaKey) modulus() []byte { return k.n.FillBytes(make([]byte, k.Size())) }

// chain is authority, issuer and card.
type chain struct{ ca, issuer, icc rsaKey }

// testKeys is the tests' own chain. It is the same every time, from a published seed, so that what a fuzzer
// found stays good.
var testKeys = sync.OnceValue(func() chain {
	return newChain("public test keys of package c2 .", []byte{0x01, 0x00, 0x01}, 1280, 1152, 1024)
})

// usualKeys are as long as those of cards in use, with the exponent most of them have.
var usualKeys = sync.OnceValue(func() chain {
	return newChain("public test keys of package c2 ,", []byte{0x03}, 1984, 1408, 1152)
})

func newChain(seed string, exponent []byte, ca, issuer, icc int) chain {
	random := rand.NewChaCha8([32]byte([]byte(seed)))
	one, e := big.NewInt(1), new(big.Int).SetBytes(exponent)
	// prime returns one that the exponent has an inverse for.
	prime := func(size int) *big.Int {
		b := make([]byte, size/8)
		for {
			random.Read(b)
			b[0] |= 0xC0
			b[len(b)-1] |= 1
			p := new(big.Int).SetBytes(b)
			if new(big.Int).GCD(nil, nil, e, new(big.Int).Sub(p, one)).Cmp(one) == 0 && p.ProbablyPrime(20) {
				return p
			}
		}
	}
	key := func(size int) rsaKey {
		p, q := prime(size/2), prime(size/2)
		phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
		return rsaKey{n: p.Mul(p, q), d: new(big.Int).ModInverse(e, phi), exponent: exponent}
	}
	return chain{key(ca), key(issuer), key(icc)}
}

// block is '6A' | body | SHA-1(body | more) | 'BC', signed.
func block(k rsaKey, body, more []byte) []byte {
	sum := sha1.Sum(append(bytes.Clone(body), more...))
	return k.sign(append(append(append([]byte{0x6A}, body...), sum[:]...), 0xBC))
}

// certify makes a certificate and the remainder of the key in it.
func certify(by, of rsaKey, format byte, id []byte, static []byte) (certificate, remainder []byte) {
	modulus := of.modulus()
	room := by.Size() - 22 - (1 + len(id) + 2 + 3 + 4)
	body := append([]byte{format}, id...)
	body = append(body, 0x12, 0x35, 0, 0, 1, 1, 1, byte(len(modulus)), byte(len(of.exponent)))
	fits := modulus
	if len(modulus) > room {
		fits, remainder = modulus[:room], modulus[room:]
	}
	body = append(body, fits...)
	for len(body) < by.Size()-22 {
		body = append(body, 0xBB)
	}
	return block(by, body, append(append(bytes.Clone(remainder), of.exponent...), static...)), remainder
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

var (
	aid  = unhex("A0000000041010")
	noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
)

// data are data objects in their order.
type data []tlv.Element

func (d *data) set(tag tlv.Tag, value string) {
	for i := range *d {
		if (*d)[i].Tag == tag {
			(*d)[i].Value = unhex(value)
			return
		}
	}
	*d = append(*d, tlv.Element{Tag: tag, Value: unhex(value)})
}

func (d *data) drop(tags ...tlv.Tag) {
	kept := data{}
	for _, e := range *d {
		keep := true
		for _, tag := range tags {
			keep = keep && e.Tag != tag
		}
		if keep {
			kept = append(kept, e)
		}
	}
	*d = kept
}

func (d data) get(tag tlv.Tag) []byte {
	for _, e := range d {
		if e.Tag == tag {
			return e.Value
		}
	}
	return nil
}

func (d data) bytes() (b []byte) {
	for _, e := range d {
		b = tlv.Append(b, e.Tag, e.Value...)
	}
	return b
}

func template(tag tlv.Tag, d data) []byte { return tlv.Append(nil, tag, d.bytes()...) }

// card is a software card for taps. It answers as its fields say; tests change them before the first
// command.
type card struct {
	t             testing.TB
	fci           data // of 'A5'
	discretionary data // of 'BF0C'
	aip           []byte
	format80      bool
	static        data // record 1 of file 2, signed
	keys, own     data // records 1 and 2 of file 3
	long          data // record 3 of file 3: a certificate that fills one
	chain         chain
	stripe        data // record 1 of file 1
	afl           string
	kind          byte   // highest it decides
	phone         string // 'DF4B'
	cvc3          string // answer to COMPUTE CRYPTOGRAPHIC CHECKSUM
	answer        data   // more of the answer to GENERATE AC
	force         *byte  // what it decides whatever it is asked for
	unasked       bool   // signs whatever it is asked for
	plain         bool   // answers without a signature
	files         map[tlv.Tag]string

	relay  string                          // answer to EXCHANGE RELAY RESISTANCE DATA
	took   []time.Duration                 // measured times, in turn
	edit   func(ins byte, r []byte) []byte // of answers, with status word
	lose   map[byte]int                    // instruction: how often its answer is lost
	stored map[tlv.Tag][]byte              // PUT DATA

	log      []apdu.Command
	pdolData []byte
	entropy  []byte
	counter  uint16
	last     []byte // answer to the last GENERATE AC
}

func newCard(t testing.TB) *card {
	c := &card{t: t, chain: testKeys(), aip: unhex("1980"), afl: "10010101 18010200", kind: 0x80,
		relay: "0A0B0C0D 0000 0064 0018", took: []time.Duration{5 * time.Millisecond},
		lose: map[byte]int{}, stored: map[tlv.Tag][]byte{}, files: map[tlv.Tag]string{}}
	c.fci.set(0x50, hex.EncodeToString([]byte("MASTERCARD")))
	c.fci.set(0x87, "01")
	c.fci.set(0x5F2D, hex.EncodeToString([]byte("deen")))
	c.static.set(0x5A, "5413330089010434")
	c.static.set(0x57, "5413330089010434D351222101234567890F")
	c.static.set(0x5F24, "351231")
	c.static.set(0x5F25, "200101")
	c.static.set(0x5F28, "0840")
	c.static.set(0x5F34, "01")
	c.static.set(0x8C, "9F0206 9F0306 9F1A02 9505 5F2A02 9A03 9C01 9F3704 9F3501 9F4502 9F3403")
	c.static.set(0x8E, "0000000000000000 42031E031F03")
	c.static.set(0x9F07, "FFC0")
	c.static.set(0x9F08, "0002")
	c.static.set(0x9F0D, "0000000000")
	c.static.set(0x9F0E, "0000000000")
	c.static.set(0x9F0F, "0000000000")
	c.static.set(0x9F42, "0840")
	c.static.set(0x9F4A, "82")
	return c
}

// personalise makes the keys' records. It is done once everything else is known.
func (c *card) personalise() {
	if len(c.keys) > 0 {
		return
	}
	k := c.chain
	c.keys.set(0x8F, "F1")
	issuer, rest := certify(k.ca, k.issuer, 0x02, unhex("541333FF"), nil)
	c.keys = append(c.keys, tlv.Element{Tag: 0x9F32, Value: k.issuer.exponent})
	if rest != nil {
		c.keys = append(c.keys, tlv.Element{Tag: 0x92, Value: rest})
	}
	if len(issuer) < 200 {
		c.keys = append(c.keys, tlv.Element{Tag: 0x90, Value: issuer})
	} else {
		c.long = data{{Tag: 0x90, Value: issuer}}
	}
	pan := append(bytes.Clone(c.static.get(0x5A)), bytes.Repeat([]byte{0xFF}, 10)...)[:10]
	icc, rest := certify(k.issuer, k.icc, 0x04, pan, append(c.static.bytes(), c.aip...))
	c.own = append(c.own, tlv.Element{Tag: 0x9F46, Value: icc}, tlv.Element{Tag: 0x9F47, Value: k.icc.exponent})
	if rest != nil {
		c.own = append(c.own, tlv.Element{Tag: 0x9F48, Value: rest})
	}
}

// selected is the answer to SELECT.
func (c *card) selected() []byte {
	inner := c.fci.bytes()
	if len(c.discretionary) > 0 {
		inner = append(inner, template(0xBF0C, c.discretionary)...)
	}
	return tlv.Append(nil, 0x6F, append(tlv.Append(nil, 0x84, aid...), tlv.Append(nil, 0xA5, inner...)...)...)
}

var errGone = errors.New("card left the field")

func (c *card) Transceive(_ context.Context, raw []byte) ([]byte, error) {
	cmd, err := apdu.ParseCommand(raw)
	if err != nil {
		c.t.Errorf("malformed command %X", raw)
		return nil, err
	}
	c.personalise()
	c.log = append(c.log, cmd)
	resp := c.execute(cmd)
	if c.edit != nil {
		resp = c.edit(cmd.INS, resp)
	}
	if c.lose[cmd.INS] > 0 {
		c.lose[cmd.INS]--
		return nil, errGone
	}
	return resp, nil
}

func (c *card) execute(cmd apdu.Command) []byte {
	ok := func(b []byte) []byte { return append(bytes.Clone(b), 0x90, 0x00) }
	switch cmd.INS {
	case apdu.INSGetProcessingOptions:
		e, rest, err := tlv.ParseOne(cmd.Data)
		if err != nil || e.Tag != 0x83 || len(rest) != 0 {
			c.t.Errorf("GET PROCESSING OPTIONS with %X", cmd.Data)
		}
		c.pdolData = bytes.Clone(e.Value)
		if cmd.Le != 0 {
			c.t.Error("GET PROCESSING OPTIONS without Le")
		}
		if c.format80 {
			return ok(tlv.Append(nil, 0x80, append(bytes.Clone(c.aip), unhex(c.afl)...)...))
		}
		return ok(template(0x77, data{{Tag: 0x82, Value: c.aip}, {Tag: 0x94, Value: unhex(c.afl)}}))
	case apdu.INSReadRecord:
		switch {
		case cmd.P1 == 2 && cmd.P2 == 3<<3|4:
			return ok(template(0x70, c.own))
		case cmd.P1 == 3 && cmd.P2 == 3<<3|4:
			return ok(template(0x70, c.long))
		case cmd.P1 != 1:
		case cmd.P2 == 1<<3|4:
			return ok(template(0x70, c.stripe))
		case cmd.P2 == 2<<3|4:
			return ok(template(0x70, c.static))
		case cmd.P2 == 3<<3|4:
			return ok(template(0x70, c.keys))
		}
		return unhex("6A83")
	case 0xEA:
		c.entropy = append(bytes.Clone(cmd.Data), unhex(c.relay)...)
		return ok(tlv.Append(nil, 0x80, unhex(c.relay)...))
	case apdu.INSGenerateAC:
		c.last = c.generate(cmd)
		return ok(c.last)
	case 0xD0:
		if c.last == nil {
			return unhex("6985")
		}
		return ok(c.last)
	case 0x2A:
		return c.checksum(cmd)
	case apdu.INSGetData:
		tag := tlv.Tag(cmd.P1)<<8 | tlv.Tag(cmd.P2)
		if v, have := c.files[tag]; have {
			return ok(tlv.Append(nil, tag, unhex(v)...))
		}
		return unhex("6A88")
	case 0xDA:
		c.stored[tlv.Tag(cmd.P1)<<8|tlv.Tag(cmd.P2)] = bytes.Clone(cmd.Data)
		return unhex("9000")
	default:
		c.t.Errorf("unexpected command %X", cmd.INS)
		return unhex("6D00")
	}
}

// generate is GENERATE AC.
func (c *card) generate(cmd apdu.Command) []byte {
	c.counter++
	kind := cmd.P1 & 0xC0
	if order(c.kind) < order(kind) {
		kind = c.kind
	}
	if c.force != nil {
		kind = *c.force
	}
	cryptogram := unhex("1122334455667788")
	answer := data{{Tag: 0x9F27, Value: []byte{kind}}, {Tag: 0x9F36, Value: []byte{byte(c.counter >> 8), byte(c.counter)}},
		{Tag: 0x9F10, Value: unhex("0110A00003220000000000000000000000FF")}}
	if c.phone != "" {
		answer.set(0xDF4B, c.phone)
	}
	answer = append(answer, c.answer...)
	if !c.unasked && (cmd.P1&0x10 == 0 || kind == 0 || c.plain) {
		if c.format80 {
			return tlv.Append(nil, 0x80, append(append([]byte{kind, byte(c.counter >> 8), byte(c.counter)}, cryptogram...), answer.get(0x9F10)...)...)
		}
		return template(0x77, append(answer, tlv.Element{Tag: 0x9F26, Value: cryptogram}))
	}
	un := c.fromDOL(0x9F37, cmd.Data)
	transaction := sha1.Sum(bytes.Join([][]byte{c.pdolData, cmd.Data, answer.bytes()}, nil))
	dynamic := append(unhex("08 0102030405060708"), kind)
	dynamic = append(append(dynamic, cryptogram...), transaction[:]...)
	dynamic = append(dynamic, c.entropy...)
	icc := c.chain.icc
	body := append([]byte{0x05, 0x01, byte(len(dynamic))}, dynamic...)
	for len(body) < icc.Size()-22 {
		body = append(body, 0xBB)
	}
	return template(0x77, append(answer, tlv.Element{Tag: 0x9F4B, Value: block(icc, body, un)}))
}

// fromDOL finds a value in the data of the card's CDOL1.
func (c *card) fromDOL(tag tlv.Tag, values []byte) []byte {
	dol, err := tlv.ParseDOL(c.static.get(0x8C))
	if err != nil {
		c.t.Fatal(err)
	}
	for _, item := range dol {
		if item.Tag == tag {
			return values[:item.Length]
		}
		values = values[item.Length:]
	}
	return nil
}

// checksum is COMPUTE CRYPTOGRAPHIC CHECKSUM.
func (c *card) checksum(apdu.Command) []byte {
	return append(tlv.Append(nil, 0x77, unhex(c.cvc3)...), 0x90, 0x00)
}

func order(kind byte) int { return map[byte]int{0x00: 0, 0x80: 1, 0x40: 2}[kind] }

// sent counts commands by instruction.
func (c *card) sent(ins byte) (n int) {
	for _, cmd := range c.log {
		if cmd.INS == ins {
			n++
		}
	}
	return n
}

// command returns the last command with the instruction.
func (c *card) command(ins byte) apdu.Command {
	c.t.Helper()
	for i := len(c.log) - 1; i >= 0; i-- {
		if c.log[i].INS == ins {
			return c.log[i]
		}
	}
	c.t.Fatalf("no command %02X", ins)
	return apdu.Command{}
}

// timed is a card on hardware that measures.
type timed struct {
	*card
	unknown bool
}

func (c timed) TransceiveTimed(ctx context.Context, raw []byte) ([]byte, time.Duration, bool, error) {
	resp, err := c.Transceive(ctx, raw)
	took := c.took[0]
	if len(c.took) > 1 {
		c.took = append(c.card.took[:0], c.card.took[1:]...)
		c.card.took = c.took
	}
	return resp, took, !c.unknown, err
}

// authority is the public half of the first key.
func (c chain) authority() oda.CAKey {
	key := oda.CAKey{RID: [5]byte(aid), Index: 0xF1, Modulus: c.ca.modulus(), Exponent: c.ca.exponent, Test: true}
	sum := key.Sum()
	key.Checksum = sum[:]
	return key
}

// terminal is the configuration of the tests.
func terminal() *emvkernel.Config {
	return &emvkernel.Config{
		Terminal: emvkernel.Terminal{
			Type: 0x22, Capabilities: [3]byte{0x20, 0xF8, 0xC8}, AdditionalCapabilities: [5]byte{0x60, 0, 0, 0xA0, 1},
			Country: 840, SerialNumber: "TEST0001", TerminalID: "TEST0001", MerchantID: "TESTMERCHANT", MCC: 5999,
			Languages: []string{"en"},
		},
		CAKeys: []oda.CAKey{testKeys().authority()}, Test: true,
	}
}

// bench is one kernel with what it is given.
type bench struct {
	t      testing.TB
	kernel c2.Kernel
	config *emvkernel.Config
	params emvkernel.Params
	again  bool
	draw   func() ([4]byte, error)
	shown  []tap.UIRequest
	link   *tap.Link
}

func newBench(t testing.TB) *bench {
	b := &bench{t: t, kernel: c2.Default(), config: terminal(), params: emvkernel.Params{
		Amount: 1000, Currency: 840, Exponent: 2, Time: noon, Counter: 7,
		UnpredictableNumber: [4]byte{0xDE, 0xAD, 0xBE, 0xEF},
	}}
	b.kernel.Limits = []tap.Limits{{Currency: 840, Transaction: amount(20000), OnDevice: amount(50000), Floor: amount(0), CVMRequired: amount(5000)}}
	return b
}

func amount(n int64) *int64 { return &n }

func (b *bench) activation(c *card) *tap.Activation {
	return &tap.Activation{
		Config: b.config, Combination: &tap.Combination{AID: aid, Kernel: &b.kernel, Brand: "mastercard"},
		Params: b.params, AID: aid, FCI: c.selected(), SW: apdu.OK, Start: tap.StartC, Again: b.again, UN: b.draw,
		UI: func(r tap.UIRequest) { b.shown = append(b.shown, r) }, Log: slog.New(slog.DiscardHandler),
	}
}

// tap runs the kernel against a card that is not measured.
func (b *bench) tap(c *card) tap.Outcome { return b.run(c, c) }

func (b *bench) run(c *card, on emvkernel.Transceiver) tap.Outcome {
	b.t.Helper()
	a := b.activation(c)
	if err := b.kernel.Check(a.Combination, b.config); err != nil {
		b.t.Fatal(err)
	}
	b.link = tap.NewLink(on)
	a.Card = b.link
	out, err := b.kernel.Activate(b.t.Context(), a)
	if err != nil {
		b.t.Fatal(err)
	}
	check(b.t, out)
	return out
}

// check is what holds of every outcome.
func check(t testing.TB, out tap.Outcome) {
	t.Helper()
	switch out.Kind {
	case tap.NoOutcome:
		t.Error("no outcome")
	case tap.Approved, tap.Declined, tap.OnlineRequest:
		if out.Reading == nil {
			t.Errorf("%v without a reading", out.Kind)
		}
		if out.Start != tap.NoStart {
			t.Errorf("%v with start %v", out.Kind, out.Start)
		}
	}
	if out.Reason == "" {
		t.Error("no reason")
	}
	list, err := tlv.Parse(out.Discretionary)
	if err != nil {
		t.Errorf("discretionary data: %v", err)
	}
	if _, ok := tlv.Find(list, 0xDF8115); !ok {
		t.Error("discretionary data without error indication")
	}
	if bytes.Contains(out.Discretionary, unhex("5413330089010434")) {
		t.Error("account number in discretionary data")
	}
}

// errorIndication of an outcome: layers 1, 2, 3, status word, message.
func errorIndication(t testing.TB, out tap.Outcome) []byte {
	t.Helper()
	list, err := tlv.Parse(out.Discretionary)
	if err != nil {
		t.Fatal(err)
	}
	e, ok := tlv.Find(list, 0xDF8115)
	if !ok || len(e.Value) != 6 {
		t.Fatal("no error indication")
	}
	return e.Value
}

// value is a data object of what the issuer is asked with.
func value(t testing.TB, r *tap.Reading, tag tlv.Tag) string {
	t.Helper()
	list, err := tlv.Parse(r.ACData())
	if err != nil {
		t.Fatal(err)
	}
	e, _ := tlv.Find(list, tag)
	return hex.EncodeToString(e.Value)
}
