package store

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

// till plays a shop's hour on a store and writes down what it was told.
type till struct {
	s    *Store
	told map[string]Payment // last state that Commit returned
	head uint64
	blob string
}

func (u *till) step(p Payment, next State) (Payment, error) {
	p, err := tryWalk(u.s, p, next)
	if err != nil {
		return p, err
	}
	u.told[p.LocalID] = p
	u.head = p.Index
	return p, nil
}

func (u *till) walk(p Payment, states ...State) (_ Payment, err error) {
	for _, next := range states {
		if p, err = u.step(p, next); err != nil {
			return p, err
		}
	}
	return p, nil
}

// mend ends the play of a shop whose journal lost its end: what is left is
// forwarded, then the loss is acknowledged, then business goes on.
func (u *till) mend() error {
	for range 3 {
		p, _, err := u.s.NextWork(testClock)
		if err == nil {
			_, err = u.walk(p, Sending, Forwarded)
		}
		if err != nil {
			return err
		}
	}
	if err := u.s.AcknowledgeLoss(background, "test"); err != nil {
		return err
	}
	_, err := u.walk(newPayment(70), Created, Collecting, Collected, Stored)
	return err
}

// group writes one step of several payments as one batch.
func (u *till) group(next State, payments ...*Payment) error {
	var waiters []*waiter
	for _, p := range payments {
		if p.Index == 0 {
			p.State = ""
		}
		c := to(*p, next)
		waiters = append(waiters, &waiter{change: &c, done: make(chan struct{})})
	}
	u.s.lead <- struct{}{}
	u.s.write(waiters)
	<-u.s.lead
	for i, w := range waiters {
		if w.err != nil {
			return w.err
		}
		*payments[i] = w.payment
		u.told[w.payment.LocalID] = w.payment
		u.head = max(u.head, w.payment.Index)
	}
	return nil
}

func (u *till) play() error {
	a, err := u.walk(newPayment(1), Created, Collecting, Collected, Stored)
	if err != nil {
		return err
	}
	if err := u.s.PutBlob(background, "config", []byte("1")); err != nil {
		return err
	}
	u.blob = "1"
	x, y, z := newPayment(2), newPayment(3), newPayment(4)
	for _, next := range []State{Created, Collecting, Collected, Stored} {
		if err := u.group(next, &x, &y, &z); err != nil {
			return err
		}
	}
	if _, err = u.walk(a, Sending, Unknown, Sending, Forwarded); err != nil {
		return err
	}
	index, err := u.s.Note(background, "note", "text")
	if err != nil {
		return err
	}
	u.head = index
	_, err = u.walk(newPayment(5), Created, Collecting, Collected, Authorizing, Reversing, Interrupted)
	return err
}

// Power goes at every single write, and each time in every way a step can fail:
// whatever was told is there afterwards, nothing is invented, nothing is taken
// for damage, and the shop goes on.
func TestPowerCutAtEveryWrite(t *testing.T) {
	for name, how := range map[string]failure{"lost": lose, "kept": keep, "torn": tear} {
		t.Run(name, func(t *testing.T) {
			for failAt := 1; ; failAt++ {
				m := freshMachine()
				m.failAt, m.how = failAt, how
				u := &till{told: map[string]Payment{}}
				s, err := openMachine(m)
				if err == nil {
					u.s = s
					err = u.play()
				}
				if err == nil {
					if failAt < 40 {
						t.Fatalf("the hour has only %d writes", failAt)
					}
					return // every step has had its turn
				}
				if u.s != nil {
					if _, again := s.Commit(background, Change{Payment: newPayment(99)}); !errors.Is(again, ErrFailed) {
						t.Fatalf("step %d: after a failed write Commit says %v", failAt, again)
					}
					if _, again := s.Payment(newPayment(1).LocalID); !errors.Is(again, ErrFailed) {
						t.Fatalf("step %d: after a failed write reads say %v", failAt, again)
					}
				}
				checkAfterCut(t, fmt.Sprintf("step %d", failAt), m.plugIn(), u)
			}
		})
	}
}

// The same in a store that lost the end of its journal or the head slots, or
// whose last entry is damaged: a cut adds nothing to the damage, neither while what is left is
// forwarded nor while the loss is acknowledged.
func TestPowerCutAtEveryWriteInADamagedStore(t *testing.T) {
	shops := map[string]func() *machine{
		"no slots": func() *machine {
			m := hour(t)
			clear(m.slots)
			return m
		},
		"cut": func() *machine { return cutTail(t, 7) },
		"flipped": func() *machine {
			m := cutTail(t, 1) // the last entry is back, but not as it was
			b := []byte(m.disk[string(journalKey(23))])
			b[len(b)/2] ^= 1
			m.disk[string(journalKey(24))] = string(b)
			return m
		},
	}
	for shop, damaged := range shops {
		for name, how := range map[string]failure{"lost": lose, "kept": keep, "torn": tear} {
			t.Run(shop+" "+name, func(t *testing.T) {
				for failAt := 1; ; failAt++ {
					m := damaged()
					s, err := openMachine(m)
					if err != nil {
						t.Fatal(err)
					}
					before := s.Health()
					m.failAt, m.how = m.step+failAt, how
					u := &till{s: s, told: map[string]Payment{}}
					err = u.mend()
					if err == nil {
						if failAt < 24 {
							t.Fatalf("only %d writes", failAt)
						}
						return
					}
					if s, err = openMachine(m.plugIn()); err != nil {
						t.Fatalf("step %d: %v", failAt, err)
					}
					h := s.Health()
					if h.Damaged && (!slices.Equal(h.Missing, before.Missing) || !slices.Equal(h.DamagedEntries, before.DamagedEntries) || !slices.Equal(h.MissingSequences, before.MissingSequences)) {
						t.Fatalf("step %d: damage was\n%+v, is\n%+v", failAt, before, h)
					}
					for id, told := range u.told {
						if got, err := s.Payment(id); err != nil || got.Index < told.Index {
							t.Fatalf("step %d: told as %+v, is %+v, %v", failAt, told, got, err)
						}
					}
					if err := s.AcknowledgeLoss(background, "again"); err != nil {
						t.Fatal(err)
					}
					mustVerify(t, s)
				}
			})
		}
	}
}

func checkAfterCut(t *testing.T, where string, m *machine, u *till) {
	t.Helper()
	s, err := openMachine(m)
	if err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	if h := s.Health(); h.Damaged {
		t.Fatalf("%s: a power cut counts as damage: %+v", where, h)
	}
	report := mustVerify(t, s)
	if report.Head < u.head || report.Head > u.head+3 {
		t.Fatalf("%s: told up to %d, found up to %d", where, u.head, report.Head)
	}
	for id, told := range u.told {
		got, err := s.Payment(id)
		if err != nil {
			t.Fatalf("%s: %s was told and is gone: %v", where, id, err)
		}
		if got.Index != told.Index && !(told.State.Allows(got.State) && got.Index > u.head) {
			t.Fatalf("%s: %s was told as %s at %d, is %s at %d", where, id, told.State, told.Index, got.State, got.Index)
		}
		_, sealedErr := s.Sealed(id)
		if got.State.sealed() != (sealedErr == nil) {
			t.Fatalf("%s: %s is %s, payload: %v", where, id, got.State, sealedErr)
		}
	}
	if u.blob != "" {
		if b, err := s.Blob("config"); err != nil || string(b) != u.blob {
			t.Fatalf("%s: blob %q, %v", where, b, err)
		}
	}
	last := report.Sequences.Last()
	if p := take(t, s, 50); p.Sequence != last+1 {
		t.Fatalf("%s: sequence %d after %d", where, p.Sequence, last)
	}
	if gaps := mustVerify(t, s).SequenceGaps(); len(gaps) > 0 {
		t.Fatalf("%s: gaps %v", where, gaps)
	}
	pending := 0
	stored, err := s.List(Filter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range stored {
		if p.State.Pending() {
			pending++
		}
	}
	if got := s.Pending().Count; got != pending {
		t.Fatalf("%s: totals count %d, there are %d", where, got, pending)
	}
}

// What a reader of the store sees must be durable already: it may tell others.
func TestReadersSeeNothingThatIsNotDurable(t *testing.T) {
	s, _ := openFresh(t)
	p := walkTo(t, s, newPayment(1), Created)
	changed := s.Changed()
	synced := false
	s.slots = hookedSlots{s.slots, func() {
		synced = true
		if s.mu.TryRLock() {
			s.mu.RUnlock()
			t.Error("a reader gets through before the head slot is synced")
		}
		select {
		case <-changed:
			t.Error("listeners are woken before the head slot is synced")
		default:
		}
	}}
	walkTo(t, s, p, Collecting)
	if !synced {
		t.Error("Commit returned without syncing the head slot")
	}
	<-changed
}

type hookedSlots struct {
	slotFile
	beforeSync func()
}

func (h hookedSlots) Sync() error {
	h.beforeSync()
	return h.slotFile.Sync()
}
