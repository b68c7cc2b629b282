package forward

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/store"
)

// looks notes when payments are looked up.
func looks(f *platform) *[]time.Duration {
	var at []time.Duration
	start := time.Now()
	f.before = func(_ store.Payment, what string) {
		if what == "look up" {
			at = append(at, time.Since(start))
		}
	}
	return &at
}

// A rescued payment is asked about once an hour and never submitted. When its
// end is known its sealed payload goes.
func TestRescuedPaymentsAreAskedAbout(t *testing.T) {
	for status, state := range map[Status]store.State{Forwarded: store.Rescued, Declined: store.Declined} {
		in(t, func(t *testing.T, s *store.Store, f *platform) {
			f.verdict = func(p store.Payment) Verdict {
				return Verdict{Status: status, ChargeID: "ch_1", DeclineCode: "lost_card"}
			}
			at := looks(f)
			p := commit(t, s, take(t, s, 1), store.Rescued)
			defer running(t, newCrewOf(4, s, f))()
			time.Sleep(30 * time.Minute)
			f.rescue(p)
			time.Sleep(40 * time.Minute)
			synctest.Wait()
			if want := []time.Duration{0, time.Hour}; !slices.Equal(*at, want) {
				t.Errorf("asked at %v, want %v", *at, want)
			}
			if p = reload(t, s, p); p.State != state || p.ChargeID != "ch_1" {
				t.Errorf("it is %s with charge %q", p.State, p.ChargeID)
			}
			if _, err := s.Sealed(p.LocalID); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("its card data is still there: %v", err)
			}
			if n := f.submits[p.NaturalKey]; n != 0 {
				t.Errorf("submitted %d times", n)
			}
		})
	}
}

// A refusal is no end: it may be taken back, so the payload stays.
func TestRefusedRescueIsNoted(t *testing.T) {
	in(t, func(t *testing.T, s *store.Store, f *platform) {
		f.verdict = func(store.Payment) Verdict { return Verdict{Status: Failed, Code: "too_old"} }
		p := commit(t, s, take(t, s, 1), store.Rescued)
		f.rescue(p)
		forwarder := newCrewOf(4, s, f)
		stop := running(t, forwarder)
		time.Sleep(70 * time.Minute)
		stop()
		got := reload(t, s, p)
		if got.State != store.Rescued || got.Failure == nil || got.Failure.Code != "too_old" || got.Index != p.Index+1 {
			t.Errorf("it is %s, %+v, at %d after %d", got.State, got.Failure, got.Index, p.Index)
		}
		if _, err := s.Sealed(p.LocalID); err != nil {
			t.Error(err)
		}
	})
}

// Nobody waits for an answer that is only good to know.
func TestAskingSlowsNobodyDown(t *testing.T) {
	in(t, func(t *testing.T, s *store.Store, f *platform) {
		commit(t, s, take(t, s, 1), store.Rescued)
		at := looks(f)
		f.script = []fault{notSent, requestLost}
		defer running(t, newCrewOf(4, s, f))()
		synctest.Wait()
		start := time.Now()
		fresh := take(t, s, 2)
		f.mu.Lock()
		f.script = nil
		f.mu.Unlock()
		until(s, func() bool { return reload(t, s, fresh).State == store.Forwarded })
		if waited := time.Since(start); waited != 0 {
			t.Errorf("a payment waited %v", waited)
		}
		if got := codes(t, s); got != nil {
			t.Errorf("told %v", got)
		}
		time.Sleep(6 * time.Minute)
		synctest.Wait()
		if want := []time.Duration{0, 5 * time.Minute}; !slices.Equal(*at, want) {
			t.Errorf("asked at %v, want %v", *at, want)
		}
	})
}

// The rescuer was faster with a payment that this reader went on with, say one
// that was copied from its disk.
func TestAlreadyRescuedIsRescued(t *testing.T) {
	for name, make := range map[string]func(*testing.T, *store.Store, int) store.Payment{"submitted": take, "looked up": attempted} {
		t.Run(name, func(t *testing.T) {
			s, f := openStore(t, t.TempDir()), newPlatform(1, 0)
			p := make(t, s, 1)
			f.rescue(p)
			sum, err := newForwarder(s, f).ForwardNow(background)
			if err != nil || sum.Rescued != 1 || sum.Forwarded != 0 || sum.Left.Count != 0 {
				t.Errorf("%+v, %v", sum, err)
			}
			if p = reload(t, s, p); p.State != store.Rescued || p.ChargeID == "" {
				t.Errorf("it is %s with charge %q", p.State, p.ChargeID)
			}
			if _, err := s.Sealed(p.LocalID); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("its card data is still there: %v", err)
			}
			f.settled(t, map[string]int{p.LocalID: 1})
		})
	}
}

// Taken back, it is looked up before it is sent.
func TestTakenBackIsForwardedOnce(t *testing.T) {
	s, f := openStore(t, t.TempDir()), newPlatform(1, 0)
	lost, landed := commit(t, s, take(t, s, 1), store.Rescued), commit(t, s, take(t, s, 2), store.Rescued)
	f.rescue(landed)
	commit(t, s, lost, store.Unknown)
	commit(t, s, landed, store.Unknown)
	sum, err := newForwarder(s, f).ForwardNow(background)
	if err != nil || sum.Forwarded != 1 || sum.Rescued != 1 {
		t.Errorf("%+v, %v", sum, err)
	}
	f.settled(t, map[string]int{lost.LocalID: 1, landed.LocalID: 1})
}

// Rescued while it is being looked up: it is somebody else's now.
func TestRescuedMeanwhileIsLeft(t *testing.T) {
	s, f := openStore(t, t.TempDir()), newPlatform(1, 0)
	p := commit(t, s, commit(t, s, take(t, s, 1), store.Sending), store.Unknown)
	f.before = func(_ store.Payment, what string) {
		if p = reload(t, s, p); what == "look up" && p.State == store.Unknown {
			p = commit(t, s, p, store.Rescued)
		}
	}
	if sum, err := newForwarder(s, f).ForwardNow(background); err != nil || sum.Err != nil || sum.Left.Count != 0 {
		t.Errorf("%+v, %v", sum, err)
	}
	if p = reload(t, s, p); p.State != store.Rescued || f.submits[p.NaturalKey] != 0 {
		t.Errorf("it is %s, submitted %d times", p.State, f.submits[p.NaturalKey])
	}
}
