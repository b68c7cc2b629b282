package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"smartreader/store/seal"
)

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

// voided withdraws a payment.
func voided(t *testing.T, s *Store, p Payment) Payment {
	t.Helper()
	p.After = Voided
	return walkTo(t, s, p, Reversing, Voided)
}

func TestListFilters(t *testing.T) {
	s, _ := openFresh(t)
	a := take(t, s, 1)
	b := voided(t, s, take(t, s, 2))
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

func TestListBySequencePages(t *testing.T) {
	s, m := openFresh(t)
	const all = 2*listPage + 10
	for n := range all {
		p := take(t, s, n)
		if n%2 == 0 {
			walkTo(t, s, p, Sending, Forwarded)
		}
	}
	online := walkTo(t, s, newPayment(900), Created, Collecting, Collected, Authorizing, Approved)
	again := walkTo(t, s, newPayment(901), Created, Collecting, Collected, Authorizing, Declined, Collecting, Collected, Stored)
	sequences := func(f Filter) (got []uint64) {
		t.Helper()
		found, err := s.List(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range found {
			got = append(got, p.Sequence)
		}
		return got
	}
	for reopened := range 2 {
		var got []uint64
		for after := uint64(0); ; {
			page := sequences(Filter{StoredOnly: true, BySequence: true, AfterSequence: after, Limit: 7})
			if len(page) > 7 {
				t.Fatalf("%d in one page", len(page))
			}
			if len(page) == 0 {
				break
			}
			got, after = append(got, page...), page[len(page)-1]
		}
		var want []uint64
		for sequence := range uint64(all) {
			want = append(want, sequence+1)
		}
		if want = append(want, again.Sequence); !slices.Equal(got, want) {
			t.Errorf("got %v", got)
		}
		if got := sequences(Filter{BySequence: true, AfterSequence: all}); !slices.Equal(got, []uint64{online.Sequence, again.Sequence}) {
			t.Errorf("online ones too: %v", got)
		}
		if got := sequences(Filter{States: []State{Stored}, BySequence: true, AfterSequence: 3, Limit: 2}); !slices.Equal(got, []uint64{4, 6}) {
			t.Errorf("only open ones: %v", got)
		}
		if got := sequences(Filter{States: []State{Stored, Forwarded}, AfterSequence: 4, Limit: 2}); !slices.Equal(got, []uint64{again.Sequence, all}) {
			t.Errorf("newest first: %v", got)
		}
		if reopened == 0 {
			var err error
			if s, err = openMachine(m.plugIn()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// What waits while a long list is made gets its turn between two pages.
func TestListLetsChangesThrough(t *testing.T) {
	s, m := openFresh(t)
	for n := range 2*listPage + 1 {
		walkTo(t, s, newPayment(n), Created)
	}
	pages := &lockWatch{modelDisk: modelDisk{m}, s: s}
	s.disk = pages
	if all, err := s.List(Filter{}); err != nil || len(all) != 2*listPage+1 {
		t.Fatalf("%d, %v", len(all), err)
	}
	if pages.between < 2 {
		t.Errorf("a change got its turn %d times", pages.between)
	}
}

// lockWatch has a change waiting all the time, and counts its turns.
type lockWatch struct {
	modelDisk
	s       *Store
	waiting chan struct{}
	between int
}

func (w *lockWatch) get(k []byte) ([]byte, error) {
	if w.waiting != nil {
		select {
		case <-w.waiting: // got its turn since the last read
			w.between++
			w.waiting = nil
		default:
		}
	}
	if w.waiting == nil {
		done := make(chan struct{})
		w.waiting = done
		go func() {
			w.s.mu.Lock()
			defer w.s.mu.Unlock()
			close(done)
		}()
		for w.s.mu.TryRLock() { // until it waits
			w.s.mu.RUnlock()
			runtime.Gosched()
		}
	}
	return w.modelDisk.get(k)
}

func TestByClientSecret(t *testing.T) {
	s, _ := openFresh(t)
	p := walkTo(t, s, newPayment(1), Created)
	c := to(p, Created)
	c.Payment.ClientSecret = "pi_1_secret_a"
	p, err := s.Commit(background, c)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.ByClientSecret("pi_1_secret_a"); err != nil || got.LocalID != p.LocalID {
		t.Errorf("got %+v, %v", got, err)
	}
	c = to(p, Created)
	c.Payment.ClientSecret = "pi_1_secret_b"
	if _, err := s.Commit(background, c); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"pi_1_secret_a", "other", ""} {
		if _, err := s.ByClientSecret(secret); !errors.Is(err, ErrNotFound) || secret != "" && strings.Contains(err.Error(), secret) {
			t.Errorf("%q: %v", secret, err)
		}
	}
}
