package reader_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"smartreader/lan/client"
	"smartreader/lan/wire"
	"smartreader/store"
	"smartreader/store/seal"
)

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
	list, err := s.conn.ListStoredPayments(t.Context(), wire.ListStoredPaymentsParams{States: []string{wire.OfflineVoided}})
	s.must(err)
	if len(list.PaymentIntents) != 1 || list.PaymentIntents[0].LocalID != stored.LocalID {
		t.Errorf("listed as voided: %+v", list.PaymentIntents)
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
