package forward

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/store"
)

// play is a shop's day with everything in it at once: payments of a few cards,
// several under way, a platform that loses requests and answers and remembers
// natural keys only, voids, rescues and payments taken back, payments of
// another mode, the power going at any moment.
type play struct {
	t      *testing.T
	random *rand.Rand
	dir    string
	s      *store.Store
	f      *platform

	forwarder *Forwarder
	ctx       context.Context
	cut       context.CancelFunc
	ended     chan error

	mode    atomic.Int32 // 0: payments of both modes, 1: only live ones, 2: only test ones
	taken   []string
	abroad  []store.Payment // rescued, and not yet with the platform
	rescued int
}

func TestEveryPaymentExactlyOnce(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				p := &play{t: t, random: rand.New(rand.NewPCG(seed, 7)), dir: dir, f: newPlatform(seed, 0.25)}
				p.f.verdict = verdictOf
				p.f.delay = func() time.Duration {
					p.f.mu.Lock()
					defer p.f.mu.Unlock()
					return time.Duration(p.f.random.IntN(1500)) * time.Millisecond
				}
				p.begin()
				for range 120 {
					time.Sleep(time.Duration(p.random.IntN(1200)) * time.Millisecond)
					p.act()
				}
				p.finish()
				p.check()
			})
		})
	}
}

// verdictOf is the same for a payment whoever brings it: 7 of 10 are charged.
func verdictOf(p store.Payment) Verdict {
	switch p.Sequence % 10 {
	case 3, 6:
		return Verdict{Status: Declined, Code: "card_declined", DeclineCode: "do_not_honor"}
	case 9:
		return Verdict{Status: Failed, Code: "envelope_invalid"}
	}
	return Verdict{Status: Forwarded, IntentID: "pi_" + p.LocalID, ChargeID: "ch_" + p.LocalID}
}

func (p *play) begin() {
	later := func() time.Time { return time.Now().AddDate(30, 0, 0) } // a bubble's time begins before any reader's
	s, err := store.Open(background, store.Options{Dir: p.dir, Signer: deviceKey, Now: later})
	if err != nil {
		p.t.Fatal(err)
	}
	p.s, p.ended = s, make(chan error, 1)
	p.ctx, p.cut = context.WithCancel(background)
	p.forwarder = New(Options{Store: s, Submitter: p.f, InFlight: func() int { return 3 }, Hold: p.hold})
	forwarder, ctx, ended := p.forwarder, p.ctx, p.ended
	go func() { ended <- forwarder.Run(ctx) }()
}

func (p *play) hold(payment store.Payment) *Hold {
	mode := p.mode.Load()
	if mode == 0 || payment.Livemode == (mode == 1) {
		return nil
	}
	p.f.mu.Lock()
	defer p.f.mu.Unlock()
	p.f.late[payment.LocalID] = true // others of its card may pass
	return &Hold{Code: "wrong mode", Message: "it is of the other mode"}
}

func (p *play) act() {
	switch n := p.random.IntN(100); {
	case n < 45:
		id := len(p.taken)
		taken := withCard(p.t, p.s, id, fmt.Sprintf("%04d", p.random.IntN(4)))
		p.taken = append(p.taken, taken.LocalID)
	case n < 55:
		p.change(func(q *store.Payment) bool {
			q.State, q.After = store.Reversing, store.Voided
			return true
		}, store.Stored, store.Unknown, store.Failed)
	case n < 65:
		if q, ok := p.change(func(q *store.Payment) bool { q.State = store.Rescued; return true }, store.Stored, store.Unknown, store.Failed); ok {
			p.abroad = append(p.abroad, q)
			p.f.mu.Lock()
			p.f.late[q.LocalID] = true // it may be taken back
			p.f.mu.Unlock()
		}
	case n < 72:
		p.land()
	case n < 77:
		p.change(takeBack, store.Rescued)
	case n < 82:
		p.mode.Store(int32(p.random.IntN(3)))
		p.forwarder.Kick()
	case n < 90:
		if _, err := p.forwarder.ForwardNow(p.ctx); err != nil {
			p.t.Error(err)
		}
	case n < 95:
		p.forwarder.Kick()
	default:
		p.powerCut()
	}
}

func takeBack(q *store.Payment) bool {
	q.State, q.Attempted = store.Unknown, true
	return q.ChargeID == ""
}

// change takes one payment that is in one of the states further, unless
// somebody else was faster.
func (p *play) change(to func(*store.Payment) bool, states ...store.State) (store.Payment, bool) {
	found, err := p.s.List(store.Filter{States: states})
	if err != nil {
		p.t.Fatal(err)
	}
	if len(found) == 0 {
		return store.Payment{}, false
	}
	q := found[p.random.IntN(len(found))]
	if !to(&q) {
		return q, false
	}
	q, err = p.s.Commit(background, store.Change{Payment: q, Reason: "play"})
	if err != nil && !errors.Is(err, store.ErrConflict) {
		p.t.Fatal(err)
	}
	return q, err == nil
}

// land brings one rescued payment to the platform.
func (p *play) land() {
	if n := len(p.abroad); n > 0 {
		i := p.random.IntN(n)
		p.f.rescue(p.abroad[i])
		p.rescued++
		p.abroad = append(p.abroad[:i], p.abroad[i+1:]...)
	}
}

// powerCut stops everything where it is. Of the requests under way, some have
// reached the platform; no answer reaches the reader.
func (p *play) powerCut() {
	p.f.mu.Lock()
	p.f.cut = true
	p.f.mu.Unlock()
	p.cut()
	if err := <-p.ended; !errors.Is(err, context.Canceled) {
		p.t.Errorf("Run ended with %v", err)
	}
	if err := p.s.Close(); err != nil {
		p.t.Fatal(err)
	}
	p.f.mu.Lock()
	p.f.cut = false
	p.f.mu.Unlock()
	p.begin()
}

// finish lets everything come to its end: of the rescued payments that nobody
// brought to the platform, all are taken back.
func (p *play) finish() {
	p.mode.Store(0)
	p.forwarder.Kick()
	for len(p.abroad) > 3 {
		p.land()
	}
	for _, q := range p.abroad {
		for {
			if q = reload(p.t, p.s, q); q.State != store.Rescued || !takeBack(&q) {
				break
			}
			if _, err := p.s.Commit(background, store.Change{Payment: q, Reason: "taken back"}); err == nil {
				break
			}
		}
	}
	until(p.s, func() bool {
		open := false
		if err := p.s.Work(func(w store.WorkItem) bool { open = open || w.State.Work(); return !open }); err != nil {
			p.t.Fatal(err)
		}
		for _, id := range p.taken {
			q := reload(p.t, p.s, store.Payment{LocalID: id})
			open = open || q.State == store.Rescued && q.ChargeID == "" && q.Failure == nil
		}
		return !open
	})
	p.cut()
	<-p.ended
}

func (p *play) check() {
	t, f := p.t, p.f
	want, ends := map[string]int{}, map[store.State]int{}
	for _, id := range p.taken {
		q := reload(t, p.s, store.Payment{LocalID: id})
		v, seen := f.byKey[q.NaturalKey]
		agree := false
		switch q.State {
		case store.Forwarded:
			agree = v.Status == Forwarded && !v.Rescued && q.ChargeID == v.ChargeID
		case store.Declined:
			agree = v.Status == Declined
		case store.Failed:
			agree = v.Status == Failed && f.undone[q.NaturalKey] == 0
		case store.Rescued:
			agree = v.Status == Forwarded && q.ChargeID == v.ChargeID || v.Status == Failed
		case store.Voided:
			agree = f.undone[q.NaturalKey] > 0
		}
		if !agree || !seen {
			t.Errorf("%s is %s; the platform says %+v, reversed %d times", id, q.State, v, f.undone[q.NaturalKey])
		}
		if q.State == store.Forwarded || q.State == store.Rescued && q.ChargeID != "" {
			want[id] = 1
		}
		_, err := p.s.Sealed(id)
		if keeps := q.State == store.Failed || q.State == store.Rescued && q.ChargeID == ""; keeps != (err == nil) {
			t.Errorf("%s is %s; its sealed payload: %v", id, q.State, err)
		}
		ends[q.State]++
	}
	f.settled(t, want)
	if f.most < 2 || f.most > 3 {
		t.Errorf("%d under way at once", f.most)
	}
	p.checkCounts()
	if err := p.s.Close(); err != nil {
		t.Error(err)
	}
	t.Logf("%d payments: %v, %d landed, %d at once", len(p.taken), ends, p.rescued, f.most)
}

// checkCounts reads the whole day in the journal: what waits becomes less only
// by ends.
func (p *play) checkCounts() {
	waits, after := map[string]bool{}, uint64(0)
	for {
		events, err := p.s.EventsAfter(after, 500)
		if err != nil {
			p.t.Fatal(err)
		}
		if len(events) == 0 {
			break
		}
		for _, e := range events {
			after = e.Index
			if e.Payment == nil {
				continue
			}
			switch q := e.Payment; {
			case q.State.Pending():
				waits[q.LocalID] = true
			case waits[q.LocalID] && (q.State.Final() || q.State == store.Reversing && q.After == store.Voided):
				delete(waits, q.LocalID)
			case waits[q.LocalID]:
				p.t.Errorf("%s went missing as %s", q.LocalID, q.State)
			}
		}
	}
	if got := p.s.Pending().Count; got != 0 || len(waits) != 0 {
		p.t.Errorf("%d wait, by the journal %d", got, len(waits))
	}
}
