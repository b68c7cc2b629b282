package main

import (
	"errors"
	"fmt"
	"strings"

	"smartreader/lan/wire"
)

// Outcomes of pay, as -json names them.
const (
	outcomeApproved = "approved" // by the bank
	outcomeStored   = "stored"   // on the reader, not yet authorized
	outcomeDeclined = "declined"
	outcomeRefused  = "refused" // by the reader or the cardholder; nothing was charged
	outcomeUnknown  = "unknown"
)

// judge says what a pay has come to. With again it repeated a request whose
// first answer was lost: then an error that does not show the payment tells only
// that the question was not answered.
func judge(pi wire.PaymentIntent, err error, again bool) string {
	if err == nil {
		return judgePayment(pi)
	}
	if _, ok := errors.AsType[*unchargedError](err); ok {
		return outcomeRefused
	}
	e, answered := wire.AsError(err)
	switch {
	case !answered:
		return outcomeUnknown
	case e.Code == wire.CodeIdempotencyMismatch && !again: // the -key is of another payment, whatever that came to
		return outcomeRefused
	case e.PaymentIntent != nil && paid(*e.PaymentIntent) != "": // whatever was refused, it is paid
		return paid(*e.PaymentIntent)
	case e.OutcomeUnknown(), again && e.PaymentIntent == nil:
		return outcomeUnknown
	case e.DeclineCode != "" || e.Code == wire.CodeDeclined || e.Code == wire.CodeDeclinedByReader || e.Code == wire.CodeOfflineDeclined:
		return outcomeDeclined
	}
	return outcomeRefused
}

func judgePayment(pi wire.PaymentIntent) string {
	switch o := paid(pi); {
	case o != "":
		return o
	case pi.OfflineDetails != nil && pi.OfflineDetails.State == wire.OfflineDeclined:
		return outcomeDeclined
	case pi.OfflineDetails != nil: // failed, expired, voided, interrupted
		return outcomeRefused
	case pi.Status == wire.StatusCanceled:
		return outcomeRefused
	case pi.Status == wire.StatusRequiresPaymentMethod:
		return outcomeDeclined
	}
	return outcomeUnknown
}

// paid is approved or stored, or "" for a payment that is neither.
func paid(pi wire.PaymentIntent) string {
	if pi.OfflineDetails != nil {
		switch pi.OfflineDetails.State {
		case wire.OfflineStored, wire.OfflineSending, wire.OfflineUnknown, wire.OfflineRescued:
			return outcomeStored
		case wire.OfflineForwarded:
			return outcomeApproved
		}
		return ""
	}
	if pi.Status == wire.StatusSucceeded || pi.Status == wire.StatusRequiresCapture {
		return outcomeApproved
	}
	return ""
}

// settles reports whether the same payment may be tried again.
func settles(outcome string, err error) bool {
	if outcome != outcomeDeclined && outcome != outcomeRefused {
		return false
	}
	e, ok := wire.AsError(err)
	return !ok || e.Retry != wire.RetryNever
}

// settle writes down what is known now.
func (a *app) settle(p *pending, outcome string) error {
	switch {
	case outcome == outcomeUnknown:
		return nil
	case p.Settled:
		return a.save(pendingFile, p)
	}
	return a.remove(pendingFile)
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
	switch {
	case err == nil:
		fmt.Fprintln(a.stdout, sentence(pi))
		return
	case !answered:
		fmt.Fprintf(a.stdout, "Not taken: %s. Nothing was charged.\n", money(p.Create.Amount, p.Create.Currency))
		fmt.Fprintf(a.stderr, "pos: %v\n", err)
		return
	}
	reason := strings.TrimSuffix(e.Message, ".")
	if e.DeclineCode != "" && !strings.Contains(reason, e.DeclineCode) {
		reason += " (" + e.DeclineCode + ")"
	}
	word := map[string]string{outcomeDeclined: "Declined", outcomeRefused: "Not taken"}[outcome]
	what := money(p.Create.Amount, p.Create.Currency)
	if pi.LocalID != "" {
		what = withTip(pi)
	}
	fmt.Fprintf(a.stdout, "%s: %s. Nothing was charged. %s: %s.\n", word, what, e.Code, reason)
	fmt.Fprintf(a.stderr, "  what to do: %s\n", inCommands.Replace(e.Remedy))
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
