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

func TestStoredPaymentsAreForwardedOnceInOrder(t *testing.T) {
	s, f := openStore(t, t.TempDir()), newPlatform(1, 0)
	want := map[string]int{}
	for n := range 5 {
		want[take(t, s, n).LocalID] = 1
	}
	sum, err := newForwarder(s, f).ForwardNow(background)
	if err != nil || sum.Forwarded != 5 || sum.Err != nil || sum.Left.Count != 0 {
		t.Errorf("%+v, %v", sum, err)
	}
	f.settled(t, want)
	if !slices.IsSorted(f.order) {
		t.Errorf("booked in the order %v", f.order)
	}
	p, err := s.ByIntentID("pi_pl_00000000000000000000000000000003")
	if err != nil || p.State != store.Forwarded || p.ChargeID == "" || p.AuthorizationCode != "123456" || p.DoneAtMs == 0 {
		t.Errorf("ended as %+v, %v", p, err)
	}
	if _, err := s.Sealed(p.LocalID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("its card data is still there: %v", err)
	}
}

func TestVerdictsEndWithTheirReason(t *testing.T) {
	for status, state := range map[Status]store.State{Declined: store.Declined, Failed: store.Failed, Expired: store.Expired} {
		s, f := openStore(t, t.TempDir()), newPlatform(1, 0)
		f.verdict = func(store.Payment) Verdict {
			return Verdict{Status: status, IntentID: "pi_1", Code: "card_declined", DeclineCode: "insufficient_funds", Message: "no"}
		}
		p := take(t, s, 1)
		drain(t, newForwarder(s, f))
		if p = reload(t, s, p); p.State != state || p.Failure == nil || p.Failure.DeclineCode != "insufficient_funds" || p.IntentID != "pi_1" {
			t.Errorf("%s: %+v", status, p)
		}
		f.settled(t, map[string]int{})
	}
}

func TestAnswerWithoutVerdictIsUnknown(t *testing.T) {
	s, f := openStore(t, t.TempDir()), newPlatform(1, 0)
	f.verdict = func(store.Payment) Verdict { return Verdict{Status: "maybe"} }
	p := take(t, s, 1)
	sum, err := newForwarder(s, f).ForwardNow(background)
	if err != nil || sum.Err == nil {
		t.Errorf("%+v, %v", sum, err)
	}
	if p = reload(t, s, p); p.State != store.Unknown {
		t.Errorf("is %s", p.State)
	}
}

// One payment, two requests; whatever happens to each, in every combination.
func TestEveryLossOfTwoRequests(t *testing.T) {
	kinds := []fault{none, notSent, requestLost, answerLost, busy}
	makers := map[string]func(*testing.T, *store.Store, *platform) store.Payment{
		"stored":    func(t *testing.T, s *store.Store, _ *platform) store.Payment { return take(t, s, 1) },
		"attempted": func(t *testing.T, s *store.Store, _ *platform) store.Payment { return attempted(t, s, 1) },
		"authorized": func(t *testing.T, s *store.Store, f *platform) store.Payment {
			p := attempted(t, s, 1)
			f.authorizedOnline(p)
			return p
		},
	}
	for name, make := range makers {
		for _, first := range kinds {
			for _, second := range kinds {
				t.Run(fmt.Sprintf("%s %d %d", name, first, second), func(t *testing.T) {
					s, f := openStore(t, t.TempDir()), newPlatform(1, 0)
					p := make(t, s, f)
					f.script = []fault{first, second}
					drain(t, newForwarder(s, f))
					if p = reload(t, s, p); p.State != store.Forwarded {
						t.Errorf("ended %s", p.State)
					}
					f.settled(t, map[string]int{p.LocalID: 1})
				})
			}
		}
	}
}

func TestUnsentGoesBackAndSentIsUnknown(t *testing.T) {
	for kind, want := range map[fault]store.State{notSent: store.Stored, requestLost: store.Unknown, answerLost: store.Unknown} {
		s, f := openStore(t, t.TempDir()), newPlatform(1, 0)
		p := take(t, s, 1)
		f.script = []fault{kind}
		sum, err := newForwarder(s, f).ForwardNow(background)
		if err != nil || sum.Err == nil || sum.Left.Count != 1 {
			t.Errorf("%+v, %v", sum, err)
		}
		p = reload(t, s, p)
		if counted := p.Attempts == 1; p.State != want || counted != (kind != notSent) {
			t.Errorf("fault %d: %s after %d attempts", kind, p.State, p.Attempts)
		}
		if (p.NextAttemptAtMs == 0) != (kind == notSent) {
			t.Errorf("fault %d: next attempt at %d", kind, p.NextAttemptAtMs)
		}
	}
}

func TestForwardNowStopsAtADeadLink(t *testing.T) {
	s, f := openStore(t, t.TempDir()), newPlatform(1, 0)
	for n := range 4 {
		take(t, s, n)
	}
	f.script = []fault{none, notSent}
	tried := 0
	f.before = func(store.Payment, string) { tried++ }
	sum, err := newForwarder(s, f).ForwardNow(background)
	if err != nil || sum.Forwarded != 1 || sum.Left.Count != 3 || !errors.Is(sum.Err, errLink) {
		t.Errorf("%+v, %v", sum, err)
	}
	work, err := s.List(store.Filter{States: []store.State{store.Stored}})
	if err != nil || len(work) != 3 {
		t.Fatal(work, err)
	}
	if tried != 2 {
		t.Errorf("%d attempts, of which one over a dead link", tried)
	}
}

func TestReversalsEndWhereTheySaid(t *testing.T) {
	for _, after := range []store.State{store.Interrupted, store.Declined, store.Created} {
		s, f := openStore(t, t.TempDir()), newPlatform(1, 0)
		p := reversing(t, s, 1, after)
		f.authorizedOnline(p) // the charge must go
		f.script = []fault{notSent, answerLost}
		sum := drain(t, newForwarder(s, f))
		key := p.NaturalKey
		if p = reload(t, s, p); p.State != after || sum.Reversed != 1 {
			t.Errorf("ended %s, %+v", p.State, sum)
		}
		if f.undone[key] != 2 { // the lost answer's, and the one acknowledged
			t.Errorf("reversed %d times", f.undone[key])
		}
		f.settled(t, map[string]int{})
	}
}

func TestVoidedMeanwhileIsNotSent(t *testing.T) {
	s, f := openStore(t, t.TempDir()), newPlatform(1, 0)
	first, second := take(t, s, 1), take(t, s, 2)
	f.before = func(p store.Payment, _ string) {
		if p.LocalID == first.LocalID {
			second = void(t, s, second)
		}
	}
	if sum, err := newForwarder(s, f).ForwardNow(background); err != nil || sum.Forwarded != 1 || sum.Reversed != 1 {
		t.Errorf("%+v, %v", sum, err)
	}
	if p := reload(t, s, second); p.State != store.Voided || f.submits[p.NaturalKey] != 0 {
		t.Errorf("the voided one is %s, submitted %d times", p.State, f.submits[p.NaturalKey])
	}
	f.settled(t, map[string]int{first.LocalID: 1})
}

func TestCanceledRequestStaysOnRecord(t *testing.T) {
	s, f := openStore(t, t.TempDir()), newPlatform(1, 0)
	p := take(t, s, 1)
	ctx, cancel := context.WithCancel(background)
	f.before = func(store.Payment, string) { cancel() }
	f.script = []fault{answerLost}
	if _, err := newForwarder(s, f).ForwardNow(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if got := reload(t, s, p); got.State != store.Sending {
		t.Errorf("is %s", got.State)
	}
	f.before = nil
	drain(t, newForwarder(s, f))
	f.settled(t, map[string]int{p.LocalID: 1})
}

// What the platform said is kept even if nobody waits for it any more.
func TestVerdictIsKeptAfterCancel(t *testing.T) {
	s, f := openStore(t, t.TempDir()), newPlatform(1, 0)
	p := take(t, s, 1)
	ctx, cancel := context.WithCancel(background)
	f.before = func(store.Payment, string) { cancel() }
	if _, err := newForwarder(s, f).ForwardNow(ctx); err != nil {
		t.Errorf("got %v", err)
	}
	if got := reload(t, s, p); got.State != store.Forwarded {
		t.Errorf("is %s", got.State)
	}
}

// The power goes in the middle of a request, again and again: each time the
// store is closed under the forwarder and opened again from what was on disk.
func TestRestartInEveryRequest(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			dir := t.TempDir()
			s, f := openStore(t, dir), newPlatform(seed, 0.3)
			want := map[string]int{}
			for n := range 8 {
				want[take(t, s, n).LocalID] = 1
			}
			lost := attempted(t, s, 20)
			f.authorizedOnline(lost)
			want[lost.LocalID] = 1
			undo := reversing(t, s, 21, store.Interrupted)
			f.authorizedOnline(undo) // not in want: it has to be taken back

			for restart := 0; ; restart++ {
				if restart > 500 {
					t.Fatal("the queue does not empty")
				}
				// Let one to three requests pass, then pull the plug: half of
				// the time before the platform has it, half of it after.
				left := 1 + int(f.random.Uint64()%3)
				ctx, cut := context.WithCancel(background)
				f.before = func(store.Payment, string) {
					if left--; left == 0 {
						f.script = []fault{[]fault{requestLost, answerLost}[f.random.IntN(2)]}
						cut()
					}
				}
				forwarder := newForwarder(s, f)
				for ctx.Err() == nil {
					if _, err := forwarder.ForwardNow(ctx); err != nil {
						break
					}
					forwarder.forgetWish()
					if !working(t, s) {
						break
					}
				}
				done := ctx.Err() == nil
				cut()
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				s = openStore(t, dir)
				if done {
					break
				}
			}
			f.settled(t, want)
			if got := s.Pending(); got.Count != 0 {
				t.Errorf("left %+v", got)
			}
			if p := reload(t, s, undo); p.State != store.Interrupted || f.undone[undo.NaturalKey] == 0 {
				t.Errorf("the reversal is %s", p.State)
			}
			if report, err := s.Verify(background, nil); err != nil || report.Err() != nil {
				t.Errorf("%v, %v", err, report.Err())
			}
		})
	}
}

// Run, with time that jumps: trouble of all kinds, in all positions.
func TestRunDrainsThroughTrouble(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				s, err := store.Open(background, store.Options{Dir: dir, Signer: deviceKey})
				if err != nil {
					t.Fatal(err)
				}
				f := newPlatform(seed, 0.6)
				want := map[string]int{}
				for n := range 15 {
					want[take(t, s, n).LocalID] = 1
				}
				forwarder := New(Options{Store: s, Submitter: f})
				ctx, stop := context.WithCancel(background)
				ended := make(chan error)
				go func() { ended <- forwarder.Run(ctx) }()
				until(s, func() bool { return s.Pending().Count == 0 })
				stop()
				if err := <-ended; !errors.Is(err, context.Canceled) {
					t.Errorf("Run ended with %v", err)
				}
				f.settled(t, want)
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// until waits for changes of the store until something holds.
func until(s *store.Store, holds func() bool) {
	for {
		changed := s.Changed() // taken first, so that no change is missed
		if holds() {
			return
		}
		<-changed
	}
}

// in runs a test with a store in a bubble of its own time.
func in(t *testing.T, test func(t *testing.T, s *store.Store, f *platform)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, err := store.Open(background, store.Options{Dir: dir, Signer: deviceKey})
		if err != nil {
			t.Fatal(err)
		}
		test(t, s, newPlatform(1, 0))
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// running starts Run and returns how to stop it.
func running(t *testing.T, f *Forwarder) (stop func()) {
	ctx, cancel := context.WithCancel(background)
	ended := make(chan error)
	go func() { ended <- f.Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
	}
}

func TestKickForwardsAtOnce(t *testing.T) {
	in(t, func(t *testing.T, s *store.Store, f *platform) {
		forwarder := newForwarder(s, f)
		defer running(t, forwarder)()
		start := time.Now()
		p := take(t, s, 1)
		forwarder.Kick()
		until(s, func() bool { return reload(t, s, p).State == store.Forwarded })
		if waited := time.Since(start); waited != 0 {
			t.Errorf("it took %v", waited)
		}
	})
}

func TestBackoffGrowsAndAKickEndsIt(t *testing.T) {
	in(t, func(t *testing.T, s *store.Store, f *platform) {
		var at []time.Duration
		start := time.Now()
		f.before = func(store.Payment, string) { at = append(at, time.Since(start)) }
		f.script = []fault{notSent, notSent, notSent, notSent}
		p := take(t, s, 1)
		forwarder := newForwarder(s, f)
		defer running(t, forwarder)()
		synctest.Wait()
		time.Sleep(4 * time.Second) // the link is back before the last wait ends
		forwarder.Kick()
		synctest.Wait()
		f.mu.Lock()
		f.script = nil
		f.mu.Unlock()
		forwarder.Kick()
		until(s, func() bool { return reload(t, s, p).State == store.Forwarded })
		want := []time.Duration{0, time.Second, 3 * time.Second, 4 * time.Second, 4 * time.Second}
		if !slices.Equal(at, want) {
			t.Errorf("requests at %v, want %v", at, want)
		}
	})
}

func TestPlatformsWishToWaitIsRespected(t *testing.T) {
	in(t, func(t *testing.T, s *store.Store, f *platform) {
		var at []time.Duration
		start := time.Now()
		f.before = func(store.Payment, string) { at = append(at, time.Since(start)) }
		f.script = []fault{busy}
		p := take(t, s, 1)
		forwarder := newForwarder(s, f)
		defer running(t, forwarder)()
		synctest.Wait()
		forwarder.Kick()
		sum, err := forwarder.ForwardNow(background)
		if err != nil || sum.RetryAfter != 30*time.Second || len(at) != 1 {
			t.Errorf("%+v, %v, requests at %v", sum, err, at)
		}
		until(s, func() bool { return reload(t, s, p).State == store.Forwarded })
		if len(at) != 3 || at[1] != 30*time.Second { // looked up, then sent again
			t.Errorf("requests at %v", at)
		}
	})
}

// A payment that always fails must not keep the others from theirs.
func TestOneBadPaymentDoesNotBlockTheQueue(t *testing.T) {
	in(t, func(t *testing.T, s *store.Store, f *platform) {
		bad := take(t, s, 1)
		good := take(t, s, 2)
		f.verdict = func(p store.Payment) Verdict {
			if p.LocalID == bad.LocalID {
				return Verdict{Status: "?"}
			}
			return Verdict{Status: Forwarded}
		}
		defer running(t, newForwarder(s, f))()
		until(s, func() bool { return reload(t, s, good).State == store.Forwarded })
		if got := reload(t, s, bad); got.State != store.Unknown {
			t.Errorf("the bad one is %s", got.State)
		}
	})
}

func TestRequestsHaveALimit(t *testing.T) {
	in(t, func(t *testing.T, s *store.Store, _ *platform) {
		p := take(t, s, 1)
		start := time.Now()
		forwarder := New(Options{Store: s, Submitter: deaf{}})
		sum, err := forwarder.ForwardNow(background)
		if err != nil || !errors.Is(sum.Err, context.DeadlineExceeded) || time.Since(start) != 30*time.Second {
			t.Errorf("%+v, %v after %v", sum, err, time.Since(start))
		}
		if got := reload(t, s, p); got.State != store.Unknown {
			t.Errorf("is %s", got.State)
		}
	})
}

// deaf never answers.
type deaf struct{}

func (deaf) Submit(ctx context.Context, _ store.Payment, _ []byte) (Verdict, error) {
	<-ctx.Done()
	return Verdict{}, ctx.Err()
}

func (deaf) LookUp(ctx context.Context, _ store.Payment) (Verdict, error) {
	<-ctx.Done()
	return Verdict{}, ctx.Err()
}

func (deaf) Reverse(ctx context.Context, _ store.Payment) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestFirstFailureInARowIsJournaled(t *testing.T) {
	s, f := openStore(t, t.TempDir()), newPlatform(1, 0)
	take(t, s, 1)
	f.script = []fault{notSent, notSent, notSent}
	forwarder := newForwarder(s, f)
	for range 3 {
		if _, err := forwarder.ForwardNow(background); err != nil {
			t.Fatal(err)
		}
	}
	events, err := s.EventsAfter(0, 100)
	if err != nil {
		t.Fatal(err)
	}
	noted := 0
	for _, e := range events {
		if e.Kind == KindFailure {
			noted++
		}
	}
	if noted != 1 {
		t.Errorf("%d notes", noted)
	}
}

func TestRunEndsWithTheStore(t *testing.T) {
	s, f := openStore(t, t.TempDir()), newPlatform(1, 0)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := newForwarder(s, f).Run(background); !errors.Is(err, store.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestTurnIsNotLostToWhoComesTooLate(t *testing.T) {
	f := newForwarder(openStore(t, t.TempDir()), newPlatform(1, 0))
	late, cancel := context.WithCancel(background)
	cancel()
	for range 64 { // both ways are open; either may be taken
		if err := f.take(late); !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v", err)
		}
		if len(f.turn) != 0 {
			t.Fatal("the turn is taken for ever")
		}
	}
}

// A payment that waits for its time is no reason to let a new one wait.
func TestNewWorkDoesNotWaitForOldWork(t *testing.T) {
	in(t, func(t *testing.T, s *store.Store, f *platform) {
		old := commit(t, s, take(t, s, 1), store.Sending)
		old.NextAttemptAtMs = time.Now().Add(5 * time.Minute).UnixMilli()
		old.Attempted = true
		commit(t, s, old, store.Unknown)
		defer running(t, newForwarder(s, f))()
		synctest.Wait()
		start := time.Now()
		fresh := take(t, s, 2)
		until(s, func() bool { return reload(t, s, fresh).State == store.Forwarded })
		if waited := time.Since(start); waited != 0 {
			t.Errorf("it waited %v", waited)
		}
	})
}

// However many fail, all others get their turn.
func TestManyBadPaymentsDoNotBlockTheQueue(t *testing.T) {
	in(t, func(t *testing.T, s *store.Store, f *platform) {
		bad := map[string]bool{}
		for n := range 5 {
			bad[take(t, s, n).LocalID] = true
		}
		good := take(t, s, 10)
		f.verdict = func(p store.Payment) Verdict {
			if bad[p.LocalID] {
				return Verdict{Status: "?"}
			}
			return Verdict{Status: Forwarded}
		}
		start := time.Now()
		defer running(t, newForwarder(s, f))()
		until(s, func() bool { return reload(t, s, good).State == store.Forwarded })
		if waited := time.Since(start); waited > time.Minute { // 1+2+4+8+16 s
			t.Errorf("it waited %v", waited)
		}
	})
}

func TestForwardNowGivesUpAfterThreeFailures(t *testing.T) {
	s, f := openStore(t, t.TempDir()), newPlatform(1, 0)
	for n := range 6 {
		take(t, s, n)
	}
	f.script = []fault{requestLost, requestLost, none, requestLost, requestLost, requestLost}
	sum, err := newForwarder(s, f).ForwardNow(background)
	if err != nil || sum.Forwarded != 1 || sum.Left.Count != 5 || len(f.script) != 0 {
		t.Errorf("first: %+v, %v, unused %v", sum, err, f.script)
	}
	s, f = openStore(t, t.TempDir()), newPlatform(1, 0)
	for n := range 6 {
		take(t, s, n)
	}
	f.script = []fault{requestLost, requestLost, requestLost}
	sum, err = newForwarder(s, f).ForwardNow(background)
	if err != nil || sum.Forwarded != 0 || sum.Err == nil || sum.Left.Count != 6 {
		t.Errorf("%+v, %v", sum, err)
	}
}

// A verdict that the store cannot take is one payment's trouble.
func TestVerdictTooLargeSetsOnePaymentAside(t *testing.T) {
	in(t, func(t *testing.T, s *store.Store, f *platform) {
		bad, good := take(t, s, 1), take(t, s, 2)
		answers := 0
		f.verdict = func(p store.Payment) Verdict {
			if p.LocalID == bad.LocalID {
				answers++
				return Verdict{Status: Failed, Message: strings.Repeat("x", 300<<10)}
			}
			return Verdict{Status: Forwarded}
		}
		forwarder := newForwarder(s, f)
		defer running(t, forwarder)()
		until(s, func() bool { return reload(t, s, good).State == store.Forwarded })
		synctest.Wait()
		if got := reload(t, s, bad); got.State != store.Sending || got.Attempts != 1 {
			t.Errorf("the bad one is %s after %d attempts", got.State, got.Attempts)
		}
		time.Sleep(forwarder.o.MaxWait + time.Minute)
		synctest.Wait()
		if got := reload(t, s, bad); got.State != store.Unknown || got.Attempts != 2 || answers != 1 {
			t.Errorf("later it is %s after %d attempts, charged %d times", got.State, got.Attempts, answers)
		}
		if sum, err := forwarder.ForwardNow(background); err != nil || !errors.Is(sum.Err, store.ErrTooLarge) {
			t.Errorf("%+v, %v", sum, err)
		}
	})
}

func TestSpaceIsGivenBackSoon(t *testing.T) {
	in(t, func(t *testing.T, s *store.Store, f *platform) {
		var at []time.Duration
		start := time.Now()
		forwarder := newForwarder(s, f)
		forwarder.giveBack = func() error {
			at = append(at, time.Since(start))
			return errors.New("only logged")
		}
		stop := running(t, forwarder)
		synctest.Wait() // nothing was forwarded
		time.Sleep(time.Minute)
		take(t, s, 1)
		take(t, s, 2)
		synctest.Wait()
		time.Sleep(time.Minute)
		take(t, s, 3)
		time.Sleep(30 * time.Minute)
		stop()
		if want := []time.Duration{time.Minute, time.Minute + flattenEvery}; !slices.Equal(at, want) {
			t.Errorf("given back at %v, want %v", at, want)
		}
	})
}
