package entry_test

import (
	"fmt"
	"testing"

	"smartreader/emvkernel/tap"
)

// EMV fact 30: Entry Point reaches transaction limit and CVM limit at the amount itself, the floor limit only
// beyond it.
//
// EMV fact 31: the online and CVM bits of the TTQ belong to one payment: reset in its copy, then set from what
// was found. Zero asks for the issuer, and cannot be tapped where nobody can be asked; a status check is only
// for exactly one unit.
func TestPreprocessing(t *testing.T) {
	ttq := func(b ...byte) *[4]byte { v := [4]byte(b); return &v }
	online := ttq(0x26, 0x00, 0x40, 0x00)
	all := tap.Limits{Transaction: limit(10000), Floor: limit(5000), CVMRequired: limit(2500)}
	tests := []struct {
		name   string
		amount int64
		c      tap.Combination
		want   tap.Indicators
	}{
		{"nothing configured", 1250, tap.Combination{}, tap.Indicators{}},
		{"TTQ as configured", 1250, tap.Combination{TTQ: online}, tap.Indicators{HasTTQ: true, TTQ: *online}},
		{"transient bits reset, others kept", 1250, tap.Combination{TTQ: ttq(0xB6, 0xE0, 0xC0, 0x01)},
			tap.Indicators{HasTTQ: true, TTQ: [4]byte{0xB6, 0x20, 0xC0, 0x01}}},

		{"below all limits", 2499, tap.Combination{TTQ: online, Limits: []tap.Limits{all}}, tap.Indicators{HasTTQ: true, TTQ: *online}},
		{"at the CVM limit", 2500, tap.Combination{TTQ: online, Limits: []tap.Limits{all}},
			tap.Indicators{HasTTQ: true, CVMRequired: true, TTQ: [4]byte{0x26, 0x40, 0x40, 0x00}}},
		{"at the floor limit", 5000, tap.Combination{TTQ: online, Limits: []tap.Limits{all}},
			tap.Indicators{HasTTQ: true, CVMRequired: true, TTQ: [4]byte{0x26, 0x40, 0x40, 0x00}}},
		{"beyond the floor limit", 5001, tap.Combination{TTQ: online, Limits: []tap.Limits{all}},
			tap.Indicators{HasTTQ: true, CVMRequired: true, FloorLimitExceeded: true, TTQ: [4]byte{0x26, 0xC0, 0x40, 0x00}}},
		{"below the transaction limit", 9999, tap.Combination{Limits: []tap.Limits{all}}, tap.Indicators{CVMRequired: true, FloorLimitExceeded: true}},
		{"at the transaction limit", 10000, tap.Combination{TTQ: online, Limits: []tap.Limits{all}},
			tap.Indicators{HasTTQ: true, CVMRequired: true, FloorLimitExceeded: true, TransactionLimitReached: true, NotAllowed: true, TTQ: [4]byte{0x26, 0xC0, 0x40, 0x00}}},
		{"a limit of zero is reached by all", 1, tap.Combination{Limits: []tap.Limits{{Transaction: limit(0)}}},
			tap.Indicators{TransactionLimitReached: true, NotAllowed: true}},
		{"a floor limit of zero", 1, tap.Combination{TTQ: online, Limits: []tap.Limits{{Floor: limit(0)}}},
			tap.Indicators{HasTTQ: true, FloorLimitExceeded: true, TTQ: [4]byte{0x26, 0x80, 0x40, 0x00}}},
		{"the on-device limit is not Entry Point's", 9999, tap.Combination{Limits: []tap.Limits{{OnDevice: limit(1)}}}, tap.Indicators{}},

		{"limits of another currency only", 1250, tap.Combination{Limits: []tap.Limits{{Currency: 978}}}, tap.Indicators{NotAllowed: true}},
		{"limits of this currency", 1250, tap.Combination{Limits: []tap.Limits{{Currency: 978, CVMRequired: limit(1)}, {Currency: 840, Floor: limit(1)}}},
			tap.Indicators{FloorLimitExceeded: true}},
		{"limits of every currency", 1250, tap.Combination{Limits: []tap.Limits{{Currency: 978}, {Floor: limit(1)}}}, tap.Indicators{FloorLimitExceeded: true}},

		{"zero is not allowed", 0, tap.Combination{TTQ: online}, tap.Indicators{HasTTQ: true, NotAllowed: true, TTQ: *online}},
		{"zero asks for the issuer", 0, tap.Combination{TTQ: online, ZeroAmountAllowed: true},
			tap.Indicators{HasTTQ: true, ZeroAmount: true, TTQ: [4]byte{0x26, 0x80, 0x40, 0x00}}},
		{"zero, whatever else the reader can", 0, tap.Combination{TTQ: ttq(0xF7, 0x00, 0x40, 0x00), ZeroAmountAllowed: true},
			tap.Indicators{HasTTQ: true, ZeroAmount: true, TTQ: [4]byte{0xF7, 0x80, 0x40, 0x00}}},
		{"zero on an offline-only reader", 0, tap.Combination{TTQ: ttq(0x2E, 0x00, 0x40, 0x00), ZeroAmountAllowed: true},
			tap.Indicators{HasTTQ: true, ZeroAmount: true, NotAllowed: true, TTQ: [4]byte{0x2E, 0x00, 0x40, 0x00}}},
		{"an offline-only reader otherwise", 1250, tap.Combination{TTQ: ttq(0x2E, 0x00, 0x40, 0x00)}, tap.Indicators{HasTTQ: true, TTQ: [4]byte{0x2E, 0x00, 0x40, 0x00}}},
		{"zero without a TTQ", 0, tap.Combination{ZeroAmountAllowed: true}, tap.Indicators{ZeroAmount: true}},

		{"status check at one unit", 100, tap.Combination{TTQ: online, StatusCheck: true},
			tap.Indicators{HasTTQ: true, StatusCheckRequested: true, TTQ: [4]byte{0x26, 0x80, 0x40, 0x00}}},
		{"no status check below", 99, tap.Combination{TTQ: online, StatusCheck: true}, tap.Indicators{HasTTQ: true, TTQ: *online}},
		{"no status check above", 101, tap.Combination{TTQ: online, StatusCheck: true}, tap.Indicators{HasTTQ: true, TTQ: *online}},
		{"no status check configured", 100, tap.Combination{TTQ: online}, tap.Indicators{HasTTQ: true, TTQ: *online}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newShop(t)
			tt.c.AID, tt.c.Kernel = unhex(visa), s.k3
			s.cfg.Combinations = []tap.Combination{tt.c}
			s.p.Amount = tt.amount
			configured := tt.c.TTQ
			var before [4]byte
			if configured != nil {
				before = *configured
			}
			tx := s.begin(t)
			if got := tx.Combinations()[0].Indicators; got != tt.want {
				t.Errorf("indicators\n%+v, want\n%+v", got, tt.want)
			}
			if tx.Possible() != !tt.want.NotAllowed {
				t.Errorf("possible: %v", tx.Possible())
			}
			if configured != nil && *configured != before {
				t.Error("the configured TTQ was changed")
			}
		})
	}
}

// A unit of the currency has as many minor units as the currency's exponent says.
func TestStatusCheckUnit(t *testing.T) {
	for exponent, unit := range map[byte]int64{0: 1, 2: 100, 3: 1000} {
		for _, amount := range []int64{1, 100, 1000} {
			t.Run(fmt.Sprintf("exponent %d, amount %d", exponent, amount), func(t *testing.T) {
				s := newShop(t)
				s.cfg.Combinations = []tap.Combination{{AID: unhex(visa), Kernel: s.k3, StatusCheck: true}}
				s.p.Amount, s.p.Exponent = amount, exponent
				if got := s.begin(t).Combinations()[0].Indicators.StatusCheckRequested; got != (amount == unit) {
					t.Errorf("status check: %v", got)
				}
			})
		}
	}
}

// A combination is for its transaction types, purchases where it names none.
func TestTransactionTypes(t *testing.T) {
	s := newShop(t)
	s.cfg.Combinations = []tap.Combination{
		{AID: unhex(visa), Kernel: s.k3},
		{AID: unhex(mastercard), Kernel: s.k2, Types: []byte{0x00, 0x09}},
		{AID: unhex(maestro), Kernel: s.k2, Types: []byte{0x20}},
	}
	for transaction, want := range map[byte]string{0x00: visa + mastercard, 0x09: mastercard, 0x20: maestro, 0x01: ""} {
		s.p.Type = transaction
		got := ""
		for _, c := range s.begin(t).Combinations() {
			got += fmt.Sprintf("%X", c.AID)
		}
		if got != want {
			t.Errorf("type %02X: %s, want %s", transaction, got, want)
		}
	}
}

// Where no combination may be used the field is never switched on: another interface is asked for at once.
func TestNothingAllowed(t *testing.T) {
	tests := map[string]func(*shop){
		"amount of zero": func(s *shop) { s.p.Amount = 0 },
		"no such type":   func(s *shop) { s.p.Type = 0x20 },
		"kernels only of others": func(s *shop) {
			for i := range s.cfg.Combinations {
				s.cfg.Combinations[i].Kernel = tap.Elsewhere(i + 2)
			}
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, plain(visa))
			change(s)
			out := s.run(t)
			if out.Kind != tap.TryAnotherInterface || out.Start != tap.NoStart || out.Reading != nil || out.Reason == "" {
				t.Errorf("outcome %+v", out)
			}
			s.expect(t, "ui 18/06")
		})
	}

	// One that may be used is enough.
	s := newShop(t, plain(visa))
	s.cfg.Combinations[2].ZeroAmountAllowed = true
	s.p.Amount = 0
	if out := s.run(t); out.Kind != tap.Declined {
		t.Errorf("%+v", out)
	}
	if !s.k3.given[0].Indicators.ZeroAmount {
		t.Error("the kernel was not told")
	}
}
