package payment

import (
	"context"
	"fmt"

	"smartreader/store"
)

// Platform is what a payment asks the payments platform.
type Platform interface {
	// CreateIntent registers the payment under its key. Repeating it returns
	// the same intent.
	CreateIntent(ctx context.Context, p store.Payment) (Intent, error)
	// CancelIntent withdraws an intent that was not paid.
	CancelIntent(ctx context.Context, p store.Payment) error
	// Authorize asks the issuer. envelope is the sealed card data; pin is nil
	// unless an online PIN was entered. An answer is an Answer, also when it is no;
	// *Unreachable means there was none.
	Authorize(ctx context.Context, p store.Payment, envelope []byte, pin *PINBlock) (Answer, error)
}

// Intent is the platform's name for a payment.
type Intent struct{ ID, ClientSecret string }

// Verdict is how an authorization ended.
type Verdict int

// The verdicts.
const (
	Declined Verdict = iota // by the issuer; the zero value never approves
	Approved
	Rejected // the platform refused the request; no issuer was asked
	// AlreadyCharged: the platform holds a charge for this payment from another
	// attempt, and did not make a second one. ChargeID is the one there is.
	AlreadyCharged
)

// Answer is the platform's answer to an authorization.
type Answer struct {
	Verdict     Verdict
	Intent      Intent
	ChargeID    string
	DeclineCode string
	Message     string
	PINRefused  bool // with Rejected: the online PIN could not be read; another entry may do

	AuthorizationCode        string
	ResponseCode             [2]byte // 8A
	IssuerAuthenticationData []byte  // 91
	Scripts                  []byte  // 71 and 72 templates
}

// Unreachable is returned by a Platform when no answer came. Sent is false
// only when the request surely never left: then nothing can have been charged.
type Unreachable struct {
	Sent bool
	// Certificate says that something answered, but not with the platform's
	// certificate. That is not an outage, so prefer_online is refused.
	Certificate bool
	Err         error
}

func (e *Unreachable) Error() string { return fmt.Sprintf("payment: platform unreachable: %v", e.Err) }
func (e *Unreachable) Unwrap() error { return e.Err }
