package forward

import (
	"context"
	"errors"
	"fmt"
	"time"

	"smartreader/store"
)

// Submitter is the platform as the forwarder sees it. Each call is one attempt:
// it does not retry by itself, and it returns when ctx ends. Calls about
// different payments come at the same time.
type Submitter interface {
	// Submit sends one stored record under its key and natural key.
	Submit(ctx context.Context, p store.Payment, envelope []byte) (Verdict, error)

	// LookUp asks what became of the attempt with the payment's natural key.
	// ErrNotFound means the platform never saw it.
	LookUp(ctx context.Context, p store.Payment) (Verdict, error)

	// Reverse undoes the attempt, whatever became of it, and returns nil when
	// the platform acknowledged, also for an attempt it never saw.
	Reverse(ctx context.Context, p store.Payment) error
}

// Status is how a payment ended at the platform.
type Status string

// The ends. Declined is the issuer's word; Failed and Expired are the
// platform's: it will never take this payment.
const (
	Forwarded Status = "forwarded"
	Declined  Status = "declined"
	Failed    Status = "failed"
	Expired   Status = "expired"
)

// Verdict is the platform's last word on one payment.
type Verdict struct {
	Status            Status
	IntentID          string
	ChargeID          string
	Code              string // why it failed, in the platform's words
	DeclineCode       string
	Message           string
	AuthorizationCode string
	ResponseCode      string

	// Rescued: the platform had it already, from an export. A forwarded one
	// then ends as rescued.
	Rescued bool
}

// Hold is why a payment cannot be forwarded as things are: it belongs to another
// account or mode, say. It waits without failing, and nobody waits for it. A
// Submitter may return one as its error: the platform's word that it did not
// take the payment. Such a payment is tried again ever more rarely, once a day in
// the end, and after a Kick or a ForwardNow.
type Hold struct {
	Code    string // the cause; FailureNote.Code
	Message string
}

func (h *Hold) Error() string { return "forward: held: " + h.Message }

// ErrNotFound is returned by LookUp when the platform never saw the attempt.
var ErrNotFound = errors.New("forward: the platform does not know this payment")

// Temporary is an error after which it is right to try again. Any other error
// counts as Temporary with Sent true, the careful reading.
type Temporary struct {
	Code       string        // the cause in the caller's words, for FailureNote.Code; may be empty
	Sent       bool          // false only if the request surely never reached the platform
	RetryAfter time.Duration // the platform's wish, 0 if it has none; at most store.LongestWait is respected
	Err        error

	alone bool // the platform answered the request before
}

func (t *Temporary) Error() string {
	if t.Sent {
		return fmt.Sprintf("forward: sent, no answer: %v", t.Err)
	}
	return fmt.Sprintf("forward: not sent: %v", t.Err)
}

func (t *Temporary) Unwrap() error { return t.Err }
