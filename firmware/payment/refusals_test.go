package payment_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"smartreader/firmware/payment"
	"smartreader/store"
	"smartreader/store/seal"
)

// brand has the terminal take visa's application for another brand's.
func (b *bench) brand(name string) {
	kernel := *b.settings.Kernel
	kernel.Applications = slices.Clone(kernel.Applications)
	for i := range kernel.Applications {
		if kernel.Applications[i].Brand == "visa" {
			kernel.Applications[i].Brand = name
		}
	}
	b.settings.Kernel = &kernel
}

func (b *bench) limit(l payment.Limit) {
	b.settings.Policy = policyOf(payment.Rule{Currency: "usd"}, payment.Rule{Currency: "usd", Limit: l})
}

// move takes a payment through states behind the machine's back, as the
// forwarder would.
func (b *bench) move(p store.Payment, states ...store.State) store.Payment {
	b.Helper()
	p, err := b.store.Payment(p.LocalID)
	b.must(err)
	for _, s := range states {
		p.State = s
		p, err = b.store.Commit(b.Context(), store.Change{Payment: p, Reason: "moved by the test"})
		b.must(err)
	}
	return p
}

// storeOne stores a payment and takes the card out.
func (b *bench) storeOne(card string, amount int64) store.Payment {
	b.Helper()
	p := b.create(amount, payment.ForceOffline)
	b.insert(card)
	stored, err := b.process(p)
	b.must(err)
	b.take()
	return stored
}

// Every refusal that the offline contract names, by its code: the payment is
// not stored, nobody is told that it was accepted, and explaining beforehand
// says the same.
func TestRefusedOffline(t *testing.T) {
	for name, test := range map[string]struct {
		before   func(*bench) // before the payment is created, online
		after    func(*bench) // offline, before it is collected
		behavior string
		amount   int64
		params   payment.CollectParams
		card     string // empty: none is asked for
		question *payment.Question
		code     payment.Code
		native   int
	}{
		"Location not enabled": {
			before: func(b *bench) { b.settings.Policy.Enabled = false },
			code:   payment.NotConnectedToInternet, question: &payment.Question{},
		},
		"force_offline, Location no longer enabled": {
			behavior: payment.ForceOffline, after: func(b *bench) { b.settings.Policy.Enabled = false },
			code: payment.ForceOfflineDisabled, question: &payment.Question{OfflineBehavior: payment.ForceOffline},
		},
		"require_online": {
			behavior: payment.RequireOnline, after: func(b *bench) { b.platform.silent(payment.Unreachable{}) },
			code: payment.RequireOnlineNotConnected, card: "visa", question: &payment.Question{OfflineBehavior: payment.RequireOnline},
		},
		"currency not listed": {
			before: func(b *bench) { b.settings.Policy = policyOf(payment.Rule{Currency: "eur"}) },
			code:   payment.InvalidOfflineCurrency, question: &payment.Question{},
		},
		"test payment, reader live by now": {
			after: func(b *bench) { b.settings.Livemode = true },
			code:  payment.TestmodePaymentInLivemode,
		},
		"live payment, reader in test mode by now": {
			before: func(b *bench) { b.settings.Livemode = true }, after: func(b *bench) { b.settings.Livemode = false },
			code: payment.LivemodePaymentInTestmode,
		},
		"no key to seal with": {
			before: func(b *bench) { b.settings.SealKey = seal.PublicKey{} },
			code:   payment.OfflineKeysUnavailable, question: &payment.Question{},
		},
		"over the shipped amount": {
			amount: 1_000_001, code: payment.AmountExceedsMaxOffline, question: &payment.Question{Amount: 1_000_001},
		},
		"over the configured amount": {
			before: func(b *bench) { b.limit(payment.Limit{MaxAmount: 1999}) },
			code:   payment.AmountExceedsMaxOffline, question: &payment.Question{},
		},
		"over the POS's amount": {
			params: payment.CollectParams{Limits: payment.Limit{MaxAmount: 1999}},
			code:   payment.AmountExceedsMaxOffline, question: &payment.Question{Limits: payment.Limit{MaxAmount: 1999}},
		},
		"too many": {
			before: func(b *bench) { b.limit(payment.Limit{MaxCount: 1}); b.storeOne("mastercard", 100) },
			code:   payment.DatabaseTooLarge, question: &payment.Question{},
		},
		"too much": {
			before: func(b *bench) { b.limit(payment.Limit{MaxStored: 2099}); b.storeOne("mastercard", 100) },
			code:   payment.AmountExceedsMaxOffline, question: &payment.Question{},
		},
		"too old": {
			before: func(b *bench) {
				b.limit(payment.Limit{MaxAge: time.Nanosecond})
				b.storeOne("mastercard", 100)
				b.must(b.store.RaiseFloor(b.Context(), b.store.Now().Add(time.Minute)))
			},
			code: payment.DatabaseTooLarge, question: &payment.Question{},
		},
		"inspected": {
			params: payment.CollectParams{Inspect: true}, code: payment.UnexpectedOperation, native: 1935,
		},
		"swiped": {
			after: func(b *bench) { go func() { b.head.swipes <- track2() }() },
			code:  payment.CardSwipeNotAvailable, question: &payment.Question{ReadMethod: "magnetic_stripe_track2"},
		},
		"Interac": {
			after: func(b *bench) { b.brand("interac") }, card: "visa",
			code: payment.InteracNotOffline, question: &payment.Question{Brand: "interac"},
		},
		"girocard": {
			after: func(b *bench) { b.brand("girocard") }, card: "visa",
			code: payment.CardNotSupported, question: &payment.Question{Brand: "girocard"},
		},
		"eftpos on its own network": {
			after: func(b *bench) { b.brand("eftpos_au") }, card: "visa",
			code: payment.CardNotSupported, question: &payment.Question{Brand: "eftpos_au"},
		},
		"Interac card":      {card: "interac", code: payment.InteracNotOffline},
		"eftpos card":       {card: "eftpos-au-debit", code: payment.CardNotSupported},
		"online PIN":        {card: "online-pin-cvm", code: payment.OnlinePINNotOffline, question: &payment.Question{CVM: "online_pin"}},
		"no PIN pad":        {card: "offline-pin-cvm", code: payment.OfflineDeclined},
		"expired":           {card: "expired", code: payment.OfflineCardExpired},
		"not authenticated": {card: "no-oda", code: payment.OfflineDeclined},
		"over the brand's amount": {
			before: func(b *bench) {
				b.settings.Policy = policyOf(payment.Rule{Currency: "usd"}, payment.Rule{Currency: "usd", Brand: "visa", Limit: payment.Limit{MaxAmount: 1999}})
			},
			card: "visa", code: payment.AmountExceedsMaxOffline, question: &payment.Question{Brand: "visa"},
		},
		"too often with one card": {
			before: func(b *bench) { b.limit(payment.Limit{MaxPerCard: 1}); b.storeOne("visa", 100) },
			card:   "visa", code: payment.OfflineDeclined,
		},
		"too much with one card": {
			before: func(b *bench) { b.limit(payment.Limit{MaxStoredPerCard: 2099}); b.storeOne("visa", 100) },
			card:   "visa", code: payment.OfflineDeclined,
		},
	} {
		t.Run(name, func(t *testing.T) {
			b, _ := benchWithHead(t)
			if test.before != nil {
				test.before(b)
			}
			if test.amount == 0 {
				test.amount = 2000
			}
			p := b.create(test.amount, test.behavior)
			b.goOffline()
			if test.after != nil {
				test.after(b)
			}
			stored := b.store.Pending().Count
			b.clearFaces()
			if test.card != "" {
				b.insert(test.card)
			}
			if q := test.question; q != nil {
				if q.Amount == 0 {
					q.Amount = test.amount
				}
				q.Currency = "usd"
				e := b.machine.Explain(*q)
				if e.Allowed || e.Failure == nil || e.Failure.Code != test.code {
					t.Errorf("explained as %+v, want %s", e, test.code)
				}
			}
			_, err := b.machine.Process(t.Context(), p.LocalID, test.params, store.Request{})
			e := b.fails(err, test.code)
			if e.Native != test.native {
				t.Errorf("native number %d, want %d", e.Native, test.native)
			}
			if test.behavior != payment.RequireOnline { // that one was sent, or not, and is reversed
				b.state(p, store.Created)
			}
			if n := b.store.Pending().Count; n != stored || b.saw(payment.FaceAccepted) || b.saw(payment.FaceApproved) {
				t.Errorf("%d payments are stored, before %d; faces %v", n, stored, b.faces)
			}
			if test.card == "" && name != "swiped" && b.saw(payment.FacePresentCard) {
				t.Error("a card was asked for")
			}
		})
	}
}

// A misspelt brand is no question to answer; one whose cards are only not stored is.
func TestExplainKnowsItsBrands(t *testing.T) {
	b := newBench(t)
	b.goOffline()
	for brand, code := range map[string]payment.Code{
		"vissa": payment.InvalidParameter, "interac": payment.InteracNotOffline, "eftpos_au": payment.CardNotSupported,
	} {
		e := b.machine.Explain(payment.Question{Amount: 2000, Currency: "usd", Brand: brand})
		if e.Allowed || e.Failure == nil || e.Failure.Code != code {
			t.Errorf("%s: %+v", brand, e)
		} else if code == payment.InvalidParameter && !(strings.Contains(e.Failure.Message, "vissa") && strings.Contains(e.Failure.Remedy, "unionpay, visa")) {
			t.Errorf("%s: %q, %q", brand, e.Failure.Message, e.Failure.Remedy)
		}
	}
}

// What explaining calls allowed is stored.
func TestExplainAllowsWhatIsStored(t *testing.T) {
	b := newBench(t)
	b.goOffline()
	b.limit(payment.Limit{MaxAmount: 5000, MaxCount: 10, MaxStored: 9000, MaxAge: time.Hour, MaxPerCard: 2})
	e := b.machine.Explain(payment.Question{Amount: 2000, Currency: "usd", Brand: "visa", ReadMethod: "contact_emv", CVM: "none"})
	if !e.Allowed || e.Failure != nil {
		t.Errorf("got %+v", e)
	}
	var names []string
	for _, r := range e.Rules {
		names = append(names, r.Source+" "+r.Rule)
		if r.Current == "" || r.Stops {
			t.Errorf("%+v", r)
		}
	}
	want := []string{
		"reader certificate", "pos offlineBehavior", "configuration offlineEnabled", "configuration currency", "reader livemode", "reader encryptionKey",
		"reader maxAmount", "configuration maxAmount", "configuration maxCount", "configuration maxStored", "configuration maxAge",
		"reader entryMode", "reader brand", "reader cvm", "configuration maxPerCard", "reader ledger",
	}
	if !slices.Equal(names, want) {
		t.Errorf("got  %v\nwant %v", names, want)
	}
	b.storeOne("visa", 2000)
}

func TestInspectionIsLeftOutWhereTheLocationSaysSo(t *testing.T) {
	b := newBench(t)
	b.settings.InspectionOmit = true
	b.goOffline()
	p := b.create(100, payment.PreferOnline)
	b.insert("visa")
	stored, err := b.machine.Process(t.Context(), p.LocalID, payment.CollectParams{Inspect: true}, store.Request{})
	b.must(err)
	if stored.State != store.Stored || !payment.CollectedOffline(stored) {
		t.Errorf("got %s", stored.State)
	}
}

func TestInspectionOnline(t *testing.T) {
	b := newBench(t)
	p := b.create(100, payment.PreferOnline)
	b.insert("visa")
	collected, err := b.machine.Collect(t.Context(), p.LocalID, payment.CollectParams{Inspect: true}, store.Request{})
	b.must(err)
	if payment.CollectedOffline(collected) {
		t.Error("collected online, and said to be offline")
	}
}

func TestConfirmOfAForwardedPaymentIsAnsweredWithIt(t *testing.T) {
	b := newBench(t)
	b.goOffline()
	p := b.storeOne("visa", 100)
	_, err := b.machine.Confirm(t.Context(), p.LocalID, store.Request{})
	b.fails(err, payment.ConfirmInvalid)
	b.move(p, store.Sending, store.Forwarded)
	_, err = b.machine.Confirm(t.Context(), p.LocalID, store.Request{})
	e := b.fails(err, payment.IntentNotFound)
	if e.Payment == nil || e.Payment.State != store.Forwarded {
		t.Errorf("the payment is not in the error: %+v", e.Payment)
	}
}

// Only what was stored counts against a card, and only its own.
func TestCardIsKnownAgain(t *testing.T) {
	b := newBench(t)
	b.limit(payment.Limit{MaxPerCard: 1})
	for range 2 { // the issuer was asked: it counts by itself
		p := b.create(100, payment.PreferOnline)
		b.insert("visa")
		_, err := b.process(p)
		b.must(err)
		b.take()
	}
	b.storeOne("visa", 100)
	b.storeOne("mastercard", 100)
	p := b.create(100, payment.ForceOffline)
	b.insert("visa")
	_, err := b.process(p)
	b.fails(err, payment.OfflineDeclined)
	b.take()
	b.insert("jcb")
	_, err = b.process(p)
	b.must(err)
}

// A voided payment takes nothing of what a card may have stored: the till that
// voids takes the right amount next.
func TestVoidedPaymentFreesItsCard(t *testing.T) {
	b := newBench(t)
	b.limit(payment.Limit{MaxPerCard: 1})
	wrong := b.storeOne("visa", 10_000)
	_, err := b.machine.Void(t.Context(), wrong.LocalID, store.Request{})
	b.must(err)
	b.storeOne("visa", 1000)
	p := b.create(1000, payment.ForceOffline)
	b.insert("visa")
	_, err = b.process(p)
	b.fails(err, payment.OfflineDeclined)
}

// A clock that jumps ahead does not let the reader forget a card.
func TestClockAheadForgetsNoCard(t *testing.T) {
	b := newBench(t)
	b.limit(payment.Limit{MaxPerCard: 1})
	b.storeOne("visa", 100)
	b.must(b.store.RaiseFloor(t.Context(), b.store.Now().Add(48*time.Hour)))
	b.storeOne("mastercard", 100) // after which the old ones are dropped
	p := b.create(100, payment.ForceOffline)
	b.insert("visa")
	_, err := b.process(p)
	b.fails(err, payment.OfflineDeclined)
}

// An authorization that was deferred counts like every stored payment; a POS's
// limits hold to the end of the payment.
func TestDeferralIsJudgedLikeAStoredPayment(t *testing.T) {
	b := newBench(t)
	b.limit(payment.Limit{MaxPerCard: 1})
	b.platform.silent(payment.Unreachable{Sent: true})
	p := b.create(100, payment.PreferOnline)
	b.insert("visa")
	_, err := b.process(p)
	b.must(err)
	b.state(p, store.Stored)
	b.take()
	p = b.create(100, payment.PreferOnline)
	b.insert("visa")
	_, err = b.process(p)
	b.fails(err, payment.OfflineMismatch)
	b.state(p, store.Reversing)
	b.take()
	p = b.create(100, payment.PreferOnline)
	b.insert("mastercard")
	_, err = b.machine.Collect(t.Context(), p.LocalID, payment.CollectParams{Limits: payment.Limit{MaxAmount: 99}}, store.Request{})
	b.must(err)
	_, err = b.machine.Confirm(t.Context(), p.LocalID, store.Request{})
	b.fails(err, payment.OfflineMismatch)
	b.state(p, store.Reversing)
}

// Online, too, a payment belongs to the mode it was created in.
func TestPaymentOfTheOtherModeIsNotCollected(t *testing.T) {
	for live, code := range map[bool]payment.Code{true: payment.LivemodePaymentInTestmode, false: payment.TestmodePaymentInLivemode} {
		b := newBench(t)
		b.settings.Livemode = live
		p := b.create(100, payment.PreferOnline)
		b.settings.Livemode = !live
		_, err := b.process(p)
		b.fails(err, code)
		b.state(p, store.Created)
		if b.saw(payment.FacePresentCard) {
			t.Error("a card was asked for")
		}
	}
}

// Who asks about the policy does not wait for a payment, nor a payment for him.
func TestExplainWhileAPaymentRuns(t *testing.T) {
	b := newBench(t)
	b.limit(payment.Limit{MaxPerCard: 5, MaxAge: time.Hour})
	b.platform.on(func() error {
		if e := b.machine.Explain(payment.Question{Amount: 1, Currency: "usd", Brand: "visa"}); !e.Allowed {
			t.Errorf("got %+v", e)
		}
		return nil
	})
	done := make(chan bool)
	go func() {
		defer close(done)
		for range 20 {
			b.machine.Explain(payment.Question{Amount: 1, Currency: "usd"})
		}
	}()
	p := b.create(100, payment.PreferOnline)
	b.insert("visa")
	_, err := b.process(p)
	b.must(err)
	b.take()
	b.storeOne("visa", 100)
	<-done
}
