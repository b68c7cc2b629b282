package sandbox

import (
	"testing"
	"time"

	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/tlv"
	"smartreader/firmware/platform"
	"smartreader/store/seal"
)

// TestAmountEndings: every ending for every way to pay it.
func TestAmountEndings(t *testing.T) {
	type way struct {
		read string
		cvm  byte // first byte of 9F34
	}
	ways := map[string]way{
		"insert, PIN":        {"contact_emv", 0x01},
		"insert, sealed PIN": {"contact_emv", 0x44},
		"insert, online PIN": {"contact_emv", 0x02},
		"insert, signature":  {"contact_emv", 0x1E},
		"insert, nothing":    {"contact_emv", 0x1F},
		"tap, online PIN":    {"contactless_emv", 0x02},
		"tap, nothing":       {"contactless_emv", 0x1F},
		"tap, phone":         {"contactless_emv", 0x01},
	}
	all := func(string) bool { return true }
	none := func(string) bool { return false }
	for ending, rule := range map[int64]struct {
		code     string
		declines func(way string) bool
	}{
		0: {"", none}, 4: {"", none}, 12: {"", none}, 50: {"", none}, 99: {"", none},
		2: {"offline_pin_required", func(w string) bool { return w != "insert, PIN" && w != "insert, sealed PIN" && w != "tap, phone" }},
		3: {"online_or_offline_pin_required", func(w string) bool {
			return w == "insert, signature" || w == "insert, nothing" || w == "tap, nothing"
		}},
		55: {"incorrect_pin", all}, 75: {"pin_try_exceeded", all},
	} {
		for name, w := range ways {
			card := cardData{values: map[tlv.Tag][]byte{0x9F34: {w.cvm, 0, 2}}}
			approved := emvtest.CheckResult{Verdict: emvtest.Genuine, Decision: emvtest.Decision{Approved: true, ARC: [2]byte{'0', '0'}}}
			h := seal.Header{Amount: 1200 + ending, Currency: "usd", ReadMethod: w.read}
			want := ""
			if rule.declines(name) {
				want = rule.code
			}
			if d := decision(h, card, approved); d.DeclineCode != want || d.Approved != (want == "") || d.ARC == [2]byte{} {
				t.Errorf(".%02d, %s: %+v, want %q", ending, name, d, want)
			}
			h.Currency = "jpy"
			if d := decision(h, card, approved); !d.Approved {
				t.Errorf("%d yen, %s: %+v", h.Amount, name, d)
			}
			h.Currency = "usd"
			declined := emvtest.CheckResult{Decision: emvtest.Decision{DeclineCode: "lost_card", ARC: [2]byte{'4', '1'}}}
			if d := decision(h, card, declined); d != declined.Decision {
				t.Errorf("a card that is declined anyway: %+v", d)
			}
		}
	}
}

// TestAmountEndingsDecline: through the reader face, online and stored.
func TestAmountEndingsDecline(t *testing.T) {
	p := openShop(t)
	for ending, code := range map[int64]string{
		1: "call_issuer", 2: "offline_pin_required", 3: "online_or_offline_pin_required", 5: "generic_decline",
		55: "incorrect_pin", 65: "withdrawal_count_limit_exceeded", 75: "pin_try_exceeded",
	} {
		for name, send := range map[string]func(*payment) *platform.Verdict{"online": (*payment).authorize, "stored": (*payment).forward} {
			y := p.pay("visa", 1200+ending)
			y.header.ReadMethod = "contactless_emv"
			// What the reader says of the CVM is not covered by the cryptogram.
			v := send(y.with(0x9F34, []byte{0x1F, 0x00, 0x02}))
			if v.Status != platform.StatusDeclined || v.DeclineCode != code || (name == "online") != (v.ResponseCode != "") {
				t.Errorf("%s .%02d: %+v", name, ending, v)
			}
		}
	}
}

// TestStoredPaymentIsDeclined: what a shop's backend sees of a stored payment
// that the issuer did not honour.
func TestStoredPaymentIsDeclined(t *testing.T) {
	for name, pay := range map[string]func(*shop) *payment{
		"by card":   func(p *shop) *payment { return p.pay("declined-lost-card", 1200) },
		"by amount": func(p *shop) *payment { return p.pay("visa", 1275) },
	} {
		p := openShop(t)
		y := pay(p)
		v := y.forward()
		if v.Status != platform.StatusDeclined || v.ChargeID == "" {
			t.Fatalf("%s: %+v", name, v)
		}
		o := p.must("GET", "/v1/payment_intents/"+v.Intent.ID+"?expand[]=latest_charge", "")
		c := o["latest_charge"].(fields)
		offline := c["payment_method_details"].(fields)["card_present"].(fields)["offline"].(fields)
		lastError, _ := o["last_payment_error"].(fields)
		if o["status"] != "requires_payment_method" || lastError["decline_code"] != v.DeclineCode || lastError["charge"] != v.ChargeID ||
			c["status"] != "failed" || offline["type"] != "deferred" || offline["stored_at"] != float64(y.header.CollectedAtMs/1000) {
			t.Errorf("%s: %v", name, o)
		}
	}
}

func TestTooOld(t *testing.T) {
	p := openShop(t)
	old := func(age time.Duration) *payment {
		y := p.pay("visa", 1250)
		y.header.ClockSet = true
		y.header.CollectedAtMs = time.Now().Add(-age).UnixMilli()
		return y
	}
	const week = 7 * 24 * time.Hour
	if v := old(52 * week).forward(); v.Status != platform.StatusApproved {
		t.Errorf("no limit: %+v", v)
	}
	limit := week.Milliseconds()
	if err := p.s.SetSettings(Settings{PaymentMaxAgeMs: &limit}); err != nil {
		t.Fatal(err)
	}
	p.restart()
	before := p.s.Totals().Submissions
	if v := old(week - time.Minute).forward(); v.Status != platform.StatusApproved {
		t.Errorf("young enough: %+v", v)
	}
	late := old(week + time.Minute)
	for _, v := range []*platform.Verdict{late.forward(), late.lookUp()} {
		if v.Status != platform.StatusFailed || v.Code != platform.CodeTooOld || v.ChargeID != "" {
			t.Errorf("too old: %+v", v)
		}
	}
	// A time that is only said does not make an old payment young.
	said := old(week + time.Minute)
	q := said.sealed()
	q.StoredAtMs = time.Now().UnixMilli()
	if v, err := p.client.SubmitOffline(t.Context(), q); err != nil || v.Code != platform.CodeTooOld {
		t.Errorf("%+v, %v", v, err)
	}
	unset := old(52 * week)
	unset.header.ClockSet = false
	if v := unset.forward(); v.Status != platform.StatusApproved {
		t.Errorf("of a clock that was not set: %+v", v)
	}
	if v := old(52 * week).authorize(); v.Status != platform.StatusApproved {
		t.Errorf("online: %+v", v)
	}
	if got := p.s.Totals().Submissions - before; got != 5 {
		t.Errorf("%d decided", got)
	}
}
