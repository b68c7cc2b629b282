package payment_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"smartreader/firmware/payment"
	"smartreader/hal"
	"smartreader/store"
)

// What explaining says is what happens: random rules, ledgers and cards, and the
// payment that is then made.
func TestExplainAndCollectAgree(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 6))
	pick := func(s ...string) string { return s[random.IntN(len(s))] }
	number := func(n int64) int64 {
		if random.IntN(3) > 0 {
			return 0
		}
		return 1 + random.Int64N(n)
	}
	limit := func() payment.Limit {
		return payment.Limit{MaxAmount: number(1000), MaxCount: int(number(8)), MaxStored: number(4000), MaxAge: time.Duration(number(100)) * time.Minute}
	}
	b := newBench(t)
	b.goOffline()
	stored, refused := 0, 0
	for i := range 150 {
		rules := []payment.Rule{{Currency: pick("usd", "usd", "usd", "usd", "usd", "usd", "eur")}}
		for range random.IntN(3) {
			rules = append(rules, payment.Rule{Currency: "usd", Brand: pick("", "visa", "mastercard"), EntryMode: pick("", "contact_emv"), CVM: pick("", "signature", "none"), Limit: limit()})
		}
		b.settings.Policy = policyOf(rules...)
		b.settings.Policy.Enabled = random.IntN(12) > 0
		card, brand, cvm := "visa", "visa", "signature"
		switch random.IntN(8) {
		case 0:
			card, brand = "mastercard", "mastercard"
		case 1:
			card, brand = "interac", "interac"
		case 2:
			card, brand, cvm = "online-pin-cvm", "visa", "online_pin"
		}
		behavior := pick(payment.PreferOnline, payment.ForceOffline)
		var pos payment.Limit
		if random.IntN(3) == 0 {
			pos = limit()
		}
		if random.IntN(10) == 0 {
			b.must(b.store.RaiseFloor(t.Context(), b.store.Now().Add(time.Hour)))
		}
		amount := 1 + random.Int64N(1000)
		p, err := b.machine.Create(t.Context(), payment.CreateParams{Amount: amount, Currency: "usd", OfflineBehavior: behavior}, store.Request{})
		e := b.machine.Explain(payment.Question{
			Amount: amount, Currency: "usd", OfflineBehavior: behavior, Brand: brand, ReadMethod: "contact_emv", CVM: cvm, Limits: pos,
		})
		if err == nil {
			b.look(func(f payment.Face) {
				if f.Kind == payment.FacePresentCard {
					b.insert(card)
				}
			})
			p, err = b.machine.Process(t.Context(), p.LocalID, payment.CollectParams{Limits: pos}, store.Request{})
		}
		if e.Allowed {
			if stored++; err != nil || p.State != store.Stored {
				t.Fatalf("%d: explained as allowed, then %v", i, err)
			}
		} else {
			refused++
			b.fails(err, e.Failure.Code)
		}
		b.clear()
		if random.IntN(15) == 0 { // the internet was back for a while
			waiting, err := b.store.List(store.Filter{States: []store.State{store.Stored}})
			b.must(err)
			for _, p := range waiting {
				b.move(p, store.Sending, store.Forwarded)
			}
		}
	}
	if stored < 30 || refused < 30 {
		t.Errorf("%d stored, %d refused: the random rules do not try it", stored, refused)
	}
}

// clear takes out whatever card is in. The machine may notice later: it takes the
// next payment all the same.
func (b *bench) clear() {
	b.Helper()
	if b.tray.Inserted() != "" {
		b.must(b.tray.Remove())
	}
	for {
		select {
		case <-b.removed:
		default:
			return
		}
	}
}

// Swipe, chip and cancel at the same moment: one of them wins, the machine is
// free afterwards, nobody reads stripes, and what was not stored is not paid.
func TestSwipeChipAndCancelAtOnce(t *testing.T) {
	b, h := benchWithHead(t)
	b.goOffline()
	seen := map[string]int{}
	for i := range 64 {
		p := b.create(100, payment.PreferOnline)
		done, start := make(chan error, 1), make(chan struct{})
		b.look(func(f payment.Face) {
			if f.Kind == payment.FacePresentCard {
				select {
				case <-start:
				default:
					close(start)
				}
			}
		})
		go func() {
			_, err := b.process(p)
			done <- err
		}()
		<-start
		over := make(chan struct{})
		ended := make(chan bool, 3)
		go func() {
			if i&1 != 0 {
				select {
				case h.swipes <- track2():
				case h.swipes <- hal.Tracks{}:
				case <-over:
				}
			}
			ended <- true
		}()
		go func() {
			if i&2 != 0 {
				b.insert("visa")
			}
			ended <- true
		}()
		canceled := payment.EndAlreadyCompleted
		go func() {
			if i&4 != 0 || i&3 == 0 {
				var err error
				if canceled, _, err = b.machine.CancelCollect(t.Context()); err != nil {
					t.Error(err)
				}
			}
			ended <- true
		}()
		err := <-done
		close(over)
		for range 3 {
			<-ended
		}
		now, lookErr := b.store.Payment(p.LocalID)
		b.must(lookErr)
		switch {
		case err == nil && now.State == store.Stored && canceled != payment.EndCanceled:
			seen["stored"]++
		case err != nil && now.State == store.Created:
			if code := err.(*payment.Error).Code; (code == payment.Canceled) != (canceled == payment.EndCanceled) {
				t.Errorf("%d: %v, and the cancel ended %s", i, err, canceled)
			}
			seen[string(err.(*payment.Error).Code)]++
		default:
			t.Fatalf("%d: %v, canceled %s, payment %s", i, err, canceled, now.State)
		}
		if h.reading.Load() != 0 {
			t.Fatalf("%d: the stripe head is still read", i)
		}
		b.clear()
	}
	if len(seen) < 3 {
		t.Errorf("only %v was tried", seen)
	}
}
