package forward

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
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

	// InFlight is how many payments may be under way at once; asked again and
	// again, so that it can change. Default 4.
	InFlight func() int

	// Hold tells why a payment has to wait as things are; nil if it has not to.
	// It is asked before every attempt, for a held payment after MaxWait, a
	// Kick or a ForwardNow. It must not block. Default: none is held. See also
	// the type, for a platform that says so.
	Hold func(store.Payment) *Hold

	// Drain is called when forwarding begins after there was nothing to do,
	// and when it gets through again after a failure. It comes from any
	// goroutine and must not block.
	Drain func()

	// Jitter spreads waits, so that a fleet of readers does not come back at
	// one moment; default: a random time between half the wait and all of it.
	Jitter func(wait time.Duration) time.Duration
}

// Forwarder forwards for one store. It paces itself by the running time, not by
// the store's never-decreasing one, which may stand still for long. Only one may
// exist per store: it takes every payment it finds in state sending for its own,
// interrupted.
type Forwarder struct {
	o      Options
	kick   chan struct{}
	kicked atomic.Bool   // since the last look
	wanted atomic.Int32  // how many ForwardNow wait for their turn
	turn   chan struct{} // held by who starts attempts: Run or one ForwardNow
	pace   pace

	giveBack func() error // Store.Flatten
	ended    atomic.Bool  // a payment, since then

	// These belong to whoever has the turn.
	aside   map[string]aside     // by local id: who is passed over
	told    map[string]bool      // by Hold.Code: noted in the journal
	asked   map[string]time.Time // by local id: not to ask before how a rescued payment ended
	askNot  time.Time            // nor any of them before this
	pending bool                 // forwarding has begun and not come to its end
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
	if o.InFlight == nil {
		o.InFlight = func() int { return 4 }
	}
	if o.Hold == nil {
		o.Hold = func(store.Payment) *Hold { return nil }
	}
	if o.Drain == nil {
		o.Drain = func() {}
	}
	if o.Jitter == nil {
		o.Jitter = func(wait time.Duration) time.Duration { return wait/2 + rand.N(wait/2+1) }
	}
	return &Forwarder{
		o: o, kick: make(chan struct{}, 1), turn: make(chan struct{}, 1), giveBack: o.Store.Flatten,
		aside: map[string]aside{}, told: map[string]bool{}, asked: map[string]time.Time{},
	}
}

// Kick makes Run go on now after a failure, and try again what is held: the link
// is back, or the reader's mode has changed. A payment whose own attempt got no
// answer keeps to its time, at most MaxWait; else one that kills the process would
// come first at every start. A payment stored while nothing waits needs no kick.
// It never blocks.
func (f *Forwarder) Kick() {
	f.pace.resume()
	f.kicked.Store(true)
	select {
	case f.kick <- struct{}{}:
	default:
	}
}

// Run forwards until ctx ends or the store fails. It tries whatever the link
// state is believed to be: a try is the best evidence. It waits for the
// requests under way, commits what they bring, and returns ctx.Err() or the
// store's error.
//
// Whenever nothing is left to forward, it lets the store give space back, see
// store.Flatten.
func (f *Forwarder) Run(ctx context.Context) error {
	var flattened time.Time
	for {
		rest, err := f.work(ctx)
		if err != nil {
			return err
		}
		if rest.idle && f.ended.Load() {
			due := flattenEvery - time.Since(flattened)
			if due <= 0 {
				f.ended.Store(false) // one that ends meanwhile is for the next time
				f.flatten()
				flattened = time.Now()
			} else {
				rest.wait = min(rest.wait, due)
			}
		}
		if err := f.sleep(ctx, rest); err != nil {
			return err
		}
	}
}

// flattenEvery bounds how often the flash is written for it. What was sealed
// should not stay on the disk much longer than it is needed.
const flattenEvery = 10 * time.Minute

func (f *Forwarder) flatten() {
	if err := f.giveBack(); err != nil {
		f.o.Log.Error("space was not given back", "err", err)
	}
}

// forever is the wait of an empty queue.
const forever = time.Duration(1<<63 - 1)

// rest is why nothing is started now, and until when.
type rest struct {
	wait    time.Duration
	changed <-chan struct{} // the store's, taken before the look
	idle    bool            // nothing is left but what is held or rescued
}

// work is one turn of Run: it lasts until nothing is under way and nothing can
// be started, or somebody else wants the turn.
func (f *Forwarder) work(ctx context.Context) (rest, error) {
	if err := f.take(ctx); err != nil {
		return rest{}, err
	}
	defer f.release()
	c := newCrew(ctx)
	defer c.cancel()
	for {
		r, giveWay := rest{wait: forever}, f.wanted.Load() > 0
		if c.err == nil && !giveWay {
			changed := f.o.Store.Changed() // asked for before the look, so that no new work is missed
			l, err := f.fill(c, nil)
			if err != nil {
				c.stop(err)
			} else if !l.full {
				r = rest{l.wait, changed, l.idle}
			}
		}
		if c.empty() {
			f.finish(r.idle)
			if giveWay {
				r.wait = 0 // they come first; then look again
			}
			return r, c.err
		}
		if o, back := c.await(r, f.kick); back {
			f.welcome(c, o)
		}
	}
}

// finish notes that nothing is left, if so: what comes next is another drain.
func (f *Forwarder) finish(idle bool) {
	if idle && f.pending {
		f.pending = false
		f.pace.doubt()
	}
}

// sleep waits, until a kick or a change at most.
func (f *Forwarder) sleep(ctx context.Context, r rest) error {
	timer, stop := after(r.wait)
	defer stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-f.kick:
	case <-r.changed:
	case <-timer:
	}
	return nil
}

func after(wait time.Duration) (fires <-chan time.Time, stop func() bool) {
	if wait == forever {
		return nil, func() bool { return false }
	}
	t := time.NewTimer(wait)
	return t.C, t.Stop
}
