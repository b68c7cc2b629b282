package reader

import (
	"context"
	"math"
	"time"

	"smartreader/firmware/payment"
	"smartreader/lan"
	"smartreader/lan/wire"
)

// ExplainOfflinePolicy says which rules a payment would be judged by if it had
// to be stored now, and which of them would stop it.
func (s service) ExplainOfflinePolicy(_ context.Context, _ *lan.Caller, p wire.ExplainOfflinePolicyParams) (wire.ExplainOfflinePolicyResult, error) {
	e := s.r.machine.Explain(payment.Question{
		Amount: p.Amount, Currency: p.Currency, OfflineBehavior: p.OfflineBehavior,
		Brand: p.Brand, ReadMethod: p.ReadMethod, CVM: p.CVM, Limits: limitsOf(p.OfflineLimits),
	})
	if e.Failure != nil && e.Failure.Code == payment.InvalidParameter {
		return wire.ExplainOfflinePolicyResult{}, s.r.failureOf(e.Failure)
	}
	result := wire.ExplainOfflinePolicyResult{Allowed: e.Allowed, Rules: []wire.PolicyRule{}}
	for _, rule := range e.Rules {
		out := wire.PolicyRule{Rule: rule.Rule, Source: rule.Source, Scope: rule.Scope, Limit: rule.Limit, Current: rule.Current, Stops: rule.Stops}
		if rule.Failure != nil {
			out.Code, out.Message = wire.Code(rule.Failure.Code), rule.Failure.Message
		}
		result.Rules = append(result.Rules, out)
	}
	if e.Failure != nil {
		result.Error = s.r.failureOf(e.Failure)
	}
	return result, nil
}

func limitsOf(l wire.OfflineLimits) payment.Limit {
	age := min(l.MaxAgeMs, math.MaxInt64/int64(time.Millisecond)) // more does not fit, and is never reached
	return payment.Limit{MaxAmount: l.MaxAmount, MaxCount: l.MaxCount, MaxStored: l.MaxStored, MaxAge: time.Duration(age) * time.Millisecond}
}
