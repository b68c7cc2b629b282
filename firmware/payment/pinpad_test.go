package payment_test

import (
	"context"
	"fmt"
	"testing"

	"smartreader/firmware/payment"
	"smartreader/hal"
	"smartreader/hal/sim"
	"smartreader/store"
)

func benchWithPad(t *testing.T) (*bench, *sim.PINPad) {
	var pad *sim.PINPad
	b := newBench(t, func(b *bench, o *payment.Options) { pad = b.pad; o.PINPad = pad })
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
