package emvkernel_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
)

const (
	aipCVM  = 0x10
	aipRisk = 0x08
)

// EMV facts 21 and 22: which rule is taken, the CVM results, the TVR's third byte.
func TestCVM(t *testing.T) {
	const (
		all     = 0x28 | 0x40 | 0x80 | 0x10 // signature, no CVM, online PIN, both offline PINs
		desk    = 0x28                      // signature and no CVM
		noneCap = 0x08
	)
	tests := []struct {
		name    string
		rules   string // behind X = 10.00 and Y = 20.00
		can     byte   // terminal capabilities, byte 2
		results string
		tvr     byte
		change  func(*emvkernel.Config, *emvkernel.Params)
	}{
		{name: "no CVM, always", rules: "1F00", can: desk, results: "1F0002"},
		{name: "no CVM with the next-rule bit", rules: "5F00", can: desk, results: "5F0002"},
		{name: "signature leaves an unknown result", rules: "1E00", can: desk, results: "1E0000"},
		{name: "signature if supported", rules: "5E03 1F03", can: desk, results: "5E0300"},
		{name: "signature not supported, condition 03: next rule", rules: "1E03 1F03", can: noneCap, results: "1F0302"},
		{name: "signature not supported, always, no next", rules: "1E00 1F00", can: noneCap, results: "3F0001", tvr: 0x80},
		{name: "signature not supported, always, next", rules: "5E00 1F00", can: noneCap, results: "1F0002"},
		{name: "no CVM not supported", rules: "1F00", can: 0x20, results: "3F0001", tvr: 0x80},
		{name: "no condition holds", rules: "1E01 1E04 1E05", can: desk, results: "3F0001", tvr: 0x80},
		{name: "unknown condition is passed over", rules: "1E0A 1F80 1F00", can: desk, results: "1F0002"},
		{name: "fail CVM", rules: "0000 1F00", can: desk, results: "000001", tvr: 0x80},
		{name: "fail CVM ends the list even with the next-rule bit", rules: "4000 1F00", can: desk, results: "400001", tvr: 0x80},
		{name: "fail CVM unless it is cash", rules: "0001 1F00", can: desk, results: "1F0002"},
		{name: "unrecognised, next", rules: "6000 1F00", can: desk, results: "1F0002", tvr: 0x40},
		{name: "unrecognised, no next", rules: "2000 1F00", can: desk, results: "3F0001", tvr: 0xC0},
		{name: "unrecognised and last", rules: "6000", can: desk, results: "3F0001", tvr: 0xC0},
		{name: "unrecognised with condition 03 is not met at all", rules: "6003 1F00", can: desk, results: "1F0002"},
		{name: "bit 8 set is unrecognised", rules: "DF00 1F00", can: desk, results: "1F0002", tvr: 0x40},

		{name: "online PIN not supported: no PIN pad, next", rules: "4200 1F00", can: desk, results: "1F0002", tvr: 0x10},
		{name: "online PIN not supported, no next", rules: "0200 1F00", can: desk, results: "3F0001", tvr: 0x90},
		{name: "online PIN if supported, is not", rules: "4203 1F00", can: desk, results: "1F0002"},
		{name: "offline PIN not supported", rules: "4100 1F00", can: desk, results: "1F0002", tvr: 0x10},
		{name: "enciphered PIN not supported, plaintext is: the pad is there", rules: "4400 1F00", can: 0x88, results: "1F0002", change: brokenPad},
		{name: "PIN and signature needs both", rules: "4303 1F00", can: 0x88, results: "1F0002"},
		{name: "PIN supported and the pad not working, next", rules: "4100 5E00", can: all, results: "5E0000", tvr: 0x10, change: brokenPad},
		{name: "PIN supported and the pad not working, no next", rules: "0100 1F00", can: all, results: "010001", tvr: 0x90, change: brokenPad},
		{name: "the last performed CVM is named, not a later unsupported one", rules: "4100 5E00", can: 0x80, results: "410001", tvr: 0x90, change: brokenPad},
		{name: "PIN in the configuration and no pad: not supported, next", rules: "4100 5E00", can: all, results: "5E0000", tvr: 0x10},
		{name: "PIN in the configuration and no pad: not supported, no next", rules: "0100 1F00", can: all, results: "3F0001", tvr: 0x90},
		{name: "PIN if supported and no pad: passed over", rules: "0103 1F00", can: all, results: "1F0002"},
		{name: "online PIN in the configuration and no pad: not supported", rules: "4200 1F00", can: all, results: "1F0002", tvr: 0x10},
		{name: "online PIN if supported and no pad: passed over", rules: "4203 1F00", can: all, results: "1F0002"},
		{name: "online PIN withdrawn for this payment", rules: "4203 1F00", can: all, results: "1F0002",
			change: func(_ *emvkernel.Config, p *emvkernel.Params) { p.NoOnlinePIN = true }},

		{name: "under X", rules: "1F06 1E00", can: desk, results: "1F0602", change: amount(999)},
		{name: "exactly X is neither under nor over", rules: "1F06 1F07 1E00", can: desk, results: "1E0000", change: amount(1000)},
		{name: "over X", rules: "1F06 1E07", can: desk, results: "1E0700", change: amount(1001)},
		{name: "under Y", rules: "1F08 1E00", can: desk, results: "1F0802", change: amount(1999)},
		{name: "over Y", rules: "1F08 1E09", can: desk, results: "1E0900", change: amount(2001)},
		{name: "another currency: amount rules do not apply", rules: "1F06 1E00", can: desk, results: "1E0000",
			change: func(_ *emvkernel.Config, p *emvkernel.Params) { p.Amount, p.Currency = 999, 978 }},
		{name: "another currency, small amount: none of them", rules: "1E06 1E07 1E08 1E09 1F00", can: desk, results: "1F0002",
			change: func(_ *emvkernel.Config, p *emvkernel.Params) { p.Amount, p.Currency = 999, 978 }},
		{name: "another currency, large amount: none of them", rules: "1E06 1E07 1E08 1E09 1F00", can: desk, results: "1F0002",
			change: func(_ *emvkernel.Config, p *emvkernel.Params) { p.Amount, p.Currency = 2001, 978 }},
		{name: "the amount compared has the cashback in it", rules: "1F06 1E07", can: desk, results: "1E0700",
			change: func(_ *emvkernel.Config, p *emvkernel.Params) { p.Amount, p.Cashback, p.Type = 1001, 900, 0x09 }},

		{name: "not cash, not cashback", rules: "1E02", can: desk, results: "1E0200"},
		{name: "cashback is not condition 02", rules: "1E02 1F05", can: desk, results: "1F0502",
			change: func(_ *emvkernel.Config, p *emvkernel.Params) { p.Cashback = 100 }},
		{name: "manual cash", rules: "1E02 1E01 1F04", can: desk, results: "1F0402",
			change: func(_ *emvkernel.Config, p *emvkernel.Params) { p.Type = 0x01 }},
		{name: "manual cash by its own type", rules: "1E02 1E01 1F04", can: desk, results: "1F0402",
			change: func(_ *emvkernel.Config, p *emvkernel.Params) { p.Type = 0x17 }},
		{name: "unattended cash", rules: "1E02 1E04 1F01", can: desk, results: "1F0102",
			change: func(c *emvkernel.Config, p *emvkernel.Params) { p.Type = 0x01; c.Terminal.Type = 0x25 }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStub()
			s.aip[0] = aipCVM
			s.data[0x8E] = unhex(t, "000003E8 000007D0"+tt.rules)
			s.data[0x9F42] = []byte{0x08, 0x40}
			tx, out := s.run(t, func(c *emvkernel.Config, p *emvkernel.Params) {
				c.Terminal.Capabilities[1] = tt.can
				if tt.change != nil {
					tt.change(c, p)
				}
			})
			if out.Kind != emvkernel.OnlineRequest {
				t.Fatal(out)
			}
			if got := tx.TVR()[2]; got != tt.tvr {
				t.Errorf("TVR byte 3 is %02X, want %02X", got, tt.tvr)
			}
			if !tx.TSI().Has(emvkernel.CVMPerformed) {
				t.Error("TSI: not performed")
			}
			data := s.asked(apdu.INSGenerateAC)[0].Data
			if got := fmt.Sprintf("%X", data[len(data)-3:]); got != tt.results {
				t.Errorf("CVM results %s, want %s", got, tt.results)
			}
			want := "none"
			switch {
			case tt.tvr&0x80 != 0:
				want = "failure"
			case tt.results[0:2] == "1E" || tt.results[0:2] == "5E":
				want = "signature"
			}
			if got := tx.Receipt().CVM; got != want {
				t.Errorf("receipt says %q, want %q", got, want)
			}
		})
	}
}

// EMV fact 22: online PIN, asked for where terminal and payment can have it, and every way it can end. The
// issuer judges it, so the result is unknown and never "successful".
func TestOnlinePIN(t *testing.T) {
	const (
		both    = 0x40 | 0x80 | 0x10 | 0x28
		entered = emvkernel.PINEntered
	)
	type entries = []emvkernel.PINEntry
	withdrawn := func(_ *emvkernel.Config, p *emvkernel.Params) { p.NoOnlinePIN = true }
	bypass := func(c *emvkernel.Config, _ *emvkernel.Params) { c.Applications[0].PINBypass = true }
	tests := []struct {
		name     string
		rules    string
		change   func(*emvkernel.Config, *emvkernel.Params)
		entries  entries
		offline  []emvkernel.PINVerdict
		want     emvkernel.OutcomeKind
		results  string
		tvr      byte
		cvm      string
		asked    int
		required bool
	}{
		{name: "entered", rules: "0200", entries: entries{entered}, results: "020000", tvr: 0x04, cvm: "online_pin", asked: 1},
		{name: "if supported, with a next rule", rules: "4203 1F00", entries: entries{entered}, results: "420300", tvr: 0x04, cvm: "online_pin", asked: 1},
		{name: "after a wrong offline PIN", rules: "4100 0200", offline: []emvkernel.PINVerdict{{Entry: emvkernel.PINEntered, SW: 0x63C0}}, entries: entries{entered}, results: "020000", tvr: 0x24, cvm: "online_pin", asked: 1},
		{name: "withdrawn", rules: "4200 1F00", change: withdrawn, results: "1F0002", tvr: 0x10, cvm: "none"},
		{name: "withdrawn, nothing else", rules: "0203", change: withdrawn, results: "3F0001", tvr: 0x80, cvm: "failure", required: true},
		{name: "no key in the pad, next", rules: "4200 5E00", results: "5E0000", tvr: 0x10, cvm: "signature", asked: 1},
		{name: "no key in the pad, nothing else", rules: "0200", results: "020001", tvr: 0x90, cvm: "failure", asked: 1, required: true},
		{name: "bypassed", rules: "4200 5E00", change: bypass, entries: entries{emvkernel.PINBypassed}, results: "5E0000", tvr: 0x08, cvm: "signature", asked: 1},
		{name: "bypassed, no next", rules: "0200 1F00", change: bypass, entries: entries{emvkernel.PINBypassed}, results: "020001", tvr: 0x88, cvm: "failure", asked: 1},
		{name: "bypassed: no offline PIN either", rules: "4200 0100", change: bypass, entries: entries{emvkernel.PINBypassed}, results: "010001", tvr: 0x88, cvm: "failure", asked: 1},
		{name: "offline PIN bypassed: no online one either", rules: "4100 0200", change: bypass,
			offline: []emvkernel.PINVerdict{{Entry: emvkernel.PINBypassed}}, results: "020001", tvr: 0x88, cvm: "failure"},
		{name: "bypassed although never offered", rules: "0200", entries: entries{emvkernel.PINBypassed}, results: "020001", tvr: 0x90, cvm: "failure", asked: 1},
		{name: "canceled", rules: "4200 1F00", entries: entries{emvkernel.PINCanceled}, want: emvkernel.Canceled, asked: 1},
		{name: "nobody there", rules: "4200 1F00", entries: entries{emvkernel.PINTimedOut}, want: emvkernel.TimedOut, asked: 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStub()
			s.aip[0] = aipCVM
			s.data[0x5F2D] = []byte("deen")
			s.data[0x8E] = unhex(t, "0000000000000000"+tt.rules)
			p := &pad{online: tt.entries, verdicts: tt.offline}
			tx, out := s.run(t, func(c *emvkernel.Config, params *emvkernel.Params) {
				c.Terminal.Capabilities[1] = both
				params.PINPad = p
				if tt.change != nil {
					tt.change(c, params)
				}
			})
			if len(p.askedOnline) != tt.asked {
				t.Errorf("asked %d times", len(p.askedOnline))
			}
			for _, a := range p.askedOnline {
				if p.accountAsked != "4242424242424242" || a.Languages != "deen" || a.Bypass != (tt.change != nil) {
					t.Errorf("asked %s, %+v", p.accountAsked, a)
				}
			}
			if tt.want != emvkernel.Undecided {
				if out.Kind != tt.want || len(s.asked(apdu.INSGenerateAC)) != 0 {
					t.Error(out)
				}
				return
			}
			if out.Kind != emvkernel.OnlineRequest {
				t.Fatal(out)
			}
			data := s.asked(apdu.INSGenerateAC)[0].Data
			if got := fmt.Sprintf("%X", data[len(data)-3:]); got != tt.results || tx.TVR()[2] != tt.tvr {
				t.Errorf("results %s, TVR byte 3 %02X; want %s, %02X", got, tx.TVR()[2], tt.results, tt.tvr)
			}
			if tx.Receipt().CVM != tt.cvm || tx.OnlinePINRequired() != tt.required || tx.OnlinePINEntered() != (tt.tvr&0x04 != 0) {
				t.Errorf("receipt %s, required %v, entered %v", tx.Receipt().CVM, tx.OnlinePINRequired(), tx.OnlinePINEntered())
			}
		})
	}
}

// The pad's other errors end the payment, as for an offline PIN.
func TestOnlinePINBreaksOff(t *testing.T) {
	s := newStub()
	s.aip[0] = aipCVM
	s.data[0x8E] = unhex(t, "0000000000000000 4200 1F00")
	cfg, p := terminal(), payment()
	cfg.Terminal.Capabilities[1] = 0x48
	p.PINPad = &pad{online: []emvkernel.PINEntry{0x7F}}
	if out, err := begin(t, cfg, p, s, nil).Collect(t.Context()); !errors.Is(err, emvkernel.ErrConfig) {
		t.Errorf("an entry that does not exist: %v, %v", out, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	p.PINPad = quitter(cancel)
	if out, err := begin(t, cfg, p, s, nil).Collect(ctx); !errors.Is(err, emvkernel.ErrPINPad) || len(s.asked(apdu.INSGenerateAC)) != 0 {
		t.Errorf("payment called off: %v, %v", out, err)
	}
}

func amount(n int64) func(*emvkernel.Config, *emvkernel.Params) {
	return func(_ *emvkernel.Config, p *emvkernel.Params) { p.Amount = n }
}

func TestNoCVM(t *testing.T) {
	tests := []struct {
		name    string
		aip     byte
		list    string // "-": absent
		missing bool
		want    emvkernel.OutcomeKind
	}{
		{"card does not support verification", 0, "0000000000000000 1E00", false, emvkernel.OnlineRequest},
		{"list without rules", aipCVM, "0000000000000000", false, emvkernel.OnlineRequest},
		{"no list", aipCVM, "-", true, emvkernel.OnlineRequest},
		{"half a rule", aipCVM, "0000000000000000 1E", false, emvkernel.Terminated},
		{"amounts cut short", aipCVM, "00000000000000", false, emvkernel.Terminated},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStub()
			s.aip[0] = tt.aip
			if tt.list != "-" {
				s.data[0x8E] = unhex(t, tt.list)
			}
			tx, out := s.run(t, nil)
			if out.Kind != tt.want {
				t.Fatal(out)
			}
			if tt.want == emvkernel.Terminated {
				return
			}
			data := s.asked(apdu.INSGenerateAC)[0].Data
			if got := fmt.Sprintf("%X", data[len(data)-3:]); got != "3F0000" {
				t.Errorf("CVM results %s", got)
			}
			if tx.TSI().Has(emvkernel.CVMPerformed) || tx.TVR()[2] != 0 || tx.TVR().Has(emvkernel.ICCDataMissing) != tt.missing {
				t.Errorf("TSI %v, TVR %v", tx.TSI(), tx.TVR())
			}
		})
	}
}
