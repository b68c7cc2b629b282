package main

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"smartreader/build/bench"
	"smartreader/build/story"
	"smartreader/lan/client"
	"smartreader/lan/wire"
)

// tapping is a payment under way.
type tapping struct {
	d    *desk
	done chan struct{}
	paid wire.PaymentIntent
	err  error
}

// begin asks for a card in the background.
func (d *desk) begin(amount int64) *tapping {
	d.t.Helper()
	conn := d.pos.Conn()
	created, err := conn.CreatePaymentIntent(d.t.Context(), wire.CreatePaymentIntentParams{RequestID: client.NewRequestID(), Amount: amount, Currency: "usd"})
	d.must(err)
	d.pos.Look(func(b *story.Books) { b.Shown = nil })
	p := &tapping{d: d, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		for {
			p.paid, p.err = conn.ProcessPaymentIntent(d.t.Context(), wire.ProcessPaymentIntentParams{RequestID: client.NewRequestID(), PaymentIntent: wire.IntentRef{LocalID: created.LocalID}})
			if !errors.Is(p.err, wire.CodeReaderBusy) && !errors.Is(p.err, wire.CodeCardLeftInReader) {
				return
			}
		}
	}()
	return p
}

// told waits until the POS is told what the cardholder is asked to do.
func (p *tapping) told(message string) {
	p.d.t.Helper()
	p.d.await(message, func(b *story.Books) bool { return slices.Contains(b.Shown, message) })
}

// approved waits for the outcome, which must be an approval.
func (p *tapping) approved(read string) wire.PaymentIntent {
	p.d.t.Helper()
	<-p.done
	if p.err != nil || p.paid.Status != wire.StatusSucceeded || p.paid.OfflineDetails != nil || p.paid.PaymentMethod.CardPresent.ReadMethod != read {
		p.d.t.Errorf("ended as %+v, %v; want it approved, read by %s", p.paid, p.err, read)
	}
	return p.paid
}

// Everything a cardholder does with a tap, as far as a POS can see it, by the
// commands of the command line.
func TestTaps(t *testing.T) {
	d := newDesk(t)
	sub := func(name string, run func(d *desk)) { t.Run(name, func(t *testing.T) { run(d.in(t)) }) }
	for _, c := range []struct{ name, brand, last4 string }{
		{"4242424242424242", "visa", "4242"}, {"mastercard_debit", "mastercard", "8210"}, {"visa-debit", "visa", "5556"},
	} {
		sub(c.name+" before it is asked for", func(d *desk) {
			d.command("card", "tap", c.name)
			p := d.begin(1100).approved(wire.ReadContactlessEMV)
			if card := p.PaymentMethod.CardPresent; card.Brand != c.brand || card.Last4 != c.last4 {
				d.t.Errorf("%+v", card)
			}
		})
	}
	sub("a phone", func(d *desk) {
		p := d.begin(6000)
		d.command("card", "tap", "tap-mastercard-phone")
		p.approved(wire.ReadContactlessEMV)
	})
	sub("a phone that is locked", func(d *desk) {
		d.command("card", "tap", "tap-mastercard-phone-locked")
		p := d.begin(1200)
		p.told(wire.DisplayCheckMobileDevice)
		d.command("card", "tap", "tap-mastercard-phone-locked")
		p.approved(wire.ReadContactlessEMV)
	})
	sub("two cards", func(d *desk) {
		d.command("card", "tap", "visa", "mastercard")
		p := d.begin(1300)
		p.told(wire.DisplayMultipleCards)
		d.command("card", "tap", "mastercard")
		if p := p.approved(wire.ReadContactlessEMV); p.PaymentMethod.CardPresent.Brand != "mastercard" {
			d.t.Errorf("paid with %s", p.PaymentMethod.CardPresent.Brand)
		}
	})
	sub("taken away too early", func(d *desk) {
		d.command("card", "tap", "tap-visa-torn-read-record")
		p := d.begin(1400)
		p.told(wire.DisplayRemovedTooEarly)
		d.command("card", "tap", "tap-visa-torn-read-record")
		p.approved(wire.ReadContactlessEMV)
	})
	sub("left on the antenna by the last customer", func(d *desk) {
		d.command("card", "hold", "visa")
		p := d.begin(2500)
		d.command("card", "tap", "mastercard") // the hand takes the other one away
		if p := p.approved(wire.ReadContactlessEMV); p.PaymentMethod.CardPresent.Brand != "mastercard" {
			d.t.Errorf("paid with %s", p.PaymentMethod.CardPresent.Brand)
		}
	})
	sub("taken away by hand, in the middle", func(d *desk) {
		p := d.begin(2600)
		d.signals("ready for a card", func(s bench.Signals) bool {
			return len(s.Last) > 0 && slices.Equal(s.Last[len(s.Last)-1].Lights, []int{1})
		})
		d.command("card", "hold", "visa", "5s")
		d.signals("reading", func(s bench.Signals) bool { return slices.Contains(s.Lights, 2) })
		d.command("card", "take")
		p.told(wire.DisplayRemovedTooEarly)
		d.command("card", "tap", "visa")
		p.approved(wire.ReadContactlessEMV)
		d.signals("read", func(s bench.Signals) bool {
			return slices.ContainsFunc(s.Last, func(l bench.Signal) bool { return l.Tone == "success" && len(l.Lights) == 4 })
		})
	})
	sub("a brand without a kernel", func(d *desk) {
		d.command("card", "tap", "amex")
		p := d.begin(1500)
		p.told(wire.DisplayInsertCard)
		d.command("card", "insert", "amex")
		p.approved(wire.ReadContactEMV)
		d.command("card", "remove")
	})
	sub("over the CVM limit, with an online PIN", func(d *desk) {
		d.command("card", "tap", "mastercard")
		p := d.begin(6100).approved(wire.ReadContactlessEMV)
		if cvm := p.PaymentMethod.CardPresent.ReceiptDetails.CardholderVerificationMethod; cvm != "online_pin" {
			d.t.Errorf("verified by %s", cvm)
		}
	})
	sub("the issuer wants the card inserted", func(d *desk) {
		d.command("card", "tap", "visa")
		p := d.begin(1602) // a signature would not do, so another card of the same cardholder
		p.told(wire.DisplayInsertCard)
		d.command("card", "insert", "4001007020000002")
		p.approved(wire.ReadContactEMV)
		d.command("card", "remove")
	})
	sub("the issuer wants a PIN", func(d *desk) {
		d.command("card", "tap", "visa")
		d.begin(1703).approved(wire.ReadContactlessEMV)
	})
	sub("offline_pin_sca_retry", func(d *desk) {
		d.command("card", "tap", "4000008260000075")
		p := d.begin(1800)
		p.told(wire.DisplayInsertCard)
		d.command("card", "insert", "4000008260000075")
		p.approved(wire.ReadContactEMV)
		d.command("card", "remove")
	})
	sub("online_pin_sca_retry", func(d *desk) {
		d.command("card", "tap", "4000002760000008")
		p := d.begin(1900).approved(wire.ReadContactlessEMV)
		if p.Amount != 1900 {
			d.t.Errorf("paid %d", p.Amount)
		}
	})
	status := d.platformStatus()
	if got := status.Totals; got.Approved.Count != 15 || got.Declined.ByCurrency["usd"] != 1602+1703+1800+1900 || got.Duplicates != 0 || got.Failed != 0 || len(status.Gaps) != 0 {
		t.Errorf("%+v, gaps %v", got, status.Gaps)
	}
}

// signals waits until the reader's lights and tones are as wanted.
func (d *desk) signals(what string, ok func(bench.Signals) bool) {
	d.t.Helper()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for late := time.After(time.Minute); ; {
		var status bench.Status
		d.must(bench.Client{Base: d.at.Control}.Do(d.t.Context(), http.MethodGet, "status", nil, &status))
		if status.Signals == nil {
			d.t.Fatal("the status has no signals")
		}
		if ok(*status.Signals) {
			return
		}
		select {
		case <-again.C:
		case <-late:
			d.t.Fatalf("%s: %+v", what, *status.Signals)
		}
	}
}

// What becomes of taps offline is the configuration's to say, and what is stored of
// them is charged once.
func TestTapsOffline(t *testing.T) {
	d := newDesk(t)
	set := func(settings map[string]any) {
		t.Helper()
		d.must(bench.Client{Base: d.at.Control}.Do(t.Context(), http.MethodPut, "platform/offline", settings, nil))
		_, err := d.pos.Connect(t.Context(), d.at) // the reader reads its configuration
		d.must(err)
	}
	forged := "tap-visa-fdda-hash"
	store := func(amount int64, card string) wire.PaymentIntent {
		t.Helper()
		d.command("card", "tap", card)
		p := d.begin(amount)
		<-p.done
		if p.err != nil || p.paid.OfflineDetails == nil || p.paid.OfflineDetails.CardPresentDetails.ReadMethod != wire.ReadContactlessEMV {
			t.Fatalf("%s was not stored: %+v, %v", card, p.paid, p.err)
		}
		return p.paid
	}
	inserted := func(amount int64, tapped, card string) {
		t.Helper()
		d.command("card", "tap", tapped)
		p := d.begin(amount)
		p.told(wire.DisplayInsertCard)
		d.command("card", "insert", card)
		<-p.done
		d.command("card", "remove")
		if p.err != nil || p.paid.OfflineDetails == nil || p.paid.OfflineDetails.CardPresentDetails.ReadMethod != wire.ReadContactEMV {
			t.Fatalf("%s, then %s inserted: %+v, %v", tapped, card, p.paid, p.err)
		}
	}
	d.mode(wire.SimulatedOfflineImmediate)
	d.network(wire.NetworkOffline)
	if p := store(2000, "visa"); p.OfflineDetails.CardUnauthenticated {
		t.Errorf("a genuine card is doubted: %+v", p.OfflineDetails)
	}
	store(2100, "mastercard")
	inserted(2200, forged, "visa-debit")
	d.mode(wire.SimulatedOnline)
	d.await("forwarded", func(b *story.Books) bool { return len(b.Told) == 3 && b.Status.Reader.OfflinePaymentsCount == 0 })
	d.totals(3, 6300)

	set(map[string]any{"contactlessUnauthenticated": true})
	d.mode(wire.SimulatedOfflineImmediate)
	d.network(wire.NetworkOffline)
	if p := store(2300, forged); !p.OfflineDetails.CardUnauthenticated {
		t.Errorf("what its card did not prove is not told: %+v", p.OfflineDetails)
	}
	d.mode(wire.SimulatedOnline)
	d.network(wire.NetworkOnline)

	// Another country's rules, without another shop.
	set(map[string]any{"country": "DE"})
	d.mode(wire.SimulatedOfflineImmediate)
	d.network(wire.NetworkOffline)
	inserted(2350, "visa", "visa-debit")
	d.mode(wire.SimulatedOnline)
	d.network(wire.NetworkOnline)
	set(map[string]any{"country": "DE", "contactlessSca": true})
	d.mode(wire.SimulatedOfflineImmediate)
	d.network(wire.NetworkOffline)
	store(2360, "visa")
	d.mode(wire.SimulatedOnline)
	d.await("forwarded", func(b *story.Books) bool { return len(b.Told) == 6 && b.Status.Reader.OfflinePaymentsCount == 0 })

	set(map[string]any{"contactless": false})
	d.command("card", "tap", "visa")
	p := d.begin(2400)
	d.command("card", "insert", "visa-debit")
	p.approved(wire.ReadContactEMV)
	d.command("card", "remove")
	d.command("card", "take")
	var charges struct {
		Data []struct {
			Amount  int64
			Details struct {
				Card struct {
					ReadMethod string `json:"read_method"`
					Offline    *struct {
						Unauthenticated bool `json:"card_unauthenticated"`
					}
				} `json:"card_present"`
			} `json:"payment_method_details"`
		}
	}
	d.backend(http.MethodGet, "/v1/charges?limit=100", "", &charges)
	seen := map[int64]string{}
	for _, c := range charges.Data {
		seen[c.Amount] = c.Details.Card.ReadMethod
		if o := c.Details.Card.Offline; o != nil && o.Unauthenticated != (c.Amount == 2300) {
			t.Errorf("%d: marked unauthenticated: %v", c.Amount, o.Unauthenticated)
		}
	}
	want := map[int64]string{2000: wire.ReadContactlessEMV, 2100: wire.ReadContactlessEMV, 2200: wire.ReadContactEMV, 2300: wire.ReadContactlessEMV, 2350: wire.ReadContactEMV, 2360: wire.ReadContactlessEMV, 2400: wire.ReadContactEMV}
	if len(charges.Data) != len(want) || !maps.Equal(seen, want) {
		t.Errorf("charged %v, want %v", seen, want)
	}
}
