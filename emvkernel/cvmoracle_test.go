package emvkernel_test

import (
	"fmt"
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
)

// cvmOracle says what a list of one rule and "no CVM, always" comes to, for a cardholder who does everything
// right. It is written from the tables of EMV Book 3, Annex C3, and Book 4, "CVM Results", and shares
// nothing with the kernel.
func cvmOracle(code, condition, can byte, situation string) (results string, tvr byte) {
	methods := map[byte]struct{ needs, result, tvr byte }{
		0x01: {0x80, 2, 0}, 0x02: {0x40, 0, 4}, 0x03: {0xA0, 0, 0}, 0x04: {0x10, 2, 0}, 0x05: {0x30, 0, 0},
		0x1E: {0x20, 0, 0}, 0x1F: {0x08, 2, 0},
	}
	method, known := methods[code&0xBF]
	supported := known && can&method.needs == method.needs
	holds := map[string]string{ // digits of the conditions that hold, whatever the terminal supports
		"sale":            "0 2 7 9",
		"small sale":      "0 2 6 8",
		"sale between":    "0 2 7 8",
		"cashback":        "0 5 7 9",
		"cash":            "0 4 7 9",
		"unattended cash": "0 1 7 9",
		"foreign sale":    "0 2",
	}[situation]
	met := false
	for _, digit := range holds {
		met = met || condition == byte(digit-'0') && digit != ' '
	}
	if condition == 3 {
		met = supported || code&0xBF == 0
	}
	switch {
	case met && code&0xBF == 0:
		return fmt.Sprintf("%02X%02X01", code, condition), 0x80
	case met && supported:
		return fmt.Sprintf("%02X%02X%02X", code, condition, method.result), method.tvr
	case met && !known:
		tvr = 0x40
	case met && code&0xBF == 2:
		tvr = 0x10
	case met && code&0xBF < 6 && can&0x90 == 0:
		tvr = 0x10
	}
	if met && code&0x40 == 0 || can&0x08 == 0 {
		return "3F0001", tvr | 0x80
	}
	return "1F0002", tvr
}

// EMV facts 21 and 22, every code with every condition on every kind of terminal.
func TestCVMOracle(t *testing.T) {
	situations := map[string]func(*emvkernel.Config, *emvkernel.Params){
		"sale":         amount(2001),
		"small sale":   amount(999),
		"sale between": amount(1500),
		"cashback":     func(_ *emvkernel.Config, p *emvkernel.Params) { p.Amount, p.Cashback = 2001, 500 },
		"cash":         func(_ *emvkernel.Config, p *emvkernel.Params) { p.Amount, p.Type = 2001, 0x01 },
		"unattended cash": func(c *emvkernel.Config, p *emvkernel.Params) {
			p.Amount, p.Type = 2001, 0x01
			c.Terminal.Type = 0x25
		},
		"foreign sale": func(_ *emvkernel.Config, p *emvkernel.Params) { p.Amount, p.Currency = 2001, 978 },
	}
	codes := []byte{0, 1, 2, 3, 4, 5, 6, 0x07, 0x1D, 0x1E, 0x1F, 0x20, 0x2F, 0x30, 0x3E, 0x3F, 0x80, 0x81, 0x9F}
	for situation, change := range situations {
		for _, can := range []byte{0x00, 0x08, 0x28, 0x20, 0x40, 0x88, 0xA8, 0x10, 0xF8, 0x90} {
			cfg, p := terminal(), payment()
			change(cfg, &p)
			cfg.Terminal.Capabilities[1] = can
			for _, base := range codes {
				for _, code := range []byte{base, base | 0x40} {
					for condition := range byte(12) {
						if code&0xBF == 4 || code&0xBF == 5 {
							continue // needs keys: TestPINKey
						}
						s := newStub()
						s.aip[0] = aipCVM
						s.data[0x8E] = append(unhex(t, "000003E8000007D0"), code, condition, 0x1F, 0x00)
						s.data[0x9F42] = []byte{0x08, 0x40}
						p.PINPad = &pad{verdicts: entered(apdu.OK), online: []emvkernel.PINEntry{emvkernel.PINEntered}}
						tx, err := emvkernel.NewTransaction(cfg, p, s, nil, nil)
						if err != nil {
							t.Fatal(err)
						}
						if out := collect(t, tx); out.Kind != emvkernel.OnlineRequest {
							t.Fatal(out)
						}
						results, tvr := cvmOracle(code, condition, can, situation)
						data := s.asked(apdu.INSGenerateAC)[0].Data
						if got := fmt.Sprintf("%X", data[len(data)-3:]); got != results || tx.TVR()[2] != tvr || !tx.TSI().Has(emvkernel.CVMPerformed) {
							t.Errorf("%s, capabilities %02X, rule %02X%02X: results %s, TVR byte 3 %02X; want %s, %02X",
								situation, can, code, condition, got, tx.TVR()[2], results, tvr)
						}
					}
				}
			}
		}
	}
}
