package c2_test

import (
	"bytes"
	"encoding/hex"
	"slices"
	"testing"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/c2"
	"smartreader/emvkernel/tap"
)

// scene is a good transaction, whose answers are tampered with on their way.
type scene struct {
	name    string
	arrange func(*bench, *card)
	timed   bool
	signed  bool // as it is, it is authenticated
	want    tap.OutcomeKind
}

var scenes = []scene{
	{"online", func(*bench, *card) {}, false, true, tap.OnlineRequest},
	{"offline", func(b *bench, c *card) { b.kernel.Limits[0].Floor = amount(1000); c.kind = 0x40 }, false, true, tap.Approved},
	{"relay", func(_ *bench, c *card) { c.aip[1] |= 0x01 }, true, true, tap.OnlineRequest},
	{"phone", func(b *bench, c *card) { c.aip[0] |= 0x02; b.params.Amount = 6000; c.phone = "001000" }, false, true, tap.OnlineRequest},
	{"no CDA", func(_ *bench, c *card) { c.aip[0] &^= 0x01; c.format80 = true }, false, false, tap.OnlineRequest},
	{"recovered", func(b *bench, c *card) {
		b.kernel.Torn, _ = c2.NewTornLog(1, time.Minute)
		c.static.set(0x9F51, "9F3704")
		c.lose[apdu.INSGenerateAC] = 1
		b.tap(c)
		c.log = nil
	}, false, true, tap.OnlineRequest},
}

// play taps with one answer tampered with. Done is false when the transaction has no answer number n.
func (s scene) play(t testing.TB, n int, tamper func([]byte) []byte) (out tap.Outcome, done bool) {
	b, c := newBench(t), newCard(t)
	s.arrange(b, c)
	seen := 0
	c.edit = func(_ byte, r []byte) []byte {
		seen++
		if seen-1 == n {
			done = true
			return tamper(r)
		}
		return r
	}
	if s.timed {
		out = b.run(c, timed{card: c})
	} else {
		out = b.tap(c)
	}
	judge(t, out)
	return out, done
}

// judge says what no card may come to, whatever was done to its answers.
func judge(t testing.TB, out tap.Outcome) {
	t.Helper()
	if out.Reading == nil {
		return
	}
	r := out.Reading
	tvr := r.TVR()
	if r.Authenticated() {
		if tvr.Has(emvkernel.ODANotPerformed) || tvr.Has(emvkernel.CDAFailed) {
			t.Errorf("authenticated with TVR %v", tvr)
		}
		// What was signed is what the card signed.
		if got := value(t, r, 0x9F26) + string(r.Card().PAN) + value(t, r, 0x5F24); got != "11223344556677885413330089010434351231" {
			t.Error("authenticated with other data")
		}
	}
	switch out.Kind {
	case tap.Approved:
		if !r.Authenticated() {
			t.Error("approved without authentication")
		}
	case tap.OnlineRequest:
		if !r.Authenticated() && !tvr.Has(emvkernel.ODANotPerformed) && !tvr.Has(emvkernel.CDAFailed) {
			t.Errorf("online without authentication, TVR %v", tvr)
		}
	}
	if value(t, r, 0x95) != hex.EncodeToString(tvr[:]) {
		t.Error("the issuer is told another TVR")
	}
}

// Every byte of every answer, changed in three ways, left out and doubled.
func TestTampered(t *testing.T) {
	for _, s := range scenes {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			online := 0
			for n := 0; ; n++ {
				var length int
				out, done := s.play(t, n, func(r []byte) []byte { length = len(r); return r })
				expect(t, out, s.want)
				if out.Reading.Authenticated() != s.signed {
					t.Fatal("authenticated:", !s.signed)
				}
				if !done {
					break
				}
				for i := range length {
					for _, tamper := range []func([]byte) []byte{
						func(r []byte) []byte { r[i] ^= 0x01; return r },
						func(r []byte) []byte { r[i] ^= 0x80; return r },
						func(r []byte) []byte { return slices.Delete(r, i, i+1) },
						func(r []byte) []byte { return slices.Insert(r, i, r[i]) },
					} {
						if out, _ := s.play(t, n, tamper); out.Kind == tap.OnlineRequest {
							online++
						}
					}
				}
			}
			t.Logf("%d tampered taps go online", online)
		})
	}
}

// FuzzAnswers puts the fuzzer's bytes into an answer of a good transaction, in the place of others.
func FuzzAnswers(f *testing.F) {
	for i := range scenes {
		for n := range 6 {
			f.Add(byte(i), byte(n), uint16(3), uint16(4), []byte{0x9F, 0x27, 0x01})
			f.Add(byte(i), byte(n), uint16(0), uint16(400), []byte{0x77, 0x00, 0x90, 0x00})
		}
	}
	f.Fuzz(func(t *testing.T, which, n byte, from, to uint16, with []byte) {
		s := scenes[int(which)%len(scenes)]
		s.play(t, int(n)%8, func(r []byte) []byte {
			from, to := min(int(from), len(r)), min(int(to), len(r))
			return bytes.Join([][]byte{r[:from], with, r[max(from, to):]}, nil)
		})
	})
}

// FuzzCard is a card of the fuzzer's own: every answer comes from it, cut by length bytes.
func FuzzCard(f *testing.F) {
	b, c := newBench(f), newCard(f)
	var script []byte
	c.edit = func(_ byte, r []byte) []byte {
		script = append(append(script, byte(len(r)>>8), byte(len(r))), r...)
		return r
	}
	b.tap(c)
	f.Add(c.selected(), script, true)
	f.Add([]byte{0x6F, 0x00}, []byte{0, 2, 0x90, 0x00}, false)
	f.Fuzz(func(t *testing.T, fci, script []byte, stripe bool) {
		b, c := newBench(t), newCard(t)
		b.kernel.MagneticStripe = stripe
		b.kernel.Torn, _ = c2.NewTornLog(1, time.Minute)
		c.edit = func(byte, []byte) []byte {
			if len(script) < 2 {
				return nil
			}
			n := min(int(script[0])<<8|int(script[1]), len(script)-2)
			r := script[2 : 2+n]
			script = script[2+n:]
			return r
		}
		a := b.activation(c)
		a.FCI, a.Card = fci, tap.NewLink(timed{card: c})
		out, err := b.kernel.Activate(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		check(t, out)
		if out.Reading != nil && !out.Reading.MagneticStripe() {
			judge(t, out)
		}
		if out.Kind == tap.Approved {
			t.Error("approved")
		}
	})
}
