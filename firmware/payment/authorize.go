package payment

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"smartreader/emvkernel"
	"smartreader/hal"
	"smartreader/store"
	"smartreader/store/killpoint"
	"smartreader/store/seal"
)

// authorize asks the issuer. The attempt, with the sealed card data, is on
// disk before it is sent; whatever happens then, the same natural key names
// it.
func (m *Machine) authorize(ctx context.Context, s *session) (Phase, error) {
	if s.settings.SealKey.ID() == "" {
		m.abandon(ctx, s)
		return m.giveUp(ctx, s, refuse(OfflineKeysUnavailable, RetrySame, "the platform's encryption key is not known", "connect the reader to the internet once"))
	}
	if s.payment.OfflineBehavior != RequireOnline && m.opt.Offline() {
		// The platform went away since collect; nothing has been sent.
		return m.instead(ctx, s, &Unreachable{Certificate: m.opt.Impostor() != nil, Err: errors.New("the reader went offline after the card was collected")})
	}
	p := s.payment
	p.State, p.Attempted = store.Authorizing, true
	sealed, err := m.sealer(s)
	if err != nil {
		m.abandon(ctx, s)
		return m.giveUp(ctx, s, sealFailure(err))
	}
	if err := m.commit(ctx, s, store.Change{Payment: p, Reason: "asking the issuer", Seal: sealed}, nil, false); err != nil {
		m.abandon(ctx, s)
		return m.refused(ctx, s, err)
	}
	killpoint.Hit("payment.authorizing")
	envelope, err := m.opt.Store.Sealed(s.payment.LocalID)
	if err != nil {
		m.abandon(ctx, s)
		return m.broken(s, err)
	}
	ask, cancel := context.WithTimeout(ctx, m.authorizeTimeout(s))
	begun := time.Now()
	answer, err := m.opt.Platform.Authorize(ask, s.payment, envelope, s.pin)
	s.dropPIN()
	s.clock.add(&s.clock.platform, begun)
	late := ask.Err() != nil
	cancel()
	killpoint.Hit("payment.answered")
	var unreachable *Unreachable
	switch {
	case errors.As(err, &unreachable):
		return m.instead(ctx, s, unreachable)
	case err != nil && late: // whatever it says, it may have been sent
		return m.instead(ctx, s, &Unreachable{Sent: true, Err: err})
	case err != nil:
		m.abandon(ctx, s)
		return m.undo(ctx, s, s.payment, refuse(PlatformError, RetryNever, err.Error(), "correct what the platform names"))
	}
	return m.complete(ctx, s, answer)
}

// authorizeTimeout is how long the issuer is waited for.
func (m *Machine) authorizeTimeout(s *session) time.Duration {
	return cmp.Or(s.settings.DeferAfter, m.opt.AuthorizeTimeout)
}

// complete gives the issuer's answer to the card and commits what both said.
func (m *Machine) complete(ctx context.Context, s *session, a Answer) (Phase, error) {
	outcome, cardErr := emvkernel.Outcome{}, error(nil)
	if a.Verdict == Rejected || a.Verdict == AlreadyCharged {
		m.abandon(ctx, s)
	} else {
		outcome, cardErr = m.answerCard(ctx, s, a)
		if errors.Is(cardErr, emvkernel.ErrAnswer) { // not for this card: it has not been asked yet
			m.abandon(ctx, s)
		}
	}
	killpoint.Hit("payment.completed")
	p := s.payment
	switch {
	case p.IntentID == "":
		p.IntentID, p.ClientSecret = a.Intent.ID, a.Intent.ClientSecret
	case a.Intent.ID != "" && a.Intent.ID != p.IntentID:
		m.opt.Log.Error("the platform answered with another intent", "payment", p.LocalID, "intent", p.IntentID, "answered", a.Intent.ID)
	}
	p.ChargeID = a.ChargeID
	p.Receipt = s.receipt()
	switch {
	case a.Verdict == AlreadyCharged, a.Verdict == Approved && cardErr == nil && outcome.Kind == emvkernel.Approved:
		p.State, p.DoneAtMs = store.Approved, m.now()
		p.AuthorizationCode, p.ResponseCode = a.AuthorizationCode, string(a.ResponseCode[:])
		if a.Verdict == AlreadyCharged { // not with the card that was just in
			p.Card, p.Receipt, p.ResponseCode = nil, nil, ""
		}
		if err := m.commit(ctx, s, store.Change{Payment: p, Reason: "approved by the issuer", DropSealed: true}, nil, true); err != nil {
			return m.broken(s, err)
		}
		killpoint.Hit("payment.approved")
		m.show(s, FaceApproved)
		killpoint.Hit("payment.shown")
		s.tell(s.payment, nil)
		return Removing, nil
	case a.Verdict == Approved:
		return m.undo(ctx, s, p, cardRefused(outcome, cardErr))
	}
	failure := refuse(DeclinedByPlatform, RetryCollectAgain, cmp.Or(a.Message, "the issuer declined"), "ask for another card or means of payment")
	failure.DeclineCode = a.DeclineCode
	if a.DeclineCode == incorrectPIN {
		failure.Remedy = "let the cardholder try the PIN again, or ask for another card"
	}
	if a.Verdict == Rejected {
		failure = refuse(PlatformError, RetryNever, "the platform refused the payment: "+a.Message, "correct what the platform names")
		if a.PINRefused { // the next PIN comes under another key
			failure = refuse(PlatformError, RetryCollectAgain, "the platform cannot use the online PIN: "+a.Message,
				"collect again; if it stays so, load the PIN pad with a key that the platform knows")
		}
	}
	p.State, p.DoneAtMs = store.Declined, m.now()
	p.Failure = &store.Failure{Code: string(failure.Code), DeclineCode: a.DeclineCode, Message: a.Message}
	if err := m.commit(ctx, s, store.Change{Payment: p, Reason: failure.Message, DropSealed: true}, failure, true); err != nil {
		return m.broken(s, err)
	}
	if m.stepsUp(s, a) {
		switch again, err := m.stepUp(ctx, s, failure); {
		case err != nil:
			return m.broken(s, err)
		case again:
			return Collecting, nil
		}
	}
	m.show(s, FaceDeclined)
	s.tell(store.Payment{}, failure.with(s.payment))
	return Removing, nil
}

// answerCard gives the issuer's answer to a card that is still there. One that was
// tapped has gone, and nothing is to be heard of it any more.
func (m *Machine) answerCard(ctx context.Context, s *session, a Answer) (emvkernel.Outcome, error) {
	if s.tapped() != nil {
		if a.Verdict == Approved {
			return emvkernel.Outcome{Kind: emvkernel.Approved}, nil
		}
		return emvkernel.Outcome{Kind: emvkernel.Declined}, nil
	}
	end, cancel := context.WithTimeout(ctx, m.opt.CardEndTimeout)
	defer cancel()
	return s.complete(end, emvkernel.Answer{
		Kind: emvkernel.IssuerAnswered, ARC: a.ResponseCode,
		IssuerAuthenticationData: a.IssuerAuthenticationData, Scripts: a.Scripts,
	})
}

// incorrectPIN is the issuer's word for a PIN that only has to be entered again.
const incorrectPIN = "incorrect_pin"

// cardRefused is why an approval by the issuer came to nothing at the card.
func cardRefused(o emvkernel.Outcome, err error) *Error {
	if errors.Is(err, hal.ErrCardRemoved) {
		return cardRemoved()
	}
	reason := o.Reason
	if err != nil {
		reason = err.Error()
	}
	return refuse(DeclinedByReader, RetryCollectAgain, "the issuer approved, the card did not: "+reason, "ask for another card")
}

// undo commits that a sealed attempt must be reversed at the platform, and ends
// the session. The forwarder reverses until the platform has acknowledged; only
// then can the payment be collected again. An attempt that surely was never
// sent is reversed too: its sequence is spent, and a sequence the platform
// never hears of would look like a lost payment.
func (m *Machine) undo(ctx context.Context, s *session, p store.Payment, failure *Error) (Phase, error) {
	reversed := *failure.recorded()
	reversed.Message += "; the attempt is being reversed at the platform"
	reversed.Remedy = "this payment can be collected again once the reversal is acknowledged, which needs the internet; or take another payment"
	failure = &reversed
	p.State, p.After = store.Reversing, store.Created
	p.Card, p.Receipt = nil, nil
	if err := m.commit(ctx, s, store.Change{Payment: p, Reason: string(failure.Code) + ": " + failure.Message, DropSealed: true}, failure, true); err != nil {
		return m.broken(s, err)
	}
	m.show(s, faceOf(failure))
	s.tell(store.Payment{}, failure.with(s.payment))
	return Removing, nil
}

// instead decides what becomes of a payment collected online when the platform
// gives no answer.
func (m *Machine) instead(ctx context.Context, s *session, u *Unreachable) (Phase, error) {
	failure := s.notStorable
	if failure == nil {
		failure = m.storable(s) // others may have been stored meanwhile
	}
	switch {
	case failure == nil && u.Certificate:
		failure = certificateFailure()
	case failure == nil:
		return m.storePayment(ctx, s, u.Sent)
	case failure.Code != RequireOnlineNotConnected:
		why := failure.Message
		failure = refuse(OfflineMismatch, RetryCollectAgain, "collected online, then the platform was gone, and the payment may not be stored: "+why, "collect again")
	}
	m.abandon(ctx, s)
	return m.withdraw(ctx, s, failure)
}

// withdraw ends a payment that was promised to nobody, whether or not its
// card data was sealed already.
func (m *Machine) withdraw(ctx context.Context, s *session, failure *Error) (Phase, error) {
	if s.payment.State == store.Authorizing {
		return m.undo(ctx, s, s.payment, failure)
	}
	return m.giveUp(ctx, s, failure)
}

// storePayment stores the payment, with the issuer unasked.
func (m *Machine) storePayment(ctx context.Context, s *session, sent bool) (Phase, error) {
	if failure := m.endCard(ctx, s); failure != nil {
		return m.withdraw(ctx, s, failure)
	}
	killpoint.Hit("payment.card-ended")
	p := s.payment
	if s.cardApproved {
		p.ResponseCode, p.Receipt = s.responseCode(), s.receipt()
	}
	change := store.Change{Reason: "stored, to be forwarded"}
	if p.State != store.Authorizing { // else it was sealed, and numbered, for the attempt
		sealed, err := m.sealer(s)
		if err != nil {
			return m.giveUp(ctx, s, sealFailure(err))
		}
		change.Seal = sealed
	}
	p.State, p.Attempted, p.StoredAtMs = store.Stored, sent, m.now()
	change.Payment = p
	if err := m.commit(ctx, s, change, nil, true); err != nil {
		return m.refused(ctx, s, err)
	}
	killpoint.Hit("payment.stored")
	m.countStored(s)
	m.show(s, FaceAccepted)
	killpoint.Hit("payment.shown")
	s.tell(s.payment, nil)
	return Removing, nil
}

// endCard brings the card to its end without its issuer. A deferral ends it at
// once (8A = Z3, AAC), and only the first GENERATE AC's data is stored. What the
// card says to that is not the outcome: the issuer will decide on the first
// cryptogram (EMV Book 4, "Unable to go online" [unverified]). That it was there
// to the end is: who pulls a card early believes the payment was canceled.
//
// Where the configuration lets cards decide, the card is asked instead; but never
// once its first cryptogram was sealed for an attempt: that one may be charged.
func (m *Machine) endCard(ctx context.Context, s *session) *Error {
	if s.tapped() != nil { // it has said all it will ever say
		return nil
	}
	if s.cardApproved { // the first GENERATE AC was its last
		if here, err := m.opt.Contact.Present(ctx); err != nil || !here {
			return cardRemoved()
		}
		return nil
	}
	kind := emvkernel.Deferred
	if s.settings.CardDecides && s.payment.State != store.Authorizing {
		kind = emvkernel.UnableToGoOnline
	}
	end, cancel := context.WithTimeout(ctx, m.opt.CardEndTimeout)
	defer cancel()
	outcome, err := s.complete(end, emvkernel.Answer{Kind: kind})
	switch {
	case errors.Is(err, hal.ErrCardRemoved):
		return cardRemoved()
	case err != nil:
		return refuse(CardInsertNotRead, RetryCollectAgain, "the card stopped answering", "collect again, or try another card")
	case kind == emvkernel.Deferred:
		return nil
	case outcome.Kind == emvkernel.Declined:
		return refuse(DeclinedByReader, RetryCollectAgain, "the card insists on its issuer, who cannot be reached", "ask for another card, or wait for the internet")
	case outcome.Kind != emvkernel.Approved:
		return refuse(DeclinedByReader, RetryCollectAgain, "the card did not approve without its issuer: "+outcome.Reason, "ask for another card, or wait for the internet")
	}
	s.cardApproved, s.afterARQC = true, true
	return nil
}

// responseCode is what the terminal answered the card in the issuer's place, when
// the card approved (EMV Book 4, Annex A6).
func (s *session) responseCode() string {
	if s.afterARQC {
		return "Y3" // unable to go online, approved
	}
	return "Y1" // approved offline
}

// sealer encrypts the card's data to the platform, bound to a header that says
// what it pays. The function returned runs within the commit, because only
// that knows the sequence, and may run again with another one.
func (m *Machine) sealer(s *session) (func(uint64) ([]byte, string, error), error) {
	sender := s.sender
	s.sender = nil
	if sender == nil {
		var err error
		if sender, err = s.settings.SealKey.Prepare(); err != nil {
			return nil, err
		}
	}
	p, t, settings, offline, approved := s.payment, s.read, s.settings, s.offline, s.cardApproved
	return func(sequence uint64) ([]byte, string, error) {
		r := t.Receipt()
		h := seal.Header{
			Version: seal.HeaderVersion, ReaderID: settings.ReaderID, LocalID: p.LocalID, Key: p.Key, IntentID: p.IntentID, Sequence: sequence,
			Amount: p.Amount, Tip: p.Tip, Currency: p.Currency, CaptureMethod: p.CaptureMethod, Description: p.Description, Livemode: settings.Livemode,
			Metadata: p.Metadata, CreatedAtMs: p.CreatedAtMs, CollectedAtMs: p.CollectedAtMs, Offline: offline,
			ATC: atcHex(r.ATC), Cryptogram: upperHex(r.Cryptogram),
			CardBrand: p.Card.Brand, CardLast4: p.Card.Last4, ReadMethod: p.Card.ReadMethod,
			CardUnauthenticated: settings.Policy.Unauthenticated && Unauthenticated(p.Card),
		}
		header, err := h.Bytes()
		if err != nil {
			return nil, "", err
		}
		data := t.ACData()
		if approved {
			data = t.ClearingData()
		}
		defer data.Wipe()
		if sender == nil { // called again, with another sequence
			envelope, err := settings.SealKey.Seal(header, data)
			return envelope, h.NaturalKey(), err
		}
		envelope, err := sender.Seal(header, data)
		sender = nil
		return envelope, h.NaturalKey(), err
	}, nil
}

// Unauthenticated reports whether a tap did not prove to be a genuine card's. Of
// chips that did not nothing is stored.
func Unauthenticated(c *store.Card) bool {
	return c != nil && strings.HasPrefix(c.ReadMethod, contactless) && !c.Authenticated
}

func sealFailure(err error) *Error {
	return refuse(OfflineKeysUnavailable, RetrySame, "the card data cannot be sealed: "+err.Error(), "connect the reader to the internet, so that it gets a new key")
}

func (m *Machine) now() int64 { return m.opt.Store.Now().UnixMilli() }

func upperHex(b []byte) string { return strings.ToUpper(fmt.Sprintf("%x", b)) }
func atcHex(atc uint16) string { return fmt.Sprintf("%04X", atc) }
