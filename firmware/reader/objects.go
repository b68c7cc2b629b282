package reader

import (
	"cmp"
	"encoding/json"
	"errors"

	"smartreader/firmware/payment"
	"smartreader/firmware/platform"
	"smartreader/lan/wire"
	"smartreader/store"
	"smartreader/store/forward"
	"smartreader/store/seal"
)

// paymentIntent is a payment as the POS sees it. proof adds the signed ledger
// entry of a stored payment.
func (r *Reader) paymentIntent(p store.Payment, proof bool) wire.PaymentIntent {
	pi := wire.PaymentIntent{
		LocalID: p.LocalID, Status: statusOf(p), Amount: p.Amount, Currency: p.Currency, CaptureMethod: p.CaptureMethod,
		OfflineBehavior: p.OfflineBehavior, SetupFutureUsage: p.SetupFutureUsage, IdempotencyKey: p.Key, Livemode: p.Livemode,
		CreatedAtMs: p.CreatedAtMs, Description: p.Description, Metadata: p.Metadata,
	}
	amounts := amountDetails(p)
	if p.IntentID != "" {
		pi.ID = &p.IntentID
	}
	if !requiresUpload(p) {
		pi.ClientSecret = p.ClientSecret
	}
	if p.State == store.Canceled {
		pi.CanceledAtMs = p.DoneAtMs
	}
	if p.Failure != nil {
		pi.LastPaymentError = &wire.PaymentError{Code: p.Failure.Code, DeclineCode: p.Failure.DeclineCode, Message: p.Failure.Message}
	}
	details := cardDetails(p)
	if settled(p) {
		pi.PaymentMethod = &wire.PaymentMethod{PaymentMethodDetails: *details}
		if p.CaptureMethod == wire.CaptureManual {
			pi.AmountCapturable = p.Amount
		} else {
			pi.AmountReceived = p.Amount
		}
	}
	if p.ChargeID != "" {
		status := "failed"
		if settled(p) {
			status = "succeeded"
		}
		pi.Charges = wire.Charges{{
			ID: p.ChargeID, Amount: p.Amount, Currency: p.Currency, Status: status, AuthorizationCode: p.AuthorizationCode,
			Captured: status == "succeeded" && p.CaptureMethod != wire.CaptureManual, PaymentMethodDetails: details,
		}}
	}
	if !requiresUpload(p) && amounts != nil {
		pi.AmountDetails, pi.AmountTip = amounts, &p.Tip
	}
	if p.StoredAtMs != 0 || p.State == store.Interrupted {
		pi.OfflineDetails = &wire.OfflineDetails{
			StoredAtMs: p.StoredAtMs, RequiresUpload: requiresUpload(p), State: offlineState(p), Sequence: p.Sequence, AmountDetails: amounts,
			CardUnauthenticated: p.StoredAtMs != 0 && payment.Unauthenticated(p.Card),
		}
		if details != nil {
			pi.OfflineDetails.CardPresentDetails = details.CardPresent
		}
		for _, step := range p.History {
			pi.OfflineDetails.History = append(pi.OfflineDetails.History, wire.StateChange{State: string(step.State), AtMs: step.AtMs, Reason: step.Reason})
		}
		if proof && requiresUpload(p) {
			pi.OfflineDetails.ReceiptProof = r.receiptProof(p.Index)
		}
	}
	return pi
}

// requiresUpload tells whether the platform does not have the payment yet, as far
// as this reader knows: then there is nothing to capture. One that was handed
// over is no longer counted here, but not there yet either.
func requiresUpload(p store.Payment) bool {
	return p.State.Pending() || p.State == store.Rescued && p.ChargeID == ""
}

// settled tells whether an issuer has approved, as far as this reader knows.
func settled(p store.Payment) bool {
	return p.State == store.Approved || p.State == store.Forwarded || p.State == store.Rescued && p.ChargeID != ""
}

// offlineState is the payment's state in the POS's words: what is being
// withdrawn at the platform is withdrawn.
func offlineState(p store.Payment) string {
	if p.State == store.Reversing && p.After == store.Voided {
		return wire.OfflineVoided
	}
	return string(p.State)
}

func amountDetails(p store.Payment) *wire.AmountDetails {
	if p.Tip == 0 {
		return nil
	}
	return &wire.AmountDetails{Tip: &wire.Tip{Amount: p.Tip}}
}

func statusOf(p store.Payment) string {
	switch p.State {
	case store.Reversing:
		if p.After == store.Voided {
			return wire.StatusCanceled
		}
	case store.Collected:
		return wire.StatusRequiresConfirmation
	case store.Authorizing:
		return wire.StatusProcessing
	case store.Canceled, store.Voided:
		return wire.StatusCanceled
	case store.Stored, store.Sending, store.Unknown, store.Approved, store.Forwarded, store.Rescued:
		if p.CaptureMethod == wire.CaptureManual {
			return wire.StatusRequiresCapture
		}
		return wire.StatusSucceeded
	}
	return wire.StatusRequiresPaymentMethod
}

func cardDetails(p store.Payment) *wire.PaymentMethodDetails {
	if p.Card == nil {
		return &wire.PaymentMethodDetails{Type: "card_present"}
	}
	present := &wire.CardPresentDetails{
		Brand: p.Card.Brand, Last4: p.Card.Last4, ExpMonth: p.Card.ExpMonth, ExpYear: p.Card.ExpYear, ReadMethod: p.Card.ReadMethod,
	}
	if c := p.Receipt; c != nil {
		present.ReceiptDetails = &wire.ReceiptDetails{
			ApplicationCryptogram: c.ApplicationCryptogram, ApplicationPreferredName: cmp.Or(c.ApplicationPreferredName, c.ApplicationLabel),
			CardholderVerificationMethod: c.CardholderVerificationMethod, DedicatedFileName: c.DedicatedFileName,
			TerminalVerificationResult: c.TerminalVerificationResults, TransactionStatusInformation: c.TransactionStatusInformation,
			ApplicationTransactionCounter: c.ATC,
		}
		if settled(p) {
			present.ReceiptDetails.AccountType = "unknown" // nothing on the chip or from the platform says which
			present.ReceiptDetails.AuthorizationCode = p.AuthorizationCode
		}
		if settled(p) || requiresUpload(p) { // before the upload: Y1 or Y3, of a card that approved by itself
			present.ReceiptDetails.AuthorizationResponseCode = p.ResponseCode
		}
	}
	return &wire.PaymentMethodDetails{Type: "card_present", CardPresent: present}
}

// receiptProof is the signed entry that holds the payment's state.
func (r *Reader) receiptProof(index uint64) *wire.ReceiptProof {
	entry, err := r.store.Entry(index)
	if err != nil {
		r.log.Warn("no receipt proof", "index", index, "err", err)
		return nil
	}
	return &wire.ReceiptProof{Index: index, Head: seal.HashEntry(entry.Header).String(), Entry: entry.Header, Signature: entry.Signature}
}

// event is a journal entry as the POS sees it.
func (r *Reader) event(e store.Event) wire.Event {
	out := wire.Event{Type: wire.EventLedgerNote, Seq: e.Index, AtMs: e.AtMs, Reason: e.Kind}
	if e.Kind == forward.KindFailure {
		out.Type, out.Reason = wire.EventForwardingFailure, ""
		out.Error = r.forwardingError(e.Body)
	}
	if e.Payment == nil {
		return out
	}
	p := *e.Payment
	pi := r.paymentIntent(p, false)
	out.Type, out.PaymentIntent, out.State, out.Reason = wire.EventPaymentIntentChange, &pi, string(p.State), ""
	if n := len(p.History); n > 0 {
		out.Reason = p.History[n-1].Reason
	}
	if forwardingEnded(p) {
		out.Type, out.Error = wire.EventPaymentIntentForwarded, forwardedError(p)
	}
	return out
}

// forwardingEnded tells whether this state is how forwarding ended. A payment
// handed over for rescue has no end until it is known.
func forwardingEnded(p store.Payment) bool {
	switch p.State {
	case store.Forwarded, store.Declined, store.Failed, store.Expired:
		return p.StoredAtMs != 0
	case store.Rescued:
		return p.ChargeID != ""
	}
	return false
}

// forwardingError is the error of a forwardingFailure.
func (r *Reader) forwardingError(body json.RawMessage) *wire.Error {
	var note forward.FailureNote
	if err := json.Unmarshal(body, &note); err != nil || note.Code == "" {
		return r.stuck()
	}
	if e := stuckBy(wire.Code(note.Code)); e != nil {
		return e
	}
	e := wire.NewError(wire.Code(note.Code), note.Message)
	if note.Native != 0 {
		e = e.WithNative(note.Native)
	}
	return e
}

// stuck is why stored payments are not forwarded now, by the evidence of the
// link.
func (r *Reader) stuck() *wire.Error {
	status := r.platform.Link().Status()
	if status.State == platform.LinkOnline && status.Kind != platform.KindTLS && status.Kind != platform.KindClock {
		return stuckBy(wire.CodePlatformError)
	}
	return stuckBy(stuckCode(status.Kind))
}

// stuckCode names why there was no answer.
func stuckCode(kind platform.Kind) wire.Code {
	switch kind {
	case platform.KindTLS:
		return wire.CodeCertificateError
	case platform.KindClock:
		return wire.CodeClockNotSet
	}
	return wire.CodeNotConnectedToInternet
}

// stuckBy says for a cause what it means for stored payments; nil for a cause
// that speaks for itself.
func stuckBy(code wire.Code) *wire.Error {
	const stored = "stored payments cannot be forwarded"
	switch code {
	case wire.CodeCertificateError:
		return wire.NewError(code, stored+": something answers in the platform's place").
			WithRemedy("nothing is lost: check the network for a captive portal or an interception proxy")
	case wire.CodeClockNotSet:
		return wire.NewError(code, stored+": the reader's clock is not set")
	case wire.CodePlatformError:
		return wire.NewError(code, stored+": the platform answers, but does not take them now").
			WithRemedy("nothing is lost: the reader tries again by itself; if it stays so, ask the platform's support").WithRetry(wire.RetrySame)
	case wire.CodeNotConnectedToInternet:
		return wire.NewError(code, stored+" now").
			WithRemedy("nothing is lost: the reader tries again by itself; if it stays so, check the internet connection")
	}
	return nil
}

// forwardedError is why a stored payment did not come to a charge. The same
// truth goes to every POS: the payment requires a payment method again, and
// this says why.
func forwardedError(p store.Payment) *wire.Error {
	var e *wire.Error
	switch p.State {
	case store.Declined:
		e = wire.NewError(wire.CodeDeclined, "the issuer declined when the stored payment was forwarded").
			WithRetry(wire.RetryNever).WithRemedy("settle with the customer another way; the goods were handed over at the merchant's risk")
	case store.Failed, store.Expired:
		e = wire.NewError(wire.CodePlatformError, "the platform refused the stored payment").WithRemedy("ask the platform's support, with the payment's localId")
	default:
		return nil
	}
	if p.Failure != nil {
		e.DeclineCode = p.Failure.DeclineCode
		if p.Failure.Message != "" {
			e.Message += ": " + p.Failure.Message
		}
	}
	return e
}

// wireError is an error in the POS's words. What is not meant for the POS
// stays an error without text, which the LAN server logs.
func (r *Reader) wireError(err error) error {
	if failed, ok := errors.AsType[*payment.Error](err); ok {
		return r.failureOf(failed)
	}
	if errors.Is(err, store.ErrFailed) {
		return diskFailure()
	}
	return err
}

func (r *Reader) failureOf(failed *payment.Error) *wire.Error {
	e := wire.NewError(wire.Code(failed.Code), failed.Message).WithRetry(wire.Retry(failed.Retry))
	if failed.Remedy != "" {
		e = e.WithRemedy(failed.Remedy)
	}
	if failed.Native != 0 {
		e = e.WithNative(failed.Native)
	}
	e.DeclineCode = failed.DeclineCode
	if failed.Payment != nil && failed.Payment.LocalID != "" {
		e = e.WithPaymentIntent(r.paymentIntent(*failed.Payment, false))
	}
	return e
}
