package sandbox

import (
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"smartreader/firmware/platform"
)

func errorOf(out fields) fields {
	e, _ := out["error"].(fields)
	return e
}

func TestAPIKey(t *testing.T) {
	p := openShop(t)
	for name, set := range map[string]func(*http.Request){
		"none":   func(*http.Request) {},
		"wrong":  func(r *http.Request) { r.SetBasicAuth("sk_test_other", "") },
		"bearer": func(r *http.Request) { r.Header.Set("Authorization", "Bearer sk_live_x") },
	} {
		r, err := http.NewRequest("GET", p.public+"/v1/charges", nil)
		if err != nil {
			t.Fatal(err)
		}
		set(r)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, resp.StatusCode)
		}
	}
	r, err := http.NewRequest("GET", p.public+"/v1/charges", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+APIKey)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 || resp.Header.Get("Request-Id") == "" {
		t.Errorf("good key: %d", resp.StatusCode)
	}
}

func TestCAPEM(t *testing.T) {
	p := openShop(t)
	resp, err := http.Get(p.public + "/ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || string(body) != string(p.s.CAPEM()) {
		t.Errorf("%s, %v", body, err)
	}
}

// TestChargeOfAnOfflinePayment: the object a shop's backend reconciles with.
func TestChargeOfAnOfflinePayment(t *testing.T) {
	p := openShop(t)
	y := p.pay("visa", 1250)
	y.header.Offline, y.header.Description = true, "two coffees"
	y.header.Metadata = map[string]string{"offlineId": "42"}
	v := y.forward()
	o := p.must("GET", "/v1/payment_intents/"+v.Intent.ID+"?expand[]=latest_charge", "")
	if o["object"] != "payment_intent" || o["status"] != "succeeded" || o["amount_received"] != 1250.0 || o["metadata"].(fields)["offlineId"] != "42" {
		t.Errorf("%v", o)
	}
	c := o["latest_charge"].(fields)
	if c["id"] != v.ChargeID || c["status"] != "succeeded" || c["captured"] != true || c["payment_intent"] != v.Intent.ID || c["authorization_code"] != v.AuthorizationCode {
		t.Errorf("%v", c)
	}
	card := c["payment_method_details"].(fields)["card_present"].(fields)
	want := fields{"stored_at": float64(y.header.CollectedAtMs / 1000), "type": "deferred"}
	if !reflect.DeepEqual(card["offline"], want) || card["brand"] != "visa" || card["last4"] != "4242" ||
		card["exp_year"] != 2045.0 || card["exp_month"] != 12.0 || card["read_method"] != "contact_emv" {
		t.Errorf("%v", card)
	}
	receipt := card["receipt"].(fields)
	if receipt["application_cryptogram"] != y.header.Cryptogram || receipt["dedicated_file_name"] != "A0000000031010" ||
		receipt["authorization_response_code"] != "00" || receipt["terminal_verification_results"] == "" || receipt["cardholder_verification_method"] == "" {
		t.Errorf("%v", receipt)
	}
	// Not expanded: the id.
	if o := p.must("GET", "/v1/payment_intents/"+v.Intent.ID, ""); o["latest_charge"] != v.ChargeID {
		t.Errorf("%v", o["latest_charge"])
	}
	online := p.pay("visa", 100).authorize()
	c = p.must("GET", "/v1/charges/"+online.ChargeID, "")
	if card := c["payment_method_details"].(fields)["card_present"].(fields); card["offline"] != nil {
		t.Errorf("online: %v", card["offline"])
	}
}

// TestCardPresentFields: every field of the public object is there, null where
// the sandbox has nothing to say; a card's funding is known by its number.
func TestCardPresentFields(t *testing.T) {
	p := openShop(t)
	cardOf := func(v *platform.Verdict) fields {
		return p.must("GET", "/v1/charges/"+v.ChargeID, "")["payment_method_details"].(fields)["card_present"].(fields)
	}
	card := cardOf(p.pay("visa", 1250).authorize())
	for _, name := range []string{
		"amount_authorized", "brand", "brand_product", "capture_before", "cardholder_name", "country", "description", "emv_auth_data",
		"exp_month", "exp_year", "fingerprint", "funding", "generated_card", "incremental_authorization_supported", "issuer", "last4",
		"location", "network", "network_transaction_id", "offline", "overcapture_supported", "preferred_locales", "read_method", "reader",
		"receipt", "wallet",
	} {
		if _, ok := card[name]; !ok {
			t.Errorf("%s is missing", name)
		}
	}
	if card["capture_before"] != nil || card["amount_authorized"] != 1250.0 || card["network"] != "visa" {
		t.Errorf("%v", card)
	}
	held := p.pay("mastercard-prepaid", 900)
	held.header.CaptureMethod = "manual"
	v := held.authorize()
	created := p.must("GET", "/v1/charges/"+v.ChargeID, "")["created"].(float64)
	if card := cardOf(v); card["capture_before"] != created+2*24*3600 || card["funding"] != "prepaid" {
		t.Errorf("%v", card)
	}
	for name, funding := range map[string]string{"visa": "credit", "visa-debit": "debit", "eftpos-au-debit": "debit", "interac": "debit", "no-oda": "credit"} {
		if got := fundingOf(p.numberOf(name)); got != funding {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := fundingOf("4111111111111111"); got != "unknown" {
		t.Errorf("a number nobody knows: %s", got)
	}
}

func TestDeclinedChargeIsShown(t *testing.T) {
	p := openShop(t)
	v := p.pay("declined-insufficient-funds", 100).forward()
	o := p.must("GET", "/v1/payment_intents/"+v.Intent.ID+"?expand[0]=latest_charge", "")
	lastError := o["last_payment_error"].(fields)
	if o["status"] != "requires_payment_method" || lastError["code"] != "card_declined" || lastError["decline_code"] != "insufficient_funds" {
		t.Errorf("%v", o)
	}
	if c := o["latest_charge"].(fields); c["status"] != "failed" || c["failure_code"] != "card_declined" || c["paid"] != false {
		t.Errorf("%v", c)
	}
}

func TestCaptureAndCancel(t *testing.T) {
	p := openShop(t)
	hold := func(amount int64) string {
		y := p.pay("visa", amount)
		y.header.CaptureMethod = "manual"
		return y.authorize().Intent.ID
	}
	id := hold(1000)
	if status, out := p.ask("POST", "/v1/payment_intents/"+id+"/capture", "amount_to_capture=1001"); status != 400 {
		t.Errorf("too much: %d %v", status, out)
	}
	o := p.must("POST", "/v1/payment_intents/"+id+"/capture", "amount_to_capture=700")
	if o["status"] != "succeeded" || o["amount_received"] != 700.0 || o["amount_capturable"] != 0.0 {
		t.Errorf("%v", o)
	}
	for _, action := range []string{"capture", "cancel"} {
		if status, _ := p.ask("POST", "/v1/payment_intents/"+id+"/"+action, ""); status != 400 {
			t.Errorf("%s of a succeeded one: %d", action, status)
		}
		if status, out := p.ask("POST", "/v1/payment_intents/pi_x/"+action, ""); status != 404 || errorOf(out)["code"] != "resource_missing" {
			t.Errorf("%s of an unknown one: %d %v", action, status, out)
		}
	}
	id = hold(2000)
	if status, _ := p.ask("POST", "/v1/payment_intents/"+id+"/cancel", "cancellation_reason=whim"); status != 400 {
		t.Error("accepted a reason that does not exist")
	}
	o = p.must("POST", "/v1/payment_intents/"+id+"/cancel", "cancellation_reason=duplicate")
	if o["status"] != "canceled" || o["cancellation_reason"] != "duplicate" {
		t.Errorf("%v", o)
	}
	p.wantTotals(usd(1, 1000), usd(0, 0), usd(1, 2000))
}

// TestIntentFromTheBackend: created by the shop's backend, charged by a reader.
func TestIntentFromTheBackend(t *testing.T) {
	p := openShop(t)
	o := p.must("POST", "/v1/payment_intents", "amount=1250&currency=usd&capture_method=manual&payment_method_types[]=card_present&metadata[order]=7")
	if o["metadata"].(fields)["order"] != "7" {
		t.Errorf("%v", o)
	}
	y := p.pay("visa", 1250)
	y.header.IntentID, y.header.CaptureMethod = o["id"].(string), "manual"
	if v := y.authorize(); v.Status != platform.StatusApproved || v.Intent.ID != o["id"] {
		t.Errorf("%+v", v)
	}
	// Its key and local id now name the same payment.
	next := y.again("visa")
	next.header.CaptureMethod = "manual"
	if v := next.forward(); v.Code != platform.CodeAlreadyCharged {
		t.Errorf("%+v", v)
	}
}

func TestIdempotencyKey(t *testing.T) {
	p := openShop(t)
	create := func(form, key string) (int, fields) {
		return p.ask("POST", "/v1/payment_intents", form, "Idempotency-Key", key)
	}
	_, first := create("amount=5&currency=usd", "k")
	p.restart()
	if _, again := create("amount=5&currency=usd", "k"); !reflect.DeepEqual(again, first) {
		t.Errorf("%v, not %v", again, first)
	}
	if status, out := create("amount=6&currency=usd", "k"); status != 400 || errorOf(out)["type"] != "idempotency_error" {
		t.Errorf("%d %v", status, out)
	}
	if status, out := p.ask("POST", "/v1/terminal/connection_tokens", "", "Idempotency-Key", "k"); status != 400 {
		t.Errorf("other path: %d %v", status, out)
	}
	if _, other := create("amount=5&currency=usd", ""); other["id"] == first["id"] {
		t.Error("without a key nothing is remembered")
	}
	if n := len(p.must("GET", "/v1/payment_intents", "")["data"].([]any)); n != 2 {
		t.Errorf("%d intents", n)
	}
}

func TestParameterErrors(t *testing.T) {
	p := openShop(t)
	for _, test := range []struct{ method, path, form, param string }{
		{"POST", "/v1/payment_intents", "amount=x&currency=usd", "amount"},
		{"POST", "/v1/payment_intents", "amount=-1&currency=usd", "amount"},
		{"POST", "/v1/payment_intents", "amount=1", "currency"},
		{"POST", "/v1/payment_intents", "amount=1&currency=usd&colour=red", "colour"},
		{"POST", "/v1/payment_intents", "amount=1&currency=usd&payment_method_types[]=sepa_debit", "payment_method_types"},
		{"POST", "/v1/terminal/connection_tokens", "location=tml_x", "location"},
		{"POST", "/v1/terminal/configurations", "offline[enabled]=perhaps", "offline[enabled]"},
		{"POST", "/v1/terminal/locations/" + p.activation.Location.ID, "configuration_overrides=tmc_x", "configuration_overrides"},
		{"GET", "/v1/charges?limit=0", "", "limit"},
		{"GET", "/v1/charges?limit=101", "", "limit"},
		{"GET", "/v1/charges?starting_after=ch_x", "", "starting_after"},
	} {
		status, out := p.ask(test.method, test.path, test.form)
		if status != 400 || errorOf(out)["type"] != "invalid_request_error" || errorOf(out)["param"] != test.param {
			t.Errorf("%s %s: %d %v", test.path, test.form, status, out)
		}
	}
	if status, out := p.ask("POST", "/v1/payment_intents", "a=%zz"); status != 400 {
		t.Errorf("bad encoding: %d %v", status, out)
	}
	if status, _ := p.ask("POST", "/v1/payment_intents", "a="+strings.Repeat("x", maxBody)); status != 400 {
		t.Errorf("too long: %d", status)
	}
	for _, path := range []string{"/v1/customers", "/v1/charges/ch_x", "/v1/payment_intents/pi_x", "/v1/terminal/readers/tmr_x", "/v1/terminal/locations/tml_x", "/v1/terminal/configurations/tmc_x"} {
		if status, out := p.ask("GET", path, ""); status != 404 || errorOf(out)["type"] != "invalid_request_error" {
			t.Errorf("%s: %d %v", path, status, out)
		}
	}
}

func TestListsAreNewestFirstInPages(t *testing.T) {
	p := openShop(t)
	var ids []any
	for range 3 {
		ids = append(ids, p.must("POST", "/v1/payment_intents", "amount=5&currency=usd")["id"])
	}
	page := p.must("GET", "/v1/payment_intents?limit=2", "")
	data := page["data"].([]any)
	if page["has_more"] != true || len(data) != 2 || data[0].(fields)["id"] != ids[2] || data[1].(fields)["id"] != ids[1] {
		t.Errorf("%v", page)
	}
	page = p.must("GET", "/v1/payment_intents?limit=2&starting_after="+ids[1].(string), "")
	data = page["data"].([]any)
	if page["has_more"] != false || len(data) != 1 || data[0].(fields)["id"] != ids[0] {
		t.Errorf("%v", page)
	}
}

func TestReadersAndLocations(t *testing.T) {
	now := time.Now()
	p := openShop(t, func(o *Options) { o.Now = func() time.Time { return now } })
	id := p.activation.Reader.ID
	status := func() any { return p.must("GET", "/v1/terminal/readers/"+id, "")["status"] }
	if status() != "offline" {
		t.Error("online before it said anything")
	}
	if _, err := p.client.Heartbeat(t.Context(), platform.HeartbeatRequest{SoftwareVersion: "1.0"}); err != nil {
		t.Fatal(err)
	}
	if status() != "online" {
		t.Error("offline after a heartbeat")
	}
	now = now.Add(3 * time.Minute)
	if status() != "offline" {
		t.Error("online after three silent minutes")
	}
	for filter, n := range map[string]int{
		"": 1, "?serial_number=S700-TEST": 1, "?serial_number=x": 0, "?device_type=simulated_stripe_s700": 1, "?device_type=x": 0,
		"?status=online": 0, "?location=" + p.activation.Location.ID: 1,
	} {
		if data := p.must("GET", "/v1/terminal/readers"+filter, "")["data"].([]any); len(data) != n {
			t.Errorf("%q: %v", filter, data)
		}
	}
	l := p.must("GET", "/v1/terminal/locations/"+p.activation.Location.ID, "")
	if l["object"] != "terminal.location" || l["address"].(fields)["country"] != "US" {
		t.Errorf("%v", l)
	}
	if l := p.must("POST", "/v1/terminal/locations/"+p.activation.Location.ID, "display_name=Corner"); l["display_name"] != "Corner" {
		t.Errorf("%v", l)
	}
	c := p.must("GET", "/v1/terminal/configurations?is_account_default=true", "")["data"].([]any)[0].(fields)
	if c["offline"].(fields)["enabled"] != true {
		t.Errorf("%v", c)
	}
	c = p.must("POST", "/v1/terminal/configurations/"+c["id"].(string), "offline[enabled]=false")
	if c["offline"].(fields)["enabled"] != false || c["is_account_default"] != true {
		t.Errorf("%v", c)
	}
}

// numberOf reads a card's number as it comes with a payment.
func (p *shop) numberOf(profile string) string {
	p.t.Helper()
	card, err := parseCardData(p.pay(profile, 700).data)
	if err != nil {
		p.t.Fatal(err)
	}
	return card.number()
}
