package wire

import "fmt"

// VoidStoredPaymentParams takes back a stored payment before it is forwarded:
// the platform is told that its sequence is not to be charged. A payment that
// was forwarded meanwhile cannot be voided: refund it.
type VoidStoredPaymentParams struct {
	RequestID     string    `json:"requestId"`
	PaymentIntent IntentRef `json:"paymentIntent"`
}

// ExportLedgerParams asks for a page of the ledger, as lines of an export file.
type ExportLedgerParams struct {
	After string `json:"after,omitempty"` // Next of the page before; empty: begin
	// Rescue, given with the first page, hands the payments that wait over to
	// whoever has the export: the reader itself never sends them again.
	Rescue bool `json:"rescue,omitempty"`
}

// ExportLedgerResult is one page. The lines of all pages, in order, each ended
// by a line feed, are the export: they are signed by the reader one by one and
// chained, see package seal.
type ExportLedgerResult struct {
	Lines    List[string] `json:"lines"`              // JSON objects
	Next     string       `json:"next,omitempty"`     // empty: this was the last page
	Rescued  int          `json:"rescued,omitempty"`  // payments handed over; first page only
	NotYet   int          `json:"notYet,omitempty"`   // payments being sent this moment, so not handed over: ask again
	HeadSeq  uint64       `json:"headSeq,omitempty"`  // the entry the export ends with
	HeadHash string       `json:"headHash,omitempty"` // its hash, hex
}

// VerifyLedgerParams is empty.
type VerifyLedgerParams struct{}

// VerifyLedgerResult is what checking every hash and signature found.
type VerifyLedgerResult struct {
	OK       bool     `json:"ok"`
	Entries  int      `json:"entries"`
	FirstSeq uint64   `json:"firstSeq"` // older ones were pruned, which a signed entry says
	HeadSeq  uint64   `json:"headSeq"`
	HeadHash string   `json:"headHash"`
	Problems []string `json:"problems,omitempty"`
}

// RescuePaymentsParams has this reader submit stored payments of another one,
// from that reader's export. At most MaxRescued in one call.
type RescuePaymentsParams struct {
	RequestID string          `json:"requestId"`
	Payments  []RescuePayment `json:"payments"`
}

// RescuePayment is one stored payment of another reader.
type RescuePayment struct {
	ReaderID   string `json:"readerId"`
	LocalID    string `json:"localId"`
	NaturalKey string `json:"naturalKey"`
	Envelope   Bytes  `json:"envelope"` // the sealed payment
	StoredAtMs int64  `json:"storedAtMs"`
	Entry      Bytes  `json:"entry"`     // header of the payment's newest ledger entry, as it was signed
	Signature  Bytes  `json:"signature"` // of Entry by the reader that took it: raw r||s, 64 bytes
}

// RescuePaymentsResult says what became of each, in order.
type RescuePaymentsResult struct {
	Payments List[RescueOutcome] `json:"payments"`
}

// RescueOutcome is how one rescued payment ended. State is OfflineForwarded,
// OfflineDeclined, OfflineFailed, OfflineExpired, or OfflineUnknown: then try it
// again.
type RescueOutcome struct {
	LocalID string  `json:"localId"`
	State   string  `json:"state"`
	ID      *string `json:"id"` // pi_...
	Error   *Error  `json:"error,omitempty"`
}

// Validate implements Params.
func (p *VoidStoredPaymentParams) Validate() error {
	return first(requestID(p.RequestID), p.PaymentIntent.validate())
}

// Validate implements Params.
func (p *ExportLedgerParams) Validate() error {
	if p.Rescue && p.After != "" {
		return invalid("rescue", "can be given with the first page only")
	}
	return first(optionalToken("after", p.After, MaxKey))
}

// Validate implements Params.
func (p *VerifyLedgerParams) Validate() error { return nil }

// Validate implements Params.
func (p *RescuePaymentsParams) Validate() error {
	if n := len(p.Payments); n < 1 || n > MaxRescued {
		return invalid("payments", fmt.Sprintf("must be 1 to %d", MaxRescued))
	}
	seen := make(map[string]bool)
	for i := range p.Payments {
		r := &p.Payments[i]
		if e := r.validate(fmt.Sprintf("payments[%d].", i)); e != nil {
			return e
		}
		if seen[r.NaturalKey] {
			return invalid("payments", "must not name a payment twice")
		}
		seen[r.NaturalKey] = true
	}
	return first(requestID(p.RequestID))
}

func (p *RescuePayment) validate(at string) *Error {
	if e := firstOf(
		token(at+"readerId", p.ReaderID, 100),
		token(at+"localId", p.LocalID, MaxKey),
		token(at+"naturalKey", p.NaturalKey, MaxKey),
		size(at+"envelope", p.Envelope, MaxEnvelope),
		size(at+"entry", p.Entry, MaxEntry),
	); e != nil {
		return e
	}
	switch {
	case len(p.Signature) != signatureSize:
		return invalid(at+"signature", "must be 64 bytes, r then s, in base64")
	case p.StoredAtMs < 1:
		return invalid(at+"storedAtMs", "must be Unix milliseconds")
	}
	return nil
}

func size(field string, value Bytes, limit int) *Error {
	if n := len(value); n < 1 || n > limit {
		return invalid(field, fmt.Sprintf("must be 1 to %d bytes in base64", limit))
	}
	return nil
}
