package reader_test

// What hurt people with other readers, as tests of the whole shop: docs/offline.md
// names each.

import (
	"flag"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"smartreader/build/sandbox"
	"smartreader/lan/client"
	"smartreader/lan/wire"
)

var drainRuns = flag.Int("drain-runs", 10, "outages in TestOrdersDuringTheDrainAreChargedOnce; the campaign is 1000")

// An outage ends, stored payments are being forwarded, and the till goes on
// selling: eight orders stay eight charges, run after run.
func TestOrdersDuringTheDrainAreChargedOnce(t *testing.T) {
	s := openShop(t)
	s.must(s.open())
	s.connect()
	cards := []string{"visa", "mastercard"}
	behaviors := []string{wire.ForceOffline, wire.PreferOnline}
	var sum int64
	for run := range *drainRuns {
		s.forget()
		s.must(s.platform.SetUnreachable(true))
		s.await(networkIs(wire.NetworkOffline))
		for order := range 8 {
			if order == 4 {
				s.must(s.platform.SetUnreachable(false))
			}
			amount := int64(1000 + 100*order) // other endings decline, as test cards do
			sum += amount
			paid := s.pay(amount, behaviors[order/2%2], cards[order%2])
			if paid.Status != wire.StatusSucceeded {
				t.Fatalf("run %d, order %d: %+v", run, order, paid)
			}
		}
		s.awaitStatus(func(d wire.OfflineStatusDetails) bool {
			return d.OfflinePaymentsCount == 0 && d.NetworkStatus == wire.NetworkOnline
		})
		totals := s.platform.Totals()
		if want := 8 * (run + 1); totals.Approved.Count != want || totals.Approved.ByCurrency["usd"] != sum || totals.Duplicates != 0 || totals.Reversed.Count != 0 {
			t.Fatalf("run %d: %d charges of %d were wanted: %+v", run, want, sum, totals)
		}
	}
}

// The status is never stale: whenever somebody asks, it fits what is stored; and
// after a network that comes and goes it says what is, without anybody asking.
func TestStatusIsNeverStale(t *testing.T) {
	s := openShop(t)
	s.must(s.open())
	s.connect()
	check := func(when string) {
		t.Helper()
		// Forwarding goes on meanwhile: only two equal looks around the list prove anything.
		for {
			before, err := s.conn.GetOfflineStatus(t.Context())
			s.must(err)
			list, err := s.conn.ListStoredPayments(t.Context(), wire.ListStoredPaymentsParams{
				Limit: wire.MaxListed, States: []string{wire.OfflineStored, wire.OfflineSending, wire.OfflineUnknown},
			})
			s.must(err)
			after, err := s.conn.GetOfflineStatus(t.Context())
			s.must(err)
			if !reflect.DeepEqual(before, after) {
				continue
			}
			count, sum := 0, wire.Amounts{}
			for _, pi := range list.PaymentIntents {
				count++
				sum[pi.Currency] += pi.Amount
			}
			if d := after.Reader; d.OfflinePaymentsCount != count || !reflect.DeepEqual(d.OfflinePaymentAmountsByCurrency, sum) {
				t.Fatalf("%s: the status says %+v, stored are %d, %v", when, *d, count, sum)
			}
			return
		}
	}
	for flap := range 10 {
		s.forget()
		s.must(s.platform.SetUnreachable(true))
		s.await(networkIs(wire.NetworkOffline))
		s.pay(int64(500+100*flap), wire.PreferOnline, "visa")
		check("stored")
		s.must(s.platform.SetUnreachable(false))
		check("forwarding")
		s.await(networkIs(wire.NetworkOnline))
		s.awaitStatus(func(d wire.OfflineStatusDetails) bool { return d.OfflinePaymentsCount == 0 })
		check("forwarded")
	}
	// The last that was pushed is what is.
	status, err := s.conn.GetOfflineStatus(t.Context())
	s.must(err)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.events) - 1; i >= 0; i-- {
		if e := s.events[i]; e.OfflineStatus != nil {
			if !reflect.DeepEqual(*e.OfflineStatus, status) {
				t.Errorf("pushed last %+v, asked %+v", *e.OfflineStatus, status)
			}
			return
		}
	}
}

// A decline after forwarding is told once, and the same to every POS: to the one
// that took the payment, to one that looks on, and to one that comes later. What
// was acknowledged is not told again, also not after a restart.
func TestForwardedDeclineIsToldOnceAndTheSameToEveryPOS(t *testing.T) {
	s := openShop(t)
	s.must(s.open())
	s.connect()
	other := s.till("till-2")
	stored := s.pay(2000, wire.ForceOffline, "declined-insufficient-funds")
	ended := func(e wire.Event) bool { return e.Type == wire.EventPaymentIntentForwarded }
	first := s.await(ended)
	second := other.await(ended)
	if first.Error == nil || first.Error.DeclineCode != "insufficient_funds" || first.PaymentIntent.LocalID != stored.LocalID {
		t.Errorf("told %+v", first)
	}
	if !reflect.DeepEqual(first, second) {
		t.Errorf("two POS were told different things:\n%+v\n%+v", first, second)
	}
	late := s.till("till-3")
	if third := late.await(ended); !reflect.DeepEqual(first, third) {
		t.Errorf("a later POS was told\n%+v\nand not\n%+v", third, first)
	}
	s.close()
	s.must(s.open())
	s.connect()
	// Something new, so that all that came before it has been told again if it ever is.
	s.pay(300, wire.PreferOnline, "visa")
	s.await(func(e wire.Event) bool {
		return e.PaymentIntent != nil && e.PaymentIntent.Amount == 300 && e.State == "approved"
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	times := 0
	for _, e := range s.events {
		if ended(e) {
			times++
		}
	}
	if times != 1 {
		t.Errorf("the decline was told %d times", times)
	}
}

// A POS that crashes at any step learns the truth: it comes back, asks with the
// same request ids, and the payment is made once.
func TestPOSCrashAtEveryStepLearnsTheTruth(t *testing.T) {
	for _, mode := range []string{wire.PreferOnline, wire.ForceOffline} {
		for step := range 6 {
			t.Run(fmt.Sprintf("%s, step %d", mode, step), func(t *testing.T) { crashPOS(t, mode, step) })
		}
	}
}

// crashPOS has the POS crash at its create, collect or confirm: as soon as the
// reader has taken it up (even steps), or right after the answer (odd steps).
func crashPOS(t *testing.T, mode string, crash int) {
	s := openShop(t)
	s.must(s.open())
	s.connect()
	ids := [3]string{client.NewRequestID(), client.NewRequestID(), client.NewRequestID()}
	call := func(step int, localID string) (wire.PaymentIntent, error) {
		ref := wire.IntentRef{LocalID: localID}
		switch step {
		case 0:
			return s.conn.CreatePaymentIntent(t.Context(), wire.CreatePaymentIntentParams{RequestID: ids[0], Amount: 4200, Currency: "usd", OfflineBehavior: mode})
		case 1:
			return s.conn.CollectPaymentMethod(t.Context(), wire.CollectPaymentMethodParams{RequestID: ids[1], PaymentIntent: ref})
		}
		return s.conn.ConfirmPaymentIntent(t.Context(), wire.ConfirmPaymentIntentParams{RequestID: ids[2], PaymentIntent: ref})
	}
	taken := [3][]string{{"created"}, {"collecting"}, {"authorizing", "stored"}} // the reader has the request: its first trace in the ledger
	s.insert("visa")
	localID := ""
	for step := range 3 {
		switch crash {
		case 2 * step:
			unread := make(chan struct{})
			go func() {
				defer close(unread)
				_, _ = call(step, localID) // nobody is there to see the answer
			}()
			s.await(func(e wire.Event) bool { return slices.Contains(taken[step], e.State) })
			s.conn.Close()
			<-unread
			s.connect()
		case 2*step + 1:
			_, err := call(step, localID)
			s.must(err)
			s.conn.Close()
			s.connect()
		}
		// Back again, the POS asks as it had asked.
		pi, err := call(step, localID)
		if err != nil {
			t.Fatalf("request %d, asked again: %v", step, err)
		}
		localID = pi.LocalID
		if want := []string{wire.StatusRequiresPaymentMethod, wire.StatusRequiresConfirmation, wire.StatusSucceeded}[step]; pi.Status != want {
			t.Fatalf("request %d: the POS learned %s, want %s", step, pi.Status, want)
		}
	}
	s.awaitStatus(func(d wire.OfflineStatusDetails) bool { return d.OfflinePaymentsCount == 0 })
	if totals := s.platform.Totals(); totals.Approved.Count != 1 || totals.Approved.ByCurrency["usd"] != 4200 || totals.Duplicates != 0 || totals.Reversed.Count != 0 {
		t.Errorf("the platform has %+v", totals)
	}
}

// Nothing expires and nothing is purged by itself: payments stored 200 days ago
// are still counted, listed and forwarded; one that was refused stays.
func TestNothingExpiresByItself(t *testing.T) {
	s := openShop(t)
	s.must(s.open())
	s.connect()
	s.must(s.platform.SetUnreachable(true))
	s.await(networkIs(wire.NetworkOffline))
	first := s.pay(700, wire.PreferOnline, "visa")
	second := s.pay(800, wire.PreferOnline, "mastercard")
	for day := 40; day <= 200; day += 40 { // a reader is switched on now and then
		s.close()
		s.must(s.openLater(time.Duration(day) * 24 * time.Hour))
	}
	s.must(s.platform.SetUnreachable(false))
	s.awaitTotals(func(t sandbox.Totals) bool { return t.Approved.Count == 2 })
	s.close()
	s.must(s.open())
	s.connect()
	s.awaitStatus(func(d wire.OfflineStatusDetails) bool { return d.OfflinePaymentsCount == 0 })
	for _, stored := range []wire.PaymentIntent{first, second} {
		now, err := s.conn.RetrievePaymentIntent(t.Context(), wire.RetrievePaymentIntentParams{LocalID: stored.LocalID})
		s.must(err)
		if now.OfflineDetails == nil || now.OfflineDetails.State != wire.OfflineForwarded || now.ID == nil {
			t.Errorf("after 200 days: %+v", now)
		}
	}
}

func networkIs(status string) func(wire.Event) bool {
	return func(e wire.Event) bool {
		return e.OfflineStatus != nil && e.OfflineStatus.Reader.NetworkStatus == status
	}
}
