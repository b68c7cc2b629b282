package payment_test

import (
	"context"
	"testing"

	"smartreader/firmware/payment"
	"smartreader/store"
)

// tipping has cardholders tip what the test says.
func tipping(tip *int64) option {
	return func(_ *bench, o *payment.Options) {
		o.Tip = func(_ context.Context, p store.Payment) int64 {
			if p.Tip != 0 {
				return -1 // asked on top of a tip
			}
			return *tip
		}
	}
}

func TestTipIsPartOfTheAmount(t *testing.T) {
	tip := int64(300)
	b := newBench(t, tipping(&tip))
	b.goOffline()
	p := b.create(2000, payment.PreferOnline)
	b.insert("visa")
	stored, err := b.process(p)
	b.must(err)
	if stored.Amount != 2300 || stored.Tip != 300 {
		t.Errorf("stored %d with tip %d", stored.Amount, stored.Tip)
	}
	envelope, err := b.store.Sealed(p.LocalID)
	b.must(err)
	if check, err := b.platform.issuer.Check(b.platform.openData(envelope)); err != nil || check.Amount != 2300 {
		t.Errorf("the card signed %d, %v", check.Amount, err)
	}
}

func TestTipIsNotAskedForWhenSkipped(t *testing.T) {
	tip := int64(300)
	b := newBench(t, tipping(&tip))
	p := b.create(2000, payment.PreferOnline)
	b.insert("visa")
	paid, err := b.machine.Process(t.Context(), p.LocalID, payment.CollectParams{SkipTipping: true}, store.Request{})
	b.must(err)
	if paid.Amount != 2000 || paid.Tip != 0 {
		t.Errorf("paid %d with tip %d", paid.Amount, paid.Tip)
	}
}

// The tip is asked for anew with every card, on what the POS asked for.
func TestCollectingAgainBeginsWithoutTheTip(t *testing.T) {
	tip := int64(300)
	b := newBench(t, tipping(&tip))
	p := b.create(2000, payment.PreferOnline)
	b.insert("declined-insufficient-funds")
	_, err := b.process(p)
	b.fails(err, payment.DeclinedByPlatform)
	if got := b.state(p, store.Declined); got.Amount != 2300 {
		t.Errorf("declined %d", got.Amount)
	}
	b.take()
	tip = 50
	b.insert("card-declines")
	_, err = b.process(p)
	b.fails(err, payment.DeclinedByReader)
	if got := b.state(p, store.Created); got.Amount != 2000 || got.Tip != 0 {
		t.Errorf("given up with %d, tip %d", got.Amount, got.Tip)
	}
	b.take()
	b.insert("visa")
	paid, err := b.process(p)
	b.must(err)
	if paid.Amount != 2050 || paid.Tip != 50 {
		t.Errorf("paid %d with tip %d", paid.Amount, paid.Tip)
	}
}

func TestTipCountsForTheOfflineLimit(t *testing.T) {
	tip := int64(1)
	b := newBench(t, tipping(&tip))
	b.goOffline()
	p := b.create(1_000_000, payment.PreferOnline)
	_, err := b.process(p)
	e := b.fails(err, payment.AmountExceedsMaxOffline)
	if got := b.state(p, store.Created); got.Amount != 1_000_000 || e.Payment.Amount != 1_000_000 {
		t.Errorf("refused with %d, told %d", got.Amount, e.Payment.Amount)
	}
	tip = 0
	b.insert("visa")
	_, err = b.process(p)
	b.must(err)
}

func TestTipThatCannotBeIsLeftOut(t *testing.T) {
	for _, tip := range []int64{-1, 1 << 60, 999_999_999_999} {
		b := newBench(t, tipping(&tip))
		p := b.create(100, payment.PreferOnline)
		b.insert("visa")
		paid, err := b.process(p)
		b.must(err)
		if paid.Amount != 100 || paid.Tip != 0 {
			t.Errorf("tip %d: paid %d with tip %d", tip, paid.Amount, paid.Tip)
		}
	}
}

func TestCancelWhileTheTipIsAskedFor(t *testing.T) {
	asked := make(chan bool)
	b := newBench(t, func(_ *bench, o *payment.Options) {
		o.Tip = func(ctx context.Context, _ store.Payment) int64 {
			asked <- true
			<-ctx.Done()
			return 500
		}
	})
	p := b.create(100, payment.PreferOnline)
	done := make(chan error, 1)
	go func() { _, err := b.process(p); done <- err }()
	<-asked
	if err := b.machine.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	other := b.create(200, payment.PreferOnline)
	_, err := b.process(other)
	b.fails(err, payment.ReaderBusy)
	end, canceled, err := b.machine.CancelCollect(t.Context())
	b.must(err)
	if end != payment.EndCanceled || canceled.LocalID != p.LocalID {
		t.Errorf("%s of %q", end, canceled.LocalID)
	}
	b.fails(<-done, payment.Canceled)
	if got := b.state(p, store.Created); got.Amount != 100 || got.Tip != 0 {
		t.Errorf("got %d, tip %d", got.Amount, got.Tip)
	}
}

// An order rung up again is the same order, whatever tip was given.
func TestSameKeyAfterATipIsTheSamePayment(t *testing.T) {
	tip := int64(300)
	b := newBench(t, tipping(&tip))
	b.goOffline()
	order := payment.CreateParams{Key: "order-17", Amount: 900, Currency: "usd"}
	p, err := b.machine.Create(t.Context(), order, store.Request{})
	b.must(err)
	b.insert("visa")
	_, err = b.process(p)
	b.must(err)
	again, err := b.machine.Create(t.Context(), order, store.Request{})
	b.must(err)
	if again.LocalID != p.LocalID || again.Amount != 1200 {
		t.Errorf("got %s over %d", again.LocalID, again.Amount)
	}
}
