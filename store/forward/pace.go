package forward

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"smartreader/store"
)

// bySequence sorts in the order payments were taken.
func bySequence(payments []store.Payment) {
	slices.SortFunc(payments, func(a, b store.Payment) int { return cmp.Compare(a.Sequence, b.Sequence) })
}

// backoff returns the wait after so many failures in a row.
func (f *Forwarder) backoff(failures int) time.Duration {
	wait := f.o.MaxWait
	if shift := failures - 1; shift < 30 {
		wait = min(wait, f.o.Backoff<<max(shift, 0))
	}
	return f.o.Jitter(wait)
}

// paused returns how long to make no attempt.
func (f *Forwarder) paused(now time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return max(f.pause.Sub(now), f.hold.Sub(now), 0)
}

// order returns after which sequence to look for work first, who is set aside,
// and when the first of those may be tried again; zero: nobody is.
func (f *Forwarder) order(now time.Time) (passed uint64, aside []string, until time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, end := range f.aside {
		if !now.Before(end) {
			delete(f.aside, id)
			continue
		}
		aside = append(aside, id)
		if until.IsZero() || end.Before(until) {
			until = end
		}
	}
	return f.passed, aside, until
}

// held returns how long the platform wants to be left alone.
func (f *Forwarder) held(now time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return max(f.hold.Sub(now), 0)
}

// succeeded notes that the platform answered.
func (f *Forwarder) succeeded() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failures, f.pause, f.passed = 0, time.Time{}, 0
}

// failed slows down everything: the link or the platform is in trouble. The
// first failure in a row goes into the journal, for whoever listens.
func (f *Forwarder) failed(ctx context.Context, p store.Payment, t *Temporary) {
	now := time.Now()
	f.mu.Lock()
	f.failures++
	failures := f.failures
	if t.Sent { // else nothing reached the platform, and this one is still the next
		f.passed = p.Sequence
	}
	f.pause = now.Add(f.backoff(failures))
	if t.RetryAfter > 0 {
		f.hold = now.Add(t.RetryAfter)
	}
	f.mu.Unlock()

	f.o.Log.Warn("forwarding failed", "localId", p.LocalID, "sequence", p.Sequence, "sent", t.Sent, "failures", failures, "err", t.Err)
	if failures == 1 {
		body := FailureNote{LocalID: p.LocalID, Sent: t.Sent, Message: t.Err.Error(), RetryAfterMs: t.RetryAfter.Milliseconds()}
		if _, err := f.o.Store.Note(ctx, KindFailure, body); err != nil {
			f.o.Log.Error("forwarding failure was not journaled", "err", err)
		}
	}
}

// KindFailure is the kind of the journal entry at the first of several failures
// in a row. Its body is a FailureNote.
const KindFailure = "forwardingFailure"

// FailureNote is the body of a KindFailure entry.
type FailureNote struct {
	LocalID      string `json:"localId"` // the payment that was tried
	Sent         bool   `json:"sent"`
	Message      string `json:"message"`
	RetryAfterMs int64  `json:"retryAfterMs,omitempty"`
}

// temporary reads an error the careful way: unless it says that nothing was
// sent, something may have been.
func temporary(err error) *Temporary {
	if t, ok := errors.AsType[*Temporary](err); ok {
		t := *t
		t.RetryAfter = min(max(t.RetryAfter, 0), store.LongestWait) // a later time would count as a clock turned back
		return &t
	}
	return &Temporary{Sent: true, Err: err}
}
