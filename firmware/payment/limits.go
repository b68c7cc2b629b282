package payment

import (
	"fmt"
	"math"
	"time"

	"smartreader/store"
)

// commonLimits judge the limits that hold for every card.
func (e *evaluation) commonLimits() {
	for _, check := range []func(sourcedRule){e.maxAmount, e.maxCount, e.maxStored, e.maxAge} {
		for _, r := range e.rules {
			if !r.scoped() {
				check(r)
			}
		}
	}
}

// scopedLimits judge the limits for such cards as this.
func (e *evaluation) scopedLimits() {
	for _, r := range e.rules {
		if r.scoped() && e.covered(r) {
			e.maxAmount(r)
			e.maxCount(r)
			e.maxStored(r)
			e.maxAge(r)
		}
	}
}

func (e *evaluation) covered(r sourcedRule) bool {
	return r.covers(e.currency, e.subject.card.Brand, e.subject.card.ReadMethod, e.subject.card.CVM)
}

// limit notes how the payment stands to one limit of a rule.
func (e *evaluation) limit(name string, r sourcedRule, limit, current string, failure *Error) {
	if failure != nil && r.scoped() && failure.Retry != RetryCollectAgain {
		f := *failure
		f.Message += " (for " + r.scope() + ")"
		f.Remedy, f.Retry = "ask for another card, or "+f.Remedy, RetryCollectAgain
		if r.EntryMode == contactlessEMV { // the same card by chip does not fall under it
			f.Remedy, f.insert = "insert the card, or "+failure.Remedy, true
		}
		failure = &f
	}
	e.states = append(e.states, RuleState{
		Rule: name, Source: string(r.source), Scope: r.scope(), Limit: limit, Current: current, Stops: failure != nil, Failure: failure,
	})
}

func (e *evaluation) maxAmount(r sourcedRule) {
	limit := r.Limit.MaxAmount
	if limit == 0 {
		return
	}
	var failure *Error
	if e.amount > limit {
		failure = refuse(AmountExceedsMaxOffline, RetryNever,
			fmt.Sprintf("%s is over the offline limit of %s", e.money(e.amount), e.money(limit)),
			"wait for the internet, or take another means of payment")
	}
	e.limit("maxAmount", r, e.money(limit), e.money(e.amount), failure)
}

func (e *evaluation) maxCount(r sourcedRule) {
	limit, count := r.Limit.MaxCount, e.totals.Count
	if limit == 0 {
		return
	}
	if r.scoped() {
		count, _, _ = e.waitingFor(r)
	}
	var failure *Error
	if count >= limit {
		failure = refuse(DatabaseTooLarge, RetrySame, fmt.Sprintf("%s stored, the limit is %s", payments(count), payments(limit)), forwardFirst)
	}
	e.limit("maxCount", r, payments(limit), payments(count), failure)
}

func (e *evaluation) maxStored(r sourcedRule) {
	limit, sum := r.Limit.MaxStored, e.totals.ByCurrency[e.currency]
	if limit == 0 {
		return
	}
	if r.scoped() {
		_, sum, _ = e.waitingFor(r)
	}
	var failure *Error
	if total := add(sum, e.amount); total > limit {
		failure = refuse(AmountExceedsMaxOffline, RetrySame,
			fmt.Sprintf("%s are stored; with %s more it is over the limit of %s", e.money(sum), e.money(e.amount), e.money(limit)), forwardFirst)
	}
	e.limit("maxStored", r, e.money(limit), e.money(sum), failure)
}

func (e *evaluation) maxAge(r sourcedRule) {
	limit := r.Limit.MaxAge
	if limit == 0 {
		return
	}
	_, _, oldest := e.waitingFor(r)
	var failure *Error
	if oldest > limit {
		failure = refuse(DatabaseTooLarge, RetrySame,
			fmt.Sprintf("a stored payment has been waiting for %v, the limit is %v", oldest.Round(time.Second), limit), forwardFirst)
	}
	e.limit("maxAge", r, limit.String(), oldest.Round(time.Second).String(), failure)
}

const forwardFirst = "restore the internet so that the stored payments are forwarded"

// waitingFor adds up the stored payments that fall under a rule.
func (e *evaluation) waitingFor(r sourcedRule) (count int, sum int64, oldest time.Duration) {
	for _, p := range e.waiting {
		var card store.Card
		var receipt store.Receipt
		if p.Card != nil {
			card = *p.Card
		}
		if p.Receipt != nil {
			receipt = *p.Receipt
		}
		if r.covers(p.Currency, card.Brand, card.ReadMethod, receipt.CardholderVerificationMethod) {
			count, sum = count+1, add(sum, p.Amount)
			oldest = max(oldest, e.now.Sub(time.UnixMilli(p.StoredAtMs)))
		}
	}
	return count, sum, oldest
}

func (e *evaluation) money(amount int64) string { return written(amount, e.currency) }

// add does not overflow: what is too much for a number is too much for a limit.
func add(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

func payments(n int) string {
	if n == 1 {
		return "1 payment"
	}
	return fmt.Sprintf("%d payments", n)
}
