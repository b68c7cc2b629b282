package wire

// PaymentIntent statuses.
const (
	StatusRequiresPaymentMethod = "requiresPaymentMethod"
	StatusRequiresConfirmation  = "requiresConfirmation"
	StatusRequiresCapture       = "requiresCapture"
	StatusProcessing            = "processing"
	StatusCanceled              = "canceled"
	StatusSucceeded             = "succeeded"
)

// Capture methods, offline behaviours and uses of the card afterwards.
const (
	CaptureAutomatic = "automatic"
	CaptureManual    = "manual"

	PreferOnline  = "prefer_online"
	RequireOnline = "require_online"
	ForceOffline  = "force_offline"

	UseOffSession = "off_session"
	UseOnSession  = "on_session"
)

// PaymentIntent is one payment as the POS sees it. What is there depends on
// the phase:
//
//	                  online confirmed   stored offline         after forwarding
//	id                pi_...             null (or as created)   pi_... (null if never created there)
//	status automatic  succeeded          succeeded              succeeded, requiresPaymentMethod if declined
//	status manual     requiresCapture    requiresCapture        requiresCapture
//	offlineDetails    null               requiresUpload true    requiresUpload false
//	charges           present            []                     present
//	paymentMethod     present            absent                 present
//	clientSecret      present            absent                 present
//
// A stored payment has not been seen by the issuer whatever status says: that
// is the vocabulary of the SDKs. The truth is in OfflineDetails.State.
type PaymentIntent struct {
	ID                 *string           `json:"id"`      // the platform's pi_..., null until it is known
	LocalID            string            `json:"localId"` // pl_..., stable from create on
	Status             string            `json:"status"`
	Amount             int64             `json:"amount"`
	AmountCapturable   int64             `json:"amountCapturable"`
	AmountReceived     int64             `json:"amountReceived"`
	AmountTip          *int64            `json:"amountTip,omitempty"` // part of Amount
	Currency           string            `json:"currency"`
	CaptureMethod      string            `json:"captureMethod"`
	OfflineBehavior    string            `json:"offlineBehavior,omitempty"`
	SetupFutureUsage   string            `json:"setupFutureUsage,omitempty"`
	IdempotencyKey     string            `json:"idempotencyKey,omitempty"`
	Livemode           bool              `json:"livemode"`
	CreatedAtMs        int64             `json:"createdAtMs"`
	CanceledAtMs       int64             `json:"canceledAtMs,omitempty"`
	CancellationReason string            `json:"cancellationReason,omitempty"`
	Description        string            `json:"description,omitempty"`
	Metadata           map[string]string `json:"metadata,omitempty"`
	ClientSecret       string            `json:"clientSecret,omitempty"`
	PaymentMethod      *PaymentMethod    `json:"paymentMethod,omitempty"`
	Charges            Charges           `json:"charges"`
	LastPaymentError   *PaymentError     `json:"lastPaymentError,omitempty"`
	AmountDetails      *AmountDetails    `json:"amountDetails,omitempty"` // online, or after forwarding
	OfflineDetails     *OfflineDetails   `json:"offlineDetails"`          // null unless the payment was taken offline
}

// PaymentIntentResult is the answer of every method that returns one payment.
type PaymentIntentResult struct {
	PaymentIntent PaymentIntent `json:"paymentIntent"`
}

// PaymentError is why the last attempt at a payment failed.
type PaymentError struct {
	Code        string `json:"code"`
	DeclineCode string `json:"declineCode,omitempty"`
	Message     string `json:"message,omitempty"`
}

// Charge is the platform's charge of a payment.
type Charge struct {
	ID                   string                `json:"id"` // ch_...
	Amount               int64                 `json:"amount"`
	Currency             string                `json:"currency"`
	Status               string                `json:"status"` // succeeded or failed
	Captured             bool                  `json:"captured"`
	AuthorizationCode    string                `json:"authorizationCode,omitempty"`
	PaymentMethodDetails *PaymentMethodDetails `json:"paymentMethodDetails,omitempty"`
}

// Charges marshals to [] when there are none.
type Charges = List[Charge]

// PaymentIntents marshals to [] when there are none.
type PaymentIntents = List[PaymentIntent]

// PaymentMethod is the card a payment was made with.
type PaymentMethod struct {
	ID string `json:"id,omitempty"` // pm_...
	PaymentMethodDetails
}

// PaymentMethodDetails carries the card-present details.
type PaymentMethodDetails struct {
	Type        string              `json:"type"` // card_present
	CardPresent *CardPresentDetails `json:"cardPresentDetails,omitempty"`
}

// CardPresentDetails is what may be printed about a card. There is no
// cardholder name: it never leaves the sealed record.
type CardPresentDetails struct {
	Brand          string          `json:"brand,omitempty"`
	Last4          string          `json:"last4,omitempty"`
	ExpMonth       int             `json:"expMonth"` // 0 if unknown
	ExpYear        int             `json:"expYear"`  // four digits, 0 if unknown
	ReadMethod     string          `json:"readMethod,omitempty"`
	ReceiptDetails *ReceiptDetails `json:"receiptDetails,omitempty"`
}

// Read methods.
const (
	ReadContactEMV     = "contact_emv"
	ReadContactlessEMV = "contactless_emv"
	ReadMagneticStripe = "magnetic_stripe_track2"
)

// ReceiptDetails is what a receipt has to print. AccountType, AuthorizationCode
// and AuthorizationResponseCode are absent until an issuer has answered; Y1 and Y3
// in the last mean that the card has approved in its issuer's place.
type ReceiptDetails struct {
	AccountType                   string `json:"accountType,omitempty"`
	ApplicationCryptogram         string `json:"applicationCryptogram,omitempty"`        // tag 9F26, hex
	ApplicationPreferredName      string `json:"applicationPreferredName,omitempty"`     // tag 9F12 or 50
	AuthorizationCode             string `json:"authorizationCode,omitempty"`            // tag 89
	AuthorizationResponseCode     string `json:"authorizationResponseCode,omitempty"`    // tag 8A
	CardholderVerificationMethod  string `json:"cardholderVerificationMethod,omitempty"` // approval, failure, none, offline_pin, online_pin, signature, ...
	DedicatedFileName             string `json:"dedicatedFileName,omitempty"`            // tag 84, hex
	TerminalVerificationResult    string `json:"terminalVerificationResult,omitempty"`   // tag 95, hex
	TransactionStatusInformation  string `json:"transactionStatusInformation,omitempty"` // tag 9B, hex
	ApplicationTransactionCounter string `json:"applicationTransactionCounter,omitempty"`
}

// OfflineDetails is there when a payment was taken offline, and stays.
type OfflineDetails struct {
	StoredAtMs         int64               `json:"storedAtMs"`
	RequiresUpload     bool                `json:"requiresUpload"` // true until the platform has it
	CardPresentDetails *CardPresentDetails `json:"cardPresentDetails,omitempty"`
	AmountDetails      *AmountDetails      `json:"amountDetails,omitempty"`
	// CardUnauthenticated: the card was tapped and did not prove to be genuine; it was
	// stored because the configuration allows that.
	CardUnauthenticated bool `json:"cardUnauthenticated,omitempty"`

	State        string        `json:"state"` // one of the Offline* states
	History      []StateChange `json:"history,omitempty"`
	Sequence     uint64        `json:"sequence,omitempty"` // the reader's number of this attempt; a gap is a missing payment
	ReceiptProof *ReceiptProof `json:"receiptProof,omitempty"`
}

// States of a payment taken offline. Only OfflineForwarded means that the
// platform has accepted it.
const (
	OfflineStored      = "stored"      // on the reader's disk, no issuer has seen it
	OfflineSending     = "sending"     // an attempt runs
	OfflineUnknown     = "unknown"     // an answer was lost; the reader asks before it sends again
	OfflineForwarded   = "forwarded"   // accepted by the platform
	OfflineDeclined    = "declined"    // the issuer said no
	OfflineFailed      = "failed"      // refused for ever, see LastPaymentError
	OfflineExpired     = "expired"     // the platform refused it for its age
	OfflineVoided      = "voided"      // taken back before forwarding
	OfflineRescued     = "rescued"     // forwarded by another device from an export
	OfflineInterrupted = "interrupted" // cut before it was accepted; nobody was told it was
)

// AmountDetails splits Amount.
type AmountDetails struct {
	Tip *Tip `json:"tip,omitempty"`
}

// Tip is the tip chosen on the reader.
type Tip struct {
	Amount int64 `json:"amount"`
}

// StateChange is one step of a payment's life.
type StateChange struct {
	State  string `json:"state"`
	AtMs   int64  `json:"atMs"`
	Reason string `json:"reason,omitempty"`
}

// ReceiptProof is the ledger entry that holds the payment, signed by the
// reader: whoever keeps it can later show that the payment was stored.
type ReceiptProof struct {
	Index     uint64 `json:"index"`               // the entry's number in the ledger
	Head      string `json:"head"`                // hash of the chain up to and with the entry, hex
	Entry     Bytes  `json:"entry,omitempty"`     // the exact bytes that were signed
	Signature Bytes  `json:"signature,omitempty"` // ECDSA P-256, raw r||s
}
