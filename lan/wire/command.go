package wire

// Commands that change money or state carry a RequestID chosen by the POS.
// Repeating it returns the first outcome, also after a reboot, for 30 days; the
// same id with another body is IDEMPOTENCY_MISMATCH.

// CreatePaymentIntentParams creates a payment.
type CreatePaymentIntentParams struct {
	RequestID        string            `json:"requestId"`
	IdempotencyKey   string            `json:"idempotencyKey,omitempty"` // the payment's key at the platform for ever; default: its localId
	Amount           int64             `json:"amount"`                   // minor units
	Currency         string            `json:"currency"`                 // ISO 4217, lower case
	CaptureMethod    string            `json:"captureMethod,omitempty"`  // default automatic
	OfflineBehavior  string            `json:"offlineBehavior,omitempty"`
	SetupFutureUsage string            `json:"setupFutureUsage,omitempty"`
	Description      string            `json:"description,omitempty"`
	Metadata         map[string]string `json:"metadata,omitempty"`
}

// RetrievePaymentIntentParams asks for one payment by exactly one of its names.
type RetrievePaymentIntentParams struct {
	ID           string `json:"id,omitempty"`
	LocalID      string `json:"localId,omitempty"`
	ClientSecret string `json:"clientSecret,omitempty"`
}

// IntentRef names a payment by localId, id, or both (they must then be of the
// same payment). A whole PaymentIntent object can be passed as one.
type IntentRef struct {
	ID      *string `json:"id,omitempty"`
	LocalID string  `json:"localId,omitempty"`
}

// CollectOptions are the cardholder-facing choices of collecting.
type CollectOptions struct {
	SkipTipping          bool   `json:"skipTipping,omitempty"`
	TipEligibleAmount    *int64 `json:"tipEligibleAmount,omitempty"`
	CustomerCancellation string `json:"customerCancellation,omitempty"` // CancelIfAvailable (default) or CancelDisabled
	AllowRedisplay       string `json:"allowRedisplay,omitempty"`       // always, limited, unspecified
	UpdatePaymentIntent  bool   `json:"updatePaymentIntent,omitempty"`  // inspect the card before confirming; online only
	// OfflineLimits tighten the reader's limits for this payment.
	OfflineLimits OfflineLimits `json:"offlineLimits,omitzero"`
}

// Whether the cardholder sees a cancel button.
const (
	CancelIfAvailable = "enableIfAvailable"
	CancelDisabled    = "disableIfAvailable"
)

// CollectPaymentMethodParams asks for a card. The answer comes when the card
// has been read (status requiresConfirmation), or when it ended otherwise.
type CollectPaymentMethodParams struct {
	RequestID     string         `json:"requestId"`
	PaymentIntent IntentRef      `json:"paymentIntent"`
	Options       CollectOptions `json:"options,omitzero"`
}

// ConfirmPaymentIntentParams authorizes or stores what was collected. It must
// come within 30 s after collecting.
type ConfirmPaymentIntentParams struct {
	RequestID     string    `json:"requestId"`
	PaymentIntent IntentRef `json:"paymentIntent"`
}

// ProcessPaymentIntentParams is collect and confirm in one call.
type ProcessPaymentIntentParams struct {
	RequestID     string         `json:"requestId"`
	PaymentIntent IntentRef      `json:"paymentIntent"`
	Options       CollectOptions `json:"options,omitzero"`
}

// CancelCollectPaymentMethodParams ends the running collect of this POS.
type CancelCollectPaymentMethodParams struct {
	RequestID string `json:"requestId"`
}

// CancelPaymentIntentParams cancels a payment that has no outcome yet.
type CancelPaymentIntentParams struct {
	RequestID          string    `json:"requestId"`
	PaymentIntent      IntentRef `json:"paymentIntent"`
	CancellationReason string    `json:"cancellationReason,omitempty"` // abandoned, duplicate, fraudulent, requested_by_customer
}

// The three ends of a cancel.
const (
	CancelCanceled         = "canceled"
	CancelTooLate          = "too_late"          // authorizing: the outcome will come as if nobody had canceled
	CancelAlreadyCompleted = "already_completed" // nothing runs any more
)

// CancelResult is the answer to both cancel methods.
type CancelResult struct {
	Outcome       string         `json:"outcome"`
	PaymentIntent *PaymentIntent `json:"paymentIntent,omitempty"`
}

// AcknowledgeEventsParams says that the POS has dealt with all durable events
// up to and with Seq.
type AcknowledgeEventsParams struct {
	Seq uint64 `json:"seq"`
}

// AcknowledgeEventsResult is the POS's cursor afterwards; it never goes back.
type AcknowledgeEventsResult struct {
	Seq uint64 `json:"seq"`
}
