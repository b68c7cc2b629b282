package payment

import (
	"context"
	"errors"
	"fmt"
	"time"

	"smartreader/store"
)

// Cancel ends a payment for which no card was taken. A payment in progress
// must be stopped with CancelCollect first. The platform's intent, if there is
// one, is withdrawn too; when the platform cannot be reached it stays open
// there, unpaid, until it expires.
func (m *Machine) Cancel(ctx context.Context, localID string, request store.Request) (store.Payment, error) {
	why := "canceled by " + nameOf(request)
	p, err := m.cancel(ctx, localID, why, request)
	for errors.Is(err, store.ErrConflict) { // it was changed this moment: look again
		p, err = m.cancel(ctx, localID, why, request)
	}
	var failure *Error
	if err != nil && !errors.As(err, &failure) {
		err = storeFailure(err)
	}
	return p, err
}

// CancelAbandoned cancels payments for which no card was taken and that nobody
// asked for since before, and returns how many: a till that creates payments and
// forgets them must not fill the ledger.
func (m *Machine) CancelAbandoned(ctx context.Context, before time.Time) (n int, err error) {
	created, err := m.opt.Store.List(store.Filter{States: []store.State{store.Created}})
	if err != nil {
		return 0, fmt.Errorf("payment: abandoned: %w", err)
	}
	for _, p := range created {
		if last := len(p.History) - 1; last < 0 || p.History[last].AtMs >= before.UnixMilli() {
			continue
		}
		var refused *Error
		switch _, err := m.cancel(ctx, p.LocalID, "abandoned", store.Request{}); {
		case err == nil:
			n++
		case !errors.Is(err, store.ErrConflict) && !errors.As(err, &refused): // else somebody asked for it this moment
			return n, fmt.Errorf("payment: abandoned %s: %w", p.LocalID, err)
		}
	}
	return n, nil
}

// A payment that was voided is canceled already.
func (m *Machine) cancel(ctx context.Context, localID, why string, request store.Request) (store.Payment, error) {
	p, err := m.opt.Store.Payment(localID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return p, unknownPayment()
	case err != nil:
		return p, err
	}
	if voided(p) {
		return p, nil
	}
	switch p.State {
	case store.Canceled:
		return p, nil
	case store.Reversing:
		return p, refuse(UnexpectedOperation, RetrySame, "the last attempt of this payment is still being undone at the platform",
			"try again when the reader is online").with(p)
	case store.Stored, store.Sending, store.Unknown, store.Failed:
		return p, refuse(UnexpectedOperation, RetryNever, "a payment that is "+string(p.State)+" cannot be canceled",
			"withdraw a stored payment with voidStoredPayment before it is forwarded").with(p)
	case store.Created, store.Interrupted:
	case store.Declined:
		if p.StoredAtMs == 0 {
			break
		}
		fallthrough
	default:
		return p, refuse(UnexpectedOperation, RetryNever, "a payment that is "+string(p.State)+" cannot be canceled",
			"stop a running collect with cancelCollectPaymentMethod; refund a payment that was charged").with(p)
	}
	p.State, p.DoneAtMs = store.Canceled, m.now()
	change := store.Change{Payment: p, Reason: why}
	if request.ID != "" {
		request.LocalID, request.Done, request.Result = localID, true, m.opt.EncodeOutcome(p, nil)
		change.Request = &request
	}
	if p, err = m.opt.Store.Commit(context.WithoutCancel(ctx), change); err != nil {
		return p, err
	}
	if p.IntentID != "" && !m.opt.Offline() {
		ask, stop := context.WithTimeout(ctx, cancelTimeout)
		defer stop()
		if err := m.opt.Platform.CancelIntent(ask, p); err != nil {
			m.opt.Log.Warn("intent not canceled at the platform", "payment", localID, "err", err)
		}
	}
	return p, nil
}

// cancelTimeout bounds a courtesy: the payment is canceled already.
const cancelTimeout = 5 * time.Second
