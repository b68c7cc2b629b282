package store

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// Totals is what waits to reach the platform.
type Totals struct {
	Count      int
	ByCurrency map[string]int64 // minor units
}

type money struct {
	amount int64
	count  int
}

// Pending returns the exact totals of the payments that were accepted and have
// not reached the platform: stored, sending and unknown.
func (s *Store) Pending() Totals {
	s.mu.RLock()
	defer s.mu.RUnlock()
	t := Totals{ByCurrency: make(map[string]int64, len(s.totals))}
	for currency, m := range s.totals {
		t.Count += m.count
		t.ByCurrency[currency] = m.amount
	}
	return t
}

// checkTotals refuses a payment whose amount the totals could not hold.
func (b *batch) checkTotals(prev, next *Payment) error {
	if prev.State.Pending() || !next.State.Pending() {
		return nil
	}
	if sum := b.totals[next.Currency].amount; next.Amount > math.MaxInt64-sum {
		return fmt.Errorf("%w: the pending total in %s would overflow", ErrTooLarge, next.Currency)
	}
	return nil
}

func (b *batch) setTotals(prev, next *Payment) {
	switch was, is := prev.State.Pending(), next.State.Pending(); {
	case is && !was:
		addMoney(b.totals, next.Currency, next.Amount, 1)
	case was && !is:
		addMoney(b.totals, prev.Currency, -prev.Amount, -1)
	}
}

func addMoney(totals map[string]money, currency string, amount int64, count int) {
	m := totals[currency]
	m.amount, m.count = m.amount+amount, m.count+count
	if m.count == 0 {
		delete(totals, currency)
		return
	}
	totals[currency] = m
}

// WorkItem is a payment that has to reach the platform, or, when rescued, whose
// end has to be asked for.
type WorkItem struct {
	LocalID         string
	Sequence        uint64
	NextAttemptAtMs int64 // Unix milliseconds; 0: at once
	State           State
	Lane            string // of payments with the same card; empty: the card is not known
}

// LongestWait bounds Payment.NextAttemptAtMs. A time further ahead than that
// was written before the clock was turned back, and has come.
const LongestWait = time.Hour

// Wait returns how long the item has to wait for its next attempt, 0 if the
// time has come. now is the clock's time, right or wrong.
func (w WorkItem) Wait(now time.Time) time.Duration {
	ms := w.NextAttemptAtMs - now.UnixMilli()
	if ms <= 0 || ms > LongestWait.Milliseconds() {
		return 0
	}
	return time.Duration(ms) * time.Millisecond
}

// Work yields the forwarder's queue, ascending by sequence, so that a card's
// payments keep their order: what is to be forwarded, looked up or reversed,
// and the rescued payments without a charge. Payments whose record is damaged
// are left out; Health names them. yield must not call the store.
func (s *Store) Work(yield func(WorkItem) bool) error {
	return s.read(func() error {
		for _, item := range s.work {
			if !yield(item) {
				break
			}
		}
		return nil
	})
}

// lane names what payments with the same card have in common. Two cards may
// share it; their payments then only wait for each other.
func (p *Payment) lane() string {
	if p.Card == nil || p.Card.Last4 == "" {
		return ""
	}
	return fmt.Sprintf("%s|%s|%02d/%d", p.Card.Brand, p.Card.Last4, p.Card.ExpMonth, p.Card.ExpYear)
}

// open tells whether something is still to come of the payment by itself.
func (p *Payment) open() bool {
	return !p.State.Final() || p.State == Rescued && p.ChargeID == ""
}

// workList is ascending by sequence.
type workList []WorkItem

func (l workList) find(sequence uint64) (int, bool) {
	return slices.BinarySearchFunc(l, sequence, func(item WorkItem, sequence uint64) int {
		return cmp.Compare(item.Sequence, sequence)
	})
}

func (l *workList) put(item WorkItem) {
	i, found := l.find(item.Sequence)
	if found {
		(*l)[i] = item
		return
	}
	*l = slices.Insert(*l, i, item)
}

func (l *workList) remove(sequence uint64) {
	if i, found := l.find(sequence); found {
		*l = slices.Delete(*l, i, i+1)
	}
}

// complete ends the loading of a list: it is sorted, and items written by
// software that noted no lane get theirs.
func (l workList) complete(payment func(localID string) (Payment, error)) {
	for i := range l {
		if l[i].Lane != "" {
			continue
		}
		if p, err := payment(l[i].LocalID); err == nil {
			l[i].Lane = p.lane()
		}
	}
	slices.SortFunc(l, func(a, b WorkItem) int { return cmp.Compare(a.Sequence, b.Sequence) })
}

// follow brings memory up to what was just written. mu is held.
func (s *Store) follow(prev, next *Payment) {
	if prev.Sequence != 0 {
		s.work.remove(prev.Sequence)
	}
	if !next.open() {
		delete(s.open, next.LocalID)
		return
	}
	sum := summarize(next)
	s.open[next.LocalID] = sum
	if s.isWork(sum) {
		s.work.put(sum.workItem(next.LocalID))
	}
}

// isWork tells whether the work list holds an open payment.
func (s *Store) isWork(sum summary) bool {
	return (sum.state.Work() || sum.state == Rescued) && !s.health.DamagedEntries.Contains(sum.index)
}

func (s summary) workItem(localID string) WorkItem {
	return WorkItem{localID, s.sequence, s.nextAttemptMs, s.state, s.lane}
}
