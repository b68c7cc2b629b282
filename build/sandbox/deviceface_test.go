package sandbox

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"smartreader/firmware/platform"
	"smartreader/store/seal"
)

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestActivation(t *testing.T) {
	p := openShop(t)
	a := p.activation
	if !strings.HasPrefix(a.Reader.ID, "tmr_") || a.Reader.DeviceType != "simulated_stripe_s700" || a.Reader.LocationID != a.Location.ID ||
		!strings.HasPrefix(a.Location.ID, "tml_") || a.Location.Currency != "usd" {
		t.Errorf("%+v %+v", a.Reader, a.Location)
	}
	cert, err := x509.ParseCertificate(a.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	if id, err := platform.ReaderID(cert); err != nil || id != a.Reader.ID {
		t.Errorf("%q, %v", id, err)
	}
	roots := x509.NewCertPool()
	ca, err := x509.ParseCertificate(a.CA)
	if err != nil {
		t.Fatal(err)
	}
	roots.AddCert(ca)
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth} {
		if _, err := cert.Verify(x509.VerifyOptions{Roots: roots, DNSName: "S700-TEST.local", KeyUsages: []x509.ExtKeyUsage{usage}}); err != nil {
			t.Errorf("usage %d: %v", usage, err)
		}
	}
}

func TestActivationRefusals(t *testing.T) {
	p := openShop(t)
	csr, err := platform.NewCSR(newKey(t), "S1")
	if err != nil {
		t.Fatal(err)
	}
	forged := bytes.Clone(csr)
	forged[len(forged)-1] ^= 1
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	weak, err := platform.NewCSR(p384, "S1")
	if err != nil {
		t.Fatal(err)
	}
	good := platform.ActivateRequest{RegistrationCode: "simulated-s700", Serial: "S1", CSR: csr}
	for name, test := range map[string]struct {
		change func(*platform.ActivateRequest)
		code   string
	}{
		"code":        {func(q *platform.ActivateRequest) { q.RegistrationCode = "one-two-three" }, platform.CodeRegistrationCode},
		"serial":      {func(q *platform.ActivateRequest) { q.Serial = "a b" }, platform.CodeInvalidRequest},
		"no serial":   {func(q *platform.ActivateRequest) { q.Serial = "" }, platform.CodeInvalidRequest},
		"no csr":      {func(q *platform.ActivateRequest) { q.CSR = nil }, platform.CodeInvalidRequest},
		"forged csr":  {func(q *platform.ActivateRequest) { q.CSR = forged }, platform.CodeInvalidRequest},
		"other curve": {func(q *platform.ActivateRequest) { q.CSR = weak }, platform.CodeInvalidRequest},
	} {
		t.Run(name, func(t *testing.T) {
			q := good
			test.change(&q)
			_, err := p.client.Activate(t.Context(), q)
			wantError(t, err, 400, test.code)
		})
	}
	if n := len(p.s.Status().Readers); n != 1 {
		t.Errorf("%d readers", n)
	}
}

// TestActivatingAgain: the same reader, but only its new key speaks for it.
func TestActivatingAgain(t *testing.T) {
	p := openShop(t)
	oldCert, oldKey := p.activation.Certificate, p.key
	key := newKey(t)
	again := p.activate("S700-TEST", key)
	if again.Reader.ID != p.activation.Reader.ID {
		t.Error("another reader id")
	}
	p.activation, p.key = again, key
	if _, err := p.client.Heartbeat(t.Context(), platform.HeartbeatRequest{}); err != nil {
		t.Error(err)
	}
	old := p.clientWith(func() tls.Certificate {
		return tls.Certificate{Certificate: [][]byte{oldCert}, PrivateKey: oldKey}
	})
	_, err := old.Heartbeat(t.Context(), platform.HeartbeatRequest{})
	wantError(t, err, 401, platform.CodeUnauthenticated)
}

func TestCertificates(t *testing.T) {
	p := openShop(t)
	t.Run("none", func(t *testing.T) {
		_, err := p.clientWith(nil).Heartbeat(t.Context(), platform.HeartbeatRequest{})
		wantError(t, err, 401, platform.CodeUnauthenticated)
	})
	t.Run("of another platform", func(t *testing.T) {
		other := openShop(t)
		c := p.clientWith(func() tls.Certificate {
			return tls.Certificate{Certificate: [][]byte{other.activation.Certificate}, PrivateKey: other.key}
		})
		_, err := c.Heartbeat(t.Context(), platform.HeartbeatRequest{})
		var u *platform.Unreachable
		if !errors.As(err, &u) || u.Kind != platform.KindTLS && u.Kind != platform.KindReset {
			t.Errorf("got %v", err)
		}
	})
	t.Run("expired", func(t *testing.T) {
		p := openShop(t, func(o *Options) { o.Now = func() time.Time { return time.Now().Add(-2 * readerLife) } })
		p.stop()
		p.start()
		_, err := p.client.Heartbeat(t.Context(), platform.HeartbeatRequest{})
		var u *platform.Unreachable
		if !errors.As(err, &u) || u.Kind != platform.KindTLS && u.Kind != platform.KindReset {
			t.Errorf("got %v", err)
		}
	})
	t.Run("valid but no reader's", func(t *testing.T) {
		key := newKey(t)
		der, err := p.s.keys.issue(&x509.Certificate{NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, key.Public(), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.clientWith(func() tls.Certificate { return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key} }).Heartbeat(t.Context(), platform.HeartbeatRequest{})
		wantError(t, err, 401, platform.CodeUnauthenticated)
	})
}

func TestConfiguration(t *testing.T) {
	p := openShop(t)
	answer, err := p.client.Config(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	pub, err := platform.ParseSigningKey(p.activation.SigningKey)
	if err != nil {
		t.Fatal(err)
	}
	c, err := platform.OpenConfig(pub, answer.Signed)
	if err != nil {
		t.Fatal(err)
	}
	if c.ReaderID != p.activation.Reader.ID || c.Location != p.activation.Location || !c.Offline.Enabled || c.Livemode ||
		len(c.Applications) == 0 || len(c.CAKeys) == 0 {
		t.Errorf("%+v", c)
	}
	if _, err := seal.ParsePublicKey(c.SealKeys[0].ID, c.SealKeys[0].Key); err != nil {
		t.Error(err)
	}
	// Nothing new, also after a restart; the heartbeat tells the same ETag.
	p.restart()
	again, err := p.client.Config(t.Context(), answer.ETag)
	if err != nil || !again.NotModified {
		t.Errorf("%+v, %v", again, err)
	}
	if beat, err := p.client.Heartbeat(t.Context(), platform.HeartbeatRequest{SoftwareVersion: "1"}); err != nil || beat.ConfigETag != answer.ETag {
		t.Errorf("%+v, %v", beat, err)
	}

	// A location's own configuration goes before the account's.
	off := p.must("POST", "/v1/terminal/configurations", "name=off&offline[enabled]=false")
	p.must("POST", "/v1/terminal/locations/"+p.activation.Location.ID, "configuration_overrides="+off["id"].(string))
	changed, err := p.client.Config(t.Context(), answer.ETag)
	if err != nil || changed.NotModified {
		t.Fatalf("%+v, %v", changed, err)
	}
	if c, err = platform.OpenConfig(pub, changed.Signed); err != nil || c.Offline.Enabled {
		t.Errorf("%+v, %v", c, err)
	}
	// What the location's configuration leaves open is inherited.
	open := p.must("POST", "/v1/terminal/configurations", "name=open")
	p.must("POST", "/v1/terminal/locations/"+p.activation.Location.ID, "configuration_overrides="+open["id"].(string))
	if changed, err = p.client.Config(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if c, err = platform.OpenConfig(pub, changed.Signed); err != nil || !c.Offline.Enabled {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestRedeem(t *testing.T) {
	now := time.Now()
	p := openShop(t, func(o *Options) { o.Now = func() time.Time { return now } })
	spki, err := x509.MarshalPKIXPublicKey(newKey(t).Public())
	if err != nil {
		t.Fatal(err)
	}
	redeem := func(token string) (*platform.RedeemResponse, error) {
		return p.client.Redeem(t.Context(), platform.RedeemRequest{ConnectionToken: token, POSID: "pos-1", POSPublicKey: spki, Network: "net"})
	}
	token := p.token(url.Values{"location": {p.activation.Location.ID}})
	got, err := redeem(token)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := platform.ParseSigningKey(p.activation.SigningKey)
	if err != nil {
		t.Fatal(err)
	}
	c, err := platform.OpenCredential(pub, got.Credential)
	if err != nil {
		t.Fatal(err)
	}
	if c.POSID != "pos-1" || c.LocationID != p.activation.Location.ID || c.DeviceType != "simulated_stripe_s700" || c.Network != "net" ||
		!bytes.Equal(c.PublicKey, spki) || c.ExpiresAtMs-c.IssuedAtMs != 30*24*3600*1000 {
		t.Errorf("%+v", c)
	}

	_, err = redeem(token)
	wantError(t, err, 400, platform.CodeTokenInvalid) // one shot
	_, err = redeem("pst_unknown")
	wantError(t, err, 400, platform.CodeTokenInvalid)
	late := p.token(nil)
	now = now.Add(tokenLifeMs * time.Millisecond)
	_, err = redeem(late)
	wantError(t, err, 400, platform.CodeTokenInvalid) // expired
	if err := p.s.update(func(t *tx) error {
		t.put(location{Location: platform.Location{ID: "tml_other"}})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	_, err = redeem(p.token(url.Values{"location": {"tml_other"}}))
	wantError(t, err, 400, platform.CodeTokenLocation)
	known := spki
	if spki, err = x509.MarshalPKIXPublicKey(newKey(t).Public()); err != nil {
		t.Fatal(err)
	}
	token = p.token(nil)
	_, err = redeem(token)
	wantError(t, err, 409, platform.CodePOSKey) // another till takes the name
	p.restart()
	_, err = redeem(token)
	wantError(t, err, 409, platform.CodePOSKey)
	spki = known
	if _, err = redeem(token); err != nil { // the refusals spent nothing
		t.Error(err)
	}
	spki = []byte("no key")
	_, err = redeem(p.token(nil))
	wantError(t, err, 400, platform.CodeInvalidRequest)
}

func TestDeviceIntents(t *testing.T) {
	p := openShop(t)
	ctx := t.Context()
	q := platform.CreatePaymentIntent{Key: "k1", LocalID: "pl_1", Amount: 1250, Currency: "usd", CaptureMethod: "manual", Metadata: map[string]string{"a": "b"}}
	o, err := p.client.CreatePaymentIntent(ctx, q)
	if err != nil || o.Status != "requires_payment_method" || o.Amount != 1250 || o.Metadata["a"] != "b" {
		t.Fatalf("%+v, %v", o, err)
	}
	if again, err := p.client.CreatePaymentIntent(ctx, q); err != nil || again.ID != o.ID {
		t.Errorf("same key: %+v, %v", again, err)
	}
	other := q
	other.Amount = 1
	_, err = p.client.CreatePaymentIntent(ctx, other)
	wantError(t, err, 409, platform.CodeKeyConflict)
	// A local id names one payment for ever, so it has one key.
	other = q
	other.Key = "k3"
	_, err = p.client.CreatePaymentIntent(ctx, other)
	wantError(t, err, 409, platform.CodeKeyConflict)
	for name, spoil := range map[string]func(*platform.CreatePaymentIntent){
		"no key": func(q *platform.CreatePaymentIntent) { q.Key = "" }, "amount": func(q *platform.CreatePaymentIntent) { q.Amount = 0 },
		"currency": func(q *platform.CreatePaymentIntent) { q.Currency = "USD" }, "capture": func(q *platform.CreatePaymentIntent) { q.CaptureMethod = "never" },
		"usage": func(q *platform.CreatePaymentIntent) { q.SetupFutureUsage = "x" }, "metadata": func(q *platform.CreatePaymentIntent) { q.Metadata = map[string]string{"": ""} },
		"description": func(q *platform.CreatePaymentIntent) { q.Description = strings.Repeat("x", 1001) },
	} {
		bad := q
		bad.Key = "k2"
		spoil(&bad)
		_, err := p.client.CreatePaymentIntent(ctx, bad)
		if e := wantError(t, err, 400, platform.CodeInvalidRequest); e == nil {
			t.Error(name)
		}
	}
	if got, err := p.client.RetrievePaymentIntent(ctx, o.ID); err != nil || got.ClientSecret != o.ClientSecret {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := p.client.RetrievePaymentIntentBySecret(ctx, o.ClientSecret); err != nil || got.ID != o.ID {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{"pi_x", "", "x"} {
		if _, err := p.client.RetrievePaymentIntentBySecret(ctx, bad); !errors.Is(err, platform.ErrNotFound) {
			t.Errorf("%q: %v", bad, err)
		}
	}

	// Authorized under its key, then canceled: what was held is given back.
	y := p.pay("visa", 1250)
	y.header.Key, y.header.LocalID, y.header.CaptureMethod = "k1", "pl_1", "manual"
	if v := y.authorize(); v.Intent == nil || v.Intent.ID != o.ID || v.Intent.Status != "requires_capture" {
		t.Fatalf("%+v", v)
	}
	for range 2 {
		canceled, err := p.client.CancelPaymentIntent(ctx, o.ID, platform.CancelPaymentIntent{Reason: "duplicate"})
		if err != nil || canceled.Status != "canceled" || canceled.CanceledAtMs == 0 || canceled.AmountCapturable != 0 {
			t.Errorf("%+v, %v", canceled, err)
		}
	}
	p.wantTotals(usd(0, 0), usd(0, 0), usd(1, 1250))
	next := y.again("visa")
	next.header.CaptureMethod = "manual"
	if v := next.authorize(); v.Status != platform.StatusFailed || v.Code != platform.CodeIntentCanceled {
		t.Errorf("%+v", v)
	}
	done := p.pay("visa", 100).authorize()
	_, err = p.client.CancelPaymentIntent(ctx, done.Intent.ID, platform.CancelPaymentIntent{})
	wantError(t, err, 409, platform.CodeIntentState)
	_, err = p.client.CancelPaymentIntent(ctx, "pi_x", platform.CancelPaymentIntent{})
	wantError(t, err, 404, platform.CodeIntentNotFound)
}

// TestNamesOfDifferentIntents: a submission whose names contradict each other.
func TestNamesOfDifferentIntents(t *testing.T) {
	p := openShop(t)
	one, err := p.client.CreatePaymentIntent(t.Context(), platform.CreatePaymentIntent{Key: "k1", LocalID: "pl_1", Amount: 100, Currency: "usd"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.client.CreatePaymentIntent(t.Context(), platform.CreatePaymentIntent{Key: "k2", LocalID: "pl_2", Amount: 100, Currency: "usd"}); err != nil {
		t.Fatal(err)
	}
	y := p.pay("visa", 100)
	y.header.IntentID, y.header.Key = one.ID, "k2"
	if v := y.authorize(); v.Code != platform.CodeHeaderMismatch {
		t.Errorf("%+v", v)
	}
	y = p.pay("visa", 200)
	y.header.IntentID = one.ID
	if v := y.authorize(); v.Code != platform.CodeAmountMismatch {
		t.Errorf("%+v", v)
	}
}

func TestBadBodies(t *testing.T) {
	p := openShop(t)
	roots := x509.NewCertPool()
	roots.AddCert(p.s.CA())
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{
		{Certificate: [][]byte{p.activation.Certificate}, PrivateKey: p.key},
	}}}
	defer transport.CloseIdleConnections()
	c := &http.Client{Transport: transport}
	base := "https://" + p.s.opts.Device.Addr().String()
	before := len(readState(t, p))
	for _, path := range []string{
		platform.PathActivate, platform.PathRedeem, platform.PathPaymentIntents, platform.PathPaymentIntents + "/pi_1/cancel",
		platform.PathAuthorize, platform.PathOfflinePayments, platform.PathReversals, platform.PathHeartbeat,
	} {
		for name, test := range map[string]struct {
			body   string
			status int
		}{
			"garbage":     {"\x00\xff{", 400},
			"empty":       {"", 400},
			"array":       {"[]", 400},
			"wrong types": {`{"serial":1,"posId":{},"amount":"x","reason":[],"naturalKey":7,"pending":"x"}`, 400},
			"two values":  {`{} {}`, 400},
			"too long":    {`{"x":"` + strings.Repeat("y", maxBody) + `"}`, 413},
			"deep":        {strings.Repeat("[", 50_000), 400},
		} {
			resp, err := c.Post(base+path, "application/json", strings.NewReader(test.body))
			if err != nil {
				t.Fatalf("%s %s: %v", path, name, err)
			}
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode != test.status || !strings.Contains(string(body), `"code":"invalid_request"`) {
				t.Errorf("%s %s: %d %s", path, name, resp.StatusCode, body)
			}
		}
	}
	for _, path := range []string{"/", "/v1/terminal/device/unknown", "/v1/charges"} {
		resp, err := c.Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
	if after := len(readState(t, p)); after != before {
		t.Error("bad requests left traces in the state")
	}
}

func TestSubmissionMustFitItsPath(t *testing.T) {
	p := openShop(t)
	q := p.pay("visa", 100).sealed()
	q.Offline = true
	body, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	p.s.submission(false)(w, httptest.NewRequest("POST", platform.PathAuthorize, bytes.NewReader(body)), caller{})
	if w.Code != 400 || p.s.Totals().Submissions != 0 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
