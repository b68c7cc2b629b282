package emvkernel_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"smartreader/emvkernel"
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
		{"no country", func(c *emvkernel.Config) { c.Terminal.Country = 0 }, "country"},
		{"country 1000", func(c *emvkernel.Config) { c.Terminal.Country = 1000 }, "country"},
		{"serial number of 7", func(c *emvkernel.Config) { c.Terminal.SerialNumber = "1234567" }, "serial"},
		{"merchant of 16", func(c *emvkernel.Config) { c.Terminal.MerchantID = "1234567890123456" }, "merchant"},
		{"terminal of 9", func(c *emvkernel.Config) { c.Terminal.TerminalID = "123456789" }, "terminal"},
		{"category 10000", func(c *emvkernel.Config) { c.Terminal.MCC = 10000 }, "category"},
		{"acquirer of 7", func(c *emvkernel.Config) { c.Terminal.AcquirerID = make([]byte, 7) }, "acquirer"},
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
