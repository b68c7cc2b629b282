package store

import (
	"bytes"
	"errors"
	"testing"
)

func TestRescueHandsOverWhatWaits(t *testing.T) {
	s, m := openFresh(t)
	stored := take(t, s, 1)
	sending := walkTo(t, s, take(t, s, 2), Sending)
	unknown := walkTo(t, s, take(t, s, 3), Sending, Unknown)
	failed := walkTo(t, s, take(t, s, 4), Sending, Failed)
	forwarded := walkTo(t, s, take(t, s, 5), Sending, Forwarded)
	reversing := walkTo(t, s, newPayment(6), Created, Collecting, Collected, Authorizing, Reversing)
	neverStored := walkTo(t, s, newPayment(7), Created, Collecting, Failed)

	rescued, notYet, err := s.Rescue(background, "fire")
	if err != nil || rescued != 3 || notYet != 1 {
		t.Fatalf("rescued %d, not yet %d, %v", rescued, notYet, err)
	}
	if s, err = openMachine(m.plugIn()); err != nil {
		t.Fatal(err)
	}
	for _, was := range []Payment{stored, unknown, failed} {
		p, err := s.Payment(was.LocalID)
		if err != nil || p.State != Rescued || p.History[len(p.History)-1].Reason != "fire" {
			t.Errorf("was %s, is %+v, %v", was.State, p, err)
		}
		if b, err := s.Sealed(was.LocalID); err != nil || !bytes.Equal(b, envelope(was, was.Sequence)) {
			t.Errorf("was %s: payload %q, %v", was.State, b, err)
		}
	}
	for _, was := range []Payment{sending, forwarded, reversing, neverStored} {
		if p, err := s.Payment(was.LocalID); err != nil || p.State != was.State {
			t.Errorf("was %s, is %s, %v", was.State, p.State, err)
		}
	}
	if got := s.Pending(); got.Count != 1 {
		t.Errorf("pending %+v", got)
	}
	if rescued, notYet, err := s.Rescue(background, "again"); err != nil || rescued != 0 || notYet != 1 {
		t.Errorf("again: %d, %d, %v", rescued, notYet, err)
	}
	taken, err := s.Payment(stored.LocalID)
	if err != nil {
		t.Fatal(err)
	}
	if taken = walkTo(t, s, taken, Unknown); taken.DoneAtMs != 0 || s.Pending().Count != 2 {
		t.Errorf("taken back: %+v, pending %+v", taken, s.Pending())
	}
}

func TestRescueSharesSyncs(t *testing.T) {
	s, m := openFresh(t)
	const n = 150
	for i := range n {
		take(t, s, i)
	}
	before := m.step
	if rescued, notYet, err := s.Rescue(background, "test"); err != nil || rescued != n || notYet != 0 {
		t.Fatalf("%d, %d, %v", rescued, notYet, err)
	}
	if steps := m.step - before; steps > 3*(n/16) {
		t.Errorf("%d payments took %d writes and syncs", n, steps)
	}
	mustVerify(t, s)
}

// Power goes at every write of a rescue: some are handed over, none is lost, and
// calling it again finishes it.
func TestPowerCutAtEveryWriteOfARescue(t *testing.T) {
	const n = 80 // more than a batch
	shop, original := openFresh(t)
	for i := range n {
		take(t, shop, i)
	}
	for name, how := range map[string]failure{"lost": lose, "kept": keep, "torn": tear} {
		t.Run(name, func(t *testing.T) {
			for failAt := 1; ; failAt++ {
				m := original.plugIn()
				s, err := openMachine(m)
				if err != nil {
					t.Fatal(err)
				}
				m.failAt, m.how = m.step+failAt, how
				_, _, err = s.Rescue(background, "test")
				if err == nil {
					if failAt < 5 {
						t.Fatalf("only %d writes", failAt)
					}
					return
				}
				if !errors.Is(err, ErrFailed) {
					t.Fatalf("step %d: %v", failAt, err)
				}
				if s, err = openMachine(m.plugIn()); err != nil || s.Health().Damaged {
					t.Fatalf("step %d: %+v, %v", failAt, s.Health(), err)
				}
				left := s.Pending().Count
				rescued, notYet, err := s.Rescue(background, "test")
				if err != nil || rescued != left || notYet != 0 || s.Pending().Count != 0 {
					t.Fatalf("step %d: %d left, rescued %d, not yet %d, %v", failAt, left, rescued, notYet, err)
				}
				if all, err := s.List(Filter{States: []State{Rescued}}); err != nil || len(all) != n {
					t.Fatalf("step %d: %d rescued, %v", failAt, len(all), err)
				}
				mustVerify(t, s)
			}
		})
	}
}
