package forward

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/store"
)

// codes returns the causes in the journal's notes.
func codes(t *testing.T, s *store.Store) (all []string) {
	t.Helper()
	for _, note := range notes(t, s) {
		all = append(all, note.Code)
	}
	return all
}

// notes returns the failure notes in the journal.
func notes(t *testing.T, s *store.Store) (all []FailureNote) {
	t.Helper()
	for after := uint64(0); ; {
		events, err := s.EventsAfter(after, 256)
		if err != nil {
			t.Fatal(err)
		}
		if len(events) == 0 {
			return all
		}
		for _, e := range events {
			if after = e.Index; e.Kind != KindFailure {
				continue
			}
			var note FailureNote
			if err := json.Unmarshal(e.Body, &note); err != nil {
				t.Fatal(err)
			}
			all = append(all, note)
		}
	}
}

// Held payments keep their state and nobody else from theirs, not even of the
// same card; the cause is told once, and again when it comes back.
func TestHeldPaymentsWaitWithoutFailing(t *testing.T) {
	in(t, func(t *testing.T, s *store.Store, f *platform) {
		var mode atomic.Bool
		held := []store.Payment{withCard(t, s, 1, "4242"), withCard(t, s, 2, "4242")}
		other := withCard(t, s, 4, "4242")
		forwarder := newCrewOf(4, s, f)
		forwarder.o.Hold = func(p store.Payment) *Hold {
			if p.Sequence > 2 || mode.Load() {
				return nil
			}
			return &Hold{Code: "TEST", Message: "wrong mode"}
		}
		defer running(t, forwarder)()
		until(s, func() bool { return reload(t, s, other).State == store.Forwarded })
		time.Sleep(11 * time.Minute)
		synctest.Wait()
		for _, p := range held {
			if p = reload(t, s, p); p.State != store.Stored || p.Attempts != 0 || p.Failure != nil {
				t.Errorf("it is %s after %d attempts, %+v", p.State, p.Attempts, p.Failure)
			}
		}
		if got := codes(t, s); len(got) != 1 || got[0] != "TEST" {
			t.Errorf("told %v", got)
		}
		sum, err := forwarder.ForwardNow(background)
		if err != nil || sum.Err != nil || sum.Left.Count != 2 {
			t.Errorf("%+v, %v", sum, err)
		}

		mode.Store(true)
		start := time.Now()
		forwarder.Kick()
		until(s, func() bool { return s.Pending().Count == 0 })
		if waited := time.Since(start); waited != 0 {
			t.Errorf("after the change it took %v", waited)
		}
		mode.Store(false)
		synctest.Wait()
		if got := codes(t, s); len(got) != 1 {
			t.Errorf("told %v", got)
		}
	})
}

func TestCauseThatComesBackIsToldAgain(t *testing.T) {
	in(t, func(t *testing.T, s *store.Store, f *platform) {
		var free atomic.Bool
		forwarder := newCrewOf(4, s, f)
		forwarder.o.Hold = func(store.Payment) *Hold {
			if free.Load() {
				return nil
			}
			return &Hold{Code: "TEST"}
		}
		defer running(t, forwarder)()
		for n, want := range []int{1, 2} {
			free.Store(false)
			take(t, s, n)
			synctest.Wait()
			free.Store(true)
			forwarder.Kick()
			until(s, func() bool { return s.Pending().Count == 0 })
			if got := codes(t, s); len(got) != want {
				t.Errorf("told %v, want %d", got, want)
			}
		}
	})
}

// What nobody can forward now is no reason to keep the sealed payloads of the
// others on the disk.
func TestSpaceIsGivenBackAlthoughSomeAreHeld(t *testing.T) {
	in(t, func(t *testing.T, s *store.Store, f *platform) {
		given := 0
		held := take(t, s, 1)
		take(t, s, 2)
		forwarder := newCrewOf(4, s, f)
		forwarder.giveBack = func() error { given++; return nil }
		forwarder.o.Hold = func(p store.Payment) *Hold {
			if p.LocalID == held.LocalID {
				return &Hold{Code: "TEST"}
			}
			return nil
		}
		stop := running(t, forwarder)
		synctest.Wait()
		time.Sleep(11 * time.Minute)
		stop()
		if given != 1 {
			t.Errorf("given back %d times", given)
		}
	})
}

// The platform may say so as well: then it is looked up before it is sent again.
func TestPlatformHoldsAPayment(t *testing.T) {
	in(t, func(t *testing.T, s *store.Store, f *platform) {
		p, other := withCard(t, s, 1, "4242"), withCard(t, s, 2, "4242")
		strict := &account{platform: f, foreign: p.LocalID}
		strict.holds.Store(true)
		forwarder := newCrewOf(4, s, strict)
		defer running(t, forwarder)()
		until(s, func() bool { return reload(t, s, other).State == store.Forwarded })
		if got := reload(t, s, p); got.State != store.Unknown || got.Failure != nil {
			t.Errorf("it is %s, %+v", got.State, got.Failure)
		}
		if got := codes(t, s); len(got) != 1 || got[0] != "ACCOUNT" {
			t.Errorf("told %v", got)
		}
		strict.holds.Store(false)
		f.late[p.LocalID] = true
		forwarder.Kick()
		until(s, func() bool { return reload(t, s, p).State == store.Forwarded })
		f.settled(t, map[string]int{p.LocalID: 1, other.LocalID: 1})
	})
}

// account refuses one payment as another account's.
type account struct {
	*platform
	foreign string
	holds   atomic.Bool
}

func (a *account) Submit(ctx context.Context, p store.Payment, envelope []byte) (Verdict, error) {
	if p.LocalID == a.foreign && a.holds.Load() {
		return Verdict{}, &Hold{Code: "ACCOUNT", Message: "another account's"}
	}
	return a.platform.Submit(ctx, p, envelope)
}
