package platform

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

var (
	// ErrNotFound matches an *Error of a look-up when the platform never saw
	// the natural key, or does not know the intent. It is an answer, so the
	// payment may be submitted; any other 404 does not match.
	ErrNotFound = errors.New("platform: not found")

	// ErrSignature is returned when a signed document does not verify.
	ErrSignature = errors.New("platform: signature does not verify")

	// ErrDocument is returned when a verified document cannot be used: it is
	// not JSON of the expected form or a field is out of range.
	ErrDocument = errors.New("platform: document not usable")
)

// Error is the platform's refusal of a request.
type Error struct {
	Status     int    // HTTP status, 4xx
	Code       string // Code..., empty when the body was not ours
	Message    string
	RetryAfter time.Duration // asked for by the platform; 0 when not
}

func (e *Error) Error() string {
	return fmt.Sprintf("platform: refused (%d %s): %s", e.Status, e.Code, e.Message)
}

// Is matches ErrNotFound.
func (e *Error) Is(target error) bool {
	return target == ErrNotFound && e.Status == http.StatusNotFound &&
		(e.Code == CodeAuthorizationNotFound || e.Code == CodeIntentNotFound)
}

// Permanent reports that the platform refused exactly this request for ever,
// so a stored payment sent with it has failed. Refusals that speak of the
// reader or of the moment (401, 403, 404, 408, 429), or that do not come from
// the platform's own code, are not permanent: a misrouted request must not
// turn stored payments into failed ones.
func (e *Error) Permanent() bool {
	switch e.Status {
	case http.StatusBadRequest, http.StatusConflict, http.StatusGone, http.StatusUnprocessableEntity:
		return e.Code != ""
	}
	return false
}

// Kind says why there was no usable answer.
type Kind string

// The kinds of Unreachable.
const (
	KindDial     Kind = "dial"      // no connection: no route, refused, name not resolved
	KindTimeout  Kind = "timeout"   // nobody answered in time
	KindReset    Kind = "reset"     // the connection broke
	KindTLS      Kind = "tls"       // certificate or handshake refused, by either side: never silently "offline"
	KindClock    Kind = "clock"     // the server's certificate is not valid yet and this reader's clock is not set
	KindServer   Kind = "server5xx" // the platform, or something before it, answered 5xx
	KindAnswer   Kind = "answer"    // an answer that is not the protocol: redirect, oversize, not JSON
	KindCanceled Kind = "canceled"  // the caller gave up; says nothing about the platform
)

// Unreachable means that there was no usable answer.
type Unreachable struct {
	Kind       Kind
	Sent       bool          // false only when certainly no byte of the request was sent
	RetryAfter time.Duration // asked for along with a 5xx; 0 when not
	Err        error
}

func (e *Unreachable) Error() string {
	sent := "not sent"
	if e.Sent {
		sent = "maybe processed"
	}
	return fmt.Sprintf("platform: no answer (%s, %s): %v", e.Kind, sent, e.Err)
}

// Unwrap returns the cause, so that errors.Is finds context.DeadlineExceeded.
func (e *Unreachable) Unwrap() error { return e.Err }
