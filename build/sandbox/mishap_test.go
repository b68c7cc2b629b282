package sandbox

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"smartreader/firmware/platform"
)

// unreachable is the one kind of error a fault leads to in the reader's own
// client.
func unreachable(t *testing.T, err error, kind platform.Kind, sent bool) *platform.Unreachable {
	t.Helper()
	u, ok := errors.AsType[*platform.Unreachable](err)
	if !ok {
		t.Fatalf("got %v, want %s", err, kind)
	}
	if u.Kind != kind || u.Sent != sent {
		t.Errorf("got %v, want %s, sent %v", err, kind, sent)
	}
	return u
}

// control throws a switch over HTTP, and restarts: all of them are on disk.
func (p *shop) control(name, body string) {
	p.t.Helper()
	w := httptest.NewRecorder()
	p.s.ControlHandler().ServeHTTP(w, httptest.NewRequest("POST", "/control/platform/faults/"+name, strings.NewReader(body)))
	if w.Code != http.StatusOK {
		p.t.Fatalf("%s %s: %d %s", name, body, w.Code, w.Body)
	}
	before := p.s.Status().Faults
	p.restart()
	if after := p.s.Status().Faults; !equalFaults(before, after) {
		p.t.Errorf("after a restart %+v, not %+v", after, before)
	}
}

func equalFaults(a, b Faults) bool {
	flat := func(f Faults) (Faults, Latency, Failing, Failing) {
		l, h, r := known(f.Latency), known(f.HTTP), known(f.RateLimit)
		f.Latency, f.HTTP, f.RateLimit = nil, nil, nil
		return f, l, h, r
	}
	a1, a2, a3, a4 := flat(a)
	b1, b2, b3, b4 := flat(b)
	return a1 == b1 && a2 == b2 && a3 == b3 && a4 == b4
}

func (p *shop) heartbeat() error {
	_, err := p.client.Heartbeat(p.t.Context(), platform.HeartbeatRequest{})
	return err
}

func (p *shop) wantSubmissions(n int) {
	p.t.Helper()
	if got := p.s.Totals().Submissions; got != n {
		p.t.Errorf("%d submissions processed, want %d", got, n)
	}
}

func TestAnswerStatus(t *testing.T) {
	p := openShop(t)
	y := p.pay("visa", 1250)
	p.control("http", `{"status":502,"count":2}`)
	for range 2 {
		if err := p.heartbeat(); err != nil { // does not use the count up
			t.Fatal(err)
		}
		_, err := p.client.SubmitOffline(t.Context(), y.sealed())
		unreachable(t, err, platform.KindServer, true)
	}
	p.wantSubmissions(0)
	if v := y.forward(); v.Status != platform.StatusApproved {
		t.Errorf("%+v", v)
	}
	p.control("http", "")
	unreachable(t, p.heartbeat(), platform.KindServer, true)
	_, err := p.client.LookUp(t.Context(), y.key())
	unreachable(t, err, platform.KindServer, true)
	p.control("http", `{"status":0}`)
	if err := p.heartbeat(); err != nil {
		t.Error(err)
	}
}

func TestRateLimit(t *testing.T) {
	p := openShop(t)
	y := p.pay("visa", 1250)
	p.control("rate_limit", `{"retryAfterSeconds":7,"count":1}`)
	_, err := p.client.Authorize(t.Context(), y.sealed())
	refused, ok := errors.AsType[*platform.Error](err)
	if !ok || refused.Status != 429 || refused.RetryAfter != 7*time.Second || refused.Permanent() {
		t.Fatalf("%v", err)
	}
	p.wantSubmissions(0)
	y.authorize()
	p.control("rate_limit", `{"retryAfterSeconds":3}`)
	if refused, ok := errors.AsType[*platform.Error](p.heartbeat()); !ok || refused.RetryAfter != 3*time.Second {
		t.Errorf("%v", refused)
	}
	p.control("rate_limit", `{"retryAfterSeconds":0}`)
	if err := p.heartbeat(); err != nil {
		t.Error(err)
	}
}

// TestReset: half of the answer comes, and the payment is on disk.
func TestReset(t *testing.T) {
	p := openShop(t)
	y := p.pay("visa", 1250)
	p.control("reset", "")
	if err := p.heartbeat(); err != nil {
		t.Fatal(err)
	}
	_, err := p.client.SubmitOffline(t.Context(), y.sealed())
	unreachable(t, err, platform.KindReset, true)
	p.wantSubmissions(1)
	if v := y.lookUp(); v.Status != platform.StatusApproved {
		t.Errorf("%+v", v)
	}
	y.forward()
	p.wantTotals(usd(1, 1250), usd(0, 0), usd(0, 0))
}

func TestLoseAnswers(t *testing.T) {
	p := openShop(t)
	y := p.pay("visa", 1250)
	p.control("lose_answer", `{"count":3}`)
	for range 3 {
		_, err := p.client.SubmitOffline(t.Context(), y.sealed())
		unreachable(t, err, platform.KindReset, true)
	}
	y.forward()
	totals := p.s.Totals()
	if totals.Submissions != 1 || totals.Repeats != 3 || totals.AnswersLost != 3 {
		t.Errorf("%+v", totals)
	}
	p.wantTotals(usd(1, 1250), usd(0, 0), usd(0, 0))
}

// TestLatency: no reader waits two minutes. With a late answer the platform has
// decided when the reader gives up; a late request arrives after it did.
func TestLatency(t *testing.T) {
	for name, body := range map[string]string{
		"answer":  `{"minMs":120000,"maxMs":120000}`,
		"request": `{"minMs":120000,"maxMs":120000,"request":true}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // both mostly wait
			p := openShop(t)
			y := p.pay("visa", 1250)
			p.control("latency", body)
			p.client = p.clientTimeout(2 * time.Second)
			_, err := p.client.Authorize(t.Context(), y.sealed())
			unreachable(t, err, platform.KindTimeout, true)
			if err := p.s.SetLatency(Latency{}); err != nil {
				t.Fatal(err)
			}
			p.restart() // lets requests in progress end
			if v := y.lookUp(); v.Status != platform.StatusApproved {
				t.Errorf("%+v", v)
			}
			y.forward()
			p.wantTotals(usd(1, 1250), usd(0, 0), usd(0, 0))
		})
	}
	p := openShop(t)
	p.control("latency", `{"minMs":30,"maxMs":40}`)
	began := time.Now()
	if err := p.heartbeat(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 30*time.Millisecond {
		t.Errorf("answered after %v", took)
	}
}

func TestWrongCertificate(t *testing.T) {
	p := openShop(t)
	y := p.pay("visa", 1250)
	p.control("wrong_certificate", "")
	for range 2 {
		_, err := p.client.SubmitOffline(t.Context(), y.sealed())
		unreachable(t, err, platform.KindTLS, false)
	}
	p.wantSubmissions(0)
	p.control("wrong_certificate", `{"on":false}`)
	if v := y.forward(); v.Status != platform.StatusApproved {
		t.Errorf("%+v", v)
	}
}

func TestCaptivePortal(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		kind platform.Kind
		sent bool
	}{
		"page":                 {"", platform.KindAnswer, true},
		"redirect":             {`{"on":true,"kind":"redirect"}`, platform.KindAnswer, true},
		"plain":                {`{"on":true,"kind":"plain"}`, platform.KindTLS, false},
		"with its certificate": {`{"on":true,"kind":"html","wrongCertificate":true}`, platform.KindTLS, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := openShop(t)
			y := p.pay("visa", 1250)
			p.control("captive_portal", test.body)
			_, err := p.client.SubmitOffline(t.Context(), y.sealed())
			unreachable(t, err, test.kind, test.sent)
			_, err = p.client.LookUp(t.Context(), y.key())
			if errors.Is(err, platform.ErrNotFound) {
				t.Error("a portal says that the payment is unknown")
			}
			_, err = p.client.Config(t.Context(), "")
			unreachable(t, err, test.kind, test.sent)
			p.wantSubmissions(0)
			p.control("captive_portal", `{"on":false,"wrongCertificate":true}`)
			if v := y.forward(); v.Status != platform.StatusApproved {
				t.Errorf("%+v", v)
			}
		})
	}
	// A browser is shown the portal.
	p := openShop(t)
	p.control("captive_portal", `{"on":true,"kind":"plain"}`)
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Get("http://" + p.s.opts.Device.Addr().String() + "/")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if resp.StatusCode != http.StatusFound || !strings.Contains(string(body), "Welcome") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

// TestClock: the platform's clock jumps; tokens expire by it, configurations
// go on rising, and a reader's certificate is judged by it.
func TestClock(t *testing.T) {
	p := openShop(t)
	before := configOf(t, p)
	token := p.token(nil)
	p.control("clock", `{"offsetMs":360000}`)
	_, err := p.client.Redeem(t.Context(), redeemRequest(t, token))
	wantError(t, err, 400, platform.CodeTokenInvalid)
	h, err := p.client.Heartbeat(t.Context(), platform.HeartbeatRequest{})
	if ahead := h.NowMs - time.Now().UnixMilli(); err != nil || ahead < 300_000 || ahead > 400_000 {
		t.Errorf("%d ms ahead, %v", ahead, err)
	}
	p.control("clock", `{"offsetMs":-86400000}`)
	p.must("POST", "/v1/terminal/configurations/"+p.s.state.defaultConfiguration().ID, url.Values{"offline[enabled]": {"false"}}.Encode())
	if after := configOf(t, p); after.IssuedAtMs <= before.IssuedAtMs || after.Offline.Enabled {
		t.Errorf("%d after %d", after.IssuedAtMs, before.IssuedAtMs)
	}
	p.control("clock", `{"offsetMs":63072000000}`) // two years: the reader's certificate is over
	unreachable(t, p.heartbeat(), platform.KindTLS, true)
	p.control("clear", "")
	if err := p.heartbeat(); err != nil {
		t.Error(err)
	}
}

// TestForgetKeys: the idempotency key is gone, the payment is known all the
// same, by its natural key and by its local id.
func TestForgetKeys(t *testing.T) {
	p := openShop(t)
	y := p.pay("visa", 1250)
	create := platform.CreatePaymentIntent{Key: y.header.Key, LocalID: y.header.LocalID, Amount: 1250, Currency: "usd", CaptureMethod: "automatic"}
	first, err := p.client.CreatePaymentIntent(t.Context(), create)
	if err != nil {
		t.Fatal(err)
	}
	charged := y.forward()
	p.must("POST", "/v1/payment_intents", "amount=500&currency=usd", "Idempotency-Key", "order-1")
	p.control("forget_keys", "") // too young
	if p.must("POST", "/v1/payment_intents", "amount=500&currency=usd", "Idempotency-Key", "order-1"); len(p.s.Payments()) != 2 {
		t.Errorf("%+v", p.s.Payments())
	}
	p.control("clock", `{"offsetMs":90000000}`)
	p.control("forget_keys", "")
	if _, ok := p.s.state.intentNamed(keyAlias(y.header.Key)); ok {
		t.Error("the key is still known")
	}
	if p.must("POST", "/v1/payment_intents", "amount=500&currency=usd", "Idempotency-Key", "order-1"); len(p.s.Payments()) != 3 {
		t.Errorf("%+v", p.s.Payments())
	}
	if v := y.forward(); v.ChargeID != charged.ChargeID {
		t.Errorf("%+v", v)
	}
	if v := y.again("visa").forward(); v.Code != platform.CodeAlreadyCharged {
		t.Errorf("%+v", v)
	}
	if again, err := p.client.CreatePaymentIntent(t.Context(), create); err != nil || again.ID != first.ID {
		t.Errorf("%+v, %v", again, err)
	}
	p.wantTotals(usd(1, 1250), usd(0, 0), usd(0, 0))
}

func TestFaultBodies(t *testing.T) {
	p := openShop(t)
	h := p.s.ControlHandler()
	for _, test := range [][2]string{
		{"latency", `{"minMs":5,"maxMs":4}`}, {"latency", `{"maxMs":120001}`}, {"latency", `{"minMs":-1}`}, {"latency", `{"ms":5}`},
		{"http", `{"status":404}`}, {"http", `{"status":503,"count":-1}`}, {"http", `[]`},
		{"rate_limit", `{"retryAfterSeconds":-1}`}, {"reset", `{"count":-1}`}, {"lose_answer", `{"count":-1}`},
		{"captive_portal", `{"on":true,"kind":"pigeon"}`}, {"captive_portal", `{"on":true,"kind":""}`},
		{"clock", ""}, {"clock", `{"offsetMs":9000000000000000}`}, {"wrong_certificate", `{"on":"yes"}`},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", "/control/platform/faults/"+test[0], strings.NewReader(test[1])))
		if w.Code != http.StatusBadRequest {
			t.Errorf("%s %s: %d %s", test[0], test[1], w.Code, w.Body)
		}
	}
	if f := p.s.Status().Faults; !equalFaults(f, Faults{}) {
		t.Errorf("%+v", f)
	}
}
