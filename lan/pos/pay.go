package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"sync"
	"time"

	"smartreader/lan/client"
	"smartreader/lan/wire"
)

type payFlags struct {
	offline, description string
	capture, key         string
	metadata             pairs
	offlineMax           string
	inspect, skipTipping bool
	resume, abandon      bool
	wait                 time.Duration
}

// pairs collects -metadata k=v.
type pairs map[string]string

func (p pairs) String() string { return "" }

func (p pairs) Set(s string) error {
	k, v, ok := strings.Cut(s, "=")
	if !ok || k == "" {
		return errors.New("write it as name=value")
	}
	p[k] = v
	return nil
}

var payCommand = command{
	name: "pay", args: "AMOUNT CURRENCY", short: "take a card payment",
	long: `
Creates a payment and asks for a card, for example: pos pay 12.50 usd

"Approved" means that the bank has authorized it. "Accepted, stored" means that
the reader took it without internet and will send it later; the bank may still
decline it then.

What is about to be sent is noted first. If pay is interrupted, or exits with 3,
"pos pay -resume" asks the reader for the outcome of the same payment; it can
not be charged twice. Ctrl-C cancels while the reader waits for a card, and so
does the end of -wait.`,
	min: 0, max: 2,
	flags: func(fs *flag.FlagSet) any {
		f := &payFlags{metadata: pairs{}}
		fs.StringVar(&f.offline, "offline", "", "`behavior`: prefer_online, require_online or force_offline (default prefer_online)")
		fs.StringVar(&f.capture, "capture", "", "`method`: automatic or manual (default automatic)")
		fs.StringVar(&f.key, "key", "", "idempotency `key` of the payment, yours for ever (default: a random one)")
		fs.StringVar(&f.key, "idempotency", "", "the same as -`key`")
		fs.StringVar(&f.description, "description", "", "`text` kept with the payment")
		fs.Var(f.metadata, "metadata", "`name=value` kept with the payment; may be repeated")
		fs.StringVar(&f.offlineMax, "offline-max", "", "do not store it without internet above this `amount`; it only tightens the reader's limit")
		fs.BoolVar(&f.inspect, "inspect", false, "have the card looked at before it is charged; needs internet")
		fs.BoolVar(&f.skipTipping, "skip-tipping", false, "do not ask for a tip")
		fs.BoolVar(&f.resume, "resume", false, "learn the outcome of the payment that was interrupted, or try its card again")
		fs.BoolVar(&f.abandon, "abandon", false, "begin a new payment although the outcome of the last is not known")
		fs.DurationVar(&f.wait, "wait", 3*time.Minute, "how long to wait for the card and the outcome before it is canceled")
		return f
	},
	run: func(a *app, ctx context.Context, args []string, flags any) error {
		f := flags.(*payFlags)
		// One at a time: two would overwrite each other's note of what is
		// about to be sent.
		unlock, err := a.lock(payLock, false)
		if errors.Is(err, errLocked) {
			return a.payRuns(f)
		}
		if err != nil {
			return err
		}
		defer unlock()
		p, err := a.preparePayment(args, f)
		if err != nil {
			return err
		}
		return a.pay(ctx, p, f.wait)
	},
}

// payRuns refuses a second pay in the same state folder. What the first one
// comes to, nobody knows yet.
func (a *app) payRuns(f *payFlags) error {
	code := wire.CodeReaderBusy
	if f.resume {
		code = wire.CodeReaderCommunicationError
	}
	return wire.NewError(code, "another pos pay runs in "+a.state).
		WithRemedy("wait for it, or give each till a -state folder of its own")
}

// preparePayment makes or finds the payment to run and writes it down before
// anything is sent.
func (a *app) preparePayment(args []string, f *payFlags) (*pending, error) {
	last := new(pending)
	found, err := a.load(pendingFile, last)
	if err != nil {
		return nil, err
	}
	if f.resume {
		switch {
		case len(args) > 0:
			return nil, &usageError{"pay", "-resume goes on with the interrupted payment and takes no amount"}
		case !found:
			return nil, &usageError{"pay", "there is no interrupted payment"}
		}
		return last, nil
	}
	if len(args) != 2 {
		return nil, &usageError{"pay", "usage: pos pay AMOUNT CURRENCY, for example: pos pay 12.50 usd"}
	}
	amount, code, err := parseAmount(args[0], args[1])
	if err != nil {
		return nil, &usageError{"pay", err.Error()}
	}
	limits, err := offlineMax(f.offlineMax, code)
	if err != nil {
		return nil, &usageError{"pay", err.Error()}
	}
	if found && last.unknown() && !f.abandon {
		return nil, &unknownLast{last}
	}
	id := client.NewRequestID()
	p := &pending{
		Create: wire.CreatePaymentIntentParams{
			// The key makes it one payment whatever becomes of the requests.
			RequestID: id, IdempotencyKey: cmp.Or(f.key, id), Amount: amount, Currency: code,
			CaptureMethod: f.capture, OfflineBehavior: f.offline, Description: f.description, Metadata: f.metadata,
		},
		Collect:   wire.CollectOptions{SkipTipping: f.skipTipping, UpdatePaymentIntent: f.inspect, OfflineLimits: limits},
		ProcessID: client.NewRequestID(),
	}
	if err := p.Create.Validate(); err != nil {
		e, _ := wire.AsError(err)
		return nil, &usageError{"pay", e.Message}
	}
	return p, a.save(pendingFile, p)
}

// unknownLast keeps a till from charging again while it does not know whether
// it has charged.
type unknownLast struct{ last *pending }

func (e *unknownLast) Error() string {
	return fmt.Sprintf("the outcome of the last payment, %s, is not known yet", money(e.last.Create.Amount, e.last.Create.Currency))
}

// Unwrap makes it an "ask again".
func (e *unknownLast) Unwrap() error {
	return wire.NewError(wire.CodeReaderCommunicationError, e.Error()).
		WithRemedy(`ask with "pos pay -resume", or begin a new one with -abandon if you know it`)
}

// pay runs a payment that has been written down to a known end, or leaves it
// resumable.
func (a *app) pay(ctx context.Context, p *pending, wait time.Duration) error {
	sess, err := a.open(ctx, opening{onEvent: a.progress, provides: true})
	if err == nil {
		defer sess.Close()
		err = p.belongs(sess)
	}
	if err != nil {
		return a.notBegun(p, err)
	}
	if !a.json {
		a.notes(sess)
	}
	again := p.unknown()
	pi, err := a.payOn(ctx, sess, p, again, wait)
	outcome := judge(pi, err, again)
	// Under a -key that is taken there is another payment: not this one.
	if e, ok := wire.AsError(err); ok && e.PaymentIntent != nil && (again || e.Code != wire.CodeIdempotencyMismatch) {
		pi = *e.PaymentIntent
	}
	// The till is told first: a full disk must not keep the outcome from it.
	p.Settled = settles(outcome, err)
	told := a.tellOutcome(p, pi, outcome, err)
	if err := a.settle(p, outcome); err != nil {
		fmt.Fprintf(a.stderr, "pos: the outcome could not be written down: %v\n", err)
	}
	return told
}

// belongs refuses to go on with a payment that another reader has, or that was
// sent under another POS id: there it would be a new payment.
func (p *pending) belongs(sess *session) error {
	reader, pos := sess.Reader().ID, sess.state.POSID
	if p.sent() && (p.ReaderID != reader || p.POSID != pos) {
		return fmt.Errorf("the interrupted payment was sent to reader %s by POS %s; this is reader %s and POS %s", p.ReaderID, p.POSID, reader, pos)
	}
	return nil
}

// notBegun ends a pay that could not reach the reader of its payment.
func (a *app) notBegun(p *pending, err error) error {
	switch {
	case p.unknown(): // still
		return a.tellOutcome(p, wire.PaymentIntent{}, outcomeUnknown, err)
	case !p.sent():
		err = errors.Join(err, a.remove(pendingFile))
	}
	return &unchargedError{err}
}

// unchargedError is an error after which it is certain that nothing was
// charged, whatever it says itself.
type unchargedError struct{ error }

func (e *unchargedError) Error() string { return "nothing was charged: " + e.error.Error() }
func (e *unchargedError) Unwrap() error { return e.error }

// cancelAgain is how long to wait when the reader had nothing to cancel yet.
const cancelAgain = 100 * time.Millisecond

func (a *app) payOn(ctx context.Context, sess *session, p *pending, again bool, wait time.Duration) (pi wire.PaymentIntent, err error) {
	// Neither Ctrl-C nor the end of the wait cut the calls: they cancel at the
	// reader, and the answer is still waited for.
	calls, stop := context.WithTimeout(context.WithoutCancel(ctx), wait+a.timeout)
	defer stop()
	if p.LocalID == "" {
		if pi, err = a.create(calls, sess, p); err != nil || paid(pi) != "" { // paid: its -key was used before
			return pi, err
		}
	}
	if p.Settled { // a new attempt with the same payment
		p.ProcessID, p.Settled = client.NewRequestID(), false
		if err := a.save(pendingFile, p); err != nil {
			p.Settled = true
			return pi, &unchargedError{err}
		}
	}
	if ctx.Err() != nil && !again {
		return pi, wire.NewError(wire.CodeCanceled, "")
	}
	if !a.json {
		what := "present the card at the reader (Ctrl-C cancels)"
		if again {
			what = "asking the reader what became of it; if it still waits, present the card (Ctrl-C cancels)"
		}
		fmt.Fprintf(a.stderr, "%s: %s.\n", money(p.Create.Amount, p.Create.Currency), what)
	}
	running, ended := context.WithCancel(calls)
	var canceling sync.WaitGroup
	defer canceling.Wait()
	defer ended()
	defer a.over.Store(true)
	canceling.Go(func() {
		patience := time.NewTimer(wait)
		defer patience.Stop()
		select {
		case <-ctx.Done():
		case <-patience.C:
			if !a.json {
				fmt.Fprintf(a.stderr, "Waited for %v; canceling.\n", wait)
			}
		case <-running.Done():
			return
		}
		a.cancelRunning(running, sess)
	})
	return sess.ProcessPaymentIntent(calls, wire.ProcessPaymentIntentParams{
		RequestID: p.ProcessID, PaymentIntent: wire.IntentRef{LocalID: p.LocalID}, Options: p.Collect,
	})
}

// create notes where the payment is sent before it is, and its local id before
// a card is asked for.
func (a *app) create(ctx context.Context, sess *session, p *pending) (wire.PaymentIntent, error) {
	p.ReaderID, p.POSID = sess.Reader().ID, sess.state.POSID
	if err := a.save(pendingFile, p); err != nil {
		return wire.PaymentIntent{}, &unchargedError{err}
	}
	pi, err := sess.CreatePaymentIntent(ctx, p.Create)
	if err != nil {
		return pi, err
	}
	if err := a.keep(sess.state, func(s *state) { s.LastPayment = pi.LocalID }); err != nil {
		return pi, &unchargedError{err}
	}
	noted := *p
	noted.LocalID = pi.LocalID
	if err := a.save(pendingFile, &noted); err != nil {
		return pi, &unchargedError{err}
	}
	*p = noted
	return pi, nil
}

// cancelRunning cancels what ctx bounds. The reader may learn of the cancel
// before it has begun, and has then nothing to cancel.
func (a *app) cancelRunning(ctx context.Context, sess *session) {
	for {
		r, err := sess.CancelCollectPaymentMethod(ctx, wire.CancelCollectPaymentMethodParams{RequestID: client.NewRequestID()})
		if err != nil || r.Outcome != wire.CancelAlreadyCompleted {
			if err == nil && r.Outcome == wire.CancelTooLate && !a.json {
				fmt.Fprintln(a.stderr, "Too late to cancel; waiting for the outcome.")
			}
			return
		}
		select {
		case <-time.After(cancelAgain):
		case <-ctx.Done():
			return
		}
	}
}

// displayText says what the cardholder reads on the screen, for a cashier who may
// help with it.
func displayText(message string) string {
	switch message {
	case wire.DisplayRetryCard:
		return "The card could not be read; it is to be presented again."
	case wire.DisplayInsertCard:
		return "The card is to be inserted."
	case wire.DisplayMultipleCards:
		return "There is more than one card; only one is to be tapped."
	case wire.DisplayCheckMobileDevice:
		return "The phone wants to be looked at; then it is to be tapped again."
	case wire.DisplayRemovedTooEarly:
		return "The card was taken away too early; it is to be tapped again."
	}
	return "The reader shows: " + message
}

// progress shows what happens at the reader, until the outcome is there: events
// may come after the answer.
func (a *app) progress(e wire.Event) error {
	if a.json || a.over.Load() {
		return nil
	}
	switch {
	case e.ReaderEvent == wire.ReaderCardInserted:
		fmt.Fprintln(a.stderr, "Card inserted.")
	case e.ReaderEvent == wire.ReaderCardTapped:
		fmt.Fprintln(a.stderr, "Card tapped.")
	case e.Type == wire.EventDisplayMessage:
		fmt.Fprintln(a.stderr, displayText(e.DisplayMessage))
	case e.ReaderEvent == wire.ReaderCardRemoved:
		fmt.Fprintln(a.stderr, "Card removed.")
	case e.PaymentStatus == wire.PaymentProcessing:
		fmt.Fprintln(a.stderr, "Processing.")
	case e.Type == wire.EventConnectionLost && e.Reason == wire.LostTakenOver:
		fmt.Fprintln(a.stderr, "Another POS has taken the reader.")
	case e.Type == wire.EventConnectionLost && e.Reason == wire.LostExpired:
		fmt.Fprintln(a.stderr, "The session has expired; before the next payment: pos connect.")
	}
	return nil
}
