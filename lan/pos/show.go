package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"smartreader/lan/wire"
)

// print writes v as one line of JSON.
func (a *app) print(v any) error {
	enc := json.NewEncoder(a.stdout)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// say prints v with -json, else the text.
func (a *app) say(v any, text string) error {
	if a.json {
		return a.print(v)
	}
	_, err := fmt.Fprint(a.stdout, text)
	return err
}

// inCommands puts what a remedy says in the words of the protocol into those of
// this program.
var inCommands = strings.NewReplacer(
	"call connectReader", `run "pos connect"`, "call disconnectReader", `run "pos disconnect"`,
	"cancelCollectPaymentMethod", `"pos cancel"`, "failIfInUse", "-fail-if-in-use",
)

func (a *app) notes(sess *session) {
	for _, n := range sess.notes {
		fmt.Fprintf(a.stderr, "note: %s\n", n)
	}
}

func (a *app) showStatus(s wire.OfflineStatus) {
	if s.Reader == nil {
		return
	}
	fmt.Fprintf(a.stdout, "Platform: %s as the reader sees it.\n", s.Reader.NetworkStatus)
	if s.SDK.NetworkStatus == wire.NetworkOffline && s.Reader.NetworkStatus != wire.NetworkOffline {
		fmt.Fprintln(a.stdout, "This POS's internet: offline.")
	}
	if s.Reader.OfflinePaymentsCount == 0 {
		fmt.Fprintln(a.stdout, "No stored payments wait.")
		return
	}
	fmt.Fprintf(a.stdout, "Stored, not yet authorized by the bank: %s, %s.\n",
		count(s.Reader.OfflinePaymentsCount, "payment"), sums(s.Reader.OfflinePaymentAmountsByCurrency))
}

// updateText is one sentence about newer software.
func updateText(u wire.ReaderUpdate) string {
	text := "new software " + u.DeviceSoftwareVersion + " for the reader"
	switch at := time.UnixMilli(u.RequiredAtMs); {
	case u.RequiredAtMs == 0:
	case at.After(time.Now()):
		text += ", required from " + date(u.RequiredAtMs)
	default:
		text += ", required since " + date(u.RequiredAtMs)
	}
	if takes, ok := map[string]string{
		wire.UpdateUnderOneMinute: "less than a minute", wire.Update1To2Minutes: "1 to 2 minutes",
		wire.Update2To5Minutes: "2 to 5 minutes", wire.Update5To15Minutes: "5 to 15 minutes",
	}[u.EstimatedUpdateTime]; ok {
		text += "; it takes " + takes
	}
	return text
}

// showSession tells of the end of the session and of newer software.
func (a *app) showSession(r wire.ConnectReaderResult) {
	if r.SessionExpiresAtMs > 0 {
		fmt.Fprintf(a.stdout, "This session takes payments until %s.\n", date(r.SessionExpiresAtMs))
	}
	if r.Update != nil {
		fmt.Fprintf(a.stdout, "There is %s.\n", updateText(*r.Update))
	}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	if stem, ok := strings.CutSuffix(what, "y"); ok {
		return fmt.Sprintf("%d %sies", n, stem)
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func sums(m wire.Amounts) string {
	var parts []string
	for code, minor := range m {
		parts = append(parts, money(minor, code))
	}
	slices.Sort(parts)
	return strings.Join(parts, " + ")
}

// cardOf is what is known of the card, nil for nothing.
func cardOf(pi wire.PaymentIntent) *wire.CardPresentDetails {
	switch {
	case pi.OfflineDetails != nil && pi.OfflineDetails.CardPresentDetails != nil:
		return pi.OfflineDetails.CardPresentDetails
	case pi.PaymentMethod != nil:
		return pi.PaymentMethod.CardPresent
	}
	return nil
}

// card is "visa **** 4242", as far as it is known.
func card(pi wire.PaymentIntent) string {
	d := cardOf(pi)
	if d == nil || d.Last4 == "" {
		return ""
	}
	return strings.TrimSpace(d.Brand + " **** " + d.Last4)
}

// approvedByCard is the response code of a card that approved in its issuer's
// place, empty for all others.
func approvedByCard(pi wire.PaymentIntent) string {
	d := cardOf(pi)
	if d == nil || d.ReceiptDetails == nil {
		return ""
	}
	switch code := d.ReceiptDetails.AuthorizationResponseCode; code {
	case "Y1", "Y3":
		return code
	}
	return ""
}

func idOf(pi wire.PaymentIntent) string {
	if pi.ID != nil {
		return *pi.ID
	}
	return pi.LocalID
}

// withTip is the amount, and what of it is a tip.
func withTip(pi wire.PaymentIntent) string {
	what := money(pi.Amount, pi.Currency)
	tip := pi.AmountTip
	if d := pi.OfflineDetails; tip == nil && d != nil && d.AmountDetails != nil && d.AmountDetails.Tip != nil {
		tip = &d.AmountDetails.Tip.Amount
	}
	if tip != nil && *tip > 0 {
		what += " with a tip of " + money(*tip, pi.Currency)
	}
	return what
}

// sentence tells the truth about a payment in one line.
func sentence(pi wire.PaymentIntent) string {
	what := withTip(pi)
	if c := card(pi); c != "" {
		what += ", " + c
	}
	if code := approvedByCard(pi); code != "" {
		what += ", approved by the card itself (" + code + ")"
	}
	if d := pi.OfflineDetails; d != nil {
		if d.CardUnauthenticated {
			what += ", tapped without proof that the card is genuine"
		}
		number := ""
		if d.Sequence > 0 {
			number = fmt.Sprintf(" as #%d", d.Sequence)
		}
		switch d.State {
		case wire.OfflineStored:
			return fmt.Sprintf("Accepted: %s. Stored on the reader%s, not yet authorized by the bank.", what, number)
		case wire.OfflineSending:
			return fmt.Sprintf("Accepted: %s. Stored on the reader%s, being sent to the platform now.", what, number)
		case wire.OfflineUnknown:
			return fmt.Sprintf("Accepted: %s. Stored on the reader%s; sent, but the platform's answer was lost. The reader asks before it sends again.", what, number)
		case wire.OfflineForwarded:
			return fmt.Sprintf("Forwarded: %s. Taken offline%s, accepted by the platform as %s.", what, number, idOf(pi))
		case wire.OfflineDeclined:
			return fmt.Sprintf("Declined by the bank after it was taken offline%s: %s.%s", number, what, because(pi))
		case wire.OfflineVoided:
			return fmt.Sprintf("Voided: %s. Stored%s, taken back before it was charged.", what, number)
		case wire.OfflineRescued:
			if pi.ID != nil {
				return fmt.Sprintf("Rescued: %s. Stored%s, submitted in this reader's place as %s.", what, number, *pi.ID)
			}
			return fmt.Sprintf("Handed over: %s. Stored%s, to be submitted in this reader's place; how it ended is not known yet.", what, number)
		case wire.OfflineFailed, wire.OfflineExpired, wire.OfflineInterrupted:
			return fmt.Sprintf("%s%s: %s.%s", strings.ToUpper(d.State[:1])+d.State[1:], number, what, because(pi))
		}
	}
	switch pi.Status {
	case wire.StatusSucceeded:
		return fmt.Sprintf("Approved: %s. %s", what, idOf(pi))
	case wire.StatusRequiresCapture:
		return fmt.Sprintf("Authorized: %s, to be captured. %s", what, idOf(pi))
	case wire.StatusCanceled:
		return fmt.Sprintf("Canceled: %s. %s", what, idOf(pi))
	case wire.StatusRequiresPaymentMethod:
		if pi.LastPaymentError == nil {
			return fmt.Sprintf("Not paid: %s. %s", what, idOf(pi))
		}
		return fmt.Sprintf("Not paid: %s.%s %s", what, because(pi), idOf(pi))
	}
	return fmt.Sprintf("In progress (%s): %s. %s", pi.Status, what, idOf(pi))
}

func because(pi wire.PaymentIntent) string {
	e := pi.LastPaymentError
	if e == nil {
		return ""
	}
	for _, s := range []string{e.DeclineCode, e.Message, e.Code} {
		if s != "" {
			return " Reason: " + s + "."
		}
	}
	return ""
}
