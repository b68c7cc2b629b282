package store

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
)

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

// flaky is a key store that sometimes does not sign.
type flaky struct {
	crypto.Signer
	broken *atomic.Bool
}

func (f flaky) Sign(random io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	if f.broken.Load() {
		return nil, errors.New("key store is busy")
	}
	return f.Signer.Sign(random, digest, o)
}

func TestUnsignedEntryIsNotWritten(t *testing.T) {
	s, _ := openFresh(t)
	broken := new(atomic.Bool)
	s.signer = flaky{s.signer, broken}
	p := walkTo(t, s, newPayment(1), Created, Collecting, Collected)
	broken.Store(true)
	if _, err := s.Commit(background, to(p, Stored)); err == nil {
		t.Error("an entry went unsigned")
	}
	broken.Store(false)
	if p = walkTo(t, s, p, Stored); p.Sequence != 1 || p.Index != 4 {
		t.Errorf("afterwards %+v", p)
	}
	mustVerify(t, s)
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
