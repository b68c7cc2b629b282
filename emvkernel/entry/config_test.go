package entry_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/entry"
	"smartreader/emvkernel/tap"
)

// Errors name the entry and what is wrong with it.
func TestConfigNamesTheEntry(t *testing.T) {
	if err := newShop(t).cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		change func(*shop, *tap.Combination) // of combination 2, Visa
		want   string                        // empty: it is good
	}{
		{"no terminal", func(s *shop, _ *tap.Combination) { s.cfg.EMV = nil }, "no terminal"},
		{"no combinations", func(s *shop, _ *tap.Combination) { s.cfg.Combinations = nil }, "no combinations"},
		{"AID too short", func(_ *shop, c *tap.Combination) { c.AID = c.AID[:4] }, "combination 2 (A0000000): AID of 4 bytes"},
		{"AID too long", func(_ *shop, c *tap.Combination) { c.AID = make([]byte, 17) }, "AID of 17 bytes"},
		{"shortest and longest AID", func(s *shop, c *tap.Combination) { c.AID = c.AID[:5]; s.cfg.Combinations[1].AID = make([]byte, 16) }, ""},
		{"no kernel", func(_ *shop, c *tap.Combination) { c.Kernel = nil }, "combination 2 (A0000000031010): no kernel"},
		{"kernel 0", func(_ *shop, c *tap.Combination) { c.Kernel = &stub{} }, "kernel identifier 0"},
		{"any kernel, elsewhere", func(_ *shop, c *tap.Combination) { c.Kernel = tap.Elsewhere(0) }, ""},
		{"largest kernel identifier", func(_ *shop, c *tap.Combination) { c.Kernel = &stub{id: 0x7F} }, ""},
		{"domestic kernel", func(_ *shop, c *tap.Combination) { c.Kernel = &stub{id: 0x80} }, "kernel identifier 80"},
		{"transaction type", func(_ *shop, c *tap.Combination) { c.Types = []byte{0x00, 0x0A} }, "transaction type 0A"},
		{"transaction type, first digit", func(_ *shop, c *tap.Combination) { c.Types = []byte{0xA0} }, "transaction type A0"},
		{"largest transaction type", func(_ *shop, c *tap.Combination) { c.Types = []byte{0x99} }, ""},
		{"largest currency", func(_ *shop, c *tap.Combination) { c.Limits = []tap.Limits{{Currency: 999}} }, ""},
		{"the kernel's own word", func(s *shop, _ *tap.Combination) { s.k3.check = errors.New("no TTQ") }, "combination 2 (A0000000031010): kernel 3: no TTQ"},
		{"the same again", func(s *shop, c *tap.Combination) { *c = s.cfg.Combinations[0] }, "as in combination 0"},
		{"the same for another type", func(s *shop, c *tap.Combination) { *c = s.cfg.Combinations[0]; c.Types = []byte{0x20} }, ""},
		{"the same for more types", func(s *shop, c *tap.Combination) { *c = s.cfg.Combinations[0]; c.Types = []byte{0x20, 0x00} }, "as in combination 0"},
		{"the same for one of more types", func(s *shop, c *tap.Combination) {
			s.cfg.Combinations[0].Types = []byte{0x20, 0x00}
			*c = s.cfg.Combinations[0]
			c.Types = nil
		}, "as in combination 0"},
		{"the same application, another kernel", func(s *shop, c *tap.Combination) { c.AID = s.cfg.Combinations[0].AID }, ""},
		{"the same application and kernel, once to be inserted", func(s *shop, c *tap.Combination) { *c = s.cfg.Combinations[0]; c.Kernel = tap.Elsewhere(2) }, ""},
		{"currency", func(_ *shop, c *tap.Combination) { c.Limits = []tap.Limits{{Currency: 1000}} }, "limits 0: currency 1000"},
		{"currency twice", func(_ *shop, c *tap.Combination) {
			c.Limits = []tap.Limits{{Currency: 840}, {Currency: 978}, {Currency: 840}}
		}, "limits 2: never looked at"},
		{"behind every currency", func(_ *shop, c *tap.Combination) { c.Limits = []tap.Limits{{}, {Currency: 978}} }, "limits 1: never looked at"},
		{"before every currency", func(_ *shop, c *tap.Combination) { c.Limits = []tap.Limits{{Currency: 978}, {}} }, ""},
		{"negative limit", func(_ *shop, c *tap.Combination) { c.Limits = []tap.Limits{{Transaction: limit(-1)}} }, "limits 0: transaction limit -1"},
		{"limit too large", func(_ *shop, c *tap.Combination) { c.Limits = []tap.Limits{{Floor: limit(1_000_000_000_000)}} }, "floor limit 1000000000000"},
		{"largest limit", func(_ *shop, c *tap.Combination) { c.Limits = []tap.Limits{{Floor: limit(999_999_999_999)}} }, ""},
		{"CVM limit", func(_ *shop, c *tap.Combination) { c.Limits = []tap.Limits{{CVMRequired: limit(-1)}} }, "CVM limit -1"},
		{"on-device limit", func(_ *shop, c *tap.Combination) { c.Limits = []tap.Limits{{OnDevice: limit(-1)}} }, "on-device limit -1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newShop(t)
			tt.change(s, &s.cfg.Combinations[2])
			err := s.cfg.Validate()
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !errors.Is(err, tap.ErrConfig) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// A payment that cannot be is the caller's mistake.
func TestNewRefuses(t *testing.T) {
	tests := map[string]func(*entry.Config, *emvkernel.Params, *entry.Environment){
		"no terminal":     func(c *entry.Config, _ *emvkernel.Params, _ *entry.Environment) { c.EMV = nil },
		"no field":        func(_ *entry.Config, _ *emvkernel.Params, e *entry.Environment) { e.Field = nil },
		"negative amount": func(_ *entry.Config, p *emvkernel.Params, _ *entry.Environment) { p.Amount = -1 },
		"large amount":    func(_ *entry.Config, p *emvkernel.Params, _ *entry.Environment) { p.Amount = 1_000_000_000_000 },
		"cashback":        func(_ *entry.Config, p *emvkernel.Params, _ *entry.Environment) { p.Cashback = 1251 },
		"less cashback":   func(_ *entry.Config, p *emvkernel.Params, _ *entry.Environment) { p.Cashback = -1 },
		"no currency":     func(_ *entry.Config, p *emvkernel.Params, _ *entry.Environment) { p.Currency = 0 },
		"currency":        func(_ *entry.Config, p *emvkernel.Params, _ *entry.Environment) { p.Currency = 1000 },
		"exponent":        func(_ *entry.Config, p *emvkernel.Params, _ *entry.Environment) { p.Exponent = 10 },
		"type":            func(_ *entry.Config, p *emvkernel.Params, _ *entry.Environment) { p.Type = 0x0A },
		"type, first":     func(_ *entry.Config, p *emvkernel.Params, _ *entry.Environment) { p.Type = 0xA0 },
		"no time":         func(_ *entry.Config, p *emvkernel.Params, _ *entry.Environment) { p.Time = time.Time{} },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			env := s.environment()
			change(s.cfg, &s.p, &env)
			if tx, err := entry.New(s.cfg, s.p, env); tx != nil || !errors.Is(err, tap.ErrConfig) {
				t.Errorf("%v, %v", tx, err)
			}
		})
	}
	if _, err := entry.New(nil, payment(), newShop(t).environment()); !errors.Is(err, tap.ErrConfig) {
		t.Error(err)
	}
	for _, amount := range []int64{0, 999_999_999_999} {
		s := newShop(t)
		s.p.Amount, s.p.Currency, s.p.Exponent, s.p.Type = amount, 999, 9, 0x99
		if _, err := entry.New(s.cfg, s.p, s.environment()); err != nil {
			t.Error(err)
		}
	}
}
