package emvkernel_test

import (
	"slices"
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/tlv"
)

// EMV facts 24 and 25: TVR byte 4, and "new card" in byte 2.
func TestRisk(t *testing.T) {
	counter := func(tag tlv.Tag, v ...byte) []byte { return ok(tlv.Append(nil, tag, v...)) }
	random := func(amount int64, number byte) func(*emvkernel.Config, *emvkernel.Params) {
		return func(c *emvkernel.Config, p *emvkernel.Params) {
			a := &c.Applications[0]
			a.RandomThreshold, a.RandomTarget, a.RandomMaximum = 1000, 20, 60 // floor 5000
			p.Amount, p.RandomSelection = amount, number
		}
	}
	split := func(now, before int64) func(*emvkernel.Config, *emvkernel.Params) {
		return func(_ *emvkernel.Config, p *emvkernel.Params) {
			p.Amount = now
			p.SaleLog = func(emvkernel.Secret, string) int64 { return before }
		}
	}
	tests := []struct {
		name      string
		change    func(*emvkernel.Config, *emvkernel.Params)
		limits    string // 9F14 and 9F23
		atc, last []byte
		tvr       byte
		newCard   bool
	}{
		{name: "below the floor limit", change: amount(4999)},
		{name: "at the floor limit", change: amount(5000), tvr: 0x80},
		{name: "split sale: together below the floor limit", change: split(1250, 3749)},
		{name: "split sale: together at the floor limit", change: split(1250, 3750), tvr: 0x80},
		{name: "split sale: the other one alone is above it", change: split(1, 9999), tvr: 0x80},
		{name: "split sale: a log that says less than nothing", change: split(5000, -4999), tvr: 0x80},
		{name: "split sale: a log beyond all numbers", change: split(1, 1<<63-1), tvr: 0x80},
		{name: "floor limit in another currency", change: func(c *emvkernel.Config, p *emvkernel.Params) { c.Applications[0].FloorCurrency = 978; p.Amount = 1 }, tvr: 0x80},
		{name: "floor limit in this currency", change: func(c *emvkernel.Config, _ *emvkernel.Params) { c.Applications[0].FloorCurrency = 840 }},
		{name: "forced online", change: func(_ *emvkernel.Config, p *emvkernel.Params) { p.ForceOnline = true }, tvr: 0x08},
		{name: "forced online above the floor limit", change: func(_ *emvkernel.Config, p *emvkernel.Params) { p.ForceOnline, p.Amount = true, 5000 }, tvr: 0x88},
		{name: "floor limit zero", change: func(c *emvkernel.Config, p *emvkernel.Params) { c.Applications[0].FloorLimit = 0; p.Amount = 0 }, tvr: 0x80},

		{name: "random, small amount, in", change: random(100, 20), tvr: 0x10},
		{name: "random, small amount, out", change: random(100, 21)},
		{name: "random, half way up, in", change: random(3000, 40), tvr: 0x10},
		{name: "random, half way up, out", change: random(3000, 41)},
		{name: "random, just below the floor limit (integer division)", change: random(4999, 59), tvr: 0x10},
		{name: "random, just below the floor limit, out", change: random(4999, 60)},
		{name: "at the floor limit nothing is random", change: random(5000, 1), tvr: 0x80},
		{name: "random, at the threshold, in", change: random(1000, 20), tvr: 0x10},
		{name: "random, at the threshold, out", change: random(1000, 21)},
		{name: "random looks at this payment alone", change: func(c *emvkernel.Config, p *emvkernel.Params) {
			split(100, 3000)(c, p)
			random(100, 21)(c, p)
		}},
		{name: "random in another currency: above the floor limit of zero", change: func(c *emvkernel.Config, p *emvkernel.Params) {
			random(100, 1)(c, p)
			c.Applications[0].FloorCurrency = 978
		}, tvr: 0x80},

		{name: "only one limit: no check", limits: "02"},
		{name: "within both limits", limits: "0204", atc: counter(0x9F36, 0, 12), last: counter(0x9F13, 0, 10)},
		{name: "above the lower", limits: "0204", atc: counter(0x9F36, 0, 13), last: counter(0x9F13, 0, 10), tvr: 0x40},
		{name: "above both", limits: "0204", atc: counter(0x9F36, 1, 0), last: counter(0x9F13, 0, 10), tvr: 0x60},
		{name: "upper below lower is only looked at beyond the lower", limits: "0402", atc: counter(0x9F36, 0, 13), last: counter(0x9F13, 0, 10)},
		{name: "no counter", limits: "0204", last: counter(0x9F13, 0, 10), tvr: 0x60},
		{name: "no last online counter", limits: "0204", atc: counter(0x9F36, 0, 10), tvr: 0x60},
		{name: "counter not above the last online one", limits: "0204", atc: counter(0x9F36, 0, 10), last: counter(0x9F13, 0, 10), tvr: 0x60},
		{name: "new card", limits: "0204", atc: counter(0x9F36, 0, 1), last: counter(0x9F13, 0, 0), newCard: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStub()
			s.aip[0] = aipRisk
			l := unhex(t, tt.limits)
			if len(l) > 0 {
				s.data[0x9F14] = l[:1]
			}
			if len(l) > 1 {
				s.data[0x9F23] = l[1:]
			}
			s.getData = map[tlv.Tag][]byte{}
			if tt.atc != nil {
				s.getData[0x9F36] = tt.atc
			}
			if tt.last != nil {
				s.getData[0x9F13] = tt.last
			}
			tx, out := s.run(t, tt.change)
			if out.Kind != emvkernel.OnlineRequest {
				t.Fatal(out)
			}
			if got := tx.TVR()[3]; got != tt.tvr {
				t.Errorf("TVR byte 4 is %02X, want %02X", got, tt.tvr)
			}
			if tx.TVR().Has(emvkernel.NewCard) != tt.newCard {
				t.Errorf("TVR %v", tx.TVR())
			}
			if !tx.TSI().Has(emvkernel.RiskPerformed) {
				t.Error("TSI: not performed")
			}
		})
	}
}

// The floor limit, random selection and the card's own limits hold whether the card's AIP asks for risk
// management or not.
func TestRiskNotAskedFor(t *testing.T) {
	s := newStub()
	tx, _ := s.run(t, amount(10000))
	if tx.TVR()[3] != 0x80 || !tx.TSI().Has(emvkernel.RiskPerformed) {
		t.Errorf("floor limit: TVR %v, TSI %v", tx.TVR(), tx.TSI())
	}
	s = newStub()
	s.data[0x9F14], s.data[0x9F23] = []byte{1}, []byte{2}
	tx, _ = s.run(t, func(c *emvkernel.Config, p *emvkernel.Params) {
		c.Applications[0].RandomMaximum, p.RandomSelection = 99, 1
	})
	if tx.TVR()[3] != 0x70 {
		t.Errorf("random and both limits: TVR %v", tx.TVR())
	}
}

// Log and exception file are asked about the card's account, by digits and sequence number.
func TestAccountLookups(t *testing.T) {
	for _, sequence := range []string{"", "07"} {
		s := newStub()
		if sequence != "" {
			s.data[0x5F34] = []byte{0x07}
		}
		var asked []string
		tx, _ := s.run(t, func(_ *emvkernel.Config, p *emvkernel.Params) {
			p.SaleLog = func(pan emvkernel.Secret, sequence string) int64 {
				asked = append(asked, "log "+string(pan)+" "+sequence)
				return 0
			}
			p.ExceptionFile = func(pan emvkernel.Secret, sequence string) bool {
				asked = append(asked, "exceptions "+string(pan)+" "+sequence)
				return sequence == "07"
			}
		})
		if want := []string{"exceptions 4242424242424242 " + sequence, "log 4242424242424242 " + sequence}; !slices.Equal(asked, want) {
			t.Errorf("asked %q, want %q", asked, want)
		}
		if tx.TVR().Has(emvkernel.InExceptionFile) != (sequence == "07") {
			t.Errorf("TVR %v", tx.TVR())
		}
	}
}

func TestMalformedLimit(t *testing.T) {
	for _, tag := range []tlv.Tag{0x9F14, 0x9F23} {
		for _, value := range [][]byte{{}, {0, 1}} {
			s := newStub()
			s.data[tag] = value
			if _, out := s.run(t, nil); out.Kind != emvkernel.Terminated {
				t.Errorf("%v of %d bytes: %v", tag, len(value), out)
			}
		}
	}
}

func TestMalformedCounter(t *testing.T) {
	for _, answer := range []string{"9000", "9F360100 9000", "9F13020001 9000", "9F36020001 00 9000"} {
		s := newStub()
		s.aip[0] = aipRisk
		s.data[0x9F14], s.data[0x9F23] = []byte{1}, []byte{2}
		s.getData = map[tlv.Tag][]byte{0x9F36: unhex(t, answer)}
		if _, out := s.run(t, nil); out.Kind != emvkernel.Terminated {
			t.Errorf("%s: %v", answer, out)
		}
	}
}

func TestRandomSelectionNeedsANumber(t *testing.T) {
	cfg, p := terminal(), payment()
	cfg.Applications[0].RandomMaximum = 50
	if _, err := emvkernel.NewTransaction(cfg, p, newStub(), nil, nil); err == nil {
		t.Error("random selection without a random number")
	}
}
