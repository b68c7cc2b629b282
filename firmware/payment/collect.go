package payment

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/transcript"
	"smartreader/hal"
	"smartreader/store"
	"smartreader/store/killpoint"
)

// CollectParams are the options of collect.
type CollectParams struct {
	CardTimeout time.Duration // 0: the machine's
	// CardholderMayCancel lets the cancel key end collecting.
	CardholderMayCancel bool
	// Inspect: the POS wants to see the card before it confirms
	// (updatePaymentIntent), which offline it cannot.
	Inspect     bool
	SkipTipping bool   // no tip is asked for
	TipEligible *int64 // what of the amount a tip is for, minor units; nil: all; 0: nothing, so that none is asked for
	Limits      Limit  // by the POS, for this payment; they can only tighten
}

// Collect asks for a card and reads it up to the first GENERATE AC. It returns
// when the card is read; the card then waits for Confirm, 30 seconds at most.
func (m *Machine) Collect(ctx context.Context, localID string, params CollectParams, request store.Request) (store.Payment, error) {
	return m.command(ctx, command{kind: commandCollect, localID: localID, collect: params, request: request})
}

// Process is Collect and Confirm in one.
func (m *Machine) Process(ctx context.Context, localID string, params CollectParams, request store.Request) (store.Payment, error) {
	return m.command(ctx, command{kind: commandCollect, localID: localID, collect: params, request: request, confirm: true})
}

func (m *Machine) command(ctx context.Context, c command) (store.Payment, error) {
	r, err := m.send(ctx, c)
	if err != nil {
		return store.Payment{}, err
	}
	return r.payment, r.err
}

// begin checks that the payment can be collected and commits that it is being
// collected, before the card is asked for. False means that the command has
// been answered.
func (m *Machine) begin(ctx context.Context, s *session, c command) (bool, error) {
	var tip *int64 // nil: the cardholder is still to be asked, once
	if part := c.collect.TipEligible; m.opt.Tip == nil || c.collect.SkipTipping || part != nil && *part == 0 {
		tip = new(int64)
	}
	for {
		begun, err := m.tryBegin(ctx, s, c, &tip)
		if errors.Is(err, store.ErrConflict) {
			continue // canceled or changed this moment: look again
		}
		var refusal *store.Refusal
		switch {
		case errors.As(err, &refusal), errors.Is(err, store.ErrTooLarge):
			c.fail(storeFailure(err)) // nothing has begun
			return false, nil
		case err != nil:
			_, err = m.broken(s, err)
		}
		return begun, err
	}
}

func (m *Machine) tryBegin(ctx context.Context, s *session, c command, tip **int64) (bool, error) {
	p, settings, failure := m.admit(c)
	if failure != nil {
		c.fail(failure)
		return false, nil
	}
	*s = session{command: c, settings: settings, payment: withTip(p, 0), limits: c.collect.Limits}
	if *tip != nil {
		s.payment = withTip(p, **tip)
	}
	if failure := m.objection(s); failure != nil {
		c.fail(failure.with(p))
		return false, nil
	}
	if *tip == nil { // nobody is asked for a tip on what is refused anyway
		asked, ok := m.askTip(ctx, c, p)
		if !ok {
			return false, ctx.Err()
		}
		*tip = &asked
		return m.tryBegin(ctx, s, c, tip) // much may have changed while the cardholder thought
	}
	killpoint.Hit("payment.collect")
	p = s.payment
	p.State = store.Collecting
	p.Failure = nil
	if err := m.commit(ctx, s, store.Change{Payment: p, Reason: mode(s.offline)}, nil, false); err != nil {
		return false, err
	}
	killpoint.Hit("payment.collecting")
	// Sealing costs a public-key operation; done now, nobody waits for it later.
	s.sender, _ = settings.SealKey.Prepare() // on failure the sealer says why
	return true, nil
}

// objection freezes the session's mode and says why the payment cannot be
// collected now, whatever the card; nil when it can.
func (m *Machine) objection(s *session) *Error {
	p := s.payment
	s.offline = p.OfflineBehavior == ForceOffline || (p.OfflineBehavior != RequireOnline && m.opt.Offline())
	if failure := m.impostor(p.OfflineBehavior); failure != nil && s.offline {
		return failure
	}
	s.notStorable = m.storable(s)
	if s.offline && s.notStorable != nil {
		return s.notStorable
	}
	if failure := modeMismatch(p.Livemode, s.settings.Livemode); failure != nil {
		return failure
	}
	if s.offline && s.command.collect.Inspect && !s.settings.InspectionOmit {
		return inspectionOffline()
	}
	return nil
}

// impostor refuses to store a payment unseen while something else answers in
// the platform's place, unless the POS insists.
func (m *Machine) impostor(offlineBehavior string) *Error {
	if err := m.opt.Impostor(); err != nil && offlineBehavior != ForceOffline {
		return certificateFailure()
	}
	return nil
}

func mode(offline bool) string {
	if offline {
		return "offline"
	}
	return "online"
}

// CollectedOffline reports whether the payment was collected, the last time it
// was, to be stored: then nobody but the reader has seen the card.
func CollectedOffline(p store.Payment) bool {
	for _, step := range slices.Backward(p.History) {
		if step.State == store.Collecting {
			return step.Reason == mode(true)
		}
	}
	return false
}

func (m *Machine) admit(c command) (store.Payment, Settings, *Error) {
	settings, ok := m.opt.Settings()
	if !ok {
		return store.Payment{}, settings, notConfigured()
	}
	if m.opt.Contact == nil && m.opt.Contactless == nil {
		return store.Payment{}, settings, refuse(GenericReaderError, RetryNever, "this reader has no card reader",
			"see the reader's start-up messages for what was not found and how to mend it")
	}
	p, err := m.opt.Store.Payment(c.localID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return p, settings, refuse(IntentNotFound, RetryNever, "this reader knows no such payment", "create it first")
	case err != nil:
		return p, settings, storeFailure(err)
	}
	switch p.State {
	case store.Created, store.Interrupted:
	case store.Declined:
		if p.StoredAtMs != 0 {
			return p, settings, refuse(UnexpectedOperation, RetryNever, "the issuer declined this payment after it was stored and forwarded",
				"create a new payment").with(p)
		}
	case store.Reversing:
		if voided(p) {
			return p, settings, refuse(UnexpectedOperation, RetryNever, "this payment was voided", "create a new payment").with(p)
		}
		return p, settings, refuse(UnexpectedOperation, RetrySame, "the last attempt of this payment is still being undone at the platform",
			"try again when the reader is online").with(p)
	default:
		return p, settings, refuse(UnexpectedOperation, RetryNever, "a payment that is "+string(p.State)+" cannot be collected",
			"retrieve it to see its outcome").with(p)
	}
	if p.OfflineBehavior == ForceOffline && !settings.Policy.Enabled {
		return p, settings, forceOfflineDisabled().with(p)
	}
	return p, settings, nil
}

// storable says why this payment may not be stored now, by what is known of its
// card so far.
func (m *Machine) storable(s *session) *Error { return m.storableWith(s, s.facts) }

func (m *Machine) storableWith(s *session, card CardFacts) *Error {
	p := s.payment
	held, failure := m.holdings(s.settings.Policy, p.Currency, s.limits)
	if failure != nil {
		return failure
	}
	return refusal(s.settings.Policy.evaluate(subject{
		amount: p.Amount, currency: p.Currency, offlineBehavior: p.OfflineBehavior, limits: s.limits,
		livemode: p.Livemode, readerLivemode: s.settings.Livemode, noSealKey: s.settings.SealKey.ID() == "",
		card: card, now: m.opt.Store.Now(),
	}, held))
}

// inspectionOffline refuses to show a card that only the platform can describe.
func inspectionOffline() *Error {
	e := refuse(UnexpectedOperation, RetryNever, "updatePaymentIntent needs the platform, which cannot be reached",
		"collect without it, or wait for the internet")
	e.Native = nativeInspectionOffline
	return e
}

// nativeInspectionOffline is UpdatePaymentIntentUnavailableWhileOffline.
const nativeInspectionOffline = 1935

// cardRead is how the work with the card ended.
type cardRead struct {
	outcome emvkernel.Outcome
	failure *Error
}

func (m *Machine) collecting(ctx context.Context, s *session) (Phase, error) {
	work, stop := context.WithCancel(ctx)
	defer stop()
	canceled := []command(nil)
	read := attend(m, func() cardRead { return m.readCard(work, m.cardTimeout(s), s) }, func(c command) {
		if c.kind != commandCancel {
			m.busy(c, "")
			return
		}
		switch {
		case c.by == byCardholder && c.localID != s.payment.LocalID: // pressed for the payment before
			c.reply <- reply{end: EndAlreadyCompleted}
			return
		case c.by == byCardholder && !s.command.collect.CardholderMayCancel:
			c.reply <- reply{end: EndTooLate}
			return
		}
		canceled = append(canceled, c)
		stop()
	})
	if ctx.Err() != nil {
		m.abandon(ctx, s)
		return Idle, ctx.Err() // found as interrupted at the next start
	}
	failure := read.failure
	if len(canceled) > 0 {
		failure = refuse(Canceled, RetryCollectAgain, "collecting was canceled", "collect again when ready")
		if canceled[0].by == byCardholder {
			failure.Message = "the cardholder canceled"
		}
	} else if failure == nil {
		failure = m.judge(s, read.outcome)
	}
	if failure != nil {
		m.abandon(ctx, s)
		next, err := m.giveUp(ctx, s, failure)
		for _, c := range canceled {
			c.reply <- reply{payment: s.payment, end: EndCanceled, err: err}
		}
		return next, err
	}
	return m.keep(ctx, s)
}

func (m *Machine) cardTimeout(s *session) time.Duration {
	return cmp.Or(s.command.collect.CardTimeout, m.opt.CardTimeout)
}

var errCardTimeout = errors.New("payment: no card in time")

// readCard waits for a card and runs the transaction up to the first
// GENERATE AC. A card that cannot be read is asked for again until the time is
// up; one that was read in time is given the time it needs.
func (m *Machine) readCard(ctx context.Context, timeout time.Duration, s *session) cardRead {
	if s.read != nil { // the issuer has seen the tap, and wants a PIN with it
		end := m.pinForTap(ctx, s)
		if end == nil {
			return cardRead{outcome: emvkernel.Outcome{Kind: emvkernel.OnlineRequest}}
		}
		if end.read != nil {
			return *end.read
		}
	}
	wait, stop := context.WithTimeoutCause(ctx, timeout, errCardTimeout)
	defer stop()
	if m.entries(s) == EntryInsert|EntryTap && !m.tapPossible(s) {
		s.insertOnly = true
	}
	for {
		s.onTap = false
		s.ready = true
		m.show(s, cmp.Or(s.prompt, FacePresentCard))
		s.prompt, s.ready = 0, false
		if m.opt.Seen != nil && m.entries(s)&EntryTap != 0 {
			m.opt.Seen(wait)
		}
		card, read, err := m.present(ctx, wait, s)
		switch {
		case read != nil:
			return *read
		case card != nil:
			s.card, s.onTap = clocked{card, &s.clock}, false
			m.opt.Step(Step{Kind: StepCardInserted, LocalID: s.payment.LocalID})
			m.show(s, FaceProcessing)
			return m.transact(ctx, s)
		case err == nil: // once more
		case errors.Is(err, errSwiped):
			return cardRead{failure: swiped(s.offline)}
		case context.Cause(wait) == errCardTimeout && s.tapRefused != nil:
			return cardRead{failure: s.tapRefused}
		case context.Cause(wait) == errCardTimeout:
			return cardRead{failure: refuse(CardReadTimedOut, RetryCollectAgain, "no card was presented in time", "collect again when the cardholder is ready")}
		case ctx.Err() != nil:
			return cardRead{failure: refuse(Canceled, RetryCollectAgain, "collecting was canceled", "collect again when ready")}
		case errors.Is(err, hal.ErrMute):
			s.face = Face{Kind: FaceTryAgain, RemoveCard: true}
			m.opt.Face(s.face)
			if err := m.opt.Contact.WaitRemoval(wait); err != nil && wait.Err() == nil {
				return cardRead{failure: readerFailure(err)}
			}
		case errors.Is(err, hal.ErrCardRemoved), errors.Is(err, hal.ErrNoCard):
			// Pulled out before it was powered: ask again.
		default:
			return cardRead{failure: readerFailure(err)}
		}
	}
}

// present waits for a card, inserted or tapped. It returns the card in the slot,
// or what came of one that was tapped; neither and no error when one is to be
// presented again.
func (m *Machine) present(ctx, wait context.Context, s *session) (hal.Card, *cardRead, error) {
	if m.entries(s)&EntryTap == 0 {
		card, err := m.activate(wait)
		return card, nil, err
	}
	end := m.tap(ctx, wait, s)
	if end.inserted != nil {
		return end.inserted.inserted, nil, nil
	}
	return nil, end.read, end.err
}

func readerFailure(err error) *Error {
	return refuse(GenericReaderError, RetrySame, deviceFault(err), "check the card reader's connection; restart the reader if it stays")
}

// deviceFault says it to people: what programs match the error by is no news to
// them.
func deviceFault(err error) string {
	text := strings.TrimSuffix(hal.AdviceOf(err), hal.ErrNotFound.Error())
	if text == "" {
		return "the card reader was not found"
	}
	return "the card reader failed: " + strings.TrimSuffix(text, ": ")
}

// params are the kernel's parameters of the payment, as far as they are the same for
// every way to present a card.
func (m *Machine) params(s *session) (emvkernel.Params, *Error) {
	iso, err := lookUpCurrency(s.payment.Currency)
	if err != nil {
		return emvkernel.Params{}, refuse(InvalidParameter, RetryNever, err.Error(), "create a payment in a known currency")
	}
	return emvkernel.Params{
		Amount: s.payment.Amount, Currency: iso.numeric, Exponent: iso.exponent,
		Time: m.opt.Store.Now(), Counter: uint32(s.payment.Index % 100_000_000), // eight digits
		NoOnlinePIN: !m.takesPIN(s), NoOfflineApproval: s.notStorable != nil || s.steppedUp,
	}, nil
}

func (m *Machine) transact(ctx context.Context, s *session) cardRead {
	params, failure := m.params(s)
	if failure != nil {
		return cardRead{failure: failure}
	}
	params.MayApproveOffline = func() bool { return m.mayApprove(s) }
	params.SaleLog = func(pan emvkernel.Secret, _ string) int64 {
		return m.velocity.latest(m.velocity.fingerprint(pan), s.payment.Currency)
	}
	if m.opt.PINPad != nil {
		params.PINPad = &pad{PINPad: m.opt.PINPad, card: s.card, session: s, timeout: m.opt.PINTimeout}
	}
	_, err := io.ReadFull(m.opt.Random, params.UnpredictableNumber[:])
	if err == nil {
		params.RandomSelection, err = drawPercent(m.opt.Random)
	}
	if err != nil {
		return cardRead{failure: readerFailure(err)}
	}
	// Where nobody can be asked, the kernel takes the card's first choice that
	// needs no consent.
	var holder emvkernel.Cardholder
	if m.opt.Choose != nil {
		holder = chooser{m.opt.Choose, s, time.Now().Add(choiceTime)}
	}
	var link emvkernel.Transceiver = s.card
	m.saveRecording(s) // of a tap that came to nothing
	if m.opt.Record != nil {
		s.recording = &recording{Recorder: transcript.NewRecorder(s.card, s.card.ATR())}
		link, params, holder = s.recording, s.recording.Params(params), s.recording.Cardholder(holder)
	}
	t, err := emvkernel.NewTransaction(s.settings.Kernel, params, link, holder, m.opt.Log)
	if err != nil {
		return cardRead{failure: readerFailure(err)}
	}
	s.transaction, s.read = t, t
	begun := time.Now()
	outcome, err := t.Collect(ctx)
	s.clock.add(&s.clock.kernel, begun)
	s.recording.note(nil, outcome, err)
	switch {
	case err == nil:
		return cardRead{outcome: outcome}
	case ctx.Err() != nil:
		return cardRead{failure: refuse(Canceled, RetryCollectAgain, "collecting was canceled", "collect again when ready")}
	case errors.Is(err, ErrCanceled):
		return cardRead{failure: cardholderCanceled()}
	case errors.Is(err, ErrTimedOut):
		return cardRead{failure: refuse(CardReadTimedOut, RetryCollectAgain, "the cardholder did not answer in time", "collect again when the cardholder is ready")}
	case errors.Is(err, hal.ErrCardRemoved):
		return cardRead{failure: cardRemoved()}
	case errors.Is(err, hal.ErrMute):
		return cardRead{failure: refuse(CardInsertNotRead, RetryCollectAgain, "the card stopped answering", "insert the card again, or try another")}
	}
	return cardRead{failure: readerFailure(err)}
}

// mayApprove says whether the card may approve by itself: only a payment that
// may be stored. One that may not is the issuer's to decide, while it can be asked.
func (m *Machine) mayApprove(s *session) bool {
	facts := m.factsOf(s)
	facts.Authenticated = true // by DDA it is; with CDA the proof comes with the approval; else the kernel asks for none
	return m.storableWith(s, facts) == nil
}

// drawPercent draws 1 to 99, each as likely (EMV Book 3, 10.6.2).
func drawPercent(random io.Reader) (byte, error) {
	var b [1]byte
	for {
		if _, err := io.ReadFull(random, b[:]); err != nil {
			return 0, err
		}
		if b[0] < 198 {
			return b[0]%99 + 1, nil
		}
	}
}

func cardholderCanceled() *Error {
	return refuse(Canceled, RetryCollectAgain, "the cardholder canceled", "collect again when ready")
}

func cardRemoved() *Error {
	return refuse(CardRemoved, RetryCollectAgain, "the card was taken before the payment was complete",
		"collect again and leave the card in until the reader says so")
}

// judge turns the kernel's outcome into a refusal; nil means the card asks the
// issuer, so the payment can go on.
func (m *Machine) judge(s *session, o emvkernel.Outcome) *Error {
	if s.transaction != nil && !s.offline && s.transaction.OnlinePINRequired() { // offline the policy says so
		return refuse(CardNotSupported, RetryCollectAgain, "the card wants an online PIN, which this reader cannot ask for", "ask for another card")
	}
	switch o.Kind {
	case emvkernel.OnlineRequest:
		return m.rightMode(s)
	case emvkernel.Approved:
		// Offline EMV approval, a mode of its own with its own liability: the kernel
		// asks for it only where the application is configured for it.
		if s.notStorable != nil {
			return refuse(DeclinedByReader, RetryCollectAgain, "the card approved offline, which this payment does not allow", "ask for another card")
		}
		s.cardApproved = true
		return m.rightMode(s)
	case emvkernel.Declined:
		if failure := m.cardRefusedOffline(s); failure != nil {
			return failure
		}
		return refuse(DeclinedByReader, RetryCollectAgain, "the card declined: "+o.Reason, "ask for another card")
	case emvkernel.NotAccepted, emvkernel.CardBlocked:
		return refuse(CardNotSupported, RetryCollectAgain, "the card is not accepted: "+o.Reason, "ask for another card")
	case emvkernel.Canceled:
		return cardholderCanceled()
	case emvkernel.TimedOut:
		return refuse(CardReadTimedOut, RetryCollectAgain, "no PIN was entered in time", "collect again when the cardholder is ready")
	case emvkernel.TryAgain:
		return refuse(CardInsertNotRead, RetryCollectAgain, "the card could not be read: "+o.Reason, "insert the card again, or try another")
	}
	return refuse(MissingEMVData, RetryCollectAgain, "the card broke off the transaction: "+o.Reason, "ask for another card")
}

// cardRefusedOffline says why a card that declined would not have been taken
// offline anyway, where that tells the cashier more than the decline: a card
// whose issuer must be asked declines when it cannot be.
func (m *Machine) cardRefusedOffline(s *session) *Error {
	if !s.offline || s.read == nil {
		return nil
	}
	s.facts = m.factsOf(s)
	if s.facts.OnlinePIN {
		return onlinePINOffline()
	}
	return brandRefusal(s.facts.Brand)
}

// rightMode keeps test cards out of live mode and live cards out of test mode.
func (m *Machine) rightMode(s *session) *Error {
	pan := s.read.Card().PAN
	switch {
	case s.settings.Livemode && isTestCard(pan):
		return refuse(TestCardInLivemode, RetryCollectAgain, "a test card was presented in live mode", "ask for another card")
	case !s.settings.Livemode && !isForTests(pan):
		return refuse(CardNotSupported, RetryCollectAgain, "a real card was presented in test mode", "use a test card")
	}
	return nil
}

// abandon ends a transaction the card is still in, so that the card is not
// left waiting for the issuer.
func (m *Machine) abandon(ctx context.Context, s *session) {
	if s.transaction == nil || s.card == nil {
		return
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.opt.CardEndTimeout)
	defer cancel()
	if _, err := s.complete(end, emvkernel.Answer{Kind: emvkernel.Cancel}); err != nil {
		m.opt.Log.Debug("card not brought to an end", "err", err)
	}
}

// keep commits what may be known of the card and decides, while nothing is
// promised yet, whether the payment could be stored.
func (m *Machine) keep(ctx context.Context, s *session) (Phase, error) {
	killpoint.Hit("payment.card-read")
	card := s.read.Card()
	s.facts = m.factsOf(s)
	if s.notStorable == nil {
		s.notStorable = m.storable(s)
	}
	if s.notStorable == nil && s.steppedUp && !strings.HasPrefix(s.facts.CVM, offlinePIN) {
		s.notStorable = refuse(OfflineDeclined, RetryCollectAgain, "the issuer wants a PIN with this payment, and the card asked for none", "ask for another card, or wait for the internet")
	}
	s.face.Languages = card.Languages
	if s.offline && s.notStorable != nil {
		m.abandon(ctx, s)
		return m.giveUp(ctx, s, s.notStorable)
	}
	p := s.payment
	p.State = store.Collected
	p.CollectedAtMs = m.now()
	p.Card = &store.Card{
		Brand: card.Brand, Last4: card.Last4, ExpMonth: card.ExpiryMonth, ExpYear: card.ExpiryYear,
		ReadMethod: s.facts.ReadMethod, Authenticated: s.read.Authenticated(),
	}
	p.Receipt = s.receipt()
	if err := m.commit(ctx, s, store.Change{Payment: p, Reason: "card read"}, nil, !s.command.confirm); err != nil {
		return m.broken(s, err)
	}
	killpoint.Hit("payment.collected")
	if s.command.confirm {
		return Confirming, nil
	}
	s.tell(s.payment, nil)
	return Collected, nil
}
