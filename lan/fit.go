package lan

import (
	"encoding/json"
	"slices"

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

// keptCredential is how many bytes of one are sent with an event: many times
// what one has.
const keptCredential = 16 << 10

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
	e.Update = s.update(e.Update)
	if s.text == keptName {
		e.OfflineStatus = nil // transient; getOfflineStatus tells it too
		if c := e.Credential; c != nil && len(c.Payload)+len(c.Signature) > keptCredential {
			e.Credential = nil // connectReader gives it too
		}
	}
	return e
}

func (s stage) update(u *wire.ReaderUpdate) *wire.ReaderUpdate {
	if u == nil {
		return nil
	}
	return &wire.ReaderUpdate{
		DeviceSoftwareVersion: cut(u.DeviceSoftwareVersion, s.text), RequiredAtMs: u.RequiredAtMs,
		EstimatedUpdateTime: cut(u.EstimatedUpdateTime, s.text),
	}
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
	case wire.RescuePaymentsResult:
		short := make([]wire.RescueOutcome, len(r.Payments))
		for i, p := range r.Payments {
			short[i] = wire.RescueOutcome{LocalID: cut(p.LocalID, s.text), State: cut(p.State, s.text), Error: s.error(p.Error)}
			if p.ID != nil {
				short[i].ID = wire.Nullable(cut(*p.ID, s.text))
			}
		}
		return wire.RescuePaymentsResult{Payments: short}
	case wire.ExplainOfflinePolicyResult:
		return s.explanation(r)
	case wire.VerifyLedgerResult:
		r.HeadHash, r.Problems = cut(r.HeadHash, s.text), s.warnings(r.Problems)
		return r
	case wire.SimulatorConfiguration:
		return s.simulation(r)
	case wire.Reader:
		return s.reader(r)
	case *wire.ConnectReaderResult:
		short := *r
		short.Reader, short.Warnings, short.Update = s.reader(r.Reader), s.warnings(r.Warnings), s.update(r.Update)
		return &short
	}
	return result
}

// explanation puts the rules that stop first, and leaves out from the end what
// does not fit with every text cut.
func (s stage) explanation(r wire.ExplainOfflinePolicyResult) wire.ExplainOfflinePolicyResult {
	r.Error = s.error(r.Error)
	if s.text == 0 {
		return r
	}
	rules := make([]wire.PolicyRule, len(r.Rules))
	for i, p := range r.Rules {
		rules[i] = wire.PolicyRule{
			Rule: cut(p.Rule, s.text), Source: cut(p.Source, s.text), Scope: cut(p.Scope, s.text),
			Limit: cut(p.Limit, s.text), Current: cut(p.Current, s.text), Stops: p.Stops,
			Code: wire.Code(cut(string(p.Code), s.text)), Message: cut(p.Message, s.text),
		}
	}
	slices.SortStableFunc(rules, func(a, b wire.PolicyRule) int {
		switch {
		case a.Stops == b.Stops:
			return 0
		case a.Stops:
			return -1
		}
		return 1
	})
	r.Rules = rules
	for s.text == keptName && len(r.Rules) > 1 && !fits(r) {
		r.Rules = r.Rules[:(len(r.Rules)+1)/2]
	}
	return r
}

func (s stage) simulation(r wire.SimulatorConfiguration) wire.SimulatorConfiguration {
	if r.AvailableReaderUpdate != nil {
		update := cut(*r.AvailableReaderUpdate, s.text)
		r.AvailableReaderUpdate = &update
	}
	if c := r.SimulatedCard; c != nil {
		r.SimulatedCard = &wire.SimulatedCard{TestCardNumber: cut(c.TestCardNumber, s.text), TestPaymentMethod: cut(c.TestPaymentMethod, s.text)}
	}
	if c := r.SimulatedCollectInputsResult; c != nil {
		r.SimulatedCollectInputsResult = &wire.CollectInputsSimulation{Result: cut(c.Result, s.text), Skip: cut(c.Skip, s.text)}
	}
	if m := r.SimulatedOfflineMode; m != nil {
		r.SimulatedOfflineMode = &wire.SimulatedOfflineMode{SDK: cut(m.SDK, s.text), Reader: cut(m.Reader, s.text)}
	}
	return r
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

// tooLong refuses an answer that says nothing when it is cut.
func tooLong(result any) *wire.Error {
	switch result.(type) {
	case wire.ExportLedgerResult:
		return wire.NewError(wire.CodeMessageTooLarge, "this page of the ledger does not fit into one message").
			WithRemedy("take the export from the reader's disk, with the ledger command's salvage")
	case wire.CollectInputsResult:
		return wire.NewError(wire.CodeInputsApplicationError, "what was entered does not fit into one message").
			WithRemedy("ask for fewer inputs at a time").WithRetry(wire.RetryCollectAgain)
	}
	return wire.NewError(wire.CodeMessageTooLarge, "the answer does not fit into one message")
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
