package emvkernel_test

import (
	"bytes"
	"context"
	"crypto/sha1"
	"math/big"
	"slices"
	"testing"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/oda"
	"smartreader/emvkernel/tlv"
)

// BenchmarkTransaction is the kernel's own time for one chip payment, from selection to the first
// cryptogram and the deferral: the card's answers are recorded ones. In turns with it run the offline data
// authentication of the same payment alone, and the floor of that: its modular exponentiations and hashes
// on prepared numbers. Times are medians. x-floor is authentication over floor, x-rest what the rest of the transaction takes
// over its authentication.
func BenchmarkTransaction(b *testing.B) {
	for _, bm := range []struct{ name, profile string }{
		{"DDA", visa}, {"CDA", mastercard}, {"SDA", visa + "oda sda\n"}, {"none", visa + "oda none\n"},
	} {
		b.Run(bm.name, func(b *testing.B) {
			cfg := emvtest.TerminalConfig()
			card := &recorder{card: software(b, bm.profile)}
			run := func(card emvkernel.Transceiver) {
				tx, err := emvkernel.NewTransaction(&cfg, payment(), card, nil, nil)
				if err != nil {
					b.Fatal(err)
				}
				if out, err := tx.Collect(b.Context()); err != nil || out.Kind != emvkernel.OnlineRequest {
					b.Fatal(out, err)
				}
				if _, err := tx.Complete(b.Context(), emvkernel.Answer{}); err != nil {
					b.Fatal(err)
				}
			}
			run(card)
			a := gather(b, &cfg, card.frames)
			a.authenticate(b) // fills the floor
			var whole, ours, bare []time.Duration
			for b.Loop() {
				start := time.Now()
				run(&deck{frames: card.frames})
				first := time.Now()
				a.authenticate(b)
				second := time.Now()
				a.floor()
				whole = append(whole, first.Sub(start))
				ours = append(ours, second.Sub(first))
				bare = append(bare, time.Since(second))
			}
			b.ReportMetric(median(whole), "ns/op")
			b.ReportMetric(float64(len(card.frames)), "commands/op")
			if len(a.powers) > 0 {
				b.ReportMetric(median(ours), "oda-ns/op")
				b.ReportMetric(median(ours)/median(bare), "x-floor")
				b.ReportMetric((median(whole)-median(ours))/median(ours), "x-rest")
			}
		})
	}
}

// deck deals recorded answers, at no cost of its own: the kernel makes its own copies.
type deck struct {
	frames []frame
	next   int
}

func (d *deck) Transceive(context.Context, []byte) ([]byte, error) {
	d.next++
	return d.frames[d.next-1].answer, nil
}

// median is in nanoseconds. Other work on the machine does not move it.
func median(times []time.Duration) float64 {
	slices.Sort(times)
	return float64(times[len(times)/2].Nanoseconds())
}

// authentication is what offline data authentication works on in one recorded payment.
type authentication struct {
	keys        []oda.CAKey
	rid         []byte
	card        map[tlv.Tag][]byte
	records     []signedFile
	aip         []byte
	sdad, ddol  []byte // answer to and data of INTERNAL AUTHENTICATE
	combined    []byte // signature in the answer to GENERATE AC
	un          []byte
	cid         byte
	transaction []byte

	powers []power
	hashes [][]byte
}

type signedFile struct {
	sfi    byte
	record []byte
}

type power struct{ x, e, n *big.Int }

// gather takes the operands out of a conversation.
func gather(b *testing.B, cfg *emvkernel.Config, frames []frame) *authentication {
	b.Helper()
	un := payment().UnpredictableNumber
	a := &authentication{keys: cfg.CAKeys, card: map[tlv.Tag][]byte{}, un: un[:]}
	var afl []byte
	for _, f := range frames {
		cmd, err := apdu.ParseCommand(f.command)
		if err != nil {
			b.Fatal(err)
		}
		e, _, err := tlv.ParseOne(f.answer)
		if err != nil {
			continue // a status word alone
		}
		var list []tlv.Element
		if e.Tag.Constructed() {
			if list, err = e.Children(); err != nil {
				b.Fatal(err)
			}
		}
		switch cmd.INS {
		case apdu.INSSelect:
			a.rid = cmd.Data[:5]
		case apdu.INSGetProcessingOptions:
			a.aip, afl = options(data(f.answer))
			a.transaction = cmd.Data[2:]
		case apdu.INSReadRecord:
			if afl == nil {
				continue // the directory's
			}
			for _, e := range list {
				a.card[e.Tag] = e.Value
			}
			if sfi := cmd.P2 >> 3; signedRecord(afl, sfi, cmd.P1) {
				a.records = append(a.records, signedFile{sfi, f.answer[:len(f.answer)-2]})
			}
		case apdu.INSInternalAuthenticate:
			a.sdad, a.ddol = e.Value, cmd.Data
		case apdu.INSGenerateAC:
			if cmd.P1&apdu.RequestCDA == 0 {
				continue
			}
			a.transaction = append(bytes.Clone(a.transaction), cmd.Data...)
			for _, e := range list {
				switch e.Tag {
				case 0x9F4B:
					a.combined = e.Value
					continue
				case 0x9F27:
					a.cid = e.Value[0]
				}
				a.transaction = append(a.transaction, e.Raw...)
			}
		}
	}
	return a
}

// authenticate is all of it. The first time it notes what the floor consists of.
func (a *authentication) authenticate(b *testing.B) {
	if a.card[0x8F] == nil {
		return
	}
	note := a.powers == nil
	check := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	ca, err := oda.Find(a.keys, a.rid, a.card[0x8F][0])
	check(err)
	issuer, err := oda.RecoverIssuerKey(ca, oda.Certificate{Certificate: a.card[0x90], Remainder: a.card[0x92], Exponent: a.card[0x9F32]}, a.card[0x5A], nil, noon)
	check(err)
	var static oda.StaticData
	for _, f := range a.records {
		static.AddRecord(f.sfi, f.record)
	}
	list, present := a.card[0x9F4A]
	data, err := static.Bytes(list, present, a.aip)
	check(err)
	if note {
		a.note(oda.PublicKey{Modulus: ca.Modulus, Exponent: ca.Exponent}, a.card[0x90], a.card[0x92], a.card[0x9F32])
	}
	if ssad := a.card[0x93]; ssad != nil {
		_, err := oda.VerifySSAD(issuer, ssad, data)
		check(err)
		if note {
			a.note(issuer, ssad, data)
		}
		return
	}
	icc, err := oda.RecoverICCKey(issuer, oda.Certificate{Certificate: a.card[0x9F46], Remainder: a.card[0x9F48], Exponent: a.card[0x9F47]}, data, a.card[0x5A], noon)
	check(err)
	if note {
		a.note(issuer, a.card[0x9F46], a.card[0x9F48], a.card[0x9F47], data)
	}
	if a.combined == nil {
		_, err := oda.VerifyDDA(icc, a.sdad, a.ddol)
		check(err)
		if note {
			a.note(icc, a.sdad, a.ddol)
		}
		return
	}
	_, err = oda.VerifyCDA(icc, a.combined, a.un, a.cid, a.transaction)
	check(err)
	if note {
		a.note(icc, a.combined, a.un)
		a.hashes = append(a.hashes, a.transaction)
	}
}

// note adds a certificate or signature, with what is hashed behind it, to the floor.
func (a *authentication) note(key oda.PublicKey, signed []byte, extra ...[]byte) {
	p := power{new(big.Int).SetBytes(signed), new(big.Int).SetBytes(key.Exponent), new(big.Int).SetBytes(key.Modulus)}
	a.powers = append(a.powers, p)
	message := new(big.Int).Exp(p.x, p.e, p.n).Bytes()
	a.hashes = append(a.hashes, append(message[1:len(message)-21], bytes.Join(extra, nil)...))
}

var sink byte

func (a *authentication) floor() {
	x := new(big.Int)
	for _, p := range a.powers {
		x.Exp(p.x, p.e, p.n)
	}
	for _, m := range a.hashes {
		sum := sha1.Sum(m)
		sink ^= sum[0]
	}
}
