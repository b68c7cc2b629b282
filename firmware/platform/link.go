package platform

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

// LinkState is what the evidence says about reaching the platform.
type LinkState int

// The states of a Link.
//
//	            one answer
//	Unknown ----------------> Online
//	   |                       |  ^
//	   |   FailedAttempts in a row, or one probe timeout
//	   v                       v  |  one answer
//	    ------------------> Offline
const (
	LinkUnknown LinkState = iota // no evidence yet
	LinkOnline
	LinkOffline
)

func (s LinkState) String() string {
	switch s {
	case LinkOnline:
		return "online"
	case LinkOffline:
		return "offline"
	}
	return "unknown"
}

// LinkStatus is a state and its evidence.
type LinkStatus struct {
	State    LinkState
	Since    time.Time // when State was entered
	Kind     Kind      // of the latest failure since the last answer; KindTLS must not pass for an outage
	Failures int       // failed attempts since the last answer
}

// LinkOptions are the thresholds; zero values take the shipped ones.
type LinkOptions struct {
	FailedAttempts int           // in a row until offline; 2
	ProbeTimeout   time.Duration // one probe longer than this is offline; 5 s
	OnlineInterval time.Duration // a probe after this long without evidence; 30 s
	RetryMin       time.Duration // first probe interval while offline, doubled each time; 1 s
	RetryMax       time.Duration // longest probe interval while offline; 30 s

	// Jitter spreads the probes of a fleet after an outage; nil takes a random
	// part of the interval between one half and all of it.
	Jitter func(time.Duration) time.Duration

	Probe func(ctx context.Context) error // one attempt to reach the platform
	Log   *slog.Logger
}

// Link judges by evidence whether the platform can be reached. All methods may
// be called concurrently.
type Link struct {
	opts LinkOptions
	wake chan struct{} // new evidence: Run reconsiders when to probe

	mu       sync.Mutex
	status   LinkStatus
	changed  chan struct{}
	evidence time.Time     // of the last attempt, good or bad
	backoff  time.Duration // next interval while offline
	earliest time.Time     // the platform asked not to be called before
}

// setDefaults fills in the shipped thresholds.
func (o *LinkOptions) setDefaults() {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	if o.FailedAttempts == 0 {
		o.FailedAttempts = 2
	}
	set(&o.ProbeTimeout, 5*time.Second)
	set(&o.OnlineInterval, 30*time.Second)
	set(&o.RetryMin, time.Second)
	set(&o.RetryMax, 30*time.Second)
	o.RetryMax = max(o.RetryMax, o.RetryMin)
}

// NewLink makes a Link without evidence. Run probes with opts.Probe.
func NewLink(opts LinkOptions) *Link {
	opts.setDefaults()
	if opts.Jitter == nil {
		opts.Jitter = func(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	return &Link{
		opts:    opts,
		wake:    make(chan struct{}, 1),
		changed: make(chan struct{}),
		status:  LinkStatus{Since: time.Now()},
		backoff: opts.RetryMin,
	}
}

// Configure takes other thresholds, from the next attempt on; zero values take
// the shipped ones. Probe, Jitter and Log stay as they are.
func (l *Link) Configure(o LinkOptions) {
	o.setDefaults()
	l.mu.Lock()
	defer l.mu.Unlock()
	o.Jitter, o.Probe, o.Log = l.opts.Jitter, l.opts.Probe, l.opts.Log
	l.opts = o
	l.backoff = min(max(l.backoff, o.RetryMin), o.RetryMax)
	select {
	case l.wake <- struct{}{}: // the next probe may be due sooner
	default:
	}
}

// Status returns the state and its evidence.
func (l *Link) Status() LinkStatus {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.status
}

// State returns the state alone.
func (l *Link) State() LinkState { return l.Status().State }

// Changed returns a channel that is closed when the state changes next.
func (l *Link) Changed() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changed
}

// Observe takes the result of one attempt as evidence: nil and *Error are
// answers, *Unreachable is a failure (unless the caller gave up), anything
// else says nothing.
func (l *Link) Observe(err error) { l.observe(err, false) }

func (l *Link) observe(err error, probe bool) {
	var refused *Error
	var unreachable *Unreachable
	switch {
	case err == nil:
		l.answered(0)
	case errors.As(err, &refused):
		l.answered(refused.RetryAfter)
	case errors.As(err, &unreachable) && unreachable.Kind != KindCanceled:
		l.failed(unreachable, probe)
	case probe:
		// A probe that tells nothing still counts, or Run would spin.
		l.failed(&Unreachable{Kind: KindAnswer, Err: err}, true)
	default:
		return
	}
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *Link) answered(retryAfter time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.evidence = time.Now()
	l.earliest = l.evidence.Add(min(retryAfter, longestSilence))
	l.backoff = l.opts.RetryMin
	l.status.Failures = 0
	l.status.Kind = ""
	l.enter(LinkOnline)
}

func (l *Link) failed(u *Unreachable, probe bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.evidence = time.Now()
	l.earliest = l.evidence.Add(min(u.RetryAfter, longestSilence))
	l.status.Failures++
	l.status.Kind = u.Kind
	if l.status.Failures >= l.opts.FailedAttempts || probe && u.Kind == KindTimeout {
		l.enter(LinkOffline)
	}
}

// longestSilence is for how long the platform can have probes put off. One in
// this time is no load, and a slip of the pen must not keep a shop offline for
// a day.
const longestSilence = 10 * time.Minute

// enter changes the state; l.mu is held.
func (l *Link) enter(s LinkState) {
	if l.status.State == s {
		return
	}
	l.opts.Log.Info("platform link", "state", s.String(), "was", l.status.State.String(), "kind", string(l.status.Kind))
	l.status.State = s
	l.status.Since = time.Now()
	close(l.changed)
	l.changed = make(chan struct{})
}

// Run probes: at once while nothing is known or the first attempt has failed,
// rarely while online and nothing else is asked, with growing jittered
// intervals while offline. It returns nil once ctx is done.
func (l *Link) Run(ctx context.Context) error {
	for {
		timer := time.NewTimer(l.wait())
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-l.wake:
			timer.Stop()
		case <-timer.C:
			l.probe(ctx)
		}
	}
}

func (l *Link) probe(ctx context.Context) {
	l.mu.Lock()
	timeout, probe := l.opts.ProbeTimeout, l.opts.Probe
	l.mu.Unlock()
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := probe(limited)
	if ctx.Err() != nil {
		return
	}
	l.mu.Lock()
	if l.status.Failures > 1 && err != nil {
		l.backoff = min(2*l.backoff, l.opts.RetryMax)
	}
	l.mu.Unlock()
	l.observe(err, true)
}

// wait returns how long to wait for the next probe.
func (l *Link) wait() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	var next time.Time
	switch {
	case l.status.State == LinkOffline, l.status.Failures > 1:
		next = l.evidence.Add(l.opts.Jitter(l.backoff))
	case l.status.State == LinkOnline && l.status.Failures == 0:
		next = l.evidence.Add(l.opts.OnlineInterval)
	}
	if l.earliest.After(next) {
		next = l.earliest
	}
	return time.Until(next)
}
