package payment

import (
	"context"
	"errors"
	"time"

	"smartreader/store"
)

// Confirm decides the collected payment: it asks the issuer, or stores the
// payment. It returns after the outcome is on disk. A decline by the issuer
// is an *Error with the decline code; the payment in it says how it stands.
func (m *Machine) Confirm(ctx context.Context, localID string, request store.Request) (store.Payment, error) {
	return m.command(ctx, command{kind: commandConfirm, localID: localID, request: request})
}

// CancelEnd is how a cancel ended.
type CancelEnd string

// The ends of a cancel.
const (
	EndCanceled         CancelEnd = "canceled"
	EndTooLate          CancelEnd = "too_late" // the payment is being authorized: wait for its outcome
	EndAlreadyCompleted CancelEnd = "already_completed"
)

// CancelCollect stops collecting, or drops a collected card.
//
// The payment is the one that was canceled; it is empty for the other ends.
func (m *Machine) CancelCollect(ctx context.Context) (CancelEnd, store.Payment, error) {
	r, err := m.send(ctx, command{kind: commandCancel})
	if err != nil {
		return "", store.Payment{}, err
	}
	return r.end, r.payment, r.err
}

// CancelByCardholder stops collecting because the cardholder pressed the cancel
// key, where the POS allows it and the card has not been read yet. The key means
// the payment that is being collected when it is pressed: never the next one.
func (m *Machine) CancelByCardholder(ctx context.Context) (CancelEnd, error) {
	switch phase, localID := m.Current(); phase {
	case Collecting:
		r, err := m.send(ctx, command{kind: commandCancel, by: byCardholder, localID: localID})
		return r.end, errors.Join(err, r.err)
	case Collected, Confirming:
		return EndTooLate, nil
	}
	return EndAlreadyCompleted, nil
}

// collected keeps the card powered until the POS confirms, cancels, or lets
// the time pass.
func (m *Machine) collected(ctx context.Context, s *session) (Phase, error) {
	timer := time.NewTimer(m.opt.ConfirmTimeout)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			m.abandon(ctx, s)
			return Idle, ctx.Err()
		case <-timer.C:
			return m.drop(ctx, s, refuse(ConfirmInvalid, RetryCollectAgain, "not confirmed in time", "collect again"), nil)
		case c := <-m.commands:
			switch {
			case c.kind == commandConfirm && c.localID == s.payment.LocalID:
				c.collect = s.command.collect // it may be collected again
				s.command = c
				return Confirming, nil
			case c.kind == commandConfirm:
				c.fail(m.notCollected(c.localID))
			case c.kind == commandPing:
				c.answer(store.Payment{}, nil)
			case c.kind == commandCancel && c.by == byCardholder:
				c.reply <- reply{end: EndTooLate}
			case c.kind == commandCancel:
				return m.drop(ctx, s, refuse(Canceled, RetryCollectAgain, "the collected card was dropped", "collect again when ready"), &c)
			default:
				m.busy(c, "")
			}
		}
	}
}

// drop forgets a collected card. Nobody waits for the payment's outcome; who
// canceled is told.
func (m *Machine) drop(ctx context.Context, s *session, why *Error, cancel *command) (Phase, error) {
	m.abandon(ctx, s)
	s.command = command{reply: make(chan reply, 1)}
	next, err := m.giveUp(ctx, s, why)
	if cancel != nil {
		cancel.reply <- reply{payment: s.payment, end: EndCanceled, err: err}
	}
	return next, err
}

// confirming carries the payment to its outcome. It cannot be canceled: what
// was sent may have been charged.
func (m *Machine) confirming(ctx context.Context, s *session) (Phase, error) {
	m.show(s, FaceProcessing)
	type end struct {
		phase Phase
		err   error
	}
	e := attend(m, func() end {
		// A shutdown does not break off a payment: it has its own time limits.
		work := context.WithoutCancel(ctx)
		phase, err := m.decide(work, s)
		return end{phase, err}
	}, func(c command) { m.busy(c, EndTooLate) })
	return e.phase, e.err
}

func (m *Machine) decide(ctx context.Context, s *session) (Phase, error) {
	if !s.offline && !s.cardApproved {
		return m.authorize(ctx, s)
	}
	if failure := m.storable(s); failure != nil { // others may have been stored since collect, or the card has expired
		m.abandon(ctx, s)
		return m.giveUp(ctx, s, failure)
	}
	return m.storePayment(ctx, s, false)
}

// receipt is what a receipt shows of the card that was read.
func (s *session) receipt() *store.Receipt {
	r := s.read.Receipt()
	if s.tapWithPIN() {
		r.CVM = onlinePIN
	}
	return &store.Receipt{
		ApplicationPreferredName: r.PreferredName, ApplicationLabel: r.Label, DedicatedFileName: upperHex(r.AID),
		ApplicationCryptogram: upperHex(r.Cryptogram), TerminalVerificationResults: upperHex(r.TVR[:]),
		TransactionStatusInformation: upperHex(r.TSI[:]), CardholderVerificationMethod: r.CVM, ATC: atcHex(r.ATC),
	}
}
