package payment_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"smartreader/firmware/payment"
	"smartreader/hal"
	"smartreader/hal/sim"
	"smartreader/store"
)

func benchWithPad(t *testing.T, options ...option) (*bench, *sim.PINPad) {
	var pad *sim.PINPad
	b := newBench(t, append(options, func(b *bench, o *payment.Options) { pad = b.pad; o.PINPad = pad })...)
	return b, pad
}

func TestOfflinePIN(t *testing.T) {
	for _, offline := range []bool{false, true} {
		b, pad := benchWithPad(t)
		if offline {
			b.goOffline()
		}
		p := b.create(1200, payment.PreferOnline)
		b.insert("offline-pin-cvm")
		pad.EnterWrong(1)
		paid, err := b.process(p)
		b.must(err)
		if paid.Receipt.CardholderVerificationMethod != "offline_pin" {
			t.Errorf("verified by %s", paid.Receipt.CardholderVerificationMethod)
		}
		prompts := pad.Prompts()
		if len(prompts) != 2 || prompts[0].Amount != 1200 || prompts[0].Currency != "usd" || prompts[0].WrongPINLast || !prompts[1].WrongPINLast {
			t.Errorf("asked %+v", prompts)
		}
	}
}

func TestPINEntryGivenUp(t *testing.T) {
	for code, give := range map[payment.Code]func(*sim.PINPad){
		payment.Canceled: (*sim.PINPad).Cancel, payment.CardReadTimedOut: (*sim.PINPad).TimeOut,
	} {
		b, pad := benchWithPad(t)
		p := b.create(1200, payment.PreferOnline)
		b.insert("offline-pin-cvm")
		give(pad)
		_, err := b.process(p)
		b.fails(err, code)
		b.state(p, store.Created)
	}
}

// Whoever stops the payment stops the PIN entry, and a cardholder who walks away
// from the pad does not hold the reader for ever.
func TestPINEntryIsBrokenOff(t *testing.T) {
	for name, test := range map[string]struct {
		stop func(*bench)
		code payment.Code
	}{
		"by the POS": {func(b *bench) {
			end, canceled, err := b.machine.CancelCollect(b.Context())
			b.must(err)
			if end != payment.EndCanceled || canceled.State != store.Created {
				b.Errorf("%s, %s", end, canceled.State)
			}
		}, payment.Canceled},
		"by the cancel key": {func(b *bench) {
			end, err := b.machine.CancelByCardholder(b.Context())
			b.must(err)
			if end != payment.EndCanceled {
				b.Error(end)
			}
		}, payment.Canceled},
		"by the time": {func(*bench) {}, payment.CardReadTimedOut},
	} {
		t.Run(name, func(t *testing.T) {
			asked := make(chan bool, 1)
			var pad *sim.PINPad
			b := newBench(t, func(b *bench, o *payment.Options) {
				pad = b.pad
				o.PINPad = asking{pad, asked}
				if test.code == payment.CardReadTimedOut {
					o.PINTimeout = 50 * time.Millisecond
				}
			})
			p := b.create(1200, payment.PreferOnline)
			b.insert("offline-pin-cvm")
			pad.Hesitate()
			done := make(chan error, 1)
			go func() {
				_, err := b.machine.Process(t.Context(), p.LocalID, payment.CollectParams{CardholderMayCancel: true}, store.Request{})
				done <- err
			}()
			<-asked
			test.stop(b)
			b.fails(<-done, test.code)
			b.state(p, store.Created)
			if b.saw(payment.FaceError) || b.saw(payment.FaceDeclined) {
				t.Errorf("faces %v", b.faces)
			}
		})
	}
}

// asking is a pad that says when it asks.
type asking struct {
	hal.PINPad
	asked chan<- bool
}

func (a asking) VerifyOffline(ctx context.Context, card hal.Card, r hal.OfflinePIN) (hal.OfflineVerdict, error) {
	select {
	case a.asked <- true:
	default:
	}
	return a.PINPad.VerifyOffline(ctx, card, r)
}

// The cardholder is told of the last try, and of a wrong one before it.
func TestLastPINTryIsTold(t *testing.T) {
	b, pad := benchWithPad(t)
	b.goOffline()
	p := b.create(1200, payment.PreferOnline)
	b.insert("offline-pin-cvm")
	pad.EnterWrong(2)
	_, err := b.process(p)
	b.must(err)
	b.state(p, store.Stored)
	prompts := pad.Prompts()
	if len(prompts) != 3 || prompts[2].TriesLeft != 1 || !prompts[2].WrongPINLast || prompts[1].TriesLeft != 2 {
		t.Errorf("asked %+v", prompts)
	}
}

// A PIN that stays wrong is for the issuer to judge: it pays nothing while the
// issuer cannot be asked.
func TestWrongPINIsNotStored(t *testing.T) {
	b, pad := benchWithPad(t)
	b.goOffline()
	p := b.create(1200, payment.PreferOnline)
	b.insert("offline-pin-cvm")
	pad.EnterWrong(20)
	_, err := b.process(p)
	e := b.fails(err, payment.OfflineDeclined)
	if e.Retry != payment.RetryCollectAgain {
		t.Errorf("got %+v", e)
	}
	b.state(p, store.Created)
}

func TestCardThatWantsAnOnlinePIN(t *testing.T) {
	for offline, code := range map[bool]payment.Code{false: payment.CardNotSupported, true: payment.OnlinePINNotOffline} {
		b, _ := benchWithPad(t)
		if offline {
			b.goOffline()
		}
		p := b.create(1200, payment.PreferOnline)
		b.insert("online-pin-cvm")
		_, err := b.process(p)
		b.fails(err, code)
		b.state(p, store.Created)
	}
}

// A pad that is unplugged is a terminal without one, not a broken payment.
func TestUnpluggedPad(t *testing.T) {
	b := newBench(t, func(_ *bench, o *payment.Options) { o.PINPad = unplugged{} })
	b.goOffline()
	p := b.create(1200, payment.PreferOnline)
	b.insert("offline-pin-cvm")
	_, err := b.process(p)
	b.fails(err, payment.OfflineDeclined)
	b.state(p, store.Created)
}

type unplugged struct{ hal.PINPad }

func (unplugged) VerifyOffline(context.Context, hal.Card, hal.OfflinePIN) (hal.OfflineVerdict, error) {
	return hal.OfflineVerdict{}, fmt.Errorf("pad: %w", hal.ErrNotFound)
}
