package forward

import (
	"context"
	"errors"
	"sync"
	"time"

	"smartreader/store"
)

// pace slows all attempts down while the link or the platform is in trouble.
type pace struct {
	mu         sync.Mutex
	good       bool      // the last request was answered
	failures   int       // in a row; those of requests under way together count as one
	unanswered int       // of them, those that may have reached the platform
	round      uint64    // of counted failures
	passed     uint64    // sequence of the payment that failed last: others get their turn first
	pause      time.Time // no attempt before; Kick and ForwardNow end it
	hold       time.Time // no attempt before, by the platform's wish; nothing ends it
}

// limit returns how many may be under way at once: while it is not certain that
// the platform answers, one finds out for all.
func (p *pace) limit(most int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.good {
		return 1
	}
	return max(most, 1)
}

// begin returns the round a request belongs to.
func (p *pace) begin() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.round
}

// succeeded notes that the platform answered, and tells whether it did not
// before.
func (p *pace) succeeded() (again bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	again = p.failures > 0
	p.good, p.failures, p.unanswered, p.pause, p.passed = true, 0, 0, time.Time{}, 0
	return again
}

// failed notes a failure, and returns how many in a row it makes; 0: it belongs
// to one that was counted already. The pause is by those alike: a long time
// without internet says nothing about a platform that is reached again, and a link
// that comes and goes nothing good about one that does not answer.
func (p *pace) failed(round, sequence uint64, t *Temporary, backoff func(failures int) time.Duration) (failures int) {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if t.Sent { // else nothing reached the platform, and this one is still the next
		p.passed = sequence
	}
	p.wishLocked(now, t)
	if round != p.round {
		return 0
	}
	p.round++
	p.failures++
	alike := p.failures - p.unanswered
	if t.Sent {
		p.unanswered++
		alike = p.unanswered
	}
	p.good, p.pause = false, now.Add(backoff(alike))
	return p.failures
}

// wish notes the platform's wish to be left alone, if it has one.
func (p *pace) wish(t *Temporary) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wishLocked(time.Now(), t)
}

func (p *pace) wishLocked(now time.Time, t *Temporary) {
	if until := now.Add(t.RetryAfter); t.RetryAfter > 0 && until.After(p.hold) {
		p.hold = until
	}
}

// doubt forgets that the platform answered: that was a while ago.
func (p *pace) doubt() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.good = false
}

// rest makes a pause.
func (p *pace) rest(wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pause = time.Now().Add(wait)
}

// resume ends the pause.
func (p *pace) resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pause = time.Time{}
}

// paused returns how long to make no attempt.
func (p *pace) paused(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(p.pause.Sub(now), p.hold.Sub(now), 0)
}

// held returns how long the platform wants to be left alone.
func (p *pace) held(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(p.hold.Sub(now), 0)
}

// passedBy returns after which sequence to look for work first.
func (p *pace) passedBy() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.passed
}

// backoff returns the wait after so many failures in a row.
func (f *Forwarder) backoff(failures int) time.Duration {
	wait := f.o.MaxWait
	if shift := failures - 1; shift < 30 {
		wait = min(wait, f.o.Backoff<<max(shift, 0))
	}
	return f.o.Jitter(wait)
}

// succeeded notes that the platform answered.
func (f *Forwarder) succeeded() {
	if f.pace.succeeded() {
		f.o.Drain()
	}
}

// failed slows down everything. The first failure in a row goes into the
// journal, for whoever listens. It returns how many in a row it makes, see
// pace.failed.
func (f *Forwarder) failed(ctx context.Context, round uint64, p store.Payment, t *Temporary) (failures int) {
	failures = f.pace.failed(round, p.Sequence, t, f.backoff)
	f.o.Log.Warn("forwarding failed", "localId", p.LocalID, "sequence", p.Sequence, "sent", t.Sent, "failures", failures, "err", t.Err)
	if failures == 1 {
		f.note(ctx, FailureNote{LocalID: p.LocalID, Sent: t.Sent, Code: t.Code, Message: t.Err.Error(), RetryAfterMs: t.RetryAfter.Milliseconds()})
	}
	return failures
}

// KindFailure is the kind of the journal entry at the first of several failures
// in a row, and at the first payment held for a cause. Its body is a
// FailureNote.
const KindFailure = "forwardingFailure"

// FailureNote is the body of a KindFailure entry.
type FailureNote struct {
	LocalID      string `json:"localId"` // the payment that was tried
	Sent         bool   `json:"sent"`
	Code         string `json:"code,omitempty"`   // of a Hold or a Temporary, or the hub's
	Native       int    `json:"native,omitempty"` // the code's number, when it is not the usual one
	Message      string `json:"message"`
	RetryAfterMs int64  `json:"retryAfterMs,omitempty"`
}

func (f *Forwarder) note(ctx context.Context, body FailureNote) {
	if _, err := f.o.Store.Note(ctx, KindFailure, body); err != nil {
		f.o.Log.Error("forwarding failure was not journaled", "err", err)
	}
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
