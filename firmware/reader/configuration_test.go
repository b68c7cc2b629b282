package reader

import (
	"encoding/hex"
	"reflect"
	"strings"
	"testing"

	"smartreader/emvkernel/c2"
	"smartreader/emvkernel/c3"
	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/tap"
	"smartreader/firmware/platform"
)

// kernelSettings is a configuration with everything that the kernel can be told.
func kernelSettings(t *testing.T) *platform.Config {
	t.Helper()
	test := emvtest.TerminalConfig()
	key := test.CAKeys[0]
	c := &platform.Config{
		ReaderID: "tmr_1",
		Terminal: platform.Terminal{
			SerialNumber: "12345678", Type: "22", Capabilities: "E0F8C8", AdditionalCapabilities: "6000F0B001", Country: 840, MCC: 5999,
			AcquirerID: "000000000001", MerchantID: "MERCHANT0000001", MerchantName: "Shop", TerminalID: "TERM0001", Languages: []string{"en"},
			PIN: &platform.PIN{Format: platform.PINFormat4, Key: "pin"},
		},
		Applications: []platform.Application{{
			AID: "A0000000031010", Brand: "visa", Version: "0096", TACDenial: "0000000000", TACOnline: "DC4004F800", TACDefault: "DC4000A800",
			FloorLimit: 5000, RandomThreshold: 100, RandomTarget: 10, RandomMaximum: 20, DefaultDDOL: "9F3704", DefaultTDOL: "9F0206",
			FloorCurrency: "usd", Capabilities: "E0F8C8", AdditionalCapabilities: "6000F0B001", Country: 840,
		}},
		CAKeys: []platform.CAKey{{
			RID: hexOf(key.RID[:]), Index: hexOf([]byte{key.Index}), Modulus: hexOf(key.Modulus), Exponent: hexOf(key.Exponent),
			Expiry: key.Expiry, Checksum: hexOf(key.Checksum), Mode: "test",
		}},
		Revoked: []platform.Revocation{{RID: "A000000003", Index: "92", Serial: "000001"}},
	}
	if _, err := settingsOf(c, "S1"); err != nil {
		t.Fatal(err)
	}
	return c
}

func hexOf(b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) }

// Every field of the platform's EMV data changes what the kernel works with. A new field belongs into this
// list, and into the kernel's configuration.
func TestEveryFieldReachesTheKernel(t *testing.T) {
	other := emvtest.TerminalConfig().CAKeys[1]
	entries := map[string]func(*platform.Config) any{
		"Terminal":    func(c *platform.Config) any { return &c.Terminal },
		"PIN":         func(c *platform.Config) any { return c.Terminal.PIN },
		"Application": func(c *platform.Config) any { return &c.Applications[0] },
		"CAKey":       func(c *platform.Config) any { return &c.CAKeys[0] },
		"Revocation":  func(c *platform.Config) any { return &c.Revoked[0] },
	}
	values := map[string]any{
		"Terminal.Type": "21", "Terminal.Capabilities": "E0F0C8", "Terminal.AdditionalCapabilities": "6000F0B002", "Terminal.Country": 124,
		"Terminal.MCC": 5812, "Terminal.AcquirerID": "000000000002", "Terminal.MerchantID": "MERCHANT0000002", "Terminal.MerchantName": "Other",
		"Terminal.TerminalID": "TERM0002", "Terminal.Languages": []string{"de"}, "Terminal.PIN": (*platform.PIN)(nil),
		"PIN.Format": platform.PINFormat0, "PIN.Key": "other",
		"Application.AID": "A0000000032010", "Application.Brand": "electron", "Application.PartialMatch": true, "Application.Version": "008C",
		"Application.TACDenial": "0010000000", "Application.TACOnline": "DC4004F801", "Application.TACDefault": "DC4000A801",
		"Application.FloorLimit": int64(6000), "Application.RandomThreshold": int64(200), "Application.RandomTarget": 11, "Application.RandomMaximum": 21,
		"Application.DefaultDDOL": "9F37049F0206", "Application.DefaultTDOL": "9F0306", "Application.FloorCurrency": "eur",
		"Application.OfflineApproval": true, "Application.PINBypass": true, "Application.Capabilities": "E0F0C8",
		"Application.AdditionalCapabilities": "6000F0B002", "Application.Country": 124,
		"CAKey.Expiry": "2040-01", "Revocation.RID": "A000000004", "Revocation.Index": "93", "Revocation.Serial": "000002",
	}
	// Not to be had one by one.
	values["Terminal.SerialNumber"] = nil // the board's own goes to the card
	for _, field := range []string{"RID", "Index", "Modulus", "Exponent", "Checksum"} {
		values["CAKey."+field] = nil // covered by the checksum: below
	}
	values["CAKey.Mode"] = nil // TestKeysOfTheOtherMode

	for entry, of := range entries {
		kind := reflect.TypeOf(of(kernelSettings(t))).Elem()
		for i := range kind.NumField() {
			field := entry + "." + kind.Field(i).Name
			value, listed := values[field]
			if !listed {
				t.Errorf("%s: which value arrives where?", field)
			}
			if value == nil {
				continue
			}
			before, c := kernelSettings(t), kernelSettings(t)
			reflect.ValueOf(of(c)).Elem().Field(i).Set(reflect.ValueOf(value))
			was, _ := settingsOf(before, "S1")
			now, err := settingsOf(c, "S1")
			if err != nil {
				t.Errorf("%s: %v", field, err)
			} else if was.PINKey == now.PINKey && was.PINFormat == now.PINFormat && reflect.DeepEqual(was.Kernel, now.Kernel) {
				t.Errorf("%s changes nothing", field)
			}
		}
	}
	c := kernelSettings(t)
	c.CAKeys[0].RID, c.CAKeys[0].Index, c.CAKeys[0].Checksum = hexOf(other.RID[:]), hexOf([]byte{other.Index}), hexOf(other.Checksum)
	c.CAKeys[0].Modulus, c.CAKeys[0].Exponent = hexOf(other.Modulus), hexOf(other.Exponent)
	s, err := settingsOf(c, "S1")
	if err != nil {
		t.Fatal(err)
	}
	if k := s.Kernel.CAKeys[0]; k.RID != other.RID || k.Index != other.Index || hexOf(k.Modulus) != hexOf(other.Modulus) || hexOf(k.Exponent) != hexOf(other.Exponent) {
		t.Errorf("another key: %+v", k)
	}
}

// A terminal in live mode takes no test key, whatever the configuration calls it, and the other way round;
// the error says which entry it is.
func TestKeysOfTheOtherMode(t *testing.T) {
	for _, c := range []struct {
		livemode bool
		mode     string
		refusal  string // empty: taken
	}{
		{false, "test", ""}, {false, "", ""}, {false, "live", "key 0"},
		{true, "test", "key 0"}, {true, "", "private half is public"}, {true, "live", "private half is public"},
	} {
		config := kernelSettings(t)
		config.Livemode, config.CAKeys[0].Mode = c.livemode, c.mode
		_, err := settingsOf(config, "S1")
		if (err == nil) != (c.refusal == "") || err != nil && !strings.Contains(err.Error(), c.refusal) {
			t.Errorf("live mode %v, key %q: %v", c.livemode, c.mode, err)
		}
	}
}

// What a configuration of an older release lacks, or had without effect, keeps none of its payments out.
func TestConfigurationOfAnOlderRelease(t *testing.T) {
	c := kernelSettings(t)
	c.Terminal.Languages, c.Terminal.PIN, c.Revoked = nil, nil, nil
	a := &c.Applications[0]
	a.FloorLimit, a.FloorCurrency, a.Capabilities, a.AdditionalCapabilities, a.Country = 0, "", "", "", 0
	c.CAKeys[0].Mode = ""
	s, err := settingsOf(c, "S1") // random selection, though there is no floor
	if err != nil {
		t.Fatal(err)
	}
	if s.PINKey != "" || s.CardDecides || s.Kernel.Applications[0].OfflineApproval || s.Kernel.Applications[0].RandomMaximum != 0 || len(s.Kernel.Terminal.Languages) == 0 {
		t.Errorf("%+v", s.Kernel)
	}
}

// What the platform says of taps reaches Entry Point and its kernels.
func TestTapConfiguration(t *testing.T) {
	limit := func(n int64) *int64 { return &n }
	mastercard := platform.Contactless{
		AID: "A0000000041010", Brand: "mastercard", Kernel: platform.KernelC2, Version: "0002",
		TACDenial: "0100000000", TACOnline: "FC509C8800", TACDefault: "FC509C8801",
		Limits: []platform.ContactlessLimits{{Currency: "usd", Transaction: limit(20000), OnDevice: limit(30000), Floor: limit(100), CVMRequired: limit(5000)}},
	}
	debit := mastercard
	debit.AID, debit.MagneticStripe = "A0000000043060", true
	visa := platform.Contactless{
		AID: "A0000000031010", Brand: "visa", Kernel: platform.KernelC3, TTQ: "3600C000", ZeroAmount: true,
		Limits: []platform.ContactlessLimits{{Currency: "jpy", CVMRequired: limit(10000)}},
	}
	amex := platform.Contactless{AID: "A000000025", Brand: "amex", Kernel: platform.KernelInsert, KernelID: 4}
	c := kernelSettings(t)
	c.Contactless = []platform.Contactless{mastercard, debit, visa, amex}
	s, err := settingsOf(c, "S1")
	if err != nil {
		t.Fatal(err)
	}
	if s.Tap.EMV != s.Kernel || len(s.Tap.Combinations) != 4 {
		t.Fatalf("%d combinations", len(s.Tap.Combinations))
	}
	k, other := s.Tap.Combinations[0].Kernel.(*c2.Kernel), s.Tap.Combinations[1].Kernel.(*c2.Kernel)
	if k.Version != [2]byte{0, 2} || k.TACDenial[0] != 1 || k.TACOnline[3] != 0x88 || k.TACDefault[4] != 1 || k.MagneticStripe || !other.MagneticStripe {
		t.Errorf("%+v", k)
	}
	if l := k.Limits[0]; l.Currency != 840 || *l.Transaction != 20000 || *l.OnDevice != 30000 || *l.Floor != 100 || *l.CVMRequired != 5000 {
		t.Errorf("%+v", l)
	}
	if k.Torn == nil || k.Torn != other.Torn {
		t.Error("a card that left is not found under its other application")
	}
	combination := s.Tap.Combinations[2]
	if _, ok := combination.Kernel.(*c3.Kernel); !ok || *combination.TTQ != [4]byte{0x36, 0, 0x40, 0} || !combination.ZeroAmountAllowed || combination.Limits[0].Currency != 392 {
		t.Errorf("%+v, qualifiers %X: an issuer update is promised, or something is lost", combination, *combination.TTQ)
	}
	if combination := s.Tap.Combinations[3]; combination.Kernel != tap.Elsewhere(4) {
		t.Errorf("%+v", combination)
	}
	for want, change := range map[string]func(*platform.Contactless){
		"contactless[2].kernel":             func(c *platform.Contactless) { c.Kernel = "c9" },
		"contactless[2].ttq":                func(c *platform.Contactless) { c.TTQ = "36" },
		"contactless[2].aid":                func(c *platform.Contactless) { c.AID = "no" },
		"contactless[2].limits[0].currency": func(c *platform.Contactless) { c.Limits = []platform.ContactlessLimits{{Currency: "xxx"}} },
	} {
		bad := visa
		change(&bad)
		c.Contactless = []platform.Contactless{mastercard, debit, bad}
		if _, err := settingsOf(c, "S1"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
