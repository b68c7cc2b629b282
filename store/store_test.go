package store

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"smartreader/store/seal"
)

func TestStoredPaymentSurvivesReopening(t *testing.T) {
	dir := t.TempDir()
	s := openDir(t, dir)
	want := take(t, s, 1)
	if want.Sequence != 1 || want.NaturalKey == "" || want.StoredAtMs != testClock.UnixMilli() || len(want.History) != 4 {
		t.Fatalf("stored as %+v", want)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s = openDir(t, dir)
	got, err := s.Payment(want.LocalID)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprintf("%+v", got.History) != fmt.Sprintf("%+v", want.History) || got.Index != want.Index || got.NaturalKey != want.NaturalKey {
		t.Errorf("came back as %+v, was %+v", got, want)
	}
	sealed, err := s.Sealed(want.LocalID)
	if err != nil || !bytes.Equal(sealed, envelope(want, 1)) {
		t.Errorf("payload %q, %v", sealed, err)
	}
	if h := s.Health(); h.Damaged || h.RefusePayments != "" || h.FreeBytes == 0 {
		t.Errorf("health %+v", h)
	}
	if total := s.Pending(); total.Count != 1 || total.ByCurrency["usd"] != want.Amount {
		t.Errorf("pending %+v", total)
	}
	if report := mustVerify(t, s); report.Head != 4 || report.Sequences.Last() != 1 {
		t.Errorf("journal %+v", report)
	}
}

func TestVerdictDropsThePayloadAndTheChainStillVerifies(t *testing.T) {
	s, _ := openFresh(t)
	p := walkTo(t, s, take(t, s, 1), Sending)
	c := to(p, Forwarded)
	c.Payment.IntentID = "pi_1"
	p, err := s.Commit(background, c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Sealed(p.LocalID); !errors.Is(err, ErrNotFound) {
		t.Errorf("payload is still there: %v", err)
	}
	if p.DoneAtMs == 0 || p.PayloadHash == "" {
		t.Errorf("ended as %+v", p)
	}
	if got, err := s.ByIntentID("pi_1"); err != nil || got.LocalID != p.LocalID {
		t.Errorf("by the platform's id: %+v, %v", got, err)
	}
	if total := s.Pending(); total.Count != 0 || len(total.ByCurrency) != 0 {
		t.Errorf("pending %+v", total)
	}
	mustVerify(t, s)
}

func TestCommitRefusesAStaleIndex(t *testing.T) {
	s, _ := openFresh(t)
	p := walkTo(t, s, newPayment(1), Created)
	walkTo(t, s, p, Collecting)
	if _, err := s.Commit(background, to(p, Collecting)); !errors.Is(err, ErrConflict) {
		t.Errorf("stale index: %v", err)
	}
	if _, err := s.Commit(background, Change{Payment: newPayment(1)}); !errors.Is(err, ErrConflict) {
		t.Errorf("created twice: %v", err)
	}
	ghost := newPayment(2)
	ghost.Index = 7
	if _, err := s.Commit(background, Change{Payment: ghost}); !errors.Is(err, ErrNotFound) {
		t.Errorf("a payment that never was: %v", err)
	}
}

func TestWhatCreateFixesStaysFixed(t *testing.T) {
	for name, change := range map[string]func(*Payment){
		"key":      func(p *Payment) { p.Key = "other" },
		"mode":     func(p *Payment) { p.Livemode = !p.Livemode },
		"created":  func(p *Payment) { p.CreatedAtMs++ },
		"amount":   func(p *Payment) { p.Amount++ },
		"currency": func(p *Payment) { p.Currency = "eur" },
		"intent":   func(p *Payment) { p.IntentID = "pi_2" },
		"negative": func(p *Payment) { p.Amount = -1 },
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := openFresh(t)
			p := newPayment(1)
			p.IntentID = "pi_1"
			p = walkTo(t, s, p, Created, Collecting, Collected, Stored)
			c := to(p, Sending)
			change(&c.Payment)
			if _, err := s.Commit(background, c); !errors.Is(err, ErrTransition) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestCreateWantsWhatItNeeds(t *testing.T) {
	for name, change := range map[string]func(*Payment){
		"id":       func(p *Payment) { p.LocalID = "pl_short" },
		"id hex":   func(p *Payment) { p.LocalID = "pl_" + string(bytes.Repeat([]byte("G"), 32)) },
		"key":      func(p *Payment) { p.Key = "" },
		"currency": func(p *Payment) { p.Currency = "USD" },
		"amount":   func(p *Payment) { p.Amount = -1 },
		"state":    func(p *Payment) { p.State = Stored },
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := openFresh(t)
			p := newPayment(1)
			change(&p)
			if _, err := s.Commit(background, Change{Payment: p}); !errors.Is(err, ErrTransition) {
				t.Errorf("got %v", err)
			}
			if index, _ := s.Head(); index != 0 {
				t.Errorf("the journal went to %d", index)
			}
		})
	}
}

func TestCollectingAgainStartsAFreshAttempt(t *testing.T) {
	s, _ := openFresh(t)
	p := walkTo(t, s, newPayment(1), Created, Collecting, Collected, Authorizing)
	if p.Sequence != 1 {
		t.Fatalf("sequence %d", p.Sequence)
	}
	p = walkTo(t, s, p, Declined, Collecting)
	if p.Sequence != 0 || p.NaturalKey != "" || p.PayloadHash != "" || p.DoneAtMs != 0 || p.CollectedAtMs != 0 {
		t.Errorf("the old attempt is still in %+v", p)
	}
	if p = walkTo(t, s, p, Collected, Stored); p.Sequence != 2 {
		t.Errorf("second attempt has sequence %d", p.Sequence)
	}
	p = walkTo(t, s, p, Sending, Declined)
	if _, err := s.Commit(background, to(p, Collecting)); !errors.Is(err, ErrTransition) {
		t.Errorf("a forwarded payment was collected again: %v", err)
	}
}

func TestDeferringAnAuthorizationKeepsItsSequence(t *testing.T) {
	s, _ := openFresh(t)
	p := walkTo(t, s, newPayment(1), Created, Collecting, Collected, Authorizing)
	first := p.PayloadHash
	c := to(p, Stored)
	c.Payment.Attempted = true
	c.Seal = func(sequence uint64) ([]byte, string, error) {
		return fmt.Appendf(nil, "sealed again %d", sequence), p.NaturalKey, nil
	}
	p, err := s.Commit(background, c)
	if err != nil {
		t.Fatal(err)
	}
	if p.Sequence != 1 || p.PayloadHash == first {
		t.Errorf("deferred as %+v", p)
	}
	if sealed, err := s.Sealed(p.LocalID); err != nil || string(sealed) != "sealed again 1" {
		t.Errorf("payload %q, %v", sealed, err)
	}
	if next := take(t, s, 2); next.Sequence != 2 {
		t.Errorf("the next one has sequence %d", next.Sequence)
	}
}

func TestOneKeyIsOnePayment(t *testing.T) {
	s, _ := openFresh(t)
	p := walkTo(t, s, newPayment(1), Created, Canceled)
	again := newPayment(2)
	again.Key = p.Key
	if _, err := s.Commit(background, Change{Payment: again}); !errors.Is(err, ErrKeyUsed) {
		t.Errorf("a used key: %v", err)
	}
	if got, err := s.ByKey(p.Key); err != nil || got.LocalID != p.LocalID {
		t.Errorf("by key: %+v, %v", got, err)
	}
	a, b := newPayment(3), newPayment(4)
	b.Key = a.Key
	waiters := []*waiter{{change: &Change{Payment: a}, done: make(chan struct{})}, {change: &Change{Payment: b}, done: make(chan struct{})}}
	s.write(waiters)
	if waiters[0].err != nil || waiters[1].err == nil {
		t.Errorf("at the same time: %v and %v", waiters[0].err, waiters[1].err)
	}
}

func TestTimeFloorNeverFalls(t *testing.T) {
	dir := t.TempDir()
	now := testClock
	o := testOptions(dir)
	o.Now = func() time.Time { return now }
	s, err := Open(background, o)
	if err != nil {
		t.Fatal(err)
	}
	walkTo(t, s, newPayment(1), Created)
	if s.TimeFloor().UnixMilli() != 0 {
		t.Errorf("floor %v after a commit: the clock is not certain", s.TimeFloor())
	}
	future := testClock.Add(48 * time.Hour)
	if err := s.RaiseFloor(background, future); err != nil {
		t.Fatal(err)
	}
	if err := s.RaiseFloor(background, testClock); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	now = time.Unix(0, 0) // the battery was flat
	if s, err = Open(background, o); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if !s.TimeFloor().Equal(future) || !s.Now().Equal(future) {
		t.Errorf("floor %v, now %v after a restart", s.TimeFloor(), s.Now())
	}
	walkTo(t, s, newPayment(2), Created)
	events, err := s.EventsAfter(1, 1)
	if err != nil || len(events) != 1 || events[0].AtMs != future.UnixMilli() {
		t.Errorf("entry with an unset clock: %+v, %v", events, err)
	}
	now = future.Add(time.Hour)
	if !s.Now().Equal(now) {
		t.Errorf("now %v with a good clock", s.Now())
	}
}

func TestOpenWantsItsOwnKey(t *testing.T) {
	dir := t.TempDir()
	s := openDir(t, dir)
	take(t, s, 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	o := testOptions(dir)
	o.Signer = mustKey()
	if _, err := Open(background, o); !errors.Is(err, ErrKey) {
		t.Errorf("another key: %v", err)
	}
	wrong, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	o.Signer = wrong
	if _, err := Open(background, o); !errors.Is(err, ErrKey) {
		t.Errorf("another curve: %v", err)
	}
	o.Signer = nil
	if _, err := Open(background, o); !errors.Is(err, ErrKey) {
		t.Errorf("no key: %v", err)
	}
	if got := openDir(t, dir).Pending().Count; got != 1 {
		t.Errorf("afterwards %d pending", got)
	}
}

func TestOneProcessAtATime(t *testing.T) {
	dir := t.TempDir()
	s := openDir(t, dir)
	take(t, s, 1)
	for range 3 { // refused without counting as a crash
		if _, err := Open(background, testOptions(dir)); !errors.Is(err, ErrLocked) {
			t.Errorf("second owner: %v", err)
		}
	}
	take(t, s, 2)
}

func TestNewerSchemaIsRefused(t *testing.T) {
	m := freshMachine()
	if _, err := openMachine(m); err != nil {
		t.Fatal(err)
	}
	m.disk[string(keySchema)] = "2"
	if _, err := openMachine(m.plugIn()); !errors.Is(err, ErrSchema) {
		t.Errorf("got %v", err)
	}
	m.disk[string(keySchema)] = "x"
	if _, err := openMachine(m.plugIn()); !errors.Is(err, ErrCorrupt) {
		t.Errorf("got %v", err)
	}
}

func TestFolderIsPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	openDir(t, dir)
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder is %v, %v", info.Mode(), err)
	}
}

// A clock that is ahead for a moment must leave no trace but in the entries'
// order.
func TestClockGlitchIsSurvived(t *testing.T) {
	dir := t.TempDir()
	now := testClock
	o := testOptions(dir)
	o.Now = func() time.Time { return now }
	s, err := Open(background, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RaiseFloor(background, testClock.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	glitch := time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
	now = glitch
	take(t, s, 1)
	now = testClock
	for round := range 2 {
		p := take(t, s, 2+round)
		if !s.Now().Equal(testClock) || s.TimeFloor().After(testClock) || p.StoredAtMs != testClock.UnixMilli() {
			t.Errorf("now %v, floor %v, stored at %v", s.Now(), s.TimeFloor(), time.UnixMilli(p.StoredAtMs))
		}
		entry, err := s.Entry(p.Index)
		if err != nil {
			t.Fatal(err)
		}
		if h, err := seal.ParseEntryHeader(entry.Header); err != nil || !h.ClockSet || h.AtMs != glitch.UnixMilli() {
			t.Errorf("entry %+v, %v", h, err)
		}
		mustVerify(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if s, err = Open(background, o); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestRefusedPaymentCanBeSentAgainOrRescued(t *testing.T) {
	s, m := openFresh(t)
	p := walkTo(t, s, take(t, s, 1), Sending, Failed)
	want := envelope(p, p.Sequence)
	if got, err := s.Sealed(p.LocalID); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the only copy of the card data: %q, %v", got, err)
	}
	if s.Pending().Count != 0 || p.DoneAtMs == 0 {
		t.Errorf("pending %+v, payment %+v", s.Pending(), p)
	}
	s.clock = func() time.Time { return testClock.Add(day) }
	p = walkTo(t, s, p, Stored)
	if s.Pending().Count != 1 || p.DoneAtMs != 0 || p.StoredAtMs != testClock.UnixMilli() {
		t.Errorf("again: pending %+v, payment %+v", s.Pending(), p)
	}
	p = walkTo(t, s, p, Sending, Failed, Rescued)
	if got, err := s.Sealed(p.LocalID); err != nil || !bytes.Equal(got, want) {
		t.Errorf("rescued, end unknown: %q, %v", got, err)
	}
	c := to(p, Rescued)
	c.Payment.ChargeID = "ch_1"
	if _, err := s.Commit(background, c); err != nil {
		t.Error(err)
	}
	if _, err := s.Sealed(p.LocalID); !errors.Is(err, ErrNotFound) {
		t.Errorf("charged after the rescue: %v", err)
	}
	q := walkTo(t, s, newPayment(2), Created, Collecting, Failed)
	if _, err := s.Commit(background, to(q, Stored)); !errors.Is(err, ErrTransition) {
		t.Errorf("what was never stored: %v", err)
	}
	if s, err := openMachine(m.plugIn()); err != nil || s.Health().Damaged {
		t.Errorf("%v", err)
	}
}
