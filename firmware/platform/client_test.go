package platform

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"
)

const aKey = "tmr_1.12.0007.A1B2C3D4E5F60708"

// TestRequests checks method, path, query and body of every call, and that
// answers decode.
func TestRequests(t *testing.T) {
	intent := PaymentIntent{ID: "pi_1", Status: "requires_payment_method"}
	verdict := Verdict{NaturalKey: aKey, Status: StatusDeclined, DeclineCode: "lost_card"}
	for _, test := range []struct {
		name   string
		call   func(context.Context, *Client) (any, error)
		method string
		uri    string
		body   string
		answer any
	}{
		{"activate", func(ctx context.Context, c *Client) (any, error) {
			return c.Activate(ctx, ActivateRequest{RegistrationCode: "code", Serial: "S1", DeviceType: "d", CSR: []byte{1}})
		}, "POST", "/v1/terminal/device/activate", `{"registrationCode":"code","serial":"S1","deviceType":"d","csr":"AQ=="}`,
			&ActivateResponse{Reader: Reader{ID: "tmr_1"}, Certificate: []byte{1}, CA: []byte{2}, SigningKey: []byte{3}}},
		{"redeem", func(ctx context.Context, c *Client) (any, error) {
			return c.Redeem(ctx, RedeemRequest{ConnectionToken: "pst_1", POSID: "p", POSPublicKey: []byte{1}, Network: "n"})
		}, "POST", "/v1/terminal/device/redeem", `{"connectionToken":"pst_1","posId":"p","posPublicKey":"AQ==","network":"n"}`, &RedeemResponse{}},
		{"create", func(ctx context.Context, c *Client) (any, error) {
			return c.CreatePaymentIntent(ctx, CreatePaymentIntent{Key: "k", LocalID: "pl_1", Amount: 5, Currency: "usd", CaptureMethod: "manual"})
		}, "POST", "/v1/terminal/device/payment_intents", `{"key":"k","localId":"pl_1","amount":5,"currency":"usd","captureMethod":"manual"}`, &intent},
		{"retrieve", func(ctx context.Context, c *Client) (any, error) { return c.RetrievePaymentIntent(ctx, "pi/1") },
			"GET", "/v1/terminal/device/payment_intents/pi%2F1", "", &intent},
		{"by secret", func(ctx context.Context, c *Client) (any, error) { return c.RetrievePaymentIntentBySecret(ctx, "a&b") },
			"GET", "/v1/terminal/device/payment_intents?clientSecret=a%26b", "", &intent},
		{"cancel", func(ctx context.Context, c *Client) (any, error) {
			return c.CancelPaymentIntent(ctx, "pi_1", CancelPaymentIntent{Reason: "duplicate"})
		}, "POST", "/v1/terminal/device/payment_intents/pi_1/cancel", `{"reason":"duplicate"}`, &intent},
		{"authorize", func(ctx context.Context, c *Client) (any, error) {
			return c.Authorize(ctx, Submission{NaturalKey: aKey, Envelope: []byte{9}, Offline: true})
		}, "POST", "/v1/terminal/device/authorize", `{"naturalKey":"` + aKey + `","envelope":"CQ==","offline":false}`, &verdict},
		{"offline", func(ctx context.Context, c *Client) (any, error) {
			return c.SubmitOffline(ctx, Submission{NaturalKey: aKey, Envelope: []byte{9}, StoredAtMs: 7, Proof: &Proof{[]byte{1}, []byte{2}}})
		}, "POST", "/v1/terminal/device/offline_payments", `{"naturalKey":"` + aKey + `","envelope":"CQ==","offline":true,"storedAtMs":7,"proof":{"header":"AQ==","signature":"Ag=="}}`, &verdict},
		{"look-up", func(ctx context.Context, c *Client) (any, error) { return c.LookUp(ctx, aKey) },
			"GET", "/v1/terminal/device/authorizations/" + aKey, "", &verdict},
		{"reverse", func(ctx context.Context, c *Client) (any, error) {
			return c.Reverse(ctx, ReversalRequest{NaturalKey: aKey, Reason: "r"})
		}, "POST", "/v1/terminal/device/reversals", `{"naturalKey":"` + aKey + `","reason":"r"}`, &Reversal{NaturalKey: aKey, Outcome: ReversalNeverKnown}},
		{"rescue", func(ctx context.Context, c *Client) (any, error) {
			return c.Rescue(ctx, Rescue{ReaderID: "tmr_9", NaturalKey: aKey, Envelope: []byte{9}, StoredAtMs: 7, Proof: &Proof{[]byte{1}, []byte{2}}})
		}, "POST", "/v1/terminal/device/rescues", `{"readerId":"tmr_9","naturalKey":"` + aKey + `","envelope":"CQ==","storedAtMs":7,"proof":{"header":"AQ==","signature":"Ag=="}}`, &verdict},
		{"heartbeat", func(ctx context.Context, c *Client) (any, error) {
			return c.Heartbeat(ctx, HeartbeatRequest{Sequence: 3})
		}, "POST", "/v1/terminal/device/heartbeat", `{"sequence":3}`, &HeartbeatResponse{NowMs: 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := newAuthority(t)
			c := a.client(a.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if r.Method != test.method || r.RequestURI != test.uri || string(body) != test.body {
					t.Errorf("got  %s %s %s\nwant %s %s %s", r.Method, r.RequestURI, body, test.method, test.uri, test.body)
				}
				// With this header net/http would repeat a POST by itself.
				if r.Header.Get("Idempotency-Key") != "" {
					t.Error("Idempotency-Key is set")
				}
				if len(r.TLS.PeerCertificates) != 1 {
					t.Error("no client certificate")
				}
				json.NewEncoder(w).Encode(test.answer)
			})))
			got, err := test.call(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, test.answer) {
				t.Errorf("got %+v\nwant %+v", got, test.answer)
			}
			if c.Link().State() != LinkOnline {
				t.Errorf("link is %v after an answer", c.Link().State())
			}
		})
	}
}

// Connections go through the dialler given, so that a desk can cut them.
func TestDialerIsUsed(t *testing.T) {
	a := newAuthority(t)
	dialled := 0
	c := a.client(a.serve(answers(http.StatusOK, &HeartbeatResponse{NowMs: 1})), func(o *Options) {
		o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			if dialled++; dialled > 1 {
				return nil, errors.New("the cable is out")
			}
			return new(net.Dialer).DialContext(ctx, network, address)
		}
	})
	if _, err := c.Heartbeat(t.Context(), HeartbeatRequest{}); err != nil {
		t.Fatal(err)
	}
	_, err := c.Heartbeat(t.Context(), HeartbeatRequest{})
	if u, ok := errors.AsType[*Unreachable](err); !ok || u.Sent {
		t.Errorf("got %v, want unreachable and surely not sent", err)
	}
}

func TestConfigIsFetchedOnlyWhenNew(t *testing.T) {
	a := newAuthority(t)
	c := a.client(a.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"two"`)
		if r.Header.Get("If-None-Match") == `"two"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		json.NewEncoder(w).Encode(Signed{Payload: []byte("{}"), Signature: []byte("s")})
	})))
	for _, etag := range []string{"", `"one"`} {
		got, err := c.Config(t.Context(), etag)
		if err != nil || got.NotModified || got.ETag != `"two"` || string(got.Signed.Payload) != "{}" {
			t.Errorf("with %q: %+v, %v", etag, got, err)
		}
	}
	got, err := c.Config(t.Context(), `"two"`)
	if err != nil || !got.NotModified || got.ETag != `"two"` {
		t.Errorf("unchanged: %+v, %v", got, err)
	}
}

func TestRefusals(t *testing.T) {
	body := func(code string) any {
		return map[string]any{"error": map[string]any{"code": code, "message": "why"}}
	}
	for _, test := range []struct {
		name      string
		status    int
		body      any
		code      string
		permanent bool
		notFound  bool
	}{
		{"unknown natural key", 404, body(CodeAuthorizationNotFound), CodeAuthorizationNotFound, false, true},
		{"some other 404", 404, body("no_such_path"), "no_such_path", false, false},
		{"a proxy's 404", 404, "<html>", "", false, false},
		{"refused for ever", 422, body(CodeEnvelopeUnreadable), CodeEnvelopeUnreadable, true, false},
		{"conflict", 409, body(CodeNaturalKeyConflict), CodeNaturalKeyConflict, true, false},
		{"bad request of somebody else", 400, "<html>", "", false, false},
		{"certificate trouble", 401, body(CodeUnauthenticated), CodeUnauthenticated, false, false},
		{"slow down", 429, body("rate_limit"), "rate_limit", false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := newAuthority(t)
			c := a.client(a.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Retry-After", "7")
				answers(test.status, test.body).ServeHTTP(w, r)
			})))
			_, err := c.LookUp(t.Context(), aKey)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v", err)
			}
			if e.Status != test.status || e.Code != test.code || e.Permanent() != test.permanent || e.RetryAfter != 7*time.Second {
				t.Errorf("got %+v, permanent %v", e, e.Permanent())
			}
			if errors.Is(err, ErrNotFound) != test.notFound {
				t.Errorf("ErrNotFound: %v", errors.Is(err, ErrNotFound))
			}
			if c.Link().State() != LinkOnline {
				t.Error("a refusal is an answer, so the link is online")
			}
		})
	}
}

// TestUnusableAnswers: a 200 that does not answer the question must not count
// as approval, nor as "not sent".
func TestUnusableAnswers(t *testing.T) {
	for name, body := range map[string]string{
		"garbage":         "{",
		"empty":           "",
		"other type":      "[]",
		"nothing in it":   "{}",
		"another payment": `{"naturalKey":"tmr_1.13.0007.A1B2C3D4E5F60708","status":"approved","chargeId":"ch_1","intent":{"id":"pi_1"}}`,
		"no charge":       `{"naturalKey":"` + aKey + `","status":"approved"}`,
		"unknown status":  `{"naturalKey":"` + aKey + `","status":"fine"}`,
		"too long":        `{"naturalKey":"` + aKey + `","status":"declined","message":"` + strings.Repeat("x", maxAnswer) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			a := newAuthority(t)
			c := a.client(a.serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) })))
			v, err := c.Authorize(t.Context(), Submission{NaturalKey: aKey})
			wantUnreachable(t, err, KindAnswer, true)
			if v != nil {
				t.Errorf("verdict %+v with an error", v)
			}
		})
	}
}

func TestServerFailureIsUnreachable(t *testing.T) {
	a := newAuthority(t)
	c := a.client(a.serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "30")
		w.WriteHeader(http.StatusServiceUnavailable)
	})))
	_, err := c.Authorize(t.Context(), Submission{NaturalKey: aKey})
	if u := wantUnreachable(t, err, KindServer, true); u.RetryAfter != 30*time.Second {
		t.Errorf("RetryAfter %v", u.RetryAfter)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	a := newAuthority(t)
	var elsewhere bool
	c := a.client(a.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		elsewhere = elsewhere || r.URL.Path == "/elsewhere"
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})))
	_, err := c.Authorize(t.Context(), Submission{NaturalKey: aKey})
	wantUnreachable(t, err, KindAnswer, true)
	_, err = c.LookUp(t.Context(), aKey)
	wantUnreachable(t, err, KindAnswer, true)
	if elsewhere {
		t.Error("the redirect was followed")
	}
}

func TestProxyEnvironmentIsIgnored(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	t.Setenv("https_proxy", "http://127.0.0.1:1")
	a := newAuthority(t)
	c := a.client(a.serve(answers(200, HeartbeatResponse{})))
	if c.http.Transport.(*http.Transport).Proxy != nil {
		t.Error("the transport has a proxy function")
	}
	if _, err := c.Heartbeat(t.Context(), HeartbeatRequest{}); err != nil {
		t.Error(err)
	}
}

func TestNewRefusesBadOptions(t *testing.T) {
	a := newAuthority(t)
	good := Options{BaseURL: "https://h", RootCAs: a.pool, Now: time.Now}
	if _, err := New(good); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Options){
		"plain http":  func(o *Options) { o.BaseURL = "http://h" },
		"no host":     func(o *Options) { o.BaseURL = "https://" },
		"user":        func(o *Options) { o.BaseURL = "https://u:p@h" },
		"query":       func(o *Options) { o.BaseURL = "https://h?x" },
		"path":        func(o *Options) { o.BaseURL = "https://h/x" },
		"not a URL":   func(o *Options) { o.BaseURL = "https://[" },
		"no roots":    func(o *Options) { o.RootCAs = nil },
		"no clock":    func(o *Options) { o.Now = nil },
		"bad timeout": func(o *Options) { o.Timeout = -1 },
	} {
		o := good
		change(&o)
		if _, err := New(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"":                                    0,
		"5":                                   5 * time.Second,
		"-5":                                  0,
		"999999999":                           24 * time.Hour,
		"99999999999999999999":                0,
		"soon":                                0,
		now.Add(time.Minute).Format(httpDay):  time.Minute,
		now.Add(-time.Minute).Format(httpDay): 0,
		now.AddDate(5, 0, 0).Format(httpDay):  24 * time.Hour,
	} {
		if got := parseRetryAfter(text, now); got != want {
			t.Errorf("%q: %v, not %v", text, got, want)
		}
	}
}

const httpDay = "Mon, 02 Jan 2006 15:04:05 GMT"

func wantUnreachable(t *testing.T, err error, kind Kind, sent bool) *Unreachable {
	t.Helper()
	var u *Unreachable
	if !errors.As(err, &u) {
		t.Fatalf("got %v, not Unreachable", err)
	}
	if u.Kind != kind || u.Sent != sent {
		t.Fatalf("got kind %s sent %v (%v), not %s %v", u.Kind, u.Sent, err, kind, sent)
	}
	return u
}
