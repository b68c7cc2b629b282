package emvkernel

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret holds cardholder data. Printing, logging or marshalling it yields a mask; only a deliberate
// conversion to []byte reaches the content.
//
// fmt cannot call methods on the unexported fields of a foreign struct: a type that keeps a Secret in
// one and may be printed must have its own Format method, as Transaction does.
type Secret []byte

const mask = "[secret]"

// Wipe overwrites the content. It is best effort: Go may have moved copies.
func (s Secret) Wipe() { clear(s) }

// String returns the mask.
func (s Secret) String() string { return mask }

// GoString returns the mask.
func (s Secret) GoString() string { return mask }

// Format writes the mask whatever the verb is.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, mask) }

// LogValue returns the mask.
func (s Secret) LogValue() slog.Value { return slog.StringValue(mask) }

// MarshalText returns the mask.
func (s Secret) MarshalText() ([]byte, error) { return []byte(mask), nil }

// MarshalJSON returns the mask.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + mask + `"`), nil }

// MarshalBinary returns the mask; encoding/gob uses it.
func (s Secret) MarshalBinary() ([]byte, error) { return []byte(mask), nil }
