package payment

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"slices"
	"sync"
	"time"
)

// fingerprint tells cards apart and says nothing about them: a MAC of the card
// number under a key that exists in memory only, so that it means nothing in
// another process or after a restart.
type fingerprint [fingerprintLength]byte

// velocity remembers what was stored, card by card, for limits per card.
// Nothing of it is written down, so it goes by the time that passes, whatever
// the clock is set to. It is safe for concurrent use.
type velocity struct {
	key [sha256.Size]byte

	mu     sync.Mutex
	stored []cardPayment // oldest first
}

// cardPayment is one stored payment.
type cardPayment struct {
	localID                         string
	card                            fingerprint
	at                              time.Time // with a monotonic reading
	amount                          int64
	currency, brand, entryMode, cvm string
}

// saleWindow is how long a payment counts as the other half of the next one.
const saleWindow = 24 * time.Hour

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

// add notes a payment that was stored, and forgets those older than the longest
// window.
func (v *velocity) add(p cardPayment, longest time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.stored = slices.DeleteFunc(v.stored, func(old cardPayment) bool { return time.Since(old.at) > longest })
	if over := len(v.stored) + 1 - velocityLength; over > 0 {
		v.stored = slices.Delete(v.stored, 0, over)
	}
	v.stored = append(v.stored, p)
}

// forget forgets a payment that was withdrawn.
func (v *velocity) forget(localID string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.stored = slices.DeleteFunc(v.stored, func(p cardPayment) bool { return p.localID == localID })
}

// within adds up what a card has had stored in the window until now, under a
// rule.
func (v *velocity) within(window time.Duration, card fingerprint, r Rule) (count int, sum int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, p := range v.stored {
		if p.card == card && time.Since(p.at) <= window && r.covers(p.currency, p.brand, p.entryMode, p.cvm) {
			count, sum = count+1, add(sum, p.amount)
		}
	}
	return count, sum
}

// latest returns the amount of the card's last payment in the currency that was
// stored within a day: a sale split in two is one for the floor limit.
func (v *velocity) latest(card fingerprint, currency string) int64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, p := range slices.Backward(v.stored) {
		if p.card == card && p.currency == currency && time.Since(p.at) <= saleWindow {
			return p.amount
		}
	}
	return 0
}

// countStored remembers that the session's card had a payment stored. One that
// was voided in the meantime is not counted.
func (m *Machine) countStored(s *session) {
	longest := max(saleWindow, s.limits.window())
	for _, r := range s.settings.Policy.Rules {
		longest = max(longest, r.Limit.window())
	}
	c := s.facts
	m.velocity.add(cardPayment{
		localID: s.payment.LocalID, card: c.fingerprint, at: time.Now(), amount: s.payment.Amount,
		currency: s.payment.Currency, brand: c.Brand, entryMode: c.ReadMethod, cvm: c.CVM,
	}, longest)
	if now, err := m.opt.Store.Payment(s.payment.LocalID); err == nil && voided(now) {
		m.velocity.forget(now.LocalID)
	}
}
