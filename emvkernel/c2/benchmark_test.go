package c2_test

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
	"smartreader/emvkernel/tlv"
)

// BenchmarkTap is the kernel's own time for one tap, from the FCI to the outcome: the card's answers are
// recorded ones. In turns with it runs the bare work of its card authentication: three modular
// exponentiations and four hashes of the same lengths, on prepared numbers. Times are medians; x-bare is the tap
// over the bare work. With exponent 3 that is so little that what remains, some 20 microseconds, shows.
func BenchmarkTap(b *testing.B) {
	for _, bm := range []struct {
		name    string
		chain   chain
		arrange func(*card)
	}{
		{"65537", testKeys(), func(*card) {}},
		{"3", usualKeys(), func(c *card) { c.afl = "10010101 18010300" }},
	} {
		b.Run(bm.name, func(b *testing.B) {
			w, c := newBench(b), newCard(b)
			c.chain = bm.chain
			bm.arrange(c)
			w.config.CAKeys = []oda.CAKey{bm.chain.authority()}
			var answers [][]byte
			c.edit = func(_ byte, r []byte) []byte { answers = append(answers, r); return r }
			if out := w.tap(c); out.Kind != tap.OnlineRequest || !out.Reading.Authenticated() {
				b.Fatal(out.Kind, out.Reason)
			}
			commands, sent, received := w.link.Traffic()
			work := gather(b, c, answers[len(answers)-1])
			a := w.activation(c)
			a.UI = func(tap.UIRequest) {}
			var whole, bare []time.Duration
			for b.Loop() {
				start := time.Now()
				a.Card = tap.NewLink(&deck{answers: answers})
				out, err := w.kernel.Activate(b.Context(), a)
				if err != nil || out.Kind != tap.OnlineRequest {
					b.Fatal(out.Kind, err)
				}
				out.Reading.Wipe()
				between := time.Now()
				work.do()
				whole, bare = append(whole, between.Sub(start)), append(bare, time.Since(between))
			}
			b.ReportMetric(median(whole), "ns/op")
			b.ReportMetric(median(whole)/median(bare), "x-bare")
			b.ReportMetric(float64(commands), "commands/op")
			b.ReportMetric(float64(sent+received), "air-bytes/op")
		})
	}
}

// deck deals recorded answers, at no cost of its own: the kernel makes its own copies.
type deck struct {
	answers [][]byte
	next    int
}

func (d *deck) Transceive(context.Context, []byte) ([]byte, error) {
	d.next++
	return d.answers[d.next-1], nil
}

// median is in nanoseconds. Other work on the machine does not move it.
func median(times []time.Duration) float64 {
	slices.Sort(times)
	return float64(times[len(times)/2].Nanoseconds())
}

// bareWork are the operands of a card authentication.
type bareWork struct {
	powers [][3]*big.Int
	hashes [][]byte
}

func gather(b *testing.B, c *card, answer []byte) *bareWork {
	e, _, err := tlv.ParseOne(answer)
	if err != nil {
		b.Fatal(err)
	}
	list, err := e.Children()
	if err != nil {
		b.Fatal(err)
	}
	transaction := append(bytes.Clone(c.pdolData), c.command(0xAE).Data...)
	for _, e := range list {
		if e.Tag != 0x9F4B {
			transaction = append(transaction, e.Raw...)
		}
	}
	sdad, _ := tlv.Find(list, 0x9F4B)
	issuer := append(bytes.Clone(c.keys.get(0x90)), c.long.get(0x90)...)
	w := &bareWork{hashes: [][]byte{transaction}}
	for _, s := range []struct {
		key    rsaKey
		signed []byte
		extra  [][]byte
	}{
		{c.chain.ca, issuer, [][]byte{c.keys.get(0x92), c.keys.get(0x9F32)}},
		{c.chain.issuer, c.own.get(0x9F46), [][]byte{c.own.get(0x9F48), c.own.get(0x9F47), c.static.bytes(), c.aip}},
		{c.chain.icc, sdad.Value, [][]byte{{0xDE, 0xAD, 0xBE, 0xEF}}},
	} {
		power := [3]*big.Int{new(big.Int).SetBytes(s.signed), new(big.Int).SetBytes(s.key.exponent), s.key.n}
		w.powers = append(w.powers, power)
		message := new(big.Int).Exp(power[0], power[1], power[2]).Bytes()
		if len(message) != s.key.Size() || message[0] != 0x6A {
			b.Fatal("not what the kernel verifies")
		}
		w.hashes = append(w.hashes, append(message[1:len(message)-21:len(message)-21], bytes.Join(s.extra, nil)...))
	}
	return w
}

var sink byte

func (w *bareWork) do() {
	x := new(big.Int)
	for _, p := range w.powers {
		x.Exp(p[0], p[1], p[2])
	}
	for _, m := range w.hashes {
		sum := sha1.Sum(m)
		sink ^= sum[0]
	}
}
