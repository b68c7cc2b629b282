package store

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// Order comes from the index, whatever the clock does: the journal's time never
// goes back, List and Work keep their order, and it survives a restart.
func TestOrderDoesNotDependOnTheClock(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		berlin = time.FixedZone("CET", 3600)
	}
	summerEnds := time.Date(2026, time.October, 25, 2, 59, 0, 0, berlin)
	for name, jumps := range map[string][]time.Time{
		"back":            {testClock, testClock.Add(-3 * time.Hour), testClock.Add(-2 * time.Hour)},
		"forward":         {testClock, testClock.Add(5000 * time.Hour), testClock.Add(5001 * time.Hour)},
		"ahead and back":  {testClock, testClock.Add(50000 * time.Hour), testClock.Add(time.Minute)},
		"1970":            {testClock, time.Unix(0, 0), time.Unix(60, 0)},
		"1970 at first":   {time.Unix(5, 0), time.Unix(60, 0), testClock},
		"summer time end": {summerEnds, summerEnds.Add(time.Minute), summerEnds.Add(2 * time.Minute)},
		"time zone":       {testClock, testClock.In(berlin), testClock.In(time.UTC)},
	} {
		t.Run(name, func(t *testing.T) {
			s, m := openFresh(t)
			now := testClock
			s.clock = func() time.Time { return now }
			for n, to := range jumps {
				now = to
				take(t, s, n)
			}
			for range 2 {
				events, err := s.EventsAfter(0, 100)
				if err != nil || len(events) != 4*len(jumps) {
					t.Fatalf("%d events, %v", len(events), err)
				}
				for i, e := range events {
					if e.Index != uint64(i+1) || i > 0 && e.AtMs < events[i-1].AtMs {
						t.Errorf("event %d: index %d at %d, the one before at %d", i, e.Index, e.AtMs, events[max(i-1, 0)].AtMs)
					}
				}
				var order []uint64
				if err := s.Work(func(w WorkItem) bool { order = append(order, w.Sequence); return true }); err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(order, []uint64{1, 2, 3}) {
					t.Errorf("work in the order %v", order)
				}
				all, err := s.List(Filter{})
				if err != nil {
					t.Fatal(err)
				}
				for i, p := range all {
					if p.Key != fmt.Sprintf("key-%d", len(jumps)-1-i) {
						t.Errorf("payment %d of the list is %s", i, p.Key)
					}
				}
				mustVerify(t, s)
				if s, err = openMachine(m.plugIn()); err != nil || s.Health().Damaged {
					t.Fatalf("%+v, %v", s.Health(), err)
				}
			}
		})
	}
}
