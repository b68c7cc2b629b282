package apdu

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// ErrResponse is returned for bytes that cannot be a response: no status word, or more than 256 data
// bytes before it.
var ErrResponse = errors.New("apdu: malformed response")

// Response is a response message.
type Response struct {
	Data []byte // without the status word
	SW   SW
}

// Bytes encodes the response.
func (r Response) Bytes() []byte {
	out := make([]byte, 0, len(r.Data)+2)
	out = append(out, r.Data...)
	return append(out, r.SW.SW1(), r.SW.SW2())
}

// String returns the status word in words and how many data bytes there are, never the data, which may be
// an account number.
func (r Response) String() string {
	return fmt.Sprintf("%d data bytes, %v", len(r.Data), r.SW.String())
}

// Format writes String whatever the verb is.
func (r Response) Format(f fmt.State, _ rune) { io.WriteString(f, r.String()) }

// LogValue is String.
func (r Response) LogValue() slog.Value { return slog.StringValue(r.String()) }

// ParseResponse decodes a response message. The response's Data shares memory with b.
func ParseResponse(b []byte) (Response, error) {
	n := len(b) - 2
	if n < 0 || n > 256 {
		return Response{}, fmt.Errorf("%w: %d bytes", ErrResponse, len(b))
	}
	return Response{Data: b[:n:n], SW: SW(b[n])<<8 | SW(b[n+1])}, nil
}
