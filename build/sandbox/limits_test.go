package sandbox

import (
	"fmt"
	"strings"
	"testing"

	"smartreader/firmware/platform"
	"smartreader/lan/wire"
	"smartreader/store/seal"
)

// alphabets are characters of every length, in UTF-8 and in JSON: a limit that
// is counted in one unit here and in another one there shows with one of them.
var alphabets = map[string]string{
	"letters":          "a",
	"umlauts":          "ü",
	"emoji":            "😀",
	"escaped for HTML": "<",
	"escaped controls": "\x01",
	"quotes":           `"`,
}

// fullest are the largest payments made of one character that the LAN
// protocol accepts: the description goes first in one, metadata in the other.
func fullest(t *testing.T, char string) map[string]*wire.CreatePaymentIntentParams {
	t.Helper()
	describe := func(p *wire.CreatePaymentIntentParams) {
		grow(p, wire.MaxDescription, func(n int) { p.Description = strings.Repeat(char, n) })
	}
	annotate := func(p *wire.CreatePaymentIntentParams) {
		p.Metadata = map[string]string{}
		for i := range wire.MaxMetadataKeys {
			key := fmt.Sprintf("%02d", i)
			room := wire.MaxMetadataKey - len(key)
			if key += strings.Repeat(char, room); !fits(p, func() { p.Metadata[key] = "" }) {
				delete(p.Metadata, key)
				break
			}
			grow(p, wire.MaxMetadataValue, func(n int) { p.Metadata[key] = strings.Repeat(char, n) })
		}
	}
	build := func(parts ...func(*wire.CreatePaymentIntentParams)) *wire.CreatePaymentIntentParams {
		p := &wire.CreatePaymentIntentParams{
			RequestID: "r", IdempotencyKey: strings.Repeat("<", wire.MaxKey), Amount: wire.MaxAmount, Currency: "usd",
			CaptureMethod: wire.CaptureAutomatic,
		}
		for _, part := range parts {
			part(p)
		}
		if err := p.Validate(); err != nil || p.Description == "" || len(p.Metadata) == 0 {
			t.Fatalf("not a full payment: %v", err)
		}
		return p
	}
	return map[string]*wire.CreatePaymentIntentParams{
		"description first": build(describe, annotate),
		"metadata first":    build(annotate, describe),
	}
}

func fits(p *wire.CreatePaymentIntentParams, change func()) bool {
	change()
	return p.Validate() == nil
}

// grow sets the largest length up to limit that the protocol accepts.
func grow(p *wire.CreatePaymentIntentParams, limit int, set func(int)) {
	low, high := 0, limit
	for low < high {
		n := (low + high + 1) / 2
		if fits(p, func() { set(n) }) {
			low = n
		} else {
			high = n - 1
		}
	}
	set(low)
}

// TestEveryLANMaximumIsSealedAndForwarded: what the POS protocol accepts, the
// envelope must hold and the platform must charge. Otherwise a payment that the
// cardholder saw accepted could never be forwarded.
func TestEveryLANMaximumIsSealedAndForwarded(t *testing.T) {
	p := openShop(t)
	for name, char := range alphabets {
		for order, full := range fullest(t, char) {
			t.Run(name+", "+order, func(t *testing.T) {
				y := p.pay("visa", full.Amount)
				// Everything else in the header at its longest, too.
				h := &y.header
				h.LocalID = fmt.Sprintf("pl_%032d", h.Sequence)
				h.Key = fmt.Sprint(h.Sequence) + full.IdempotencyKey[len(fmt.Sprint(h.Sequence)):]
				h.Description, h.Metadata = full.Description, full.Metadata
				h.ClockSet, h.Offline = true, true
				h.CardBrand, h.CardLast4 = strings.Repeat("b", 32), "4242"

				encoded, err := h.Bytes()
				if err != nil {
					t.Fatal(err)
				}
				if len(encoded)+wire.MaxKey > seal.MaxHeader { // an intent id may come on top
					t.Fatalf("the header has %d bytes of %d", len(encoded), seal.MaxHeader)
				}
				v, err := p.client.SubmitOffline(t.Context(), y.sealed())
				if err != nil || v.Status != platform.StatusApproved {
					t.Fatalf("%+v, %v", v, err)
				}
				o, err := p.client.RetrievePaymentIntent(t.Context(), v.Intent.ID)
				if err != nil || o.Description != full.Description || len(o.Metadata) != len(full.Metadata) {
					t.Errorf("the words about it are lost: %+v, %v", o, err)
				}
			})
		}
	}
}

// TestEveryLANMaximumIsCreatedOnline: the online way accepts the same.
func TestEveryLANMaximumIsCreatedOnline(t *testing.T) {
	p := openShop(t)
	for name, char := range alphabets {
		for order, full := range fullest(t, char) {
			key := fmt.Sprintf("%x %s", char, order)
			_, err := p.client.CreatePaymentIntent(t.Context(), platform.CreatePaymentIntent{
				Key: key, LocalID: key, Amount: full.Amount, Currency: full.Currency, CaptureMethod: full.CaptureMethod,
				Description: full.Description, Metadata: full.Metadata,
			})
			if err != nil {
				t.Errorf("%s, %s: %v", name, order, err)
			}
		}
	}
}

// TestWordsDoNotFailADeferredPayment: a reader with other limits than the
// platform's must not lose the money of a payment that was taken.
func TestWordsDoNotFailADeferredPayment(t *testing.T) {
	p := openShop(t)
	for name, alter := range map[string]func(*seal.Header){
		"description":    func(h *seal.Header) { h.Description = strings.Repeat("x", 1001) },
		"metadata key":   func(h *seal.Header) { h.Metadata = map[string]string{strings.Repeat("k", 41): "v", "": "v"} },
		"metadata value": func(h *seal.Header) { h.Metadata = map[string]string{"k": strings.Repeat("v", 501)} },
		"metadata keys": func(h *seal.Header) {
			h.Metadata = map[string]string{}
			for i := range 51 {
				h.Metadata[fmt.Sprint(i)] = "v"
			}
		},
	} {
		y := p.pay("visa", 100)
		alter(&y.header)
		y.header.Offline = true
		v := y.forward()
		if v.Status != platform.StatusApproved || v.Intent.Description != y.header.Description || len(v.Intent.Metadata) != len(y.header.Metadata) {
			t.Errorf("%s: %+v", name, v)
		}
	}
}
