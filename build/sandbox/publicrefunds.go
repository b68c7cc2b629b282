package sandbox

import "smartreader/firmware/platform"

// refund is a refund by the public API. A reversal by a reader is not one.
type refund struct {
	ID          string            `json:"id"` // re_...
	ChargeID    string            `json:"chargeId"`
	IntentID    string            `json:"intentId"`
	Amount      int64             `json:"amount"`
	Currency    string            `json:"currency"`
	Reason      string            `json:"reason,omitempty"`
	Metadata    map[string]string `json:"metadata,omitempty"`
	CreatedAtMs int64             `json:"createdAtMs"`
	FailsAtMs   int64             `json:"failsAtMs,omitempty"` // the issuer will give the money back then
	Failed      bool              `json:"failed,omitempty"`
}

// refundFailsAfterMs is when a refund to the test card for it fails, by the
// platform's clock.
const refundFailsAfterMs = 10_000

// settleRefunds lets refunds fail whose time has come: the merchant has the
// money again, and can not refund it once more to this card any better.
func (t *tx) settleRefunds() {
	back := make(map[string]charge)
	for _, r := range t.refunds.all() {
		if r.Failed || r.FailsAtMs == 0 || t.atMs < r.FailsAtMs {
			continue
		}
		r.Failed = true
		t.put(r)
		c, ok := back[r.ChargeID]
		if !ok {
			c, _ = t.charges.get(r.ChargeID)
		}
		c.Returned -= r.Amount
		back[c.ID] = c
	}
	for _, c := range back {
		t.put(c)
	}
}

// settle makes due refunds fail, durably.
func (s *Sandbox) settle() error {
	return s.update(func(t *tx) error { t.settleRefunds(); return nil })
}

func renderRefund(r refund) any {
	status, failure := "succeeded", ""
	if r.Failed {
		status, failure = "failed", "expired_or_canceled_card"
	}
	out := map[string]any{
		"id":                       r.ID,
		"object":                   "refund",
		"amount":                   r.Amount,
		"balance_transaction":      nil,
		"charge":                   r.ChargeID,
		"created":                  seconds(r.CreatedAtMs),
		"currency":                 r.Currency,
		"metadata":                 metadataOf(r.Metadata),
		"payment_intent":           r.IntentID,
		"reason":                   nullable(r.Reason),
		"receipt_number":           nil,
		"source_transfer_reversal": nil,
		"status":                   status,
		"transfer_reversal":        nil,
	}
	if r.Failed {
		out["failure_reason"] = failure
	}
	return out
}

// postRefund gives captured money back, all that is left of it or part.
func postRefund(t *tx, q query) (any, error) {
	if err := q.allow("charge", "payment_intent", "amount", "reason", "metadata[*]"); err != nil {
		return nil, err
	}
	id := q.params.Get("charge")
	if name := q.params.Get("payment_intent"); name != "" {
		o, ok := t.intents.get(name)
		switch {
		case !ok:
			return nil, badRequest("resource_missing", "payment_intent", "No such payment_intent: '%s'", name)
		case id != "" && id != o.LatestChargeID:
			return nil, badRequest("", "payment_intent", "The charge is not the latest one of the payment intent.")
		case o.Status == statusCapture:
			return nil, badRequest(platform.CodeIntentState, "payment_intent", "This PaymentIntent is not captured yet: cancel it.")
		}
		id = o.LatestChargeID
	}
	if id == "" {
		return nil, badRequest("parameter_missing", "charge", "One of charge and payment_intent is needed, of a payment that was charged.")
	}
	c, ok := t.charges.get(id)
	if !ok {
		return nil, badRequest("resource_missing", "charge", "No such charge: '%s'", id)
	}
	switch {
	case !c.Approved:
		return nil, badRequest("", "charge", "The charge was declined and can not be refunded.")
	case c.Captured == 0:
		return nil, badRequest("charge_not_refundable", "charge", "The charge is not captured: cancel its payment intent.")
	}
	left := c.Captured - c.Refunded - c.Returned
	if !c.live() || left == 0 {
		return nil, badRequest("charge_already_refunded", "charge", "Charge %s has already been refunded.", c.ID)
	}
	amount, err := q.integer("amount", left)
	if err != nil {
		return nil, err
	}
	if amount < 1 || amount > left {
		return nil, badRequest("amount_too_large", "amount", "The amount to refund is 1 to %d.", left)
	}
	reason := q.params.Get("reason")
	switch reason {
	case "", "duplicate", "fraudulent", "requested_by_customer":
	default:
		return nil, badRequest("", "reason", "Invalid reason: %s", reason)
	}
	d := draft{amount: amount, currency: c.Currency, metadata: q.nested("metadata")}
	if param, message := d.check(); param != "" {
		return nil, badRequest("", param, "%s %s", param, message)
	}
	r := refund{
		ID: newID("re_"), ChargeID: c.ID, IntentID: c.IntentID, Amount: amount, Currency: c.Currency,
		Reason: reason, Metadata: d.metadata, CreatedAtMs: t.atMs,
	}
	if c.RefundFails {
		r.FailsAtMs = t.atMs + refundFailsAfterMs
	}
	c.Returned += amount
	t.put(c)
	t.put(r)
	return renderRefund(r), nil
}

func getRefund(t *tx, q query) (any, error) {
	if err := q.allow(); err != nil {
		return nil, err
	}
	r, ok := t.refunds.get(q.id)
	if !ok {
		return nil, missing("refund", q.id)
	}
	return renderRefund(r), nil
}

func listRefunds(t *tx, q query) (any, error) {
	if err := q.allow("limit", "starting_after", "charge", "payment_intent"); err != nil {
		return nil, err
	}
	var some []refund
	for _, r := range t.refunds.all() {
		if id := q.params.Get("charge"); id != "" && id != r.ChargeID {
			continue
		}
		if id := q.params.Get("payment_intent"); id != "" && id != r.IntentID {
			continue
		}
		some = append(some, r)
	}
	return list(q, "/v1/refunds", some, renderRefund)
}
