package forward

import (
	"context"
	"errors"
	"maps"
	"time"

	"smartreader/store"
)

// look is what the work list has for now.
type look struct {
	ready []store.WorkItem // may be tried, in this order; of each lane one
	wait  time.Duration    // until there may be more, if nothing changes
	full  bool             // as many are under way as may be
	idle  bool             // nothing is left but what is held or rescued
}

// lookAhead is how many of those that may be tried a look names.
const lookAhead = 64

// once is the rule of a ForwardNow: everybody who is there at the beginning gets
// one attempt.
type once struct {
	last  uint64          // sequence
	tried map[string]bool // by local id
}

// look goes through the work list. Of a lane only the first is ready, and only
// if nobody of it is under way: a card's payments reach the platform in their
// order. Who is passed over keeps no lane.
func (f *Forwarder) look(now time.Time, busy map[string]bool, o *once) (look, error) {
	if f.kicked.Swap(false) {
		f.reconsider()
	}
	var behind, others, rescued []store.WorkItem
	l := look{wait: forever, idle: true}
	lanes, passed := maps.Clone(busy), f.pace.passedBy()
	err := f.o.Store.Work(func(w store.WorkItem) bool {
		lane := laneOf(w)
		if wait := f.aside[w.LocalID].until.Sub(now); wait > 0 {
			l.wait = min(l.wait, wait)
			return true
		}
		if w.State == store.Rescued {
			if wait := max(f.asked[w.LocalID].Sub(now), f.askNot.Sub(now)); wait > 0 {
				l.wait = min(l.wait, wait)
			} else if o == nil && rescued == nil {
				rescued = []store.WorkItem{w}
			}
			return true
		}
		l.idle = false
		if lanes[lane] {
			return true // somebody comes first
		}
		lanes[lane] = true
		wait := w.Wait(now)
		switch {
		case o != nil && (w.Sequence > o.last || o.tried[w.LocalID]):
		case o == nil && wait > 0:
			l.wait = min(l.wait, wait)
		case w.Sequence > passed:
			behind = append(behind, w)
		case len(others) < lookAhead:
			others = append(others, w)
		}
		return len(behind) < lookAhead
	})
	l.ready = append(behind, others...)
	if len(l.ready) == 0 && len(busy) == 0 {
		l.ready = rescued // their turn comes when nobody else has one, one at a time
	}
	return l, err
}

// laneOf returns what two payments must not have in common to be under way at
// the same time.
func laneOf(w store.WorkItem) string {
	if w.Lane == "" || w.State == store.Rescued {
		return w.LocalID
	}
	return w.Lane
}

// fill starts what may be tried now, as far as the pace allows.
func (f *Forwarder) fill(c *crew, o *once) (look, error) {
	for {
		now := time.Now()
		wait := f.pace.held(now)
		if o == nil {
			wait = f.pace.paused(now)
		}
		if wait > 0 {
			return look{wait: wait}, nil
		}
		room := min(f.pace.limit(f.o.InFlight()), lookAhead) - len(c.lanes)
		if room <= 0 {
			return look{full: true}, nil
		}
		l, err := f.look(now, c.lanes, o)
		if err != nil {
			return l, err
		}
		again := false
		for _, w := range l.ready {
			if err := c.ctx.Err(); err != nil {
				return l, err
			}
			if room == 0 {
				l.full = true
				return l, nil
			}
			p, ok, err := f.admit(c.ctx, w)
			if err != nil {
				return l, err
			}
			if !ok {
				again = true
				continue
			}
			room--
			f.start(c, laneOf(w), p, o)
		}
		if !again {
			return l, nil
		}
	}
}

// start sends a payment on its way.
func (f *Forwarder) start(c *crew, lane string, p store.Payment, o *once) {
	if o != nil {
		o.tried[p.LocalID] = true
	}
	if p.State == store.Rescued {
		f.asked[p.LocalID] = time.Now().Add(askEvery)
	} else if !f.pending {
		f.pending = true
		f.o.Drain()
	}
	c.send(f, lane, p)
}

// aside is what keeps a payment from its turn. It holds no lane meanwhile.
type aside struct {
	until time.Time
	code  string // of the Hold, if that is why
	times int    // it was set back in a row
	own   int    // failures of its own, while the platform answered others
}

// passOver lets others go first for a while. It costs nothing to look again.
func (f *Forwarder) passOver(localID, code string) {
	a := f.aside[localID]
	a.until, a.code = time.Now().Add(f.o.MaxWait), code
	f.aside[localID] = a
}

// setBack passes over a payment whose attempt came to nothing that another attempt
// would change. Each one costs journal entries, so they become ever rarer.
func (f *Forwarder) setBack(localID, code string) {
	a := f.aside[localID]
	wait := min(f.o.MaxWait<<min(a.times, 10), rarely)
	a.until, a.code, a.times = time.Now().Add(wait), code, a.times+1
	f.aside[localID] = a
}

// rarely is the longest wait of one that was set back, but for a Kick or a
// ForwardNow.
const rarely = 24 * time.Hour

// patience is how many failures of its own a payment may have before its card's
// later payments stop waiting for it: hours. Their order is worth a wait, and not
// their being too old to be taken.
const patience = 100

// failedAlone counts a failure of a payment while the platform answers others.
func (f *Forwarder) failedAlone(ctx context.Context, p store.Payment) {
	a := f.aside[p.LocalID]
	a.own++
	f.aside[p.LocalID] = a
	if a.own < patience {
		return
	}
	f.setBack(p.LocalID, "")
	if a.own == patience {
		f.note(ctx, FailureNote{LocalID: p.LocalID, Sent: true, Message: "no answer about this payment while the platform answers others: later ones of the card no longer wait for it"})
	}
}

// letGo forgets what kept a payment from its turn. If the cause comes back, it is
// told again.
func (f *Forwarder) letGo(localID string) {
	if a, was := f.aside[localID]; was {
		delete(f.aside, localID)
		delete(f.told, a.code)
	}
}

// reconsider lets everybody who is passed over have another chance.
func (f *Forwarder) reconsider() {
	for id, a := range f.aside {
		a.until = time.Time{} // what was told is remembered
		f.aside[id] = a
	}
	f.askNot = time.Time{}
}

// admit reads a payment that may be tried. It is passed over if it does not
// read or is held.
func (f *Forwarder) admit(ctx context.Context, w store.WorkItem) (p store.Payment, ok bool, err error) {
	p, err = f.o.Store.Payment(w.LocalID)
	switch {
	case errors.Is(err, store.ErrDamaged):
		f.passOver(w.LocalID, "")
		return p, false, nil
	case err != nil:
		return p, false, err
	case !p.State.Work() && p.State != store.Rescued: // it ended meanwhile
		f.passOver(w.LocalID, "")
		return p, false, nil
	}
	if hold := f.o.Hold(p); hold != nil {
		f.passOver(p.LocalID, hold.Code)
		f.tellHold(ctx, p, hold)
		return p, false, nil
	}
	return p, true, nil
}

// tellHold journals the first of a cause.
func (f *Forwarder) tellHold(ctx context.Context, p store.Payment, h *Hold) {
	if f.told[h.Code] {
		return
	}
	f.told[h.Code] = true
	f.o.Log.Warn("payment is held", "localId", p.LocalID, "sequence", p.Sequence, "code", h.Code, "message", h.Message)
	f.note(ctx, FailureNote{LocalID: p.LocalID, Sent: p.Attempted, Code: h.Code, Message: h.Message})
}
