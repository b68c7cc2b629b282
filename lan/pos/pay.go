package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"

	"smartreader/lan/client"
	"smartreader/lan/wire"
)

type payFlags struct {
	offline, description string
	capture, key         string
	metadata             pairs
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
not be charged twice. Ctrl-C cancels while the reader waits for a card.`,
	min: 0, max: 2,
	flags: func(fs *flag.FlagSet) any {
		f := &payFlags{metadata: pairs{}}
		fs.StringVar(&f.offline, "offline", "", "`behavior`: prefer_online, require_online or force_offline (default prefer_online)")
		fs.StringVar(&f.capture, "capture", "", "`method`: automatic or manual (default automatic)")
		fs.StringVar(&f.key, "key", "", "idempotency `key` of the payment, yours for ever (default: the payment's local id)")
		fs.StringVar(&f.key, "idempotency", "", "the same as -`key`")
		fs.StringVar(&f.description, "description", "", "`text` kept with the payment")
		fs.Var(f.metadata, "metadata", "`name=value` kept with the payment; may be repeated")
		fs.BoolVar(&f.resume, "resume", false, "learn the outcome of the payment that was interrupted, or try its card again")
		fs.BoolVar(&f.abandon, "abandon", false, "begin a new payment although the outcome of the last is not known")
		fs.DurationVar(&f.wait, "wait", 3*time.Minute, "how long to wait for the card and the outcome")
		return f
	},
	run: func(a *app, ctx context.Context, args []string, flags any) error {
		f := flags.(*payFlags)
		p, err := a.preparePayment(args, f)
		if err != nil {
			return err
		}
		return a.pay(ctx, p, f.wait)
	},
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
		if last.Settled { // a new attempt with the same payment
			last.ProcessID, last.Settled = client.NewRequestID(), false
		}
		return last, a.save(pendingFile, last)
	}
	if len(args) != 2 {
		return nil, &usageError{"pay", "usage: pos pay AMOUNT CURRENCY, for example: pos pay 12.50 usd"}
	}
	amount, code, err := parseAmount(args[0], args[1])
	if err != nil {
		return nil, &usageError{"pay", err.Error()}
	}
	if found && last.LocalID != "" && !last.Settled && !f.abandon {
		return nil, &unknownLast{last}
	}
	p := &pending{
		Create: wire.CreatePaymentIntentParams{
			RequestID: client.NewRequestID(), IdempotencyKey: f.key, Amount: amount, Currency: code,
			CaptureMethod: f.capture, OfflineBehavior: f.offline, Description: f.description, Metadata: f.metadata,
		},
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
	sess, err := a.open(ctx, false, a.progress)
	if err != nil {
		if p.LocalID == "" { // nothing has been sent for it yet
			err = errors.Join(err, a.remove(pendingFile))
		}
		return err
	}
	defer sess.Close()
	if !a.json {
		a.notes(sess)
	}
	pi, err := a.payOn(ctx, sess, p, wait)
	outcome := a.outcome(pi, err)
	if e, ok := wire.AsError(err); ok && e.PaymentIntent != nil {
		pi = *e.PaymentIntent
	}
	if err := a.settle(p, outcome, err); err != nil {
		return err
	}
	return a.tellOutcome(p, pi, outcome, err)
}

func (a *app) payOn(ctx context.Context, sess *session, p *pending, wait time.Duration) (wire.PaymentIntent, error) {
	// Ctrl-C must not cut the calls: it cancels at the reader, and the answer
	// is still waited for.
	calls, stop := context.WithTimeout(context.WithoutCancel(ctx), wait)
	defer stop()
	pi, err := sess.CreatePaymentIntent(calls, p.Create)
	if err != nil {
		return pi, err
	}
	p.LocalID = pi.LocalID
	sess.state.LastPayment = pi.LocalID
	if err := errors.Join(a.save(pendingFile, p), a.save(stateFile, sess.state)); err != nil {
		return pi, err
	}
	if ctx.Err() != nil {
		return pi, wire.NewError(wire.CodeCanceled, "").WithPaymentIntent(pi)
	}
	canceled := context.AfterFunc(ctx, func() {
		if r, err := sess.CancelCollectPaymentMethod(calls, wire.CancelCollectPaymentMethodParams{RequestID: client.NewRequestID()}); err == nil && r.Outcome == wire.CancelTooLate && !a.json {
			fmt.Fprintln(a.stderr, "Too late to cancel; waiting for the outcome.")
		}
	})
	defer canceled()
	if !a.json {
		fmt.Fprintf(a.stderr, "%s: present the card at the reader (Ctrl-C cancels).\n", money(p.Create.Amount, p.Create.Currency))
	}
	return sess.ProcessPaymentIntent(calls, wire.ProcessPaymentIntentParams{
		RequestID: p.ProcessID, PaymentIntent: wire.IntentRef{LocalID: pi.LocalID},
	})
}

// Outcomes of pay, as -json names them.
const (
	outcomeApproved = "approved" // by the bank
	outcomeStored   = "stored"   // on the reader, not yet authorized
	outcomeDeclined = "declined"
	outcomeRefused  = "refused" // by the reader or the cardholder; nothing was charged
	outcomeUnknown  = "unknown"
)

func (a *app) outcome(pi wire.PaymentIntent, err error) string {
	if err == nil {
		if pi.OfflineDetails != nil {
			switch pi.OfflineDetails.State {
			case wire.OfflineStored, wire.OfflineSending, wire.OfflineUnknown, wire.OfflineRescued:
				return outcomeStored
			case wire.OfflineForwarded:
				return outcomeApproved
			case wire.OfflineDeclined:
				return outcomeDeclined
			}
			return outcomeRefused // failed, expired, voided, interrupted
		}
		switch {
		case pi.Status == wire.StatusSucceeded || pi.Status == wire.StatusRequiresCapture:
			return outcomeApproved
		case pi.Status == wire.StatusCanceled:
			return outcomeRefused
		case pi.Status == wire.StatusRequiresPaymentMethod:
			return outcomeDeclined
		}
		return outcomeUnknown
	}
	e, answered := wire.AsError(err)
	switch {
	case !answered || e.OutcomeUnknown():
		return outcomeUnknown
	case e.DeclineCode != "" || e.Code == wire.CodeDeclined || e.Code == wire.CodeDeclinedByReader || e.Code == wire.CodeOfflineDeclined:
		return outcomeDeclined
	}
	return outcomeRefused
}

// settle writes down what is known now.
func (a *app) settle(p *pending, outcome string, err error) error {
	switch outcome {
	case outcomeApproved, outcomeStored:
		return a.remove(pendingFile)
	case outcomeUnknown:
		return nil
	}
	if e, ok := wire.AsError(err); ok && e.Retry == wire.RetryNever {
		return a.remove(pendingFile)
	}
	p.Settled = true
	return a.save(pendingFile, p)
}

func (a *app) tellOutcome(p *pending, pi wire.PaymentIntent, outcome string, err error) error {
	exit := map[string]int{outcomeApproved: exitDone, outcomeStored: exitDone, outcomeUnknown: exitUnknown}
	code, ok := exit[outcome]
	if !ok {
		code = exitRefused
	}
	if a.json {
		out := struct {
			Outcome       string              `json:"outcome"`
			PaymentIntent *wire.PaymentIntent `json:"paymentIntent"`
			Error         *wire.Error         `json:"error,omitempty"`
		}{Outcome: outcome}
		if pi.LocalID != "" {
			out.PaymentIntent = &pi
		}
		if err != nil {
			if out.Error, ok = wire.AsError(err); !ok {
				out.Error = wire.NewError(wire.CodeReaderCommunicationError, err.Error())
			}
		}
		return errors.Join(a.print(out), said(code))
	}
	switch outcome {
	case outcomeApproved, outcomeStored:
		fmt.Fprintln(a.stdout, sentence(pi))
	case outcomeUnknown:
		truth := "The payment may have gone through; it will not be charged twice."
		if p.LocalID == "" { // no card was asked for without it
			truth = "Nothing was charged; no card was asked for."
		}
		fmt.Fprintf(a.stdout, "Not known yet: %s. %s\n", money(p.Create.Amount, p.Create.Currency), truth)
		fmt.Fprintf(a.stderr, "pos: %v\n  what to do: pos pay -resume\n", err)
	default:
		a.tellNo(p, pi, outcome, err)
	}
	return said(code)
}

func (a *app) tellNo(p *pending, pi wire.PaymentIntent, outcome string, err error) {
	e, answered := wire.AsError(err)
	if !answered {
		fmt.Fprintln(a.stdout, sentence(pi))
		return
	}
	reason := e.Message
	if e.DeclineCode != "" {
		reason += " (" + e.DeclineCode + ")"
	}
	word := map[string]string{outcomeDeclined: "Declined", outcomeRefused: "Not taken"}[outcome]
	fmt.Fprintf(a.stdout, "%s: %s. Nothing was charged. %s: %s.\n", word, money(p.Create.Amount, p.Create.Currency), e.Code, reason)
	fmt.Fprintf(a.stderr, "  what to do: %s\n", e.Remedy)
	if p.Settled {
		fmt.Fprintln(a.stderr, "  again with the same payment: pos pay -resume")
	}
}

// said ends the command; 0 is no error.
func said(code int) error {
	if code == exitDone {
		return nil
	}
	return errSaid(code)
}

// progress shows what happens at the reader.
func (a *app) progress(e wire.Event) error {
	if a.json {
		return nil
	}
	switch {
	case e.ReaderEvent == wire.ReaderCardInserted:
		fmt.Fprintln(a.stderr, "Card inserted.")
	case e.ReaderEvent == wire.ReaderCardRemoved:
		fmt.Fprintln(a.stderr, "Card removed.")
	case e.PaymentStatus == wire.PaymentProcessing:
		fmt.Fprintln(a.stderr, "Processing.")
	case e.Type == wire.EventConnectionLost && e.Reason == wire.LostTakenOver:
		fmt.Fprintln(a.stderr, "Another POS has taken the reader; this payment goes on.")
	}
	return nil
}
