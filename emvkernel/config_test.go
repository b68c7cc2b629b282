package emvkernel_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/oda"
)

func TestConfigNamesTheEntry(t *testing.T) {
	tests := []struct {
		name   string
		change func(*emvkernel.Config)
		want   string
	}{
		{"terminal type 27", func(c *emvkernel.Config) { c.Terminal.Type = 0x27 }, "terminal"},
		{"terminal type 31", func(c *emvkernel.Config) { c.Terminal.Type = 0x31 }, "terminal"},
		{"terminal type 41", func(c *emvkernel.Config) { c.Terminal.Type = 0x41 }, "terminal"},
		{"terminal type 02", func(c *emvkernel.Config) { c.Terminal.Type = 0x02 }, "terminal: type 02"},
		{"terminal type 20", func(c *emvkernel.Config) { c.Terminal.Type = 0x20 }, "terminal: type 20"},
		{"no country", func(c *emvkernel.Config) { c.Terminal.Country = 0 }, "country"},
		{"country 1000", func(c *emvkernel.Config) { c.Terminal.Country = 1000 }, "country"},
		{"serial number of 7", func(c *emvkernel.Config) { c.Terminal.SerialNumber = "1234567" }, "serial"},
		{"merchant of 16", func(c *emvkernel.Config) { c.Terminal.MerchantID = "1234567890123456" }, "terminal: merchant identifier of 16 bytes"},
		{"merchant name of 128", func(c *emvkernel.Config) { c.Terminal.MerchantName = strings.Repeat("x", 128) }, "terminal: merchant name of 128 bytes"},
		{"terminal of 9", func(c *emvkernel.Config) { c.Terminal.TerminalID = "123456789" }, "terminal: terminal identification of 9 bytes"},
		{"category 10000", func(c *emvkernel.Config) { c.Terminal.MCC = 10000 }, "category"},
		{"acquirer of 7", func(c *emvkernel.Config) { c.Terminal.AcquirerID = make([]byte, 7) }, "terminal: acquirer identifier of 7 bytes"},
		{"no applications", func(c *emvkernel.Config) { c.Applications = nil }, "no applications"},
		{"AID of 4", func(c *emvkernel.Config) { c.Applications[1].AID = make([]byte, 4) }, "application 1"},
		{"AID of 17", func(c *emvkernel.Config) { c.Applications[1].AID = make([]byte, 17) }, "application 1"},
		{"AID twice", func(c *emvkernel.Config) { c.Applications[1].AID = c.Applications[0].AID }, "application 0"},
		{"floor limit below zero", func(c *emvkernel.Config) { c.Applications[0].FloorLimit = -1 }, "floor"},
		{"floor limit too large", func(c *emvkernel.Config) { c.Applications[0].FloorLimit = 1 << 32 }, "floor"},
		{"random above 99", func(c *emvkernel.Config) { c.Applications[0].RandomMaximum = 100 }, "random"},
		{"random target above maximum", func(c *emvkernel.Config) { c.Applications[0].RandomTarget = 1 }, "random"},
		{"random threshold at the floor", func(c *emvkernel.Config) {
			c.Applications[0].RandomMaximum, c.Applications[0].RandomThreshold = 9, 5000
		}, "threshold"},
		{"default DDOL", func(c *emvkernel.Config) { c.Applications[0].DefaultDDOL = []byte{0x9F} }, "DDOL"},
		{"default DDOL without the unpredictable number", func(c *emvkernel.Config) { c.Applications[0].DefaultDDOL = []byte{0x9A, 0x03} }, "DDOL"},
		{"default DDOL with half of it", func(c *emvkernel.Config) { c.Applications[0].DefaultDDOL = []byte{0x9F, 0x37, 0x02} }, "DDOL"},
		{"default TDOL", func(c *emvkernel.Config) { c.Applications[0].DefaultTDOL = []byte{0x9F} }, "TDOL"},
		{"floor currency 1000", func(c *emvkernel.Config) { c.Applications[1].FloorCurrency = 1000 }, "application 1 (A0000000041010): floor limit currency 1000"},
		{"country of an application", func(c *emvkernel.Config) { c.Applications[1].Country = 1000 }, "application 1 (A0000000041010): country 1000"},
		{"PIN bypass without PIN", func(c *emvkernel.Config) { c.Applications[0].PINBypass = true }, "application 0 (A0000000031010): PIN bypass"},
		{"PIN bypass where the application has no PIN", func(c *emvkernel.Config) {
			c.Terminal.Capabilities[1] |= 0x80
			c.Applications[0].PINBypass, c.Applications[0].Capabilities = true, &[3]byte{0x20, 0x28, 0xC8}
		}, "application 0 (A0000000031010): PIN bypass"},
		{"offline approval online-only", func(c *emvkernel.Config) { c.Terminal.Type, c.Applications[1].OfflineApproval = 0x21, true },
			"application 1 (A0000000041010): offline approval"},
		{"language of three letters", func(c *emvkernel.Config) { c.Terminal.Languages = []string{"de", "eng"} }, "terminal: language 1"},
		{"language in capitals", func(c *emvkernel.Config) { c.Terminal.Languages = []string{"DE"} }, "terminal: language 0"},
		{"language of digits", func(c *emvkernel.Config) { c.Terminal.Languages = []string{"d1"} }, "terminal: language 0"},
		{"two languages in one", func(c *emvkernel.Config) { c.Terminal.Languages = []string{"deen"} }, "terminal: language 0"},
		{"revocation of nobody", func(c *emvkernel.Config) { c.Revoked = []oda.Revocation{{Index: 1}} }, "revocation 0: no RID"},
		{"revocation twice", func(c *emvkernel.Config) {
			r := oda.Revocation{RID: [5]byte{0xA0, 0, 0, 0, 3}, Index: 0x92, Serial: [3]byte{1, 2, 3}}
			c.Revoked = []oda.Revocation{r, {RID: r.RID, Index: 0x94, Serial: r.Serial}, r}
		}, "revocation 2 (A000000003 index 92 serial 010203): listed twice"},
		{"test keys on a live terminal", func(c *emvkernel.Config) { c.CAKeys = emvtest.CAKeys() }, "key 0 (A000000003 index E7): test key on a live terminal"},
		{"live key on a test terminal", func(c *emvkernel.Config) {
			c.CAKeys, c.Test = emvtest.CAKeys(), true
			c.CAKeys[1].Test = false
		}, "key 1 (A000000004 index E7): live key on a test terminal"},
		{"key twice", func(c *emvkernel.Config) {
			c.CAKeys, c.Test = emvtest.CAKeys()[:2], true
			c.CAKeys = append(c.CAKeys, c.CAKeys[0])
		}, "key 2 (A000000003 index E7): same RID and index as key 0"},
		{"a key everybody has on a live terminal", func(c *emvkernel.Config) {
			c.CAKeys = emvtest.CAKeys()[:1]
			c.CAKeys[0].Test = false
		}, "key 0 (A000000003 index E7): its private half is public"},
		{"key without checksum", func(c *emvkernel.Config) { c.CAKeys = []oda.CAKey{{}} }, "key 0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := terminal()
			if err := c.Validate(); err != nil {
				t.Fatal(err)
			}
			tt.change(c)
			err := c.Validate()
			if !errors.Is(err, emvkernel.ErrConfig) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q in it", err, tt.want)
			}
		})
	}
}

// What differs for one application is used for it and for no other: country, capabilities, and the floor
// limit in its own currency.
func TestApplicationOverrides(t *testing.T) {
	own := func(c *emvkernel.Config, _ *emvkernel.Params) {
		a := &c.Applications[0]
		a.Country, a.Capabilities, a.AdditionalCapabilities = 36, &[3]byte{0x60, 0x08, 0x80}, &[5]byte{1, 2, 3, 4, 5}
		a.FloorCurrency = 978
	}
	other := func(c *emvkernel.Config, p *emvkernel.Params) {
		own(c, p)
		c.Applications[1].AID, c.Applications[0].AID = c.Applications[0].AID, c.Applications[1].AID
	}
	for name, tt := range map[string]struct {
		change func(*emvkernel.Config, *emvkernel.Params)
		want   string // in the PDOL and again in CDOL1
	}{
		"none":            {nil, "0840 2028C8 600000A001 00001388"},
		"own":             {own, "0036 600880 0102030405 00000000"},
		"of another one":  {other, "0840 2028C8 600000A001 00001388"},
		"own floor limit": {func(c *emvkernel.Config, _ *emvkernel.Params) { c.Applications[0].FloorCurrency = 840 }, "0840 2028C8 600000A001 00001388"},
		"foreign currency": {func(c *emvkernel.Config, p *emvkernel.Params) {
			c.Applications[0].FloorCurrency = 840
			p.Currency = 978
		}, "0840 2028C8 600000A001 00000000"},
	} {
		s := newStub()
		list := unhex(t, "9F1A02 9F3303 9F4005 9F1B04")
		s.fci[0x9F38], s.data[0x8C] = list, list
		s.run(t, tt.change)
		want := unhex(t, tt.want)
		if got := s.asked(apdu.INSGetProcessingOptions)[0].Data; !bytes.Equal(got[2:], want) {
			t.Errorf("%s: PDOL data %X, want %X", name, got, want)
		}
		if got := s.asked(apdu.INSGenerateAC)[0].Data; !bytes.Equal(got, want) {
			t.Errorf("%s: CDOL1 data %X, want %X", name, got, want)
		}
	}
}

func TestParams(t *testing.T) {
	tests := map[string]func(*emvkernel.Params){
		"negative amount":       func(p *emvkernel.Params) { p.Amount = -1 },
		"thirteen digits":       func(p *emvkernel.Params) { p.Amount = 1_000_000_000_000 },
		"cashback above amount": func(p *emvkernel.Params) { p.Cashback = 1251 },
		"no currency":           func(p *emvkernel.Params) { p.Currency = 0 },
		"currency 1000":         func(p *emvkernel.Params) { p.Currency = 1000 },
		"exponent 10":           func(p *emvkernel.Params) { p.Exponent = 10 },
		"type with a letter":    func(p *emvkernel.Params) { p.Type = 0x0A },
		"no time":               func(p *emvkernel.Params) { p.Time = time.Time{} },
		"random number 100":     func(p *emvkernel.Params) { p.RandomSelection = 100 },
		"counter of 9 digits":   func(p *emvkernel.Params) { p.Counter = 100_000_000 },
	}
	for name, change := range tests {
		p := payment()
		change(&p)
		if _, err := emvkernel.NewTransaction(terminal(), p, newStub(), nil, nil); !errors.Is(err, emvkernel.ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := emvkernel.NewTransaction(nil, payment(), newStub(), nil, nil); !errors.Is(err, emvkernel.ErrConfig) {
		t.Error(err)
	}
	if _, err := emvkernel.NewTransaction(terminal(), payment(), nil, nil, nil); !errors.Is(err, emvkernel.ErrConfig) {
		t.Error(err)
	}
}
