package payment

import (
	"math"
	"testing"
	"time"
)

// Invariant 5: limits live in the reader.
func TestPolicyAmounts(t *testing.T) {
	p := Policy{Enabled: true, Limits: map[string]Limit{
		"usd": {MaxAmount: 1_000_000},
		"eur": {MaxAmount: 5000, MaxCount: 2, MaxStored: 7000},
		"jpy": {},
	}}
	for _, test := range []struct {
		amount   int64
		currency string
		stored   Stored
		want     Code
	}{
		{1_000_000, "usd", Stored{Count: 100_000, Sum: 1 << 40}, ""},
		{1_000_001, "usd", Stored{}, AmountExceedsMaxOffline},
		{5000, "eur", Stored{Count: 1, Sum: 2000}, ""},
		{5000, "eur", Stored{Count: 1, Sum: 2001}, AmountExceedsMaxOffline},
		{1, "eur", Stored{Count: 2, Sum: 2}, DatabaseTooLarge},
		{5000, "eur", Stored{Sum: math.MaxInt64}, AmountExceedsMaxOffline},
		{math.MaxInt64, "jpy", Stored{Sum: math.MaxInt64}, ""},
		{1, "gbp", Stored{}, InvalidOfflineCurrency},
	} {
		got := Code("")
		if e := p.CheckAmount(test.amount, test.currency, test.stored); e != nil {
			got = e.Code
		}
		if got != test.want {
			t.Errorf("%d %s on %+v: got %q, want %q", test.amount, test.currency, test.stored, got, test.want)
		}
	}
	if e := (Policy{Limits: Defaults()}).CheckAmount(1, "usd", Stored{}); e == nil || e.Code != NotConnectedToInternet {
		t.Errorf("not enabled: got %v", e)
	}
}

// Invariant 5: configuration tightens the shipped limits and never loosens them.
func TestLimitsOnlyTighten(t *testing.T) {
	shipped := Limit{MaxAmount: 100, MaxCount: 0, MaxStored: 50}
	for _, test := range []struct{ with, want Limit }{
		{Limit{}, shipped},
		{Limit{MaxAmount: 1000, MaxCount: 3, MaxStored: 60}, Limit{MaxAmount: 100, MaxCount: 3, MaxStored: 50}},
		{Limit{MaxAmount: 10, MaxStored: 5}, Limit{MaxAmount: 10, MaxStored: 5}},
	} {
		if got := shipped.Tighten(test.with); got != test.want {
			t.Errorf("%+v with %+v: got %+v", shipped, test.with, got)
		}
	}
}

func TestPolicyCards(t *testing.T) {
	now := time.Date(2026, 11, 30, 23, 59, 0, 0, time.UTC)
	good := CardFacts{Authenticated: true, CVM: "none", ExpiryYear: 2026, ExpiryMonth: 11}
	change := func(f func(*CardFacts)) CardFacts { c := good; f(&c); return c }
	for name, test := range map[string]struct {
		card CardFacts
		want Code
	}{
		"good in its last month": {good, ""},
		"expired":                {change(func(c *CardFacts) { c.ExpiryMonth = 10 }), OfflineCardExpired},
		"December":               {change(func(c *CardFacts) { c.ExpiryMonth = 12 }), ""},
		"no expiry":              {change(func(c *CardFacts) { c.ExpiryYear = 0 }), OfflineCardExpired},
		"not authenticated":      {change(func(c *CardFacts) { c.Authenticated = false }), OfflineDeclined},
		"online PIN":             {change(func(c *CardFacts) { c.CVM = "online_pin" }), OnlinePINNotOffline},
	} {
		got := Code("")
		if e := (Policy{}).CheckCard(test.card, now); e != nil {
			got = e.Code
		}
		if got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}
