package payment

import (
	"context"
	"errors"
	"fmt"
	"time"

	"smartreader/emvkernel"
	"smartreader/hal"
	"smartreader/store"
	"smartreader/store/seal"
)

// session is the payment in the machine's hands. Only the loop touches it.
type session struct {
	command  command // the one being carried out
	settings Settings
	offline  bool // mode, frozen when the payment was collected
	payment  store.Payment
	limits   Limit // by the POS

	pin          *PINBlock // an online PIN was entered; gone when the issuer was asked
	cardApproved bool      // the card approved without its issuer (TC)
	afterARQC    bool      // only when its issuer could not be asked

	card        hal.Card               // in the slot, powered
	transaction *emvkernel.Transaction // with it
	read        reading                // what was read of the card, inserted or tapped; nil: nothing yet
	insertOnly  bool                   // no taps any more for this payment
	tapRefused  *Error                 // why, when a card was tapped
	steppedUp   bool                   // the issuer declined the tap for want of a PIN
	prompt      FaceKind               // what asks for the card
	prompted    FaceKind               // what the POS was told last that the cardholder sees
	holding     time.Duration          // how long the next face stays at least
	ready       bool                   // ... and that a card is awaited with it
	onTap       bool                   // the last card was tapped
	recording   *recording             // nil: not recorded
	face        Face
	// notStorable is why this payment may not be stored, decided at collect;
	// nil when it may.
	notStorable *Error
	facts       CardFacts    // what the policy knows of the card; zero before it was read
	sender      *seal.Sender // prepared early: its public-key step is slow

	clock     clock
	outbox    func()    // the answer to the POS, sent once the phase that found it is left
	holdUntil time.Time // an outcome is on the screen until then
	next      *command  // came while the last card was just being taken
}

// tell answers the POS's command, after the machine has gone on to the next
// phase: a POS that sends its next command at once must not find the machine
// still busy with the last.
func (s *session) tell(p store.Payment, err error) {
	c := s.command
	s.outbox = func() { c.answer(p, err) }
}

func (s *session) deliver() {
	if s.outbox != nil {
		s.outbox()
		s.outbox = nil
	}
}

func (m *Machine) closeCard(s *session) {
	if s.card != nil {
		_ = s.card.Close() // the card may be gone already; there is nothing to do about it
		s.card = nil
	}
	m.saveRecording(s)
	if s.read != nil {
		s.read.Wipe()
	}
	if s.transaction != nil {
		s.transaction.Wipe()
	}
	s.read, s.transaction = nil, nil
	s.dropPIN()
}

func (s *session) dropPIN() {
	if s.pin != nil {
		s.pin.Ciphertext.Wipe()
		s.pin = nil
	}
}

// show puts a face on the screen, with the card still to be taken if there is
// one.
func (m *Machine) show(s *session, kind FaceKind) {
	s.face = Face{
		Kind: kind, Amount: s.payment.Amount, Currency: s.payment.Currency, Languages: s.face.Languages,
		Entries: m.entries(s), Tapped: s.card == nil && s.onTap, Hold: s.holding, Ready: s.ready,
	}
	switch kind {
	case FaceIdle, FacePresentCard, FaceProcessing:
	default:
		s.face.RemoveCard = s.card != nil
	}
	m.opt.Face(s.face)
	if s.payment.State == store.Collecting && s.prompted != kind { // said once
		s.prompted = kind
		m.opt.Step(Step{Kind: StepPrompt, Prompt: kind, LocalID: s.payment.LocalID})
	}
}

// commit writes the payment's new state and, with outcome true, what is to be
// answered when the POS repeats its request. Nothing may be shown or told
// before it returned nil.
func (m *Machine) commit(ctx context.Context, s *session, change store.Change, failure *Error, outcome bool) error {
	if s.command.request.ID != "" {
		request := s.command.request
		request.LocalID = change.Payment.LocalID
		request.Done = outcome
		if outcome {
			request.Result = m.opt.EncodeOutcome(change.Payment, failure)
		}
		change.Request = &request
	}
	begun := time.Now()
	p, err := m.opt.Store.Commit(context.WithoutCancel(ctx), change)
	s.clock.add(&s.clock.store, begun)
	if err != nil {
		return fmt.Errorf("payment: %s: %w", change.Payment.State, err)
	}
	s.payment = p
	return nil
}

// giveUp ends the session without a charge: the payment goes back to created
// with the reason in its history, so that the POS may collect again.
func (m *Machine) giveUp(ctx context.Context, s *session, failure *Error) (Phase, error) {
	failure = failure.recorded()
	p := withTip(s.payment, 0)
	p.State = store.Created
	p.Card, p.Receipt = nil, nil
	if err := m.commit(ctx, s, store.Change{Payment: p, Reason: string(failure.Code) + ": " + failure.Message}, failure, true); err != nil {
		return m.broken(s, err)
	}
	m.show(s, faceOf(failure))
	s.tell(store.Payment{}, failure.with(s.payment))
	return Removing, nil
}

func faceOf(e *Error) FaceKind {
	switch e.Code {
	case Canceled, CardReadTimedOut, ConfirmInvalid: // nobody paid, nothing broke
		return FaceCanceled
	case DeclinedByReader, DeclinedByPlatform, OfflineDeclined:
		return FaceDeclined
	case CardNotSupported, OfflineCardExpired, OnlinePINNotOffline, InteracNotOffline, TestCardInLivemode:
		return FaceNotAccepted
	case CardInsertNotRead, CardRemoved, CardSwipeNotAvailable, MissingEMVData:
		return FaceTryAgain
	case AmountExceedsMaxOffline, InvalidOfflineCurrency, DatabaseTooLarge, RequireOnlineNotConnected, OfflineMismatch,
		NotConnectedToInternet, ForceOfflineDisabled, TestmodePaymentInLivemode, LivemodePaymentInTestmode:
		return FaceNotAccepted
	}
	return FaceError
}

// refused ends the session when the store takes no new payment, which can be
// the case from one step to the next: the disk is filled by others too.
func (m *Machine) refused(ctx context.Context, s *session, err error) (Phase, error) {
	if s.payment.State == store.Collected && errors.Is(err, store.ErrRefused) {
		return m.giveUp(ctx, s, storeFailure(err))
	}
	return m.broken(s, err)
}

// broken ends the session when a step of a payment could not be committed:
// what may have been promised to or by others is then only on their side. The
// error stops Run; after the restart Recover settles what was open.
func (m *Machine) broken(s *session, err error) (Phase, error) {
	m.opt.Log.Error("payment not committed", "payment", s.payment.LocalID, "state", s.payment.State, "err", err)
	m.show(s, FaceError)
	s.tell(store.Payment{}, storeFailure(err))
	return Removing, err
}

func storeFailure(err error) *Error {
	if refusal, ok := errors.AsType[*store.Refusal](err); ok {
		if refusal.Reason == store.RefusedDamage {
			return refuse(LedgerDamaged, RetryNever, "the ledger is damaged: "+refusal.Detail,
				"stored payments are still forwarded; then acknowledge the loss")
		}
		return refuse(DatabaseTooLarge, RetrySame, "too little space to store a payment: "+refusal.Detail,
			"restore the internet so that stored payments are forwarded")
	}
	if errors.Is(err, store.ErrConflict) {
		return refuse(UnexpectedOperation, RetrySame, "the payment was changed at the same moment by another command", "retrieve it, then ask again")
	}
	return refuse(GenericReaderError, RetrySame, "the payment store failed: "+err.Error(),
		"the reader restarts; ask for this payment again with the same request id")
}

// removing waits until the cardholder has taken the card.
func (m *Machine) removing(ctx context.Context, s *session) (Phase, error) {
	present := s.card != nil
	m.closeCard(s)
	s.clock.log(m.opt.Log, s.payment.LocalID)
	s.clock = clock{}
	if !present && m.opt.Contact != nil {
		// Nothing was read, but a card may be in: from before a restart, or put
		// in while the reader gave up.
		present, _ = m.opt.Contact.Present(ctx)
		if present && !s.face.RemoveCard {
			s.face.RemoveCard = true
			m.opt.Face(s.face)
		}
	}
	if present {
		err := attend(m, func() error { return m.opt.Contact.WaitRemoval(ctx) }, func(c command) {
			switch c.kind {
			case commandCollect:
				// A POS that saw the card go may be faster than this loop.
				if s.next != nil {
					m.busy(c, "")
					return
				}
				if here, err := m.opt.Contact.Present(ctx); err == nil && !here {
					s.next = &c
					return
				}
				c.fail(refuse(CardLeftInReader, RetrySame, "the last card is still in the reader", "ask the cardholder to take it"))
			case commandConfirm:
				c.fail(m.notCollected(c.localID))
			case commandCancel:
				if s.next == nil || c.by == byCardholder {
					c.reply <- reply{end: EndAlreadyCompleted}
					return
				}
				s.next.fail(refuse(Canceled, RetryCollectAgain, "collecting was canceled", "collect again when ready"))
				s.next = nil
				c.reply <- reply{end: EndCanceled}
			}
		})
		if ctx.Err() != nil {
			return Idle, ctx.Err()
		}
		if err != nil {
			m.opt.Log.Warn("waiting for the card to be taken", "err", err)
			if here, _ := m.opt.Contact.Present(ctx); here {
				return Removing, pause(ctx, time.Second) // never take this card for the next customer's
			}
		}
		m.opt.Step(Step{Kind: StepCardRemoved, LocalID: s.payment.LocalID})
		s.face.RemoveCard = false
		m.opt.Face(s.face)
	}
	if s.face.Kind != FaceIdle { // at the start there is no outcome to be read
		s.holdUntil = time.Now().Add(m.opt.OutcomeHold)
	}
	s.payment = store.Payment{}
	return Idle, nil
}

// idle waits for a payment to collect. The last outcome stays on the screen
// for a while, but never keeps the POS waiting.
func (m *Machine) idle(ctx context.Context, s *session) (Phase, error) {
	hold := time.NewTimer(time.Until(s.holdUntil))
	defer hold.Stop()
	defer m.watchAntenna(ctx)()
	if s.next != nil {
		c := *s.next
		s.next = nil
		if begun, err := m.begin(ctx, s, c); begun || err != nil {
			return Collecting, err
		}
	}
	for {
		select {
		case <-ctx.Done():
			return Idle, ctx.Err()
		case <-hold.C:
			m.opt.Face(Face{Kind: FaceIdle})
		case c := <-m.commands:
			switch c.kind {
			case commandCollect:
				if begun, err := m.begin(ctx, s, c); begun || err != nil {
					return Collecting, err
				}
			case commandConfirm:
				c.fail(m.notCollected(c.localID))
			case commandCancel:
				c.reply <- reply{end: EndAlreadyCompleted}
			case commandPing:
				c.answer(store.Payment{}, nil)
			}
		}
	}
}

// notCollected refuses to confirm what waits for no confirmation. Only a payment
// that still needs a card is to be collected: nobody must be asked to pay twice.
func (m *Machine) notCollected(localID string) *Error {
	p, err := m.opt.Store.Payment(localID)
	if err != nil {
		return refuse(ConfirmInvalid, RetryNever, "the payment is not known", "create it, collect a card, then confirm within 30 seconds")
	}
	state := "this payment is " + string(p.State)
	switch {
	case forwarded(p):
		return refuse(IntentNotFound, RetryNever, "this payment was forwarded already", "it needs no confirmation: the payment in this error says how it ended").with(p)
	case p.State.Pending(), p.State == store.Rescued:
		return refuse(ConfirmInvalid, RetryNever, "this payment is stored already and will be forwarded", "it needs no confirmation").with(p)
	case p.State == store.Approved:
		return refuse(ConfirmInvalid, RetryNever, "this payment was approved already", "it needs no confirmation").with(p)
	case voided(p), p.State == store.Canceled, p.State == store.Failed:
		return refuse(ConfirmInvalid, RetryNever, state, "create a new payment").with(p)
	}
	return refuse(ConfirmInvalid, RetryCollectAgain, state+" and has no card collected in the last 30 seconds",
		"collect a card, then confirm within 30 seconds; or use processPaymentIntent").with(p)
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
