package c2_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/c2"
	"smartreader/emvkernel/tap"
	"smartreader/emvkernel/tlv"
)

func tornBench(t *testing.T) (*bench, *card) {
	b, c := newBench(t), newCard(t)
	log, err := c2.NewTornLog(2, 300*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	b.kernel.Torn = log
	c.static.set(0x9F51, "9F3704 9505")
	c.lose[apdu.INSGenerateAC] = 1
	return b, c
}

// later is the next tap of the same payment: a new number, and a little later.
func (b *bench) later(d time.Duration) {
	b.again = true
	b.params.UnpredictableNumber = [4]byte{0xCA, 0xFE, 0xBA, 0xBE}
	b.params.Time = b.params.Time.Add(d)
	b.params.Counter++
}

// EMV fact 34: a card that left during GENERATE AC is asked for the answer it gave, with the data of that
// time.
func TestTornRecovered(t *testing.T) {
	b, c := tornBench(t)
	b.params.Time = time.Date(2026, 3, 14, 23, 59, 55, 0, time.UTC)
	out := b.tap(c)
	expect(t, out, tap.EndApplication)
	if out.Start != tap.StartB || b.kernel.Torn.Len() != 1 {
		t.Fatalf("start %v, %d records", out.Start, b.kernel.Torn.Len())
	}
	b.later(10 * time.Second)
	out = b.tap(c)
	expect(t, out, tap.OnlineRequest)
	if c.sent(apdu.INSGenerateAC) != 1 || c.sent(0xD0) != 1 || b.kernel.Torn.Len() != 0 {
		t.Errorf("GENERATE AC %d, RECOVER AC %d, records %d", c.sent(apdu.INSGenerateAC), c.sent(0xD0), b.kernel.Torn.Len())
	}
	if got := c.command(0xD0); !bytes.Equal(got.Data, unhex("DEADBEEF 0000008001")) || got.CLA != 0x80 || got.Le != 0 {
		t.Errorf("DRDOL data %X", got.Data)
	}
	if got := value(t, out.Reading, 0x9F37); got != "deadbeef" || !out.Reading.Authenticated() {
		t.Errorf("unpredictable number %s", got)
	}
	if got := value(t, out.Reading, 0x9F21) + value(t, out.Reading, 0x9A) + value(t, out.Reading, 0x9F41); got != "235955"+"260314"+"00000007" {
		t.Errorf("time, date and counter %s", got)
	}
}

// EMV fact 34: whatever is amiss, the card is asked for a new cryptogram.
func TestTornNotRecovered(t *testing.T) {
	for _, test := range []struct {
		name           string
		do             func(*bench, *card)
		asked          int // RECOVER AC
		generated, log int
		want           tap.OutcomeKind
	}{
		{"card has none", func(_ *bench, c *card) { c.last = nil }, 1, 2, 0, tap.OnlineRequest},
		{"before the end of its life", func(*bench, *card) { time.Sleep(300*time.Second - 1) }, 1, 1, 0, tap.OnlineRequest},
		{"too old", func(*bench, *card) { time.Sleep(300 * time.Second); synctest.Wait() }, 0, 2, 0, tap.OnlineRequest},
		{"clock set an hour ahead", func(b *bench, _ *card) { b.later(time.Hour) }, 1, 1, 0, tap.OnlineRequest},
		{"clock set back", func(b *bench, _ *card) { b.later(-time.Hour) }, 1, 1, 0, tap.OnlineRequest},
		{"another amount", func(b *bench, _ *card) { b.params.Amount++ }, 0, 2, 0, tap.OnlineRequest},
		{"another currency", func(b *bench, _ *card) { b.kernel.Limits[0].Currency, b.params.Currency = 978, 978 }, 0, 2, 0, tap.OnlineRequest},
		{"another type", func(b *bench, _ *card) { b.params.Type = 0x01 }, 0, 2, 0, tap.OnlineRequest},
		{"cashback", func(b *bench, _ *card) { b.params.Cashback = 1 }, 0, 2, 0, tap.OnlineRequest},
		{"exception file by now", func(b *bench, _ *card) {
			b.params.ExceptionFile = func(emvkernel.Secret, string) bool { return true }
		}, 0, 2, 0, tap.OnlineRequest},
		{"denied by now", func(b *bench, _ *card) { b.kernel.TACDenial[4] = 0x01 }, 0, 2, 0, tap.TryAnotherInterface},
		{"another verification", func(b *bench, _ *card) { b.kernel.CVMCapabilityNotRequired = 0x20 }, 0, 2, 0, tap.OnlineRequest},
		{"the same by another rule", func(_ *bench, c *card) {
			c.static.set(0x8E, "0000000000000000 1F00")
			c.keys, c.own = nil, nil
		}, 0, 2, 0, tap.OnlineRequest},
		{"another terminal", func(b *bench, _ *card) { b.kernel.CardDataInput |= 0x40 }, 0, 2, 0, tap.OnlineRequest},
		{"no signature by now", func(b *bench, _ *card) { b.config.CAKeys = nil }, 0, 2, 0, tap.OnlineRequest},
		{"another profile", func(_ *bench, c *card) { c.aip[0] |= 0x40; c.keys, c.own = nil, nil }, 0, 2, 0, tap.OnlineRequest},
		{"another card", func(b *bench, c *card) {
			*c = *newCard(b.t)
			c.static.set(0x9F51, "9F3704")
			c.static.set(0x5F34, "02")
		}, 0, 1, 1, tap.OnlineRequest},
		{"another account", func(b *bench, c *card) {
			*c = *newCard(b.t)
			c.static.set(0x9F51, "9F3704")
			c.static.set(0x5A, "5413330089010442")
			c.static.drop(0x57)
		}, 0, 1, 1, tap.OnlineRequest},
		{"no list any more", func(_ *bench, c *card) { c.static.drop(0x9F51); c.keys, c.own = nil, nil }, 0, 2, 1, tap.OnlineRequest},
		{"torn again", func(_ *bench, c *card) { c.lose[0xD0] = 1 }, 1, 1, 1, tap.EndApplication},
		{"higher than asked", func(_ *bench, c *card) {
			c.edit = answers(0xD0, "771A9F2701409F360200019F260811223344556677889F1003000000 9000")
		}, 1, 1, 0, tap.EndApplication},
		{"not signed", func(_ *bench, c *card) { c.edit = answers(0xD0, "77149F2701809F360200019F26081122334455667788 9000") }, 1, 1, 0, tap.EndApplication},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, c := tornBench(t)
				expect(t, b.tap(c), tap.EndApplication)
				b.later(10 * time.Second)
				test.do(b, c)
				out := b.tap(c)
				expect(t, out, test.want)
				if test.want == tap.OnlineRequest && test.generated == 2 && test.log == 0 {
					// The first cryptogram never was the terminal's: it charges nobody.
					if got := value(t, out.Reading, 0x9F36); got != "0002" {
						t.Errorf("cryptogram of counter %s", got)
					}
				}
				if c.sent(0xD0) != test.asked || c.sent(apdu.INSGenerateAC) != test.generated || b.kernel.Torn.Len() != test.log {
					t.Errorf("RECOVER AC %d, GENERATE AC %d, records %d", c.sent(0xD0), c.sent(apdu.INSGenerateAC), b.kernel.Torn.Len())
				}
			})
		})
	}
}

// A card that was asked to approve, and was torn, comes back when it may not approve any more: what it would have
// said then is not fetched.
func TestTornApproval(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(*bench)
		want tap.OutcomeKind
	}{
		{"as before", func(*bench) {}, tap.Approved},
		{"no approval by cards", func(b *bench) { b.params.NoOfflineApproval = true }, tap.OnlineRequest},
		{"forced online", func(b *bench) { b.params.ForceOnline = true }, tap.OnlineRequest},
		{"floor limit lowered", func(b *bench) { b.kernel.Limits[0].Floor = amount(0) }, tap.OnlineRequest},
	} {
		t.Run(test.name, func(t *testing.T) {
			b, c := tornBench(t)
			b.kernel.Limits[0].Floor = amount(1000)
			c.kind = 0x40
			expect(t, b.tap(c), tap.EndApplication)
			b.later(time.Second)
			test.do(b)
			expect(t, b.tap(c), test.want)
		})
	}
}

// Somebody else's card with the same number, and all that can be read of the true one, is torn. The true card is
// asked for what it never gave, says so, and pays; if it has another torn payment, its answer to that does not
// pass for this one, and the next tap pays.
func TestTornByImpostor(t *testing.T) {
	b, impostor := tornBench(t)
	expect(t, b.tap(impostor), tap.EndApplication)
	c := newCard(t)
	c.static.set(0x9F51, "9F3704 9505")
	b.later(time.Second)
	out := b.tap(c)
	expect(t, out, tap.OnlineRequest)
	if c.sent(0xD0) != 1 || c.sent(apdu.INSGenerateAC) != 1 || !out.Reading.Authenticated() || value(t, out.Reading, 0x9F37) != "cafebabe" {
		t.Error("the true card was not asked anew")
	}

	impostor.lose[apdu.INSGenerateAC] = 1
	b.params.UnpredictableNumber[0]++
	expect(t, b.tap(impostor), tap.EndApplication)
	expect(t, b.tap(c), tap.EndApplication) // with the answer of the payment before
	if b.kernel.Torn.Len() != 0 {
		t.Error("the impostor's record is still there")
	}
	out = b.tap(c)
	expect(t, out, tap.OnlineRequest)
	if !out.Reading.Authenticated() {
		t.Error("not authenticated")
	}
}

// Several antennas share a log.
func TestTornLogShared(t *testing.T) {
	log, err := c2.NewTornLog(3, time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			b, c := newBench(t), newCard(t)
			b.kernel.Torn = log
			c.static.set(0x5F34, fmt.Sprintf("%02d", i/2))
			c.static.set(0x9F51, "9F3704 9505")
			for range 10 {
				c.lose[apdu.INSGenerateAC] = 1
				b.tap(c)
				if out := b.tap(c); out.Reading != nil && !out.Reading.Authenticated() {
					t.Error("not authenticated")
				}
				if log.Len() > 3 {
					t.Error("too many records")
				}
			}
			log.Wipe()
		})
	}
	all.Wait()
}

// EMV fact 34: off by default, and only for cards with a DRDOL that left during GENERATE AC.
func TestNotTorn(t *testing.T) {
	b, c := tornBench(t)
	b.kernel.Torn = nil
	b.tap(c)
	expect(t, b.tap(c), tap.OnlineRequest)
	if c.sent(0xD0) != 0 {
		t.Error("RECOVER AC without a log")
	}
	for name, do := range map[string]func(*card){
		"no DRDOL":        func(c *card) { c.static.drop(0x9F51) },
		"malformed DRDOL": func(c *card) { c.static.set(0x9F51, "9F") },
		"endless DRDOL":   func(c *card) { c.static.set(0x9F51, "9F37FF 9505") },
		"earlier":         func(c *card) { c.lose = map[byte]int{apdu.INSReadRecord: 1} },
		"refused":         func(c *card) { c.lose = map[byte]int{}; c.edit = answers(apdu.INSGenerateAC, "6985") },
	} {
		b, c := tornBench(t)
		do(c)
		b.tap(c)
		if n := b.kernel.Torn.Len(); n != 0 {
			t.Errorf("%s: %d records", name, n)
		}
	}
}

// EMV fact 34: the log is bounded, and has one record to a card.
func TestTornLog(t *testing.T) {
	b, c := tornBench(t)
	for i := range 3 {
		c.static.set(0x5F34, fmt.Sprintf("%02d", i))
		c.keys, c.own = nil, nil
		c.lose[apdu.INSGenerateAC] = 1
		b.tap(c)
		c.lose[apdu.INSGenerateAC] = 1
		c.last = nil
		b.tap(c)
	}
	if n := b.kernel.Torn.Len(); n != 2 {
		t.Errorf("%d records, want 2", n)
	}
	if s := fmt.Sprintf("%v %+v %#v", b.kernel.Torn, b.kernel.Torn, b.kernel.Torn); strings.Contains(s, "records") || strings.Contains(s, "key") {
		t.Error(s)
	}
	if b.kernel.Torn.LogValue().String() != "c2.TornLog" {
		t.Error("logged")
	}
	b.kernel.Torn.Wipe()
	if n := b.kernel.Torn.Len(); n != 0 {
		t.Errorf("%d records after Wipe", n)
	}
	for _, bad := range []struct {
		n int
		d time.Duration
	}{{0, time.Second}, {256, time.Second}, {1, 0}} {
		if _, err := c2.NewTornLog(bad.n, bad.d); err == nil {
			t.Errorf("log of %d for %v", bad.n, bad.d)
		}
	}
}

// A recovered cryptogram carries the relay resistance data of its time.
func TestTornWithRelayData(t *testing.T) {
	b, c := tornBench(t)
	c.aip[1] |= 0x01
	b.run(c, timed{card: c})
	b.later(time.Second)
	c.took = []time.Duration{4 * time.Millisecond}
	entropy := bytes.Clone(c.entropy)
	out := b.run(c, timed{card: c})
	expect(t, out, tap.OnlineRequest)
	if bytes.Equal(entropy, c.entropy) || c.sent(0xD0) != 1 || c.sent(0xEA) != 2 {
		t.Error("relay resistance was to be asked for again")
	}
	list, err := tlv.Parse(out.Reading.Data())
	if err != nil {
		t.Fatal(err)
	}
	if e, _ := tlv.Find(list, 0xDF8306); hex.EncodeToString(e.Value) != "0032" { // 5 ms, of the first tap
		t.Errorf("measured %X", e.Value)
	}
}

// Torn twice, the record is as good as before; torn with a list as long as a command can carry.
func TestTornTwice(t *testing.T) {
	b, c := tornBench(t)
	c.static.set(0x9F51, "9F3704 9505 9F7CF6")
	b.tap(c)
	c.lose[0xD0] = 1
	b.later(time.Second)
	expect(t, b.tap(c), tap.EndApplication)
	b.later(time.Second)
	out := b.tap(c)
	expect(t, out, tap.OnlineRequest)
	if got := c.command(0xD0).Data; len(got) != 255 || !bytes.HasPrefix(got, unhex("DEADBEEF 0000008001")) {
		t.Errorf("DRDOL data %X", got)
	}
	if !out.Reading.Authenticated() || c.sent(0xD0) != 2 || c.sent(apdu.INSGenerateAC) != 1 {
		t.Error("not recovered")
	}
	for _, n := range []int{1, 255} {
		if _, err := c2.NewTornLog(n, time.Second); err != nil {
			t.Error(err)
		}
	}
}

// The kernel's time ends while the card is asked: nothing is known of it, and nothing is recovered.
func TestTornAtTheEnd(t *testing.T) {
	b, c := tornBench(t)
	b.tap(c)
	ctx, cancel := context.WithCancel(t.Context())
	c.edit = func(ins byte, r []byte) []byte {
		if ins == 0xD0 {
			cancel()
		}
		return r
	}
	a := b.activation(c)
	a.Card = tap.NewLink(c)
	if _, err := b.kernel.Activate(ctx, a); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if c.sent(apdu.INSGenerateAC) != 1 {
		t.Error("asked for another cryptogram")
	}
}
