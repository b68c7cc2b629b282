package reader

import (
	"encoding/hex"
	"reflect"
	"strings"
	"testing"

	"smartreader/emvkernel/emvtest"
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
