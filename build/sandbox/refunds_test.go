package sandbox

import (
	"net/http"
	"testing"

	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/tlv"
	"smartreader/firmware/platform"
)

func TestRefunds(t *testing.T) {
	p := openShop(t)
	y := p.pay("visa", 1250)
	v := y.authorize()
	part := p.must("POST", "/v1/refunds", "charge="+v.ChargeID+"&amount=250&reason=duplicate&metadata[a]=b", "Idempotency-Key", "k")
	if part["object"] != "refund" || part["status"] != "succeeded" || part["amount"] != 250.0 || part["payment_intent"] != v.Intent.ID || part["metadata"].(fields)["a"] != "b" {
		t.Errorf("%v", part)
	}
	if again := p.must("POST", "/v1/refunds", "charge="+v.ChargeID+"&amount=250&reason=duplicate&metadata[a]=b", "Idempotency-Key", "k"); again["id"] != part["id"] {
		t.Errorf("%v", again)
	}
	c := p.must("GET", "/v1/charges/"+v.ChargeID, "")
	if c["amount_refunded"] != 250.0 || c["refunded"] != false {
		t.Errorf("%v", c)
	}
	if status, out := p.ask("POST", "/v1/refunds", "charge="+v.ChargeID+"&amount=1001"); status != 400 || errorOf(out)["param"] != "amount" {
		t.Errorf("%d %v", status, out)
	}
	p.restart()
	rest := p.must("POST", "/v1/refunds", "payment_intent="+v.Intent.ID)
	if rest["amount"] != 1000.0 || rest["charge"] != v.ChargeID {
		t.Errorf("%v", rest)
	}
	if c := p.must("GET", "/v1/charges/"+v.ChargeID, ""); c["amount_refunded"] != 1250.0 || c["refunded"] != true {
		t.Errorf("%v", c)
	}
	if status, out := p.ask("POST", "/v1/refunds", "charge="+v.ChargeID); status != 400 || errorOf(out)["code"] != "charge_already_refunded" {
		t.Errorf("%d %v", status, out)
	}
	// To the reader it was charged all the same: once, and never again.
	if v := y.again("visa").authorize(); v.Code != platform.CodeAlreadyCharged {
		t.Errorf("%+v", v)
	}
	if list := p.must("GET", "/v1/refunds?charge="+v.ChargeID, "")["data"].([]any); len(list) != 2 || list[0].(fields)["id"] != rest["id"] {
		t.Errorf("%v", list)
	}
	p.wantTotals(usd(1, 1250), usd(0, 0), usd(0, 0))
	if got := p.s.Totals().Refunds; got.Count != 2 || got.ByCurrency["usd"] != 1250 {
		t.Errorf("%+v", got)
	}
	// A reversal after it gives back nothing twice.
	if r := y.reverse(); r.Outcome != platform.ReversalRefunded {
		t.Errorf("%+v", r)
	}
	if c := p.must("GET", "/v1/charges/"+v.ChargeID, ""); c["amount_refunded"] != 1250.0 {
		t.Errorf("%v", c["amount_refunded"])
	}
	p.wantTotals(usd(0, 0), usd(0, 0), usd(1, 1250))
}

func TestRefundRefusals(t *testing.T) {
	p := openShop(t)
	held := p.pay("visa", 900)
	held.header.CaptureMethod = "manual"
	uncaptured := held.authorize()
	declined := p.pay("declined-generic", 900).authorize()
	reversed := p.pay("visa", 700)
	gone := reversed.authorize()
	reversed.reverse()
	fresh := p.must("POST", "/v1/payment_intents", "amount=500&currency=usd")["id"].(string)
	for name, form := range map[string]string{
		"nothing named":     "amount=5",
		"unknown charge":    "charge=ch_x",
		"unknown intent":    "payment_intent=pi_x",
		"never charged":     "payment_intent=" + fresh,
		"not captured":      "charge=" + uncaptured.ChargeID,
		"intent to capture": "payment_intent=" + uncaptured.Intent.ID,
		"declined":          "charge=" + declined.ChargeID,
		"reversed":          "charge=" + gone.ChargeID,
		"both, not fitting": "charge=" + declined.ChargeID + "&payment_intent=" + uncaptured.Intent.ID,
		"unknown parameter": "charge=" + gone.ChargeID + "&amout=5",
	} {
		if status, out := p.ask("POST", "/v1/refunds", form); status != http.StatusBadRequest {
			t.Errorf("%s: %d %v", name, status, out)
		}
	}
	if status, _ := p.ask("GET", "/v1/refunds/re_x", ""); status != http.StatusNotFound {
		t.Errorf("%d", status)
	}
}

// TestRefundFails: the charge succeeds, its refund too at first, then the
// issuer gives the money back.
func TestRefundFails(t *testing.T) {
	p := openShop(t)
	v := p.pay("refund-fails", 1250).authorize()
	one := p.must("POST", "/v1/refunds", "charge="+v.ChargeID+"&amount=200")
	two := p.must("POST", "/v1/refunds", "charge="+v.ChargeID+"&amount=300")
	if one["status"] != "succeeded" || p.must("GET", "/v1/charges/"+v.ChargeID, "")["amount_refunded"] != 500.0 {
		t.Errorf("%v", one)
	}
	p.restart()
	if err := p.s.SetClock(refundFailsAfterMs + 1000); err != nil {
		t.Fatal(err)
	}
	for _, id := range []any{one["id"], two["id"]} {
		if r := p.must("GET", "/v1/refunds/"+id.(string), ""); r["status"] != "failed" || r["failure_reason"] != "expired_or_canceled_card" {
			t.Errorf("%v", r)
		}
	}
	if c := p.must("GET", "/v1/charges/"+v.ChargeID, ""); c["amount_refunded"] != 0.0 {
		t.Errorf("%v", c["amount_refunded"])
	}
	if got := p.s.Totals().Refunds; got.Count != 0 {
		t.Errorf("%+v", got)
	}
}

func TestCardWhoseRefundFails(t *testing.T) {
	for name, test := range map[string]struct {
		tag    tlv.Tag
		value  []byte
		wanted bool
	}{
		"number":       {0x5A, []byte{0x40, 0, 0, 0, 0, 0, 0x51, 0x26}, true},
		"track":        {0x57, []byte{0x40, 0, 0, 0, 0, 0, 0x51, 0x26, 0xD4, 0x51, 0x22, 0x01}, true},
		"same ending":  {0x5A, []byte{0x42, 0, 0, 0, 0, 0, 0x51, 0x26}, false},
		"another card": {0x5A, []byte{0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42}, false},
	} {
		d := cardData{values: map[tlv.Tag][]byte{test.tag: test.value}}
		if got := d.refundFails(emvtest.CheckResult{Verdict: emvtest.Genuine}); got != test.wanted {
			t.Errorf("%s: %v", name, got)
		}
	}
}
