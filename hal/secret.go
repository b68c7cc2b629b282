package hal

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret holds card data that must not leave memory except through Bytes. It
// prints as "[secret]" with every verb, logger and marshaller. The bytes sit
// behind a function because fmt prints unexported fields of a struct without
// asking their methods, and for a wrong verb follows a pointer too.
//
// The zero value is empty. Copies share the bytes: wiping one wipes all.
// A Secret is not safe for concurrent use with Wipe.
type Secret struct{ data func() *[]byte }

const masked = "[secret]"

// NewSecret takes ownership of b; the caller must not use it any more.
func NewSecret(b []byte) Secret { return Secret{func() *[]byte { return &b }} }

// Bytes gives access to the data itself; it is valid until Wipe.
func (s Secret) Bytes() []byte {
	if s.data == nil {
		return nil
	}
	return *s.data()
}

// Empty says whether there is nothing in it (never set, or wiped).
func (s Secret) Empty() bool { return len(s.Bytes()) == 0 }

// Wipe overwrites the data with zeros and empties s and all its copies.
// Copies made by the garbage collector or by callers of Bytes are not reached.
func (s Secret) Wipe() {
	if s.data != nil {
		b := s.data()
		clear(*b)
		*b = nil
	}
}

// String returns "[secret]".
func (Secret) String() string { return masked }

// GoString returns "[secret]".
func (Secret) GoString() string { return masked }

// Format writes "[secret]" for every verb and flag.
func (Secret) Format(f fmt.State, _ rune) { io.WriteString(f, masked) }

// LogValue returns "[secret]".
func (Secret) LogValue() slog.Value { return slog.StringValue(masked) }

// MarshalText returns "[secret]"; it covers JSON and XML too.
func (Secret) MarshalText() ([]byte, error) { return []byte(masked), nil }

// MarshalBinary returns "[secret]"; it covers gob.
func (Secret) MarshalBinary() ([]byte, error) { return []byte(masked), nil }

// Tracks are the magnetic stripe tracks of one swipe: ASCII characters without
// sentinels and LRC (ISO/IEC 7813), empty where a track was not read. Like its
// parts it cannot be printed or marshalled.
type Tracks struct {
	One, Two, Three Secret
}

// Wipe wipes all tracks.
func (t Tracks) Wipe() {
	t.One.Wipe()
	t.Two.Wipe()
	t.Three.Wipe()
}

// String returns "[secret]".
func (Tracks) String() string { return masked }

// GoString returns "[secret]".
func (Tracks) GoString() string { return masked }

// Format writes "[secret]" for every verb and flag.
func (Tracks) Format(f fmt.State, _ rune) { io.WriteString(f, masked) }

// LogValue returns "[secret]".
func (Tracks) LogValue() slog.Value { return slog.StringValue(masked) }

// MarshalText returns "[secret]"; it covers JSON and XML too.
func (Tracks) MarshalText() ([]byte, error) { return []byte(masked), nil }

// MarshalBinary returns "[secret]"; it covers gob.
func (Tracks) MarshalBinary() ([]byte, error) { return []byte(masked), nil }
