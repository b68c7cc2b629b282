package sandbox

import (
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"smartreader/firmware/platform"
)

// configOf fetches, verifies and decodes the reader's configuration.
func configOf(t *testing.T, p *shop) *platform.Config {
	t.Helper()
	answer, err := p.client.Config(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	c, err := platform.OpenConfig(&p.s.keys.signing.PublicKey, answer.Signed)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func redeemRequest(t *testing.T, token string) platform.RedeemRequest {
	t.Helper()
	spki, err := x509.MarshalPKIXPublicKey(newKey(t).Public())
	if err != nil {
		t.Fatal(err)
	}
	return platform.RedeemRequest{ConnectionToken: token, POSID: "pos-1", POSPublicKey: spki, Network: "home"}
}

func (p *shop) putSettings(body string) (int, string) {
	w := httptest.NewRecorder()
	p.s.ControlHandler().ServeHTTP(w, httptest.NewRequest("PUT", "/control/platform/offline", strings.NewReader(body)))
	return w.Code, w.Body.String()
}

const fullSettings = `{
 "limits":[{"currency":"usd","maxAmount":50000,"maxCount":9,"maxStored":90000,"maxAgeMs":86400000,"maxPerCard":2,"maxStoredPerCard":7000,"cardWindowMs":3600000},
           {"currency":"usd","brand":"visa","entryMode":"contactless_emv","cvm":"none","maxAmount":5000}],
 "equivalents":{"asOf":"2026-11-01","amounts":{"usd":1000000,"eur":900000}},
 "configMaxAgeMs":86400000,"sessionMaxAgeMs":43200000,"requirePaired":true,"anyNetwork":true,"inspection":"omit","contactlessSca":true,"contactlessUnauthenticated":true,"withoutIssuer":"card",
 "deferAfterMs":8000,"forwardInFlight":2,"receiptDays":30,
 "link":{"failedAttempts":3,"probeTimeoutMs":2000,"onlineIntervalMs":30000,"retryMinMs":500,"retryMaxMs":60000},
 "softwareVersion":"2.0.0","softwareNotAfterMs":1900000000000}`

// TestSettingsReachTheReader: every member of the document arrives in the
// signed configuration, and stays.
func TestSettingsReachTheReader(t *testing.T) {
	p := openShop(t)
	before := configOf(t, p)
	if before.Offline.ConfigMaxAgeMs != 30*dayMs || before.Offline.SessionMaxAgeMs != 0 || len(before.Offline.Limits) != 1 {
		t.Errorf("shipped: %+v", before.Offline)
	}
	if status, body := p.putSettings(fullSettings); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	want := *before
	if err := json.Unmarshal([]byte(fullSettings), &want.Offline); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(fullSettings), &want); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		got := configOf(t, p)
		if got.IssuedAtMs <= before.IssuedAtMs {
			t.Errorf("issued %d after %d", got.IssuedAtMs, before.IssuedAtMs)
		}
		want.IssuedAtMs = got.IssuedAtMs
		if !reflect.DeepEqual(*got, want) {
			t.Errorf("%+v\nnot\n%+v", *got, want)
		}
		p.restart()
	}
	// The test itself must know of every member.
	v := reflect.ValueOf(want.Offline)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("offline.%s is not tried", v.Type().Field(i).Name)
		}
	}
}

// TestSettingsOfALocation: the Location's come first, what it does not set is
// the account's, and a PUT replaces all of its own.
func TestSettingsOfALocation(t *testing.T) {
	p := openShop(t)
	at := p.activation.Reader.LocationID
	put := func(body string) {
		t.Helper()
		if status, answer := p.putSettings(body); status != http.StatusOK {
			t.Fatalf("%s: %d %s", body, status, answer)
		}
	}
	put(`{"requirePaired":true,"receiptDays":10,"limits":[{"currency":"eur"}]}`)
	put(`{"location":"` + at + `","requirePaired":false,"anyNetwork":true,"limits":[]}`)
	o := configOf(t, p).Offline
	if o.RequirePaired || !o.AnyNetwork || o.ReceiptDays != 10 || o.Limits == nil || len(o.Limits) != 0 {
		t.Errorf("%+v", o)
	}
	put(`{"location":"` + at + `"}`)
	o = configOf(t, p).Offline
	if !o.RequirePaired || o.AnyNetwork || len(o.Limits) != 1 || o.Limits[0].Currency != "eur" {
		t.Errorf("%+v", o)
	}
	put(`{}`)
	if o := configOf(t, p).Offline; o.RequirePaired || o.ReceiptDays != 0 || o.Limits[0].Currency != "usd" {
		t.Errorf("%+v", o)
	}
}

func TestSettingsRefusals(t *testing.T) {
	p := openShop(t)
	before := configOf(t, p)
	for _, test := range [][2]string{
		{`{"limits":[{"currency":"USD"}]}`, "limits[0].currency"},
		{`{"limits":[{"currency":"usd","entryMode":"swipe"}]}`, "entryMode"},
		{`{"limits":[{"currency":"usd","maxPerCard":-1}]}`, "maxPerCard"},
		{`{"equivalents":{"asOf":"soon","amounts":{"usd":1}}}`, "equivalents.asOf"},
		{`{"equivalents":{"asOf":"2026-11-01"}}`, "amounts"},
		{`{"inspection":"maybe"}`, "inspection"},
		{`{"deferAfterMs":-1}`, "deferAfterMs"},
		{`{"contactlessLimits":[]}`, "contactlessLimits is empty"},
		{`{"contactlessLimits":[{"currency":"usd","floor":0,"cvmRequired":0},{"currency":"usd","floor":0,"cvmRequired":0}]}`, "contactlessLimits[1].currency is a repeat"},
		{`{"contactlessLimits":[{"currency":"usd","floor":0,"cvmRequired":-1}]}`, "contactlessLimits[0].cvmRequired"},
		{`{"contactlessLimits":[{"currency":"usd","cvmRequired":0}]}`, "contactlessLimits[0].floor is missing"},
		// What only the reader would refuse: it would keep its old configuration, and nobody be told.
		{`{"contactlessLimits":[{"currency":"xyz","floor":0,"cvmRequired":0}]}`, `contactlessLimits[0].currency: \"xyz\" is no currency`},
		{`{"limits":[{"currency":"usd"},{"currency":"xyz"}]}`, `limits[1].currency: \"xyz\" is no currency`},
		{`{"equivalents":{"asOf":"2026-11-01","amounts":{"usd":1,"xyz":1}}}`, `equivalents.amounts: \"xyz\" is no currency`},
		{`{"floorLimit":4294967296}`, `"floorLimit is not`},
		{`{"floorLimit":-1}`, `"floorLimit is not`},
		{`{"pinFormat":"iso2"}`, `"pinFormat is neither`},
		{`{"country":"XX"}`, `country: \"XX\" is no country`},
		{`{"country":"de"}`, `country: \"de\"`},
		{`{"contactlessLimits":[{"currency":"usd","cvmLimit":1}]}`, "cvmLimit"},
		{`{"forwardInFlight":99}`, "forwardInFlight"},
		{`{"link":{"retryMinMs":-1}}`, "link.retryMinMs"},
		{`{"softwareNotAfterMs":-1}`, "softwareNotAfterMs"},
		{`{"paymentMaxAgeMs":-1}`, "paymentMaxAgeMs"},
		{`{"limit":[]}`, "limit"},
		{`{"location":"tml_x"}`, "tml_x"},
		{`{"location":"` + p.activation.Reader.LocationID + `","sessionMaxAgeMs":-1}`, "sessionMaxAgeMs"},
		{`[]`, "object"},
		{``, "object"},
	} {
		status, body := p.putSettings(test[0])
		if status != http.StatusBadRequest || !strings.Contains(body, test[1]) {
			t.Errorf("%s: %d %s", test[0], status, body)
		}
		for _, foreign := range []string{"offline.", "contactless[", "applications[", "terminal.", "configuration:"} {
			if strings.Contains(body, foreign) {
				t.Errorf("%s: %s, which says %s, a word of no setting", test[0], body, foreign)
			}
		}
	}
	if after := configOf(t, p); !reflect.DeepEqual(before, after) {
		t.Errorf("%+v, not %+v", after, before)
	}
}

// TestSettingOfTheCountry: readers believe to be there, with the terminal data and
// the currency they have; the public API's Location stays.
func TestSettingOfTheCountry(t *testing.T) {
	p := openShop(t)
	before := configOf(t, p)
	if status, body := p.putSettings(`{"country":"DE"}`); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	got := configOf(t, p)
	if got.Location.Country != "DE" || got.Location.Currency != "usd" || !reflect.DeepEqual(got.Terminal, before.Terminal) {
		t.Errorf("%+v, %+v", got.Location, got.Terminal)
	}
	address := p.must("GET", "/v1/terminal/locations/"+before.Location.ID, "")["address"].(map[string]any)
	if address["country"] != "US" {
		t.Errorf("the public API says %v", address["country"])
	}
	at := before.Location.ID
	if status, body := p.putSettings(`{"location":"` + at + `","country":"FR"}`); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	if c := configOf(t, p).Location.Country; c != "FR" {
		t.Errorf("the Location's own country is %s", c)
	}
}

// TestIssuedRises: every change, made within the same millisecond and with a
// clock that stands, makes a configuration that readers take for newer.
func TestIssuedRises(t *testing.T) {
	now := time.Now()
	p := openShop(t, func(o *Options) { o.Now = func() time.Time { return now } })
	last := configOf(t, p).IssuedAtMs
	for name, change := range map[string]func(){
		"settings": func() { p.putSettings(`{"receiptDays":3}`) },
		"configuration": func() {
			p.must("POST", "/v1/terminal/configurations/"+p.s.state.defaultConfiguration().ID, "offline[enabled]=false")
		},
		"location": func() { p.must("POST", "/v1/terminal/locations/"+p.activation.Reader.LocationID, "display_name=x") },
		"revocation": func() {
			if err := p.s.RevokePOS("p"); err != nil {
				t.Fatal(err)
			}
		},
		"activation": func() {
			key := newKey(t)
			p.activation, p.key = p.activate("S700-TEST", key), key
		},
	} {
		change()
		if issued := configOf(t, p).IssuedAtMs; issued <= last {
			t.Errorf("%s: %d after %d", name, issued, last)
		} else {
			last = issued
		}
	}
}

// TestLocationOverridesOffline: Stripe's own field, set per Location and unset.
func TestLocationOverridesOffline(t *testing.T) {
	p := openShop(t)
	own := p.must("POST", "/v1/terminal/configurations", "name=shop&offline[enabled]=false")["id"].(string)
	p.must("POST", "/v1/terminal/locations/"+p.activation.Reader.LocationID, "configuration_overrides="+own)
	if configOf(t, p).Offline.Enabled {
		t.Error("the Location's own setting does not hold")
	}
	if out := p.must("POST", "/v1/terminal/configurations/"+own, "offline="); out["offline"] != nil {
		t.Errorf("%v", out)
	}
	if !configOf(t, p).Offline.Enabled {
		t.Error("what the Location does not set is not the account's")
	}
}

// TestSoftwareNotAfter: a month from the last day the reader was there with
// current software, and a bundle that is the same all day.
func TestSoftwareNotAfter(t *testing.T) {
	now := time.Date(2030, 5, 6, 1, 0, 0, 0, time.UTC)
	p := openShop(t, func(o *Options) { o.Now = func() time.Time { return now } })
	day := func(d int) int64 { return time.Date(2030, 5, d, 0, 0, 0, 0, time.UTC).UnixMilli() }
	want := func(first int64) {
		t.Helper()
		c := configOf(t, p)
		if c.SoftwareNotAfterMs != first+31*dayMs {
			t.Errorf("%v, not 31 days after %v", time.UnixMilli(c.SoftwareNotAfterMs).UTC(), time.UnixMilli(first).UTC())
		}
	}
	beat := func(version string) string {
		t.Helper()
		h, err := p.client.Heartbeat(t.Context(), platform.HeartbeatRequest{SoftwareVersion: version})
		if err != nil {
			t.Fatal(err)
		}
		return h.ConfigETag
	}
	want(day(6))
	morning := beat("1.0")
	now = now.Add(20 * time.Hour)
	if evening := beat("1.0"); evening != morning {
		t.Error("the configuration changes within a day")
	}
	now = now.Add(10 * time.Hour)
	if next := beat("1.0"); next == morning {
		t.Error("a day later the reader learns nothing")
	}
	want(day(7))
	if status, body := p.putSettings(`{"softwareVersion":"2.0"}`); status != http.StatusOK {
		t.Fatal(body)
	}
	now = now.Add(48 * time.Hour)
	beat("1.0") // there, but with old software
	want(day(7))
	beat("2.0")
	want(day(9))
	if status, body := p.putSettings(`{"softwareNotAfterMs":0}`); status != http.StatusOK {
		t.Fatal(body)
	}
	if c := configOf(t, p); c.SoftwareNotAfterMs != 0 {
		t.Errorf("never: %d", c.SoftwareNotAfterMs)
	}
}

func TestCredentialKeepsTheNetwork(t *testing.T) {
	p := openShop(t)
	answer, err := p.client.Redeem(t.Context(), redeemRequest(t, p.token(nil)))
	if err != nil {
		t.Fatal(err)
	}
	c, err := platform.OpenCredential(&p.s.keys.signing.PublicKey, answer.Credential)
	if err != nil || c.Network != "home" || c.ExpiresAtMs-c.IssuedAtMs != 30*dayMs {
		t.Errorf("%+v, %v", c, err)
	}
}

// What goes into applications and terminal data arrives there.
func TestSettingsOfTheKernel(t *testing.T) {
	p := openShop(t)
	before := configOf(t, p)
	if a := before.Applications[0]; a.OfflineApproval || a.PINBypass || a.FloorLimit != 0 || a.FloorCurrency != "" || before.Terminal.PIN.Format != platform.PINFormat4 {
		t.Errorf("shipped: %+v, %+v", a, before.Terminal.PIN)
	}
	if status, body := p.putSettings(`{"floorLimit":2500,"offlineApproval":true,"pinBypass":true,"pinFormat":"iso0"}`); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	got := configOf(t, p)
	for _, a := range got.Applications {
		if !a.OfflineApproval || !a.PINBypass || a.FloorLimit != 2500 || a.FloorCurrency != "usd" {
			t.Errorf("%+v", a)
		}
	}
	if *got.Terminal.PIN != (platform.PIN{Format: platform.PINFormat0, Key: pinKeyTDES}) {
		t.Errorf("%+v", got.Terminal.PIN)
	}
	if status, _ := p.putSettings(`{"pinFormat":"iso2"}`); status == http.StatusOK {
		t.Error("a PIN block format that does not exist was taken")
	}
}
