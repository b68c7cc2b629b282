package payment_test

import (
	"context"
	"testing"

	"smartreader/firmware/payment"
	"smartreader/store"
)

func TestCardholderChoosesApplication(t *testing.T) {
	for pick, last4 := range []string{"5556", "4242"} { // debit has the better priority
		var asked []payment.Choice
		b := newBench(t, func(_ *bench, o *payment.Options) {
			o.Choose = func(_ context.Context, q payment.Choice) (int, error) {
				asked = append(asked, q)
				return pick, nil
			}
		})
		p := b.create(1200, payment.PreferOnline)
		b.insert("two-applications")
		paid, err := b.process(p)
		b.must(err)
		if paid.State != store.Approved || len(asked) != 1 || len(asked[0].Labels) != 2 || asked[0].Amount != 1200 || asked[0].Currency != "usd" {
			t.Fatalf("%s, asked %+v", paid.State, asked)
		}
		if paid.Card.Last4 != last4 {
			t.Errorf("chose %q, paid with the card ending in %s", asked[0].Labels[pick], paid.Card.Last4)
		}
	}
}

func TestCardholderDoesNotChoose(t *testing.T) {
	for code, answer := range map[payment.Code]error{payment.Canceled: payment.ErrCanceled, payment.CardReadTimedOut: payment.ErrTimedOut} {
		b := newBench(t, func(_ *bench, o *payment.Options) {
			o.Choose = func(context.Context, payment.Choice) (int, error) { return 0, answer }
		})
		p := b.create(1200, payment.PreferOnline)
		b.insert("two-applications")
		_, err := b.process(p)
		b.fails(err, code)
		b.state(p, store.Created)
	}
}
