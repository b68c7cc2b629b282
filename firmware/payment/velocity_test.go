package payment

import (
	"slices"
	"testing"
	"time"
)

func TestVelocityForgetsWhatIsOutsideTheWindow(t *testing.T) {
	v := newVelocity()
	card := v.fingerprint([]byte("4242424242424242"))
	stored := func(age time.Duration) cardPayment {
		return cardPayment{card: card, at: time.Now().Add(-age), amount: 100, currency: "usd", brand: "visa", entryMode: contactEMV, cvm: "none"}
	}
	for _, age := range []time.Duration{50 * time.Hour, 23 * time.Hour, time.Hour} {
		v.add(stored(age), 48*time.Hour)
	}
	for window, want := range map[time.Duration]int{2 * time.Hour: 1, 24 * time.Hour: 2, 48 * time.Hour: 2} {
		count, sum := v.within(window, card, Rule{Currency: "usd"})
		if count != want || sum != int64(100*want) {
			t.Errorf("in %v: %d payments of %d", window, count, sum)
		}
	}
	for _, r := range []Rule{{Currency: "eur"}, {Currency: "usd", Brand: "jcb"}, {Currency: "usd", CVM: "offline_pin"}} {
		if count, _ := v.within(100*time.Hour, card, r); count != 0 {
			t.Errorf("%+v counts %d", r, count)
		}
	}
	v.add(stored(0), 10*time.Minute)
	if len(v.stored) != 1 {
		t.Errorf("%d payments are remembered", len(v.stored))
	}
}

func TestVelocityIsBounded(t *testing.T) {
	v := newVelocity()
	v.stored = slices.Repeat([]cardPayment{{at: time.Now()}}, velocityLength)
	last := v.fingerprint([]byte("4242424242424242"))
	for range 3 {
		v.add(cardPayment{card: last, currency: "usd", amount: 1, at: time.Now()}, time.Hour)
	}
	if count, _ := v.within(time.Hour, last, Rule{Currency: "usd"}); len(v.stored) != velocityLength || count != 3 {
		t.Errorf("%d remembered, %d of the newest", len(v.stored), count)
	}
}

// Invariant 3: what is remembered of a card is nothing that could be compared
// with anything elsewhere.
func TestFingerprintsMeanNothingAfterARestart(t *testing.T) {
	pan := []byte("4242424242424242")
	one, other := newVelocity(), newVelocity()
	if again := one.fingerprint(pan); one.fingerprint(pan) != again || one.fingerprint(pan) == one.fingerprint(pan[1:]) {
		t.Error("cards are not told apart")
	}
	if one.fingerprint(pan) == other.fingerprint(pan) {
		t.Error("the key is not made at the start")
	}
}

// The other half of a sale is the card's last payment of the day in the same currency.
func TestLatestOfACard(t *testing.T) {
	v := newVelocity()
	card, other := v.fingerprint([]byte("4242424242424242")), v.fingerprint([]byte("4000056655665556"))
	for _, p := range []cardPayment{
		{card: card, currency: "usd", amount: 1, at: time.Now().Add(-25 * time.Hour)},
		{card: card, currency: "usd", amount: 2, at: time.Now().Add(-2 * time.Hour)},
		{card: card, currency: "usd", amount: 3, at: time.Now().Add(-time.Hour), localID: "last"},
		{card: card, currency: "eur", amount: 4, at: time.Now()},
		{card: other, currency: "jpy", amount: 5, at: time.Now().Add(-25 * time.Hour)},
	} {
		v.add(p, 48*time.Hour)
	}
	for _, c := range []struct {
		card     fingerprint
		currency string
		want     int64
	}{{card, "usd", 3}, {card, "eur", 4}, {card, "gbp", 0}, {other, "usd", 0}, {other, "jpy", 0}} {
		if got := v.latest(c.card, c.currency); got != c.want {
			t.Errorf("%s: %d, want %d", c.currency, got, c.want)
		}
	}
	v.forget("last")
	if got := v.latest(card, "usd"); got != 2 {
		t.Errorf("after the last was voided: %d", got)
	}
}
