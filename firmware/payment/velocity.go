package payment

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"slices"
	"time"
)

// fingerprint tells cards apart and says nothing about them: a MAC of the card
// number under a key that exists in memory only, so that it means nothing in
// another process or after a restart.
type fingerprint [fingerprintLength]byte

// velocity remembers what was stored, card by card, for limits per card.
// Nothing of it is written down. Only who works on a payment may use it.
type velocity struct {
	key    [sha256.Size]byte
	stored []cardPayment // by time
}

// cardPayment is one stored payment.
type cardPayment struct {
	card                            fingerprint
	at                              time.Time
	amount                          int64
	currency, brand, entryMode, cvm string
}

// velocityLength bounds what is remembered; of more than that the oldest are
// forgotten. It is more than a reader stores in a day.
const velocityLength = 16_384

func newVelocity() *velocity {
	v := &velocity{}
	rand.Read(v.key[:])
	return v
}

func (v *velocity) fingerprint(pan []byte) fingerprint {
	mac := hmac.New(sha256.New, v.key[:])
	mac.Write(pan)
	var sum [sha256.Size]byte
	return fingerprint(mac.Sum(sum[:0])[:fingerprintLength])
}

// add notes a payment that was stored, and forgets those from before since.
func (v *velocity) add(p cardPayment, since time.Time) {
	v.stored = slices.DeleteFunc(v.stored, func(old cardPayment) bool { return old.at.Before(since) })
	if over := len(v.stored) + 1 - velocityLength; over > 0 {
		v.stored = slices.Delete(v.stored, 0, over)
	}
	v.stored = append(v.stored, p)
}

// since adds up what a card has had stored from then on, under a rule.
func (v *velocity) since(then time.Time, card fingerprint, r Rule) (count int, sum int64) {
	for _, p := range v.stored {
		if p.card == card && !p.at.Before(then) && r.covers(p.currency, p.brand, p.entryMode, p.cvm) {
			count, sum = count+1, add(sum, p.amount)
		}
	}
	return count, sum
}

// countStored remembers that the session's card had a payment stored.
func (m *Machine) countStored(s *session) {
	now, window := m.opt.Store.Now(), Limit{}.window()
	window = max(window, s.limits.window())
	for _, r := range s.settings.Policy.Rules {
		window = max(window, r.Limit.window())
	}
	c := s.facts
	m.velocity.add(cardPayment{
		card: c.fingerprint, at: now, amount: s.payment.Amount,
		currency: s.payment.Currency, brand: c.Brand, entryMode: c.ReadMethod, cvm: c.CVM,
	}, now.Add(-window))
}
