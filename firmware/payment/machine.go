package payment

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/entry"
	"smartreader/emvkernel/transcript"
	"smartreader/hal"
	"smartreader/store"
	"smartreader/store/seal"
)

// Settings are the parts of the platform's configuration that a payment needs.
// A payment uses the settings it was collected under to its end.
type Settings struct {
	ReaderID string
	Livemode bool
	Kernel   *emvkernel.Config
	Policy   Policy
	SealKey  seal.PublicKey
	Country  string // of the Location, ISO 3166 alpha-2

	// InspectionOmit lets a payment be collected offline with
	// CollectParams.Inspect: there is nothing to see of the card then. Otherwise
	// it is refused.
	InspectionOmit bool
	// DeferAfter is how long an authorization may take before the payment is
	// stored, or reversed where it may not be; 0: Options.AuthorizeTimeout.
	DeferAfter time.Duration
	// CardDecides lets a card that asked for its issuer approve without it while
	// the reader is offline, at applications with offline approval. Otherwise the
	// payment is deferred.
	CardDecides bool

	// Tap is what Entry Point works with; nil: no taps.
	Tap *entry.Config

	PINKey    string // the PIN pad's key for online PINs; empty: none is asked for
	PINFormat hal.PINBlockFormat
}

// Options are what a Machine works with. All functions must be safe for
// concurrent use and must not block.
type Options struct {
	Store       *store.Store
	Contact     hal.ContactReader     // nil: no chip payments
	Contactless hal.ContactlessReader // nil: no taps
	Swipe       hal.SwipeReader       // nil: no magnetic stripes; a swipe is told apart, never taken
	PINPad      hal.PINPad            // nil: no PIN
	Platform    Platform

	Settings func() (Settings, bool) // false until the first configuration arrived
	Offline  func() bool             // the platform is believed to be out of reach
	Impostor func() error            // not nil: something else answers in the platform's place

	// Tip asks the cardholder for a tip, in minor units, on p.Amount, which is
	// what of the payment a tip is for; nil: no tipping. Unlike the others it may wait for people, until ctx ends.
	Tip func(ctx context.Context, p store.Payment) int64

	// Choose asks the cardholder which of the card's applications to pay with, or
	// whether the one there is may be used; nil: nobody can be asked. Like Tip it
	// may wait for people. ErrCanceled and ErrTimedOut are their answers too.
	Choose func(ctx context.Context, c Choice) (int, error)

	// Record is given what passed between kernel and card, in clear, when a
	// transaction of the payment is over; it wipes it. nil: nothing is recorded.
	Record func(p store.Payment, t *transcript.Transcript)

	Face func(Face) // what the cardholder is to see
	// Seen waits until the newest face is on the screen, or ctx ends: nobody pays by tap
	// what has not been shown yet. nil: faces are seen at once.
	Seen func(ctx context.Context)
	Step func(Step) // what the POS may want to follow; nothing of it is durable

	// EncodeOutcome turns the outcome of a request into the bytes that are
	// committed with it and given back when the request is repeated.
	EncodeOutcome func(store.Payment, *Error) []byte

	// AfterLoss says that journal entries were lost, and the operator accepted
	// it: what is found open may have gone further than the ledger knows.
	AfterLoss bool

	CardTimeout      time.Duration // how long collect waits for a card; 0: 2 min
	ConfirmTimeout   time.Duration // how long collected card data is kept; 0: 30 s
	PINTimeout       time.Duration // how long a PIN may take, all tries together; 0: 90 s
	AuthorizeTimeout time.Duration // how long an authorization may take before it is deferred; 0: 15 s
	CardEndTimeout   time.Duration // how long the card has for its second GENERATE AC; 0: 5 s
	OutcomeHold      time.Duration // how long an outcome stays on the screen after the card was taken; 0: 4 s

	Random io.Reader // unpredictable numbers; nil: crypto/rand
	Log    *slog.Logger
}

func (o *Options) setDefaults() {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&o.CardTimeout, 2*time.Minute)
	def(&o.ConfirmTimeout, 30*time.Second)
	def(&o.PINTimeout, 90*time.Second)
	def(&o.AuthorizeTimeout, 15*time.Second)
	def(&o.CardEndTimeout, 5*time.Second)
	def(&o.OutcomeHold, 4*time.Second)
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Face == nil {
		o.Face = func(Face) {}
	}
	if o.Step == nil {
		o.Step = func(Step) {}
	}
	if o.Impostor == nil {
		o.Impostor = func() error { return nil }
	}
	if o.EncodeOutcome == nil {
		o.EncodeOutcome = func(store.Payment, *Error) []byte { return nil }
	}
}

// Machine runs payments, one at a time. Its methods may be called by any
// goroutine; they hand their command to the loop in Run and wait for its
// answer, so they fail with ctx's error while Run does not run.
type Machine struct {
	opt      Options
	commands chan command
	velocity *velocity

	// onAntenna says that the card that was tapped last may still be in the field. Only
	// who waits for cards touches it.
	onAntenna bool

	looping atomic.Bool // Run has settled the past and takes commands

	mu      sync.Mutex
	phase   Phase
	current string    // localId of the payment being collected or confirmed
	due     time.Time // the phase must be over by then; zero: it waits for people
}

// New returns a Machine. It starts nothing.
func New(opt Options) *Machine {
	opt.setDefaults()
	return &Machine{opt: opt, commands: make(chan command), velocity: newVelocity()}
}

// Current returns the phase and the localId of the payment in progress, if
// any. It is a snapshot: the next moment may differ.
func (m *Machine) Current() (Phase, string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.phase, m.current
}

func (m *Machine) enter(p Phase, s *session) {
	due := time.Time{}
	switch p {
	case Collecting:
		due = time.Now().Add(m.cardTimeout(s) + choiceTime + m.opt.PINTimeout + workTime)
	case Confirming:
		due = time.Now().Add(m.authorizeTimeout(s) + m.opt.CardEndTimeout + workTime)
	}
	m.mu.Lock()
	m.phase, m.current, m.due = p, s.payment.LocalID, due
	m.mu.Unlock()
	m.opt.Step(Step{Kind: StepPhase, Phase: p, LocalID: s.payment.LocalID})
}

// workTime is more than a card that can be read and a disk that works need in one
// phase, besides what people are given to answer.
const workTime = 2 * time.Minute

// choiceTime is how long the cardholder has for all questions about one card's
// applications; one that is refused is asked about again.
const choiceTime = 90 * time.Second

// command is what a POS wants of the loop.
type command struct {
	kind    commandKind
	localID string
	request store.Request // to be remembered with the outcome; empty ID: none
	collect CollectParams
	confirm bool // collect: go on to confirm by itself
	by      canceler
	reply   chan reply
}

type commandKind int

const (
	commandCollect commandKind = iota
	commandConfirm
	commandCancel
	commandPing
)

// canceler is who wants to stop a payment.
type canceler int

const (
	byPOS canceler = iota
	byCardholder
)

type reply struct {
	payment store.Payment
	end     CancelEnd
	err     error
}

func (c command) answer(p store.Payment, err error) { c.reply <- reply{payment: p, err: err} }
func (c command) fail(e *Error)                     { c.reply <- reply{err: e} }

// Ping returns nil when the loop answers and its work comes to an end in time:
// payments are not stuck. Before the loop has begun, which a full disk or much
// to settle may delay, it returns nil at once.
func (m *Machine) Ping(ctx context.Context) error {
	if !m.looping.Load() {
		return nil
	}
	m.mu.Lock()
	phase, due := m.phase, m.due
	m.mu.Unlock()
	if !due.IsZero() && time.Now().After(due) {
		return fmt.Errorf("payment: %s should have ended %v ago", phase, time.Since(due).Round(time.Second))
	}
	_, err := m.send(ctx, command{kind: commandPing})
	return err
}

// send hands a command to the loop and waits for its reply. The reply channel
// is buffered, so the loop never waits for a caller that has gone.
func (m *Machine) send(ctx context.Context, c command) (reply, error) {
	c.reply = make(chan reply, 1)
	select {
	case m.commands <- c:
	case <-ctx.Done():
		return reply{}, ctx.Err()
	}
	select {
	case r := <-c.reply:
		return r, nil
	case <-ctx.Done():
		return reply{}, ctx.Err()
	}
}
