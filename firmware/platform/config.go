package platform

import (
	"crypto/ecdsa"
	"encoding/json"
	"fmt"
)

// ConfigVersion is the form of Config this package reads.
const ConfigVersion = 1

// Config is everything a reader needs to work, with and without the platform.
// It travels as a Signed document with LabelConfig. Plain values: the reader
// converts them into what its parts need. Binary values are upper-case hex.
type Config struct {
	Version     int          `json:"version"`
	ReaderID    string       `json:"readerId"`
	AccountID   string       `json:"accountId"`
	IssuedAtMs  int64        `json:"issuedAtMs"`
	Livemode    bool         `json:"livemode"`
	Location    Location     `json:"location"`
	Offline     Offline      `json:"offline"`
	Link        LinkSettings `json:"link,omitzero"`
	RevokedPOS  []string     `json:"revokedPos"`  // POS ids whose credentials are void
	SigningKeys [][]byte     `json:"signingKeys"` // SPKI DER of all keys the platform signs with, for rotation

	// SoftwareVersion is the newest release for this reader; SoftwareNotAfterMs
	// is when the running one must have been replaced for offline use (0: never).
	SoftwareVersion    string `json:"softwareVersion"`
	SoftwareNotAfterMs int64  `json:"softwareNotAfterMs"`

	Terminal     Terminal      `json:"terminal"`
	Applications []Application `json:"applications"`
	// Contactless are the applications taken by tap; empty: no taps.
	Contactless []Contactless `json:"contactless,omitempty"`
	CAKeys      []CAKey       `json:"caKeys"`
	Revoked     []Revocation  `json:"revoked,omitempty"`
	SealKeys    []SealKey     `json:"sealKeys"` // the first one is used; the others are being phased in or out
}

// Offline says what may be taken while the platform cannot be reached. It can
// only tighten what the reader ships with.
type Offline struct {
	Enabled bool `json:"enabled"`

	// Limits name the currencies taken offline, and tighten the reader's own
	// limits. A currency that is not listed is not taken offline.
	Limits []OfflineLimit `json:"limits"`

	// Equivalents, when newer than the table the reader ships with, say how much
	// 10,000 USD are in other currencies.
	Equivalents *Equivalents `json:"equivalents,omitempty"`

	// ConfigMaxAgeMs bounds how old the last online connect of a POS may be for
	// an offline connect; SessionMaxAgeMs bounds one session (0: no bound).
	ConfigMaxAgeMs  int64 `json:"configMaxAgeMs"`
	SessionMaxAgeMs int64 `json:"sessionMaxAgeMs"`

	// RequirePaired lets a POS connect offline only to a reader that it was
	// connected to online before; without it any reader of the Location will do.
	RequirePaired bool `json:"requirePaired,omitempty"`
	// AnyNetwork lets a POS connect offline on another network than that of its
	// online connect.
	AnyNetwork bool `json:"anyNetwork,omitempty"`

	// Inspection says what becomes of collect with updatePaymentIntent offline:
	// InspectionRefuse (default) or InspectionOmit (no paymentMethod is shown).
	Inspection string `json:"inspection,omitempty"`
	// ContactlessSCA lets taps be stored in markets with strong customer
	// authentication.
	ContactlessSCA bool `json:"contactlessSca,omitempty"`

	// ContactlessUnauthenticated lets taps be stored whose card did not prove to be
	// genuine; they are marked card_unauthenticated.
	ContactlessUnauthenticated bool `json:"contactlessUnauthenticated,omitempty"`

	// WithoutIssuer says what becomes of a payment whose card asked for its issuer,
	// at an application with offlineApproval, when the reader is offline:
	// WithoutIssuerDefer (default) or WithoutIssuerCard.
	WithoutIssuer string `json:"withoutIssuer,omitempty"`

	// DeferAfterMs is how long an online authorization may take until the payment
	// is stored instead (0: the reader's own time).
	DeferAfterMs int64 `json:"deferAfterMs,omitempty"`
	// ForwardInFlight is how many stored payments are forwarded at once (0: the
	// reader's own number).
	ForwardInFlight int `json:"forwardInFlight,omitempty"`
	// ReceiptDays is how long a finished payment is kept on the reader (0: the
	// reader's own time).
	ReceiptDays int `json:"receiptDays,omitempty"`
}

// Values of Offline.Inspection.
const (
	InspectionRefuse = "refuse"
	InspectionOmit   = "omit"
)

// Values of Offline.WithoutIssuer.
const (
	WithoutIssuerDefer = "defer" // the issuer decides later, on the card's first cryptogram
	WithoutIssuerCard  = "card"  // the card decides, by the default action codes (EMV Book 3, 10.7)
)

// OfflineLimit tightens the reader's own limits; 0 leaves the reader's own in
// force. Brand, EntryMode and CVM, when not empty, restrict it to such cards:
// all limits that a payment falls under hold, and counts and sums are of the
// stored payments that fall under the same limit.
type OfflineLimit struct {
	Currency  string `json:"currency"`
	Brand     string `json:"brand,omitempty"`     // as Application.Brand
	EntryMode string `json:"entryMode,omitempty"` // contact_emv or contactless_emv
	CVM       string `json:"cvm,omitempty"`       // none, signature, offline_pin, ... as on the receipt

	MaxAmount int64 `json:"maxAmount"` // per payment, minor units
	MaxCount  int   `json:"maxCount"`  // stored payments
	MaxStored int64 `json:"maxStored"` // sum of stored payments, minor units
	MaxAgeMs  int64 `json:"maxAgeMs"`  // age of the oldest stored payment

	// Velocity: what one card may have had stored within the window.
	MaxPerCard       int   `json:"maxPerCard,omitempty"`       // payments
	MaxStoredPerCard int64 `json:"maxStoredPerCard,omitempty"` // minor units
	CardWindowMs     int64 `json:"cardWindowMs,omitempty"`     // 0: 24 h
}

// Equivalents is a table of what 10,000 USD are in other currencies.
type Equivalents struct {
	AsOf    string           `json:"asOf"`    // date, as 2026-11-01
	Amounts map[string]int64 `json:"amounts"` // minor units by lower-case currency
}

// LinkSettings set how an outage is noticed; zero values leave the reader's own.
type LinkSettings struct {
	FailedAttempts   int   `json:"failedAttempts,omitempty"`
	ProbeTimeoutMs   int64 `json:"probeTimeoutMs,omitempty"`
	OnlineIntervalMs int64 `json:"onlineIntervalMs,omitempty"`
	RetryMinMs       int64 `json:"retryMinMs,omitempty"`
	RetryMaxMs       int64 `json:"retryMaxMs,omitempty"`
}

// Terminal is the EMV terminal data.
type Terminal struct {
	SerialNumber           string `json:"serialNumber"`           // 9F1E, 8 characters or empty
	Type                   string `json:"type"`                   // 9F35, 1 byte
	Capabilities           string `json:"capabilities"`           // 9F33, 3 bytes
	AdditionalCapabilities string `json:"additionalCapabilities"` // 9F40, 5 bytes
	Country                int    `json:"country"`                // 9F1A, ISO 3166 numeric
	MCC                    int    `json:"mcc"`                    // 9F15
	AcquirerID             string `json:"acquirerId"`             // 9F01, 6 bytes
	MerchantID             string `json:"merchantId"`             // 9F16, 15 characters
	MerchantName           string `json:"merchantName"`           // 9F4E
	TerminalID             string `json:"terminalId"`             // 9F1C, 8 characters

	Languages []string `json:"languages,omitempty"` // ISO 639-1, best first
	PIN       *PIN     `json:"pin,omitempty"`       // for online PINs; absent: none is asked for
}

// PIN says how an online PIN is encrypted.
type PIN struct {
	Format string `json:"format"` // PINFormat4 or PINFormat0
	Key    string `json:"key"`    // which of the PIN pad's keys, by the name it was loaded under
}

// Formats of ISO 9564-1.
const (
	PINFormat4 = "iso4" // under AES DUKPT (ANSI X9.24-3)
	PINFormat0 = "iso0" // under TDES DUKPT (ANSI X9.24-1)
)

// Application is one AID with its risk parameters.
type Application struct {
	AID          string `json:"aid"` // 5 to 16 bytes
	Brand        string `json:"brand"`
	PartialMatch bool   `json:"partialMatch"`
	Version      string `json:"version"`    // 9F09, 2 bytes
	TACDenial    string `json:"tacDenial"`  // 5 bytes
	TACOnline    string `json:"tacOnline"`  // 5 bytes
	TACDefault   string `json:"tacDefault"` // 5 bytes
	FloorLimit   int64  `json:"floorLimit"` // 9F1B, minor units
	// Random selection for online below the floor limit; all zero: none.
	RandomThreshold int64 `json:"randomThreshold"` // minor units
	RandomTarget    int   `json:"randomTarget"`    // per cent
	RandomMaximum   int   `json:"randomMaximum"`   // per cent

	DefaultDDOL string `json:"defaultDdol"` // may be empty
	DefaultTDOL string `json:"defaultTdol"` // may be empty

	// FloorCurrency is the currency of floorLimit and randomThreshold; a payment in
	// another one has a floor limit of zero. Empty: whatever the payment is in.
	FloorCurrency string `json:"floorCurrency,omitempty"`
	// OfflineApproval lets the card approve below the floor limit. The payment is
	// stored and forwarded like others; its cryptogram is a TC.
	OfflineApproval bool `json:"offlineApproval,omitempty"`
	PINBypass       bool `json:"pinBypass,omitempty"` // the cardholder may go on without a PIN

	// Instead of the terminal's, for this application; empty or 0: the terminal's.
	Capabilities           string `json:"capabilities,omitempty"`
	AdditionalCapabilities string `json:"additionalCapabilities,omitempty"`
	Country                int    `json:"country,omitempty"`
}

// Contactless is one application taken by tap (EMV Contactless Book A, 5.3).
type Contactless struct {
	AID    string `json:"aid"` // 5 to 16 bytes
	Brand  string `json:"brand"`
	Kernel string `json:"kernel"` // KernelC2, KernelC3 or KernelInsert
	// KernelID is what the card's directory calls the kernel, with KernelInsert; 0: whatever it calls it.
	KernelID int `json:"kernelId,omitempty"`
	// Limits name the currencies taken by tap; one that is not listed is not. None
	// with KernelInsert: its cards are asked to be inserted whatever the payment is in.
	Limits []ContactlessLimits `json:"limits,omitempty"`
	// ZeroAmount lets an amount of zero be tapped.
	ZeroAmount bool `json:"zeroAmount,omitempty"`
	// TTQ is the terminal transaction qualifiers, 9F66, 4 bytes; KernelC3 only.
	TTQ string `json:"ttq,omitempty"`

	// KernelC2 only.
	Version    string `json:"version,omitempty"`    // 9F09, 2 bytes
	TACDenial  string `json:"tacDenial,omitempty"`  // 5 bytes
	TACOnline  string `json:"tacOnline,omitempty"`  // 5 bytes
	TACDefault string `json:"tacDefault,omitempty"` // 5 bytes
	// MagneticStripe lets cards without a chip's cryptogram be tapped; never stored.
	MagneticStripe bool `json:"magneticStripe,omitempty"`
}

// Values of Contactless.Kernel.
const (
	KernelC2     = "c2"     // Mastercard
	KernelC3     = "c3"     // Visa
	KernelInsert = "insert" // known, but not taken by tap: the card is asked to be inserted
)

// ContactlessLimits bound taps in one currency, in minor units. Floor and CVMRequired
// have to be there: to forget one must not let cards approve every amount by
// themselves, or nobody ever be verified. "From" a limit is beyond it with KernelC2,
// whose specification counts so.
type ContactlessLimits struct {
	Currency    string `json:"currency"`
	Transaction *int64 `json:"transaction,omitempty"` // no tap from here on; absent: any amount
	OnDevice    *int64 `json:"onDevice,omitempty"`    // the same, where the cardholder's device verifies; KernelC2 only
	Floor       *int64 `json:"floor"`                 // beyond it the issuer is asked; 0: always
	CVMRequired *int64 `json:"cvmRequired"`           // from here on the cardholder is verified
}

// CAKey is a payment scheme's public key.
type CAKey struct {
	RID      string `json:"rid"`   // 5 bytes
	Index    string `json:"index"` // 1 byte
	Modulus  string `json:"modulus"`
	Exponent string `json:"exponent"`
	Expiry   string `json:"expiry"`   // last month of use, as 2031-12; empty: not known
	Checksum string `json:"checksum"` // SHA-1 over RID, index, modulus, exponent; 20 bytes
	// Mode is "live" or "test": live and test keys share their indexes, and a
	// configuration of the other mode is refused. Empty: the configuration's.
	Mode string `json:"mode,omitempty"`
}

// Revocation names an issuer certificate that is not good any more.
type Revocation struct {
	RID    string `json:"rid"`    // 5 bytes
	Index  string `json:"index"`  // of the certification authority key, 1 byte
	Serial string `json:"serial"` // the certificate's, 3 bytes
}

// SealKey is a public key that card data is sealed to.
type SealKey struct {
	ID  string `json:"id"`
	Key []byte `json:"key"` // as store/seal encodes it
}

// OpenConfig is SigningKeys.OpenConfig with one key.
func OpenConfig(pub *ecdsa.PublicKey, s Signed) (*Config, error) {
	return SigningKeys{pub}.OpenConfig(s)
}

// OpenConfig verifies, decodes and validates a configuration. It returns
// ErrSignature or ErrDocument.
func (k SigningKeys) OpenConfig(s Signed) (*Config, error) {
	if err := k.Verify(LabelConfig, s); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return DecodeConfig(s.Payload)
}

// DecodeConfig decodes and validates the payload of a configuration whose
// signature was checked when it was stored.
func DecodeConfig(payload []byte) (*Config, error) {
	c := new(Config)
	if err := json.Unmarshal(payload, c); err != nil {
		return nil, fmt.Errorf("%w: configuration: %w", ErrDocument, err)
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return c, nil
}
