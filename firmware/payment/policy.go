package payment

import (
	"fmt"
	"math"
	"strings"
	"time"

	"smartreader/emvkernel"
)

// Limit bounds what may be stored in one currency, in minor units. Zero means
// no limit of that kind.
type Limit struct {
	MaxAmount int64         // of one payment
	MaxCount  int           // of payments waiting to be forwarded, in all currencies together
	MaxStored int64         // of their sum
	MaxAge    time.Duration // of the oldest of them
}

// Policy decides whether a payment may be accepted without asking the issuer.
// It is tightened by configuration, never loosened: [Defaults] and the
// platform's limits are combined with [Limit.Tighten].
type Policy struct {
	Enabled bool             // the Location is configured for offline payments
	Limits  map[string]Limit // by lower-case ISO 4217 code; a currency without an entry is not accepted offline
}

// Defaults are the shipped limits: 10,000 USD for one payment, and nothing
// else but the disk (Stripe Terminal, "Collect card payments while offline").
// Other currencies have no shipped limit: they are taken offline only where
// the platform's configuration names one.
func Defaults() map[string]Limit { return map[string]Limit{"usd": {MaxAmount: 1_000_000}} }

// Tighten returns the stricter of both limits in every respect.
func (l Limit) Tighten(other Limit) Limit {
	return Limit{
		MaxAmount: stricter(l.MaxAmount, other.MaxAmount),
		MaxCount:  stricter(l.MaxCount, other.MaxCount),
		MaxStored: stricter(l.MaxStored, other.MaxStored),
		MaxAge:    stricter(l.MaxAge, other.MaxAge),
	}
}

func stricter[N int | int64 | time.Duration](a, b N) N {
	if a == 0 || (b != 0 && b < a) {
		return b
	}
	return a
}

// Stored is what is waiting to be forwarded.
type Stored struct {
	Count  int           // in all currencies
	Sum    int64         // in the payment's currency
	Oldest time.Duration // age of the oldest in that currency; looked up only for a limit
}

// CheckAmount says whether a payment of amount may be stored, before a card is
// asked for and again before it is stored. A nil result allows it.
func (p Policy) CheckAmount(amount int64, currency string, stored Stored) *Error {
	if !p.Enabled {
		return refuse(NotConnectedToInternet, RetrySame,
			"the reader has no internet and its Location is not configured for offline payments",
			"restore the internet, or set offline.enabled in the Location's configuration")
	}
	limit, ok := p.Limits[currency]
	if !ok {
		return refuse(InvalidOfflineCurrency, RetryNever,
			fmt.Sprintf("%s is not accepted offline at this Location", strings.ToUpper(currency)),
			"wait for the internet, or add an offline limit for this currency to the configuration")
	}
	if limit.MaxAmount > 0 && amount > limit.MaxAmount {
		return refuse(AmountExceedsMaxOffline, RetryNever,
			fmt.Sprintf("%s is over the offline limit of %s", written(amount, currency), written(limit.MaxAmount, currency)),
			"wait for the internet, or take another means of payment")
	}
	if limit.MaxCount > 0 && stored.Count >= limit.MaxCount {
		return refuse(DatabaseTooLarge, RetrySame,
			fmt.Sprintf("%d payments are stored, the limit is %d", stored.Count, limit.MaxCount),
			"restore the internet so that the stored payments are forwarded")
	}
	if limit.MaxStored > 0 && (stored.Sum > math.MaxInt64-amount || stored.Sum+amount > limit.MaxStored) {
		return refuse(AmountExceedsMaxOffline, RetrySame,
			fmt.Sprintf("%s are stored; with %s more it is over the limit of %s",
				written(stored.Sum, currency), written(amount, currency), written(limit.MaxStored, currency)),
			"restore the internet so that the stored payments are forwarded")
	}
	if limit.MaxAge > 0 && stored.Oldest > limit.MaxAge {
		return refuse(DatabaseTooLarge, RetrySame,
			fmt.Sprintf("a stored payment has been waiting for %v, the limit is %v", stored.Oldest.Round(time.Second), limit.MaxAge),
			"restore the internet so that the stored payments are forwarded")
	}
	return nil
}

// CardFacts is what the policy needs to know of the card presented.
type CardFacts struct {
	Authenticated bool   // DDA or CDA succeeded
	CVM           string // as in emvkernel.Receipt
	ExpiryYear    int    // 20xx
	ExpiryMonth   int
}

func factsOf(t *emvkernel.Transaction) CardFacts {
	card := t.Card()
	return CardFacts{Authenticated: t.Authenticated(), CVM: t.Receipt().CVM, ExpiryYear: card.ExpiryYear, ExpiryMonth: card.ExpiryMonth}
}

// CheckCard says whether this card's payment may be stored. A nil result
// allows it.
func (p Policy) CheckCard(card CardFacts, now time.Time) *Error {
	if card.CVM == "online_pin" {
		return refuse(OnlinePINNotOffline, RetryCollectAgain,
			"the cardholder was verified by online PIN, which needs the issuer", "ask for another card")
	}
	// A card is good to the end of the month it names.
	end := time.Date(card.ExpiryYear, time.Month(card.ExpiryMonth)+1, 1, 0, 0, 0, 0, now.Location())
	if card.ExpiryYear == 0 || !now.Before(end) {
		return refuse(OfflineCardExpired, RetryCollectAgain, "the card has expired", "ask for another card")
	}
	if !card.Authenticated { // it may be a copied chip
		return refuse(OfflineDeclined, RetryCollectAgain,
			"the card did not prove to be genuine, so its payment is not stored", "ask for another card, or wait for the internet")
	}
	return nil
}
