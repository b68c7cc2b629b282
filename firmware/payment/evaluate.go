package payment

import (
	"cmp"
	"strings"
	"time"

	"smartreader/store"
)

// RuleState is one rule of the offline policy and how a payment stands to it.
type RuleState struct {
	Rule    string // offlineEnabled, currency, maxAmount, brand, ...
	Source  string // who set it: reader, configuration or pos
	Scope   string // which cards, such as "visa contact_emv"; empty: all
	Limit   string // in words, may be empty
	Current string // where the payment and what is stored stand
	Stops   bool
	Failure *Error // with Stops: what the POS gets
}

// subject is a payment the policy is asked about.
type subject struct {
	amount          int64
	currency        string
	offlineBehavior string
	livemode        bool  // the payment's mode
	readerLivemode  bool  // the reader's
	noSealKey       bool  // there is nothing to encrypt the card data to
	limits          Limit // by the POS
	card            CardFacts
	now             time.Time
}

// holdings are what is stored already.
type holdings struct {
	totals  store.Totals
	waiting []store.Payment // looked up only when a rule wants to see them
	cards   *velocity       // what this card has had stored
}

// refusal is the first failure among states, nil when nothing stops the payment.
func refusal(states []RuleState) *Error {
	for _, s := range states {
		if s.Stops {
			return s.Failure
		}
	}
	return nil
}

// evaluate looks at a payment by every rule there is, in the order in which
// they are told. What is not known of the card yet is not judged. Everything
// that asks whether a payment may be stored asks here.
func (p Policy) evaluate(q subject, h holdings) []RuleState {
	e := &evaluation{policy: p, subject: q, holdings: h, rules: p.rules(q.currency, q.limits)}
	e.paymentRules()
	e.commonLimits()
	e.cardRules()
	e.scopedLimits()
	e.velocityLimits()
	return e.states
}

type evaluation struct {
	policy Policy
	subject
	holdings
	rules  []sourcedRule
	states []RuleState
}

func (e *evaluation) note(rule string, by source, current string, failure *Error) {
	e.states = append(e.states, RuleState{Rule: rule, Source: string(by), Current: current, Stops: failure != nil, Failure: failure})
}

// paymentRules judge what the payment is, whatever it amounts to.
func (e *evaluation) paymentRules() {
	var failure *Error
	if e.offlineBehavior == RequireOnline {
		failure = requireOnline()
	}
	e.note("offlineBehavior", byTill, cmp.Or(e.offlineBehavior, PreferOnline), failure)

	failure = nil
	switch {
	case e.policy.Enabled:
	case e.offlineBehavior == ForceOffline:
		failure = forceOfflineDisabled()
	default:
		failure = refuse(NotConnectedToInternet, RetrySame,
			"the reader has no internet and its Location is not configured for offline payments",
			"restore the internet, or set offline.enabled in the Location's configuration")
	}
	e.note("offlineEnabled", byConfiguration, yesNo(e.policy.Enabled), failure)

	failure = nil
	code := strings.ToUpper(e.currency)
	if listed, bounded := e.policy.names(e.currency); !listed {
		failure = refuse(InvalidOfflineCurrency, RetryNever, code+" is not accepted offline at this Location",
			"wait for the internet, or add an offline limit for this currency to the configuration")
	} else if !bounded {
		failure = refuse(InvalidOfflineCurrency, RetryNever,
			"it is not known how much 10,000 USD are in "+code+", so it is not accepted offline",
			"wait for the internet, or set maxAmount or equivalents for this currency in the configuration")
	}
	e.note("currency", byConfiguration, code, failure)
	e.note("livemode", byReader, yesNo(e.livemode), modeMismatch(e.livemode, e.readerLivemode))

	failure = nil
	if e.noSealKey {
		failure = refuse(OfflineKeysUnavailable, RetrySame, "the platform's encryption key is not known", "connect the reader to the internet once")
	}
	e.note("encryptionKey", byReader, yesNo(!e.noSealKey), failure)
}

func requireOnline() *Error {
	return refuse(RequireOnlineNotConnected, RetrySame, "the platform could not be reached and the payment requires it",
		"restore the internet and ask again, or create the payment with prefer_online")
}

func forceOfflineDisabled() *Error {
	return refuse(ForceOfflineDisabled, RetryNever,
		"force_offline needs a Location configured for offline payments", "set offline.enabled in the Location's configuration")
}

// modeMismatch refuses a payment that was created in another mode than the
// reader is in: its money would move, or not, on the other side.
func modeMismatch(payment, reader bool) *Error {
	switch {
	case payment == reader:
		return nil
	case reader:
		return refuse(TestmodePaymentInLivemode, RetryNever, "the payment was created in test mode, the reader is in live mode now", "create a new payment")
	}
	return refuse(LivemodePaymentInTestmode, RetryNever, "the payment was created in live mode, the reader is in test mode now", "create a new payment")
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
