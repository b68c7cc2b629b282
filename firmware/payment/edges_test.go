package payment_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"smartreader/emvkernel/emvtest"
	"smartreader/firmware/payment"
	"smartreader/hal"
	"smartreader/hal/sim"
	"smartreader/store"
	"smartreader/store/seal"
)

// A commit that does not fit into its batch seals again: the card's data must
// still be there.
func TestSealedDataSurvivesAFullBatch(t *testing.T) {
	b := newBench(t)
	b.goOffline()
	ctx, stop := context.WithCancel(t.Context())
	const others = 12
	ended := make(chan bool, others)
	for i := range others {
		go func() {
			for ctx.Err() == nil {
				_ = b.store.PutBlob(ctx, fmt.Sprintf("b%d", i), make([]byte, 120<<10))
			}
			ended <- true
		}()
	}
	for i := range 10 {
		p := b.create(100, payment.ForceOffline)
		b.insert("visa")
		stored, err := b.process(p)
		b.must(err)
		envelope, err := b.store.Sealed(stored.LocalID)
		b.must(err)
		if data := b.platform.openData(envelope); bytes.Equal(data, make([]byte, len(data))) {
			t.Errorf("payment %d was accepted with %d zero bytes as card data", i, len(data))
		}
		b.take()
	}
	stop()
	for range others {
		<-ended
	}
}

// A platform whose certificate is wrong long enough for the link to be down is
// still no outage.
func TestWrongCertificateOnADeadLinkIsNoOutage(t *testing.T) {
	b := newBench(t, func(_ *bench, o *payment.Options) {
		o.Impostor = func() error { return errors.New("unknown authority") }
	})
	p := b.create(100, payment.PreferOnline)
	b.goOffline()
	for behavior, code := range map[string]payment.Code{payment.PreferOnline: payment.CertificateError, payment.ForceOffline: ""} {
		e := b.machine.Explain(payment.Question{Amount: 100, Currency: "usd", OfflineBehavior: behavior})
		if e.Allowed != (code == "") || code != "" && e.Failure.Code != code {
			t.Errorf("%s is explained as %+v", behavior, e)
		}
	}
	b.insert("visa")
	_, err := b.process(p)
	b.fails(err, payment.CertificateError)
	b.state(p, store.Created)
	forced := b.create(100, payment.ForceOffline)
	_, err = b.process(forced)
	b.must(err)
}

// otherIntent answers with an intent that is not the payment's.
type otherIntent struct{ *issuer }

func (o otherIntent) Authorize(ctx context.Context, p store.Payment, envelope []byte, pin *payment.PINBlock) (payment.Answer, error) {
	a, err := o.issuer.Authorize(ctx, p, envelope, pin)
	a.Intent = payment.Intent{ID: "pi_other", ClientSecret: "x"}
	return a, err
}

func TestApprovalWithAnotherIntentKeepsThePaymentsOwn(t *testing.T) {
	b := newBench(t, func(b *bench, o *payment.Options) { o.Platform = otherIntent{b.platform} })
	p := b.create(1250, payment.PreferOnline)
	b.insert("visa")
	_, err := b.process(p)
	b.must(err)
	if got := b.state(p, store.Approved); got.IntentID != "pi_1" {
		t.Errorf("intent is %s", got.IntentID)
	}
}

// Once the issuer has approved, a commit that fails stops the machine: only a
// restart may say what becomes of the approval.
func TestApprovalThatCannotBeCommittedStopsTheMachine(t *testing.T) {
	b := newBench(t)
	b.mayFail = true
	p := b.create(100, payment.PreferOnline)
	b.platform.on(func() error {
		now, err := b.store.Payment(p.LocalID)
		if err != nil {
			return err
		}
		now.Description = "changed behind the machine's back"
		now.State, now.After = store.Reversing, store.Interrupted
		_, err = b.store.Commit(context.Background(), store.Change{Payment: now})
		return err
	})
	b.insert("visa")
	_, err := b.process(p)
	var failed *payment.Error
	if !errors.As(err, &failed) {
		t.Fatalf("got %v", err)
	}
	if b.saw(payment.FaceApproved) || b.saw(payment.FaceAccepted) {
		t.Error("shown as accepted")
	}
	b.state(p, store.Reversing)
}

// slowRemoval notices that the card is gone only when let.
type slowRemoval struct {
	hal.ContactReader
	waiting, gate chan struct{}
}

func (s slowRemoval) WaitRemoval(ctx context.Context) error {
	if err := s.ContactReader.WaitRemoval(ctx); err != nil {
		return err
	}
	close(s.waiting)
	<-s.gate
	return nil
}

func TestCancelEndsACollectThatWaitsForTheSlot(t *testing.T) {
	slow := slowRemoval{waiting: make(chan struct{}), gate: make(chan struct{})}
	b := newBench(t, func(b *bench, o *payment.Options) { slow.ContactReader = b.tray; o.Contact = slow })
	b.goOffline()
	p, next := b.create(100, payment.PreferOnline), b.create(200, payment.PreferOnline)
	b.insert("visa")
	_, err := b.process(p)
	b.must(err)
	b.must(b.tray.Remove())
	<-slow.waiting // the slot is empty, the machine does not know yet
	done := make(chan error, 1)
	go func() { _, err := b.process(next); done <- err }()
	for end := payment.EndAlreadyCompleted; end == payment.EndAlreadyCompleted; { // until the collect has arrived
		end, _, err = b.machine.CancelCollect(t.Context())
		b.must(err)
	}
	close(slow.gate)
	b.fails(<-done, payment.Canceled)
	b.state(next, store.Created)
}

// pulledOut is a slot that is unplugged with the card in it.
type pulledOut struct {
	hal.ContactReader
	out atomic.Bool
}

func (p *pulledOut) WaitRemoval(ctx context.Context) error {
	if p.out.Load() {
		return hal.ErrNotFound
	}
	return p.ContactReader.WaitRemoval(ctx)
}

func (p *pulledOut) Present(ctx context.Context) (bool, error) {
	if p.out.Load() {
		return false, hal.ErrNotFound
	}
	return p.ContactReader.Present(ctx)
}

// Whoever waits for the card to be taken must not wait for ever.
func TestSlotUnpluggedWithTheCardIsACardTaken(t *testing.T) {
	slot := &pulledOut{}
	b := newBench(t, func(b *bench, o *payment.Options) { slot.ContactReader = b.tray; o.Contact = slot })
	p := b.create(100, payment.PreferOnline)
	b.insert("visa")
	slot.out.Store(true)
	_, err := b.process(p)
	b.must(err)
	<-b.removed
	b.must(b.tray.Remove())
	slot.out.Store(false)
	next := b.create(200, payment.PreferOnline)
	b.insert("visa")
	_, err = b.process(next)
	b.must(err)
	b.state(next, store.Approved)
}

func TestCancelAtTheMomentOfCollect(t *testing.T) {
	var hook atomic.Pointer[func()]
	b := newBench(t, func(_ *bench, o *payment.Options) {
		offline := o.Offline
		o.Offline = func() bool {
			if f := hook.Swap(nil); f != nil {
				(*f)()
			}
			return offline()
		}
	})
	p := b.create(100, payment.PreferOnline)
	cancel := func() {
		if _, err := b.machine.Cancel(t.Context(), p.LocalID, store.Request{}); err != nil {
			t.Error(err)
		}
	}
	hook.Store(&cancel)
	_, err := b.process(p)
	b.fails(err, payment.UnexpectedOperation)
	b.state(p, store.Canceled)
	if b.saw(payment.FaceError) {
		t.Error("the screen shows an error that is none")
	}
	if b.platform.canceled != 1 {
		t.Error("the platform's intent stays open")
	}
}

// stalling does not answer the n-th command of one kind.
type stalling struct {
	*emvtest.Card
	ins byte
	nth int
}

func (s *stalling) Exchange(ctx context.Context, c []byte) ([]byte, error) {
	if len(c) > 1 && c[1] == s.ins {
		if s.nth--; s.nth == 0 {
			<-ctx.Done()
			return nil, ctx.Err()
		}
	}
	return s.Card.Exchange(ctx, c)
}

func (b *bench) insertStalling(name string, ins byte, nth int) {
	b.Helper()
	profile, err := emvtest.Load(name)
	b.must(err)
	b.must(b.tray.Insert(name, &stalling{emvtest.NewCard(profile, &emvtest.State{}), ins, nth}))
}

var _ sim.Chip = (*stalling)(nil)

func TestCardThatStallsAtItsEndPaysNothing(t *testing.T) {
	b := newBench(t, func(_ *bench, o *payment.Options) { o.CardEndTimeout = 10 * time.Millisecond })
	b.goOffline()
	p := b.create(100, payment.PreferOnline)
	b.insertStalling("visa", 0xAE, 2)
	_, err := b.process(p)
	b.fails(err, payment.CardInsertNotRead)
	b.state(p, store.Created)
}

// hurried notes whether it was given a deadline.
type hurried struct {
	*emvtest.Card
	deadline atomic.Bool
}

func (h *hurried) Exchange(ctx context.Context, c []byte) ([]byte, error) {
	if _, has := ctx.Deadline(); has {
		h.deadline.Store(true)
	}
	return h.Card.Exchange(ctx, c)
}

// The time to present a card is not the time to read it: a card that comes at
// the last moment is read to its end.
func TestCardIsReadWithoutADeadline(t *testing.T) {
	b := newBench(t)
	p := b.create(100, payment.PreferOnline)
	profile, err := emvtest.Load("visa")
	b.must(err)
	card := &hurried{Card: emvtest.NewCard(profile, &emvtest.State{})}
	b.must(b.tray.Insert("visa", card))
	_, err = b.machine.Collect(t.Context(), p.LocalID, payment.CollectParams{CardTimeout: time.Minute}, store.Request{})
	b.must(err)
	if card.deadline.Load() {
		t.Error("the transaction would be broken off when the time to present a card is up")
	}
}

// A card forgotten in the slot over a restart does not pay the next bill.
func TestForgottenCardIsNotTaken(t *testing.T) {
	b := newBench(t)
	b.insert("visa") // in before a second machine starts
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	shown := make(chan payment.Face, 16)
	second := payment.New(payment.Options{
		Store: b.store, Contact: b.tray, Platform: b.platform,
		Settings: func() (payment.Settings, bool) { return b.settings, true },
		Offline:  func() bool { return true },
		Face:     func(f payment.Face) { shown <- f },
	})
	ended := make(chan error, 1)
	go func() { ended <- second.Run(ctx) }()
	if f := <-shown; !f.RemoveCard {
		t.Errorf("shown %+v", f)
	}
	p := b.create(100, payment.ForceOffline)
	_, err := second.Process(t.Context(), p.LocalID, payment.CollectParams{}, store.Request{})
	b.fails(err, payment.CardLeftInReader)
	stop()
	<-ended
}

func TestSameKeyWithAStricterBehaviourIsNoOther(t *testing.T) {
	b := newBench(t)
	b.goOffline()
	order := payment.CreateParams{Key: "k", Amount: 900, Currency: "usd"}
	_, err := b.machine.Create(t.Context(), order, store.Request{})
	b.must(err)
	order.OfflineBehavior = payment.RequireOnline
	_, err = b.machine.Create(t.Context(), order, store.Request{})
	b.fails(err, payment.IdempotencyMismatch)
}

// What the reversed attempt left must not show on the next.
func TestCollectingAgainForgetsTheReversedAttempt(t *testing.T) {
	b := newBench(t)
	p := b.create(100, payment.PreferOnline)
	b.insert("refuses-approval")
	_, err := b.process(p)
	b.fails(err, payment.DeclinedByReader)
	b.take()
	reversed := b.state(p, store.Reversing)
	reversed.State = store.Created
	_, err = b.store.Commit(t.Context(), store.Change{Payment: reversed})
	b.must(err)
	b.goOffline()
	b.insert("visa")
	stored, err := b.process(p)
	b.must(err)
	if stored.State != store.Stored || stored.ChargeID != "" || stored.AuthorizationCode != "" || stored.Sequence != 2 {
		t.Errorf("got %+v", stored)
	}
}

// The modes do not mix, also where an order is rung up again.
func TestSameKeyInTheOtherModeIsNoOther(t *testing.T) {
	b := newBench(t)
	order := payment.CreateParams{Key: "k", Amount: 900, Currency: "usd"}
	_, err := b.machine.Create(t.Context(), order, store.Request{})
	b.must(err)
	b.settings.Livemode = true
	_, err = b.machine.Create(t.Context(), order, store.Request{})
	b.fails(err, payment.IdempotencyMismatch)
}

// Who asks to confirm what is over must not be sent to collect again.
func TestConfirmOfWhatIsOver(t *testing.T) {
	b := newBench(t)
	paid := b.create(100, payment.PreferOnline)
	b.insert("visa")
	_, err := b.process(paid)
	b.must(err)
	b.take()
	canceled := b.create(100, payment.PreferOnline)
	_, err = b.machine.Cancel(t.Context(), canceled.LocalID, store.Request{})
	b.must(err)
	b.goOffline()
	stored, handedOver, voided := b.storeOne("visa", 100), b.stand(store.Rescued), b.storeOne("visa", 100)
	_, err = b.machine.Void(t.Context(), voided.LocalID, store.Request{})
	b.must(err)
	open := b.create(100, payment.PreferOnline)
	for name, test := range map[string]struct {
		p     store.Payment
		retry payment.Retry
	}{
		"approved": {paid, payment.RetryNever}, "canceled": {canceled, payment.RetryNever}, "stored": {stored, payment.RetryNever},
		"handed over": {handedOver, payment.RetryNever}, "voided": {voided, payment.RetryNever}, "created": {open, payment.RetryCollectAgain},
	} {
		_, err := b.machine.Confirm(t.Context(), test.p.LocalID, store.Request{})
		e := b.fails(err, payment.ConfirmInvalid)
		if e.Retry != test.retry || e.Payment == nil || e.Payment.LocalID != test.p.LocalID {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

// Who repeats a request gets its first outcome: advice to repeat it would send
// the POS in circles.
func TestRememberedRefusalIsNotToBeRepeated(t *testing.T) {
	for name, test := range map[string]struct {
		behavior string
		prepare  func(*bench)
	}{
		"no platform": {payment.RequireOnline, func(b *bench) { b.platform.silent(payment.Unreachable{Sent: true}) }},
		"certificate": {payment.PreferOnline, func(b *bench) { b.platform.silent(payment.Unreachable{Certificate: true}) }},
		"no key":      {payment.PreferOnline, func(b *bench) { b.settings.SealKey = seal.PublicKey{} }},
	} {
		t.Run(name, func(t *testing.T) {
			var remembered *payment.Error
			b := newBench(t, func(_ *bench, o *payment.Options) {
				o.EncodeOutcome = func(_ store.Payment, e *payment.Error) []byte { remembered = e; return nil }
			})
			p := b.create(100, test.behavior)
			test.prepare(b)
			b.insert("visa")
			_, err := b.machine.Process(t.Context(), p.LocalID, payment.CollectParams{}, store.Request{POS: "pos", ID: "r", Method: "m", BodyHash: []byte{1}})
			e, ok := err.(*payment.Error)
			if !ok || e.Retry != payment.RetryCollectAgain || remembered == nil || remembered.Retry != e.Retry || remembered.Code != e.Code {
				t.Errorf("told %+v, remembered %+v", e, remembered)
			}
		})
	}
}

func TestRealCardInTestModeIsRefused(t *testing.T) {
	profile, err := emvtest.ParseProfile(bytes.NewReader([]byte("application visa\npan 4539578763621486\n")))
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t)
	p := b.create(100, payment.PreferOnline)
	b.must(b.tray.Insert("real", emvtest.NewCard(profile, &emvtest.State{})))
	_, err = b.process(p)
	b.fails(err, payment.CardNotSupported)
}

// After a loss that the operator accepted, a sealed payment may have been told
// approved: it is not undone, the platform is asked.
func TestRecoverAfterALossUndoesNothing(t *testing.T) {
	b := newBench(t, func(_ *bench, o *payment.Options) { o.AfterLoss = true })
	commit := func(p store.Payment, s store.State) store.Payment {
		p.State = s
		c := store.Change{Payment: p}
		if s == store.Authorizing {
			c.Seal = func(uint64) ([]byte, string, error) { return []byte("sealed"), "tmr_test.1.0001.0000000000000000", nil }
		}
		p, err := b.store.Commit(context.Background(), c)
		b.must(err)
		return p
	}
	open := commit(commit(b.create(100, payment.PreferOnline), store.Collecting), store.Collected)
	sealed := commit(commit(commit(b.create(300, payment.PreferOnline), store.Collecting), store.Collected), store.Authorizing)
	b.must(b.machine.Recover(t.Context()))
	if p := b.state(sealed, store.Stored); !p.Attempted {
		t.Error("it would be sent without asking first")
	}
	b.state(open, store.Interrupted)
}

func TestAKeyPressedBeforeTheCardIsAskedForIsLost(t *testing.T) {
	pressed := make(chan payment.CancelEnd, 1)
	var p store.Payment
	b := newBench(t, func(b *bench, o *payment.Options) {
		known := o.Settings
		o.Settings = func() (payment.Settings, bool) {
			if p.LocalID != "" { // in the middle of beginning to collect
				ctx, stop := context.WithTimeout(t.Context(), time.Second)
				defer stop()
				end, err := b.machine.CancelByCardholder(ctx)
				if err != nil {
					t.Errorf("the key waits for the machine: %v", err)
				}
				pressed <- end
			}
			return known()
		}
	})
	b.insert("visa")
	p = b.create(100, payment.PreferOnline)
	if _, err := b.machine.Process(t.Context(), p.LocalID, payment.CollectParams{CardholderMayCancel: true}, store.Request{}); err != nil {
		t.Fatal(err)
	}
	if end := <-pressed; end != payment.EndAlreadyCompleted {
		t.Errorf("got %s", end)
	}
	b.state(p, store.Approved)
}

// At the start there is no outcome to be read, so the reader is free at once.
func TestNothingIsHeldOnTheScreenAtTheStart(t *testing.T) {
	idle := make(chan struct{})
	var once sync.Once
	newBench(t, func(_ *bench, o *payment.Options) {
		face := o.Face
		o.OutcomeHold = time.Hour
		o.Face = func(f payment.Face) {
			face(f)
			if f.Kind == payment.FaceIdle {
				once.Do(func() { close(idle) })
			}
		}
	})
	select {
	case <-idle:
	case <-time.After(time.Minute): // to say what is missing, not to wait
		t.Error("the reader never said that it is free")
	}
}

// noSlot is a slot that is not there.
type noSlot struct {
	hal.ContactReader
	fault error
}

func (s noSlot) Activate(context.Context) (hal.Card, error) { return nil, s.fault }

// What programs match an error by is nothing for the people who read it.
func TestReaderFailureIsSaidToPeople(t *testing.T) {
	for want, fault := range map[string]error{
		"the card reader was not found":                      hal.ErrNotFound,
		"the card reader failed: no cable":                   fmt.Errorf("no cable: %w", hal.ErrNotFound),
		"the card reader failed: /dev/usb: permission":       fmt.Errorf("ccid: %w", hal.Advise(hal.ErrNotFound, "/dev/usb: permission")),
		"the card reader failed: the slot answers with 0xFE": errors.New("the slot answers with 0xFE"),
	} {
		b := newBench(t, func(b *bench, o *payment.Options) { o.Contact = noSlot{b.tray, fault} })
		_, err := b.process(b.create(100, payment.PreferOnline))
		if e := b.fails(err, payment.GenericReaderError); e.Message != want {
			t.Errorf("%v: %q, want %q", fault, e.Message, want)
		}
	}
}
