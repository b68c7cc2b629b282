package payment

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"smartreader/store"
)

var testNow = time.Date(2026, 11, 30, 23, 59, 0, 0, time.UTC)

func holding(count int, sum int64, currency string) holdings {
	return holdings{totals: store.Totals{Count: count, ByCurrency: map[string]int64{currency: sum}}, cards: newVelocity()}
}

// codeOf is the code of a refusal; empty: none.
func codeOf(states []RuleState) Code {
	if e := refusal(states); e != nil {
		return e.Code
	}
	return ""
}

// Invariant 5: limits live in the reader.
func TestPolicyAmounts(t *testing.T) {
	p := NewPolicy(true, []Rule{
		{Currency: "usd"},
		{Currency: "eur", Limit: Limit{MaxAmount: 5000, MaxCount: 2, MaxStored: 7000}},
		{Currency: "jpy"},
		{Currency: "bhd", Limit: Limit{MaxAmount: 3_700_000}},
		{Currency: "isk"},
		{Currency: "clp", Brand: "visa", Limit: Limit{MaxAmount: 100}},
		{Currency: "cad", Limit: Limit{MaxAmount: 9_000_000}},
	}, ShippedEquivalents(), "US", false)
	for _, test := range []struct {
		amount   int64
		currency string
		count    int
		sum      int64
		want     Code
	}{
		{1_000_000, "usd", 100_000, 1 << 40, ""},
		{1_000_001, "usd", 0, 0, AmountExceedsMaxOffline},
		{5000, "eur", 1, 2000, ""},
		{5001, "eur", 0, 0, AmountExceedsMaxOffline},
		{5000, "eur", 1, 2001, AmountExceedsMaxOffline},
		{1, "eur", 2, 2, DatabaseTooLarge},
		{5000, "eur", 0, math.MaxInt64, AmountExceedsMaxOffline},
		{1_550_000, "jpy", 0, math.MaxInt64, ""},
		{1_550_001, "jpy", 0, 0, AmountExceedsMaxOffline},
		{1, "gbp", 0, 0, InvalidOfflineCurrency},
		{3_700_000, "bhd", 0, 0, ""}, // no equivalent, but a limit
		{1, "isk", 0, 0, InvalidOfflineCurrency},
		{1, "clp", 0, 0, InvalidOfflineCurrency},          // a limit for some cards only is none for the others
		{1_360_001, "cad", 0, 0, AmountExceedsMaxOffline}, // configured higher than shipped
	} {
		got := codeOf(p.evaluate(subject{amount: test.amount, currency: test.currency, now: testNow}, holding(test.count, test.sum, test.currency)))
		if got != test.want {
			t.Errorf("%d %s on %d, %d: got %q, want %q", test.amount, test.currency, test.count, test.sum, got, test.want)
		}
	}
	p.Enabled = false
	if got := codeOf(p.evaluate(subject{amount: 1, currency: "usd"}, holding(0, 0, "usd"))); got != NotConnectedToInternet {
		t.Errorf("not enabled: got %v", got)
	}
}

// Invariant 5: whatever is added by configuration or POS, what was refused
// stays refused. Only naming a currency, and saying how much one payment may be
// in it, opens anything.
func TestLimitsOnlyTighten(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 8))
	pick := func(s ...string) string { return s[random.IntN(len(s))] }
	number := func(n int64) int64 {
		if random.IntN(3) > 0 {
			return 0
		}
		return 1 + random.Int64N(n)
	}
	limit := func() Limit {
		return Limit{
			MaxAmount: number(1000), MaxCount: int(number(6)), MaxStored: number(2000), MaxAge: time.Duration(number(180)) * time.Minute,
			MaxPerCard: int(number(4)), MaxStoredPerCard: number(1500), CardWindow: time.Duration(number(90)) * time.Minute,
		}
	}
	rule := func(currency string) Rule {
		return Rule{Currency: currency, Brand: pick("", "", "visa", "mastercard"), EntryMode: pick("", "", contactEMV, contactlessEMV),
			CVM: pick("", "", "none", "offline_pin"), Limit: limit()}
	}
	currency := func() string { return pick("usd", "eur", "isk") }
	refused, tightened := 0, 0
	for range 20_000 {
		base := []Rule{{Currency: "usd"}, {Currency: "eur"}, {Currency: "isk", Limit: Limit{MaxAmount: 900}}}
		for range random.IntN(4) {
			base = append(base, rule(currency()))
		}
		country := pick("US", "DE", "")
		before := NewPolicy(random.IntN(20) > 0, base, ShippedEquivalents(), country, random.IntN(2) == 0)
		held := holdings{cards: newVelocity(), totals: store.Totals{ByCurrency: map[string]int64{}}}
		card := CardFacts{
			Read: random.IntN(4) > 0, Brand: pick("visa", "visa", "visa", "mastercard", "mastercard", "interac"), ReadMethod: pick(contactEMV, contactEMV, contactlessEMV),
			CVM: pick("none", "none", "offline_pin"), Authenticated: random.IntN(10) > 0, ExpiryYear: 2026, ExpiryMonth: 11 + random.IntN(2),
			fingerprint: held.cards.fingerprint([]byte(pick("1", "2"))),
		}
		for range random.IntN(6) {
			p := store.Payment{
				Currency: currency(), Amount: number(500), StoredAtMs: testNow.Add(-time.Duration(random.IntN(7200)) * time.Second).UnixMilli(),
				Card:    &store.Card{Brand: pick("visa", "mastercard"), ReadMethod: pick(contactEMV, contactlessEMV)},
				Receipt: &store.Receipt{CardholderVerificationMethod: pick("none", "offline_pin")},
			}
			held.waiting = append(held.waiting, p)
			held.totals.Count++
			held.totals.ByCurrency[p.Currency] += p.Amount
			held.cards.add(cardPayment{
				card: held.cards.fingerprint([]byte(pick("1", "2"))), at: time.Now().Add(time.UnixMilli(p.StoredAtMs).Sub(testNow)), amount: p.Amount, currency: p.Currency,
				brand: p.Card.Brand, entryMode: p.Card.ReadMethod, cvm: p.Receipt.CardholderVerificationMethod,
			}, 24*time.Hour)
		}
		q := subject{amount: 1 + random.Int64N(600), currency: currency(), card: card, now: testNow, readerLivemode: random.IntN(20) == 0}
		after, asked := before, q
		if random.IntN(2) == 0 {
			more := slices.Insert(slices.Clone(base), random.IntN(len(base)+1), rule(currency()))
			after = NewPolicy(before.Enabled, more, before.Equivalents, country, before.ContactlessSCA)
		} else {
			asked.limits = limit()
		}
		was, is := codeOf(before.evaluate(q, held)), codeOf(after.evaluate(asked, held))
		if was != "" {
			refused++
		}
		if was == "" && is != "" {
			tightened++
		}
		if was != "" && is == "" {
			t.Fatalf("refused with %s, then accepted:\nbefore %+v\nafter %+v\nasked %+v", was, before, after, asked)
		}
	}
	if refused < 1000 || tightened < 1000 {
		t.Errorf("refused %d, tightened %d: the random rules do not try it", refused, tightened)
	}
}

// Every refusal of a payment that would have to be stored, by what it is for.
func TestPolicyCards(t *testing.T) {
	good := CardFacts{Read: true, Brand: "visa", ReadMethod: contactEMV, Authenticated: true, CVM: "none", ExpiryYear: 2026, ExpiryMonth: 11}
	for name, test := range map[string]struct {
		change  func(*CardFacts)
		country string
		want    Code
		remedy  string
	}{
		"good in its last month":   {change: func(*CardFacts) {}},
		"expired":                  {change: func(c *CardFacts) { c.ExpiryMonth = 10 }, want: OfflineCardExpired},
		"December":                 {change: func(c *CardFacts) { c.ExpiryMonth = 12 }},
		"no expiry":                {change: func(c *CardFacts) { c.ExpiryYear = 0 }, want: OfflineCardExpired},
		"not authenticated":        {change: func(c *CardFacts) { c.Authenticated = false }, want: OfflineDeclined},
		"online PIN":               {change: func(c *CardFacts) { c.CVM = "online_pin" }, want: OnlinePINNotOffline},
		"wants an online PIN":      {change: func(c *CardFacts) { c.OnlinePIN, c.CVM = true, "failure" }, want: OnlinePINNotOffline},
		"wrong PIN":                {change: func(c *CardFacts) { c.CVM = "failure" }, want: OfflineDeclined},
		"offline PIN":              {change: func(c *CardFacts) { c.CVM = "offline_pin" }},
		"swiped":                   {change: func(c *CardFacts) { c.ReadMethod = "magnetic_stripe_track2" }, want: CardSwipeNotAvailable},
		"swiped as a fallback":     {change: func(c *CardFacts) { c.ReadMethod = "magnetic_stripe_fallback" }, want: CardSwipeNotAvailable},
		"tapped stripe data":       {change: func(c *CardFacts) { c.ReadMethod = "contactless_magstripe_mode" }, want: OfflineDeclined, remedy: "insert the card"},
		"tapped in the US":         {change: func(c *CardFacts) { c.ReadMethod = contactlessEMV }},
		"tapped in Germany":        {change: func(c *CardFacts) { c.ReadMethod = contactlessEMV }, country: "DE", want: OfflineDeclined, remedy: "insert the card"},
		"tapped in Great Britain":  {change: func(c *CardFacts) { c.ReadMethod = contactlessEMV }, country: "gb", want: OfflineDeclined, remedy: "insert the card"},
		"tapped in Switzerland":    {change: func(c *CardFacts) { c.ReadMethod = contactlessEMV }, country: "CH"},
		"Interac":                  {change: func(c *CardFacts) { c.Brand = "interac" }, want: InteracNotOffline},
		"girocard":                 {change: func(c *CardFacts) { c.Brand = "girocard" }, want: CardNotSupported},
		"eftpos":                   {change: func(c *CardFacts) { c.Brand = "eftpos_au" }, want: CardNotSupported},
		"single message debit":     {change: func(c *CardFacts) { c.Brand = "star" }, want: CardNotSupported},
		"a brand without a name":   {change: func(c *CardFacts) { c.Brand = "" }, want: CardNotSupported},
		"Interac, expired as well": {change: func(c *CardFacts) { c.Brand, c.ExpiryYear = "interac", 2020 }, want: InteracNotOffline},
		"Maestro":                  {change: func(c *CardFacts) { c.Brand = "maestro" }},
	} {
		t.Run(name, func(t *testing.T) {
			country := test.country
			if country == "" {
				country = "US"
			}
			card := good
			test.change(&card)
			for _, tapsAllowed := range []bool{false, true} {
				want := test.want
				if tapsAllowed && card.ReadMethod == contactlessEMV {
					want = ""
				}
				p := NewPolicy(true, []Rule{{Currency: "usd"}}, ShippedEquivalents(), country, tapsAllowed)
				states := p.evaluate(subject{amount: 1, currency: "usd", card: card, now: testNow}, holding(0, 0, "usd"))
				if got := codeOf(states); got != want {
					t.Errorf("taps allowed %v: got %q, want %q", tapsAllowed, got, want)
				}
				if e := refusal(states); e != nil && (e.Retry != RetryCollectAgain || test.remedy != "" && e.Remedy != test.remedy) {
					t.Errorf("got %+v", e)
				}
			}
		})
	}
}

// A limit with a scope is for such cards, and counts only them.
func TestScopedLimits(t *testing.T) {
	p := NewPolicy(true, []Rule{
		{Currency: "usd"},
		{Currency: "usd", Brand: "visa", Limit: Limit{MaxAmount: 500, MaxCount: 2}},
		{Currency: "usd", EntryMode: contactlessEMV, Limit: Limit{MaxStored: 1000}},
		{Currency: "usd", Brand: "amex", CVM: "none", Limit: Limit{MaxAge: time.Hour}},
	}, ShippedEquivalents(), "US", false)
	stored := func(currency, brand, entry, cvm string, amount int64, age time.Duration) store.Payment {
		return store.Payment{Currency: currency, Amount: amount, StoredAtMs: testNow.Add(-age).UnixMilli(),
			Card: &store.Card{Brand: brand, ReadMethod: entry}, Receipt: &store.Receipt{CardholderVerificationMethod: cvm}}
	}
	visa := stored("usd", "visa", contactEMV, "none", 10, 0)
	for name, test := range map[string]struct {
		amount            int64
		brand, entry, cvm string
		waiting           []store.Payment
		want              Code
	}{
		"over the brand's amount":        {501, "visa", contactEMV, "none", nil, AmountExceedsMaxOffline},
		"another brand":                  {501, "mastercard", contactEMV, "none", nil, ""},
		"over the brand's count":         {1, "visa", contactEMV, "none", []store.Payment{visa, visa}, DatabaseTooLarge},
		"others in the count":            {1, "visa", contactEMV, "none", []store.Payment{visa, stored("usd", "jcb", contactEMV, "none", 1, 0), stored("eur", "visa", contactEMV, "none", 1, 0)}, ""},
		"over the taps' sum":             {400, "jcb", contactlessEMV, "none", []store.Payment{stored("usd", "jcb", contactlessEMV, "none", 700, 0)}, AmountExceedsMaxOffline},
		"inserted, not in the taps' sum": {400, "jcb", contactEMV, "none", []store.Payment{stored("usd", "jcb", contactlessEMV, "none", 700, 0)}, ""},
		"too old":                        {1, "amex", contactEMV, "none", []store.Payment{stored("usd", "amex", contactEMV, "none", 1, 2*time.Hour)}, DatabaseTooLarge},
		"old, with a PIN":                {1, "amex", contactEMV, "none", []store.Payment{stored("usd", "amex", contactEMV, "offline_pin", 1, 2*time.Hour)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			held := holding(len(test.waiting), 0, "usd")
			held.waiting = test.waiting
			card := CardFacts{Read: true, Brand: test.brand, ReadMethod: test.entry, CVM: test.cvm, Authenticated: true, ExpiryYear: 2030, ExpiryMonth: 1}
			states := p.evaluate(subject{amount: test.amount, currency: "usd", card: card, now: testNow}, held)
			if got := codeOf(states); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if e := refusal(states); e != nil && e.Retry != RetryCollectAgain {
				t.Errorf("another card may do, and the POS is told %s", e.Retry)
			}
			early := p.evaluate(subject{amount: test.amount, currency: "usd", now: testNow}, held)
			if got := codeOf(early); got != "" {
				t.Errorf("refused with %s before the card is known", got)
			}
		})
	}
}

func TestShippedEquivalents(t *testing.T) {
	e := ShippedEquivalents()
	if len(e.Amounts) != len(equivalents)+1 {
		t.Errorf("%d of %d currencies have an amount", len(e.Amounts), len(equivalents)+1)
	}
	for currency, want := range map[string]int64{"usd": 1_000_000, "jpy": 1_550_000, "eur": 850_000, "huf": 325_000_000} {
		if e.Amounts[currency] != want {
			t.Errorf("%s: got %d, want %d", currency, e.Amounts[currency], want)
		}
	}
	newer := e.Newer(Equivalents{AsOf: e.AsOf.AddDate(0, 1, 0), Amounts: map[string]int64{"eur": 900_000, "isk": 1_200_000, "usd": 5_000_000}})
	for currency, want := range map[string]int64{"eur": 900_000, "isk": 1_200_000, "gbp": 740_000, "usd": 1_000_000} {
		if newer.Amounts[currency] != want {
			t.Errorf("newer, %s: got %d, want %d", currency, newer.Amounts[currency], want)
		}
	}
	for _, days := range []int{0, -1} {
		older := e.Newer(Equivalents{AsOf: e.AsOf.AddDate(0, 0, days), Amounts: map[string]int64{"eur": 1}})
		if older.Amounts["eur"] != 850_000 || !older.AsOf.Equal(e.AsOf) {
			t.Errorf("a table %d days younger was taken: %+v", days, older)
		}
	}
	if e.Amounts["eur"] != 850_000 {
		t.Error("the shipped table was changed")
	}
}
