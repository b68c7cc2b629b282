package payment

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"smartreader/emvkernel"
	"smartreader/emvkernel/entry"
	"smartreader/emvkernel/tap"
	"smartreader/store"
)

// Question describes a payment for Explain. What is empty is not judged.
type Question struct {
	Amount          int64 // minor units, tip included
	Currency        string
	OfflineBehavior string
	Brand           string
	ReadMethod      string
	CVM             string
	Limits          Limit // by the POS
}

// Explanation says whether a payment would be stored now, and why.
type Explanation struct {
	Allowed bool
	Rules   []RuleState // all that were looked at
	Failure *Error      // of the first that stops it
}

// Explain judges a payment as if it had to be stored now, by the rules that
// collecting goes by. It may be called at any time and changes nothing. What
// limits a card depends on which one it is, so that it is only named.
func (m *Machine) Explain(q Question) Explanation {
	settings, ok := m.opt.Settings()
	if !ok {
		return Explanation{Failure: notConfigured()}
	}
	if brand := q.Brand; brand != "" && !settings.knows(brand) {
		return Explanation{Failure: refuse(InvalidParameter, RetryNever, fmt.Sprintf("the reader knows no brand %q", brand), "name one of "+strings.Join(settings.brands(), ", "))}
	}
	held, failure := m.holdings(settings.Policy, q.Currency, q.Limits)
	if failure != nil {
		return Explanation{Failure: failure}
	}
	states := append([]RuleState{m.certificate(q.OfflineBehavior)}, settings.Policy.evaluate(subject{
		amount: q.Amount, currency: q.Currency, offlineBehavior: q.OfflineBehavior, limits: q.Limits,
		livemode: settings.Livemode, readerLivemode: settings.Livemode, noSealKey: settings.SealKey.ID() == "",
		card: CardFacts{Brand: q.Brand, ReadMethod: q.ReadMethod, CVM: q.CVM}, now: m.opt.Store.Now(),
	}, held)...)
	if strings.HasPrefix(q.ReadMethod, contactless) {
		states = append(states, m.taps(settings, q))
	}
	states = append(states, m.room())
	failure = refusal(states)
	return Explanation{Allowed: failure == nil, Rules: states, Failure: failure}
}

// brands are those of the cards that the reader takes.
func (s Settings) brands() []string {
	var brands []string
	for _, a := range s.Kernel.Applications {
		brands = append(brands, a.Brand)
	}
	slices.Sort(brands)
	return slices.Compact(brands)
}

// knows reports whether there is such a brand, taken here or not.
func (s Settings) knows(brand string) bool {
	return brand == brandInterac || slices.Contains(deferrable, brand) || slices.Contains(s.brands(), brand)
}

// taps is whether such a card can be tapped here at all.
func (m *Machine) taps(s Settings, q Question) RuleState {
	state := RuleState{Rule: "contactless", Source: string(byConfiguration), Current: "taken by tap"}
	stop := func(why string) RuleState {
		state.Current, state.Stops = why, true
		state.Failure = insert(refuse(CardNotSupported, RetryCollectAgain, why, "insert the card"))
		return state
	}
	switch iso, err := lookUpCurrency(q.Currency); {
	case m.opt.Contactless == nil:
		return stop("this reader has no contactless reader")
	case s.Tap == nil:
		return stop("taps are not configured at this Location")
	case err != nil: // the currency rule says so
		return state
	case q.Brand != "" && !s.tapped(q.Brand):
		return stop("cards of this brand are not taken by tap")
	default:
		t, err := entry.New(s.Tap, emvkernel.Params{Amount: q.Amount, Currency: iso.numeric, Exponent: iso.exponent, Time: m.opt.Store.Now()},
			entry.Environment{Field: &antenna{}})
		if err == nil && !t.Possible() {
			return stop("an amount like this is not taken by tap")
		}
	}
	return state
}

// tapped reports whether cards of a brand are taken by tap.
func (s Settings) tapped(brand string) bool {
	return slices.ContainsFunc(s.Tap.Combinations, func(c tap.Combination) bool {
		_, elsewhere := c.Kernel.(tap.Elsewhere)
		return c.Brand == brand && !elsewhere
	})
}

// certificate is whether what answers is the platform.
func (m *Machine) certificate(offlineBehavior string) RuleState {
	failure := m.impostor(offlineBehavior)
	return RuleState{Rule: "certificate", Source: string(byReader), Current: yesNo(m.opt.Impostor() == nil), Stops: failure != nil, Failure: failure}
}

// room is how the ledger itself stands to another payment: the store refuses
// by itself, this only tells of it.
func (m *Machine) room() RuleState {
	health := m.opt.Store.Health()
	state := RuleState{Rule: "ledger", Source: string(byReader), Current: cmp.Or(health.RefusePayments, "ready"), Stops: health.RefusePayments != ""}
	if state.Stops {
		state.Failure = storeFailure(&store.Refusal{Reason: health.RefusePayments, Detail: cmp.Or(health.Reason, health.RefusePayments)})
	}
	return state
}

// holdings looks up what the policy's rules for a currency want to know.
func (m *Machine) holdings(p Policy, currency string, pos Limit) (holdings, *Error) {
	held := holdings{totals: m.opt.Store.Pending(), cards: m.velocity}
	for _, r := range p.rules(currency, pos) {
		if !r.waiting() {
			continue
		}
		waiting, err := m.opt.Store.List(store.Filter{States: []store.State{store.Stored, store.Sending, store.Unknown}})
		if err != nil {
			return held, storeFailure(err)
		}
		held.waiting = waiting
		break
	}
	return held, nil
}
