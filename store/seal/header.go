package seal

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// HeaderVersion is the version of Header written by this code.
const HeaderVersion = 1

// Header is the readable part of a sealed record: what the platform needs to
// route, deduplicate and book a payment, and nothing of the card that could be
// used again. Its encoded bytes are the envelope's additional data. Amounts are
// minor units, times Unix milliseconds.
type Header struct {
	Version       int               `json:"version"`
	ReaderID      string            `json:"readerId"`
	LocalID       string            `json:"localId"`
	Key           string            `json:"key"` // idempotency key, fixed at create
	IntentID      string            `json:"intentId,omitempty"`
	Sequence      uint64            `json:"sequence"`
	Amount        int64             `json:"amount"`
	Tip           int64             `json:"tip,omitempty"` // part of Amount
	Currency      string            `json:"currency"`
	CaptureMethod string            `json:"captureMethod,omitempty"`
	Description   string            `json:"description,omitempty"`
	Livemode      bool              `json:"livemode"`
	Metadata      map[string]string `json:"metadata,omitempty"`
	CreatedAtMs   int64             `json:"createdAtMs"`
	CollectedAtMs int64             `json:"collectedAtMs"`
	ClockSet      bool              `json:"clockSet"`
	Offline       bool              `json:"offline"` // mode frozen at collect
	ATC           string            `json:"atc"`     // 4 hex digits, upper case
	Cryptogram    string            `json:"cryptogram"`
	CardBrand     string            `json:"cardBrand,omitempty"`
	CardLast4     string            `json:"cardLast4,omitempty"`
	ReadMethod    string            `json:"readMethod,omitempty"`
	// CardUnauthenticated marks a tap that was stored although its card did not prove to
	// be genuine. It is there only where the platform's own configuration lets such taps
	// be stored, so no platform meets it unprepared.
	CardUnauthenticated bool `json:"cardUnauthenticated,omitempty"`
}

// Bytes encodes the header: JSON, members in the order of the struct, map keys
// sorted. The encoding of a header never changes within a version.
func (h Header) Bytes() ([]byte, error) {
	b, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrHeader, err)
	}
	return b, nil
}

// ParseHeader reads what Header.Bytes wrote and nothing else: unknown members,
// another order or spaces are errors, so a header has exactly one encoding.
func ParseHeader(b []byte) (Header, error) {
	var h Header
	if err := parseCanonical(b, &h); err != nil {
		return Header{}, err
	}
	if h.Version != HeaderVersion {
		return Header{}, fmt.Errorf("%w: version %d, not %d", ErrHeader, h.Version, HeaderVersion)
	}
	return h, nil
}

// NaturalKey returns the payment attempt's name at the platform.
func (h Header) NaturalKey() string {
	return fmt.Sprintf("%s.%d.%s.%s", h.ReaderID, h.Sequence, h.ATC, h.Cryptogram)
}

// NaturalKey names one payment attempt for ever: reader id, sequence, and what
// the card itself says makes it unique (application transaction counter and
// first cryptogram), e.g. "tmr_abc.12.0007.A1B2C3D4E5F60708".
func NaturalKey(readerID string, sequence uint64, atc uint16, cryptogram []byte) string {
	return fmt.Sprintf("%s.%d.%04X.%s", readerID, sequence, atc, strings.ToUpper(hex.EncodeToString(cryptogram)))
}

// parseCanonical decodes JSON that re-encodes to the very same bytes.
func parseCanonical(b []byte, v any) error {
	decoder := json.NewDecoder(bytes.NewReader(b))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return fmt.Errorf("%w: %w", ErrHeader, jsonReason(err))
	}
	again, err := json.Marshal(v)
	if err != nil || !bytes.Equal(again, b) {
		return fmt.Errorf("%w: not in canonical form", ErrHeader)
	}
	return nil
}

// jsonReason keeps the position of a JSON error and drops its text, which may
// quote the input.
func jsonReason(err error) error {
	switch e := err.(type) {
	case *json.SyntaxError:
		return fmt.Errorf("JSON syntax at byte %d", e.Offset)
	case *json.UnmarshalTypeError:
		return fmt.Errorf("wrong JSON type at byte %d", e.Offset)
	default:
		return fmt.Errorf("not the expected JSON")
	}
}
