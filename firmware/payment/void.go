package payment

import (
	"cmp"
	"context"
	"errors"

	"smartreader/store"
)

// Void withdraws a stored payment before it is forwarded. It is void at once;
// the platform is told of the attempt, whose number is spent, as soon as it can
// be reached. One that may have reached the platform is undone there. A payment
// that is void already stays so.
func (m *Machine) Void(ctx context.Context, localID string, request store.Request) (store.Payment, error) {
	p, err := m.change(ctx, localID, request, "voided by "+nameOf(request), func(p *store.Payment) (bool, *Error) {
		if voided(*p) {
			return false, nil
		}
		switch p.State {
		case store.Stored, store.Unknown:
		case store.Failed:
			if p.StoredAtMs == 0 {
				return false, notStored(*p)
			}
		case store.Sending:
			return false, refuse(UnexpectedOperation, RetrySame, "the payment is being forwarded this moment", "ask again in a moment")
		case store.Rescued:
			if p.ChargeID != "" {
				return false, refuse(UnexpectedOperation, RetryNever, "the payment was forwarded by somebody else", "refund it")
			}
			return false, refuse(UnexpectedOperation, RetryNever, "the payment was handed over in an export: somebody else may have forwarded it",
				"refund it if it was; else take it back with forwardNow, then void it")
		default:
			switch {
			case p.State == store.Forwarded:
				return false, refuse(UnexpectedOperation, RetryNever, "the payment was forwarded already", "refund it")
			case p.State == store.Approved:
				return false, refuse(UnexpectedOperation, RetryNever, "the payment was never stored: the issuer approved it at once", "refund it")
			case forwarded(*p):
				return false, refuse(UnexpectedOperation, RetryNever, "the payment was forwarded already, and was not charged", "there is nothing to void")
			}
			return false, notStored(*p)
		}
		p.State, p.After = store.Reversing, store.Voided
		p.Failure, p.Attempts, p.NextAttemptAtMs = nil, 0, 0
		return true, nil
	})
	if err == nil {
		m.velocity.forget(localID) // the card is free for the right amount
	}
	return p, err
}

// Resend has a stored payment sent again: one that the platform refused for
// ever, or one that was handed over for rescue and whose end is not known. What
// became of it is asked before anything is sent. One that waits anyway is
// returned as it is.
func (m *Machine) Resend(ctx context.Context, localID string, request store.Request) (store.Payment, error) {
	return m.change(ctx, localID, request, "to be sent again, asked for by "+nameOf(request), func(p *store.Payment) (bool, *Error) {
		switch {
		case p.State.Pending():
			return false, nil
		case p.State == store.Failed && p.StoredAtMs != 0:
			p.State, p.Attempted = store.Stored, true
		case p.State == store.Rescued && p.ChargeID == "":
			p.State = store.Unknown
		case forwarded(*p):
			return false, refuse(UnexpectedOperation, RetryNever, "the payment was forwarded already", "retrieve it to see its outcome")
		default:
			return false, notStored(*p)
		}
		if _, err := m.opt.Store.Sealed(p.LocalID); err != nil {
			if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrDamaged) {
				return false, refuse(UnexpectedOperation, RetryNever, "the payment's sealed card data is gone or damaged, so it cannot be sent",
					"take the payment again with a card")
			}
			return false, storeFailure(err)
		}
		p.Failure, p.Attempts, p.NextAttemptAtMs = nil, 0, 0
		return true, nil
	})
}

// change commits one step of a payment that is not in progress, with the
// outcome of the request that asked for it. decide changes the payment and
// reports whether there is anything to commit; it may be called again.
func (m *Machine) change(ctx context.Context, localID string, request store.Request, reason string,
	decide func(*store.Payment) (bool, *Error),
) (store.Payment, error) {
	for {
		p, err := m.opt.Store.Payment(localID)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return p, unknownPayment()
		case err != nil:
			return p, storeFailure(err)
		}
		before := p
		changed, failure := decide(&p)
		if failure != nil {
			return before, failure.with(before)
		}
		if !changed {
			return before, nil
		}
		c := store.Change{Payment: p, Reason: reason, DropSealed: p.State == store.Reversing}
		if request.ID != "" {
			request.LocalID, request.Done, request.Result = localID, true, m.opt.EncodeOutcome(p, nil)
			c.Request = &request
		}
		p, err = m.opt.Store.Commit(context.WithoutCancel(ctx), c)
		switch {
		case errors.Is(err, store.ErrConflict): // it was changed this moment: look again
		case err != nil:
			return before, storeFailure(err)
		default:
			return p, nil
		}
	}
}

// nameOf is who asked, for the payment's history.
func nameOf(r store.Request) string { return cmp.Or(r.POS, "the POS") }

// voided reports whether a payment was withdrawn, whether or not the platform
// has been told yet.
func voided(p store.Payment) bool {
	return p.State == store.Voided || p.State == store.Reversing && p.After == store.Voided
}

// forwarded reports whether a stored payment has come to its end at the
// platform.
func forwarded(p store.Payment) bool {
	switch p.State {
	case store.Forwarded, store.Expired:
		return true
	case store.Declined:
		return p.StoredAtMs != 0
	case store.Rescued:
		return p.ChargeID != ""
	}
	return false
}

func notStored(p store.Payment) *Error {
	return refuse(UnexpectedOperation, RetryNever, "the payment is "+string(p.State)+", not stored", "cancel a payment that was not paid yet with cancelPaymentIntent")
}

func unknownPayment() *Error {
	return refuse(IntentNotFound, RetryNever, "this reader knows no such payment", "check the id")
}
