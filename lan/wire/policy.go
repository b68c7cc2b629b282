package wire

import "fmt"

// OfflineLimits tighten, for one payment, the limits it may be stored within;
// nothing can loosen them. Zero members change nothing.
type OfflineLimits struct {
	MaxAmount int64 `json:"maxAmount,omitempty"` // of this payment, minor units
	MaxCount  int   `json:"maxCount,omitempty"`  // of stored payments
	MaxStored int64 `json:"maxStored,omitempty"` // of their sum in this currency
	MaxAgeMs  int64 `json:"maxAgeMs,omitempty"`  // of the oldest
}

// ExplainOfflinePolicyParams describe a payment. What is left out is not
// judged: without a brand the limits of no brand are looked at.
type ExplainOfflinePolicyParams struct {
	Amount          int64         `json:"amount"`
	Currency        string        `json:"currency"`
	OfflineBehavior string        `json:"offlineBehavior,omitempty"`
	Brand           string        `json:"brand,omitempty"`
	ReadMethod      string        `json:"readMethod,omitempty"` // ReadContactEMV, ReadContactlessEMV, ReadMagneticStripe
	CVM             string        `json:"cvm,omitempty"`        // none, signature, offline_pin, offline_pin_and_signature, online_pin, failure
	OfflineLimits   OfflineLimits `json:"offlineLimits,omitzero"`
}

// ExplainOfflinePolicyResult says whether such a payment would be stored now.
type ExplainOfflinePolicyResult struct {
	Allowed bool `json:"allowed"`
	// Rules are all that were looked at; the first that stops the payment is its
	// error. Where they do not fit into one message, those that stop come first
	// and the rest is left out.
	Rules List[PolicyRule] `json:"rules"`
	Error *Error           `json:"error,omitempty"` // what the POS would get
}

// PolicyRule is one rule of the offline policy and how the payment stands to it.
type PolicyRule struct {
	Rule    string `json:"rule"`            // offlineEnabled, currency, maxAmount, maxCount, maxStored, maxAge, entryMode, cvm, brand, ...
	Source  string `json:"source"`          // reader, configuration or pos: who set it
	Scope   string `json:"scope,omitempty"` // which cards, such as "visa contact_emv"; empty: all
	Limit   string `json:"limit,omitempty"` // in words: "10000.00 USD", "20 payments"
	Current string `json:"current"`         // where the payment and what is stored stand
	Stops   bool   `json:"stops"`
	Code    Code   `json:"code,omitempty"` // with Stops
	Message string `json:"message,omitempty"`
}

// cvms are how a cardholder can have been verified, as on a receipt.
var cvms = []string{"none", "signature", "offline_pin", "offline_pin_and_signature", "online_pin", "failure"}

// A longer age would overflow when it is reckoned with, and be no limit.
const maxAgeMs = 100 * 365 * 24 * 3600 * 1000

func (l *OfflineLimits) validate(field string) *Error {
	switch {
	case l.MaxAmount < 0 || l.MaxAmount > MaxAmount:
		return invalid(field+".maxAmount", fmt.Sprintf("must be from 0 to %d minor units", MaxAmount))
	case l.MaxCount < 0:
		return invalid(field+".maxCount", "must not be negative")
	case l.MaxStored < 0:
		return invalid(field+".maxStored", "must not be negative")
	case l.MaxAgeMs < 0 || l.MaxAgeMs > maxAgeMs:
		return invalid(field+".maxAgeMs", "must be from 0 to 100 years")
	}
	return nil
}

// Validate implements Params.
func (p *ExplainOfflinePolicyParams) Validate() error {
	return first(
		amount("amount", p.Amount),
		currency(p.Currency),
		oneOf("offlineBehavior", p.OfflineBehavior, PreferOnline, RequireOnline, ForceOffline),
		optionalToken("brand", p.Brand, 50),
		oneOf("readMethod", p.ReadMethod, ReadContactEMV, ReadContactlessEMV, ReadMagneticStripe),
		oneOf("cvm", p.CVM, cvms...),
		p.OfflineLimits.validate("offlineLimits"),
	)
}
