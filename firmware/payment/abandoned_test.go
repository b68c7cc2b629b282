package payment_test

import (
	"testing"
	"time"

	"smartreader/firmware/payment"
	"smartreader/store"
)

// A till that creates payments and forgets them does not fill the ledger. What
// has a card, or is recent, is left alone.
func TestAbandonedPaymentsAreCanceled(t *testing.T) {
	b := newBench(t)
	stored := b.storeOne("visa", 100)
	forgotten, err := b.machine.Create(t.Context(), payment.CreateParams{Amount: 200, Currency: "usd", OfflineBehavior: payment.ForceOffline}, store.Request{})
	b.must(err)
	for _, test := range []struct {
		before time.Time
		want   int
		state  store.State
	}{
		{time.Now().Add(-time.Hour), 0, store.Created},
		{time.Now().Add(time.Hour), 1, store.Canceled},
		{time.Now().Add(time.Hour), 0, store.Canceled},
	} {
		n, err := b.machine.CancelAbandoned(t.Context(), test.before)
		b.must(err)
		if n != test.want {
			t.Errorf("%d canceled, want %d", n, test.want)
		}
		b.state(forgotten, test.state)
	}
	b.state(stored, store.Stored)
	if p, err := b.store.Payment(forgotten.LocalID); err != nil || p.History[len(p.History)-1].Reason != "abandoned" {
		t.Errorf("%+v, %v", p, err)
	}
}
