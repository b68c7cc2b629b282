package payment

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"smartreader/store"
	"smartreader/store/killpoint"
)

// CreateParams describe a payment. Names and values are Stripe Terminal's.
type CreateParams struct {
	POS              string // who asks
	Key              string // idempotency key; empty: the localId
	Amount           int64  // minor units, at least 1
	Currency         string // lower-case ISO 4217
	CaptureMethod    string // automatic | manual; empty: automatic
	OfflineBehavior  string // prefer_online | require_online | force_offline; empty: prefer_online
	Description      string
	SetupFutureUsage string
	Metadata         map[string]string
}

// The values of CreateParams.OfflineBehavior.
const (
	PreferOnline  = "prefer_online"
	RequireOnline = "require_online"
	ForceOffline  = "force_offline"
)

func (c *CreateParams) normalize() error {
	if c.CaptureMethod == "" {
		c.CaptureMethod = "automatic"
	}
	if c.OfflineBehavior == "" {
		c.OfflineBehavior = PreferOnline
	}
	switch {
	case c.Amount < 1 || c.Amount > maxAmount:
		return fmt.Errorf("amount %d is not between 1 and %d minor units", c.Amount, int64(maxAmount))
	case c.CaptureMethod != "automatic" && c.CaptureMethod != "manual":
		return fmt.Errorf("captureMethod %q is neither automatic nor manual", c.CaptureMethod)
	case c.OfflineBehavior != PreferOnline && c.OfflineBehavior != RequireOnline && c.OfflineBehavior != ForceOffline:
		return fmt.Errorf("offlineBehavior %q is none of prefer_online, require_online, force_offline", c.OfflineBehavior)
	}
	_, err := lookUpCurrency(c.Currency)
	return err
}

// maxAmount is the largest amount that 9F02 (n 12) can carry.
const maxAmount = 999_999_999_999

// Create makes a payment and commits it before the platform is asked for an
// intent. Offline, or with force_offline, the payment has no intent id yet;
// its localId is stable from here on. With require_online and no platform the
// payment is not usable: the error carries it.
func (m *Machine) Create(ctx context.Context, params CreateParams, request store.Request) (store.Payment, error) {
	if err := params.normalize(); err != nil {
		return store.Payment{}, refuse(InvalidParameter, RetryNever, err.Error(), "correct the parameter")
	}
	settings, ok := m.opt.Settings()
	if !ok {
		return store.Payment{}, notConfigured()
	}
	if params.OfflineBehavior == ForceOffline && !settings.Policy.Enabled {
		return store.Payment{}, forceOfflineDisabled()
	}
	p := store.Payment{
		LocalID: newLocalID(), State: store.Created, Key: params.Key, POS: params.POS, Livemode: settings.Livemode,
		Amount: params.Amount, Currency: params.Currency, CaptureMethod: params.CaptureMethod, OfflineBehavior: params.OfflineBehavior,
		CreatedAtMs: m.now(), Description: params.Description, SetupFutureUsage: params.SetupFutureUsage, Metadata: params.Metadata,
	}
	if p.Key == "" {
		p.Key = p.LocalID
	}
	if existing, err := m.opt.Store.ByKey(p.Key); err == nil {
		return m.sameKey(ctx, existing, p, request)
	} else if !errors.Is(err, store.ErrNotFound) {
		return store.Payment{}, storeFailure(err)
	}
	killpoint.Hit("payment.create")
	change := store.Change{Payment: p, Reason: "created"}
	// With require_online the outcome is known only when the platform answered;
	// until then a repeated request finds the payment and asks again.
	online := params.OfflineBehavior != ForceOffline && (params.OfflineBehavior == RequireOnline || !m.opt.Offline())
	if request.ID != "" {
		request.LocalID, request.Done = p.LocalID, !online
		if request.Done {
			request.Result = m.opt.EncodeOutcome(p, nil)
		}
		change.Request = &request
	}
	p, err := m.opt.Store.Commit(context.WithoutCancel(ctx), change)
	for errors.Is(err, store.ErrConflict) { // the key is being taken this moment: see who got it
		p, err = m.opt.Store.Commit(context.WithoutCancel(ctx), change)
	}
	if errors.Is(err, store.ErrKeyUsed) {
		existing, err := m.opt.Store.ByKey(change.Payment.Key)
		if err != nil {
			return store.Payment{}, storeFailure(err)
		}
		return m.sameKey(ctx, existing, change.Payment, request)
	}
	if err != nil {
		return store.Payment{}, storeFailure(err)
	}
	killpoint.Hit("payment.created")
	if !online {
		return p, nil
	}
	return m.register(ctx, p, request)
}

// sameKey answers a create whose key has a payment already: it is that
// payment, so that an order rung up twice, even by another till, is one charge.
func (m *Machine) sameKey(ctx context.Context, existing, wanted store.Payment, request store.Request) (store.Payment, error) {
	if existing.Livemode != wanted.Livemode || base(existing) != wanted.Amount || existing.Currency != wanted.Currency ||
		existing.CaptureMethod != wanted.CaptureMethod || existing.OfflineBehavior != wanted.OfflineBehavior {
		return existing, refuse(IdempotencyMismatch, RetryNever,
			"this idempotency key belongs to a payment with another amount, currency, capture method, offline behaviour or mode", "use a new key for a new payment").with(existing)
	}
	if existing.IntentID == "" && existing.OfflineBehavior != ForceOffline && existing.State == store.Created && !m.opt.Offline() {
		return m.register(ctx, existing, request)
	}
	if request.ID != "" {
		request.LocalID, request.Done, request.Result = existing.LocalID, true, m.opt.EncodeOutcome(existing, nil)
		if err := m.opt.Store.PutRequest(context.WithoutCancel(ctx), request); err != nil {
			return existing, storeFailure(err)
		}
	}
	return existing, nil
}

// Register finishes a create that was cut off before the platform answered.
func (m *Machine) Register(ctx context.Context, p store.Payment, request store.Request) (store.Payment, error) {
	if p.State != store.Created || p.IntentID != "" {
		return p, nil
	}
	return m.register(ctx, p, request)
}

func (m *Machine) register(ctx context.Context, p store.Payment, request store.Request) (store.Payment, error) {
	timeout := m.opt.AuthorizeTimeout
	if p.OfflineBehavior == PreferOnline {
		timeout = min(timeout, registerTimeout)
	}
	ictx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	intent, err := m.opt.Platform.CreateIntent(ictx, withTip(p, 0))
	var failure *Error
	var unreachable *Unreachable
	switch {
	case err == nil:
		p.IntentID, p.ClientSecret = intent.ID, intent.ClientSecret
	case errors.As(err, &unreachable) && p.OfflineBehavior == RequireOnline:
		failure = requireOnline()
	case errors.As(err, &unreachable) && unreachable.Certificate:
		failure = certificateFailure()
		m.opt.Log.Warn("no intent", "payment", p.LocalID, "err", unreachable)
	case errors.As(err, &unreachable):
		// prefer_online goes on without an intent; the key ties them together later.
	default:
		failure = refuse(PlatformError, RetryNever, err.Error(), "correct the parameter the platform names")
	}
	reason := "registered with the platform"
	if failure != nil {
		reason = "not registered: " + string(failure.Code)
	} else if p.IntentID == "" {
		reason = "platform not reached; the payment goes on without an intent id"
	}
	change := store.Change{Payment: p, Reason: reason}
	// A failure a retry can mend is not the request's outcome.
	if request.ID != "" && (failure == nil || failure.Retry == RetryNever) {
		request.LocalID, request.Done, request.Result = p.LocalID, true, m.opt.EncodeOutcome(p, failure)
		change.Request = &request
	}
	p, cerr := m.opt.Store.Commit(context.WithoutCancel(ctx), change)
	if cerr != nil {
		return store.Payment{}, storeFailure(cerr)
	}
	if failure != nil {
		return p, failure.with(p)
	}
	return p, nil
}

// registerTimeout bounds the wait for an intent id that the payment can do
// without: at the till every second of it is felt.
const registerTimeout = 5 * time.Second

func certificateFailure() *Error {
	return refuse(CertificateError, RetrySame, "something answers in the platform's place, without its certificate",
		"this is no outage: check the network for a captive portal or an interception proxy; force_offline works meanwhile, within its limits")
}

func notConfigured() *Error {
	return refuse(GenericReaderError, RetrySame, "the reader has no configuration yet",
		"connect the reader to the internet once, so that it can be activated and configured")
}

func newLocalID() string {
	var b [16]byte
	rand.Read(b[:])
	return "pl_" + hex.EncodeToString(b[:])
}
