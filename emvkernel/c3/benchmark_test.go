package c3_test

import (
	"bytes"
	"context"
	"crypto/sha1"
	"math/big"
	"slices"
	"testing"
	"time"

	"smartreader/emvkernel/oda"
	"smartreader/emvkernel/tap"
)

// BenchmarkTap is the reader's own time for one tap, from the kernel's activation to its outcome: all gaps
// between commands and the authentication, with recorded answers that cost nothing. In turns with it run
// the authentication's modular exponentiations and hashes alone, of the same keys and messages, on prepared
// numbers: x-bare is the whole tap over those. With exponent 3, which most cards have, raising a number takes so
// little that the rest shows. Times are medians. Bytes over the air are those of commands and answers.
func BenchmarkTap(b *testing.B) {
	for _, bm := range []struct {
		name string
		card *card
		keys func() chain
		want tap.OutcomeKind
	}{
		{"online", newCard(cidARQC), usual, tap.OnlineRequest},
		{"online fDDA/exponent 3", signing(cidARQC), usual, tap.OnlineRequest},
		{"offline fDDA/exponent 3", signing(cidTC), usual, tap.Approved},
		{"offline fDDA/exponent 65537", signing(cidTC), fermat, tap.Approved},
	} {
		b.Run(bm.name, func(b *testing.B) {
			r := newReader()
			r.cfg.CAKeys = caKeys(small(), usual(), fermat())
			bm.card.keys = bm.keys
			var answers [][]byte
			bm.card.change = func(_ int, answer []byte) []byte { answers = append(answers, answer); return answer }
			fci := bm.card.selection()
			if got := r.tap(b, bm.card); got.err != nil || got.Kind != bm.want {
				b.Fatal(got.Kind, got.err)
			}
			bare := bareWork(bm.card)
			a := r.activation(nil, fci)
			var whole, floor []time.Duration
			for b.Loop() {
				start := time.Now()
				a.Card = tap.NewLink(&deck{answers: answers})
				out, err := r.kernel.Activate(b.Context(), a)
				whole = append(whole, time.Since(start))
				if err != nil || out.Kind != bm.want {
					b.Fatal(out.Kind, err)
				}
				out.Reading.Wipe()
				start = time.Now()
				bare()
				floor = append(floor, time.Since(start))
			}
			commands, sent, received := a.Card.Traffic()
			b.ReportMetric(median(whole), "ns/op")
			b.ReportMetric(float64(commands), "commands/op")
			b.ReportMetric(float64(sent+received), "air-bytes/op")
			if bm.card.signs {
				b.ReportMetric(median(whole)/median(floor), "x-bare")
			}
		})
	}
}

// deck deals recorded answers.
type deck struct {
	answers [][]byte
	next    int
}

func (d *deck) Transceive(context.Context, []byte) ([]byte, error) {
	d.next++
	return d.answers[d.next-1], nil
}

func median(times []time.Duration) float64 {
	slices.Sort(times)
	return float64(times[len(times)/2].Nanoseconds())
}

var sink byte

// bareWork returns the authentication of the card's last tap reduced to what cannot be avoided: three modular
// exponentiations and three hashes.
func bareWork(c *card) func() {
	if !c.signs {
		return func() {}
	}
	p, keys := payment(), c.keys()
	un, related := p.UnpredictableNumber[:], c.get(0x9F69)
	static := append(encode(c.static), c.get(0x82)...)
	signature := keys.icc.sign(append([]byte{c.sdad, 1, byte(len(c.dynamic))}, c.dynamic...), un, hexBytes("000000001234"), hexBytes("0978"), related)
	type power struct{ x, e, n *big.Int }
	var powers []power
	var hashes [][]byte
	note := func(k oda.PublicKey, signed []byte, extra ...[]byte) {
		w := power{new(big.Int).SetBytes(signed), new(big.Int).SetBytes(k.Exponent), new(big.Int).SetBytes(k.Modulus)}
		message := new(big.Int).Exp(w.x, w.e, w.n).Bytes()
		end := len(message) - 1 - sha1.Size
		covered := append(bytes.Clone(message[1:end]), bytes.Join(extra, nil)...)
		if sum := sha1.Sum(covered); !bytes.Equal(sum[:], message[end:len(message)-1]) {
			panic("not what the kernel verifies")
		}
		powers, hashes = append(powers, w), append(hashes, covered)
	}
	note(keys.ca.PublicKey, c.get(0x90), c.get(0x92), c.get(0x9F32))
	note(keys.issuer.PublicKey, c.get(0x9F46), c.get(0x9F48), c.get(0x9F47), static)
	note(keys.icc.PublicKey, signature, un, hexBytes("000000001234"), hexBytes("0978"), related)
	return func() {
		x := new(big.Int)
		for _, w := range powers {
			x.Exp(w.x, w.e, w.n)
		}
		for _, m := range hashes {
			sum := sha1.Sum(m)
			sink ^= sum[0]
		}
	}
}
