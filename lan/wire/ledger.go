package wire

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
	Lines    []string `json:"lines"`              // JSON objects
	Next     string   `json:"next,omitempty"`     // empty: this was the last page
	Rescued  int      `json:"rescued,omitempty"`  // payments handed over; first page only
	NotYet   int      `json:"notYet,omitempty"`   // payments being sent this moment, so not handed over: ask again
	HeadSeq  uint64   `json:"headSeq,omitempty"`  // the entry the export ends with
	HeadHash string   `json:"headHash,omitempty"` // its hash, hex
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
	Envelope   Bytes  `json:"envelope"`
	StoredAtMs int64  `json:"storedAtMs"`
	Entry      Bytes  `json:"entry"` // newest ledger entry of the payment
	Signature  Bytes  `json:"signature"`
}

// RescuePaymentsResult says what became of each, in order.
type RescuePaymentsResult struct {
	Payments []RescueOutcome `json:"payments"`
}

// RescueOutcome is how one rescued payment ended. State is OfflineForwarded,
// OfflineDeclined, OfflineFailed, or OfflineUnknown: then try it again.
type RescueOutcome struct {
	LocalID string  `json:"localId"`
	State   string  `json:"state"`
	ID      *string `json:"id"` // pi_...
	Error   *Error  `json:"error,omitempty"`
}
