package store

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"smartreader/store/seal"
)

const day = 24 * time.Hour

// quarter is a machine at day 120 of a shop that was busy on day 0: 40 payments
// of which 35 ended. kept are those that must not go, by state.
func quarter(t testing.TB) (m *machine, kept map[State]Payment) {
	t.Helper()
	s, m := openFresh(t)
	kept = map[State]Payment{}
	for n := range 40 {
		p := newPayment(n)
		if n%2 == 0 {
			p.IntentID, p.ClientSecret = fmt.Sprintf("pi_%d", n), fmt.Sprintf("secret_%d", n)
		}
		p = walkTo(t, s, withCard(p), Created, Collecting, Collected, Stored)
		switch n {
		case 3:
			kept[Stored] = p
		case 7:
			kept[Failed] = walkTo(t, s, p, Sending, Failed)
		case 11:
			kept[Rescued] = walkTo(t, s, p, Rescued)
		case 15:
			kept[Unknown] = walkTo(t, s, p, Sending, Unknown)
		default:
			walkTo(t, s, p, Sending, Forwarded)
		}
		request := Request{POS: "pos-1", ID: fmt.Sprint(n), AtMs: testClock.UnixMilli()}
		if err := s.PutRequest(background, request); err != nil {
			t.Fatal(err)
		}
	}
	kept[Created] = walkTo(t, s, newPayment(100), Created)
	late(t, s)
	for range keepEntries {
		if _, err := s.Note(background, "note", "today"); err != nil {
			t.Fatal(err)
		}
	}
	return m, kept
}

// late puts the store's clock and floor to day 120.
func late(t testing.TB, s *Store) {
	t.Helper()
	now := testClock.Add(120 * day)
	s.clock = func() time.Time { return now }
	if err := s.RaiseFloor(background, now); err != nil {
		t.Fatal(err)
	}
}

func reopenLate(t testing.TB, m *machine) *Store {
	t.Helper()
	s, err := openMachine(m)
	if err != nil {
		t.Fatal(err)
	}
	s.clock = func() time.Time { return testClock.Add(120 * day) }
	return s
}

var ninetyDaysBefore = testClock.Add(30 * day)

func TestPruneDropsWhatEndedAndKeepsWhatIsOwed(t *testing.T) {
	m, kept := quarter(t)
	s := reopenLate(t, m)
	pending, head := s.Pending(), s.head.index
	done, err := s.Prune(background, ninetyDaysBefore)
	if err != nil || done.Payments != 36 || done.Entries < 200 {
		t.Fatalf("%+v, %v", done, err)
	}
	check := func(s *Store) {
		t.Helper()
		for state, was := range kept {
			p, err := s.Payment(was.LocalID)
			if err != nil || p.State != state || p.Index <= head {
				t.Errorf("%s: %+v, %v", state, p, err)
			}
			was.Index = p.Index
			if fmt.Sprint(was.History) != fmt.Sprint(p.History) || was.PayloadHash != p.PayloadHash || was.Sequence != p.Sequence {
				t.Errorf("%s was\n%+v, is\n%+v", state, was, p)
			}
			if b, err := s.Sealed(was.LocalID); state != Created && (err != nil || !bytes.Equal(b, envelope(was, was.Sequence))) {
				t.Errorf("%s: payload %q, %v", state, b, err)
			}
		}
		if got := s.Pending(); got.Count != pending.Count || !maps.Equal(got.ByCurrency, pending.ByCurrency) {
			t.Errorf("pending was %+v, is %+v", pending, got)
		}
		all, err := s.List(Filter{})
		if err != nil || len(all) != len(kept) {
			t.Errorf("%d payments left, %v", len(all), err)
		}
		report := mustVerify(t, s)
		if report.First != uint64(done.Entries)+1 || report.Pruned == nil || len(report.Missing) > 0 || len(report.SequenceGaps()) > 0 || report.Sequences.Last() != 40 {
			t.Errorf("report %+v", report)
		}
		if h := s.Health(); h.Damaged {
			t.Errorf("health %+v", h)
		}
	}
	check(s)
	m = m.plugIn()
	s = reopenLate(t, m)
	check(s)

	// Nothing of what was dropped is left anywhere.
	for k, v := range m.disk {
		for n := range 40 {
			id := newPayment(n).LocalID
			if _, err := s.Payment(id); errors.Is(err, ErrNotFound) && (strings.Contains(k, id) || strings.Contains(v, id)) {
				t.Errorf("%q still leads to %s", k, id)
			}
		}
	}
	if _, err := s.Request("pos-1", "3"); !errors.Is(err, ErrNotFound) {
		t.Errorf("an old request: %v", err)
	}
	// What is owed can still be forwarded, and the numbers go on.
	p, _ := s.Payment(kept[Stored].LocalID)
	walkTo(t, s, p, Sending, Forwarded)
	if p := take(t, s, 200); p.Sequence != 41 {
		t.Errorf("sequence %d", p.Sequence)
	}
	if again, err := s.Prune(background, ninetyDaysBefore); err != nil || again != (Pruned{}) {
		t.Errorf("again: %+v, %v", again, err)
	}
}

func TestPruneDistrustsTheClock(t *testing.T) {
	s, m := openFresh(t)
	for n := range 60 {
		walkTo(t, s, take(t, s, n), Sending, Forwarded)
	}
	s.clock = func() time.Time { return testClock.Add(3650 * day) } // wrong
	steps := m.step
	if done, err := s.Prune(background, s.clock().Add(-90*day)); err != nil || done != (Pruned{}) || m.step != steps {
		t.Errorf("%+v, %v, %d writes", done, err, m.step-steps)
	}
	if err := s.RaiseFloor(background, testClock.Add(29*day)); err != nil {
		t.Fatal(err)
	}
	if done, err := s.Prune(background, s.clock()); err != nil || done != (Pruned{}) {
		t.Errorf("events of 30 days: %+v, %v", done, err)
	}
}

// A reader whose clock does not run while it is off (a seasonal shop, a dead
// battery) writes times that are lower bounds. What it took today must not go
// because the platform then tells the date.
func TestPruneKeepsWhatAnUnsetClockWrote(t *testing.T) {
	s, _ := openFresh(t)
	now := testClock
	s.clock = func() time.Time { return now }
	for n := range 60 {
		walkTo(t, s, take(t, s, n), Sending, Forwarded)
	}
	now = time.Unix(0, 0) // 120 days later, and nobody knows
	var today []Payment
	for n := range 60 {
		today = append(today, take(t, s, 100+n))
	}
	now = testClock.Add(120 * day)
	if err := s.RaiseFloor(background, now); err != nil {
		t.Fatal(err)
	}
	for _, p := range today {
		walkTo(t, s, p, Sending, Forwarded)
	}
	done, err := s.Prune(background, now.Add(-90*day))
	if err != nil || done.Payments != 60 {
		t.Errorf("%+v, %v", done, err)
	}
	for _, p := range today {
		mustPayment(t, s, p.LocalID)
	}
	events, err := s.EventsAfter(0, 1)
	if err != nil || len(events) != 1 || events[0].Payment.LocalID != today[0].LocalID {
		t.Errorf("events begin with %+v, %v", events, err)
	}
	now = testClock.Add(240 * day)
	if err := s.RaiseFloor(background, now); err != nil {
		t.Fatal(err)
	}
	for range keepEntries {
		if _, err := s.Note(background, "note", ""); err != nil {
			t.Fatal(err)
		}
	}
	if done, err := s.Prune(background, now.Add(-90*day)); err != nil || done.Payments != 60 {
		t.Errorf("when it is old: %+v, %v", done, err)
	}
}

// A clock that was ahead for a moment gives every later entry a time to come. That
// must not end pruning for years, nor make it forget what is new.
func TestPruneGoesOnAfterAClockGlitch(t *testing.T) {
	s, _ := openFresh(t)
	now := testClock
	s.clock = func() time.Time { return now }
	walkTo(t, s, take(t, s, 1), Sending, Forwarded)
	now = testClock.Add(3650 * day)
	if _, err := s.Note(background, "note", "in ten years"); err != nil {
		t.Fatal(err)
	}
	now = testClock
	for n := range 60 {
		walkTo(t, s, take(t, s, 100+n), Sending, Forwarded)
	}
	now = testClock.Add(120 * day)
	if err := s.RaiseFloor(background, now); err != nil {
		t.Fatal(err)
	}
	for n := range keepEntries {
		take(t, s, 1000+n)
	}
	if done, err := s.Prune(background, now.Add(-90*day)); err != nil || done.Payments != 61 {
		t.Errorf("%+v, %v", done, err)
	}
	if s.Pending().Count != keepEntries {
		t.Errorf("%+v", s.Pending())
	}
	mustVerify(t, s)
}

// A payment that is owed keeps its idempotency key through every prune, and the
// numbers the platform sees keep no hole.
func TestPruneKeepsTheKeyOfWhatIsOwed(t *testing.T) {
	m, kept := quarter(t)
	s := reopenLate(t, m)
	for range 2 {
		if _, err := s.Prune(background, ninetyDaysBefore); err != nil {
			t.Fatal(err)
		}
		for state, was := range kept {
			second := newPayment(5000)
			second.Key = was.Key
			if _, err := tryWalk(s, second, Created); !errors.Is(err, ErrKeyUsed) {
				t.Errorf("%s: its key again: %v", state, err)
			}
			if p, err := s.ByKey(was.Key); err != nil || p.LocalID != was.LocalID || p.State != state {
				t.Errorf("%s by its key: %+v, %v", state, p, err)
			}
			if was.IntentID == "" {
				continue
			}
			if p, err := s.ByIntentID(was.IntentID); err != nil || p.LocalID != was.LocalID {
				t.Errorf("%s by its intent: %+v, %v", state, p, err)
			}
		}
		s = reopenLate(t, m.plugIn())
		m = s.disk.(modelDisk).machine
	}
	free := newPayment(6000)
	free.Key = newPayment(1).Key // that payment was forwarded and pruned
	if p := walkTo(t, s, free, Created, Collecting, Collected, Stored); p.Sequence != 41 {
		t.Errorf("sequence %d", p.Sequence)
	}
	if gaps := mustVerify(t, s).SequenceGaps(); len(gaps) > 0 {
		t.Errorf("gaps %v", gaps)
	}
}

// Many rounds, and again a quarter later: checkpoints go too, and what they knew
// is in the newest.
func TestPruneInRoundsAndAgain(t *testing.T) {
	s, m := openFresh(t)
	now := testClock
	s.clock = func() time.Time { return now }
	owed := take(t, s, 9999)
	n := 0
	for quarter := range 3 {
		for range 250 {
			walkTo(t, s, take(t, s, n), Sending, Forwarded)
			n++
		}
		now = now.Add(120 * day)
		if err := s.RaiseFloor(background, now); err != nil {
			t.Fatal(err)
		}
		for range keepEntries {
			if _, err := s.Note(background, "note", n); err != nil {
				t.Fatal(err)
			}
		}
		done, err := s.Prune(background, now.Add(-90*day))
		if err != nil || done.Entries < roundEntries || done.Payments != 250 {
			t.Fatalf("quarter %d: %+v, %v", quarter, done, err)
		}
		report := mustVerify(t, s)
		if len(report.SequenceGaps()) > 0 || report.Sequences.Last() != uint64(n+1) || report.First == 1 {
			t.Fatalf("quarter %d: %+v", quarter, report)
		}
		if p, err := s.Payment(owed.LocalID); err != nil || p.State != Stored {
			t.Fatalf("quarter %d: %+v, %v", quarter, p, err)
		}
	}
	if s, err := openMachine(m.plugIn()); err != nil || s.Health().Damaged {
		t.Errorf("%+v, %v", s.Health(), err)
	}
}

// Power goes at every write of a prune, in every way: nothing counts as damage,
// nothing that must stay is gone, and the next prune finishes it.
func TestPowerCutAtEveryWriteOfAPrune(t *testing.T) {
	shop, kept := quarter(t)
	for name, how := range map[string]failure{"lost": lose, "kept": keep, "torn": tear} {
		t.Run(name, func(t *testing.T) {
			for failAt := 1; ; failAt++ {
				m := shop.plugIn()
				s := reopenLate(t, m)
				m.failAt, m.how = m.step+failAt, how
				_, err := s.Prune(background, ninetyDaysBefore)
				if err == nil {
					if failAt < 7 {
						t.Fatalf("only %d writes", failAt)
					}
					return
				}
				m = m.plugIn()
				for range 2 { // as found, then finished
					s = reopenLate(t, m)
					if h := s.Health(); h.Damaged {
						t.Fatalf("step %d: %+v", failAt, h)
					}
					if report := mustVerify(t, s); len(report.SequenceGaps()) > 0 || report.Sequences.Last() != 40 {
						t.Fatalf("step %d: %+v", failAt, report)
					}
					for state, was := range kept {
						if p, err := s.Payment(was.LocalID); err != nil || p.State != state {
							t.Fatalf("step %d: %s is %+v, %v", failAt, state, p, err)
						}
						if _, err := s.Sealed(was.LocalID); state != Created && err != nil {
							t.Fatalf("step %d: %s: %v", failAt, state, err)
						}
					}
					if s.Pending().Count != 2 {
						t.Fatalf("step %d: pending %+v", failAt, s.Pending())
					}
					if _, err := s.Prune(background, ninetyDaysBefore); err != nil {
						t.Fatalf("step %d: %v", failAt, err)
					}
				}
				if all, err := s.List(Filter{}); err != nil || len(all) != len(kept) {
					t.Fatalf("step %d: %d payments left, %v", failAt, len(all), err)
				}
			}
		})
	}
}

func TestPruneYieldsToAPaymentInUse(t *testing.T) {
	m, _ := quarter(t)
	s := reopenLate(t, m)
	r := &round{s: s, ended: map[string]pointer{}, carry: map[string]pointer{}, first: 1}
	if err := r.plan(background, s.head.index-keepEntries); err != nil {
		t.Fatal(err)
	}
	r.settle()
	tried := false
	for id, at := range r.carry { // one that is to be carried over is sent at this moment
		p, err := s.Payment(id)
		if err != nil || p.State != Stored {
			continue
		}
		tried = true
		walkTo(t, s, p, Sending)
		w := &waiter{build: func(b *batch) (part, error) { return s.carried(b, id, at) }}
		if err := s.submit(background, w); !errors.Is(err, errMoved) {
			t.Errorf("%v", err)
		}
		c := to(mustPayment(t, s, id), Unknown)
		at, err := s.pointer(id)
		if err != nil {
			t.Fatal(err)
		}
		together := []*waiter{{change: &c, done: make(chan struct{})}, {build: func(b *batch) (part, error) { return s.carried(b, id, at) }, done: make(chan struct{})}}
		s.lead <- struct{}{}
		s.write(together)
		<-s.lead
		if together[0].err != nil || !errors.Is(together[1].err, errMoved) {
			t.Errorf("in one batch: %v, %v", together[0].err, together[1].err)
		}
		if p := mustPayment(t, s, id); p.State != Unknown {
			t.Errorf("%s", p.State)
		}
	}
	if done, err := s.Prune(background, ninetyDaysBefore); err != nil || done.Payments != 36 || !tried {
		t.Errorf("%+v, %v", done, err)
	}
	mustVerify(t, s)
}

// What is pruned between the beginning of an export and its first page takes the
// beginning of the journal with it; the checkpoint that explains it comes too late
// for the file.
func TestExportPrunedBeforeItsFirstPageBeginsAgain(t *testing.T) {
	m, _ := quarter(t)
	s := reopenLate(t, m)
	cursor, _, _, err := s.BeginExport(background, "tmr_test", "copy")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Prune(background, ninetyDaysBefore); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.ExportPage(background, cursor, 4000); !errors.Is(err, ErrExport) {
		t.Errorf("%v", err)
	}
	x := exportAll(t, s, "copy", 4000, nil)
	if report, err := seal.VerifyChain(x.entries, &deviceKey.PublicKey); err != nil || report.Pruned == nil {
		t.Errorf("%+v, %v", report, err)
	}
}

// Old payments are forwarded, voided, handed over and taken back while they are
// carried over again and again: none is lost, and memory says what is on disk.
func TestPruneBesideEverybodyElse(t *testing.T) {
	s, m := openFresh(t)
	const n = 160
	for i := range n {
		take(t, s, i)
		walkTo(t, s, take(t, s, 1000+i), Sending, Forwarded)
	}
	late(t, s)
	for range keepEntries {
		if _, err := s.Note(background, "note", ""); err != nil {
			t.Fatal(err)
		}
	}
	ends := []State{Forwarded, Voided, Rescued, Unknown}
	var group sync.WaitGroup
	for lane := range 4 {
		group.Go(func() {
			for i := lane; i < n; i += 4 {
				if err := endAs(s, newPayment(i).LocalID, ends[lane]); err != nil {
					t.Errorf("%d: %v", i, err)
				}
			}
		})
	}
	group.Go(func() {
		if _, _, _, err := s.BeginExport(background, "tmr_test", "copy"); err != nil {
			t.Error(err)
		}
	})
	total := Pruned{}
	for range 3 {
		done, err := s.Prune(background, ninetyDaysBefore)
		if err != nil {
			t.Fatal(err)
		}
		total.Payments += done.Payments
	}
	group.Wait()
	if total.Payments != n {
		t.Errorf("%d of %d dropped", total.Payments, n)
	}
	check := func(s *Store) {
		t.Helper()
		for i := range n {
			if p := mustPayment(t, s, newPayment(i).LocalID); p.State != ends[i%4] {
				t.Errorf("%d is %s, not %s", i, p.State, ends[i%4])
			}
		}
		if got := s.Pending(); got.Count != n/4 {
			t.Errorf("pending %+v", got)
		}
		if gaps := mustVerify(t, s).SequenceGaps(); len(gaps) > 0 || s.Health().Damaged {
			t.Errorf("gaps %v, %+v", gaps, s.Health())
		}
	}
	check(s)
	check(reopenLate(t, m.plugIn()))
}

// endAs takes a stored payment to an end, as often as it takes.
func endAs(s *Store, id string, end State) error {
	path := map[State][]State{
		Forwarded: {Sending, Forwarded}, Voided: {Reversing, Voided}, Rescued: {Rescued, Unknown, Rescued}, Unknown: {Sending, Unknown},
	}[end]
	for _, next := range path {
		for {
			p, err := s.Payment(id)
			if err != nil {
				return err
			}
			if p.After = ""; next == Reversing || p.State == Reversing {
				p.After = Voided
			}
			if _, err = tryWalk(s, p, next); err == nil {
				break
			}
			if !errors.Is(err, ErrConflict) { // it was carried over meanwhile
				return err
			}
		}
	}
	return nil
}

func mustPayment(t *testing.T, s *Store, id string) Payment {
	t.Helper()
	p, err := s.Payment(id)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestVerifyAndExportWhilePruning(t *testing.T) {
	m, _ := quarter(t)
	s := reopenLate(t, m)
	cursor, _, _, err := s.BeginExport(background, "tmr_test", "copy")
	if err != nil {
		t.Fatal(err)
	}
	if _, cursor, err = s.ExportPage(background, cursor, 4000); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := s.Prune(background, ninetyDaysBefore)
		done <- err
	}()
	for pruning := true; pruning; {
		select {
		case err := <-done:
			if pruning = false; err != nil {
				t.Fatal(err)
			}
		default:
		}
		mustVerify(t, s)
	}
	if _, _, err := s.ExportPage(background, cursor, 4000); !errors.Is(err, ErrExport) {
		t.Errorf("an export whose entries are gone: %v", err)
	}
	if report := mustVerify(t, s); report.First == 1 || report.First != s.First() {
		t.Errorf("%+v", report)
	}
}

func TestEventsAfterPruning(t *testing.T) {
	m, _ := quarter(t)
	s := reopenLate(t, m)
	done, err := s.Prune(background, ninetyDaysBefore)
	if err != nil {
		t.Fatal(err)
	}
	events, err := s.EventsAfter(3, 10)
	if err != nil || len(events) != 10 || events[0].Index != uint64(done.Entries)+1 {
		t.Errorf("%+v, %v", events, err)
	}
	carried, pruned := 0, 0
	for from := events[0].Index; ; {
		page, err := s.EventsAfter(from, 100)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, e := range page {
			switch from = e.Index; e.Kind {
			case seal.KindCarried:
				if carried++; e.Payment != nil || e.Body != nil {
					t.Errorf("a carried payment is news: %+v", e)
				}
			case seal.KindPruned:
				pruned++
			}
		}
	}
	if carried != 5 || pruned != 1 {
		t.Errorf("%d carried over, %d checkpoints", carried, pruned)
	}
	// An export goes on with what is kept; one that began before does not.
	x := exportAll(t, s, "copy", 4000, nil)
	if report, err := seal.VerifyChain(x.entries, &deviceKey.PublicKey); err != nil || report.First != uint64(done.Entries)+1 || len(x.envelopes) != 4 {
		t.Errorf("%+v, %v, %d envelopes", report, err, len(x.envelopes))
	}
	if _, _, err := s.ExportPage(background, exportCursor{Head: s.head.index, Next: 7}.String(), 1000); !errors.Is(err, ErrExport) {
		t.Errorf("%v", err)
	}
}
