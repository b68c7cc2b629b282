package lan

import (
	"encoding/json"

	"smartreader/lan/wire"
)

// Answers and events keep to the message limit too: a payment that was tried
// for weeks has a long history, and a POS that closes on an oversized event
// would never get past it.

// maxBody leaves room for the JSON-RPC envelope.
const maxBody = wire.MaxMessage - 1024

// keptHistory is how many of the newest steps of a payment stay when it must be
// shortened.
const keptHistory = 32

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

func shortenAt(pi *wire.PaymentIntent) *wire.PaymentIntent {
	if pi == nil {
		return nil
	}
	short := shorten(*pi)
	return &short
}

// fitList shortens the payments of a page, and then the page, until it fits.
func fitList(list wire.ListStoredPaymentsResult) wire.ListStoredPaymentsResult {
	if fits(list) {
		return list
	}
	short := make(wire.PaymentIntents, len(list.PaymentIntents))
	for i, pi := range list.PaymentIntents {
		short[i] = shorten(pi)
	}
	list.PaymentIntents = short
	for len(list.PaymentIntents) > 1 && !fits(list) {
		list.PaymentIntents = list.PaymentIntents[:(len(list.PaymentIntents)+1)/2]
		if last := list.PaymentIntents[len(list.PaymentIntents)-1].OfflineDetails; last != nil {
			list.Next = last.Sequence
		}
	}
	return list
}

// fitEvent shortens the payment of an event that does not fit.
func fitEvent(e wire.Event) wire.Event {
	if fits(e) {
		return e
	}
	e.PaymentIntent = shortenAt(e.PaymentIntent)
	if e.Error != nil && e.Error.PaymentIntent != nil {
		e.Error = e.Error.WithPaymentIntent(shorten(*e.Error.PaymentIntent))
	}
	return e
}

// fitResult shortens the payment of an answer that does not fit.
func fitResult(result any) any {
	if fits(result) {
		return result
	}
	switch r := result.(type) {
	case wire.PaymentIntentResult:
		return wire.PaymentIntentResult{PaymentIntent: shorten(r.PaymentIntent)}
	case wire.CancelResult:
		return wire.CancelResult{Outcome: r.Outcome, PaymentIntent: shortenAt(r.PaymentIntent)}
	case wire.ListStoredPaymentsResult:
		return fitList(r)
	}
	return result
}

func fits(v any) bool {
	b, err := json.Marshal(v)
	return err == nil && len(b) <= maxBody
}
