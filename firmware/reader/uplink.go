package reader

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"smartreader/firmware/payment"
	"smartreader/firmware/platform"
	"smartreader/hal"
	"smartreader/lan/wire"
	"smartreader/store"
	"smartreader/store/forward"
)

// newPlatform makes the client of the payments platform.
func (r *Reader) newPlatform() error {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(r.opt.PlatformCA) {
		return errors.New("reader: no certificate of the platform's CA given (PEM): without it the platform cannot be recognised")
	}
	link := r.opt.Link
	if c := r.configured(); c != nil {
		link = linkOptions(link, c.platform.Link)
	}
	client, err := platform.New(platform.Options{
		BaseURL: r.opt.PlatformURL, RootCAs: roots, Identity: r.certificate, Now: r.now, ClockSet: r.clockSet,
		Heartbeat: r.heartbeat, Answered: r.heartbeatAnswered, Link: link, Dial: r.opt.Dial, Log: r.log,
	})
	if err != nil {
		return fmt.Errorf("reader: %w", err)
	}
	r.platform = client
	return nil
}

// now is the time that certificates and windows are checked at: it never goes
// back, not even when the clock does.
func (r *Reader) now() time.Time {
	now := r.store.Now()
	if now.Before(Released) {
		return Released
	}
	return now
}

// clockSet reports whether the clock shows a time that can be true.
func (r *Reader) clockSet() bool { return r.opt.Now().After(Released) }

func (r *Reader) heartbeat() platform.HeartbeatRequest {
	h := platform.HeartbeatRequest{SoftwareVersion: Version, Pending: r.store.Pending().Count}
	if c := r.configured(); c != nil {
		h.ConfigETag = c.etag
	}
	return h
}

// platformTime moves the time floor by the platform's clock, which came over an
// authenticated connection; this reader's own clock proves nothing. An hour's
// precision is enough for windows of days, and spares the disk.
//
// The floor never falls again, so one wrong answer must not make every credential
// and certificate expire for ever: what is far ahead of all this reader knows is
// believed by and by, a day every hour.
func (r *Reader) platformTime(h platform.HeartbeatResponse) {
	told := time.UnixMilli(h.NowMs)
	if most := r.now().Add(longestLeap); told.After(most) {
		if time.Since(r.leapt) < leapPeriod {
			return
		}
		r.leapt = time.Now()
		r.log.Warn("the platform's clock is far ahead of this reader's: believed by a day only", "told", told.UTC().Format(time.RFC3339))
		told = most
	}
	if told.Sub(r.store.TimeFloor()) < time.Hour {
		return
	}
	if err := r.raiseFloor(context.Background(), told); err != nil {
		r.log.Error("the time floor was not raised", "err", err)
	}
}

const (
	longestLeap = 24 * time.Hour
	leapPeriod  = time.Hour
)

// heartbeatAnswered takes what the platform says at every sign of life.
func (r *Reader) heartbeatAnswered(h platform.HeartbeatResponse) {
	r.platformTime(h)
	if c := r.configured(); c != nil && h.ConfigETag != "" && h.ConfigETag != c.etag {
		select {
		case r.reread <- struct{}{}:
		default:
		}
	}
}

// authorizer is the platform as a payment sees it.
type authorizer struct{ r *Reader }

func (a authorizer) CreateIntent(ctx context.Context, p store.Payment) (payment.Intent, error) {
	intent, err := a.r.platform.CreatePaymentIntent(ctx, platform.CreatePaymentIntent{
		Key: p.Key, LocalID: p.LocalID, Amount: p.Amount, Currency: p.Currency, CaptureMethod: p.CaptureMethod,
		Description: p.Description, Metadata: p.Metadata, SetupFutureUsage: p.SetupFutureUsage,
	})
	if err != nil {
		return payment.Intent{}, unanswered(err)
	}
	return payment.Intent{ID: intent.ID, ClientSecret: intent.ClientSecret}, nil
}

func (a authorizer) CancelIntent(ctx context.Context, p store.Payment) error {
	_, err := a.r.platform.CancelPaymentIntent(ctx, p.IntentID, platform.CancelPaymentIntent{})
	return err
}

func (a authorizer) Authorize(ctx context.Context, p store.Payment, envelope []byte, pin *payment.PINBlock) (payment.Answer, error) {
	v, err := a.r.platform.Authorize(ctx, platform.Submission{NaturalKey: p.NaturalKey, Envelope: envelope, PIN: pinBlock(pin)})
	if err != nil {
		return payment.Answer{}, unanswered(err)
	}
	answer := payment.Answer{
		Verdict: payment.Rejected, ChargeID: v.ChargeID, DeclineCode: v.DeclineCode, Message: short(v.Message),
		AuthorizationCode: v.AuthorizationCode,
	}
	if v.Intent != nil {
		answer.Intent = payment.Intent{ID: v.Intent.ID, ClientSecret: v.Intent.ClientSecret}
	}
	switch v.Status {
	case platform.StatusFailed:
		if x := v.Existing; v.Code == platform.CodeAlreadyCharged && x != nil {
			answer.Verdict, answer.ChargeID, answer.AuthorizationCode = payment.AlreadyCharged, x.ChargeID, x.AuthorizationCode
			return answer, nil
		}
	case platform.StatusApproved:
		answer.Verdict = payment.Approved
	case platform.StatusDeclined:
		answer.Verdict = payment.Declined
	}
	if answer.Verdict == payment.Rejected {
		answer.PINRefused = v.Code == platform.CodePINInvalid
		if answer.Message == "" {
			answer.Message = v.Code
		}
		return answer, nil
	}
	// An answer the card cannot be given is no answer: what the platform did is
	// looked up or reversed, never guessed.
	arc, err1 := hex.DecodeString(v.ResponseCode)
	auth, err2 := hex.DecodeString(v.IssuerAuthenticationData)
	scripts, err3 := hex.DecodeString(strings.Join(v.Scripts, ""))
	if err := errors.Join(err1, err2, err3); err != nil || len(arc) != 2 {
		return payment.Answer{}, &payment.Unreachable{Sent: true, Err: fmt.Errorf("the platform's answer cannot be read: %w", err)}
	}
	answer.ResponseCode, answer.IssuerAuthenticationData, answer.Scripts = [2]byte(arc), auth, scripts
	return answer, nil
}

func pinBlock(b *payment.PINBlock) *platform.PINBlock {
	if b == nil {
		return nil
	}
	format := platform.PINFormat4
	if b.Format == hal.ISOFormat0 {
		format = platform.PINFormat0
	}
	return &platform.PINBlock{Format: format, Key: b.Key, KSN: upperHex(b.KeySerial), Ciphertext: upperHex(b.Ciphertext.Bytes())}
}

func upperHex(b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) }

// unanswered turns what is no answer to the request into payment's word for
// it. A refusal is an answer: a platform that turns this reader away is not an
// outage in which payments are taken unseen.
func unanswered(err error) error {
	var unreachable *platform.Unreachable
	var refused *platform.Error
	switch {
	case errors.As(err, &unreachable):
		return &payment.Unreachable{Sent: unreachable.Sent, Certificate: unreachable.Kind == platform.KindTLS, Err: err}
	case errors.As(err, &refused) && (refused.Status == http.StatusRequestTimeout || refused.Status == http.StatusTooEarly || refused.Status == http.StatusTooManyRequests):
		return &payment.Unreachable{Sent: true, Err: err} // it speaks of the moment
	}
	return err
}

// inFlight is how many payments are forwarded at once.
func (r *Reader) inFlight() int {
	if c := r.configured(); c != nil && c.platform.Offline.ForwardInFlight > 0 {
		return c.platform.Offline.ForwardInFlight
	}
	return forwardInFlight
}

// forwardInFlight is how many payments are forwarded at once unless the
// configuration says otherwise: enough to hide the network's delay, few enough
// that a fleet coming back does not flood the platform.
const forwardInFlight = 4

// hold keeps a payment of the other mode where it is: it would be refused for
// ever, and it can be forwarded once the reader is in its mode again.
func (r *Reader) hold(p store.Payment) *forward.Hold {
	c := r.configured()
	switch {
	case c == nil || p.Livemode == c.platform.Livemode:
		return nil
	case p.Livemode:
		return &forward.Hold{Code: string(wire.CodeLivePaymentInTestmode), Message: "a live payment waits for the reader to be in live mode again"}
	}
	return &forward.Hold{Code: string(wire.CodeTestPaymentInLivemode), Message: "a test payment waits for the reader to be in test mode again"}
}

// submitter is the platform as the forwarder sees it.
type submitter struct{ r *Reader }

func (s submitter) Submit(ctx context.Context, p store.Payment, envelope []byte) (forward.Verdict, error) {
	v, err := s.r.platform.SubmitOffline(ctx, platform.Submission{
		NaturalKey: p.NaturalKey, Envelope: envelope, StoredAtMs: p.StoredAtMs,
	})
	return ended(p, v, err)
}

func (s submitter) LookUp(ctx context.Context, p store.Payment) (forward.Verdict, error) {
	v, err := s.r.platform.LookUp(ctx, p.NaturalKey)
	if errors.Is(err, platform.ErrNotFound) {
		return forward.Verdict{}, forward.ErrNotFound
	}
	if err != nil {
		if held := heldBack(nil, err); held != nil {
			return forward.Verdict{}, held
		}
		return forward.Verdict{}, unsettled(err)
	}
	return ended(p, v, nil)
}

func (s submitter) Reverse(ctx context.Context, p store.Payment) error {
	reason := "interrupted"
	if n := len(p.History); n > 0 {
		reason = p.History[n-1].Reason
	}
	_, err := s.r.platform.Reverse(ctx, platform.ReversalRequest{NaturalKey: p.NaturalKey, Reason: reason})
	return unsettled(err)
}

// unsettled is the error of a question about an attempt, or of undoing one:
// however final the refusal sounds, it says nothing about the attempt itself,
// which may be charged. Only an answer to Submit ends a payment.
func unsettled(err error) error {
	var unreachable *platform.Unreachable
	var refused *platform.Error
	switch {
	case errors.As(err, &unreachable):
		return &forward.Temporary{Code: string(stuckCode(unreachable.Kind)), RetryAfter: unreachable.RetryAfter, Sent: unreachable.Sent, Err: err}
	case errors.As(err, &refused):
		return &forward.Temporary{Code: string(wire.CodePlatformError), RetryAfter: refused.RetryAfter, Sent: true, Err: err}
	}
	return err
}

// heldBack tells that the platform takes the payment not now and not here, but
// may later: the reader is in another mode or at another account. It is kept.
func heldBack(v *platform.Verdict, err error) *forward.Hold {
	code := ""
	if refused, ok := errors.AsType[*platform.Error](err); ok {
		code = refused.Code
	} else if err == nil {
		code = v.Code
	}
	switch code {
	case platform.CodeAccountMismatch:
		return &forward.Hold{Code: string(wire.CodeAccountMismatchForwarding), Message: "the payment waits for the reader to be at its account again"}
	case platform.CodeLivemodeMismatch:
		return &forward.Hold{Code: string(wire.CodeTestPaymentInLivemode), Message: "the platform is in another mode than the payment: it waits for its own"}
	}
	return nil
}

// ended is how a stored payment of this reader ended. One that the card approved by
// itself keeps the response code the card was given, unless an issuer had another.
func ended(p store.Payment, v *platform.Verdict, err error) (forward.Verdict, error) {
	out, err := verdict(v, err)
	out.ResponseCode = cmp.Or(out.ResponseCode, p.ResponseCode)
	return out, err
}

func verdict(v *platform.Verdict, err error) (forward.Verdict, error) {
	if held := heldBack(v, err); held != nil {
		return forward.Verdict{}, held
	}
	// A platform that cannot read an envelope may find its key again: that is
	// its own trouble, and no reason to give the only copy up.
	if err == nil && v.Code == platform.CodeEnvelopeUnreadable {
		return forward.Verdict{}, &forward.Temporary{Code: string(wire.CodePlatformError), Sent: true, Err: errors.New("the platform cannot open the envelope: " + short(v.Message))}
	}
	var unreachable *platform.Unreachable
	var refused *platform.Error
	switch {
	case errors.As(err, &unreachable):
		return forward.Verdict{}, &forward.Temporary{Code: string(stuckCode(unreachable.Kind)), RetryAfter: unreachable.RetryAfter, Sent: unreachable.Sent, Err: err}
	case errors.As(err, &refused) && refused.Permanent() && refused.Code != platform.CodeEnvelopeUnreadable:
		return forward.Verdict{Status: forward.Failed, Code: refused.Code, Message: short(refused.Message)}, nil
	case errors.As(err, &refused):
		return forward.Verdict{}, &forward.Temporary{Code: string(wire.CodePlatformError), RetryAfter: refused.RetryAfter, Sent: true, Err: err}
	case err != nil:
		return forward.Verdict{}, err
	}
	if v.Code == platform.CodeAlreadyCharged && v.Existing != nil {
		// The payment is charged, under another of its attempts: that is how it ended.
		v = v.Existing
	}
	out := forward.Verdict{
		ChargeID: v.ChargeID, DeclineCode: v.DeclineCode, Code: v.Code, Message: short(v.Message),
		AuthorizationCode: v.AuthorizationCode, Status: forward.Failed, Rescued: v.Rescued,
	}
	if arc, err := hex.DecodeString(v.ResponseCode); err == nil && len(arc) == 2 {
		out.ResponseCode = string(arc)
	}
	if v.Code == platform.CodeTooOld {
		out.Status = forward.Expired
	}
	if v.Intent != nil {
		out.IntentID = v.Intent.ID
	}
	switch v.Status {
	case platform.StatusApproved:
		out.Status = forward.Forwarded
	case platform.StatusDeclined:
		out.Status = forward.Declined
		out.Code = string(wire.CodeDeclined)
	}
	return out, nil
}

// short bounds a text from the platform: it is journaled with the payment and
// sent to POS.
func short(text string) string {
	const most = 500
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}
