package c2_test

import (
	"encoding/hex"
	"errors"
	"slices"
	"testing"
	"time"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/c2"
	"smartreader/emvkernel/tap"
	"smartreader/emvkernel/tlv"
)

// EMV fact 36: up to three tries, TVR byte 5, published thresholds. The card says: 0 to 10 ms, its answer takes 2.4 ms.
func TestRelayResistance(t *testing.T) {
	ms := func(n ...float64) (d []time.Duration) {
		for _, n := range n {
			d = append(d, time.Duration(n*float64(time.Millisecond)))
		}
		return d
	}
	for _, test := range []struct {
		name  string
		took  []time.Duration
		relay string
		tries int
		tvr   string // byte 5
		want  tap.OutcomeKind
	}{
		{"near", ms(5), "", 1, "02", tap.OnlineRequest},
		{"at the limit", ms(15), "", 1, "02", tap.OnlineRequest},
		{"late once", ms(15.1, 15), "", 2, "02", tap.OnlineRequest},
		{"late twice", ms(20, 20, 3), "", 3, "02", tap.OnlineRequest},
		{"late", ms(15.1), "", 3, "06", tap.OnlineRequest},
		{"very late", ms(30.1), "", 3, "0e", tap.OnlineRequest},
		{"accuracy at the threshold", ms(30), "", 3, "06", tap.OnlineRequest},
		{"allowed, but far from the least", ms(30.1), "0A0B0C0D 0000 0200 0018", 1, "0a", tap.OnlineRequest},
		{"too fast", ms(7.9), "0A0B0C0D 0064 0200 0018", 1, "", tap.EndApplication},
		{"as fast as can be", ms(8), "0A0B0C0D 0064 0200 0018", 1, "02", tap.OnlineRequest},
		{"answer half as long as expected", ms(5), "0A0B0C0D 0000 0064 000C", 1, "02", tap.OnlineRequest},
		{"answer shorter than that", ms(5), "0A0B0C0D 0000 0064 000B", 1, "0a", tap.OnlineRequest},
		{"answer twice as long as expected", ms(5), "0A0B0C0D 0000 0064 0030", 1, "02", tap.OnlineRequest},
		{"answer longer than that", ms(5), "0A0B0C0D 0000 0064 0031", 1, "0a", tap.OnlineRequest},
		{"answer of no length", ms(5), "0A0B0C0D 0000 0064 0000", 1, "02", tap.OnlineRequest},
		{"malformed", ms(5), "0A0B0C0D 0000 0064", 1, "", tap.EndApplication},
	} {
		t.Run(test.name, func(t *testing.T) {
			b, c := newBench(t), newCard(t)
			drawn := byte(0)
			b.draw = func() ([4]byte, error) { drawn++; return [4]byte{1, 2, 3, drawn}, nil }
			c.fci.set(0x9F38, "9F3704")
			c.aip[1] |= 0x01
			c.took = test.took
			if test.relay != "" {
				c.relay = test.relay
			}
			out := b.run(c, timed{card: c})
			expect(t, out, test.want)
			if n := c.sent(0xEA); n != test.tries {
				t.Errorf("%d tries, want %d", n, test.tries)
			}
			if out.Reading == nil {
				want := byte(0x06) // not what the card says of itself
				if test.name == "malformed" {
					want = 0x04
				}
				if got := errorIndication(t, out); got[1] != want {
					t.Errorf("error indication %X", got)
				}
				return
			}
			if got := value(t, out.Reading, 0x95); got[8:] != test.tvr {
				t.Errorf("TVR %s, want byte 5 %s", got, test.tvr)
			}
			// Each try has a number of its own, and the last is that of the cryptogram.
			if got := value(t, out.Reading, 0x9F37); got != "010203"+hex.EncodeToString([]byte{drawn}) || int(drawn) != test.tries {
				t.Errorf("unpredictable number %s of %d", got, drawn)
			}
			if !out.Reading.Authenticated() {
				t.Error("not authenticated")
			}
		})
	}
}

// EMV fact 36: only what hardware has measured counts.
func TestRelayNotMeasured(t *testing.T) {
	for _, test := range []struct {
		name  string
		do    func(*bench, *card) tap.Outcome
		tries int
	}{
		{"hardware without", func(b *bench, c *card) tap.Outcome { return b.tap(c) }, 0},
		{"this time not", func(b *bench, c *card) tap.Outcome { return b.run(c, timed{card: c, unknown: true}) }, 1},
		{"card without", func(b *bench, c *card) tap.Outcome { c.aip[1] = 0x80; return b.run(c, timed{card: c}) }, 0},
		{"switched off", func(b *bench, c *card) tap.Outcome { b.kernel.NoRelay = true; return b.run(c, timed{card: c}) }, 0},
	} {
		b, c := newBench(t), newCard(t)
		c.aip[1] |= 0x01
		c.took = []time.Duration{time.Hour}
		out := test.do(b, c)
		expect(t, out, tap.OnlineRequest)
		if got := value(t, out.Reading, 0x95); got[8:] != "01" || c.sent(0xEA) != test.tries {
			t.Errorf("%s: TVR %s after %d", test.name, got, c.sent(0xEA))
		}
	}
}

// What was exchanged is signed with the cryptogram.
func TestRelayDataSigned(t *testing.T) {
	for i := range 14 {
		b, c := newBench(t), newCard(t)
		c.aip[1] |= 0x01
		c.edit = func(ins byte, r []byte) []byte {
			if ins == 0xEA {
				c.entropy = slices.Clone(c.entropy)
				c.entropy[i] ^= 0x01
			}
			return r
		}
		out := b.run(c, timed{card: c})
		expect(t, out, tap.EndApplication)
		if got := errorIndication(t, out); got[1] != 0x02 {
			t.Errorf("byte %d: %X", i, got)
		}
	}
	b, c := newBench(t), newCard(t)
	c.aip[1] |= 0x01
	c.edit = func(ins byte, r []byte) []byte {
		if ins == 0xEA {
			c.entropy = nil
		}
		return r
	}
	expect(t, b.run(c, timed{card: c}), tap.EndApplication)
}

func TestRelayRefused(t *testing.T) {
	b, c := newBench(t), newCard(t)
	c.aip[1] |= 0x01
	c.edit = answers(0xEA, "6985")
	out := b.run(c, timed{card: c})
	expect(t, out, tap.EndApplication)
	if got := errorIndication(t, out); got[1] != 0x03 {
		t.Errorf("%X", got)
	}
	c = newCard(t)
	c.aip[1] |= 0x01
	c.lose[0xEA] = 1
	if out := b.run(c, timed{card: c}); out.Start != tap.StartB {
		t.Error(out.Kind)
	}
	// A terminal of other habits.
	r := c2.DefaultRelay()
	r.MaxGrace = 0
	b.kernel.RelayResistance = &r
	c = newCard(t)
	c.aip[1] |= 0x01
	c.took = []time.Duration{10100 * time.Microsecond}
	if got := value(t, b.run(c, timed{card: c}).Reading, 0x95); got[8:] != "06" {
		t.Error(got)
	}
	if c.command(0xEA).CLA != 0x80 || c.command(0xEA).Le != 0 || c.sent(apdu.INSGenerateAC) != 1 {
		t.Error("commands")
	}
}

func TestRelayMalformed(t *testing.T) {
	for _, answer := range []string{"", "80", "800A0A0B0C0D00000064001800", "770A0A0B0C0D000000640018", "80090A0B0C0D0000006400", "800B0A0B0C0D00000064001800"} {
		b, c := newBench(t), newCard(t)
		c.aip[1] |= 0x01
		c.edit = answers(0xEA, answer+"9000")
		out := b.run(c, timed{card: c})
		expect(t, out, tap.EndApplication)
		if got := errorIndication(t, out); got[1] != 0x04 {
			t.Errorf("%s: %X", answer, got)
		}
	}
}

// What was measured is in the data the issuer may be shown.
func TestRelayDataKept(t *testing.T) {
	b, c := newBench(t), newCard(t)
	b.draw = func() ([4]byte, error) { return [4]byte{1, 2, 3, 4}, nil }
	c.aip[1] |= 0x01
	c.took = []time.Duration{16 * time.Millisecond, 5 * time.Millisecond}
	list, err := tlv.Parse(b.run(c, timed{card: c}).Reading.Data())
	if err != nil {
		t.Fatal(err)
	}
	for tag, want := range map[tlv.Tag]string{
		0xDF8301: "01020304", 0xDF8302: "0a0b0c0d", 0xDF8303: "0000", 0xDF8304: "0064", 0xDF8305: "0018", 0xDF8306: "0032", 0xDF8307: "01",
	} {
		if e, _ := tlv.Find(list, tag); hex.EncodeToString(e.Value) != want {
			t.Errorf("%v: %X, want %s", tag, e.Value, want)
		}
	}
	b.draw = func() ([4]byte, error) { return [4]byte{}, errors.New("no randomness") }
	a := b.activation(c)
	a.Card = tap.NewLink(timed{card: c})
	if _, err := b.kernel.Activate(t.Context(), a); err == nil {
		t.Error("a number out of nothing")
	}
}
