package forward

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"smartreader/store"
	"smartreader/store/seal"
)

var (
	background = context.Background()
	deviceKey  = func() *ecdsa.PrivateKey {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic(err)
		}
		return key
	}()
)

func openStore(t *testing.T, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(background, store.Options{Dir: dir, Signer: deviceKey})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func sealed(localID string, sequence uint64) string {
	return fmt.Sprintf("sealed %s %d", localID, sequence)
}

// commit takes p to a state.
func commit(t testing.TB, s *store.Store, p store.Payment, next store.State) store.Payment {
	t.Helper()
	from := p.State
	p.State = next
	c := store.Change{Payment: p, Reason: "test"}
	if from == store.Collected && (next == store.Stored || next == store.Authorizing) {
		c.Seal = func(sequence uint64) ([]byte, string, error) {
			return []byte(sealed(p.LocalID, sequence)), seal.NaturalKey("tmr_test", sequence, 7, []byte(p.LocalID[30:])), nil
		}
	}
	p, err := s.Commit(background, c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func create(t testing.TB, s *store.Store, n int) store.Payment {
	t.Helper()
	return commit(t, s, store.Payment{
		LocalID: fmt.Sprintf("pl_%032x", n), Key: fmt.Sprintf("key-%d", n), Amount: 1000 + int64(n), Currency: "usd",
	}, store.Created)
}

// take makes a stored payment.
func take(t *testing.T, s *store.Store, n int) store.Payment {
	t.Helper()
	p := create(t, s, n)
	for _, next := range []store.State{store.Collecting, store.Collected, store.Stored} {
		p = commit(t, s, p, next)
	}
	return p
}

// attempted makes a stored payment whose online authorization lost its answer.
func attempted(t *testing.T, s *store.Store, n int) store.Payment {
	t.Helper()
	p := create(t, s, n)
	for _, next := range []store.State{store.Collecting, store.Collected, store.Authorizing} {
		p = commit(t, s, p, next)
	}
	p.Attempted = true
	return commit(t, s, p, store.Stored)
}

// reversing makes a payment that has to be undone.
func reversing(t *testing.T, s *store.Store, n int, after store.State) store.Payment {
	t.Helper()
	p := create(t, s, n)
	for _, next := range []store.State{store.Collecting, store.Collected, store.Authorizing} {
		p = commit(t, s, p, next)
	}
	p.After = after
	return commit(t, s, p, store.Reversing)
}

func reload(t *testing.T, s *store.Store, p store.Payment) store.Payment {
	t.Helper()
	p, err := s.Payment(p.LocalID)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// newForwarder has no chance in it: one at a time.
func newForwarder(s *store.Store, f Submitter) *Forwarder { return newCrewOf(1, s, f) }

func newCrewOf(n int, s *store.Store, f Submitter) *Forwarder {
	return New(Options{
		Store: s, Submitter: f, InFlight: func() int { return n }, Jitter: func(wait time.Duration) time.Duration { return wait },
	})
}

// withCard makes a stored payment with a card: payments with the same last four
// digits share a lane.
func withCard(t testing.TB, s *store.Store, n int, last4 string) store.Payment {
	t.Helper()
	p := commit(t, s, create(t, s, n), store.Collecting)
	p.Card = &store.Card{Brand: "visa", Last4: last4, ExpMonth: 12, ExpYear: 2031}
	return commit(t, s, commit(t, s, p, store.Collected), store.Stored)
}

// void withdraws a stored payment, as the machine does.
func void(t *testing.T, s *store.Store, p store.Payment) store.Payment {
	t.Helper()
	p.After = store.Voided
	return commit(t, s, p, store.Reversing)
}

// working tells whether anything is left to forward or reverse.
func working(t *testing.T, s *store.Store) (any bool) {
	t.Helper()
	err := s.Work(func(w store.WorkItem) bool { any = w.State.Work(); return !any })
	if err != nil {
		t.Fatal(err)
	}
	return any
}

// drain calls ForwardNow until nothing waits.
func drain(t *testing.T, f *Forwarder) (all Summary) {
	t.Helper()
	for range 1000 {
		sum, err := f.ForwardNow(background)
		if err != nil {
			t.Fatal(err)
		}
		all.Forwarded += sum.Forwarded
		all.Declined += sum.Declined
		all.Failed += sum.Failed
		all.Expired += sum.Expired
		all.Reversed += sum.Reversed
		all.Rescued += sum.Rescued
		f.forgetWish()
		if !working(t, f.o.Store) {
			return all
		}
	}
	t.Fatal("the queue does not empty")
	return all
}

// forgetWish is as if the time the platform asked for had passed.
func (f *Forwarder) forgetWish() {
	f.pace.mu.Lock()
	defer f.pace.mu.Unlock()
	f.pace.hold = time.Time{}
}
