package reader_test

// The offline contract through the whole shop; docs/offline.md says which test
// shows which row.

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"smartreader/build/sandbox"
	"smartreader/firmware/reader"
	"smartreader/lan/client"
	"smartreader/lan/wire"
	"smartreader/store"
	"smartreader/store/seal"
)

func refusedWith(t *testing.T, what string, err error, code wire.Code, native int) {
	t.Helper()
	e, ok := wire.AsError(err)
	if !ok || e.Code != code || e.NativeErrorCode != native || e.Remedy == "" || e.Message == "" {
		t.Errorf("%s: got %v (%+v), want %s %d with a remedy", what, err, e, code, native)
	}
}

// A3: where and when a POS may connect offline, and how it is refused.
func TestOfflineConnectRules(t *testing.T) {
	s := openShop(t)
	network := "network of the shop"
	inNetwork := func(o *reader.Options) { o.Network = func() string { return network } }
	s.must(s.open(inNetwork))
	credential := s.connect().Credential
	other := s.second()
	s.must(other.open(inNetwork))
	s.cut()

	if result, err := s.let(credential); err != nil || result.Connection != wire.ConnectedOffline {
		t.Errorf("the reader it knows: %+v, %v", result.Connection, err)
	}
	if _, err := other.let(credential); err != nil {
		t.Errorf("a reader that never saw this POS: %v", err)
	}
	network = "another network"
	_, err := s.let(credential)
	refusedWith(t, "another network", err, wire.CodeReaderNotAvailableOffline, 2870)
	network = "" // the gateway does not answer: no evidence of another place
	if _, err := s.let(credential); err != nil {
		t.Errorf("network not known: %v", err)
	}
	network = "network of the shop"

	days := func(n int) func(*reader.Options) {
		return func(o *reader.Options) { o.Now = func() time.Time { return time.Now().AddDate(0, 0, n) } }
	}
	s.close()
	s.must(s.open(inNetwork, days(29)))
	if _, err := s.let(credential); err != nil {
		t.Errorf("on day 29: %v", err)
	}
	s.close()
	s.must(s.open(inNetwork, days(31)))
	_, err = s.let(credential)
	refusedWith(t, "on day 31", err, wire.CodeReaderNotAvailableOffline, 2870)
	s.close()

	truth, hour, past := true, time.Hour.Milliseconds(), time.Now().Add(-time.Hour).UnixMilli()
	for _, test := range []struct {
		name   string
		change sandbox.Settings
		at     *shop
		clock  int // days ahead
		code   wire.Code
		native int
	}{
		{"reader that must have seen this POS", sandbox.Settings{RequirePaired: &truth}, other, 0, wire.CodeMissingPrerequisite, 2873},
		{"reader that has seen this POS", sandbox.Settings{RequirePaired: &truth}, s, 0, "", 0},
		{"session of an hour, a day later", sandbox.Settings{SessionMaxAgeMs: &hour}, s, 1, wire.CodeSessionExpired, 9060},
		{"configuration of an hour, a day later", sandbox.Settings{ConfigMaxAgeMs: &hour}, s, 1, wire.CodeReaderNotAvailableOffline, 2870},
		{"software too old", sandbox.Settings{SoftwareNotAfterMs: &past}, s, 0, wire.CodeUnsupportedReaderVersion, 2872},
	} {
		test.at.close()
		s.restore()
		s.set(test.change)
		s.must(test.at.open(inNetwork)) // with internet: it takes the settings
		watcher := &shop{T: t, platform: s.platform, public: s.public, at: test.at.at, id: test.at.id, posID: "watcher", key: s.key, changed: make(chan struct{})}
		watcher.connect()
		watcher.conn.Close()
		s.must(s.platform.SetUnreachable(true))
		test.at.close()
		s.must(test.at.open(inNetwork, days(test.clock)))
		_, err := test.at.let(credential)
		if test.code == "" && err != nil {
			t.Errorf("%s: %v", test.name, err)
		} else if test.code != "" {
			refusedWith(t, test.name, err, test.code, test.native)
		}
	}
}

// A11: a session ends in time; what runs then goes on, and a new online connect
// begins another.
func TestSessionExpires(t *testing.T) {
	s := openShop(t)
	day := (24 * time.Hour).Milliseconds()
	s.set(sandbox.Settings{SessionMaxAgeMs: &day})
	var mu sync.Mutex
	ahead := time.Duration(0)
	s.must(s.open(func(o *reader.Options) {
		o.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return time.Now().Add(ahead) }
	}))
	s.connect()
	pi := s.create(900, wire.ForceOffline)
	s.insert("visa")
	_, err := s.conn.CollectPaymentMethod(t.Context(), wire.CollectPaymentMethodParams{RequestID: client.NewRequestID(), PaymentIntent: wire.IntentRef{LocalID: pi.LocalID}})
	s.must(err)
	mu.Lock()
	ahead = 25 * time.Hour
	mu.Unlock()
	paid, err := s.conn.ConfirmPaymentIntent(t.Context(), wire.ConfirmPaymentIntentParams{RequestID: client.NewRequestID(), PaymentIntent: wire.IntentRef{LocalID: pi.LocalID}})
	if err != nil || paid.Status != wire.StatusSucceeded {
		t.Errorf("the payment that ran: %+v, %v", paid, err)
	}
	s.must(s.board.Tray.Remove())
	_, err = s.conn.CreatePaymentIntent(t.Context(), wire.CreatePaymentIntentParams{RequestID: client.NewRequestID(), Amount: 100, Currency: "usd"})
	refusedWith(t, "a new payment", err, wire.CodeSessionExpired, 9060)
	s.await(func(e wire.Event) bool { return e.Type == wire.EventConnectionLost && e.Reason == wire.LostExpired })
	if _, err := s.conn.RetrievePaymentIntent(t.Context(), wire.RetrievePaymentIntentParams{LocalID: pi.LocalID}); err != nil {
		t.Errorf("looking: %v", err)
	}
	mu.Lock()
	ahead = 0
	mu.Unlock()
	s.conn.Close()
	s.connect()
	s.create(100, wire.PreferOnline)
}

// A9, A11: the reader asks the POS for tokens: to renew a credential in time,
// and when forwarding begins, also while offline. Nothing waits for the POS.
func TestReaderAsksForTokens(t *testing.T) {
	s := openShop(t)
	reasons := make(chan string, 100)
	fail := make(chan struct{})
	s.tokens = func(_ context.Context, reason string) (string, error) {
		reasons <- reason
		select {
		case <-fail:
			return "", errors.New("the backend is down")
		default:
			return s.token(), nil
		}
	}
	// Half of the credential's time is over by this reader's clock.
	s.must(s.openLater(16 * 24 * time.Hour))
	before := s.connect().Credential
	renewed := s.await(func(e wire.Event) bool { return e.Type == wire.EventCredentialRenewed })
	if reason := <-reasons; reason != wire.TokenForConnect {
		t.Errorf("asked for %q", reason)
	}
	if renewed.Credential == nil || bytes.Equal(renewed.Credential.Payload, before.Payload) || renewed.ExpiresAtMs == 0 {
		t.Errorf("renewed: %+v", renewed)
	}
	if _, err := s.let(renewed.Credential); err != nil {
		t.Errorf("the renewed credential: %v", err)
	}
	s.conn.Close()
	s.connect()
	close(fail)
	s.cut()
	s.pay(1200, wire.PreferOnline, "visa")
	for reason := range reasons {
		if reason == wire.TokenForForwarding {
			break // while there is no internet: the POS has to bear it
		}
	}
	told := s.await(func(e wire.Event) bool { return e.Error != nil && e.Error.Code == wire.CodeTokenErrorForwarding })
	if told.Type != wire.EventForwardingFailure || told.Error.NativeErrorCode != 9051 {
		t.Errorf("told %+v", told)
	}
	s.restore()
	s.awaitStatus(func(d wire.OfflineStatusDetails) bool { return d.OfflinePaymentsCount == 0 })
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

// A voided payment is never charged, and the platform misses no sequence.
func TestVoidedStoredPaymentIsNeverCharged(t *testing.T) {
	s := openShop(t)
	s.must(s.open())
	s.connect()
	s.cut()
	stored := s.pay(4400, wire.PreferOnline, "visa")
	kept := s.pay(1100, wire.PreferOnline, "mastercard")
	void := wire.VoidStoredPaymentParams{RequestID: client.NewRequestID(), PaymentIntent: wire.IntentRef{LocalID: stored.LocalID}}
	for range 2 { // asked twice, done once
		voided, err := s.conn.VoidStoredPayment(t.Context(), void)
		s.must(err)
		if voided.Status != wire.StatusCanceled || voided.OfflineDetails.State != wire.OfflineVoided || voided.OfflineDetails.RequiresUpload {
			t.Errorf("voided: %+v", voided)
		}
	}
	status, err := s.conn.GetOfflineStatus(t.Context())
	s.must(err)
	if status.Reader.OfflinePaymentsCount != 1 || status.Reader.OfflinePaymentAmountsByCurrency["usd"] != 1100 {
		t.Errorf("after the void: %+v", status.Reader)
	}
	s.restore()
	s.await(func(e wire.Event) bool { return e.PaymentIntent != nil && e.State == wire.OfflineVoided })
	s.awaitStatus(func(d wire.OfflineStatusDetails) bool { return d.OfflinePaymentsCount == 0 })
	if totals := s.platform.Totals(); totals.Approved.Count != 1 || totals.Approved.ByCurrency["usd"] != 1100 {
		t.Errorf("the platform has %+v", totals)
	}
	if gaps := s.platform.Gaps(s.id); len(gaps) != 0 {
		t.Errorf("the platform misses %v", gaps)
	}
	_, err = s.conn.VoidStoredPayment(t.Context(), wire.VoidStoredPaymentParams{RequestID: client.NewRequestID(), PaymentIntent: wire.IntentRef{LocalID: kept.LocalID}})
	refusedWith(t, "voiding what was forwarded", err, wire.CodeUnexpectedOperation, 5008)
}

// Another till takes the reader over and voids: what it did stands in the
// payment's history with its name, and is told to every POS.
func TestHistoryNamesThePOSThatVoided(t *testing.T) {
	s := openShop(t)
	s.must(s.open())
	s.connect()
	other := s.till("till-2")
	other.conn.Close()
	credential := other.connect().Credential
	other.conn.Close()
	s.conn.Close()
	s.connect()
	s.cut()
	stored := s.pay(4400, wire.PreferOnline, "visa")
	other.conn = other.dial()
	_, err := other.conn.Connect(t.Context(), client.ConnectOptions{Credential: credential, Look: true})
	s.must(err)
	void := wire.VoidStoredPaymentParams{RequestID: client.NewRequestID(), PaymentIntent: wire.IntentRef{LocalID: stored.LocalID}}
	if _, err := other.conn.VoidStoredPayment(t.Context(), void); err == nil {
		t.Error("a POS that only looks on has voided a payment")
	}
	other.conn.Close()
	other.conn = other.dial()
	_, err = other.conn.Connect(t.Context(), client.ConnectOptions{Credential: credential})
	s.must(err)
	voided, err := other.conn.VoidStoredPayment(t.Context(), void)
	s.must(err)
	told := s.await(func(e wire.Event) bool { return e.State == string(store.Reversing) })
	for who, history := range map[string][]wire.StateChange{"till-2": voided.OfflineDetails.History, "till-1": told.PaymentIntent.OfflineDetails.History} {
		if last := history[len(history)-1]; last.Reason != "voided by till-2" {
			t.Errorf("%s reads %q, not who voided", who, last.Reason)
		}
	}
}

// A till voids while what it voids is being forwarded: each payment ends voided
// and not charged, or forwarded and charged, and the till was told which.
func TestVoidRacesWithForwarding(t *testing.T) {
	s := openShop(t)
	s.must(s.open())
	s.connect()
	voided, kept := map[string]bool{}, int64(0)
	for round := range 4 {
		s.forget()
		s.cut()
		var stored []wire.PaymentIntent
		for i := range 4 {
			stored = append(stored, s.pay(int64(1000+100*i), wire.PreferOnline, []string{"visa", "mastercard"}[i%2]))
		}
		s.restore()
		if round%2 == 1 {
			s.await(func(e wire.Event) bool { return e.State == wire.OfflineSending })
		}
		for _, pi := range slices.Backward(stored) {
			if voided[pi.LocalID] = s.void(pi.LocalID); !voided[pi.LocalID] {
				kept += pi.Amount
			}
		}
		s.awaitStatus(func(d wire.OfflineStatusDetails) bool { return d.OfflinePaymentsCount == 0 })
		for _, pi := range stored {
			want := wire.OfflineForwarded
			if voided[pi.LocalID] {
				want = wire.OfflineVoided
				s.await(func(e wire.Event) bool {
					return e.State == wire.OfflineVoided && e.PaymentIntent != nil && e.PaymentIntent.LocalID == pi.LocalID
				})
			}
			if got := s.retrieve(pi.LocalID).OfflineDetails.State; got != want {
				t.Errorf("round %d: %s, want %s", round, got, want)
			}
		}
	}
	if totals := s.platform.Totals(); totals.Approved.ByCurrency["usd"] != kept || totals.Duplicates != 0 {
		t.Errorf("the platform has %+v; kept are %d", totals, kept)
	}
	if gaps := s.platform.Gaps(s.id); len(gaps) != 0 {
		t.Errorf("the platform misses %v", gaps)
	}
}

// void voids a stored payment, or learns that it was forwarded; while it is being
// sent it asks again.
func (s *shop) void(localID string) bool {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), time.Minute) // to say what is missing, not to wait
	defer cancel()
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		_, err := s.conn.VoidStoredPayment(ctx, wire.VoidStoredPaymentParams{RequestID: client.NewRequestID(), PaymentIntent: wire.IntentRef{LocalID: localID}})
		if err == nil {
			return true
		}
		refusedWith(s.T, "voiding what is, or was, forwarded", err, wire.CodeUnexpectedOperation, 5008)
		if e, ok := wire.AsError(err); s.Failed() || !ok || e.Retry != wire.RetrySame {
			return false
		}
		select {
		case <-changed:
		case <-ctx.Done():
			s.Fatalf("the payment stays %+v", s.retrieve(localID))
		}
	}
}

// An exported ledger is forwarded once by another reader; the reader that took
// the payments never sends them, and learns how they ended.
func TestRescueByAnotherReader(t *testing.T) {
	s := openShop(t)
	s.must(s.open())
	s.connect()
	s.cut()
	first := s.pay(5100, wire.PreferOnline, "visa")
	declined := s.pay(900, wire.PreferOnline, "declined-lost-card")
	var export bytes.Buffer
	exported, err := s.conn.Export(t.Context(), true, &export)
	s.must(err)
	if exported.Rescued != 2 || exported.NotYet != 0 {
		t.Fatalf("exported: %+v", exported)
	}
	if bytes.Contains(export.Bytes(), []byte("4242424242424242")) {
		t.Error("a card number is in the export")
	}
	if pi := s.retrieve(first.LocalID); pi.OfflineDetails.State != wire.OfflineRescued || !pi.OfflineDetails.RequiresUpload || pi.PaymentMethod != nil || pi.ClientSecret != "" {
		t.Errorf("handed over, and not at the platform yet: %+v", pi)
	}

	// The shop's other reader has another way to the internet.
	s.close()
	s.restore()
	other := s.second()
	s.must(other.open())
	other.connect()
	payments := rescuable(t, export.String())
	if len(payments) != 2 {
		t.Fatalf("%d payments in the export, want 2", len(payments))
	}
	for range 2 { // who is not sure does it again
		result, err := other.conn.RescuePayments(t.Context(), wire.RescuePaymentsParams{RequestID: client.NewRequestID(), Payments: payments})
		s.must(err)
		for i, want := range []string{wire.OfflineForwarded, wire.OfflineDeclined} {
			if got := result.Payments[i]; got.State != want || (want == wire.OfflineDeclined) != (got.Error != nil) {
				t.Errorf("rescued %d: %+v, want %s", i, got, want)
			}
		}
	}
	other.close()

	s.must(s.open())
	s.connect()
	done := s.await(func(e wire.Event) bool {
		return e.Type == wire.EventPaymentIntentForwarded && e.PaymentIntent.LocalID == first.LocalID
	})
	if pi := done.PaymentIntent; pi.ID == nil || pi.OfflineDetails.State != wire.OfflineRescued || pi.OfflineDetails.RequiresUpload || len(pi.Charges) != 1 {
		t.Errorf("learned: %+v", pi)
	}
	told := s.await(func(e wire.Event) bool {
		return e.Type == wire.EventPaymentIntentForwarded && e.PaymentIntent.LocalID == declined.LocalID
	})
	if told.Error == nil || told.Error.DeclineCode != "lost_card" {
		t.Errorf("learned: %+v", told)
	}
	if totals := s.platform.Totals(); totals.Approved.Count != 1 || totals.Approved.ByCurrency["usd"] != 5100 || totals.Declined.Count != 1 || totals.Duplicates != 0 {
		t.Errorf("the platform has %+v", totals)
	}
	if report, err := s.conn.VerifyLedger(t.Context()); err != nil || !report.OK || report.HeadSeq == 0 {
		t.Errorf("ledger: %+v, %v", report, err)
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
	pi := s.create(1000, wire.ForceOffline)
	_, err := s.conn.ProcessPaymentIntent(t.Context(), wire.ProcessPaymentIntentParams{
		RequestID: client.NewRequestID(), PaymentIntent: wire.IntentRef{LocalID: pi.LocalID},
		Options: wire.CollectOptions{OfflineLimits: wire.OfflineLimits{MaxAmount: 999}},
	})
	refusedWith(t, "over the POS's limit", err, wire.CodeAmountExceedsOffline, 2890)
	s.insert("visa")
	if _, err := s.process(pi); err != nil {
		t.Errorf("without it: %v", err)
	}
}

// fakeSimulator is a simulated reader's conduct in the test's hand.
type fakeSimulator struct {
	tip        int64
	sdkOffline bool
	refused    *wire.Error
	disabled   bool
}

func (f *fakeSimulator) Configure(_ context.Context, c wire.SimulatorConfiguration) (wire.SimulatorConfiguration, error) {
	if c.OfflineEnabled != nil {
		f.disabled = !*c.OfflineEnabled
	}
	return c, nil
}
func (f *fakeSimulator) Connecting(bool) (*wire.ReaderUpdate, *wire.Error) { return nil, f.refused }
func (f *fakeSimulator) OfflineEnabled() bool                              { return !f.disabled }
func (f *fakeSimulator) Tip(int64, string) int64                           { return f.tip }
func (f *fakeSimulator) SDKOffline() bool                                  { return f.sdkOffline }
func (f *fakeSimulator) CollectInputs(context.Context, []wire.CollectInput) ([]wire.InputResult, error) {
	return []wire.InputResult{{Type: "email", Value: "someone@example.com"}}, nil
}

// D1: what a simulated reader is told is what it does; other readers refuse.
func TestSimulatorIsObeyed(t *testing.T) {
	s := openShop(t)
	sim := &fakeSimulator{tip: 200}
	s.must(s.open(func(o *reader.Options) { o.Simulator = sim }))
	s.connect()
	paid := s.pay(1000, wire.PreferOnline, "visa")
	if paid.Amount != 1200 || paid.AmountDetails == nil || paid.AmountDetails.Tip.Amount != 200 || s.platform.Totals().Approved.ByCurrency["usd"] != 1200 {
		t.Errorf("with a tip: %+v", paid)
	}
	stored := s.pay(1000, wire.ForceOffline, "visa")
	if d := stored.OfflineDetails; stored.Amount != 1200 || d.AmountDetails == nil || d.AmountDetails.Tip.Amount != 200 {
		t.Errorf("stored with a tip: %+v", stored)
	}
	off := false
	if _, err := s.conn.SetSimulatorConfiguration(t.Context(), wire.SetSimulatorConfigurationParams{
		RequestID: client.NewRequestID(), SimulatorConfiguration: wire.SimulatorConfiguration{OfflineEnabled: &off},
	}); err != nil {
		t.Error(err)
	}
	_, err := s.conn.CreatePaymentIntent(t.Context(), wire.CreatePaymentIntentParams{RequestID: client.NewRequestID(), Amount: 100, Currency: "usd", OfflineBehavior: wire.ForceOffline})
	refusedWith(t, "force_offline where offline is off", err, wire.CodeForceOfflineDisabled, 10107)
	sim.sdkOffline = true
	if status, err := s.conn.GetOfflineStatus(t.Context()); err != nil || status.SDK.NetworkStatus != wire.NetworkOffline || status.Reader.NetworkStatus != wire.NetworkOnline {
		t.Errorf("status %+v, %v", status, err)
	}
	s.close()
	s.must(s.open())
	s.connect()
	_, err = s.conn.SetSimulatorConfiguration(t.Context(), wire.SetSimulatorConfigurationParams{RequestID: client.NewRequestID()})
	refusedWith(t, "no simulator", err, wire.CodeUnsupportedOperation, 1890)
	_, err = s.conn.CollectInputs(t.Context(), wire.CollectInputsParams{RequestID: client.NewRequestID(), Inputs: []wire.CollectInput{{Type: "text", Title: "Name"}}})
	if !errors.Is(err, wire.CodeInputsUnsupported) {
		t.Errorf("inputs without a simulator: %v", err)
	}
}

// rescuable reads the payments of an export that wait to be rescued, oldest
// first, as the format's documentation says.
func rescuable(t *testing.T, export string) (payments []wire.RescuePayment) {
	t.Helper()
	var readerID string
	entries, envelopes := map[string]seal.Entry{}, map[string][]byte{}
	for line := range strings.Lines(export) {
		var l store.ExportLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		switch {
		case l.Ledger != nil:
			readerID = l.Ledger.Reader
		case l.Entry != nil:
			h, err := seal.ParseEntryHeader(l.Entry.Header)
			if err != nil {
				t.Fatal(err)
			}
			if h.LocalID != "" {
				entries[h.LocalID] = *l.Entry
			}
		default:
			envelopes[l.LocalID] = l.Envelope
		}
	}
	for id, envelope := range envelopes {
		h, err := seal.ParseEntryHeader(entries[id].Header)
		if err != nil {
			t.Fatal(err)
		}
		var p store.Payment
		if err := json.Unmarshal(h.Body, &p); err != nil {
			t.Fatal(err)
		}
		payments = append(payments, wire.RescuePayment{
			ReaderID: readerID, LocalID: id, NaturalKey: p.NaturalKey, Envelope: envelope, StoredAtMs: p.StoredAtMs,
			Entry: entries[id].Header, Signature: entries[id].Signature,
		})
	}
	slices.SortFunc(payments, func(a, b wire.RescuePayment) int { return cmp.Compare(a.StoredAtMs, b.StoredAtMs) })
	return payments
}
