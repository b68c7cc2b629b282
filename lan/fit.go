package lan

import (
	"encoding/json"

	"smartreader/lan/wire"
)

// Answers and events keep to the message limit too: a payment that was tried
// for weeks has a long history, and a POS that closes on an oversized event
// would never get past it. So what does not fit is told in fewer words, stage by
// stage; the last stage always fits, because all that is left in it is bounded.

// maxBody leaves room for the JSON-RPC envelope.
const maxBody = wire.MaxMessage - 1024

// Bounds of what stays of a text, in characters. JSON spells some characters
// with six bytes.
const (
	keptText = 500
	keptName = 100 // ids, codes, states: all of every sane one
)

// keptHistory and keptWarnings are how many of them stay.
const (
	keptHistory  = 32
	keptWarnings = 10
)

// stage makes a payment shorter, and cuts every other text to so many
// characters; 0 leaves texts whole.
type stage struct {
	payment func(wire.PaymentIntent) wire.PaymentIntent
	text    int
}

var stages = []stage{{shorten, 0}, {plain, keptText}, {bare, keptName}}

// shorten returns the payment without the bytes of its ledger entry and without
// its older history. The whole is in the reader's ledger.
func shorten(pi wire.PaymentIntent) wire.PaymentIntent {
	if pi.OfflineDetails == nil {
		return pi
	}
	d := *pi.OfflineDetails
	if d.ReceiptProof != nil {
		d.ReceiptProof = &wire.ReceiptProof{Index: d.ReceiptProof.Index, Head: d.ReceiptProof.Head}
	}
	if n := len(d.History); n > keptHistory {
		d.History = d.History[n-keptHistory:]
	}
	pi.OfflineDetails = &d
	return pi
}

// plain also drops what the POS itself wrote, and long reasons.
func plain(pi wire.PaymentIntent) wire.PaymentIntent {
	pi = shorten(pi)
	pi.Description, pi.Metadata = "", nil
	if e := pi.LastPaymentError; e != nil {
		pi.LastPaymentError = &wire.PaymentError{Code: e.Code, DeclineCode: e.DeclineCode, Message: cut(e.Message, keptText)}
	}
	if d := pi.OfflineDetails; d != nil {
		history := make([]wire.StateChange, len(d.History))
		for i, h := range d.History {
			history[i] = wire.StateChange{State: h.State, AtMs: h.AtMs, Reason: cut(h.Reason, keptText)}
		}
		d.History = history // d is shorten's copy
	}
	return pi
}

// bare is what a POS must know about its money: which payment, how much, and
// where it stands.
func bare(pi wire.PaymentIntent) wire.PaymentIntent {
	b := wire.PaymentIntent{
		LocalID: cut(pi.LocalID, keptName), Status: cut(pi.Status, keptName), Livemode: pi.Livemode,
		Amount: pi.Amount, AmountCapturable: pi.AmountCapturable, AmountReceived: pi.AmountReceived, AmountTip: pi.AmountTip,
		Currency: cut(pi.Currency, keptName), CaptureMethod: cut(pi.CaptureMethod, keptName),
		CreatedAtMs: pi.CreatedAtMs, CanceledAtMs: pi.CanceledAtMs,
	}
	if pi.ID != nil {
		b.ID = wire.Nullable(cut(*pi.ID, keptName))
	}
	if e := pi.LastPaymentError; e != nil {
		b.LastPaymentError = &wire.PaymentError{Code: cut(e.Code, keptName), DeclineCode: cut(e.DeclineCode, keptName)}
	}
	if d := pi.OfflineDetails; d != nil {
		b.OfflineDetails = &wire.OfflineDetails{
			State: cut(d.State, keptName), Sequence: d.Sequence, StoredAtMs: d.StoredAtMs, RequiresUpload: d.RequiresUpload,
		}
	}
	return b
}

// cut keeps the first n characters; n = 0 keeps all.
func cut(s string, n int) string {
	if n == 0 || len(s) <= n {
		return s
	}
	for i := range s {
		if n--; n < 0 {
			return s[:i]
		}
	}
	return s
}

func (s stage) paymentAt(pi *wire.PaymentIntent) *wire.PaymentIntent {
	if pi == nil {
		return nil
	}
	short := s.payment(*pi)
	return &short
}

func (s stage) error(e *wire.Error) *wire.Error {
	if e == nil {
		return nil
	}
	short := *e
	short.Code = wire.Code(cut(string(e.Code), s.text))
	short.PaymentIntent = s.paymentAt(e.PaymentIntent)
	short.Message, short.Remedy = cut(e.Message, s.text), cut(e.Remedy, s.text)
	short.DeclineCode = cut(e.DeclineCode, s.text)
	return &short
}

func (s stage) event(e wire.Event) wire.Event {
	e.PaymentIntent, e.Error = s.paymentAt(e.PaymentIntent), s.error(e.Error)
	e.PaymentStatus, e.ReaderEvent = cut(e.PaymentStatus, s.text), cut(e.ReaderEvent, s.text)
	e.State, e.Reason = cut(e.State, s.text), cut(e.Reason, s.text)
	if s.text == keptName {
		e.OfflineStatus = nil // transient; getOfflineStatus tells it too
	}
	return e
}

func (s stage) reader(r wire.Reader) wire.Reader {
	if s.text == 0 {
		return r
	}
	r.Label, r.Refusing = cut(r.Label, s.text), cut(r.Refusing, s.text)
	r.Warnings = s.warnings(r.Warnings)
	if r.Location != nil {
		l := *r.Location
		l.DisplayName = cut(l.DisplayName, s.text)
		r.Location = &l
	}
	return r
}

func (s stage) warnings(all []string) []string {
	if s.text == 0 {
		return all
	}
	kept := make([]string, 0, keptWarnings)
	for _, w := range all[:min(len(all), keptWarnings)] {
		kept = append(kept, cut(w, s.text))
	}
	return kept
}

// result shortens an answer. What is not listed has no text to shorten.
func (s stage) result(result any) any {
	switch r := result.(type) {
	case wire.PaymentIntentResult:
		return wire.PaymentIntentResult{PaymentIntent: s.payment(r.PaymentIntent)}
	case wire.CancelResult:
		return wire.CancelResult{Outcome: r.Outcome, PaymentIntent: s.paymentAt(r.PaymentIntent)}
	case wire.ListStoredPaymentsResult:
		short := make(wire.PaymentIntents, len(r.PaymentIntents))
		for i, pi := range r.PaymentIntents {
			short[i] = s.payment(pi)
		}
		r.PaymentIntents = short
		return halve(r)
	case wire.ForwardNowResult:
		r.Error = s.error(r.Error)
		return r
	case wire.Reader:
		return s.reader(r)
	case *wire.ConnectReaderResult:
		short := *r
		short.Reader, short.Warnings = s.reader(r.Reader), s.warnings(r.Warnings)
		return &short
	}
	return result
}

// halve makes a page shorter until it fits or has one payment.
func halve(list wire.ListStoredPaymentsResult) wire.ListStoredPaymentsResult {
	for len(list.PaymentIntents) > 1 && !fits(list) {
		list.PaymentIntents = list.PaymentIntents[:(len(list.PaymentIntents)+1)/2]
		if last := list.PaymentIntents[len(list.PaymentIntents)-1].OfflineDetails; last != nil {
			list.Next = last.Sequence
		}
	}
	return list
}

// fit returns whole, or the first stage of it that fits, or the last.
func fit[T any](whole T, short func(stage) T, fits func(T) bool) T {
	v := whole
	for _, s := range stages {
		if fits(v) {
			break
		}
		v = short(s)
	}
	return v
}

func fitEvent(e wire.Event) wire.Event {
	return fit(e, func(s stage) wire.Event { return s.event(e) }, func(e wire.Event) bool { return fits(e) })
}

func fitResult(result any) any {
	return fit(result, func(s stage) any { return s.result(result) }, fits)
}

// fitError measures the error as it is sent: with its message twice.
func fitError(e *wire.Error) *wire.Error {
	return fit(e, func(s stage) *wire.Error { return s.error(e) }, func(e *wire.Error) bool { return fits(rpcError(e)) })
}

func fits(v any) bool {
	b, err := json.Marshal(v)
	return err == nil && len(b) <= maxBody
}
