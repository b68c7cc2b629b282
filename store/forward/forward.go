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

	mu       sync.Mutex
	failures int       // in a row
	pause    time.Time // no attempt before; Kick and ForwardNow end it
	hold     time.Time // no attempt before, by the platform's wish; nothing ends it
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
	return &Forwarder{o: o, kick: make(chan struct{}, 1), turn: make(chan struct{}, 1)}
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
func (f *Forwarder) Run(ctx context.Context) error {
	for {
		changed := f.o.Store.Changed() // asked for first, so that no new work is missed
		wait, err := f.turnOnce(ctx)
		if err != nil {
			return err
		}
		if wait == 0 {
			continue
		}
		if wait != forever {
			changed = nil // only an empty queue waits for work; a full one for its time
		}
		if err := f.sleep(ctx, wait, changed); err != nil {
			return err
		}
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

// turnOnce handles the next payment, or tells how long there is nothing to do.
func (f *Forwarder) turnOnce(ctx context.Context) (wait time.Duration, err error) {
	if err := f.take(ctx); err != nil {
		return 0, err
	}
	defer f.release()
	now := time.Now()
	if wait := f.paused(now); wait > 0 {
		return wait, nil
	}
	p, at, err := f.o.Store.NextWork(now)
	switch {
	case err != nil:
		return 0, err
	case p.LocalID == "" && at.IsZero():
		return forever, nil
	case p.LocalID == "":
		return at.Sub(now), nil
	}
	_, err = f.attempt(ctx, p)
	if errors.Is(err, store.ErrRefused) { // the disk is full even for this
		f.o.Log.Error("forwarding has to wait for disk space", "err", err)
		return f.o.MaxWait, nil
	}
	return 0, err
}

func (f *Forwarder) take(ctx context.Context) error {
	select {
	case f.turn <- struct{}{}:
		return ctx.Err()
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
// the platform. Only a wish of the platform to wait is respected. The error is
// ctx's or the store's; trouble with the platform is in Summary.Err.
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
		result, err := f.attempt(ctx, p)
		if err != nil {
			return sum, err
		}
		sum.count(result)
		if result.unreachable {
			break
		}
	}
	sum.RetryAfter = max(sum.RetryAfter, f.held(time.Now()))
	return sum, nil
}

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
