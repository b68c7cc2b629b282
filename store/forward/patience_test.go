package forward

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/store"
)

// hurried is a forwarder whose waits are 60 times shorter.
func hurried(s *store.Store, f Submitter) *Forwarder {
	forwarder := newCrewOf(4, s, f)
	forwarder.o.MaxWait = 5 * time.Second
	return forwarder
}

// A payment that the platform holds is told once and tried ever more rarely: an
// attempt costs journal entries, and there may be many such payments.
func TestPlatformsHoldIsToldOnceAndTriedRarely(t *testing.T) {
	in(t, func(t *testing.T, s *store.Store, f *platform) {
		held := []store.Payment{withCard(t, s, 1, "4242"), withCard(t, s, 2, "1881")}
		before, _ := s.Head()
		strict := &stubborn{platform: f, err: &Hold{Code: "ACCOUNT", Message: "another account's"}}
		for _, p := range held {
			strict.about = append(strict.about, p.LocalID)
		}
		forwarder := hurried(s, strict)
		defer running(t, forwarder)()
		time.Sleep(72 * time.Minute)
		synctest.Wait()
		if got := codes(t, s); len(got) != 1 || got[0] != "ACCOUNT" {
			t.Errorf("told %v", got)
		}
		for _, p := range held {
			if p = reload(t, s, p); p.State != store.Unknown || p.Attempts > 24 {
				t.Errorf("it is %s after %d attempts", p.State, p.Attempts)
			}
		}
		if now, _ := s.Head(); now-before > 80 {
			t.Errorf("%d journal entries", now-before)
		}
		strict.relent()
		start := time.Now()
		forwarder.Kick() // the reader is at its account again
		until(s, func() bool { return s.Pending().Count == 0 })
		if waited := time.Since(start); waited != 0 {
			t.Errorf("it took %v", waited)
		}
	})
}

// stubborn has one answer to everything about some payments.
type stubborn struct {
	*platform
	about []string
	err   error
}

func (s *stubborn) knows(p store.Payment) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.about, p.LocalID)
}

// relent ends it.
func (s *stubborn) relent() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.about = nil
}

func (s *stubborn) Submit(ctx context.Context, p store.Payment, envelope []byte) (Verdict, error) {
	if s.knows(p) {
		return Verdict{}, s.err
	}
	return s.platform.Submit(ctx, p, envelope)
}

func (s *stubborn) LookUp(ctx context.Context, p store.Payment) (Verdict, error) {
	if _, held := errors.AsType[*Hold](s.err); s.knows(p) && !held {
		return Verdict{}, s.err
	}
	return s.platform.LookUp(ctx, p)
}

// A payment about which the platform never answers keeps its card's later ones
// back for hours, but not for ever; that is told, and it goes on being tried.
func TestCardDoesNotWaitForEver(t *testing.T) {
	in(t, func(t *testing.T, s *store.Store, f *platform) {
		stuck, later := withCard(t, s, 1, "4242"), withCard(t, s, 2, "4242")
		odd := &stubborn{platform: f, about: []string{stuck.LocalID}, err: errors.New("500")}
		f.late[stuck.LocalID] = true
		defer running(t, hurried(s, odd))()
		sell := func(from, until int) { // others come and are forwarded
			for n := from; n < until; n++ {
				time.Sleep(3 * time.Second)
				withCard(t, s, n, fmt.Sprint(n))
			}
			synctest.Wait()
		}
		sell(1000, 1060) // three minutes, which stand for hours
		if got := reload(t, s, later); got.State != store.Stored || got.Attempts != 0 {
			t.Errorf("after three minutes it is %s", got.State)
		}
		sell(2000, 2200) // ten minutes
		if got := reload(t, s, later); got.State != store.Forwarded {
			t.Errorf("after 13 minutes it is %s", got.State)
		}
		told := 0
		for _, note := range notes(t, s) {
			if note.LocalID == stuck.LocalID && strings.Contains(note.Message, "no longer wait") {
				told++
			}
		}
		if told != 1 {
			t.Errorf("told %d times", told)
		}
		if got := reload(t, s, stuck); got.State != store.Unknown || s.Pending().Count != 1 {
			t.Errorf("it is %s", got.State)
		}
		odd.relent()
		time.Sleep(90 * time.Minute)
		synctest.Wait()
		if got := reload(t, s, stuck); got.State != store.Forwarded {
			t.Errorf("in the end it is %s", got.State)
		}
	})
}

// After hours without internet a shop waits for nothing: neither had the payments
// any part in it, nor does the power that goes in the middle of a try, nor an answer
// that is lost when the internet is back, cost more than at the first try.
func TestNobodyPaysForAnOutage(t *testing.T) {
	in(t, func(t *testing.T, s *store.Store, f *platform) {
		var made []store.Payment
		want := map[string]int{}
		for n := range 4 {
			made = append(made, withCard(t, s, n, fmt.Sprint(n)))
			want[made[n].LocalID] = 1
		}
		down := true
		f.before = func(store.Payment, string) {
			if down {
				f.script = []fault{notSent}
			}
		}
		stop := running(t, newCrewOf(4, s, f))
		time.Sleep(time.Hour)
		stop()
		interrupted := reload(t, s, made[1]) // as a try in which the power goes leaves it
		interrupted.Attempts++
		commit(t, s, interrupted, store.Sending)
		forwarder := newCrewOf(4, s, f)
		defer running(t, forwarder)()
		time.Sleep(time.Hour)
		synctest.Wait()
		if tried := reload(t, s, made[0]).Attempts; tried != 0 {
			t.Errorf("%d attempts count, and nothing was ever sent", tried)
		}
		down = false
		f.script = []fault{answerLost, none, answerLost}
		start := time.Now()
		forwarder.Kick()
		until(s, func() bool { return s.Pending().Count == 0 })
		if waited := time.Since(start); waited > 10*time.Second {
			t.Errorf("with the internet back it took %v", waited)
		}
		f.settled(t, want)
	})
}

// A platform that is there and answers nothing but errors is asked every few
// minutes, by the whole queue; the same when the link goes now and then. Where it
// answers look-ups, each payment waits for itself.
func TestSickPlatformIsNotHammered(t *testing.T) {
	for name, test := range map[string]struct {
		fault func(n int, what string) fault
		most  int // requests in an hour
	}{
		"errors":            {func(int, string) fault { return requestLost }, 25},
		"errors, link lost": {func(n int, _ string) fault { return []fault{requestLost, notSent}[n%2] }, 32},
		"look-ups answered": {func(_ int, what string) fault {
			if what == "look up" {
				return none
			}
			return requestLost
		}, 150},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T, s *store.Store, f *platform) {
				for n := range 4 {
					withCard(t, s, n, fmt.Sprint(n))
				}
				requests := 0
				f.before = func(_ store.Payment, what string) {
					f.script = []fault{test.fault(requests, what)}
					requests++
				}
				defer running(t, newCrewOf(4, s, f))()
				time.Sleep(time.Hour)
				synctest.Wait()
				if requests < 12 || requests > test.most {
					t.Errorf("%d requests in an hour", requests)
				}
			})
		})
	}
}

// An outage, however long, is nobody's own failure: the order stays.
func TestLongOutageKeepsTheOrder(t *testing.T) {
	in(t, func(t *testing.T, s *store.Store, f *platform) {
		for n := range 6 {
			withCard(t, s, n, fmt.Sprint(n%2))
		}
		f.script = slices.Repeat([]fault{requestLost}, 10000)
		defer running(t, hurried(s, f))()
		time.Sleep(40 * time.Minute)
		f.mu.Lock()
		f.script = nil
		f.mu.Unlock()
		until(s, func() bool { return s.Pending().Count == 0 })
		f.settled(t, map[string]int{
			stored(0): 1, stored(1): 1, stored(2): 1, stored(3): 1, stored(4): 1, stored(5): 1,
		})
	})
}

func stored(n int) string { return fmt.Sprintf("pl_%032x", n) }

// Sent again after a refusal, a payment is looked up first. A refusal that stands
// is the same verdict again, and costs nothing but the question; one that the
// platform took back is sent and charged once.
func TestSentAgainAfterARefusal(t *testing.T) {
	s, f := openStore(t, t.TempDir()), newPlatform(1, 0)
	good := f.verdict
	f.verdict = func(store.Payment) Verdict { return Verdict{Status: Failed, Code: "envelope_invalid"} }
	p := withCard(t, s, 1, "4242")
	forwarder := newForwarder(s, f)
	if sum, err := forwarder.ForwardNow(background); err != nil || sum.Failed != 1 {
		t.Fatalf("%+v, %v", sum, err)
	}
	again := func() {
		t.Helper()
		q := reload(t, s, p)
		q.Attempted = true
		commit(t, s, q, store.Stored)
	}
	for range 3 {
		again()
		if sum, err := forwarder.ForwardNow(background); err != nil || sum.Failed != 1 || sum.Left.Count != 0 {
			t.Errorf("%+v, %v", sum, err)
		}
		q := reload(t, s, p)
		if _, err := s.Sealed(p.LocalID); err != nil || q.State != store.Failed || q.Failure.Code != "envelope_invalid" || f.submits[q.NaturalKey] != 1 {
			t.Errorf("%s, %+v, submitted %d times, %v", q.State, q.Failure, f.submits[q.NaturalKey], err)
		}
	}
	delete(f.byKey, reload(t, s, p).NaturalKey)
	f.verdict = good
	again()
	if sum, err := forwarder.ForwardNow(background); err != nil || sum.Forwarded != 1 {
		t.Errorf("%+v, %v", sum, err)
	}
	if q := reload(t, s, p); q.State != store.Forwarded || q.Failure != nil {
		t.Errorf("%s, %+v", q.State, q.Failure)
	}
	f.settled(t, map[string]int{p.LocalID: 1})
}

// The platform has charged it, and the answer arrives in the moment in which the
// payment is voided or handed over: the charge is reversed, or kept and known.
func TestVerdictAndVoidOrRescueInOneMoment(t *testing.T) {
	for name, test := range map[string]struct {
		change  func(*testing.T, *store.Store, store.Payment) store.Payment
		end     store.State
		charges int
	}{
		"voided": {void, store.Voided, 0},
		"rescued": {func(t *testing.T, s *store.Store, p store.Payment) store.Payment {
			return commit(t, s, p, store.Rescued)
		}, store.Rescued, 1},
		"rescued, taken back, rescued again": {func(t *testing.T, s *store.Store, p store.Payment) store.Payment {
			return commit(t, s, commit(t, s, commit(t, s, p, store.Rescued), store.Unknown), store.Rescued)
		}, store.Rescued, 1},
		"rescued and taken back": {func(t *testing.T, s *store.Store, p store.Payment) store.Payment {
			return commit(t, s, commit(t, s, p, store.Rescued), store.Unknown)
		}, store.Forwarded, 1},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T, s *store.Store, f *platform) {
				p := withCard(t, s, 1, "4242")
				f.script = []fault{answerLost}
				changed := false
				f.before = func(_ store.Payment, what string) {
					if what == "look up" && !changed {
						changed = true
						test.change(t, s, reload(t, s, p))
					}
				}
				stop := running(t, newCrewOf(4, s, f))
				time.Sleep(70 * time.Minute)
				stop()
				q := reload(t, s, p)
				want := map[string]int{}
				if test.charges > 0 {
					want[p.LocalID] = 1
				}
				if f.settled(t, want); !changed || q.State != test.end || (q.ChargeID != "") != (test.charges > 0) {
					t.Errorf("it is %s with charge %q", q.State, q.ChargeID)
				}
				if _, err := s.Sealed(p.LocalID); !errors.Is(err, store.ErrNotFound) {
					t.Errorf("its card data is still there: %v", err)
				}
			})
		})
	}
}
