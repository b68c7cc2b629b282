package forward

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/store"
)

func slow(f *platform, d time.Duration) { f.delay = func() time.Duration { return d } }

// Four at a time, each card's payments one after the other, and nobody waits
// for another card.
func TestCardsAreForwardedSideBySide(t *testing.T) {
	in(t, func(t *testing.T, s *store.Store, f *platform) {
		slow(f, time.Second)
		want := map[string]int{}
		for n := range 12 { // three of each card
			want[withCard(t, s, n, fmt.Sprintf("%04d", n/3)).LocalID] = 1
		}
		forwarder := newCrewOf(4, s, f)
		start := time.Now()
		sum, err := forwarder.ForwardNow(background)
		if err != nil || sum.Forwarded != 12 || sum.Left.Count != 0 {
			t.Errorf("%+v, %v", sum, err)
		}
		f.settled(t, want)
		if took := time.Since(start); took != 4*time.Second { // the first finds out alone
			t.Errorf("it took %v", took)
		}
		if f.most != 4 {
			t.Errorf("%d at once", f.most)
		}
	})
}

// What the order is made of must survive a restart.
func TestOneCardIsForwardedInOrder(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	for n := range 8 {
		withCard(t, s, n, "4242")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, dir)
	f := newPlatform(1, 0)
	if sum, err := newCrewOf(4, s, f).ForwardNow(background); err != nil || sum.Forwarded != 8 {
		t.Errorf("%+v, %v", sum, err)
	}
	if !slices.IsSorted(f.order) || len(f.order) != 8 || f.most != 1 {
		t.Errorf("in the order %v, %d at once", f.order, f.most)
	}
}

// A payment that waits keeps its card's later ones back, and no others.
func TestWhoWaitsHoldsTheLane(t *testing.T) {
	in(t, func(t *testing.T, s *store.Store, f *platform) {
		withCard(t, s, 1, "4242")
		withCard(t, s, 2, "4242")
		withCard(t, s, 3, "1881")
		f.script = []fault{requestLost}
		defer running(t, newCrewOf(4, s, f))()
		until(s, func() bool { return s.Pending().Count == 0 })
		if want := []uint64{3, 1, 2}; !slices.Equal(f.order, want) {
			t.Errorf("booked in the order %v, want %v", f.order, want)
		}
	})
}

// ForwardNow waits for what is under way, not for the whole queue.
func TestForwardNowSharesTheTurn(t *testing.T) {
	in(t, func(t *testing.T, s *store.Store, f *platform) {
		slow(f, time.Second)
		want := map[string]int{}
		for n := range 30 {
			want[take(t, s, n).LocalID] = 1
		}
		forwarder := newCrewOf(2, s, f)
		defer running(t, forwarder)()
		time.Sleep(2500 * time.Millisecond)
		start := time.Now()
		sum, err := forwarder.ForwardNow(background)
		if err != nil || sum.Forwarded != 25 { // 1, and twice 2 by Run
			t.Errorf("%+v, %v", sum, err)
		}
		if took := time.Since(start); took != 13*time.Second+500*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		f.settled(t, want)
		if f.most != 2 {
			t.Errorf("%d at once", f.most)
		}
	})
}

// A dead link is found out by one, which stays in front.
func TestDeadLinkIsTriedByOne(t *testing.T) {
	in(t, func(t *testing.T, s *store.Store, f *platform) {
		forwarder := newCrewOf(4, s, f)
		stop := running(t, forwarder)
		take(t, s, 0) // it answered once
		until(s, func() bool { return s.Pending().Count == 0 })
		synctest.Wait()
		stop()

		slow(f, time.Second)
		var tried []uint64
		f.before = func(p store.Payment, _ string) { tried = append(tried, p.Sequence) }
		for n := range 6 {
			take(t, s, 1+n)
		}
		f.script = slices.Repeat([]fault{notSent}, 5)
		defer running(t, forwarder)()
		until(s, func() bool { return s.Pending().Count == 0 })
		if want := []uint64{2, 2, 2, 2, 2, 2}; !slices.Equal(tried[:6], want) {
			t.Errorf("tried %v", tried)
		}
	})
}

// Four failures of one moment are one failure: the next try comes a second later.
func TestFailuresOfOneMomentCountAsOne(t *testing.T) {
	in(t, func(t *testing.T, s *store.Store, f *platform) {
		slow(f, time.Second)
		for n := range 9 {
			take(t, s, n)
		}
		var at []time.Duration
		start := time.Now()
		f.before = func(store.Payment, string) { at = append(at, time.Since(start)) }
		f.script = append([]fault{none}, slices.Repeat([]fault{notSent}, 4)...)
		forwarder := newCrewOf(4, s, f)
		defer running(t, forwarder)()
		until(s, func() bool { return s.Pending().Count == 0 })
		want := []time.Duration{0, 1, 1, 1, 1, 3, 4, 4, 4, 4, 5, 5, 5}
		for i := range want {
			want[i] *= time.Second
		}
		if !slices.Equal(at, want) {
			t.Errorf("requests at %v, want %v", at, want)
		}
		notes := 0
		events, err := s.EventsAfter(0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if e.Kind == KindFailure {
				notes++
			}
		}
		if notes != 1 {
			t.Errorf("%d notes", notes)
		}
	})
}

// The platform's wish to wait is everybody's.
func TestWishToWaitHoldsEverybody(t *testing.T) {
	in(t, func(t *testing.T, s *store.Store, f *platform) {
		slow(f, time.Second)
		for n := range 8 {
			take(t, s, n)
		}
		var at []time.Duration
		start := time.Now()
		f.before = func(store.Payment, string) { at = append(at, time.Since(start)) }
		f.script = []fault{none, busy, busy, busy, busy}
		forwarder := newCrewOf(4, s, f)
		defer running(t, forwarder)()
		synctest.Wait()
		time.Sleep(10 * time.Second)
		forwarder.Kick()
		if sum, err := forwarder.ForwardNow(background); err != nil || sum.RetryAfter != 22*time.Second || sum.Forwarded != 0 {
			t.Errorf("%+v, %v", sum, err)
		}
		until(s, func() bool { return s.Pending().Count == 0 })
		if len(at) < 6 || at[4] != time.Second || at[5] != 32*time.Second {
			t.Errorf("requests at %v", at)
		}
	})
}

// Who comes while others are forwarded is forwarded too, once.
func TestPaymentsStoredMeanwhile(t *testing.T) {
	in(t, func(t *testing.T, s *store.Store, f *platform) {
		slow(f, 300*time.Millisecond)
		want := map[string]int{}
		for n := range 10 {
			want[withCard(t, s, n, fmt.Sprintf("%04d", n%3)).LocalID] = 1
		}
		defer running(t, newCrewOf(4, s, f))()
		for n := range 20 {
			time.Sleep(100 * time.Millisecond)
			want[withCard(t, s, 10+n, fmt.Sprintf("%04d", n%5)).LocalID] = 1
		}
		until(s, func() bool { return s.Pending().Count == 0 })
		f.settled(t, want)
		count := 0
		events, err := s.EventsAfter(0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			switch {
			case e.Payment == nil:
			case e.Payment.State == store.Stored && e.Payment.Attempts == 0:
				count++
			case e.Payment.State == store.Forwarded:
				count--
			}
		}
		if count != 0 {
			t.Errorf("by the journal %d wait", count)
		}
	})
}

// Run ends when those under way are back, and keeps what they bring.
func TestShutdownKeepsTheVerdicts(t *testing.T) {
	in(t, func(t *testing.T, s *store.Store, f *platform) {
		slow(f, time.Second)
		for n := range 9 {
			take(t, s, n)
		}
		stop := running(t, newCrewOf(4, s, f))
		time.Sleep(1500 * time.Millisecond) // one is through, four are under way
		stop()
		if got := s.Pending().Count; got != 4 || len(f.order) != 5 {
			t.Errorf("%d wait, %d booked", got, len(f.order))
		}
		left := map[store.State]int{}
		if err := s.Work(func(w store.WorkItem) bool { left[w.State]++; return true }); err != nil {
			t.Fatal(err)
		}
		if want := map[store.State]int{store.Stored: 4}; !maps.Equal(left, want) {
			t.Errorf("left %v", left)
		}
	})
}

// A store that fails ends Run although a request would take long yet.
func TestFailedStoreEndsTheRequests(t *testing.T) {
	in(t, func(t *testing.T, s *store.Store, f *platform) {
		take(t, s, 1)
		take(t, s, 2)
		m := &mixed{platform: f}
		forwarder := newCrewOf(2, s, m)
		m.before = func(p store.Payment) {
			if p.Sequence == 2 {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
		}
		take(t, s, 3)
		start := time.Now()
		if err := forwarder.Run(background); !errors.Is(err, store.ErrClosed) || time.Since(start) != 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// mixed is deaf to the third payment.
type mixed struct {
	*platform
	before func(store.Payment)
}

func (m *mixed) Submit(ctx context.Context, p store.Payment, envelope []byte) (Verdict, error) {
	if p.Sequence == 3 {
		return deaf{}.Submit(ctx, p, envelope)
	}
	m.before(p)
	return m.platform.Submit(ctx, p, envelope)
}

func TestDrainIsToldOnce(t *testing.T) {
	in(t, func(t *testing.T, s *store.Store, f *platform) {
		var at []time.Duration
		start := time.Now()
		forwarder := newCrewOf(4, s, f)
		forwarder.o.Drain = func() { at = append(at, time.Since(start)) }
		defer running(t, forwarder)()
		synctest.Wait()
		time.Sleep(time.Minute)
		f.script = slices.Repeat([]fault{notSent}, 4) // tried after 0, 1, 3, 7 and 15 s
		for n := range 5 {
			take(t, s, n)
		}
		until(s, func() bool { return s.Pending().Count == 0 })
		time.Sleep(time.Minute)
		take(t, s, 10)
		until(s, func() bool { return s.Pending().Count == 0 })
		time.Sleep(time.Minute)
		take(t, s, 11) // whoever forwards it
		if _, err := forwarder.ForwardNow(background); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		want := []time.Duration{time.Minute, time.Minute + 15*time.Second, 2*time.Minute + 15*time.Second, 3*time.Minute + 15*time.Second}
		if !slices.Equal(at, want) {
			t.Errorf("told at %v, want %v", at, want)
		}
	})
}
