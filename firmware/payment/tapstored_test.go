package payment_test

import (
	"strings"
	"testing"

	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/tlv"
	"smartreader/firmware/payment"
	"smartreader/store"
)

// What is stored of a tap is its one cryptogram, of a card that proved to be genuine.
func TestTapIsStoredOffline(t *testing.T) {
	for _, card := range []string{"visa", "mastercard"} {
		t.Run(card, func(t *testing.T) {
			b := newTapBench(t)
			b.goOffline()
			p := b.create(2000, payment.PreferOnline)
			b.tap(card)
			stored, err := b.process(p)
			b.must(err)
			if stored.State != store.Stored || !stored.Card.Authenticated || stored.Card.ReadMethod != "contactless_emv" || b.saw(payment.FaceApproved) {
				t.Fatalf("%s, %+v", stored.State, stored.Card)
			}
			envelope, err := b.store.Sealed(p.LocalID)
			b.must(err)
			data := b.platform.openData(envelope)
			list, err := tlv.Parse(data)
			b.must(err)
			if e, ok := tlv.Find(list, 0x9F39); !ok || e.Value[0] != 0x07 {
				t.Errorf("'9F39' is %X", e.Value)
			}
			if check, err := b.platform.issuer.Check(data); err != nil || !check.Decision.Approved || check.Amount != 2000 {
				t.Errorf("the issuer says %+v, %v", check, err)
			}
		})
	}
}

// A tap that was collected online and whose issuer does not answer is stored under the key it was sent with.
func TestTapWithoutAnswerIsDeferred(t *testing.T) {
	for _, sent := range []bool{true, false} {
		b := newTapBench(t)
		p := b.create(1250, payment.PreferOnline)
		b.platform.silent(payment.Unreachable{Sent: sent})
		b.tap("visa")
		stored, err := b.process(p)
		b.must(err)
		if stored.State != store.Stored || stored.Attempted != sent {
			t.Errorf("%s, attempted %v", stored.State, stored.Attempted)
		}
	}
}

// EMV fact 37: that there is no network is the terminal's business. In markets with strong customer
// authentication nothing is asked of a card that is tapped; its holder is told to insert it.
func TestTapIsNotStoredWhereTheIssuerMustBeAsked(t *testing.T) {
	strong := payment.NewPolicy(true, []payment.Rule{{Currency: "usd"}}, payment.ShippedEquivalents(), "DE", false)
	t.Run("inserted instead", func(t *testing.T) {
		b := newTapBench(t)
		b.settings.Policy = strong
		b.goOffline()
		p := b.create(2000, payment.PreferOnline)
		card := b.card("visa")
		b.must(b.field.Tap("card", card))
		b.whenShown(payment.FaceInsertCard, func() { b.insert("visa") })
		stored, err := b.process(p)
		b.must(err)
		if stored.State != store.Stored || stored.Card.ReadMethod != "contact_emv" {
			t.Errorf("%s, %+v", stored.State, stored.Card)
		}
		if n := len(card.State().Applications); n != 0 {
			t.Errorf("the tapped card was used: %+v", card.State())
		}
	})
	t.Run("the POS is told why", func(t *testing.T) {
		b := newTapBench(t, func(_ *bench, o *payment.Options) { o.CardTimeout = 5e8 })
		b.settings.Policy = strong
		b.goOffline()
		p := b.create(2000, payment.PreferOnline)
		b.tap("visa")
		_, err := b.process(p)
		if e := b.fails(err, payment.OfflineDeclined); e.Remedy != "insert the card" {
			t.Errorf("remedy %q", e.Remedy)
		}
	})
	t.Run("unless the configuration says so", func(t *testing.T) {
		b := newTapBench(t)
		b.settings.Policy = payment.NewPolicy(true, []payment.Rule{{Currency: "usd"}}, payment.ShippedEquivalents(), "DE", true)
		b.goOffline()
		p := b.create(2000, payment.PreferOnline)
		b.tap("visa")
		stored, err := b.process(p)
		b.must(err)
		if stored.Card.ReadMethod != "contactless_emv" {
			t.Errorf("%+v", stored.Card)
		}
	})
	t.Run("online it is taken", func(t *testing.T) {
		b := newTapBench(t)
		b.settings.Policy = strong
		p := b.create(2000, payment.PreferOnline)
		b.tap("visa")
		paid, err := b.process(p)
		b.must(err)
		if paid.State != store.Approved || paid.Card.ReadMethod != "contactless_emv" {
			t.Errorf("%s, %+v", paid.State, paid.Card)
		}
	})
}

// A tap whose card did not prove to be genuine is stored only where the configuration says so, and is told
// from others.
func TestUnauthenticatedTap(t *testing.T) {
	const unsigned = visaTap + "oda none\n"
	t.Run("is inserted instead", func(t *testing.T) {
		b := newTapBench(t)
		b.goOffline()
		p := b.create(2000, payment.PreferOnline)
		b.tap(unsigned)
		b.whenShown(payment.FaceInsertCard, func() { b.insert("visa") })
		stored, err := b.process(p)
		b.must(err)
		if stored.Card.ReadMethod != "contact_emv" || !stored.Card.Authenticated {
			t.Errorf("%+v", stored.Card)
		}
	})
	t.Run("is stored if configured", func(t *testing.T) {
		b := newTapBench(t)
		b.settings.Policy.Unauthenticated = true
		b.goOffline()
		p := b.create(2000, payment.PreferOnline)
		b.tap(unsigned)
		stored, err := b.process(p)
		b.must(err)
		if stored.State != store.Stored || stored.Card.Authenticated || stored.Card.ReadMethod != "contactless_emv" {
			t.Errorf("%s, %+v", stored.State, stored.Card)
		}
		if h := b.header(p); !h.CardUnauthenticated {
			t.Errorf("the platform is not told: %+v", h)
		}
		b.takeTapped()
		genuine := b.create(2000, payment.PreferOnline)
		b.tap("mastercard")
		_, err = b.process(genuine)
		b.must(err)
		if b.header(genuine).CardUnauthenticated {
			t.Error("a genuine card is marked")
		}
	})
	t.Run("a chip never is", func(t *testing.T) {
		b := newTapBench(t)
		b.settings.Policy.Unauthenticated = true
		b.goOffline()
		p := b.create(2000, payment.PreferOnline)
		b.insert("no-oda")
		_, err := b.process(p)
		b.fails(err, payment.OfflineDeclined)
	})
}

// A number that cannot belong to the brand whose application was used is nothing to store.
func TestWrongBrandIsNotStored(t *testing.T) {
	for _, tapped := range []bool{true, false} {
		b := newTapBench(t)
		b.goOffline()
		p := b.create(2000, payment.PreferOnline)
		const card = "application visa\npan 4761739001010010\noda none\n" +
			"replace 57 5555555555554444D45122010000000000\nreplace 5A 5555555555554444\n"
		if tapped {
			b.tap(card)
		} else {
			profile, err := emvtest.ParseProfile(strings.NewReader(card))
			b.must(err)
			b.must(b.tray.Insert("card", emvtest.NewCard(profile, nil)))
		}
		_, err := b.process(p)
		if e := b.fails(err, payment.OfflineDeclined); !strings.Contains(e.Message, "brand") {
			t.Errorf("%s", e.Message)
		}
	}
}

// A card that declines, and one whose signature is wrong, are never stored (EMV fact 37).
func TestTapThatMayNotBeStored(t *testing.T) {
	for card, code := range map[string]payment.Code{
		"tap-visa-declines":           payment.DeclinedByReader,
		"tap-mastercard-declines":     payment.CardNotSupported, // it is asked to be inserted
		"tap-mastercard-cda-hash":     payment.CardNotSupported,
		"tap-visa-fdda-forged-online": payment.OfflineDeclined, // asked to insert, and nobody does
		"tap-visa-unsigned":           payment.OfflineDeclined,
	} {
		t.Run(card, func(t *testing.T) {
			b := newTapBench(t, func(_ *bench, o *payment.Options) { o.CardTimeout = 5e8 })
			b.goOffline()
			p := b.create(2000, payment.PreferOnline)
			b.tap(card)
			_, err := b.process(p)
			b.fails(err, code)
			if got := b.state(p, store.Created); got.Sequence != 0 || b.saw(payment.FaceAccepted) || b.saw(payment.FaceApproved) {
				t.Error("accepted")
			}
		})
	}
}

// What one card may have stored is counted over taps and chip together.
func TestLimitPerCardCountsTaps(t *testing.T) {
	b := newTapBench(t)
	b.settings.Policy = policyOf(payment.Rule{Currency: "usd", Limit: payment.Limit{MaxPerCard: 2}})
	b.goOffline()
	for i := range 3 {
		p := b.create(1000, payment.PreferOnline)
		if i == 1 {
			b.insert("visa")
		} else {
			b.tap("visa")
		}
		_, err := b.process(p)
		switch {
		case i < 2:
			b.must(err)
		default:
			b.fails(err, payment.OfflineDeclined)
		}
		if i == 1 {
			b.take()
		} else {
			b.takeTapped()
		}
	}
}

func TestExplainTaps(t *testing.T) {
	b := newTapBench(t)
	stops := func(q payment.Question) bool {
		q.Currency, q.ReadMethod = "usd", "contactless_emv"
		for _, r := range b.machine.Explain(q).Rules {
			if r.Rule == "contactless" {
				return r.Stops
			}
		}
		t.Error("no rule about taps")
		return false
	}
	if stops(payment.Question{Amount: 2000, Brand: "visa"}) || stops(payment.Question{Amount: 2000}) {
		t.Error("a Visa card cannot be tapped")
	}
	if !stops(payment.Question{Amount: 2000, Brand: "amex"}) {
		t.Error("an American Express card can be tapped")
	}
	b.settings.Tap = nil
	if !stops(payment.Question{Amount: 2000, Brand: "visa"}) {
		t.Error("taps although there are none")
	}
}

// A limit for taps alone does not hold for the same card's chip.
func TestLimitOfTapsLeadsToTheChip(t *testing.T) {
	b := newTapBench(t)
	b.settings.Policy = policyOf(payment.Rule{Currency: "usd"}, payment.Rule{Currency: "usd", EntryMode: "contactless_emv", Limit: payment.Limit{MaxAmount: 1000}})
	b.goOffline()
	p := b.create(2000, payment.PreferOnline)
	b.tap("visa")
	b.whenShown(payment.FaceInsertCard, func() { b.insert("visa") })
	stored, err := b.process(p)
	b.must(err)
	if stored.Card.ReadMethod != "contact_emv" {
		t.Errorf("%+v", stored.Card)
	}
}
