package lantest

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"smartreader/lan"
	"smartreader/lan/wire"
)

// VoidStoredPayment implements lan.Reader.
func (r *Reader) VoidStoredPayment(_ context.Context, c *lan.Caller, p wire.VoidStoredPaymentParams) (wire.PaymentIntentResult, error) {
	return r.once(c, p.RequestID, func() (wire.PaymentIntentResult, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		pi, ok := r.payments[p.PaymentIntent.LocalID]
		switch {
		case !ok:
			return wire.PaymentIntentResult{}, wire.NewError(wire.CodePaymentIntentNotFound, "")
		case pi.OfflineDetails == nil || pi.OfflineDetails.State != wire.OfflineStored:
			return wire.PaymentIntentResult{}, wire.NewError(wire.CodeUnexpectedOperation, "already forwarded: refund it").WithPaymentIntent(*pi)
		}
		r.move(pi, wire.OfflineVoided)
		pi.Status = wire.StatusCanceled
		return r.changed(pi, wire.OfflineVoided), nil
	})
}

// move gives a payment taken offline another state. The caller holds r.mu.
func (r *Reader) move(pi *wire.PaymentIntent, state string) {
	details := *pi.OfflineDetails
	details.State, details.RequiresUpload = state, false
	pi.OfflineDetails = &details
}

// SetExport sets the pages of the ledger's export.
func (r *Reader) SetExport(pages ...[]string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pages = pages
}

// ExportLedger implements lan.Reader: the pages of SetExport. With Rescue every
// stored payment becomes rescued.
func (r *Reader) ExportLedger(_ context.Context, _ *lan.Caller, p wire.ExportLedgerParams) (wire.ExportLedgerResult, error) {
	r.mu.Lock()
	defer r.Notify()
	defer r.mu.Unlock()
	at := 0
	if p.After != "" {
		var err error
		if at, err = strconv.Atoi(p.After); err != nil || at < 1 || at >= len(r.pages) {
			return wire.ExportLedgerResult{}, wire.NewError(wire.CodeInvalidRequiredParameter, "after is no page")
		}
	}
	result := wire.ExportLedgerResult{HeadSeq: uint64(len(r.events)), HeadHash: "00"}
	if len(r.pages) > 0 {
		result.Lines = slices.Clone(r.pages[at])
	}
	if at+1 < len(r.pages) {
		result.Next = strconv.Itoa(at + 1)
	}
	if p.Rescue {
		for _, id := range r.order {
			if pi := r.payments[id]; pi.OfflineDetails.State == wire.OfflineStored {
				r.move(pi, wire.OfflineRescued)
				r.changed(pi, wire.OfflineRescued)
				result.Rescued++
			}
		}
	}
	return result, nil
}

// VerifyLedger implements lan.Reader.
func (r *Reader) VerifyLedger(context.Context, *lan.Caller) (wire.VerifyLedgerResult, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return wire.VerifyLedgerResult{OK: true, Entries: len(r.events), FirstSeq: 1, HeadSeq: uint64(len(r.events)), HeadHash: "00"}, nil
}

// RescuePayments implements lan.Reader: online all are accepted, offline the
// platform's answers are lost.
func (r *Reader) RescuePayments(_ context.Context, _ *lan.Caller, p wire.RescuePaymentsParams) (wire.RescuePaymentsResult, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var result wire.RescuePaymentsResult
	for _, pay := range p.Payments {
		if r.offline {
			result.Payments = append(result.Payments, wire.RescueOutcome{
				LocalID: pay.LocalID, State: wire.OfflineUnknown, Error: wire.NewError(wire.CodeNotConnectedToInternet, ""),
			})
			continue
		}
		r.rescued = append(r.rescued, pay)
		o := wire.RescueOutcome{LocalID: pay.LocalID, State: wire.OfflineForwarded, ID: wire.Nullable("pi_r_" + pay.LocalID)}
		if r.decline != "" {
			o.State, o.Error = wire.OfflineDeclined, wire.NewError(wire.CodeDeclined, "")
			o.Error.DeclineCode, r.decline = r.decline, ""
		}
		result.Payments = append(result.Payments, o)
	}
	return result, nil
}

// Rescued are the payments of other readers it has submitted.
func (r *Reader) Rescued() []wire.RescuePayment {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.rescued)
}

// maxOffline is the reader's one limit, in minor units.
const maxOffline = 10_000

// ExplainOfflinePolicy implements lan.Reader: one limit of its own, and the POS's.
func (r *Reader) ExplainOfflinePolicy(_ context.Context, _ *lan.Caller, p wire.ExplainOfflinePolicyParams) (wire.ExplainOfflinePolicyResult, error) {
	result := wire.ExplainOfflinePolicyResult{Allowed: true}
	for _, limit := range []struct {
		source string
		amount int64
	}{{"reader", maxOffline}, {"pos", p.OfflineLimits.MaxAmount}} {
		if limit.amount == 0 {
			continue
		}
		rule := wire.PolicyRule{
			Rule: "maxAmount", Source: limit.source, Limit: fmt.Sprintf("%d minor units", limit.amount), Current: fmt.Sprint(p.Amount), Stops: p.Amount > limit.amount,
		}
		if rule.Stops {
			rule.Code = wire.CodeAmountExceedsOffline
			result.Allowed, result.Error = false, wire.NewError(rule.Code, "")
		}
		result.Rules = append(result.Rules, rule)
	}
	return result, nil
}
