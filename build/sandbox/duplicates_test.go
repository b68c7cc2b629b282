package sandbox

import (
	"encoding/json"
	"net/http/httptest"
	"testing"
)

// TestEightOrders: whatever is repeated, eight orders stay eight charges.
func TestEightOrders(t *testing.T) {
	p := openShop(t)
	for range 8 {
		y := p.pay("visa", 1000)
		y.forward()
		y.forward()
		y.authorize()
		y.again("visa").forward()
	}
	w := httptest.NewRecorder()
	p.s.ControlHandler().ServeHTTP(w, httptest.NewRequest("GET", "/control/platform/payments", nil))
	var list []PaymentCharges
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || len(list) != 8 {
		t.Fatalf("%v: %s", err, w.Body)
	}
	for _, c := range list {
		if c.Live != 1 || len(c.Charges) != 1 || len(c.NaturalKeys) != 1 || c.Status != "succeeded" || c.LocalID == "" || c.Key == "" {
			t.Errorf("%+v", c)
		}
	}
	status := p.s.Status()
	if len(status.Totals.PerPayment) != 1 || status.Totals.PerPayment[1] != 8 || len(status.Duplicates) != 0 {
		t.Errorf("%+v", status)
	}
}

// TestDuplicatesAreFound: the detector sees what must never happen, by each
// name alone.
func TestDuplicatesAreFound(t *testing.T) {
	base := charge{IntentID: "pi_1", NaturalKey: "n1", Key: "k1", LocalID: "l1", ReaderID: "tmr_1", Approved: true, Amount: 5, Captured: 5, Currency: "usd"}
	for by, change := range map[string]func(*charge){
		"payment_intent":  func(c *charge) { c.IntentID = "pi_1" },
		"idempotency_key": func(c *charge) { c.Key = "k1" },
		"local_id":        func(c *charge) { c.LocalID = "l1" },
		"natural_key":     func(c *charge) { c.NaturalKey = "n1" },
	} {
		for kind, undo := range map[string]func(*charge){
			"live": func(*charge) {}, "refunded by the shop": func(c *charge) { c.Returned = 5 },
			"reversed": func(c *charge) { c.Reversed = true }, "released": func(c *charge) { c.Released = true }, "declined": func(c *charge) { c.Approved = false },
		} {
			s := newState()
			one, two := base, charge{IntentID: "pi_2", NaturalKey: "n2", Key: "k2", LocalID: "l2", ReaderID: "tmr_1", Approved: true, Amount: 5, Captured: 5, Currency: "usd"}
			one.ID, two.ID = "ch_1", "ch_2"
			change(&two)
			undo(&two)
			s.set(one)
			s.set(two)
			found := s.duplicates()
			if wanted := kind == "live" || kind == "refunded by the shop"; wanted != (len(found) == 1) || wanted && (found[0].By != by || len(found[0].Charges) != 2) {
				t.Errorf("%s, %s: %+v", by, kind, found)
			}
		}
	}
}
