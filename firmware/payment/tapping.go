package payment

import (
	"context"
	"errors"
	"io"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/entry"
	"smartreader/emvkernel/tap"
)

// entries are the ways to present a card that are open to the session now.
func (m *Machine) entries(s *session) Entries {
	var e Entries
	if m.opt.Contact != nil {
		e |= EntryInsert
	}
	if m.opt.Contactless != nil && s.settings.Tap != nil && !s.insertOnly {
		e |= EntryTap
	}
	return e
}

// tapPossible reports whether any card can be tapped for the payment: its amount and
// currency are looked at before anybody is asked to.
func (m *Machine) tapPossible(s *session) bool {
	params, failure := m.params(s)
	if failure != nil {
		return false
	}
	t, err := entry.New(s.settings.Tap, params, entry.Environment{Field: &antenna{}})
	return err == nil && t.Possible()
}

// tapEnd is how waiting for a tap ended; exactly one is set.
type tapEnd struct {
	read     *cardRead // the payment has its card, or has failed
	again    bool      // a card is to be presented once more; session.insertOnly and face say how
	inserted *antenna  // a chip card was inserted instead
	err      error     // of slot or stripe reader, or the end of the wait
}

// tap waits for a card with all that is open, and runs Entry Point on one that is
// tapped.
func (m *Machine) tap(ctx, wait context.Context, s *session) tapEnd {
	params, failure := m.params(s)
	if failure != nil {
		return tapEnd{read: &cardRead{failure: failure}}
	}
	if m.opt.PINPad != nil { // the kernels only look whether there is one: a tapped card takes no PIN
		params.PINPad = &pad{PINPad: m.opt.PINPad, session: s, timeout: m.opt.PINTimeout}
	}
	field := &antenna{m: m, s: s, wait: wait}
	if s.offline {
		if failure := s.settings.Policy.tapRefusal(); failure != nil {
			return m.refuseTaps(s, field, failure)
		}
	}
	env := entry.Environment{
		Field: field, UI: func(r tap.UIRequest) { m.showRequest(s, r) }, Log: m.opt.Log,
		UN: func() (un [4]byte, err error) {
			_, err = io.ReadFull(m.opt.Random, un[:])
			return un, err
		},
	}
	params, env = m.recordTap(s, params, env)
	t, err := entry.New(s.settings.Tap, params, env)
	if err != nil {
		return tapEnd{read: &cardRead{failure: readerFailure(err)}}
	}
	outcome, err := t.Run(ctx)
	s.recording.endTap(outcome, err)
	if err != nil {
		outcome.Reading.Wipe()
		if field.inserted != nil {
			return tapEnd{inserted: field}
		}
		return tapEnd{err: err}
	}
	return m.judgeTap(ctx, s, outcome)
}

// refuseTaps waits for a card where no tap can be taken: one that is tapped is not
// asked for anything, its holder is told to insert it.
func (m *Machine) refuseTaps(s *session, field *antenna, why *Error) tapEnd {
	_, err := field.Activate(field.wait)
	switch {
	case field.inserted != nil:
		return tapEnd{inserted: field}
	case err == nil || errors.Is(err, entry.ErrCollision) || errors.Is(err, entry.ErrUnreadable):
		m.fieldOff()
		return m.insertInstead(s, why)
	}
	return tapEnd{err: err}
}

// insertInstead goes on with the same payment, but without taps. Where nothing can
// be inserted, or nobody does, why is what the POS gets.
func (m *Machine) insertInstead(s *session, why *Error) tapEnd {
	s.insertOnly, s.tapRefused = true, why
	if m.opt.Contact == nil {
		return tapEnd{read: &cardRead{failure: why}}
	}
	m.opt.Log.Info("the card is to be inserted instead", "payment", s.payment.LocalID, "why", why.Message)
	s.prompt = FaceInsertCard
	return tapEnd{again: true}
}

// judgeTap turns Entry Point's outcome into what becomes of the payment.
func (m *Machine) judgeTap(ctx context.Context, s *session, o tap.Outcome) tapEnd {
	m.opt.Log.Debug("tap", "payment", s.payment.LocalID, "outcome", o.Kind, "reason", o.Reason)
	s.read = nil
	if o.Reading != nil {
		s.read = o.Reading
		s.face.Languages = o.Reading.Card().Languages
	}
	switch o.Kind {
	case tap.TryAnotherInterface:
		m.forgetTap(s)
		return m.insertInstead(s, refuse(CardNotSupported, RetryCollectAgain, "the card cannot pay this way by tap: "+o.Reason, "insert the card"))
	case tap.EndApplication:
		// Nothing can be done with this card; another one, or its chip, may do.
		m.forgetTap(s)
		s.tapRefused = refuse(CardNotSupported, RetryCollectAgain, "nothing can be paid with the card by tap: "+o.Reason, "insert the card, or ask for another")
		s.prompt = FaceInsertCard
		return tapEnd{again: true}
	case tap.Approved, tap.OnlineRequest:
	default:
		outcome := emvkernel.Outcome{Kind: emvkernel.Declined, Reason: o.Reason}
		return tapEnd{read: &cardRead{outcome: outcome}}
	}
	if failure := m.rightMode(s); failure != nil { // before anybody is asked for anything
		return tapEnd{read: &cardRead{failure: failure}}
	}
	outcome := emvkernel.Outcome{Kind: emvkernel.Approved, Reason: o.Reason}
	if o.Kind == tap.OnlineRequest {
		outcome.Kind = emvkernel.OnlineRequest
		if s.notStorable == nil && o.Reading.Decision() == apdu.RequestTC {
			// The card approved and the kernel did not: that is for the issuer to see, and nobody else.
			s.notStorable = insert(refuse(OfflineDeclined, RetryCollectAgain, "the card's approval needs its issuer", "insert the card"))
		}
	}
	notStorable := s.notStorable
	if notStorable == nil {
		notStorable = m.storableWith(s, m.factsOf(s))
	}
	switch {
	case s.offline && notStorable != nil && notStorable.insert:
		m.forgetTap(s)
		return m.insertInstead(s, notStorable)
	case !s.offline && outcome.Kind == emvkernel.Approved && notStorable != nil:
		// What it approved may not be stored, which a tapped card cannot be asked before. Its chip asks the issuer.
		m.forgetTap(s)
		return m.insertInstead(s, refuse(DeclinedByReader, RetryCollectAgain, "the card approved offline, which this payment does not allow: "+notStorable.Message, "insert the card"))
	case !s.offline && s.read.OnlinePINRequired():
		if end := m.pinForTap(ctx, s); end != nil {
			return *end
		}
	}
	return tapEnd{read: &cardRead{outcome: outcome}}
}

// pinForTap asks for the online PIN that goes with a tap; nil: it was entered. The
// card has been taken away, or may be.
func (m *Machine) pinForTap(ctx context.Context, s *session) *tapEnd {
	fail := func(e *Error) *tapEnd { return &tapEnd{read: &cardRead{failure: e}} }
	noPIN := func() *tapEnd {
		m.forgetTap(s)
		end := m.insertInstead(s, refuse(CardNotSupported, RetryCollectAgain, "the card wants an online PIN, which this reader cannot ask for", "insert the card"))
		return &end
	}
	if !m.takesPIN(s) {
		return noPIN()
	}
	card := s.read.Card()
	entered, err := (&pad{PINPad: m.opt.PINPad, session: s, timeout: m.opt.PINTimeout}).EnterOnline(ctx,
		emvkernel.OnlinePIN{PAN: card.PAN, Languages: card.Languages})
	switch {
	case err != nil && ctx.Err() != nil:
		return fail(refuse(Canceled, RetryCollectAgain, "collecting was canceled", "collect again when ready"))
	case errors.Is(err, emvkernel.ErrPINPad):
		m.opt.Log.Warn("no PIN could be asked for", "payment", s.payment.LocalID, "err", err)
		return noPIN()
	case err != nil:
		return fail(readerFailure(err))
	case entered == emvkernel.PINTimedOut:
		return fail(refuse(CardReadTimedOut, RetryCollectAgain, "no PIN was entered in time", "collect again when the cardholder is ready"))
	case entered != emvkernel.PINEntered:
		return fail(cardholderCanceled())
	}
	return nil
}

// takesPIN reports whether this payment's cardholder can be asked for an online
// PIN.
func (m *Machine) takesPIN(s *session) bool {
	return m.opt.PINPad != nil && !s.offline && s.settings.PINKey != ""
}

// forgetTap forgets the card that was tapped, and what the policy thought of it.
func (m *Machine) forgetTap(s *session) {
	if s.read != nil {
		s.read.Wipe()
		s.read = nil
	}
	s.facts = CardFacts{}
	s.notStorable = m.storable(s)
}

// showRequest puts what Entry Point or a kernel wants seen on the screen. What it
// says of the outcome is not shown: only the payment's own outcome is.
func (m *Machine) showRequest(s *session, r tap.UIRequest) {
	kind, ok := requested[r.Message]
	if r.Status == tap.CardReadSuccessfully { // kernels differ in what they want read with it
		kind, ok = FaceCardRead, true
	}
	if !ok {
		return
	}
	if r.Languages != "" {
		s.face.Languages = r.Languages
	}
	s.holding, s.ready = r.Hold, r.Status == tap.ReadyToRead
	m.show(s, kind)
	s.holding, s.ready = 0, false
}

// requested is what the messages of EMV Contactless Book A look like here. The
// others tell of an outcome.
var requested = map[tap.Message]FaceKind{
	tap.PresentCard:             FacePresentCard,
	tap.Processing:              FaceProcessing,
	tap.CardReadOK:              FaceCardRead,
	tap.Authorising:             FaceCardRead,
	tap.InsertOrSwipe:           FaceInsertCard,
	tap.InsertCard:              FaceInsertCard,
	tap.InsertSwipeOrTryAnother: FaceInsertCard,
	tap.PresentOneCard:          FaceOneCard,
	tap.SeePhone:                FaceSeePhone,
	tap.PresentCardAgain:        FaceTapAgain,
}
