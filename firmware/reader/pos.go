package reader

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"smartreader/firmware/payment"
	"smartreader/firmware/platform"
	"smartreader/hal"
	"smartreader/lan"
	"smartreader/lan/wire"
	"smartreader/store"
	"smartreader/store/killpoint"
)

// service is the reader as the LAN server sees it.
type service struct{ r *Reader }

var _ lan.Reader = service{}

func (s service) Describe(_ context.Context, _ *lan.Caller) (wire.Reader, error) {
	r := s.r
	r.mu.Lock()
	id := r.identity.Reader
	r.mu.Unlock()
	d := wire.Reader{
		ID: id.ID, SerialNumber: id.Serial, DeviceType: id.DeviceType, DeviceSoftwareVersion: Version, Label: id.Label,
		Livemode: id.Livemode, Simulated: strings.HasPrefix(id.DeviceType, "simulated_"), NetworkStatus: r.networkStatus(),
	}
	if c := r.configured(); c != nil {
		d.Location = locationOf(c.platform)
		d.LocationID = d.Location.ID
	}
	health := r.store.Health()
	switch health.RefusePayments {
	case store.RefusedDamage:
		d.Refusing = "the ledger is damaged: " + health.Reason
	case store.RefusedDisk:
		d.Refusing = "there is too little space to store payments"
	}
	if health.Failed != nil {
		d.Refusing = diskFailure().Message
	}
	d.Warnings = r.warnings()
	for _, m := range r.board.Missing {
		d.Warnings = append(d.Warnings, fmt.Sprintf("no %s: %s", m.Device, hal.AdviceOf(m.Err)))
	}
	return d, nil
}

// warnings are what a POS should tell its operator at once.
func (r *Reader) warnings() (w []string) {
	if leaf, err := leafOf(r.certificate()); err == nil && r.now().After(leaf.NotAfter) {
		w = append(w, "the reader's certificate expired on "+leaf.NotAfter.Format(time.DateOnly)+"; it serves this shop, but not the platform, until it is renewed")
	}
	if r.impostor() != nil {
		w = append(w, "something answers in the platform's place, without its certificate: check the network for a captive portal or an interception proxy")
	}
	r.mu.Lock()
	fault, unusable := r.slotFault, r.unusable
	r.mu.Unlock()
	if unusable != nil {
		w = append(w, "the platform's newest configuration cannot be used, and is not in force: "+unusable.Error())
	}
	if fault != nil {
		w = append(w, "no chip card can be read: "+hal.AdviceOf(fault))
	}
	if r.board.Contact == nil && r.board.Contactless == nil {
		w = append(w, "the reader has no card reader, so it can take no payments")
	}
	return w
}

func locationOf(c *platform.Config) *wire.Location {
	return &wire.Location{
		ID: c.Location.ID, DisplayName: c.Location.DisplayName, Country: c.Location.Country, Currency: c.Location.Currency, Livemode: c.Livemode,
	}
}

func (r *Reader) networkStatus() string {
	switch r.platform.Link().State() {
	case platform.LinkOnline:
		return wire.NetworkOnline
	case platform.LinkOffline:
		return wire.NetworkOffline
	}
	return wire.NetworkUnknown
}

func (s service) CreatePaymentIntent(ctx context.Context, c *lan.Caller, p wire.CreatePaymentIntentParams) (wire.PaymentIntentResult, error) {
	return s.payment(s.r.once(ctx, c, wire.MethodCreatePaymentIntent, p.RequestID, p,
		func(ctx context.Context, request store.Request) (store.Payment, error) {
			return s.r.machine.Create(ctx, payment.CreateParams{
				POS: c.POSID, Key: p.IdempotencyKey, Amount: p.Amount, Currency: p.Currency, CaptureMethod: p.CaptureMethod,
				OfflineBehavior: p.OfflineBehavior, Description: p.Description, SetupFutureUsage: p.SetupFutureUsage, Metadata: p.Metadata,
			}, request)
		}, s.r.machine.Register))
}

func (s service) CollectPaymentMethod(ctx context.Context, c *lan.Caller, p wire.CollectPaymentMethodParams) (wire.PaymentIntentResult, error) {
	result, err := s.onPayment(ctx, c, wire.MethodCollectPaymentMethod, p.RequestID, p.PaymentIntent, p,
		func(ctx context.Context, localID string, request store.Request) (store.Payment, error) {
			return s.r.machine.Collect(ctx, localID, collectParams(p.Options), request)
		})
	if err == nil && p.Options.UpdatePaymentIntent {
		err = s.inspect(&result.PaymentIntent)
	}
	return result, err
}

// inspect shows the card of a payment collected online, before it is confirmed.
func (s service) inspect(pi *wire.PaymentIntent) error {
	p, err := s.r.store.Payment(pi.LocalID)
	if err != nil {
		return err
	}
	if p.State == store.Collected && !payment.CollectedOffline(p) {
		pi.PaymentMethod = &wire.PaymentMethod{PaymentMethodDetails: *cardDetails(p)}
	}
	return nil
}

func collectParams(o wire.CollectOptions) payment.CollectParams {
	return payment.CollectParams{
		CardholderMayCancel: o.CustomerCancellation != wire.CancelDisabled, Inspect: o.UpdatePaymentIntent,
		SkipTipping: o.SkipTipping, TipEligible: o.TipEligibleAmount, Limits: limitsOf(o.OfflineLimits),
	}
}

func (s service) ConfirmPaymentIntent(ctx context.Context, c *lan.Caller, p wire.ConfirmPaymentIntentParams) (wire.PaymentIntentResult, error) {
	return s.onPayment(ctx, c, wire.MethodConfirmPaymentIntent, p.RequestID, p.PaymentIntent, p, s.r.machine.Confirm)
}

func (s service) ProcessPaymentIntent(ctx context.Context, c *lan.Caller, p wire.ProcessPaymentIntentParams) (wire.PaymentIntentResult, error) {
	return s.onPayment(ctx, c, wire.MethodProcessPaymentIntent, p.RequestID, p.PaymentIntent, p,
		func(ctx context.Context, localID string, request store.Request) (store.Payment, error) {
			return s.r.machine.Process(ctx, localID, collectParams(p.Options), request)
		})
}

// onPayment carries out a command on an existing payment, once.
func (s service) onPayment(ctx context.Context, c *lan.Caller, method, requestID string, ref wire.IntentRef, params any,
	carryOut func(context.Context, string, store.Request) (store.Payment, error),
) (wire.PaymentIntentResult, error) {
	return s.payment(s.r.once(ctx, c, method, requestID, params, func(ctx context.Context, request store.Request) (store.Payment, error) {
		p, err := s.r.find(ref)
		if err != nil {
			return p, err
		}
		return carryOut(ctx, p.LocalID, request)
	}, nil))
}

func (s service) payment(p store.Payment, err error) (wire.PaymentIntentResult, error) {
	killpoint.Hit("reader.tell")
	if err != nil {
		return wire.PaymentIntentResult{}, s.r.wireError(err)
	}
	return wire.PaymentIntentResult{PaymentIntent: s.r.paymentIntent(p, true)}, nil
}

// find returns the payment a POS named.
func (r *Reader) find(ref wire.IntentRef) (store.Payment, error) {
	var p store.Payment
	var err error
	if ref.LocalID != "" {
		p, err = r.store.Payment(ref.LocalID)
	} else if ref.ID != nil {
		p, err = r.store.ByIntentID(*ref.ID)
	}
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && p.LocalID == "":
		return p, wire.NewError(wire.CodePaymentIntentNotFound, "")
	case err != nil:
		return p, err
	case ref.ID != nil && *ref.ID != p.IntentID:
		return p, wire.Errorf(wire.CodeInvalidRequiredParameter, "id and localId are not of the same payment")
	}
	return p, nil
}

func (s service) CancelCollectPaymentMethod(ctx context.Context, c *lan.Caller, p wire.CancelCollectPaymentMethodParams) (wire.CancelResult, error) {
	return remember(ctx, s.r, c, wire.MethodCancelCollectPaymentMethod, p.RequestID, func() (wire.CancelResult, error) {
		end, canceled, err := s.r.machine.CancelCollect(ctx)
		if err != nil {
			return wire.CancelResult{}, s.r.wireError(err)
		}
		result := wire.CancelResult{Outcome: string(end)}
		if canceled.LocalID != "" {
			pi := s.r.paymentIntent(canceled, false)
			result.PaymentIntent = &pi
		}
		return result, nil
	})
}

func (s service) CancelPaymentIntent(ctx context.Context, c *lan.Caller, p wire.CancelPaymentIntentParams) (wire.CancelResult, error) {
	canceled, err := s.r.once(ctx, c, wire.MethodCancelPaymentIntent, p.RequestID, p, func(ctx context.Context, request store.Request) (store.Payment, error) {
		found, err := s.r.find(p.PaymentIntent)
		if err != nil {
			return found, err
		}
		return s.r.machine.Cancel(ctx, found.LocalID, request)
	}, nil)
	if err != nil {
		return wire.CancelResult{}, s.r.wireError(err)
	}
	pi := s.r.paymentIntent(canceled, false)
	return wire.CancelResult{Outcome: wire.CancelCanceled, PaymentIntent: &pi}, nil
}

func (s service) RetrievePaymentIntent(ctx context.Context, _ *lan.Caller, p wire.RetrievePaymentIntentParams) (wire.PaymentIntentResult, error) {
	if p.ClientSecret != "" {
		found, err := s.r.store.ByClientSecret(p.ClientSecret)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return wire.PaymentIntentResult{}, wire.NewError(wire.CodeInvalidClientSecret, "")
		case err != nil:
			return wire.PaymentIntentResult{}, s.r.wireError(err)
		}
		return wire.PaymentIntentResult{PaymentIntent: s.r.paymentIntent(found, true)}, nil
	}
	ref := wire.IntentRef{LocalID: p.LocalID}
	if p.ID != "" {
		ref.ID = &p.ID
	}
	found, err := s.r.find(ref)
	if err != nil {
		return wire.PaymentIntentResult{}, s.r.wireError(err)
	}
	return wire.PaymentIntentResult{PaymentIntent: s.r.paymentIntent(found, true)}, nil
}

func (s service) OfflineStatus(context.Context, *lan.Caller) (wire.OfflineStatus, error) {
	return s.r.offlineStatus(), nil
}

func (r *Reader) offlineStatus() wire.OfflineStatus {
	totals := r.totals()
	status := wire.OfflineStatus{Reader: &totals, SDK: wire.OfflineStatusDetails{NetworkStatus: totals.NetworkStatus, OfflinePaymentAmountsByCurrency: wire.Amounts{}}}
	if r.simulated() {
		status.SDK = totals // so that code written for the SDKs' simulated reader finds its numbers
	}
	if r.opt.Simulator != nil && r.opt.Simulator.SDKOffline() {
		status.SDK.NetworkStatus = wire.NetworkOffline
	}
	return status
}

func (r *Reader) totals() wire.OfflineStatusDetails {
	pending := r.store.Pending()
	return wire.OfflineStatusDetails{
		NetworkStatus: r.networkStatus(), OfflinePaymentsCount: pending.Count, OfflinePaymentAmountsByCurrency: pending.ByCurrency,
	}
}

func (r *Reader) simulated() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.HasPrefix(r.identity.Reader.DeviceType, "simulated_")
}

func (s service) ListStoredPayments(_ context.Context, _ *lan.Caller, p wire.ListStoredPaymentsParams) (wire.ListStoredPaymentsResult, error) {
	limit := p.Limit
	if limit == 0 {
		limit = 20
	}
	states := make([]store.State, len(p.States))
	for i, state := range p.States {
		states[i] = store.State(state)
	}
	if slices.Contains(states, store.Voided) {
		states = append(states, store.Reversing) // a stored payment is reversed only to void it; see offlineState
	}
	page, err := s.r.store.List(store.Filter{
		States: states, StoredOnly: true, AfterSequence: p.After, BySequence: true,
		Limit: limit + 1, // one more tells whether there are more
	})
	if err != nil {
		return wire.ListStoredPaymentsResult{}, s.r.wireError(err)
	}
	result := wire.ListStoredPaymentsResult{Totals: s.r.totals()}
	for _, stored := range page {
		if len(result.PaymentIntents) == limit {
			result.Next = result.PaymentIntents[limit-1].OfflineDetails.Sequence
			break
		}
		result.PaymentIntents = append(result.PaymentIntents, s.r.paymentIntent(stored, false))
	}
	return result, nil
}

// ForwardNow does not need its request id: whatever happens, a payment is
// forwarded once.
func (s service) ForwardNow(ctx context.Context, c *lan.Caller, p wire.ForwardNowParams) (wire.ForwardNowResult, error) {
	if p.PaymentIntent != nil {
		if _, err := s.onPayment(ctx, c, wire.MethodForwardNow, p.RequestID, *p.PaymentIntent, p, s.r.machine.Resend); err != nil {
			return wire.ForwardNowResult{}, err
		}
	}
	summary, err := s.r.forward.ForwardNow(ctx)
	result := wire.ForwardNowResult{
		Forwarded: summary.Forwarded, Declined: summary.Declined, Failed: summary.Failed, Remaining: s.r.store.Pending().Count,
	}
	switch {
	case err != nil:
		return result, s.r.wireError(err)
	case summary.Err != nil:
		s.r.log.Info("forwarding stopped early", "err", summary.Err)
		result.Error = s.r.stuck()
	}
	return result, nil
}

func (s service) EventsAfter(_ context.Context, seq uint64, max int) ([]wire.Event, error) {
	entries, err := s.r.store.EventsAfter(seq, max)
	if err != nil {
		return nil, err
	}
	events := make([]wire.Event, len(entries))
	for i, e := range entries {
		events[i] = s.r.event(e)
	}
	return events, nil
}

func (s service) Acknowledge(ctx context.Context, pos string, seq uint64) (uint64, error) {
	if newest, _ := s.r.store.Head(); seq > newest {
		return 0, wire.Errorf(wire.CodeInvalidRequiredParameter, "event %d does not exist yet; the newest is %d", seq, newest)
	}
	if err := s.r.store.SetCursor(ctx, pos, seq); err != nil {
		return 0, err
	}
	return s.r.store.Cursor(pos)
}
