package store

import (
	"cmp"
	"errors"
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

// workList is the forwarder's queue: what has to reach the platform, ascending
// by sequence.
type workList []workItem

type workItem struct {
	sequence      uint64
	localID       string
	nextAttemptMs int64
}

func (l workList) find(sequence uint64) (int, bool) {
	return slices.BinarySearchFunc(l, sequence, func(item workItem, sequence uint64) int {
		return cmp.Compare(item.sequence, sequence)
	})
}

func (l *workList) put(item workItem) {
	i, found := l.find(item.sequence)
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

// follow brings memory up to what was just written. mu is held.
func (s *Store) follow(prev, next *Payment) {
	if prev.State.Work() {
		s.work.remove(prev.Sequence)
	}
	if next.State.Final() {
		delete(s.open, next.LocalID)
		return
	}
	s.remember(next.LocalID, summarize(next))
}

func (s *Store) remember(localID string, sum summary) {
	s.open[localID] = sum
	if s.isWork(sum) {
		s.work.put(workItem{sum.sequence, localID, sum.nextAttemptMs})
	}
}

func (s *Store) isWork(sum summary) bool {
	return sum.state.Work() && !s.health.DamagedEntries.Contains(sum.index)
}

// LongestWait bounds Payment.NextAttemptAtMs. A time further ahead than that
// was written before the clock was turned back, and has come.
const LongestWait = time.Hour

// NextWork returns the payment to forward, look up or reverse next: of those
// whose NextAttemptAtMs has come, or is 0, the one with the lowest sequence, so
// that a card's payments keep their order. If all have to wait, at is when the
// first may be tried; if there is nothing to do, at is zero. Payments whose
// record is damaged are left out; Health names them. now is the clock's time,
// right or wrong.
func (s *Store) NextWork(now time.Time) (p Payment, at time.Time, err error) {
	return s.NextWorkAfter(now, 0)
}

// NextWorkAfter is NextWork that goes on after a sequence, and begins again with
// the lowest at the end: a payment that failed lets all others pass. Payments
// named in except are left out.
func (s *Store) NextWorkAfter(now time.Time, sequence uint64, except ...string) (p Payment, at time.Time, err error) {
	err = s.read(func() error {
		damaged := slices.Clone(except)
		for {
			next, earliest := s.work.next(now.UnixMilli(), sequence, damaged)
			if next == nil {
				at = earliest
				return nil
			}
			found, err := s.payment(next.localID)
			if errors.Is(err, ErrDamaged) {
				damaged = append(damaged, next.localID)
				continue
			}
			p = found
			return err
		}
	})
	return p, at, err
}

// next returns whose turn it is, or when somebody's will come.
func (l workList) next(nowMs int64, after uint64, except []string) (next *workItem, at time.Time) {
	earliest := int64(math.MaxInt64)
	for i := range l {
		item := &l[i]
		switch {
		case slices.Contains(except, item.localID):
		case item.nextAttemptMs > nowMs && item.nextAttemptMs <= nowMs+LongestWait.Milliseconds():
			earliest = min(earliest, item.nextAttemptMs)
		case item.sequence > after:
			return item, time.Time{} // nothing comes before it
		case next == nil:
			next = item
		}
	}
	if next == nil && earliest != math.MaxInt64 {
		at = time.UnixMilli(earliest)
	}
	return next, at
}
