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

// Nobody is asked for a tip on a payment that will be refused anyway.
func TestNoTipIsAskedForOnWhatIsRefused(t *testing.T) {
	asked := 0
	b := newBench(t, func(_ *bench, o *payment.Options) {
		o.Tip = func(context.Context, store.Payment) int64 { asked++; return 0 }
	})
	b.goOffline()
	p := b.create(1_000_001, payment.PreferOnline)
	_, err := b.process(p)
	b.fails(err, payment.AmountExceedsMaxOffline)
	if asked != 0 {
		t.Errorf("asked %d times", asked)
	}
	b.insert("visa")
	_, err = b.process(b.create(1_000_000, payment.PreferOnline))
	b.must(err)
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}

// The POS says what of the amount a tip is for.
func TestTipEligibleAmount(t *testing.T) {
	amount := func(n int64) *int64 { return &n }
	for name, test := range map[string]struct {
		part *int64
		want int64 // asked on; 0: not asked
	}{
		"all": {nil, 2000}, "a part": {amount(500), 500}, "the same": {amount(2000), 2000}, "more": {amount(9000), 2000}, "nothing": {amount(0), 0},
	} {
		var on int64
		b := newBench(t, func(_ *bench, o *payment.Options) {
			o.Tip = func(_ context.Context, p store.Payment) int64 { on = p.Amount; return p.Amount / 10 }
		})
		p := b.create(2000, payment.PreferOnline)
		b.insert("visa")
		paid, err := b.machine.Process(t.Context(), p.LocalID, payment.CollectParams{TipEligible: test.part}, store.Request{})
		b.must(err)
		if on != test.want || paid.Amount != 2000+test.want/10 || paid.Tip != test.want/10 {
			t.Errorf("%s: asked on %d, paid %d with tip %d", name, on, paid.Amount, paid.Tip)
		}
	}
}

// A tip goes with the card it was given with: after a power cut it is gone.
func TestInterruptedPaymentHasNoTip(t *testing.T) {
	b := newBench(t)
	p := b.create(2000, payment.PreferOnline)
	p.Amount, p.Tip, p.State = 2300, 300, store.Collecting
	_, err := b.store.Commit(t.Context(), store.Change{Payment: p})
	b.must(err)
	b.must(b.machine.Recover(t.Context()))
	if got := b.state(p, store.Interrupted); got.Amount != 2000 || got.Tip != 0 {
		t.Errorf("got %d with tip %d", got.Amount, got.Tip)
	}
}
