package forward

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"smartreader/store"
)

// Options is what New needs. Store and Submitter have no default.
type Options struct {
	Store     *store.Store
	Submitter Submitter
	Log       *slog.Logger // default: none

	Timeout time.Duration // of one request to the platform; default 30 s
	Backoff time.Duration // wait after a first failure; default 1 s, doubling
	MaxWait time.Duration // longest wait; default 5 min, at most store.LongestWait

	// Jitter spreads waits, so that a fleet of readers does not come back at
	// one moment; default: a random time between half the wait and all of it.
	Jitter func(wait time.Duration) time.Duration
}

// Forwarder forwards for one store. It paces itself by the running time, not by
// the store's never-decreasing one, which may stand still for long. Only one may exist per store: it takes
// every payment it finds in state sending for its own, interrupted.
type Forwarder struct {
	o    Options
	kick chan struct{}
	turn chan struct{} // held by the one pass that runs

	giveBack func() error // Store.Flatten

	mu       sync.Mutex
	failures int                  // in a row
	passed   uint64               // sequence of the payment that failed last: others get their turn first
	aside    map[string]time.Time // by local id: payments the store takes no change of, and until when
	pause    time.Time            // no attempt before; Kick and ForwardNow end it
	hold     time.Time            // no attempt before, by the platform's wish; nothing ends it
}

// New makes a forwarder and starts nothing.
func New(o Options) *Forwarder {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Backoff <= 0 {
		o.Backoff = time.Second
	}
	if o.MaxWait <= 0 {
		o.MaxWait = 5 * time.Minute
	}
	o.MaxWait = min(o.MaxWait, store.LongestWait)
	if o.Jitter == nil {
		o.Jitter = func(wait time.Duration) time.Duration { return wait/2 + rand.N(wait/2+1) }
	}
	return &Forwarder{o: o, giveBack: o.Store.Flatten, kick: make(chan struct{}, 1), turn: make(chan struct{}, 1), aside: map[string]time.Time{}}
}

// Kick makes Run try now what waits after a failure: the link is back. A payment
// stored while nothing waits needs no kick. It never blocks.
func (f *Forwarder) Kick() {
	f.mu.Lock()
	f.pause = time.Time{}
	f.mu.Unlock()
	select {
	case f.kick <- struct{}{}:
	default:
	}
}

// Run forwards until ctx ends or the store fails. It tries whatever the link
// state is believed to be: a try is the best evidence. It returns ctx.Err() or
// the store's error.
//
// Whenever nothing waits any more, it lets the store give space back, see
// store.Flatten; at most once an hour, for the flash's sake.
func (f *Forwarder) Run(ctx context.Context) error {
	var flattened time.Time
	forwarded := false // since then
	for {
		changed := f.o.Store.Changed() // asked for first, so that no new work is missed
		wait, pause, err := f.turnOnce(ctx)
		if err != nil {
			return err
		}
		if wait == 0 {
			forwarded = true
			continue
		}
		if pause {
			changed = nil // new work has to wait as well
		}
		if wait == forever && forwarded {
			if wait = flattenEvery - time.Since(flattened); wait <= 0 {
				f.flatten()
				flattened, forwarded, wait = time.Now(), false, forever
			}
		}
		if err := f.sleep(ctx, wait, changed); err != nil {
			return err
		}
	}
}

const flattenEvery = time.Hour

func (f *Forwarder) flatten() {
	if err := f.giveBack(); err != nil {
		f.o.Log.Error("space was not given back", "err", err)
	}
}

// forever is the wait of an empty queue.
const forever = time.Duration(1<<63 - 1)

// sleep waits, until a kick or a change at most.
func (f *Forwarder) sleep(ctx context.Context, wait time.Duration, changed <-chan struct{}) error {
	var timer <-chan time.Time
	if wait != forever {
		t := time.NewTimer(wait)
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-f.kick:
	case <-changed:
	case <-timer:
	}
	return nil
}

// turnOnce handles the next payment, or tells how long there is nothing to do,
// and whether that holds for new work too.
func (f *Forwarder) turnOnce(ctx context.Context) (wait time.Duration, pause bool, err error) {
	if err := f.take(ctx); err != nil {
		return 0, false, err
	}
	defer f.release()
	now := time.Now()
	if wait := f.paused(now); wait > 0 {
		return wait, true, nil
	}
	passed, aside, until := f.order(now)
	p, at, err := f.o.Store.NextWorkAfter(now, passed, aside...)
	if err != nil {
		return 0, false, err
	}
	if p.LocalID == "" {
		if at.IsZero() || !until.IsZero() && until.Before(at) {
			at = until
		}
		if at.IsZero() {
			return forever, false, nil
		}
		return max(at.Sub(now), time.Millisecond), false, nil
	}
	_, err = f.attemptOrSetAside(ctx, p)
	if errors.Is(err, store.ErrRefused) { // the disk is full even for this
		f.o.Log.Error("forwarding has to wait for disk space", "err", err)
		return f.o.MaxWait, true, nil
	}
	return 0, false, err
}

// attemptOrSetAside is attempt, but a payment that the store takes no change of
// keeps nobody else from theirs: it is set aside for a while.
func (f *Forwarder) attemptOrSetAside(ctx context.Context, p store.Payment) (result, error) {
	r, err := f.attempt(ctx, p)
	if !errors.Is(err, store.ErrTooLarge) && !errors.Is(err, store.ErrTransition) {
		return r, err
	}
	f.o.Log.Error("payment cannot be taken further for now", "localId", p.LocalID, "sequence", p.Sequence, "err", err)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.aside[p.LocalID] = time.Now().Add(f.o.MaxWait)
	return result{err: err}, nil
}

// take waits for the turn. Nobody who comes too late may have it: it would never
// be given back.
func (f *Forwarder) take(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case f.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *Forwarder) release() { <-f.turn }

// Summary is what one ForwardNow did.
type Summary struct {
	Forwarded, Declined, Failed, Expired, Reversed int

	Left       store.Totals  // accepted payments that still wait
	RetryAfter time.Duration // the platform asked to be left alone for so long
	Err        error         // the last failure; nil if there was none
}

// ForwardNow tries everything that waits once, in order, without regard to
// earlier backoffs, and stops at the first request that surely did not reach
// the platform, and after three failures in a row. Only a wish of the platform to
// wait is respected. The error is ctx's or the store's; other trouble is in
// Summary.Err.
func (f *Forwarder) ForwardNow(ctx context.Context) (sum Summary, err error) {
	if err := f.take(ctx); err != nil {
		return sum, err
	}
	defer f.release()
	defer func() { sum.Left = f.o.Store.Pending() }()

	work, err := f.o.Store.List(store.Filter{States: []store.State{store.Stored, store.Sending, store.Unknown, store.Reversing}})
	if err != nil {
		return sum, err
	}
	bySequence(work)
	failures := 0 // in a row
	for _, p := range work {
		if sum.RetryAfter = f.held(time.Now()); sum.RetryAfter > 0 {
			break
		}
		if p, err = f.o.Store.Payment(p.LocalID); err != nil {
			return sum, err
		}
		if !p.State.Work() {
			continue // voided meanwhile
		}
		result, err := f.attemptOrSetAside(ctx, p)
		if err != nil {
			return sum, err
		}
		sum.count(result)
		if failures++; result.err == nil {
			failures = 0
		}
		if result.unreachable || failures == maxFailures {
			break
		}
	}
	sum.RetryAfter = max(sum.RetryAfter, f.held(time.Now()))
	return sum, nil
}

// maxFailures in a row end ForwardNow: each may have taken a whole timeout.
const maxFailures = 3

func (s *Summary) count(r result) {
	switch r.ended {
	case store.Forwarded:
		s.Forwarded++
	case store.Declined:
		s.Declined++
	case store.Failed:
		s.Failed++
	case store.Expired:
		s.Expired++
	}
	if r.reversed {
		s.Reversed++
	}
	if r.err != nil {
		s.Err = r.err
	}
}
