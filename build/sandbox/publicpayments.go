package sandbox

import (
	"cmp"
	"smartreader/firmware/platform"
)

// nullable renders an empty string as null, as the public API does.
func nullable(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func seconds(ms int64) int64 { return ms / 1000 }

func metadataOf(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

// renderIntent shows an intent; the latest charge whole when it is expanded.
func renderIntent(st *state, o intent, expand bool) any {
	latest := nullable(o.LatestChargeID)
	if c, ok := st.charges.get(o.LatestChargeID); ok && expand {
		latest = renderCharge(st, c)
	}
	var canceledAt, lastError any
	if o.CanceledAtMs != 0 {
		canceledAt = seconds(o.CanceledAtMs)
	}
	if o.LastDecline != nil {
		lastError = map[string]any{
			"type": "card_error", "code": "card_declined", "decline_code": o.LastDecline.Code,
			"message": o.LastDecline.Message, "charge": o.LastDecline.ChargeID,
		}
	}
	return map[string]any{
		"id":                     o.ID,
		"object":                 "payment_intent",
		"amount":                 o.Amount,
		"amount_capturable":      o.AmountCapturable,
		"amount_received":        o.AmountReceived,
		"amount_details":         map[string]any{"tip": tipOf(o)},
		"canceled_at":            canceledAt,
		"cancellation_reason":    nullable(o.Canceled),
		"capture_method":         o.CaptureMethod,
		"client_secret":          o.ClientSecret,
		"confirmation_method":    "automatic",
		"created":                seconds(o.CreatedAtMs),
		"currency":               o.Currency,
		"customer":               nil,
		"description":            nullable(o.Description),
		"last_payment_error":     lastError,
		"latest_charge":          latest,
		"livemode":               false,
		"metadata":               metadataOf(o.Metadata),
		"next_action":            nil,
		"payment_method":         nil,
		"payment_method_options": map[string]any{"card_present": map[string]any{}},
		"payment_method_types":   []string{"card_present"},
		"setup_future_usage":     nullable(o.SetupFutureUsage),
		"status":                 o.Status,
	}
}

func tipOf(o intent) map[string]any {
	if o.AmountTip == 0 {
		return map[string]any{}
	}
	return map[string]any{"amount": o.AmountTip}
}

func renderCharge(st *state, c charge) any {
	o, _ := st.intents.get(c.IntentID)
	status, failure := "succeeded", any(nil)
	outcome := map[string]any{
		"network_status": "approved_by_network", "type": "authorized", "reason": nil,
		"risk_level": "not_assessed", "seller_message": "Payment complete.",
	}
	if c.ByCard {
		outcome["network_status"] = "not_sent_to_network"
	}
	if !c.Approved {
		status, failure = "failed", "card_declined"
		outcome["network_status"], outcome["type"] = "declined_by_network", "issuer_declined"
		outcome["reason"], outcome["seller_message"] = c.DeclineCode, c.Message
	}
	refunded := c.Refunded + c.Returned
	// A released authorization is shown as the public API shows a canceled
	// one: refunded in full, never captured.
	if c.Released {
		refunded = c.Amount
	}
	return map[string]any{
		"id":                 c.ID,
		"object":             "charge",
		"amount":             c.Amount,
		"amount_captured":    c.Captured,
		"amount_refunded":    refunded,
		"authorization_code": nullable(c.AuthorizationCode),
		"captured":           c.Captured > 0,
		"created":            seconds(c.CreatedAtMs),
		"currency":           c.Currency,
		"customer":           nil,
		"description":        nullable(o.Description),
		"disputed":           false,
		"failure_code":       failure,
		"failure_message":    nullable(c.Message),
		"livemode":           false,
		"metadata":           metadataOf(o.Metadata),
		"outcome":            outcome,
		"paid":               c.Approved,
		"payment_intent":     c.IntentID,
		"payment_method":     nil,
		"payment_method_details": map[string]any{
			"type":         "card_present",
			"card_present": renderCard(c),
		},
		"refunded": refunded > 0 && refunded >= max(c.Captured, 1),
		"status":   status,
	}
}

func renderCard(c charge) any {
	var offline any
	if c.Offline {
		details := map[string]any{"stored_at": seconds(c.StoredAtMs), "type": "deferred"}
		if c.Card.Unauthenticated { // not in the public API
			details["card_unauthenticated"] = true
		}
		offline = details
	}
	var wallet any
	if c.Card.Wallet != "" {
		wallet = map[string]any{"type": c.Card.Wallet}
	}
	var captureBefore any // of money that is held
	if c.live() && c.Captured == 0 {
		captureBefore = seconds(c.CreatedAtMs + captureWindowMs)
	}
	return map[string]any{
		"amount_authorized":                   c.Amount,
		"brand":                               c.Card.Brand,
		"brand_product":                       nil,
		"capture_before":                      captureBefore,
		"cardholder_name":                     nil, // it is sealed, and not kept
		"country":                             nil,
		"description":                         nil,
		"emv_auth_data":                       nil,
		"exp_month":                           c.Card.ExpMonth,
		"exp_year":                            c.Card.ExpYear,
		"fingerprint":                         c.Card.Fingerprint,
		"funding":                             cmp.Or(c.Card.Funding, "unknown"),
		"generated_card":                      nil,
		"incremental_authorization_supported": false,
		"issuer":                              nil,
		"last4":                               c.Card.Last4,
		"location":                            c.LocationID,
		"network":                             c.Card.Brand,
		"network_transaction_id":              nil,
		"offline":                             offline,
		"overcapture_supported":               false,
		"preferred_locales":                   nil,
		"read_method":                         nullable(c.Card.ReadMethod),
		"reader":                              c.ReaderID,
		"receipt":                             c.Card.Receipt,
		"wallet":                              wallet,
	}
}

// captureWindowMs is how long the public platform holds a card-present
// authorization. Here nothing expires, it is only said.
const captureWindowMs = 2 * dayMs

func listIntents(t *tx, q query) (any, error) {
	if err := q.allow("limit", "starting_after"); err != nil {
		return nil, err
	}
	return list(q, "/v1/payment_intents", t.intents.all(), func(o intent) any {
		return renderIntent(t.state, o, q.expanded("data.latest_charge"))
	})
}

func getIntent(t *tx, q query) (any, error) {
	if err := q.allow("client_secret"); err != nil {
		return nil, err
	}
	o, ok := t.intents.get(q.id)
	if !ok {
		return nil, missing("payment_intent", q.id)
	}
	return renderIntent(t.state, o, q.expanded("latest_charge")), nil
}

func postIntent(t *tx, q query) (any, error) {
	if err := q.allow("amount", "currency", "capture_method", "description", "setup_future_usage", "metadata[*]", "payment_method_types[*]"); err != nil {
		return nil, err
	}
	amount, err := q.integer("amount", 0)
	if err != nil {
		return nil, err
	}
	for _, kind := range q.nested("payment_method_types") {
		if kind != "card_present" {
			return nil, badRequest("", "payment_method_types", "The sandbox has card_present only.")
		}
	}
	d := draft{amount, q.params.Get("currency"), q.params.Get("capture_method"), q.params.Get("description"), q.params.Get("setup_future_usage"), q.nested("metadata")}
	if param, message := d.check(); param != "" {
		return nil, badRequest("", param, "%s %s", param, message)
	}
	o := t.newIntent(d)
	t.put(o)
	return renderIntent(t.state, o, false), nil
}

// captureIntent takes held money, all of it or part; the rest is given back.
func captureIntent(t *tx, q query) (any, error) {
	if err := q.allow("amount_to_capture"); err != nil {
		return nil, err
	}
	o, ok := t.intents.get(q.id)
	if !ok {
		return nil, missing("payment_intent", q.id)
	}
	if o.Status != statusCapture {
		return nil, badRequest(platform.CodeIntentState, "", "This PaymentIntent could not be captured because it has a status of %s.", o.Status)
	}
	amount, err := q.integer("amount_to_capture", o.AmountCapturable)
	if err != nil {
		return nil, err
	}
	if amount < 1 || amount > o.AmountCapturable {
		return nil, badRequest("amount_too_large", "amount_to_capture", "The amount to capture is 1 to %d.", o.AmountCapturable)
	}
	a, _ := t.authorizations.get(o.LiveCharge)
	c, ok := t.charges.get(a.ChargeID)
	if !ok {
		return nil, missing("charge", a.ChargeID)
	}
	c.Captured = amount
	o.Status, o.AmountCapturable, o.AmountReceived = statusDone, 0, amount
	t.put(c)
	t.put(o)
	return renderIntent(t.state, o, false), nil
}

func postCancel(t *tx, q query) (any, error) {
	if err := q.allow("cancellation_reason"); err != nil {
		return nil, err
	}
	reason := q.params.Get("cancellation_reason")
	switch reason {
	case "", "duplicate", "fraudulent", "requested_by_customer", "abandoned":
	default:
		return nil, badRequest("", "cancellation_reason", "Invalid cancellation_reason: %s", reason)
	}
	if o, ok := t.intents.get(q.id); ok && o.Status == statusCanceled {
		return nil, badRequest(platform.CodeIntentState, "", "This PaymentIntent was canceled before.")
	}
	o, err := t.cancel(q.id, reason)
	if err != nil {
		return nil, err
	}
	return renderIntent(t.state, o, false), nil
}

func listCharges(t *tx, q query) (any, error) {
	if err := q.allow("limit", "starting_after", "payment_intent"); err != nil {
		return nil, err
	}
	var some []charge
	for _, c := range t.charges.all() {
		if wanted := q.params.Get("payment_intent"); wanted == "" || wanted == c.IntentID {
			some = append(some, c)
		}
	}
	return list(q, "/v1/charges", some, func(c charge) any { return renderCharge(t.state, c) })
}

func getCharge(t *tx, q query) (any, error) {
	if err := q.allow(); err != nil {
		return nil, err
	}
	c, ok := t.charges.get(q.id)
	if !ok {
		return nil, missing("charge", q.id)
	}
	return renderCharge(t.state, c), nil
}
