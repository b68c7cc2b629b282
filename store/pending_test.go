package store

import (
	"math"
	"slices"
	"testing"
	"time"
)

// NextWork returns the payment a forwarder would try first, and none if all
// have to wait.
func (s *Store) NextWork(now time.Time) (p Payment, at time.Time, err error) {
	var ready []string
	err = s.Work(func(w WorkItem) bool {
		switch wait := w.Wait(now); {
		case w.State == Rescued:
		case wait == 0:
			ready = append(ready, w.LocalID)
		case at.IsZero() || now.Add(wait).Before(at):
			at = now.Add(wait)
		}
		return true
	})
	if err != nil || len(ready) == 0 {
		return Payment{}, at, err
	}
	p, err = s.Payment(ready[0])
	return p, time.Time{}, err
}

func workOf(t *testing.T, s *Store) (all []WorkItem) {
	t.Helper()
	if err := s.Work(func(w WorkItem) bool { all = append(all, w); return true }); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestWorkWaits(t *testing.T) {
	ms := testClock.UnixMilli()
	for at, want := range map[int64]time.Duration{
		0: 0, 1: 0, ms - 1: 0, ms: 0,
		ms + 1:                              time.Millisecond,
		ms + LongestWait.Milliseconds():     LongestWait,
		ms + LongestWait.Milliseconds() + 1: 0, // the clock was turned back: it must not wait for it to catch up
		math.MaxInt64:                       0,
	} {
		if got := (WorkItem{NextAttemptAtMs: at}).Wait(testClock); got != want {
			t.Errorf("at %d: %v, want %v", at-ms, got, want)
		}
	}
}

func TestWorkIsOldestFirst(t *testing.T) {
	s, m := openFresh(t)
	if got := workOf(t, s); got != nil {
		t.Errorf("empty: %+v", got)
	}
	first, second, third := take(t, s, 1), take(t, s, 2), take(t, s, 3)
	walkTo(t, s, newPayment(4), Created, Collecting)
	c := to(walkTo(t, s, first, Sending), Unknown)
	c.Payment.NextAttemptAtMs = testClock.Add(time.Minute).UnixMilli()
	if _, err := s.Commit(background, c); err != nil {
		t.Fatal(err)
	}
	walkTo(t, s, second, Sending, Forwarded)
	want := []WorkItem{
		{LocalID: first.LocalID, Sequence: 1, NextAttemptAtMs: testClock.Add(time.Minute).UnixMilli(), State: Unknown},
		{LocalID: third.LocalID, Sequence: 3, State: Stored},
	}
	if got := workOf(t, s); !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	reopened, err := openMachine(m.plugIn())
	if err != nil {
		t.Fatal(err)
	}
	if got := workOf(t, reopened); !slices.Equal(got, want) {
		t.Errorf("reopened: %+v, want %+v", got, want)
	}
	seen := 0
	if err := s.Work(func(WorkItem) bool { seen++; return false }); err != nil || seen != 1 {
		t.Errorf("told to stop, it yielded %d, %v", seen, err)
	}
}

// A rescued payment is asked about until its charge is known, and no longer.
func TestWorkHoldsRescuedPaymentsWithoutAnEnd(t *testing.T) {
	s, m := openFresh(t)
	known, declined, open := take(t, s, 1), take(t, s, 2), take(t, s, 3)
	known, declined, open = walkTo(t, s, known, Rescued), walkTo(t, s, declined, Rescued), walkTo(t, s, open, Rescued)
	if got := workOf(t, s); len(got) != 3 || s.Pending().Count != 0 {
		t.Errorf("%+v, pending %+v", got, s.Pending())
	}
	known.ChargeID = "ch_1"
	walkTo(t, s, known, Rescued)
	walkTo(t, s, declined, Declined)
	reopened, err := openMachine(m.plugIn())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*Store{s, reopened} {
		if got := workOf(t, s); len(got) != 1 || got[0].LocalID != open.LocalID || got[0].State != Rescued {
			t.Errorf("%+v", got)
		}
	}
	walkTo(t, reopened, open, Unknown) // taken back
	if got := workOf(t, reopened); len(got) != 1 || got[0].State != Unknown || reopened.Pending().Count != 1 {
		t.Errorf("taken back: %+v", got)
	}
}

func TestWorkKnowsTheLane(t *testing.T) {
	s, m := openFresh(t)
	lanes := []string{"visa|4242|12/2031", "", "visa|4242|01/2032"}
	for n, card := range []*Card{
		{Brand: "visa", Last4: "4242", ExpMonth: 12, ExpYear: 2031, ReadMethod: "contact_emv"},
		nil,
		{Brand: "visa", Last4: "4242", ExpMonth: 1, ExpYear: 2032},
	} {
		p := walkTo(t, s, newPayment(n), Created, Collecting)
		p.Card = card
		walkTo(t, s, p, Collected, Stored)
	}
	check := func(s *Store, when string) {
		t.Helper()
		for i, w := range workOf(t, s) {
			if w.Lane != lanes[i] {
				t.Errorf("%s: lane %q, want %q", when, w.Lane, lanes[i])
			}
		}
	}
	check(s, "running")
	s, err := openMachine(m.plugIn())
	if err != nil {
		t.Fatal(err)
	}
	check(s, "reopened")

	// As software before lanes wrote it.
	m = s.slots.(*modelSlots).plugIn()
	id := workOf(t, s)[0].LocalID
	sum, err := parseSummary([]byte(m.disk[string(key(prefixOpen, id))]))
	if err != nil || sum.lane == "" {
		t.Fatal(sum, err)
	}
	sum.lane = ""
	m.disk[string(key(prefixOpen, id))] = string(sum.bytes())
	if s, err = openMachine(m); err != nil {
		t.Fatal(err)
	}
	check(s, "from an older summary")
}
