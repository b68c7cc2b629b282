package payment_test

import (
	"bytes"
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"smartreader/emvkernel/tlv"
	"smartreader/firmware/payment"
	"smartreader/store"
)

func TestOnlinePaymentIsApproved(t *testing.T) {
	b := newBench(t)
	b.insert("visa")
	p := b.create(1250, payment.PreferOnline)
	if p.IntentID != "pi_1" {
		t.Errorf("intent id is %q", p.IntentID)
	}
	paid, err := b.process(p)
	b.must(err)
	got := b.state(p, store.Approved)
	if paid.State != store.Approved || got.ChargeID != "ch_1" || got.AuthorizationCode != "123456" || got.Card.Last4 != "4242" {
		t.Errorf("approved payment lacks its data: %+v", got)
	}
	if _, err := b.store.Sealed(p.LocalID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("sealed card data is kept after approval: %v", err)
	}
	if b.saw(payment.FaceAccepted) || !b.saw(payment.FaceApproved) {
		t.Error("an approved payment must be shown as approved")
	}
}

func TestIssuerDeclineIsAnOutcomeAndTheSamePaymentCanBePaidWithAnotherCard(t *testing.T) {
	b := newBench(t)
	b.insert("declined-insufficient-funds")
	p := b.create(1250, payment.PreferOnline)
	_, err := b.process(p)
	e := b.fails(err, payment.DeclinedByPlatform)
	if e.DeclineCode != "insufficient_funds" || e.Payment == nil || e.Payment.State != store.Declined {
		t.Errorf("got %+v", e)
	}
	b.take()
	b.insert("mastercard")
	_, err = b.process(p)
	b.must(err)
	if got := b.state(p, store.Approved); got.Card.Brand != "mastercard" || got.Sequence != 2 {
		t.Errorf("got %+v", got)
	}
}

// Invariant 1: "accepted" is shown and told only after it is on disk.
func TestAcceptedIsShownOnlyAfterItIsStored(t *testing.T) {
	b := newBench(t)
	b.goOffline()
	p := b.create(2000, payment.PreferOnline)
	var shown atomic.Int32
	b.look(func(f payment.Face) {
		if f.Kind != payment.FaceAccepted {
			return
		}
		shown.Add(1)
		now, err := b.store.Payment(p.LocalID)
		if err != nil || now.State != store.Stored && now.State != store.Sending {
			t.Errorf("accepted is shown while the payment is %s (%v)", now.State, err)
		}
		if _, err := b.store.Sealed(p.LocalID); err != nil {
			t.Errorf("accepted is shown without sealed data: %v", err)
		}
	})
	b.insert("visa")
	stored, err := b.process(p)
	b.must(err)
	if shown.Load() == 0 || stored.State != store.Stored || stored.StoredAtMs == 0 || stored.Sequence != 1 {
		t.Errorf("shown %d times, payment %+v", shown.Load(), stored)
	}
	if b.saw(payment.FaceApproved) {
		t.Error("a stored payment was shown as approved")
	}
}

// Invariant 1: an attempt is on disk before it is sent.
func TestAuthorizingIsCommittedBeforeItIsSent(t *testing.T) {
	b := newBench(t)
	p := b.create(500, payment.PreferOnline)
	asked := false
	b.platform.on(func() error {
		asked = true
		now := b.state(p, store.Authorizing)
		if now.NaturalKey == "" || now.Sequence != 1 {
			t.Errorf("sent without a natural key: %+v", now)
		}
		return nil
	})
	b.insert("visa")
	_, err := b.process(p)
	b.must(err)
	if !asked {
		t.Error("the platform was not asked")
	}
}

// Invariant 1: the card is asked for only after "collecting" is on disk.
func TestCollectingIsCommittedBeforeTheCardIsAskedFor(t *testing.T) {
	b := newBench(t)
	b.goOffline()
	p := b.create(500, payment.PreferOnline)
	asked := make(chan store.State, 1)
	b.look(func(f payment.Face) {
		if f.Kind == payment.FacePresentCard {
			now, _ := b.store.Payment(p.LocalID)
			asked <- now.State
		}
	})
	done := make(chan error, 1)
	go func() { _, err := b.process(p); done <- err }()
	if state := <-asked; state != store.Collecting {
		t.Errorf("the card is asked for while the payment is %s", state)
	}
	b.insert("visa")
	b.must(<-done)
}

// Invariant 2: an authorization whose answer was lost and which is then
// deferred is the same payment, under the same natural key and envelope.
func TestLostAnswerIsDeferredUnderTheSameNaturalKey(t *testing.T) {
	b := newBench(t)
	p := b.create(1250, payment.PreferOnline)
	b.platform.silent(payment.Unreachable{Sent: true})
	b.insert("visa")
	stored, err := b.process(p)
	b.must(err)
	if stored.State != store.Stored || !stored.Attempted {
		t.Fatalf("got %s, attempted %v", stored.State, stored.Attempted)
	}
	envelope, err := b.store.Sealed(p.LocalID)
	b.must(err)
	if len(b.platform.envelopes) != 1 || !bytes.Equal(envelope, b.platform.envelopes[0]) {
		t.Error("what is stored is not what was sent")
	}
}

func TestUnsentAuthorizationIsStoredAsNotAttempted(t *testing.T) {
	b := newBench(t)
	p := b.create(1250, payment.PreferOnline)
	b.platform.silent(payment.Unreachable{})
	b.insert("visa")
	stored, err := b.process(p)
	b.must(err)
	if stored.State != store.Stored || stored.Attempted {
		t.Errorf("got %s, attempted %v", stored.State, stored.Attempted)
	}
}

// The stored data set is the first GENERATE AC's: an ARQC, not the AAC that
// ended the card, and it verifies at the issuer.
func TestStoredDataIsTheFirstCryptogram(t *testing.T) {
	for _, card := range []string{"visa", "mastercard"} {
		t.Run(card, func(t *testing.T) {
			b := newBench(t)
			b.goOffline()
			p := b.create(2000, payment.PreferOnline)
			b.insert(card)
			_, err := b.process(p)
			b.must(err)
			envelope, err := b.store.Sealed(p.LocalID)
			b.must(err)
			data := b.platform.openData(envelope)
			elements, err := tlv.Parse(data)
			b.must(err)
			for _, e := range elements {
				if e.Tag == 0x9F27 && (len(e.Value) != 1 || e.Value[0]&0xC0 != 0x80) {
					t.Errorf("9F27 is %X, not an ARQC", e.Value)
				}
			}
			if check, err := b.platform.issuer.Check(data); err != nil || !check.Decision.Approved || check.Amount != 2000 {
				t.Errorf("the issuer says %+v, %v", check, err)
			}
		})
	}
}

func TestAmountOverTheOfflineLimitIsRefusedBeforeTheCardIsAskedFor(t *testing.T) {
	b := newBench(t)
	b.goOffline()
	p := b.create(1_000_001, payment.PreferOnline)
	_, err := b.process(p)
	b.fails(err, payment.AmountExceedsMaxOffline)
	if b.saw(payment.FacePresentCard) {
		t.Error("the card was asked for")
	}
	b.state(p, store.Created)
}

// Collected online, then the platform is gone, and the payment may not be
// stored: it is refused, and what may have been sent is reversed.
func TestOnlineOverTheLimitWithLostAnswerIsReversed(t *testing.T) {
	b := newBench(t)
	p := b.create(1_000_001, payment.PreferOnline)
	b.platform.silent(payment.Unreachable{Sent: true})
	b.insert("visa")
	_, err := b.process(p)
	b.fails(err, payment.OfflineMismatch)
	got := b.state(p, store.Reversing)
	if got.After != store.Created || got.NaturalKey == "" {
		t.Errorf("got %+v", got)
	}
	b.take()
	_, err = b.process(p)
	b.fails(err, payment.UnexpectedOperation) // not before the reversal is acknowledged
	if b.saw(payment.FaceAccepted) || b.saw(payment.FaceApproved) {
		t.Error("a refused payment was shown as accepted")
	}
}

func TestRequireOnline(t *testing.T) {
	b := newBench(t)
	b.platform.silent(payment.Unreachable{})
	_, err := b.machine.Create(t.Context(), payment.CreateParams{Amount: 100, Currency: "usd", OfflineBehavior: payment.RequireOnline}, store.Request{})
	e := b.fails(err, payment.RequireOnlineNotConnected)
	b.insert("visa")
	_, err = b.process(*e.Payment)
	b.fails(err, payment.RequireOnlineNotConnected)
	if b.saw(payment.FaceAccepted) {
		t.Error("stored although it requires the platform")
	}
}

func TestForceOfflineIsStoredWhileOnline(t *testing.T) {
	b := newBench(t)
	p := b.create(100, payment.ForceOffline)
	b.insert("visa")
	stored, err := b.process(p)
	b.must(err)
	if stored.State != store.Stored || b.platform.created != 0 || len(b.platform.envelopes) != 0 {
		t.Errorf("got %s; platform was asked", stored.State)
	}
}

func TestWrongCertificateIsNoOutage(t *testing.T) {
	b := newBench(t)
	p := b.create(100, payment.PreferOnline)
	b.platform.silent(payment.Unreachable{Certificate: true})
	b.insert("visa")
	_, err := b.process(p)
	b.fails(err, payment.CertificateError)
	if b.saw(payment.FaceAccepted) {
		t.Error("a wrong certificate made an offline payment")
	}
	b.take()
	forced := b.create(100, payment.ForceOffline)
	b.insert("visa")
	_, err = b.process(forced)
	b.must(err)
}

// What the card is decides whether its payment may be stored, never whether it
// may be tried online.
func TestCardsRefusedOffline(t *testing.T) {
	for card, code := range map[string]payment.Code{
		"broken-dda":         payment.OfflineDeclined,
		"broken-issuer-cert": payment.OfflineDeclined,
		"no-oda":             payment.OfflineDeclined,
		"expired":            payment.OfflineCardExpired,
		"card-declines":      payment.DeclinedByReader,
		"broken-cda":         payment.DeclinedByReader,
	} {
		t.Run(card, func(t *testing.T) {
			b := newBench(t)
			b.goOffline()
			p := b.create(100, payment.PreferOnline)
			b.insert(card)
			_, err := b.process(p)
			var e *payment.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v", err)
			}
			if e.Code != code {
				t.Errorf("got %s, want %s: %s", e.Code, code, e.Message)
			}
			got := b.state(p, store.Created)
			if b.saw(payment.FaceAccepted) || b.saw(payment.FaceApproved) || got.Sequence != 0 {
				t.Error("accepted")
			}
		})
	}
}

func TestCardPulledBeforeItsEndPaysNothing(t *testing.T) {
	t.Run("offline", func(t *testing.T) {
		b := newBench(t)
		b.goOffline()
		p := b.create(100, payment.PreferOnline)
		b.insert("visa")
		_, err := b.machine.Collect(t.Context(), p.LocalID, payment.CollectParams{}, store.Request{})
		b.must(err)
		b.must(b.tray.Remove())
		_, err = b.machine.Confirm(t.Context(), p.LocalID, store.Request{})
		b.fails(err, payment.CardRemoved)
		b.state(p, store.Created)
	})
	t.Run("online, after the issuer approved", func(t *testing.T) {
		b := newBench(t)
		p := b.create(100, payment.PreferOnline)
		b.platform.on(func() error { return b.tray.Remove() })
		b.insert("visa")
		_, err := b.process(p)
		b.fails(err, payment.CardRemoved)
		b.state(p, store.Reversing)
	})
}

func TestCardThatRefusesTheIssuersApprovalIsReversed(t *testing.T) {
	b := newBench(t)
	p := b.create(100, payment.PreferOnline)
	b.insert("refuses-approval")
	_, err := b.process(p)
	b.fails(err, payment.DeclinedByReader)
	b.state(p, store.Reversing)
}

func TestCancelHasThreeEnds(t *testing.T) {
	b := newBench(t)
	end, _, err := b.machine.CancelCollect(t.Context())
	b.must(err)
	if end != payment.EndAlreadyCompleted {
		t.Errorf("idle: %s", end)
	}

	p := b.create(100, payment.PreferOnline)
	asked := make(chan bool, 8)
	b.look(func(f payment.Face) {
		if f.Kind == payment.FacePresentCard {
			asked <- true
		}
	})
	done := make(chan error, 1)
	go func() { _, err := b.process(p); done <- err }()
	<-asked
	end, canceled, err := b.machine.CancelCollect(t.Context())
	b.must(err)
	if end != payment.EndCanceled || canceled.LocalID != p.LocalID {
		t.Errorf("waiting for a card: %s of %q", end, canceled.LocalID)
	}
	b.fails(<-done, payment.Canceled)
	b.state(p, store.Created)

	b.platform.on(func() error {
		end, _, err := b.machine.CancelCollect(t.Context())
		if err != nil || end != payment.EndTooLate {
			t.Errorf("authorizing: %s, %v", end, err)
		}
		return nil
	})
	b.insert("visa")
	_, err = b.process(p)
	b.must(err)
	b.state(p, store.Approved)
}

func TestOnePaymentAtATime(t *testing.T) {
	b := newBench(t)
	p, other := b.create(100, payment.PreferOnline), b.create(200, payment.PreferOnline)
	b.platform.on(func() error {
		_, err := b.process(other)
		b.fails(err, payment.ReaderBusy)
		return nil
	})
	b.insert("visa")
	_, err := b.process(p)
	b.must(err)
	_, err = b.process(other)
	b.fails(err, payment.CardLeftInReader)
	b.take()
	b.insert("mastercard")
	_, err = b.process(other)
	b.must(err)
}

func TestConfirmNeedsAFreshCollect(t *testing.T) {
	b := newBench(t, func(_ *bench, o *payment.Options) { o.ConfirmTimeout = time.Millisecond })
	p := b.create(100, payment.PreferOnline)
	_, err := b.machine.Confirm(t.Context(), p.LocalID, store.Request{})
	b.fails(err, payment.ConfirmInvalid)
	b.insert("visa")
	collected, err := b.machine.Collect(t.Context(), p.LocalID, payment.CollectParams{}, store.Request{})
	b.must(err)
	if collected.State != store.Collected || collected.Card.Last4 != "4242" {
		t.Errorf("got %+v", collected)
	}
	b.await(p, store.Created) // the time has passed
	b.take()
	if b.saw(payment.FaceError) {
		t.Error("the screen shows an error, and the POS was slow")
	}
	_, err = b.machine.Confirm(t.Context(), p.LocalID, store.Request{})
	b.fails(err, payment.ConfirmInvalid)
}

func TestNoCardInTime(t *testing.T) {
	b := newBench(t)
	p := b.create(100, payment.PreferOnline)
	_, err := b.machine.Process(t.Context(), p.LocalID, payment.CollectParams{CardTimeout: time.Millisecond}, store.Request{})
	b.fails(err, payment.CardReadTimedOut)
	b.state(p, store.Created)
	if b.saw(payment.FaceError) {
		t.Error("the screen shows an error, and nobody has come")
	}
}

func TestPaidIsNotCollectedAgain(t *testing.T) {
	b := newBench(t)
	b.goOffline()
	p := b.create(100, payment.PreferOnline)
	b.insert("visa")
	_, err := b.process(p)
	b.must(err)
	b.take()
	b.insert("mastercard")
	_, err = b.process(p)
	b.fails(err, payment.UnexpectedOperation)
	_, err = b.machine.Cancel(t.Context(), p.LocalID, store.Request{})
	b.fails(err, payment.UnexpectedOperation)
	if n := b.store.Pending().Count; n != 1 {
		t.Errorf("%d payments are stored", n)
	}
}

func TestRecoverInterruptsWhatWasOpen(t *testing.T) {
	b := newBench(t)
	commit := func(p store.Payment, s store.State, seal bool) store.Payment {
		p.State = s
		if s == store.Reversing {
			p.After = store.Interrupted
		}
		c := store.Change{Payment: p}
		if seal {
			c.Seal = func(uint64) ([]byte, string, error) { return []byte("sealed"), "tmr_test.1.0001.0000000000000000", nil }
		}
		p, err := b.store.Commit(context.Background(), c)
		b.must(err)
		return p
	}
	collecting := commit(b.create(100, payment.PreferOnline), store.Collecting, false)
	collected := commit(commit(b.create(200, payment.PreferOnline), store.Collecting, false), store.Collected, false)
	authorizing := commit(commit(commit(b.create(300, payment.PreferOnline), store.Collecting, false), store.Collected, false), store.Authorizing, true)
	b.must(b.machine.Recover(t.Context()))
	b.state(collecting, store.Interrupted)
	b.state(collected, store.Interrupted)
	if p := b.state(authorizing, store.Reversing); p.After != store.Interrupted {
		t.Errorf("reversing ends in %s", p.After)
	}
	// An interrupted payment can be taken again, with the same key.
	b.insert("visa")
	_, err := b.process(collecting)
	b.must(err)
	b.state(collecting, store.Approved)
}

func TestRequestsAreRememberedWithTheirOutcome(t *testing.T) {
	b := newBench(t)
	b.goOffline()
	p := b.create(100, payment.PreferOnline)
	b.insert("visa")
	request := store.Request{POS: "pos", ID: "r1", Method: "processPaymentIntent", BodyHash: []byte{1}}
	var began atomic.Bool
	b.look(func(f payment.Face) {
		if f.Kind == payment.FacePresentCard {
			r, err := b.store.Request("pos", "r1")
			began.Store(err == nil && !r.Done && r.LocalID == p.LocalID)
		}
	})
	_, err := b.machine.Process(t.Context(), p.LocalID, payment.CollectParams{}, request)
	b.must(err)
	if !began.Load() {
		t.Error("the request was not on disk when the card was asked for")
	}
	r, err := b.store.Request("pos", "r1")
	if err != nil || !r.Done || string(r.Result) != "{}" {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestCreateRefusesWhatItCannotMean(t *testing.T) {
	b := newBench(t)
	for name, p := range map[string]payment.CreateParams{
		"no amount":        {Currency: "usd"},
		"negative":         {Amount: -5, Currency: "usd"},
		"too large":        {Amount: 1_000_000_000_000, Currency: "usd"},
		"no currency":      {Amount: 5},
		"upper case":       {Amount: 5, Currency: "USD"},
		"unknown currency": {Amount: 5, Currency: "zzz"},
		"capture":          {Amount: 5, Currency: "usd", CaptureMethod: "later"},
		"behaviour":        {Amount: 5, Currency: "usd", OfflineBehavior: "maybe"},
	} {
		_, err := b.machine.Create(t.Context(), p, store.Request{})
		if e := b.fails(err, payment.InvalidParameter); e.Retry != payment.RetryNever {
			t.Errorf("%s: retry %s", name, e.Retry)
		}
	}
}

func TestTestAndLiveCardsAreKeptApart(t *testing.T) {
	b := newBench(t)
	b.settings.Livemode = true
	p := b.create(100, payment.PreferOnline)
	b.insert("visa")
	_, err := b.process(p)
	b.fails(err, payment.TestCardInLivemode)
	b.state(p, store.Created)
}

// Invariant 2: when the platform holds a charge from another attempt, that is
// the payment's outcome; saying "declined" would make the shop charge again.
func TestAlreadyChargedIsPaid(t *testing.T) {
	b := newBench(t)
	p := b.create(100, payment.PreferOnline)
	b.platform.charged = "ch_earlier"
	b.insert("visa")
	paid, err := b.process(p)
	b.must(err)
	if paid.State != store.Approved || paid.ChargeID != "ch_earlier" {
		t.Errorf("got %s, charge %q", paid.State, paid.ChargeID)
	}
}

// Invariant 2: one key, one payment, also when the POS has forgotten that it
// asked, and also while the platform is out of reach.
func TestSameKeyIsTheSamePayment(t *testing.T) {
	b := newBench(t)
	b.goOffline()
	order := payment.CreateParams{Key: "order-17", Amount: 900, Currency: "usd", OfflineBehavior: payment.ForceOffline}
	first, err := b.machine.Create(t.Context(), order, store.Request{POS: "till-1", ID: "a"})
	b.must(err)
	b.insert("visa")
	_, err = b.process(first)
	b.must(err)
	again, err := b.machine.Create(t.Context(), order, store.Request{POS: "till-2", ID: "b"})
	b.must(err)
	if again.LocalID != first.LocalID || again.State != store.Stored {
		t.Errorf("the same order became %s, %s", again.LocalID, again.State)
	}
	order.Amount = 901
	_, err = b.machine.Create(t.Context(), order, store.Request{POS: "till-2", ID: "c"})
	b.fails(err, payment.IdempotencyMismatch)
}

func TestSameKeyAtTheSameMomentIsOnePayment(t *testing.T) {
	b := newBench(t)
	b.goOffline()
	ids := make(chan string, 8)
	for range cap(ids) {
		go func() {
			p, err := b.machine.Create(t.Context(), payment.CreateParams{Key: "order-18", Amount: 5, Currency: "usd"}, store.Request{})
			if err != nil {
				t.Error(err)
			}
			ids <- p.LocalID
		}()
	}
	first := <-ids
	for range cap(ids) - 1 {
		if id := <-ids; id != first {
			t.Errorf("payments %s and %s", first, id)
		}
	}
}
