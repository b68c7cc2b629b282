package store

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
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
	p = walkTo(t, s, p, Declined, Created)
	if p.Sequence != 0 || p.NaturalKey != "" || p.PayloadHash != "" || p.DoneAtMs != 0 || p.CollectedAtMs != 0 {
		t.Errorf("the old attempt is still in %+v", p)
	}
	if p = walkTo(t, s, p, Collecting, Collected, Stored); p.Sequence != 2 {
		t.Errorf("second attempt has sequence %d", p.Sequence)
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

func TestSealBelongsToItsStep(t *testing.T) {
	s, _ := openFresh(t)
	p := walkTo(t, s, newPayment(1), Created, Collecting, Collected)
	c := to(p, Stored)
	c.Seal = nil
	if _, err := s.Commit(background, c); !errors.Is(err, ErrTransition) {
		t.Errorf("stored without a payload: %v", err)
	}
	c = to(p, Created)
	c.Seal = func(uint64) ([]byte, string, error) { return []byte("x"), "y", nil }
	if _, err := s.Commit(background, c); !errors.Is(err, ErrTransition) {
		t.Errorf("sealed on the way back: %v", err)
	}
	c = to(p, Stored)
	c.Seal = func(uint64) ([]byte, string, error) { return nil, "", nil }
	if _, err := s.Commit(background, c); !errors.Is(err, ErrTransition) {
		t.Errorf("an empty payload: %v", err)
	}
	broken := errors.New("no key")
	c.Seal = func(uint64) ([]byte, string, error) { return nil, "", broken }
	if _, err := s.Commit(background, c); !errors.Is(err, broken) {
		t.Errorf("seal's error is lost: %v", err)
	}
	if p = walkTo(t, s, p, Stored); p.Sequence != 1 {
		t.Errorf("failed sealings used up sequences: %d", p.Sequence)
	}
}

// Changes that wait together are written together; a sealing that fails among
// them must leave no hole in the sequences.
func TestFailedSealingInABatchLeavesNoHole(t *testing.T) {
	s, _ := openFresh(t)
	var waiters []*waiter
	broken := errors.New("no key")
	for n := range 6 {
		p := walkTo(t, s, newPayment(n), Created, Collecting, Collected)
		c := to(p, Stored)
		if n == 1 || n == 4 {
			c.Seal = func(uint64) ([]byte, string, error) { return nil, "", broken }
		}
		waiters = append(waiters, &waiter{change: &c, done: make(chan struct{})})
	}
	if rest := s.write(waiters); rest != nil {
		t.Fatalf("%d left over", len(rest))
	}
	next := uint64(1)
	for n, w := range waiters {
		<-w.done
		if n == 1 || n == 4 {
			if !errors.Is(w.err, broken) {
				t.Errorf("%d: %v", n, w.err)
			}
			continue
		}
		if w.err != nil || w.payment.Sequence != next {
			t.Errorf("%d: sequence %d, want %d: %v", n, w.payment.Sequence, next, w.err)
		}
		if sealed, err := s.Sealed(w.payment.LocalID); err != nil || !bytes.Equal(sealed, envelope(w.payment, next)) {
			t.Errorf("%d: sealed for another sequence: %q, %v", n, sealed, err)
		}
		next++
	}
	if gaps := mustVerify(t, s).SequenceGaps(); len(gaps) != 0 {
		t.Errorf("gaps %v", gaps)
	}
}

func TestTwoChangesOfOnePaymentInABatchConflict(t *testing.T) {
	s, _ := openFresh(t)
	p := walkTo(t, s, newPayment(1), Created)
	a, b := to(p, Collecting), to(p, Canceled)
	waiters := []*waiter{{change: &a, done: make(chan struct{})}, {change: &b, done: make(chan struct{})}}
	s.write(waiters)
	if waiters[0].err != nil || !errors.Is(waiters[1].err, ErrConflict) {
		t.Errorf("got %v and %v", waiters[0].err, waiters[1].err)
	}
}

func TestBatchHoldsOnlyWhatOneTransactionMay(t *testing.T) {
	s, _ := openFresh(t)
	var waiters []*waiter
	for n := range 5 {
		content := bytes.Repeat([]byte{byte(n)}, 100<<10)
		waiters = append(waiters, &waiter{done: make(chan struct{}), build: func(*batch) (part, error) {
			return part{writes: []write{{key(prefixBlob, fmt.Sprint(n)), content}}}, nil
		}})
	}
	rest := s.write(waiters)
	if len(rest) != 3 || rest[0] != waiters[2] {
		t.Fatalf("%d did not fit", len(rest))
	}
	if err := s.PutBlob(background, "big", make([]byte, maxValueBytes+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large a blob: %v", err)
	}
}

// More waiters than fit in a batch, all at once, over the real database.
func TestConcurrentPaymentsAllArrive(t *testing.T) {
	dir := t.TempDir()
	s := openDir(t, dir)
	const writers, each = 100, 2
	var wait sync.WaitGroup
	for w := range writers {
		wait.Go(func() {
			for i := range each {
				if _, err := tryWalk(s, newPayment(w*each+i), Created, Collecting, Collected, Stored); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	report := mustVerify(t, s)
	if report.Head != writers*each*4 || report.Sequences.Last() != writers*each || len(report.SequenceGaps()) != 0 {
		t.Errorf("journal to %d, sequences %v", report.Head, report.Sequences)
	}
	if total := s.Pending(); total.Count != writers*each {
		t.Errorf("pending %+v", total)
	}
	before := s.Pending()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if after := openDir(t, dir).Pending(); after.Count != before.Count || after.ByCurrency["usd"] != before.ByCurrency["usd"] {
		t.Errorf("pending was %+v, is %+v", before, after)
	}
}

func TestEndedContextLeavesTheQueue(t *testing.T) {
	s, _ := openFresh(t)
	s.lead <- struct{}{} // somebody writes, for long
	ctx, cancel := context.WithCancel(background)
	result := make(chan error)
	go func() {
		_, err := s.Commit(ctx, Change{Payment: newPayment(1)})
		result <- err
	}()
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	<-s.lead
	if _, err := s.Payment(newPayment(1).LocalID); !errors.Is(err, ErrNotFound) {
		t.Errorf("it was written all the same: %v", err)
	}
}

func TestCloseAnswersEveryoneWhoWaits(t *testing.T) {
	s, _ := openFresh(t)
	s.lead <- struct{}{}
	result := make(chan error)
	go func() {
		_, err := s.Commit(background, Change{Payment: newPayment(1)})
		result <- err
	}()
	closed := make(chan error)
	go func() { closed <- s.Close() }()
	<-s.lead
	err := <-result
	if err != nil && !errors.Is(err, ErrClosed) {
		t.Errorf("waiting: %v", err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if _, err := s.Commit(background, Change{Payment: newPayment(2)}); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if _, err := s.Payment("x"); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
}

func TestPanickingSealLeavesNobodyWaiting(t *testing.T) {
	s, _ := openFresh(t)
	p := walkTo(t, s, newPayment(1), Created, Collecting, Collected)
	c := to(p, Stored)
	c.Seal = func(uint64) ([]byte, string, error) { panic("no") }
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		s.Commit(background, c)
	}()
	if _, err := s.Commit(background, Change{Payment: newPayment(2)}); !errors.Is(err, ErrFailed) {
		t.Errorf("afterwards: %v", err)
	}
}

func TestTotalsDoNotOverflow(t *testing.T) {
	s, _ := openFresh(t)
	p := newPayment(1)
	p.Amount = math.MaxInt64 - 5
	walkTo(t, s, p, Created, Collecting, Collected, Stored)
	q := newPayment(2)
	q.Amount = 6
	q = walkTo(t, s, q, Created, Collecting, Collected)
	if _, err := s.Commit(background, to(q, Stored)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v", err)
	}
	r := newPayment(3)
	r.Currency = "jpy"
	walkTo(t, s, r, Created, Collecting, Collected, Stored)
	if got := s.Pending(); got.Count != 2 || got.ByCurrency["usd"] != math.MaxInt64-5 || got.ByCurrency["jpy"] != r.Amount {
		t.Errorf("pending %+v", got)
	}
}

func TestHistoryKeepsItsEnds(t *testing.T) {
	s, _ := openFresh(t)
	p := take(t, s, 1)
	for range 30 {
		p = walkTo(t, s, p, Sending, Stored)
	}
	if len(p.History) != historyHead+historyTail || p.History[0].State != Created || p.History[3].State != Stored || p.History[len(p.History)-2].State != Sending {
		t.Errorf("history %+v", p.History)
	}
}

func TestNextWorkIsOldestFirstAndWaits(t *testing.T) {
	s, _ := openFresh(t)
	if p, at, err := s.NextWork(testClock); p.LocalID != "" || !at.IsZero() || err != nil {
		t.Errorf("empty: %+v, %v, %v", p, at, err)
	}
	first, second := take(t, s, 1), take(t, s, 2)
	if p, _, _ := s.NextWork(testClock); p.LocalID != first.LocalID {
		t.Errorf("got %s", p.LocalID)
	}
	c := to(first, Sending)
	c.Payment.NextAttemptAtMs = testClock.Add(time.Minute).UnixMilli()
	if _, err := s.Commit(background, c); err != nil {
		t.Fatal(err)
	}
	if p, _, _ := s.NextWork(testClock); p.LocalID != second.LocalID {
		t.Errorf("got %s", p.LocalID)
	}
	walkTo(t, s, second, Voided)
	if p, at, _ := s.NextWork(testClock); p.LocalID != "" || !at.Equal(testClock.Add(time.Minute)) {
		t.Errorf("got %s at %v", p.LocalID, at)
	}
	if p, _, _ := s.NextWork(testClock.Add(time.Minute)); p.LocalID != first.LocalID {
		t.Errorf("when its time has come: %s", p.LocalID)
	}
	// The clock is turned back: the payment must not wait for it to catch up.
	if p, _, _ := s.NextWork(testClock.Add(-24 * time.Hour)); p.LocalID != first.LocalID {
		t.Errorf("with the clock turned back: %s", p.LocalID)
	}
}

func TestListFilters(t *testing.T) {
	s, _ := openFresh(t)
	a := take(t, s, 1)
	b := walkTo(t, s, take(t, s, 2), Voided)
	c := walkTo(t, s, newPayment(3), Created)
	for _, test := range []struct {
		filter Filter
		want   []string
	}{
		{Filter{}, []string{c.LocalID, b.LocalID, a.LocalID}},
		{Filter{Limit: 2}, []string{c.LocalID, b.LocalID}},
		{Filter{States: []State{Stored, Created}}, []string{c.LocalID, a.LocalID}},
		{Filter{States: []State{Voided}}, []string{b.LocalID}},
		{Filter{States: []State{Unknown}}, nil},
	} {
		found, err := s.List(test.filter)
		var got []string
		for _, p := range found {
			got = append(got, p.LocalID)
		}
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%+v: got %v, want %v, %v", test.filter, got, test.want, err)
		}
	}
}

func TestEventsAreDenseAndChangedTells(t *testing.T) {
	s, _ := openFresh(t)
	changed := s.Changed()
	take(t, s, 1)
	<-changed
	index, err := s.Note(background, "configuration", map[string]int{"version": 3})
	if err != nil || index != 5 {
		t.Fatalf("note at %d, %v", index, err)
	}
	events, err := s.EventsAfter(0, 100)
	if err != nil || len(events) != 5 {
		t.Fatalf("%d events, %v", len(events), err)
	}
	for i, e := range events {
		if e.Index != uint64(i+1) || e.AtMs != testClock.UnixMilli() {
			t.Errorf("event %d is %+v", i, e)
		}
	}
	if events[3].Payment == nil || events[3].Payment.State != Stored || events[3].Payment.Index != 4 {
		t.Errorf("fourth event %+v", events[3])
	}
	if events[4].Kind != "configuration" || string(events[4].Body) != `{"version":3}` {
		t.Errorf("note came back as %+v", events[4])
	}
	if rest, err := s.EventsAfter(3, 1); err != nil || len(rest) != 1 || rest[0].Index != 4 {
		t.Errorf("after 3: %+v, %v", rest, err)
	}
	if none, err := s.EventsAfter(5, 10); err != nil || len(none) != 0 {
		t.Errorf("after the last: %+v, %v", none, err)
	}
	if _, err := s.Note(background, seal.KindLoss, nil); !errors.Is(err, ErrTransition) {
		t.Errorf("a forged loss: %v", err)
	}
}

func TestRequestsCursorsAndBlobsLast(t *testing.T) {
	dir := t.TempDir()
	s := openDir(t, dir)
	p := walkTo(t, s, newPayment(1), Created)
	c := to(p, Collecting)
	c.Request = &Request{POS: "pos-1", ID: "r1", Method: "collect", BodyHash: []byte{1, 2}, LocalID: p.LocalID, AtMs: 5}
	if _, err := s.Commit(background, c); err != nil {
		t.Fatal(err)
	}
	if err := s.PutRequest(background, Request{POS: "pos-1", ID: "r2", Done: true, Result: json.RawMessage(`{"ok":true}`)}); err != nil {
		t.Fatal(err)
	}
	if err := s.SetCursor(background, "pos-1", 42); err != nil {
		t.Fatal(err)
	}
	if err := s.PutBlob(background, "config", []byte("signed")); err != nil {
		t.Fatal(err)
	}
	if err := s.PutBlob(background, "gone", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := s.PutBlob(background, "gone", nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openDir(t, dir)
	if r, err := s.Request("pos-1", "r1"); err != nil || r.Method != "collect" || !bytes.Equal(r.BodyHash, []byte{1, 2}) || r.Done {
		t.Errorf("request r1 %+v, %v", r, err)
	}
	if r, err := s.Request("pos-1", "r2"); err != nil || !r.Done || string(r.Result) != `{"ok":true}` {
		t.Errorf("request r2 %+v, %v", r, err)
	}
	if _, err := s.Request("pos-2", "r1"); !errors.Is(err, ErrNotFound) {
		t.Errorf("another POS sees the request: %v", err)
	}
	if at, err := s.Cursor("pos-1"); err != nil || at != 42 {
		t.Errorf("cursor %d, %v", at, err)
	}
	if at, err := s.Cursor("pos-2"); err != nil || at != 0 {
		t.Errorf("a new POS has cursor %d, %v", at, err)
	}
	if b, err := s.Blob("config"); err != nil || string(b) != "signed" {
		t.Errorf("blob %q, %v", b, err)
	}
	if _, err := s.Blob("gone"); !errors.Is(err, ErrNotFound) {
		t.Errorf("deleted blob: %v", err)
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
	if !s.TimeFloor().Equal(testClock) {
		t.Errorf("floor %v after a commit", s.TimeFloor())
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

func TestExportHasEntriesAndPayloads(t *testing.T) {
	s, _ := openFresh(t)
	pending := take(t, s, 1)
	walkTo(t, s, take(t, s, 2), Sending, Forwarded)
	var out bytes.Buffer
	if err := s.Export(background, &out); err != nil {
		t.Fatal(err)
	}
	var entries []seal.Entry
	payloads := map[string][]byte{}
	for lines := json.NewDecoder(&out); lines.More(); {
		var line ExportLine
		if err := lines.Decode(&line); err != nil {
			t.Fatal(err)
		}
		if line.Entry != nil {
			entries = append(entries, *line.Entry)
		} else {
			payloads[line.LocalID] = line.Envelope
		}
	}
	report, err := seal.VerifyChain(entries, &deviceKey.PublicKey)
	if err != nil || report.Entries != 10 || report.Sequences.Last() != 2 {
		t.Errorf("exported journal %+v, %v", report, err)
	}
	if len(payloads) != 1 || !bytes.Equal(payloads[pending.LocalID], envelope(pending, 1)) {
		t.Errorf("exported payloads %v", payloads)
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
