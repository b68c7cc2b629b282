package reader

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"smartreader/firmware/platform"
	"smartreader/lan/wire"
	"smartreader/store"
)

// Invariant 6: a credential that has expired once stays expired, also when the
// clock is turned back.
func TestCredentialsExpireByTheTimeFloor(t *testing.T) {
	newKey := func() (*ecdsa.PrivateKey, []byte) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		spki, err := x509.MarshalPKIXPublicKey(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		return key, spki
	}
	platformKey, platformSPKI := newKey()
	_, posSPKI := newKey()
	deviceKey, _ := newKey()

	start := time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC)
	clock := start
	ledger, err := store.Open(t.Context(), store.Options{Dir: t.TempDir(), Signer: deviceKey, Now: func() time.Time { return clock }, MinFreeBytes: 1, ReserveBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer ledger.Close()
	r := &Reader{store: ledger}
	r.identity.Reader.DeviceType = "smartreader_desk"
	r.identity.SigningKey = platformSPKI
	config := &configuration{platform: &platform.Config{AccountID: "acct_1", Location: platform.Location{ID: "tml_1"}}}

	good := platform.POSCredential{
		AccountID: "acct_1", POSID: "till-1", PublicKey: posSPKI, LocationID: "tml_1", DeviceType: "smartreader_desk",
		IssuedAtMs: start.UnixMilli(), ExpiresAtMs: start.Add(30 * 24 * time.Hour).UnixMilli(),
	}
	check := func(c platform.POSCredential) error {
		payload, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := platform.Sign(platform.LabelCredential, platformKey, payload)
		if err != nil {
			t.Fatal(err)
		}
		opened, err := r.checkCredential(config, wire.ConnectReaderParams{POSID: "till-1", POSPublicKey: posSPKI},
			&wire.Credential{Payload: signed.Payload, Signature: signed.Signature})
		if err != nil {
			return err
		}
		return r.checkWindows(config.platform, opened)
	}
	if err := check(good); err != nil {
		t.Errorf("fresh: %v", err)
	}
	clock = start.Add(30*24*time.Hour - time.Second)
	if err := check(good); err != nil {
		t.Errorf("in its last second: %v", err)
	}
	clock = start.Add(30 * 24 * time.Hour)
	if err := ledger.RaiseFloor(t.Context(), clock); err != nil {
		t.Fatal(err)
	}
	if err := check(good); !errors.Is(err, wire.CodeReaderNotAvailableOffline) {
		t.Errorf("expired: got %v", err)
	}
	clock = start
	if err := check(good); !errors.Is(err, wire.CodeReaderNotAvailableOffline) {
		t.Errorf("clock turned back: got %v", err)
	}

	clock = start.Add(-time.Hour)
	for name, test := range map[string]struct {
		change func(*platform.POSCredential)
		want   wire.Code
	}{
		"other account":  {func(c *platform.POSCredential) { c.AccountID = "acct_2" }, wire.CodeMissingPrerequisite},
		"live mode":      {func(c *platform.POSCredential) { c.Livemode = true }, wire.CodeMissingPrerequisite},
		"other location": {func(c *platform.POSCredential) { c.LocationID = "tml_2" }, wire.CodeLocationNotAvailableOffline},
		"other type":     {func(c *platform.POSCredential) { c.DeviceType = "other" }, wire.CodeReaderNotAvailableOffline},
		"other POS":      {func(c *platform.POSCredential) { c.POSID = "till-2" }, wire.CodeAuthenticationFailed},
	} {
		c := good
		c.ExpiresAtMs += (40 * 24 * time.Hour).Milliseconds()
		test.change(&c)
		if err := check(c); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
	}
	config.platform.RevokedPOS = []string{"till-1"}
	c := good
	c.ExpiresAtMs += (40 * 24 * time.Hour).Milliseconds()
	if err := check(c); !errors.Is(err, wire.CodeMissingPrerequisite) {
		t.Errorf("revoked: got %v", err)
	}
}
