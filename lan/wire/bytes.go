package wire

import (
	"encoding/base64"
	"encoding/json"
	"reflect"
)

// Bytes is binary data, standard base64 with padding in JSON. Unlike a plain
// []byte a malformed value is reported with the name of its member.
type Bytes []byte

// MarshalJSON implements json.Marshaler.
func (b Bytes) MarshalJSON() ([]byte, error) {
	return json.Marshal(base64.StdEncoding.EncodeToString(b))
}

// UnmarshalJSON implements json.Unmarshaler.
func (b *Bytes) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return &json.UnmarshalTypeError{Value: "value that is not a string", Type: reflect.TypeFor[Bytes]()}
	}
	decoded, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil {
		return &json.UnmarshalTypeError{Value: "string that is not base64", Type: reflect.TypeFor[Bytes]()}
	}
	*b = decoded
	return nil
}

// MarshalJSON implements json.Marshaler: {} and not null.
func (a Amounts) MarshalJSON() ([]byte, error) {
	if a == nil {
		return []byte("{}"), nil
	}
	return json.Marshal(map[string]int64(a))
}

// MarshalJSON implements json.Marshaler: [] and not null.
func (c Charges) MarshalJSON() ([]byte, error) {
	if c == nil {
		return []byte("[]"), nil
	}
	return json.Marshal([]Charge(c))
}

// MarshalJSON implements json.Marshaler: [] and not null.
func (p PaymentIntents) MarshalJSON() ([]byte, error) {
	if p == nil {
		return []byte("[]"), nil
	}
	return json.Marshal([]PaymentIntent(p))
}

// Nullable returns nil for the empty string, for members that are null until
// they are known.
func Nullable(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
