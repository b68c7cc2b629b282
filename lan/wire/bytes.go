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

// List is an array that marshals to [] when it is empty, never to null. A plain
// []T can be assigned to it.
type List[T any] []T

// MarshalJSON implements json.Marshaler.
func (l List[T]) MarshalJSON() ([]byte, error) {
	if l == nil {
		return []byte("[]"), nil
	}
	return json.Marshal([]T(l))
}

// Nullable returns nil for the empty string, for members that are null until
// they are known.
func Nullable(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
