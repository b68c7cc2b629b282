package platform

// Paths of the reader face. All bodies are JSON, all times Unix milliseconds,
// all amounts minor units of a lower-case ISO 4217 currency, []byte is base64.
const (
	PathActivate        = "/v1/terminal/device/activate"         // POST ActivateRequest -> ActivateResponse; the only path without a client certificate
	PathConfig          = "/v1/terminal/device/config"           // GET, If-None-Match -> Signed + ETag, or 304
	PathRedeem          = "/v1/terminal/device/redeem"           // POST RedeemRequest -> RedeemResponse
	PathPaymentIntents  = "/v1/terminal/device/payment_intents"  // POST CreatePaymentIntent; GET /{id} or ?clientSecret=; POST /{id}/cancel -> PaymentIntent
	PathAuthorize       = "/v1/terminal/device/authorize"        // POST Submission (Offline false) -> Verdict
	PathOfflinePayments = "/v1/terminal/device/offline_payments" // POST Submission (Offline true) -> Verdict
	PathAuthorizations  = "/v1/terminal/device/authorizations"   // GET /{naturalKey} -> Verdict, or 404 CodeAuthorizationNotFound
	PathReversals       = "/v1/terminal/device/reversals"        // POST ReversalRequest -> Reversal
	PathRescues         = "/v1/terminal/device/rescues"          // POST Rescue -> Verdict: another reader's stored payment
	PathOperatorRescues = "/v1/terminal/rescues"                 // POST Rescue -> Verdict on the public face, with the secret key
	PathHeartbeat       = "/v1/terminal/device/heartbeat"        // POST HeartbeatRequest -> HeartbeatResponse
)

// Codes a platform puts into ErrorBody.Code, or into Verdict.Code when a
// submission is refused for ever.
const (
	CodeInvalidRequest        = "invalid_request"          // malformed or incomplete; repeating it is pointless
	CodeUnauthenticated       = "unauthenticated"          // no client certificate of this platform, or not that of an activated reader
	CodeRegistrationCode      = "registration_code"        // activate: unknown or used registration code
	CodeTokenInvalid          = "connection_token_invalid" // redeem: unknown, used or expired
	CodeTokenLocation         = "connection_token_location"
	CodePOSKey                = "pos_key_conflict" // redeem: the POS id belongs to another key
	CodeIntentNotFound        = "payment_intent_not_found"
	CodeIntentState           = "payment_intent_unexpected_state" // e.g. cancel of a succeeded intent
	CodeKeyConflict           = "idempotency_mismatch"            // the key was used before with other content
	CodeAuthorizationNotFound = "authorization_not_found"         // look-up: the platform never saw this natural key
	CodeNaturalKeyConflict    = "natural_key_conflict"            // the natural key was used before for another payment
	CodeEnvelopeUnreadable    = "envelope_unreadable"             // not sealed to a key of this platform, or damaged
	CodeProofInvalid          = "proof_invalid"                   // the journal entry is not this reader's, or of another payment

	// In Verdict.Code with StatusFailed.
	CodeAlreadyCharged    = "payment_already_charged" // the payment has a live charge under another natural key: see Verdict.Existing
	CodeReversed          = "payment_reversed"        // reversed, before or after the submission arrived
	CodeHeaderMismatch    = "header_mismatch"         // envelope header and request disagree
	CodeAmountMismatch    = "amount_mismatch"         // the amount or currency the card signed is not the header's, or not the intent's
	CodeCryptogramInvalid = "cryptogram_invalid"      // the card's ARQC does not verify over the sealed data
	CodeCryptogramReplay  = "cryptogram_replay"       // this card's transaction counter was used before
	CodeLivemodeMismatch  = "livemode_mismatch"       // test payment in live mode or the reverse
	CodeIntentCanceled    = "payment_intent_canceled"
	CodeTooOld            = "payment_too_old"  // the platform no longer takes a payment stored so long ago
	CodeAccountMismatch   = "account_mismatch" // the payment belongs to another account
	CodePINInvalid        = "pin_invalid"      // the online PIN is missing, or its block cannot be read
)

// ErrorBody is what a refusal looks like on the wire: {"error": {...}}.
type ErrorBody struct {
	Error struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

// ActivateRequest registers a reader. CSR is a PKCS #10 request in DER, signed
// by the reader's identity key (ECDSA P-256).
type ActivateRequest struct {
	RegistrationCode string `json:"registrationCode"`
	Serial           string `json:"serial"`
	DeviceType       string `json:"deviceType"`
	Label            string `json:"label,omitempty"`
	CSR              []byte `json:"csr"`
}

// ActivateResponse is a reader's identity. Certificate serves both as TLS
// client certificate to the platform and as TLS server certificate on the LAN:
// its names are DNS "<serial>.local" and URI "smartreader:reader:<reader id>".
type ActivateResponse struct {
	Reader      Reader   `json:"reader"`
	Location    Location `json:"location"`
	Certificate []byte   `json:"certificate"` // DER
	CA          []byte   `json:"ca"`          // DER of the issuing root
	SigningKey  []byte   `json:"signingKey"`  // SPKI DER (ECDSA P-256): verifies Signed documents
}

// Reader is a terminal.reader as its platform knows it.
type Reader struct {
	ID         string `json:"id"` // tmr_...
	Serial     string `json:"serial"`
	DeviceType string `json:"deviceType"` // e.g. simulated_stripe_s700
	Label      string `json:"label"`
	LocationID string `json:"locationId"`
	Livemode   bool   `json:"livemode"`
}

// Location is where a reader stands.
type Location struct {
	ID          string  `json:"id"` // tml_...
	DisplayName string  `json:"displayName"`
	Country     string  `json:"country"`  // ISO 3166 alpha-2
	Currency    string  `json:"currency"` // default currency
	Address     Address `json:"address"`
}

// Address is a postal address.
type Address struct {
	Line1      string `json:"line1,omitempty"`
	Line2      string `json:"line2,omitempty"`
	City       string `json:"city,omitempty"`
	State      string `json:"state,omitempty"`
	PostalCode string `json:"postalCode,omitempty"`
	Country    string `json:"country,omitempty"`
}

// RedeemRequest exchanges a one-shot connection token for a POS credential.
type RedeemRequest struct {
	ConnectionToken string `json:"connectionToken"` // pst_...
	POSID           string `json:"posId"`
	POSPublicKey    []byte `json:"posPublicKey"` // SPKI DER, ECDSA P-256
	Network         string `json:"network"`      // the reader's network fingerprint; opaque to the platform
}

// RedeemResponse carries a Signed POSCredential.
type RedeemResponse struct {
	Credential Signed `json:"credential"`
}

// CreatePaymentIntent creates an intent once per Key: the same key with the
// same content returns the same intent, with other content CodeKeyConflict.
type CreatePaymentIntent struct {
	Key              string            `json:"key"`
	LocalID          string            `json:"localId"`
	Amount           int64             `json:"amount"`
	Currency         string            `json:"currency"`
	CaptureMethod    string            `json:"captureMethod"` // automatic | manual
	Description      string            `json:"description,omitempty"`
	Metadata         map[string]string `json:"metadata,omitempty"`
	SetupFutureUsage string            `json:"setupFutureUsage,omitempty"`
}

// PaymentIntent is the platform's intent. Status uses the platform's spelling:
// requires_payment_method, requires_capture, succeeded, canceled.
type PaymentIntent struct {
	ID               string            `json:"id"` // pi_...
	Status           string            `json:"status"`
	ClientSecret     string            `json:"clientSecret"`
	Amount           int64             `json:"amount"`
	AmountCapturable int64             `json:"amountCapturable"`
	AmountReceived   int64             `json:"amountReceived"`
	AmountTip        int64             `json:"amountTip,omitempty"` // part of Amount, once the payment was collected
	Currency         string            `json:"currency"`
	CaptureMethod    string            `json:"captureMethod"`
	Description      string            `json:"description,omitempty"`
	Metadata         map[string]string `json:"metadata,omitempty"`
	SetupFutureUsage string            `json:"setupFutureUsage,omitempty"`
	Livemode         bool              `json:"livemode"`
	CreatedAtMs      int64             `json:"createdAtMs"`
	CanceledAtMs     int64             `json:"canceledAtMs,omitempty"`
	LatestChargeID   string            `json:"latestChargeId,omitempty"`
}

// CancelPaymentIntent cancels an intent that has not succeeded; an
// authorization that is only held is given back.
type CancelPaymentIntent struct {
	Reason string `json:"reason,omitempty"`
}

// Submission asks for a charge, online (authorize) or deferred
// (offline_payments). All facts of the payment are in the header of Envelope,
// which the sealed card data is bound to. One natural key means one payment
// for ever, on both paths: a repeat returns the first verdict.
type Submission struct {
	NaturalKey string `json:"naturalKey"`
	Envelope   []byte `json:"envelope"` // store/seal
	Offline    bool   `json:"offline"`
	StoredAtMs int64  `json:"storedAtMs,omitempty"` // when it was accepted offline
	Proof      *Proof `json:"proof,omitempty"`

	// PIN is the cardholder's online PIN; authorize only. It is in no envelope,
	// because an envelope is written to disk and a PIN block never is.
	PIN *PINBlock `json:"pin,omitempty"`
}

// PINBlock is an encrypted PIN block.
type PINBlock struct {
	Format     string `json:"format"`        // as in PIN
	Key        string `json:"key"`           // as in PIN
	KSN        string `json:"ksn,omitempty"` // DUKPT key serial number, hex
	Ciphertext string `json:"ciphertext"`    // hex
}

// Proof is the signed journal entry that recorded the payment on the reader.
type Proof struct {
	Header    []byte `json:"header"`
	Signature []byte `json:"signature"`
}

// Rescue submits a stored payment in the place of the reader that took it, from
// that reader's exported ledger. It has that reader's natural key, so that
// whoever comes second, the reader itself included, gets the first verdict.
// Proof is required: the newest journal entry of the payment, signed by the
// reader that took it, with a state that still waits to be forwarded.
type Rescue struct {
	ReaderID   string `json:"readerId"` // of the reader that took it
	NaturalKey string `json:"naturalKey"`
	Envelope   []byte `json:"envelope"`
	StoredAtMs int64  `json:"storedAtMs"`
	Proof      *Proof `json:"proof"`
}

// VerdictStatus says how a submission ended.
type VerdictStatus string

// The ends of a submission. All are final.
const (
	StatusApproved VerdictStatus = "approved"
	StatusDeclined VerdictStatus = "declined" // by the issuer: DeclineCode
	StatusFailed   VerdictStatus = "failed"   // refused for ever by the platform: Code
)

// Verdict is the platform's answer to a submission, and to every repeat and
// look-up of it.
type Verdict struct {
	NaturalKey  string        `json:"naturalKey"`
	Status      VerdictStatus `json:"status"`
	Code        string        `json:"code,omitempty"`        // with StatusFailed
	DeclineCode string        `json:"declineCode,omitempty"` // with StatusDeclined
	Message     string        `json:"message,omitempty"`     // for the merchant, never for the cardholder

	// The issuer's answer for the second GENERATE AC; online only.
	ResponseCode             string   `json:"responseCode,omitempty"`             // value of tag 8A, 4 hex digits
	IssuerAuthenticationData string   `json:"issuerAuthenticationData,omitempty"` // value of tag 91, hex
	Scripts                  []string `json:"scripts,omitempty"`                  // templates 71 and 72 with tag and length, hex

	AuthorizationCode string         `json:"authorizationCode,omitempty"`
	ChargeID          string         `json:"chargeId,omitempty"`
	Intent            *PaymentIntent `json:"intent,omitempty"` // as it was when the verdict was given
	Reversed          bool           `json:"reversed,omitempty"`
	Rescued           bool           `json:"rescued,omitempty"`  // submitted first by somebody else than the reader that took it
	Existing          *Verdict       `json:"existing,omitempty"` // with CodeAlreadyCharged: the live charge's own verdict
}

// ReversalRequest undoes whatever was or will be submitted under NaturalKey.
type ReversalRequest struct {
	NaturalKey string `json:"naturalKey"`
	Reason     string `json:"reason"` // free text for the merchant
}

// ReversalOutcome says what a reversal found.
type ReversalOutcome string

// The outcomes of a reversal. After any of them no money moves under the
// natural key any more.
const (
	ReversalRefunded   ReversalOutcome = "refunded"    // a captured charge was refunded
	ReversalReleased   ReversalOutcome = "released"    // an uncaptured authorization was released
	ReversalNothing    ReversalOutcome = "nothing"     // the submission had been declined or refused
	ReversalNeverKnown ReversalOutcome = "never_known" // not seen yet; a late arrival will be refused
)

// Reversal is the answer to a reversal; a repeat returns the first answer.
type Reversal struct {
	NaturalKey string          `json:"naturalKey"`
	Outcome    ReversalOutcome `json:"outcome"`
	ChargeID   string          `json:"chargeId,omitempty"`
}

// HeartbeatRequest tells the platform how the reader is; all fields optional.
type HeartbeatRequest struct {
	SoftwareVersion string `json:"softwareVersion,omitempty"`
	Sequence        uint64 `json:"sequence,omitempty"` // highest payment sequence given so far
	Pending         int    `json:"pending,omitempty"`  // payments waiting to be forwarded
	ConfigETag      string `json:"configETag,omitempty"`
}

// HeartbeatResponse proves that the platform is there.
type HeartbeatResponse struct {
	NowMs      int64  `json:"nowMs"`
	ConfigETag string `json:"configETag"` // differs from the reader's: fetch the configuration
}
