package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"smartreader/build/story"
	"smartreader/lan/wire"
)

// numbered is what Stripe's documentation of simulated readers ("Simulated test
// cards") has to say about a card number. Where this reader differs, the
// comment says so.
type numbered struct {
	number, brand, funding string
	cvm, cvmOffline        string    // as on the receipt; cvmOffline: where it is another one offline
	decline                string    // of the issuer
	offline                wire.Code // of the reader
}

// signed is how most cards want their cardholder verified.
const signed = "signature"

var numbers = []numbered{
	{number: "4242424242424242", brand: "visa", funding: "credit", cvm: signed},
	{number: "4000056655665556", brand: "visa", funding: "debit", cvm: signed},
	{number: "5555555555554444", brand: "mastercard", funding: "credit", cvm: signed},
	{number: "5200828282828210", brand: "mastercard", funding: "debit", cvm: signed},
	{number: "5105105105105100", brand: "mastercard", funding: "prepaid", cvm: signed},
	{number: "378282246310005", brand: "amex", funding: "credit", cvm: signed},
	{number: "371449635398431", brand: "amex", funding: "credit", cvm: signed},
	{number: "6011111111111117", brand: "discover", funding: "credit", cvm: signed},
	{number: "6011000990139424", brand: "discover", funding: "credit", cvm: signed},
	{number: "3056930009020004", brand: "diners", funding: "credit", cvm: signed},
	{number: "36227206271667", brand: "diners", funding: "credit", cvm: signed},
	{number: "3566002020360505", brand: "jcb", funding: "credit", cvm: signed},
	{number: "6200000000000005", brand: "unionpay", funding: "credit", cvm: signed},
	{number: "4506445006931933", brand: "interac", funding: "debit", cvm: "online_pin", offline: wire.CodeInteracOffline},
	// Of eftpos alone nothing may be stored; the next two have an international brand as well.
	{number: "6280000360000978", brand: "eftpos_au", funding: "debit", cvm: signed, offline: wire.CodeCardNotSupported},
	{number: "4000050360000001", brand: "visa", funding: "debit", cvm: signed},
	{number: "5555050360000080", brand: "mastercard", funding: "debit", cvm: signed},

	{number: "4001007020000002", brand: "visa", funding: "credit", cvm: "offline_pin"},
	{number: "4000008260000075", brand: "visa", funding: "credit", cvm: "offline_pin"},
	{number: "4001000360000005", brand: "visa", funding: "credit", cvm: "online_pin", offline: wire.CodeOnlinePINOffline},
	// Inserted without internet this one takes an offline PIN.
	{number: "4000002760000008", brand: "visa", funding: "credit", cvm: "online_pin", cvmOffline: "offline_pin"},

	{number: "4000000000000002", brand: "visa", funding: "credit", cvm: signed, decline: "generic_decline"},
	{number: "4000000000009995", brand: "visa", funding: "credit", cvm: signed, decline: "insufficient_funds"},
	{number: "4000000000009987", brand: "visa", funding: "credit", cvm: signed, decline: "lost_card"},
	{number: "4000000000009979", brand: "visa", funding: "credit", cvm: signed, decline: "stolen_card"},
	{number: "4000000000000069", brand: "visa", funding: "credit", cvm: signed, decline: "expired_card"},
	{number: "4000000000000119", brand: "visa", funding: "credit", cvm: signed, decline: "processing_error"},
	{number: "4000000000005126", brand: "visa", funding: "credit", cvm: signed},
}

func (n numbered) last4() string { return n.number[len(n.number)-4:] }

// Every simulated card of Stripe's documentation, by its number, through the
// whole of it: what a till is told online, and offline and then when the
// payment is forwarded, and what the shop's backend finds.
func TestCardsByNumber(t *testing.T) {
	d := newDesk(t)
	for i, n := range numbers {
		t.Run(n.number+" online", func(t *testing.T) { d.in(t).online(n, int64(1000+100*i)) })
	}
	d.mode(wire.SimulatedOfflineImmediate)
	d.network(wire.NetworkOffline)
	waiting := map[string]numbered{} // by localId
	for i, n := range numbers {
		t.Run(n.number+" offline", func(t *testing.T) {
			if p := d.in(t).offline(n, int64(5000+100*i)); p != nil {
				waiting[p.LocalID] = n
			}
		})
	}
	d.mode(wire.SimulatedOnline)
	d.await("forwarded", func(b *story.Books) bool {
		return len(b.Told) == len(waiting) && b.Status.Reader.OfflinePaymentsCount == 0
	})
	for localID, n := range waiting {
		t.Run(n.number+" forwarded", func(t *testing.T) { d.in(t).forwarded(n, localID) })
	}
	if t.Failed() {
		return
	}
	status := d.platformStatus()
	if got := status.Totals; got.Duplicates != 0 || got.Failed != 0 || got.Reversed.Count != 0 || len(status.Gaps) != 0 {
		t.Errorf("%+v, gaps %v", got, status.Gaps)
	}
}

// online pays with the card that presents itself by number.
func (d *desk) online(n numbered, amount int64) {
	d.t.Helper()
	d.number(n.number)
	p, err := d.pay(amount, wire.PreferOnline)
	if n.decline != "" {
		d.declined(err, n)
		return
	}
	d.must(err)
	if p.OfflineDetails != nil || p.Status != wire.StatusSucceeded || p.ID == nil || p.PaymentMethod == nil || len(p.Charges) != 1 {
		d.t.Fatalf("not paid: %+v", p)
	}
	d.isCard(n, p.PaymentMethod.CardPresent, n.cvm)
	d.charge(n, *p.ID, false, n.cvm)
}

// offline stores a payment, or is refused.
func (d *desk) offline(n numbered, amount int64) *wire.PaymentIntent {
	d.t.Helper()
	d.number(n.number)
	p, err := d.pay(amount, wire.PreferOnline)
	if n.offline != "" {
		if !errors.Is(err, n.offline) {
			d.t.Errorf("got %v, want %s", err, n.offline)
		}
		return nil
	}
	d.must(err)
	if o := p.OfflineDetails; o == nil || o.State != wire.OfflineStored || !o.RequiresUpload || p.Status != wire.StatusSucceeded || p.ID != nil {
		d.t.Fatalf("not stored: %+v", p)
	}
	d.isCard(n, p.OfflineDetails.CardPresentDetails, cmp.Or(n.cvmOffline, n.cvm))
	return &p
}

// forwarded checks what became of a stored payment.
func (d *desk) forwarded(n numbered, localID string) {
	d.t.Helper()
	var p wire.PaymentIntent
	var reason *wire.Error
	d.pos.Look(func(b *story.Books) { p, reason = b.Payments[localID], b.Reasons[localID] })
	if p.OfflineDetails == nil || p.ID == nil || p.OfflineDetails.RequiresUpload {
		d.t.Fatalf("not forwarded: %+v", p)
	}
	d.charge(n, *p.ID, true, cmp.Or(n.cvmOffline, n.cvm))
	if n.decline == "" {
		if reason != nil || p.OfflineDetails.State != wire.OfflineForwarded || p.Status != wire.StatusSucceeded || len(p.Charges) != 1 {
			d.t.Errorf("ended as %+v, %v", p, reason)
		}
		return
	}
	if p.OfflineDetails.State != wire.OfflineDeclined || p.Status != wire.StatusRequiresPaymentMethod {
		d.t.Errorf("ended as %+v", p)
	}
	d.declined(reason, n)
}

// declined checks the error of a payment that the issuer declined.
func (d *desk) declined(err error, n numbered) {
	d.t.Helper()
	var refused *wire.Error
	if !errors.As(err, &refused) || refused.Code != wire.CodeDeclined || refused.NativeErrorCode != 6000 || refused.DeclineCode != n.decline {
		d.t.Errorf("got %+v, want a decline with %s", err, n.decline)
	}
}

func (d *desk) isCard(n numbered, c *wire.CardPresentDetails, cvm string) {
	d.t.Helper()
	if c == nil || c.ReceiptDetails == nil {
		d.t.Fatalf("no card: %+v", c)
	}
	if c.Brand != n.brand || c.Last4 != n.last4() || c.ReadMethod != wire.ReadContactEMV || c.ReceiptDetails.CardholderVerificationMethod != cvm {
		d.t.Errorf("%s ending in %s, verified by %s, want %+v", c.Brand, c.Last4, c.ReceiptDetails.CardholderVerificationMethod, n)
	}
}

// charge checks what the shop's backend finds at the platform.
func (d *desk) charge(n numbered, intent string, offline bool, cvm string) {
	d.t.Helper()
	var got struct {
		Status string
		Charge struct {
			Status  string
			Details struct {
				Card struct {
					Brand, Last4, Funding string
					Offline               *struct{ Type string }
					Receipt               struct {
						CVM string `json:"cardholder_verification_method"`
					}
				} `json:"card_present"`
			} `json:"payment_method_details"`
		} `json:"latest_charge"`
		LastError *struct {
			DeclineCode string `json:"decline_code"`
		} `json:"last_payment_error"`
	}
	d.backend(http.MethodGet, "/v1/payment_intents/"+intent+"?expand[]=latest_charge", "", &got)
	card := got.Charge.Details.Card
	if card.Brand != n.brand || card.Last4 != n.last4() || card.Funding != n.funding || card.Receipt.CVM != cvm {
		d.t.Errorf("at the platform: %+v, want %+v", card, n)
	}
	if (card.Offline != nil) != offline || offline && card.Offline.Type != "deferred" {
		d.t.Errorf("offline: %+v", card.Offline)
	}
	want := "succeeded/succeeded/"
	if n.decline != "" {
		want = "requires_payment_method/failed/" + n.decline
	}
	code := ""
	if got.LastError != nil {
		code = got.LastError.DeclineCode
	}
	if is := got.Status + "/" + got.Charge.Status + "/" + code; is != want {
		d.t.Errorf("at the platform %s, want %s", is, want)
	}
}

// Amounts decline by their ending, as with the physical test card, when the
// card is inserted: online at once, offline when the payment is forwarded.
func TestAmountEndingsByChip(t *testing.T) {
	const signs, entersPIN = "4242424242424242", "4001007020000002"
	d := newDesk(t)
	type ending struct {
		card    string
		cents   int64
		decline string
	}
	endings := []ending{
		{signs, 0, ""}, {signs, 1, "call_issuer"}, {signs, 2, "offline_pin_required"}, {entersPIN, 2, ""},
		{signs, 3, "online_or_offline_pin_required"}, {entersPIN, 3, ""}, {signs, 5, "generic_decline"},
		{signs, 55, "incorrect_pin"}, {entersPIN, 55, "incorrect_pin"}, {signs, 65, "withdrawal_count_limit_exceeded"},
		{signs, 75, "pin_try_exceeded"}, {entersPIN, 75, "pin_try_exceeded"}, {signs, 4, ""}, {signs, 99, ""},
	}
	name := func(e ending) string { return fmt.Sprintf(".%02d of %s", e.cents, e.card) }
	for _, e := range endings {
		d.number(e.card)
		_, err := d.pay(1200+e.cents, wire.PreferOnline)
		if e.decline == "" && err != nil {
			t.Errorf("%s online: %v", name(e), err)
		}
		if e.decline != "" {
			d.declined(err, numbered{decline: e.decline})
		}
	}
	d.mode(wire.SimulatedOfflineImmediate)
	d.network(wire.NetworkOffline)
	waiting := map[string]ending{}
	for _, e := range endings {
		d.number(e.card)
		p, err := d.pay(2300+e.cents, wire.PreferOnline)
		if err != nil || p.OfflineDetails == nil {
			t.Fatalf("%s offline: %+v, %v", name(e), p, err)
		}
		waiting[p.LocalID] = e
	}
	d.mode(wire.SimulatedOnline)
	d.await("forwarded", func(b *story.Books) bool { return len(b.Told) == len(waiting) })
	d.pos.Look(func(b *story.Books) {
		for id, e := range waiting {
			switch reason := b.Reasons[id]; {
			case e.decline != "":
				d.declined(reason, numbered{decline: e.decline})
			case reason != nil:
				t.Errorf("%s forwarded: %v", name(e), reason)
			}
		}
	})
}

// The card whose refund fails: charged like any other, also offline; the refund
// is there at first.
func TestCardWhoseRefundFails(t *testing.T) {
	d := newDesk(t)
	d.number("4000000000005126")
	d.stored(4200, wire.ForceOffline)
	d.await("forwarded", func(b *story.Books) bool { return len(b.Told) == 1 })
	var intent string
	d.pos.Look(func(b *story.Books) {
		for id := range b.Told {
			intent = *b.Payments[id].ID
		}
	})
	var refund struct {
		ID, Status string
		Reason     string `json:"failure_reason"`
	}
	d.backend(http.MethodPost, "/v1/refunds", "payment_intent="+intent, &refund)
	if refund.Status != "succeeded" {
		t.Errorf("at first: %+v", refund)
	}
	d.command("fault", "clock", "24h")
	d.backend(http.MethodGet, "/v1/refunds/"+refund.ID, "", &refund)
	if refund.Status != "failed" || refund.Reason != "expired_or_canceled_card" {
		t.Errorf("a day later: %+v", refund)
	}
}

// backend asks the platform as a shop's backend does.
func (d *desk) backend(method, path, form string, into any) {
	d.t.Helper()
	request, err := http.NewRequestWithContext(d.t.Context(), method, d.at.Public+path, strings.NewReader(form))
	d.must(err)
	request.SetBasicAuth(d.at.APIKey, "")
	if form != "" {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := http.DefaultClient.Do(request)
	d.must(err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	d.must(err)
	if response.StatusCode != http.StatusOK {
		d.t.Fatalf("%s %s: %s %s", method, path, response.Status, body)
	}
	d.must(json.Unmarshal(body, into))
}
