package platform

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
)

func newSigner(t testing.TB) (*ecdsa.PrivateKey, []byte) {
	t.Helper()
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

// goodConfig is a configuration that validates.
func goodConfig(t testing.TB) *Config {
	_, spki := newSigner(t)
	return &Config{
		Version: ConfigVersion, ReaderID: "tmr_1", IssuedAtMs: 1,
		Location:    Location{ID: "tml_1", Country: "US", Currency: "usd"},
		Offline:     Offline{Enabled: true, Limits: []OfflineLimit{{Currency: "usd", MaxAmount: 100}}},
		SigningKeys: [][]byte{spki},
		Terminal:    Terminal{Type: "22", Capabilities: "E0B8C8", AdditionalCapabilities: "7000B0A001", Country: 840, MCC: 5999},
		Applications: []Application{{
			AID: "A0000000031010", Brand: "visa", Version: "0096",
			TACDenial: "0000000000", TACOnline: "0000000000", TACDefault: "0000000000",
		}},
		Contactless: []Contactless{
			{
				AID: "A0000000031010", Brand: "visa", Kernel: KernelC3, TTQ: "36C04000",
				Limits: []ContactlessLimits{{Currency: "usd", Floor: new(int64), CVMRequired: new(int64)}, {Currency: "eur", Floor: amount(5000), CVMRequired: amount(5000)}},
			},
			{
				AID: "A0000000041010", Brand: "mastercard", Kernel: KernelC2, Version: "0002",
				TACDenial: "0000000000", TACOnline: "0000000000", TACDefault: "0000000000",
				Limits: []ContactlessLimits{{Currency: "usd", Transaction: new(int64), OnDevice: new(int64), Floor: new(int64), CVMRequired: new(int64)}},
			},
			{AID: "A00000002501", Brand: "amex", Kernel: KernelInsert},
			{AID: "A00000002501", Brand: "amex", Kernel: KernelInsert, KernelID: 4},
		},
		CAKeys: []CAKey{{
			RID: "A000000003", Index: "E7", Modulus: strings.Repeat("AB", 144), Exponent: "03",
			Expiry: "2031-12", Checksum: strings.Repeat("00", 20),
		}},
		SealKeys: []SealKey{{ID: "k1", Key: []byte{1}}},
	}
}

// amount is a limit in minor units.
func amount(n int64) *int64 { return &n }

func TestConfigRoundTrip(t *testing.T) {
	key, _ := newSigner(t)
	payload, err := json.Marshal(goodConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := Sign(LabelConfig, key, payload)
	if err != nil {
		t.Fatal(err)
	}
	c, err := OpenConfig(&key.PublicKey, signed)
	if err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(c)
	if err != nil || !bytes.Equal(again, payload) {
		t.Errorf("changed on the way: %v\n%s\n%s", err, payload, again)
	}
}

func TestValidateNamesTheField(t *testing.T) {
	for field, spoil := range map[string]func(*Config){
		"version":                            func(c *Config) { c.Version = 2 },
		"readerId":                           func(c *Config) { c.ReaderID = "" },
		"issuedAtMs":                         func(c *Config) { c.IssuedAtMs = 0 },
		"location.id":                        func(c *Config) { c.Location.ID = "" },
		"location.country":                   func(c *Config) { c.Location.Country = "USA" },
		"location.currency":                  func(c *Config) { c.Location.Currency = "USD" },
		"softwareNotAfterMs":                 func(c *Config) { c.SoftwareNotAfterMs = -1 },
		"signingKeys[0]":                     func(c *Config) { c.SigningKeys[0] = []byte{1} },
		"offline.configMaxAgeMs":             func(c *Config) { c.Offline.ConfigMaxAgeMs = -1 },
		"offline.sessionMaxAgeMs":            func(c *Config) { c.Offline.SessionMaxAgeMs = -1 },
		"offline.limits[0].currency":         func(c *Config) { c.Offline.Limits[0].Currency = "us" },
		"offline.limits[1].currency":         func(c *Config) { c.Offline.Limits = append(c.Offline.Limits, c.Offline.Limits[0]) },
		"offline.limits[0].maxAmount":        func(c *Config) { c.Offline.Limits[0].MaxAmount = -1 },
		"offline.limits[0].entryMode":        func(c *Config) { c.Offline.Limits[0].EntryMode = "swipe" },
		"offline.limits[0].maxPerCard":       func(c *Config) { c.Offline.Limits[0].MaxPerCard = -1 },
		"offline.limits[0].maxStoredPerCard": func(c *Config) { c.Offline.Limits[0].MaxStoredPerCard = -1 },
		"offline.limits[0].cardWindowMs":     func(c *Config) { c.Offline.Limits[0].CardWindowMs = -1 },
		"offline.inspection":                 func(c *Config) { c.Offline.Inspection = "maybe" },
		"offline.deferAfterMs":               func(c *Config) { c.Offline.DeferAfterMs = 120_001 },
		"offline.forwardInFlight":            func(c *Config) { c.Offline.ForwardInFlight = 33 },
		"offline.receiptDays":                func(c *Config) { c.Offline.ReceiptDays = -1 },
		"offline.equivalents.asOf":           func(c *Config) { c.Offline.Equivalents = &Equivalents{AsOf: "today"} },
		"offline.equivalents.amounts": func(c *Config) {
			c.Offline.Equivalents = &Equivalents{AsOf: "2026-11-01", Amounts: map[string]int64{"EU": 1}}
		},
		"offline.equivalents.amounts.eur": func(c *Config) {
			c.Offline.Equivalents = &Equivalents{AsOf: "2026-11-01", Amounts: map[string]int64{"eur": 0}}
		},
		"link.failedAttempts":             func(c *Config) { c.Link.FailedAttempts = -1 },
		"link.retryMinMs":                 func(c *Config) { c.Link.RetryMinMs = 1 },
		"link.onlineIntervalMs":           func(c *Config) { c.Link.OnlineIntervalMs = 25 * 3600 * 1000 },
		"link.probeTimeoutMs":             func(c *Config) { c.Link.ProbeTimeoutMs = -1 },
		"offline.limits[0].maxCount":      func(c *Config) { c.Offline.Limits[0].MaxCount = -1 },
		"offline.limits[0].maxStored":     func(c *Config) { c.Offline.Limits[0].MaxStored = -1 },
		"offline.limits[0].maxAgeMs":      func(c *Config) { c.Offline.Limits[0].MaxAgeMs = -1 },
		"terminal.serialNumber":           func(c *Config) { c.Terminal.SerialNumber = "1" },
		"terminal.type":                   func(c *Config) { c.Terminal.Type = "2" },
		"terminal.capabilities":           func(c *Config) { c.Terminal.Capabilities = "E0B8" },
		"terminal.additionalCapabilities": func(c *Config) { c.Terminal.AdditionalCapabilities = "x" },
		"terminal.country":                func(c *Config) { c.Terminal.Country = 1000 },
		"terminal.mcc":                    func(c *Config) { c.Terminal.MCC = -1 },
		"terminal.acquirerId":             func(c *Config) { c.Terminal.AcquirerID = "00000000000000" },
		"terminal.merchantId":             func(c *Config) { c.Terminal.MerchantID = "1234567890123456" },
		"terminal.terminalId":             func(c *Config) { c.Terminal.TerminalID = "123456789" },
		"applications":                    func(c *Config) { c.Applications = nil },
		"applications[0].aid":             func(c *Config) { c.Applications[0].AID = "A0000000" },
		"applications[0].version":         func(c *Config) { c.Applications[0].Version = "00" },
		"applications[0].tacDenial":       func(c *Config) { c.Applications[0].TACDenial = "" },
		"applications[0].tacOnline":       func(c *Config) { c.Applications[0].TACOnline = "" },
		"applications[0].tacDefault":      func(c *Config) { c.Applications[0].TACDefault = "" },
		"applications[0].floorLimit":      func(c *Config) { c.Applications[0].FloorLimit = -1 },
		"applications[0].randomThreshold": func(c *Config) { c.Applications[0].RandomThreshold = -1 },
		"applications[0].randomTarget":    func(c *Config) { c.Applications[0].RandomTarget = 5 },
		"applications[0].randomMaximum":   func(c *Config) { c.Applications[0].RandomMaximum = 100 },
		"applications[0].defaultDdol":     func(c *Config) { c.Applications[0].DefaultDDOL = "9" },
		"applications[0].defaultTdol":     func(c *Config) { c.Applications[0].DefaultTDOL = "z" },
		"applications[0].floorCurrency":   func(c *Config) { c.Applications[0].FloorCurrency = "USD" },
		"applications[0].capabilities":    func(c *Config) { c.Applications[0].Capabilities = "E0" },
		"applications[0].additionalCapabilities": func(c *Config) {
			c.Applications[0].AdditionalCapabilities = "E0"
		},
		"applications[0].country": func(c *Config) { c.Applications[0].Country = 1000 },
		"contactless[0].aid":      func(c *Config) { c.Contactless[0].AID = "A0000000" },
		"contactless[1].aid":      func(c *Config) { c.Contactless[1].AID = "not hex" },
		"contactless[0].brand":    func(c *Config) { c.Contactless[0].Brand = "" },
		"contactless[0].kernel":   func(c *Config) { c.Contactless[0].Kernel = "c4" },
		"contactless[2].kernel":   func(c *Config) { c.Contactless[2].Kernel = "" },
		"contactless[1].kernel": func(c *Config) {
			c.Contactless[1] = Contactless{AID: "a0000000043060", Brand: "maestro", Kernel: KernelC3, TTQ: "36C04000", Limits: c.Contactless[0].Limits}
		},
		"contactless[0].kernelId":              func(c *Config) { c.Contactless[0].KernelID = 3 },
		"contactless[2].kernelId":              func(c *Config) { c.Contactless[2].KernelID = 128 },
		"contactless[3].kernelId":              func(c *Config) { c.Contactless[3].KernelID = -1 },
		"contactless[0].limits":                func(c *Config) { c.Contactless[0].Limits = nil },
		"contactless[1].limits":                func(c *Config) { c.Contactless[1].Limits = []ContactlessLimits{} },
		"contactless[2].limits":                func(c *Config) { c.Contactless[2].Limits = c.Contactless[0].Limits },
		"contactless[0].ttq":                   func(c *Config) { c.Contactless[0].TTQ = "36C040" },
		"contactless[1].ttq":                   func(c *Config) { c.Contactless[1].TTQ = "36C04000" },
		"contactless[1].version":               func(c *Config) { c.Contactless[1].Version = "" },
		"contactless[0].version":               func(c *Config) { c.Contactless[0].Version = "0002" },
		"contactless[1].tacDenial":             func(c *Config) { c.Contactless[1].TACDenial = "00" },
		"contactless[1].tacOnline":             func(c *Config) { c.Contactless[1].TACOnline = "" },
		"contactless[1].tacDefault":            func(c *Config) { c.Contactless[1].TACDefault = "000000000000" },
		"contactless[0].tacDenial":             func(c *Config) { c.Contactless[0].TACDenial = "0000000000" },
		"contactless[2].tacOnline":             func(c *Config) { c.Contactless[2].TACOnline = "0000000000" },
		"contactless[3].tacDefault":            func(c *Config) { c.Contactless[3].TACDefault = "0000000000" },
		"contactless[0].magneticStripe":        func(c *Config) { c.Contactless[0].MagneticStripe = true },
		"contactless[0].limits[0].currency":    func(c *Config) { c.Contactless[0].Limits[0].Currency = "USD" },
		"contactless[0].limits[1].currency":    func(c *Config) { c.Contactless[0].Limits[1].Currency = "usd" },
		"contactless[0].limits[1].onDevice":    func(c *Config) { c.Contactless[0].Limits[1].OnDevice = new(int64) },
		"contactless[0].limits[1].transaction": func(c *Config) { c.Contactless[0].Limits[1].Transaction = amount(-1) },
		"contactless[0].limits[0].floor":       func(c *Config) { c.Contactless[0].Limits[0].Floor = amount(-1) },
		"contactless[0].limits[1].floor":       func(c *Config) { c.Contactless[0].Limits[1].Floor = nil },
		"contactless[1].limits[0].cvmRequired": func(c *Config) { c.Contactless[1].Limits[0].CVMRequired = nil },
		"contactless[0].limits[0].cvmRequired": func(c *Config) { c.Contactless[0].Limits[0].CVMRequired = amount(1_000_000_000_000) },
		"contactless[1].limits[0].onDevice":    func(c *Config) { c.Contactless[1].Limits[0].OnDevice = amount(-1) },
		"contactless[4].aid": func(c *Config) { // in whatever letters
			again := c.Contactless[0]
			again.AID = "a0000000031010"
			c.Contactless = append(c.Contactless, again)
		},
		"contactless[4].kernel": func(c *Config) {
			mastercard := c.Contactless[1]
			mastercard.AID = "A0000000032010"
			c.Contactless = append(c.Contactless, mastercard)
		},
		"contactless[5].aid": func(c *Config) { // a reader with the kernel and one without it
			c.Contactless = append(c.Contactless, Contactless{AID: "A000000004", Brand: "maestro", Kernel: KernelInsert, KernelID: 2},
				Contactless{AID: "A0000000031010", Brand: "visa", Kernel: KernelInsert, KernelID: 3})
		},
		"terminal.pin.format":   func(c *Config) { c.Terminal.PIN = &PIN{Format: "iso2", Key: "pin"} },
		"terminal.pin.key":      func(c *Config) { c.Terminal.PIN = &PIN{Format: PINFormat4} },
		"offline.withoutIssuer": func(c *Config) { c.Offline.WithoutIssuer = "pos" },
		"caKeys[0].mode":        func(c *Config) { c.CAKeys[0].Mode = "tests" },
		"revoked[0].rid":        func(c *Config) { c.Revoked = []Revocation{{RID: "A0", Index: "01", Serial: "000001"}} },
		"revoked[0].index":      func(c *Config) { c.Revoked = []Revocation{{RID: "A000000003", Serial: "000001"}} },
		"revoked[0].serial":     func(c *Config) { c.Revoked = []Revocation{{RID: "A000000003", Index: "01", Serial: "01"}} },
		"caKeys[0].rid":         func(c *Config) { c.CAKeys[0].RID = "A0" },
		"caKeys[0].index":       func(c *Config) { c.CAKeys[0].Index = "" },
		"caKeys[0].modulus":     func(c *Config) { c.CAKeys[0].Modulus = "AB" },
		"caKeys[0].exponent":    func(c *Config) { c.CAKeys[0].Exponent = "" },
		"caKeys[0].checksum":    func(c *Config) { c.CAKeys[0].Checksum = "" },
		"caKeys[0].expiry":      func(c *Config) { c.CAKeys[0].Expiry = "2031-13" },
		"sealKeys":              func(c *Config) { c.SealKeys = nil },
		"sealKeys[0]":           func(c *Config) { c.SealKeys[0].Key = nil },
		"sealKeys[1].id":        func(c *Config) { c.SealKeys = append(c.SealKeys, c.SealKeys[0]) },
	} {
		c := goodConfig(t)
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		spoil(c)
		err := c.Validate()
		if !errors.Is(err, ErrDocument) || !strings.Contains(err.Error(), ": "+field+" ") {
			t.Errorf("%s: got %v", field, err)
		}
	}
}

// The largest floor limit is what '9F1B' holds; the kernel would refuse more.
func TestFloorLimitFits(t *testing.T) {
	c := goodConfig(t)
	c.Applications[0].FloorLimit = 1<<32 - 1
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	c.Applications[0].FloorLimit++
	if err := c.Validate(); !errors.Is(err, ErrDocument) || !strings.Contains(err.Error(), "applications[0].floorLimit is not 0 to 4294967295") {
		t.Errorf("got %v", err)
	}
}

// What does not fit into the arithmetic is refused, not taken for no bound.
func TestValidateBoundsWhatIsReckonedWith(t *testing.T) {
	const huge = math.MaxInt64
	for field, spoil := range map[string]func(*Config){
		"offline.configMaxAgeMs":         func(c *Config) { c.Offline.ConfigMaxAgeMs = huge },
		"offline.sessionMaxAgeMs":        func(c *Config) { c.Offline.SessionMaxAgeMs = huge },
		"offline.receiptDays":            func(c *Config) { c.Offline.ReceiptDays = huge },
		"offline.limits[0].maxAgeMs":     func(c *Config) { c.Offline.Limits[0].MaxAgeMs = huge },
		"offline.limits[0].cardWindowMs": func(c *Config) { c.Offline.Limits[0].CardWindowMs = huge },
		"link.failedAttempts":            func(c *Config) { c.Link.FailedAttempts = huge },
	} {
		c := goodConfig(t)
		spoil(c)
		if err := c.Validate(); !errors.Is(err, ErrDocument) || !strings.Contains(err.Error(), " "+field+" ") {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestSignatures(t *testing.T) {
	key, _ := newSigner(t)
	other, _ := newSigner(t)
	signed, err := Sign(LabelConfig, key, []byte("payload"))
	if err != nil {
		t.Fatal(err)
	}
	if err := Verify(LabelConfig, &key.PublicKey, signed); err != nil {
		t.Errorf("good signature: %v", err)
	}
	changed := bytes.Clone(signed.Signature)
	changed[40] ^= 1
	for name, err := range map[string]error{
		"another purpose": Verify(LabelCredential, &key.PublicKey, signed),
		"another key":     Verify(LabelConfig, &other.PublicKey, signed),
		"no key":          Verify(LabelConfig, nil, signed),
		"another payload": Verify(LabelConfig, &key.PublicKey, Signed{[]byte("payloae"), signed.Signature}),
		"another split":   Verify(LabelConfig+"p", &key.PublicKey, Signed{[]byte("ayload"), signed.Signature}),
		"changed":         Verify(LabelConfig, &key.PublicKey, Signed{signed.Payload, changed}),
		"cut":             Verify(LabelConfig, &key.PublicKey, Signed{signed.Payload, signed.Signature[:63]}),
		"zeros":           Verify(LabelConfig, &key.PublicKey, Signed{signed.Payload, make([]byte, 64)}),
		"none":            Verify(LabelConfig, &key.PublicKey, Signed{signed.Payload, nil}),
	} {
		if !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Sign(LabelConfig, p384, nil); err == nil {
		t.Error("signed with a key that is not P-256")
	}
}

// TestKeyRotation: a configuration signed with the pinned key announces the
// next key, and from then on both are good for both documents.
func TestKeyRotation(t *testing.T) {
	pinned, pinnedSPKI := newSigner(t)
	next, nextSPKI := newSigner(t)
	stranger, _ := newSigner(t)
	signed := func(key *ecdsa.PrivateKey, label string, document any) Signed {
		t.Helper()
		payload, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Sign(label, key, payload)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	config := goodConfig(t)
	config.SigningKeys = [][]byte{pinnedSPKI, nextSPKI}
	credential := POSCredential{POSID: "p", PublicKey: nextSPKI, LocationID: "tml_1", IssuedAtMs: 1, ExpiresAtMs: 2}

	first, err := ParseSigningKeys(pinnedSPKI)
	if err != nil {
		t.Fatal(err)
	}
	announced, err := first.OpenConfig(signed(pinned, LabelConfig, config))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.OpenConfig(signed(next, LabelConfig, config)); !errors.Is(err, ErrSignature) {
		t.Errorf("a key that only announces itself: %v", err)
	}
	both, err := ParseSigningKeys(append([][]byte{pinnedSPKI}, announced.SigningKeys...)...)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		keys SigningKeys
		key  *ecdsa.PrivateKey
		want error
	}{
		"pinned":            {both, pinned, nil},
		"next":              {both, next, nil},
		"stranger":          {both, stranger, ErrSignature},
		"before announcing": {first, next, ErrSignature},
		"no keys":           {nil, pinned, ErrSignature},
	} {
		if c, err := test.keys.OpenConfig(signed(test.key, LabelConfig, config)); !errors.Is(err, test.want) || err == nil && c.ReaderID != "tmr_1" {
			t.Errorf("%s: configuration: %v", name, err)
		}
		if c, err := test.keys.OpenCredential(signed(test.key, LabelCredential, credential)); !errors.Is(err, test.want) || err == nil && c.POSID != "p" {
			t.Errorf("%s: credential: %v", name, err)
		}
		if _, err := test.keys.OpenCredential(signed(test.key, LabelConfig, credential)); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: signed for another purpose: %v", name, err)
		}
	}
	if _, err := ParseSigningKeys(); err == nil {
		t.Error("no keys at all")
	}
	if _, err := ParseSigningKeys(pinnedSPKI, []byte{1}); err == nil {
		t.Error("a key that is none")
	}
}

func TestCredential(t *testing.T) {
	key, spki := newSigner(t)
	good := POSCredential{POSID: "p", PublicKey: spki, LocationID: "tml_1", IssuedAtMs: now.UnixMilli(), ExpiresAtMs: now.UnixMilli() + 1}
	sign := func(c POSCredential) Signed {
		payload, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Sign(LabelCredential, key, payload)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	c, err := OpenCredential(&key.PublicKey, sign(good))
	if err != nil || c.POSID != "p" {
		t.Fatalf("%+v, %v", c, err)
	}
	if c.Expired(now) || !c.Expired(now.Add(1e6)) {
		t.Error("Expired is wrong at the edge")
	}
	for field, spoil := range map[string]func(*POSCredential){
		"posId":       func(c *POSCredential) { c.POSID = "" },
		"locationId":  func(c *POSCredential) { c.LocationID = "" },
		"publicKey":   func(c *POSCredential) { c.PublicKey = nil },
		"issuedAtMs":  func(c *POSCredential) { c.IssuedAtMs = 0 },
		"expiresAtMs": func(c *POSCredential) { c.ExpiresAtMs = c.IssuedAtMs },
	} {
		bad := good
		spoil(&bad)
		if _, err := OpenCredential(&key.PublicKey, sign(bad)); !errors.Is(err, ErrDocument) || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
	config, err := Sign(LabelConfig, key, sign(good).Payload)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenCredential(&key.PublicKey, config); !errors.Is(err, ErrSignature) {
		t.Errorf("signed for another purpose: %v", err)
	}
}

func TestIdentity(t *testing.T) {
	a := newAuthority(t)
	key, _ := newSigner(t)
	csr, err := NewCSR(key, "S1")
	if err != nil {
		t.Fatal(err)
	}
	if parsed, err := x509.ParseCertificateRequest(csr); err != nil || parsed.CheckSignature() != nil || parsed.Subject.CommonName != "S1" {
		t.Errorf("CSR: %+v, %v", parsed, err)
	}
	cert, err := x509.ParseCertificate(a.issue(nil).Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	if id, err := ReaderID(cert); id != "tmr_1" || err != nil {
		t.Errorf("%q, %v", id, err)
	}
	if _, err := ReaderID(a.cert); !errors.Is(err, ErrIdentity) {
		t.Errorf("of a CA: %v", err)
	}
}
