package payment

import (
	"maps"
	"math"
	"time"
)

// Equivalents is a table of what 10,000 USD are in other currencies, in minor
// units by lower-case ISO 4217 code. It is a limit, not an exchange rate.
type Equivalents struct {
	AsOf    time.Time
	Amounts map[string]int64
}

// limitUSD is the most one payment stored offline may be: 10,000 USD or what
// that is elsewhere (Stripe Terminal, "Collect card payments while offline").
const limitUSD = 1_000_000

// equivalents are the currencies that Stripe Terminal has a tipping
// configuration for, which are those of the countries with Terminal readers.
// Whole units for 10,000 USD, from central banks' reference rates at the end of
// 2025 [unverified rate], rounded down so that a currency that has risen since
// is not far over the limit; AED by its peg to the dollar, HKD by the strong
// end of its band, GIP by its peg to the pound.
var equivalents = map[string]int64{
	"aed": 36_700,
	"aud": 14_900,
	"cad": 13_600,
	"chf": 7_900,
	"czk": 205_000,
	"dkk": 63_000,
	"eur": 8_500,
	"gbp": 7_400,
	"gip": 7_400,
	"hkd": 77_500,
	"huf": 3_250_000,
	"jpy": 1_550_000,
	"mxn": 179_000,
	"myr": 40_500,
	"nok": 100_000,
	"nzd": 17_300,
	"pln": 35_500,
	"ron": 43_000,
	"sek": 92_000,
	"sgd": 12_800,
}

// equivalentsAsOf is the date of the rates.
var equivalentsAsOf = time.Date(2025, 12, 31, 0, 0, 0, 0, time.UTC)

// ShippedEquivalents returns the table this reader ships with.
func ShippedEquivalents() Equivalents {
	e := Equivalents{AsOf: equivalentsAsOf, Amounts: map[string]int64{"usd": limitUSD}}
	for code, whole := range equivalents {
		if iso, err := lookUpCurrency(code); err == nil {
			e.Amounts[code] = whole * int64(math.Pow10(int(iso.exponent)))
		}
	}
	return e
}

// Newer returns e with what other says otherwise, if other is newer. A currency
// that other leaves out keeps its amount; the dollar's is not a matter of rates
// and stays as it is.
func (e Equivalents) Newer(other Equivalents) Equivalents {
	if !other.AsOf.After(e.AsOf) {
		return e
	}
	merged := Equivalents{AsOf: other.AsOf, Amounts: maps.Clone(e.Amounts)}
	if merged.Amounts == nil {
		merged.Amounts = map[string]int64{}
	}
	maps.Copy(merged.Amounts, other.Amounts)
	merged.Amounts["usd"] = limitUSD
	return merged
}
