package lantest

import (
	"context"
	"fmt"

	"smartreader/lan"
	"smartreader/lan/wire"
)

// once runs f for the first call with this requestId; others wait for and get
// the same outcome.
func (r *Reader) once(c *lan.Caller, id string, f func() (wire.PaymentIntentResult, error)) (wire.PaymentIntentResult, error) {
	key := c.POSID + " " + id
	r.mu.Lock()
	o, repeated := r.outcomes[key]
	if !repeated {
		o = &outcome{done: make(chan struct{})}
		r.outcomes[key] = o
	}
	r.mu.Unlock()
	if repeated {
		<-o.done
		return o.result, o.err
	}
	defer close(o.done)
	o.result, o.err = f()
	r.Notify()
	return o.result, o.err
}

// CreatePaymentIntent implements lan.Reader.
func (r *Reader) CreatePaymentIntent(_ context.Context, c *lan.Caller, p wire.CreatePaymentIntentParams) (wire.PaymentIntentResult, error) {
	return r.once(c, p.RequestID, func() (wire.PaymentIntentResult, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, pi := range r.payments { // one key is one payment
			switch {
			case p.IdempotencyKey == "" || pi.IdempotencyKey != p.IdempotencyKey:
			case pi.Amount != p.Amount || pi.Currency != p.Currency:
				return wire.PaymentIntentResult{}, wire.NewError(wire.CodeIdempotencyMismatch, "").WithPaymentIntent(*pi)
			default:
				return wire.PaymentIntentResult{PaymentIntent: *pi}, nil
			}
		}
		pi := &wire.PaymentIntent{
			LocalID: localID(len(r.payments) + 1), Status: wire.StatusRequiresPaymentMethod,
			Amount: p.Amount, Currency: p.Currency, CaptureMethod: wire.CaptureAutomatic, Metadata: p.Metadata,
			IdempotencyKey: p.IdempotencyKey,
		}
		r.payments[pi.LocalID] = pi
		return r.changed(pi, "created"), nil
	})
}

func (r *Reader) changed(pi *wire.PaymentIntent, state string) wire.PaymentIntentResult {
	copied := *pi
	r.event(wire.Event{Type: wire.EventPaymentIntentChange, PaymentIntent: &copied, State: state})
	return wire.PaymentIntentResult{PaymentIntent: copied}
}

// CollectPaymentMethod implements lan.Reader.
func (r *Reader) CollectPaymentMethod(ctx context.Context, c *lan.Caller, p wire.CollectPaymentMethodParams) (wire.PaymentIntentResult, error) {
	return r.once(c, p.RequestID, func() (wire.PaymentIntentResult, error) { return r.collect(ctx, p.PaymentIntent) })
}

func (r *Reader) collect(ctx context.Context, ref wire.IntentRef) (wire.PaymentIntentResult, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	pi, ok := r.payments[ref.LocalID]
	switch {
	case !ok:
		return wire.PaymentIntentResult{}, wire.NewError(wire.CodePaymentIntentNotFound, "")
	case r.cancel != nil:
		return wire.PaymentIntentResult{}, wire.NewError(wire.CodeReaderBusy, "").WithPaymentIntent(*pi)
	}
	if err := r.wait(ctx); err != nil {
		if e, ok := wire.AsError(err); ok {
			err = e.WithPaymentIntent(*pi)
		}
		return wire.PaymentIntentResult{}, err
	}
	pi.Status = wire.StatusRequiresConfirmation
	return r.changed(pi, "collected"), nil
}

// wait is the reader at work until the cardholder has done something. The caller
// holds r.mu, which is given back meanwhile.
func (r *Reader) wait(ctx context.Context) (err error) {
	cancel := make(chan struct{})
	r.cancel = cancel
	r.running++
	hold := r.Hold
	r.mu.Unlock()
	if hold {
		select {
		case <-r.present:
		case <-cancel:
			err = wire.NewError(wire.CodeCanceled, "")
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	r.mu.Lock()
	r.cancel = nil
	r.running--
	return err
}

// ConfirmPaymentIntent implements lan.Reader.
func (r *Reader) ConfirmPaymentIntent(_ context.Context, c *lan.Caller, p wire.ConfirmPaymentIntentParams) (wire.PaymentIntentResult, error) {
	return r.once(c, p.RequestID, func() (wire.PaymentIntentResult, error) { return r.confirm(p.PaymentIntent) })
}

func (r *Reader) confirm(ref wire.IntentRef) (wire.PaymentIntentResult, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	pi, ok := r.payments[ref.LocalID]
	if !ok || pi.Status != wire.StatusRequiresConfirmation {
		return wire.PaymentIntentResult{}, wire.NewError(wire.CodeConfirmInvalidIntent, "")
	}
	card := &wire.CardPresentDetails{Brand: "visa", Last4: "4242", ExpMonth: 12, ExpYear: 2031, ReadMethod: wire.ReadContactEMV}
	switch {
	case r.offline:
		r.order = append(r.order, pi.LocalID)
		pi.Status = wire.StatusSucceeded
		pi.OfflineDetails = &wire.OfflineDetails{
			StoredAtMs: 1700000000000, RequiresUpload: true, CardPresentDetails: card,
			State: wire.OfflineStored, Sequence: uint64(len(r.order)),
		}
		return r.changed(pi, wire.OfflineStored), nil
	case r.decline != "":
		pi.Status = wire.StatusRequiresPaymentMethod
		e := wire.NewError(wire.CodeDeclined, "")
		e.DeclineCode, r.decline = r.decline, ""
		r.changed(pi, wire.OfflineDeclined)
		return wire.PaymentIntentResult{}, e.WithPaymentIntent(*pi)
	}
	pi.ID = wire.Nullable(fmt.Sprintf("pi_%d", len(r.payments)))
	pi.Status = wire.StatusSucceeded
	pi.AmountReceived = pi.Amount
	pi.PaymentMethod = &wire.PaymentMethod{PaymentMethodDetails: wire.PaymentMethodDetails{Type: "card_present", CardPresent: card}}
	return r.changed(pi, "approved"), nil
}

// ProcessPaymentIntent implements lan.Reader.
func (r *Reader) ProcessPaymentIntent(ctx context.Context, c *lan.Caller, p wire.ProcessPaymentIntentParams) (wire.PaymentIntentResult, error) {
	return r.once(c, p.RequestID, func() (wire.PaymentIntentResult, error) {
		if _, err := r.collect(ctx, p.PaymentIntent); err != nil {
			return wire.PaymentIntentResult{}, err
		}
		return r.confirm(p.PaymentIntent)
	})
}

// CancelCollectPaymentMethod implements lan.Reader.
func (r *Reader) CancelCollectPaymentMethod(context.Context, *lan.Caller, wire.CancelCollectPaymentMethodParams) (wire.CancelResult, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cancel == nil {
		return wire.CancelResult{Outcome: wire.CancelAlreadyCompleted}, nil
	}
	close(r.cancel)
	r.cancel = make(chan struct{}) // a second cancel finds it still running
	return wire.CancelResult{Outcome: wire.CancelCanceled}, nil
}

// CancelPaymentIntent implements lan.Reader.
func (r *Reader) CancelPaymentIntent(_ context.Context, _ *lan.Caller, p wire.CancelPaymentIntentParams) (wire.CancelResult, error) {
	r.mu.Lock()
	defer r.Notify()
	defer r.mu.Unlock()
	pi, ok := r.payments[p.PaymentIntent.LocalID]
	switch {
	case !ok:
		return wire.CancelResult{}, wire.NewError(wire.CodePaymentIntentNotFound, "")
	case pi.Status == wire.StatusSucceeded || pi.Status == wire.StatusCanceled:
		return wire.CancelResult{Outcome: wire.CancelAlreadyCompleted, PaymentIntent: pi}, nil
	}
	pi.Status = wire.StatusCanceled
	after := r.changed(pi, "canceled").PaymentIntent
	return wire.CancelResult{Outcome: wire.CancelCanceled, PaymentIntent: &after}, nil
}

// ForwardNow implements lan.Reader: every stored payment is accepted.
func (r *Reader) ForwardNow(_ context.Context, _ *lan.Caller, p wire.ForwardNowParams) (wire.ForwardNowResult, error) {
	r.mu.Lock()
	defer r.Notify()
	defer r.mu.Unlock()
	var result wire.ForwardNowResult
	if p.PaymentIntent != nil && r.payments[p.PaymentIntent.LocalID] == nil {
		return result, wire.NewError(wire.CodePaymentIntentNotFound, "")
	}
	for _, id := range r.order {
		pi := r.payments[id]
		if p.PaymentIntent != nil && p.PaymentIntent.LocalID == id && pi.OfflineDetails.State == wire.OfflineRescued { // taken back
			details := *pi.OfflineDetails
			details.State = wire.OfflineStored
			pi.OfflineDetails = &details
		}
		switch {
		case pi.OfflineDetails.State != wire.OfflineStored:
		case r.offline:
			result.Remaining++
			result.Error = wire.NewError(wire.CodeNotConnectedToInternet, "")
		default:
			details := *pi.OfflineDetails
			details.State, details.RequiresUpload = wire.OfflineForwarded, false
			pi.OfflineDetails, pi.ID = &details, wire.Nullable("pi_f"+id[len(id)-4:])
			copied := *pi
			r.event(wire.Event{Type: wire.EventPaymentIntentForwarded, PaymentIntent: &copied, State: wire.OfflineForwarded})
			result.Forwarded++
		}
	}
	return result, nil
}
