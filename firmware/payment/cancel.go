package payment

import (
	"context"
	"errors"

	"smartreader/store"
)

// Cancel ends a payment for which no card was taken. A payment in progress
// must be stopped with CancelCollect first.
func (m *Machine) Cancel(ctx context.Context, localID string, request store.Request) (store.Payment, error) {
	p, err := m.opt.Store.Payment(localID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return p, refuse(IntentNotFound, RetryNever, "this reader knows no such payment", "check the id")
	case err != nil:
		return p, storeFailure(err)
	}
	switch p.State {
	case store.Canceled:
		return p, nil
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
	change := store.Change{Payment: p, Reason: "canceled by the POS"}
	if request.ID != "" {
		request.LocalID, request.Done, request.Result = localID, true, m.opt.EncodeOutcome(p, nil)
		change.Request = &request
	}
	p, err = m.opt.Store.Commit(context.WithoutCancel(ctx), change)
	if err != nil {
		return p, storeFailure(err)
	}
	return p, nil
}
