package reader_test

// The offline contract through the whole shop; docs/offline.md says which test
// shows which row.

import (
	"testing"
	"time"

	"smartreader/build/sandbox"
	"smartreader/firmware/reader"
	"smartreader/lan/client"
	"smartreader/lan/wire"
)

func refusedWith(t *testing.T, what string, err error, code wire.Code, native int) {
	t.Helper()
	e, ok := wire.AsError(err)
	if !ok || e.Code != code || e.NativeErrorCode != native || e.Remedy == "" || e.Message == "" {
		t.Errorf("%s: got %v (%+v), want %s %d with a remedy", what, err, e, code, native)
	}
}

// A4: a payment created online may be confirmed offline; it keeps its id.
func TestCreatedOnlineConfirmedOffline(t *testing.T) {
	s := openShop(t)
	s.must(s.open())
	s.connect()
	pi := s.create(3300, wire.PreferOnline)
	if pi.ID == nil {
		t.Fatal("created online without an id")
	}
	s.cut()
	s.insert("visa")
	stored, err := s.process(pi)
	s.must(err)
	if d := stored.OfflineDetails; stored.ID == nil || *stored.ID != *pi.ID || d == nil || !d.RequiresUpload || stored.LocalID != pi.LocalID {
		t.Errorf("stored: %+v", stored)
	}
	s.take()
	s.restore()
	s.awaitStatus(func(d wire.OfflineStatusDetails) bool { return d.OfflinePaymentsCount == 0 })
	if done := s.retrieve(pi.LocalID); *done.ID != *pi.ID || done.OfflineDetails.RequiresUpload || len(done.Charges) != 1 {
		t.Errorf("forwarded: %+v", done)
	}
	if n := s.platform.Totals().Approved.Count; n != 1 {
		t.Errorf("%d charges", n)
	}
}

// A7: what a payment shows, phase by phase.
func TestObjectsByPhase(t *testing.T) {
	s := openShop(t)
	s.must(s.open())
	s.connect()
	online := s.pay(1500, wire.PreferOnline, "visa")
	receipt := online.PaymentMethod.CardPresent.ReceiptDetails
	switch {
	case online.ID == nil, online.OfflineDetails != nil, online.ClientSecret == "", len(online.Charges) != 1:
		t.Errorf("online: %+v", online)
	case receipt.AccountType == "", receipt.AuthorizationResponseCode == "", receipt.AuthorizationCode == "", receipt.ApplicationCryptogram == "":
		t.Errorf("online receipt: %+v", receipt)
	}
	s.cut()
	stored := s.pay(1500, wire.PreferOnline, "visa")
	d := stored.OfflineDetails
	switch {
	case stored.ID != nil, d == nil, len(stored.Charges) != 0, stored.PaymentMethod != nil, stored.ClientSecret != "", stored.Status != wire.StatusSucceeded:
		t.Errorf("stored: %+v", stored)
	case !d.RequiresUpload, d.StoredAtMs == 0, d.Sequence == 0, len(d.History) == 0, d.ReceiptProof == nil:
		t.Errorf("stored, details: %+v", d)
	}
	card := d.CardPresentDetails
	if card.Brand != "visa" || card.Last4 != "4242" || card.ExpMonth == 0 || card.ExpYear < 2026 || card.ReadMethod != wire.ReadContactEMV {
		t.Errorf("stored, card: %+v", card)
	}
	if r := card.ReceiptDetails; r.AccountType != "" || r.AuthorizationResponseCode != "" || r.AuthorizationCode != "" || r.ApplicationCryptogram == "" || r.DedicatedFileName == "" {
		t.Errorf("stored, receipt: %+v", r)
	}
	s.restore()
	s.awaitStatus(func(d wire.OfflineStatusDetails) bool { return d.OfflinePaymentsCount == 0 })
	done := s.retrieve(stored.LocalID)
	switch {
	case done.ID == nil, done.OfflineDetails == nil, done.OfflineDetails.RequiresUpload, len(done.Charges) != 1, done.PaymentMethod == nil:
		t.Errorf("forwarded: %+v", done)
	case done.PaymentMethod.CardPresent.ReceiptDetails.AuthorizationCode == "", done.Status != wire.StatusSucceeded:
		t.Errorf("forwarded, receipt: %+v", done.PaymentMethod.CardPresent.ReceiptDetails)
	}
}

// A5: a card that approved by itself shows so from the moment its payment is stored: accepted, with the
// terminal's response code, and nothing that only an issuer gives.
func TestObjectOfAPaymentItsCardApproved(t *testing.T) {
	s := openShop(t)
	s.must(s.open())
	floor, yes := int64(5000), true
	s.set(sandbox.Settings{FloorLimit: &floor, OfflineApproval: &yes})
	s.connect()
	for _, outage := range []bool{false, true} {
		if outage {
			s.cut()
		}
		stored := s.pay(1500, wire.PreferOnline, "offline-approves")
		if d := stored.OfflineDetails; d == nil || d.State != wire.OfflineStored || !d.RequiresUpload || len(stored.Charges) != 0 {
			t.Fatalf("outage %v: %+v", outage, stored)
		}
		if r := stored.OfflineDetails.CardPresentDetails.ReceiptDetails; r.AuthorizationResponseCode != "Y1" || r.AuthorizationCode != "" || r.AccountType != "" {
			t.Errorf("outage %v, stored: %+v", outage, r)
		}
		if outage {
			s.restore()
		}
		s.awaitStatus(func(d wire.OfflineStatusDetails) bool { return d.OfflinePaymentsCount == 0 })
		done := s.retrieve(stored.LocalID)
		if done.Status != wire.StatusSucceeded || done.OfflineDetails.State != wire.OfflineForwarded || len(done.Charges) != 1 {
			t.Fatalf("outage %v, forwarded: %+v", outage, done)
		}
		if r := done.PaymentMethod.CardPresent.ReceiptDetails; r.AuthorizationResponseCode != "Y1" || r.AuthorizationCode != "" {
			t.Errorf("outage %v, forwarded: %+v", outage, r)
		}
	}
	if n := s.platform.Totals(); n.Approved.Count != 2 || n.Duplicates != 0 {
		t.Errorf("the platform has %+v", n)
	}
}

// A6, A10: a payment to be captured later says so in every phase, and there is
// something to capture only when the platform has it.
func TestManualCaptureByPhase(t *testing.T) {
	s := openShop(t)
	s.must(s.open())
	s.connect()
	pay := func(behavior string) wire.PaymentIntent {
		pi, err := s.conn.CreatePaymentIntent(t.Context(), wire.CreatePaymentIntentParams{
			RequestID: client.NewRequestID(), Amount: 1500, Currency: "usd", CaptureMethod: wire.CaptureManual, OfflineBehavior: behavior,
		})
		s.must(err)
		s.insert("visa")
		paid, err := s.process(pi)
		s.must(err)
		s.take()
		return paid
	}
	capturable := func(when string, pi wire.PaymentIntent) {
		t.Helper()
		if pi.Status != wire.StatusRequiresCapture || pi.AmountCapturable != 1500 || pi.AmountReceived != 0 || len(pi.Charges) != 1 || pi.Charges[0].Captured {
			t.Errorf("%s: %+v", when, pi)
		}
	}
	capturable("online", pay(wire.PreferOnline))
	s.cut()
	stored := pay(wire.PreferOnline)
	if stored.Status != wire.StatusRequiresCapture || !stored.OfflineDetails.RequiresUpload || stored.AmountCapturable != 0 || len(stored.Charges) != 0 {
		t.Errorf("stored: %+v", stored)
	}
	s.restore()
	s.awaitStatus(func(d wire.OfflineStatusDetails) bool { return d.OfflinePaymentsCount == 0 })
	done := s.retrieve(stored.LocalID)
	capturable("forwarded", done)
	if done.OfflineDetails.RequiresUpload {
		t.Errorf("forwarded: %+v", done.OfflineDetails)
	}
}

// A4, A7: a tip given offline on a payment the platform knows without one. A
// request that is repeated asks for no second tip.
func TestTipOnAPaymentCreatedOnline(t *testing.T) {
	s := openShop(t)
	sim := &fakeSimulator{tip: 200}
	s.must(s.open(func(o *reader.Options) { o.Simulator = sim }))
	s.connect()
	pi := s.create(1000, wire.PreferOnline)
	s.cut()
	s.insert("visa")
	process := wire.ProcessPaymentIntentParams{RequestID: client.NewRequestID(), PaymentIntent: wire.IntentRef{LocalID: pi.LocalID}}
	for range 2 {
		stored, err := s.conn.ProcessPaymentIntent(t.Context(), process)
		s.must(err)
		d := stored.OfflineDetails
		if stored.ID == nil || *stored.ID != *pi.ID || stored.Amount != 1200 || d == nil || d.AmountDetails == nil || d.AmountDetails.Tip.Amount != 200 || stored.AmountDetails != nil {
			t.Errorf("stored: %+v", stored)
		}
		sim.tip = 500 // of whoever is asked again
	}
	s.take()
	s.restore()
	s.awaitStatus(func(d wire.OfflineStatusDetails) bool { return d.OfflinePaymentsCount == 0 })
	done := s.retrieve(pi.LocalID)
	if *done.ID != *pi.ID || done.Amount != 1200 || done.AmountReceived != 1200 || done.AmountDetails == nil || done.AmountDetails.Tip.Amount != 200 || *done.AmountTip != 200 {
		t.Errorf("forwarded: %+v", done)
	}
	if totals := s.platform.Totals(); totals.Approved.Count != 1 || totals.Approved.ByCurrency["usd"] != 1200 {
		t.Errorf("the platform has %+v", totals)
	}

	// What no tip is for.
	none := int64(0)
	process = wire.ProcessPaymentIntentParams{RequestID: client.NewRequestID(), PaymentIntent: wire.IntentRef{LocalID: s.create(1000, wire.ForceOffline).LocalID}}
	process.Options.TipEligibleAmount = &none
	s.insert("visa")
	stored, err := s.conn.ProcessPaymentIntent(t.Context(), process)
	s.must(err)
	if stored.Amount != 1000 || stored.OfflineDetails.AmountDetails != nil {
		t.Errorf("no part of it is eligible: %+v", stored)
	}
}

// A5: a card is inspected before confirm only while there is internet.
func TestInspectionIsOnlineOnly(t *testing.T) {
	s := openShop(t)
	s.must(s.open())
	s.connect()
	collect := func(pi wire.PaymentIntent) (wire.PaymentIntent, error) {
		return s.conn.CollectPaymentMethod(t.Context(), wire.CollectPaymentMethodParams{
			RequestID: client.NewRequestID(), PaymentIntent: wire.IntentRef{LocalID: pi.LocalID},
			Options: wire.CollectOptions{UpdatePaymentIntent: true},
		})
	}
	pi := s.create(1000, wire.PreferOnline)
	s.insert("visa")
	seen, err := collect(pi)
	s.must(err)
	if seen.PaymentMethod == nil || seen.PaymentMethod.CardPresent.Brand != "visa" || seen.Status != wire.StatusRequiresConfirmation {
		t.Errorf("inspected: %+v", seen)
	}
	if _, err := s.conn.CancelCollectPaymentMethod(t.Context(), wire.CancelCollectPaymentMethodParams{RequestID: client.NewRequestID()}); err != nil {
		t.Error(err)
	}
	s.take()
	_, err = collect(s.create(1000, wire.ForceOffline))
	refusedWith(t, "inspection offline", err, wire.CodeUnexpectedOperation, 1935)

	omit := "omit"
	s.set(sandbox.Settings{Inspection: &omit})
	s.conn.Close()
	s.connect()
	pi = s.create(1000, wire.ForceOffline)
	s.insert("visa")
	seen, err = collect(pi)
	if err != nil || seen.PaymentMethod != nil || seen.Status != wire.StatusRequiresConfirmation {
		t.Errorf("inspection that is let pass: %+v, %v", seen, err)
	}
}

// A6: an authorization that takes too long becomes a stored payment, and the
// answer that comes late charges nothing a second time.
func TestSlowAuthorizationIsDeferredAndChargedOnce(t *testing.T) {
	s := openShop(t)
	after := int64(300)
	s.set(sandbox.Settings{DeferAfterMs: &after})
	s.must(s.open(func(o *reader.Options) { o.Link.ProbeTimeout = time.Minute }))
	s.connect()
	pi := s.create(2700, wire.PreferOnline)
	s.must(s.platform.SetLatency(sandbox.Latency{MinMs: 1500, MaxMs: 1500}))
	s.insert("visa")
	stored, err := s.process(pi)
	s.must(err)
	if d := stored.OfflineDetails; d == nil || !d.RequiresUpload {
		t.Errorf("deferred: %+v", stored)
	}
	s.take()
	s.must(s.platform.ClearFaults())
	s.awaitStatus(func(d wire.OfflineStatusDetails) bool { return d.OfflinePaymentsCount == 0 })
	if totals := s.platform.Totals(); totals.Approved.Count != 1 || totals.Duplicates != 0 || totals.Reversed.Count != 0 {
		t.Errorf("the platform has %+v", totals)
	}
}

// A9: it stays one charge although an answer was lost and the platform has
// forgotten the idempotency keys since.
func TestForgottenIdempotencyKeysChargeOnce(t *testing.T) {
	s := openShop(t)
	s.must(s.open())
	s.connect()
	pi := s.create(6100, wire.PreferOnline)
	s.must(s.platform.LoseAnswers(1))
	s.insert("visa")
	stored, err := s.process(pi)
	s.must(err)
	if stored.OfflineDetails == nil {
		t.Errorf("the answer was lost, and yet: %+v", stored)
	}
	s.must(s.platform.ForgetKeys())
	s.take()
	s.awaitStatus(func(d wire.OfflineStatusDetails) bool { return d.OfflinePaymentsCount == 0 })
	if totals := s.platform.Totals(); totals.Approved.Count != 1 || totals.Duplicates != 0 {
		t.Errorf("the platform has %+v", totals)
	}
}

// The policy explains itself, and a POS can tighten it for one payment.
func TestPolicyIsExplainedAndTightenedByThePOS(t *testing.T) {
	s := openShop(t)
	s.must(s.open())
	s.connect()
	explain := func(p wire.ExplainOfflinePolicyParams) wire.ExplainOfflinePolicyResult {
		t.Helper()
		result, err := s.conn.ExplainOfflinePolicy(t.Context(), p)
		s.must(err)
		return result
	}
	if r := explain(wire.ExplainOfflinePolicyParams{Amount: 1000, Currency: "usd", Brand: "visa", ReadMethod: wire.ReadContactEMV}); !r.Allowed || r.Error != nil || len(r.Rules) == 0 {
		t.Errorf("10 USD: %+v", r)
	}
	for _, test := range []struct {
		name     string
		question wire.ExplainOfflinePolicyParams
		code     wire.Code
		native   int
	}{
		{"10,000.01 USD", wire.ExplainOfflinePolicyParams{Amount: 1_000_001, Currency: "usd"}, wire.CodeAmountExceedsOffline, 2890},
		{"yen in a dollar shop", wire.ExplainOfflinePolicyParams{Amount: 1000, Currency: "jpy"}, wire.CodeInvalidOfflineCurrency, 2891},
		{"interac", wire.ExplainOfflinePolicyParams{Amount: 1000, Currency: "usd", Brand: "interac"}, wire.CodeInteracOffline, 6901},
		{"swipe", wire.ExplainOfflinePolicyParams{Amount: 1000, Currency: "usd", ReadMethod: wire.ReadMagneticStripe}, wire.CodeSwipeNotAvailable, 6900},
		{"online PIN", wire.ExplainOfflinePolicyParams{Amount: 1000, Currency: "usd", CVM: "online_pin"}, wire.CodeOnlinePINOffline, 6905},
		{"the POS's own limit", wire.ExplainOfflinePolicyParams{Amount: 1000, Currency: "usd", OfflineLimits: wire.OfflineLimits{MaxAmount: 999}}, wire.CodeAmountExceedsOffline, 2890},
	} {
		r := explain(test.question)
		if r.Allowed || r.Error == nil || r.Error.Code != test.code || r.Error.NativeErrorCode != test.native {
			t.Errorf("%s: %+v, %+v", test.name, r, r.Error)
		}
	}
	_, err := s.conn.ExplainOfflinePolicy(t.Context(), wire.ExplainOfflinePolicyParams{Amount: 1000, Currency: "usd", Brand: "vissa"})
	refusedWith(t, "a misspelt brand", err, wire.CodeInvalidRequiredParameter, 1920)
	pi := s.create(1000, wire.ForceOffline)
	_, err = s.conn.ProcessPaymentIntent(t.Context(), wire.ProcessPaymentIntentParams{
		RequestID: client.NewRequestID(), PaymentIntent: wire.IntentRef{LocalID: pi.LocalID},
		Options: wire.CollectOptions{OfflineLimits: wire.OfflineLimits{MaxAmount: 999}},
	})
	refusedWith(t, "over the POS's limit", err, wire.CodeAmountExceedsOffline, 2890)
	s.insert("visa")
	if _, err := s.process(pi); err != nil {
		t.Errorf("without it: %v", err)
	}
}
