package forward

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"smartreader/store"
)

// platform is the other side, as bad as it may be: it loses requests and
// answers, forgets idempotency keys at once, and books whatever it is told. Only
// the natural key keeps it from booking twice; it counts every attempt to.
type platform struct {
	mu      sync.Mutex
	random  *rand.Rand
	trouble float64 // part of the requests that something happens to
	verdict func(p store.Payment) Verdict

	charges map[string]int     // by local id
	byKey   map[string]Verdict // by natural key
	keys    map[string]string  // natural key -> idempotency key first used with it
	undone  map[string]int     // reversals, by natural key
	submits map[string]int     // requests that arrived, by natural key
	order   []uint64           // sequences in order of booking
	breach  []string           // rules the forwarder broke

	script []fault // for the next requests, before chance takes over
	turn   sync.Mutex
	before func(p store.Payment, what string) // one call at a time
	delay  func() time.Duration               // how long a request takes

	cut     bool              // the reader's power is going: it hears no answer any more
	under   map[string]bool   // lanes and payments with a request under way
	most    int               // of those at once
	arrived map[string]uint64 // by card: highest sequence submitted so far
	late    map[string]bool   // by local id: may come after a later one of its card
}

// fault is what happens to one request.
type fault int

const (
	none fault = iota
	notSent
	requestLost // it never arrives, but the sender cannot know
	answerLost
	busy // the platform asks to wait
)

func newPlatform(seed uint64, trouble float64) *platform {
	return &platform{
		random: rand.New(rand.NewPCG(seed, 1)), trouble: trouble,
		verdict: func(p store.Payment) Verdict {
			return Verdict{Status: Forwarded, IntentID: "pi_" + p.LocalID, ChargeID: "ch_" + p.LocalID, AuthorizationCode: "123456"}
		},
		charges: map[string]int{}, byKey: map[string]Verdict{}, keys: map[string]string{}, undone: map[string]int{}, submits: map[string]int{},
		under: map[string]bool{}, arrived: map[string]uint64{}, late: map[string]bool{},
	}
}

func (f *platform) fault() fault {
	if len(f.script) > 0 {
		next := f.script[0]
		f.script = f.script[1:]
		return next
	}
	if f.random.Float64() >= f.trouble {
		return none
	}
	return fault(1 + f.random.IntN(4))
}

var errLink = errors.New("model: link")

// meet plays what happens to a request around its handling.
func (f *platform) meet(p store.Payment, what string, handle func()) error {
	defer f.enter(p)()
	if f.before != nil {
		f.turn.Lock()
		f.before(p, what)
		f.turn.Unlock()
	}
	if f.delay != nil {
		time.Sleep(f.delay())
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cut {
		if f.random.IntN(2) == 0 {
			handle()
		}
		return context.Canceled
	}
	switch f.fault() {
	case notSent:
		return &Temporary{Err: errLink}
	case requestLost:
		return &Temporary{Sent: true, Err: errLink}
	case answerLost:
		handle()
		return &Temporary{Sent: true, Err: errLink}
	case busy:
		return &Temporary{Sent: true, RetryAfter: 30 * time.Second, Err: errLink}
	case none:
	}
	handle()
	return nil
}

// card names the card of a payment, or the payment if it is not known.
func card(p store.Payment) string {
	if p.Card == nil || p.State == store.Rescued {
		return p.LocalID
	}
	return p.Card.Last4
}

// enter notes that a request is under way: never two of one card.
func (f *platform) enter(p store.Payment) (leave func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.under[card(p)] {
		f.breach = append(f.breach, p.LocalID+" came while another of its card was under way")
	}
	f.under[card(p)] = true
	f.most = max(f.most, len(f.under))
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.under, card(p))
	}
}

func (f *platform) Submit(_ context.Context, p store.Payment, envelope []byte) (Verdict, error) {
	var v Verdict
	err := f.meet(p, "submit", func() { v = f.book(p, envelope) })
	if err != nil {
		return Verdict{}, err
	}
	return v, nil
}

func (f *platform) book(p store.Payment, envelope []byte) Verdict {
	f.submits[p.NaturalKey]++
	if f.undone[p.NaturalKey] > 0 {
		f.breach = append(f.breach, p.LocalID+" was submitted after its reversal")
		return f.byKey[p.NaturalKey]
	}
	if p.State != store.Sending {
		f.breach = append(f.breach, fmt.Sprintf("%s submitted in state %s", p.LocalID, p.State))
	}
	if string(envelope) != sealed(p.LocalID, p.Sequence) {
		f.breach = append(f.breach, p.LocalID+" submitted with another envelope")
	}
	if first, seen := f.keys[p.NaturalKey]; seen && first != p.Key {
		f.breach = append(f.breach, p.LocalID+" came back under another key")
	}
	if _, seen := f.keys[p.NaturalKey]; !seen && !f.late[p.LocalID] {
		if f.arrived[card(p)] > p.Sequence {
			f.breach = append(f.breach, p.LocalID+" came after a later payment of its card")
		}
		f.arrived[card(p)] = p.Sequence
	}
	f.keys[p.NaturalKey] = p.Key
	if v, seen := f.byKey[p.NaturalKey]; seen {
		if !v.Rescued {
			f.breach = append(f.breach, p.LocalID+" was sent again although the platform had it")
		}
		return v
	}
	return f.decide(p)
}

// rescue is a submission from an export.
func (f *platform) rescue(p store.Payment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, seen := f.byKey[p.NaturalKey]; seen {
		return // the first verdict, for ever
	}
	v := f.decide(p)
	v.Rescued = true
	f.byKey[p.NaturalKey] = v
}

func (f *platform) decide(p store.Payment) Verdict {
	v := f.verdict(p)
	f.byKey[p.NaturalKey] = v
	f.order = append(f.order, p.Sequence)
	if v.Status == Forwarded {
		f.charges[p.LocalID]++
	}
	return v
}

func (f *platform) LookUp(_ context.Context, p store.Payment) (Verdict, error) {
	var v Verdict
	var seen bool
	if err := f.meet(p, "look up", func() { v, seen = f.byKey[p.NaturalKey] }); err != nil {
		return Verdict{}, err
	}
	if !seen {
		return Verdict{}, fmt.Errorf("model: %w", ErrNotFound)
	}
	return v, nil
}

func (f *platform) Reverse(_ context.Context, p store.Payment) error {
	return f.meet(p, "reverse", func() { f.undo(p) })
}

// undo takes the charge back, and lets the natural key never be charged.
func (f *platform) undo(p store.Payment) {
	f.undone[p.NaturalKey]++
	if f.byKey[p.NaturalKey].Status == Forwarded {
		if f.charges[p.LocalID]--; f.charges[p.LocalID] == 0 {
			delete(f.charges, p.LocalID)
		}
	}
	f.byKey[p.NaturalKey] = Verdict{Status: Failed, Code: "reversed"}
}

// authorizedOnline is what the platform knows of a payment whose online
// authorization it took, but whose answer was lost.
func (f *platform) authorizedOnline(p store.Payment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.byKey[p.NaturalKey] = f.verdict(p)
	f.charges[p.LocalID]++
}

// settled checks that charges and payments agree exactly.
func (f *platform) settled(t *testing.T, want map[string]int) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, breach := range f.breach {
		t.Error(breach)
	}
	if !maps.Equal(f.charges, want) {
		t.Errorf("charged %v, want %v", f.charges, want)
	}
}
