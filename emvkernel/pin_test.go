package emvkernel_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/tlv"
)

// pad answers tries with verdicts, one after the other, and notes what it was asked.
type pad struct {
	verdicts []emvkernel.PINVerdict
	err      error // when there are no verdicts left
	asked    []emvkernel.OfflinePIN

	online       []emvkernel.PINEntry // how entries of a PIN for the issuer end; ErrPINPad when there are none left
	askedOnline  []emvkernel.OnlinePIN
	accountAsked string // digits the last of them was for
}

func (p *pad) EnterOnline(_ context.Context, pin emvkernel.OnlinePIN) (emvkernel.PINEntry, error) {
	p.askedOnline = append(p.askedOnline, pin)
	p.accountAsked = string(pin.PAN)
	if len(p.online) == 0 {
		return 0, fmt.Errorf("no key: %w", emvkernel.ErrPINPad)
	}
	entry := p.online[0]
	p.online = p.online[1:]
	return entry, nil
}

func (p *pad) VerifyOffline(_ context.Context, pin emvkernel.OfflinePIN) (emvkernel.PINVerdict, error) {
	p.asked = append(p.asked, pin)
	if len(p.verdicts) == 0 {
		return emvkernel.PINVerdict{}, p.err
	}
	v := p.verdicts[0]
	p.verdicts = p.verdicts[1:]
	return v, nil
}

func brokenPad(_ *emvkernel.Config, p *emvkernel.Params) {
	p.PINPad = &pad{err: fmt.Errorf("keypad: %w", emvkernel.ErrPINPad)}
}

func entered(words ...apdu.SW) (out []emvkernel.PINVerdict) {
	for _, sw := range words {
		out = append(out, emvkernel.PINVerdict{Entry: emvkernel.PINEntered, SW: sw})
	}
	return out
}

func ended(entry emvkernel.PINEntry) []emvkernel.PINVerdict {
	return []emvkernel.PINVerdict{{Entry: entry}}
}

const (
	padSign  = 0x80 | 0x10 | 0x28 // both offline PINs, signature, no CVM
	padNone  = 0x80 | 0x10 | 0x08
	padPlain = 0x80 | 0x08

	padBypass = padSign | 0x01 // with the configuration that allows a bypass; the bit is RFU
)

// EMV fact 23. Rules with an offline PIN: the CVM results, byte 3 of the TVR, what the cardholder was told and how
// often, for every way a try can end.
func TestOfflinePIN(t *testing.T) {
	const online, terminated = emvkernel.OnlineRequest, emvkernel.Terminated
	type asked = []string // tries left, and whether the one before was wrong
	tests := []struct {
		name     string
		rules    string
		can      byte
		counter  string // answer to GET DATA '9F17' without status word; "" none
		verdicts []emvkernel.PINVerdict
		want     emvkernel.OutcomeKind
		results  string
		tvr      byte
		cvm      string
		asked    asked
	}{
		{"right at once", "0100 1F00", padSign, "9F170103", entered(0x9000), online, "010002", 0, "offline_pin", asked{"3"}},
		{"if supported", "4103 1F00", padSign, "9F170103", entered(0x9000), online, "410302", 0, "offline_pin", asked{"3"}},
		{"the card hides its counter", "0100", padSign, "", entered(0x9000), online, "010002", 0, "offline_pin", asked{"0"}},
		{"right at the last try", "0100", padSign, "9F170103", entered(0x63C2, 0x63C1, 0x9000), online, "010002", 0, "offline_pin",
			asked{"3", "2 again", "1 again"}},
		{"wrong to the end, no next", "0100 1F00", padSign, "9F170103", entered(0x63C2, 0x63C1, 0x63C0), online, "010001", 0xA0, "failure",
			asked{"3", "2 again", "1 again"}},
		{"wrong to the end, next is signature", "4100 5E00", padSign, "9F170101", entered(0x63C0), online, "5E0000", 0x20, "signature", asked{"1"}},
		{"hidden counter, wrong to the end", "0100", padSign, "", entered(0x63C1, 0x63C0), online, "010001", 0xA0, "failure", asked{"0", "1 again"}},
		{"no tries left: nobody is asked", "4100 1F00", padSign, "9F170100", nil, online, "1F0002", 0x20, "none", nil},
		{"no tries left, no next", "0100", padSign, "9F170100", nil, online, "010001", 0xA0, "failure", nil},
		{"blocked, 6983", "4100 1F00", padSign, "", entered(0x6983), online, "1F0002", 0x20, "none", asked{"0"}},
		{"blocked, 6984", "0100", padSign, "", entered(0x6984), online, "010001", 0xA0, "failure", asked{"0"}},
		{"blocked while trying", "0100", padSign, "9F170103", entered(0x63C2, 0x6983), online, "010001", 0xA0, "failure", asked{"3", "2 again"}},
		{"blocked: the other kind of PIN is not asked for", "4100 4500 1F00", padSign, "", entered(0x6983), online, "1F0002", 0x20, "none", asked{"0"}},
		{"blocked: nor is a PIN with a signature", "4100 4300 1F00", padSign, "", entered(0x6983), online, "1F0002", 0x20, "none", asked{"0"}},
		{"bypassed although never offered: the pad is broken", "0100", padSign, "9F170103", ended(emvkernel.PINBypassed), online, "010001", 0x90, "failure", asked{"3"}},
		{"bypassed", "0100 5E00", padBypass, "9F170103", ended(emvkernel.PINBypassed), online, "010001", 0x88, "failure", asked{"3 may bypass"}},
		{"bypassed: bypassed for the next one too", "4100 4500 5E00", padBypass, "9F170103", ended(emvkernel.PINBypassed), online, "5E0000", 0x08, "signature", asked{"3 may bypass"}},
		{"bypassed at the second try", "4100 1F00", padBypass, "9F170103", append(entered(0x63C2), ended(emvkernel.PINBypassed)...), online, "1F0002", 0x08, "none",
			asked{"3 may bypass", "2 again may bypass"}},
		{"bypassed: the last PIN rule is the one that failed", "4100 4300 1E01", padBypass, "9F170103", ended(emvkernel.PINBypassed), online, "430001", 0x88, "failure", asked{"3 may bypass"}},
		{"PIN and signature", "0300", padSign, "9F170103", entered(0x9000), online, "030000", 0, "offline_pin_and_signature", asked{"3"}},
		{"PIN of PIN and signature is wrong", "0300", padSign, "9F170101", entered(0x63C0), online, "030001", 0xA0, "failure", asked{"1"}},
		{"PIN and signature without signature", "4303 1F00", padNone, "9F170103", nil, online, "1F0002", 0, "none", nil},
		{"PIN and signature always, without signature", "4300 0100", padNone, "9F170103", entered(0x9000), online, "010002", 0, "offline_pin", asked{"3"}},
		{"enciphered PIN and signature without signature", "0500 1F00", padNone, "9F170103", nil, online, "3F0001", 0x80, "failure", nil},
		{"no key for an enciphered PIN, plain one next", "4400 0100", padSign, "9F170103", entered(0x9000), online, "010002", 0, "offline_pin", asked{"3"}},
		{"no key for an enciphered PIN, no next", "0400 0100", padSign, "9F170103", nil, online, "040001", 0x80, "failure", nil},
		{"enciphered not supported, plain is", "4400 0100", padPlain, "9F170103", entered(0x9000), online, "010002", 0, "offline_pin", asked{"3"}},
		{"online PIN first, offline next", "4200 0100", padSign, "9F170103", entered(0x9000), online, "010002", 0x10, "offline_pin", asked{"3"}},
		{"online PIN if supported, offline next", "4203 0100", padSign, "9F170103", entered(0x9000), online, "010002", 0, "offline_pin", asked{"3"}},

		{"canceled", "4100 1F00", padSign, "9F170103", ended(emvkernel.PINCanceled), emvkernel.Canceled, "", 0, "", asked{"3"}},
		{"canceled at the second try", "0100", padSign, "", append(entered(0x63C2), ended(emvkernel.PINCanceled)...), emvkernel.Canceled, "", 0, "", asked{"0", "2 again"}},
		{"nobody there", "4100 1F00", padSign, "", ended(emvkernel.PINTimedOut), emvkernel.TimedOut, "", 0, "", asked{"0"}},

		{"canceled after another rule failed", "4400 0100", padSign, "", ended(emvkernel.PINCanceled), emvkernel.Canceled, "", 0, "", asked{"0"}},
		{"tries do not run down", "0100", padSign, "9F170102", entered(0x63C2), terminated, "", 0, "", asked{"2"}},
		{"tries stand still", "0100", padSign, "", entered(0x63C2, 0x63C2), terminated, "", 0, "", asked{"0", "2 again"}},
		{"unknown status word", "4100 1F00", padSign, "", entered(0x6A80), terminated, "", 0, "", asked{"0"}},
		{"VERIFY not known", "4100 1F00", padSign, "", entered(0x6D00), terminated, "", 0, "", asked{"0"}},
		{"counter of two bytes", "0100", padSign, "9F17020003", nil, terminated, "", 0, "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStub()
			s.aip[0] = aipCVM
			s.data[0x8E] = unhex(t, "0000000000000000"+tt.rules)
			if tt.counter != "" {
				s.getData = map[tlv.Tag][]byte{0x9F17: ok(unhex(t, tt.counter))}
			}
			p := &pad{verdicts: tt.verdicts, err: errors.New("asked too often")}
			tx, out := s.run(t, func(c *emvkernel.Config, params *emvkernel.Params) {
				c.Terminal.Capabilities[1] = tt.can
				c.Applications[0].PINBypass = tt.can == padBypass
				params.PINPad = p
			})
			if out.Kind != tt.want {
				t.Fatalf("%v (%s)", out.Kind, out.Reason)
			}
			var got asked
			for _, a := range p.asked {
				text := fmt.Sprint(a.TriesLeft)
				if a.Again {
					text += " again"
				}
				if a.Bypass {
					text += " may bypass"
				}
				got = append(got, text)
			}
			if fmt.Sprint(got) != fmt.Sprint(tt.asked) {
				t.Errorf("asked %q, want %q", got, tt.asked)
			}
			if len(p.verdicts) > 0 {
				t.Errorf("%d tries were not used", len(p.verdicts))
			}
			if tt.want != online {
				if got := tx.Receipt().CVM; got != "failure" {
					t.Errorf("broken off, and the receipt says %q", got)
				}
				if n := len(s.asked(apdu.INSGenerateAC)); n != 0 {
					t.Errorf("the card was asked for %d cryptograms", n)
				}
				if _, err := tx.Complete(t.Context(), emvkernel.Answer{}); !errors.Is(err, emvkernel.ErrOrder) {
					t.Errorf("could be completed: %v", err)
				}
				return
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
			if got := tx.Receipt().CVM; got != tt.cvm {
				t.Errorf("receipt says %q, want %q", got, tt.cvm)
			}
		})
	}
}

// The terminal's capabilities as the card sees them follow the pad, whatever the configuration allows.
func TestCapabilitiesFollowThePad(t *testing.T) {
	for name, c := range map[string]struct {
		pad         emvkernel.PINPad
		noOnlinePIN bool
		kind        byte
		want        byte
	}{
		"pad": {&pad{}, false, 0x22, 0xF8}, "pad, nobody to verify an online PIN": {&pad{}, true, 0x22, 0xB8},
		"pad, offline-only terminal": {&pad{}, false, 0x23, 0xB8}, "no pad": {nil, false, 0x22, 0x28},
	} {
		s := newStub()
		s.data[0x8C] = append(s.data[0x8C], 0x9F, 0x33, 0x03)
		s.run(t, func(cfg *emvkernel.Config, p *emvkernel.Params) {
			cfg.Terminal.Capabilities[1], cfg.Terminal.Type = 0xF8, c.kind
			p.PINPad, p.NoOnlinePIN = c.pad, c.noOnlinePIN
		})
		data := s.asked(apdu.INSGenerateAC)[0].Data
		if got := data[len(data)-2]; got != c.want {
			t.Errorf("%s: 9F33 byte 2 is %02X, want %02X", name, got, c.want)
		}
	}
}

// A card that leaves nothing but an online PIN is told from one whose cardholder failed.
func TestOnlinePINRequired(t *testing.T) {
	tests := []struct {
		name     string
		rules    string
		can      byte
		verdicts []emvkernel.PINVerdict // nil: no pad
		want     bool
	}{
		{"online PIN only", "0200", padSign, nil, true},
		{"online PIN if supported, nothing else", "0203", padSign, nil, true},
		{"online PIN, then fail", "4200 0000", padSign, nil, true},
		{"offline PIN without a pad, then online PIN", "4403 0200", padSign, nil, true},
		{"signature not supported, then online PIN", "5E03 0200", padNone, nil, true},
		{"no CVM is left", "4200 1F00", padSign, nil, false},
		{"signature is left", "4203 5E00", padSign, nil, false},
		{"online PIN for cash only", "0201 1F00", padSign, nil, false},
		{"online PIN for cash only, then fail", "4201 0000", padSign, nil, false},
		{"fail before online PIN", "0000 0200", padSign, nil, false},
		{"no rule wants it", "0100", padSign, nil, false},
		{"offline PIN right", "4100 0200", padSign, entered(0x9000), false},
		{"offline PIN wrong, then online PIN", "4100 0200", padSign, entered(0x63C1, 0x63C0), false},
		{"bypassed, then online PIN", "4100 0200", padSign, ended(emvkernel.PINBypassed), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStub()
			s.aip[0] = aipCVM
			s.data[0x8E] = unhex(t, "0000000000000000"+tt.rules)
			tx, out := s.run(t, func(c *emvkernel.Config, p *emvkernel.Params) {
				c.Terminal.Capabilities[1] = tt.can | 0x40
				c.Applications[0].PINBypass = true
				p.NoOnlinePIN = true
				if tt.verdicts != nil {
					p.PINPad = &pad{verdicts: tt.verdicts}
				}
			})
			if out.Kind != emvkernel.OnlineRequest || tx.OnlinePINRequired() != tt.want {
				t.Errorf("%v, online PIN required: %v, TVR %v", out.Kind, tx.OnlinePINRequired(), tx.TVR())
			}
		})
	}
}

// A card that refuses GET CHALLENGE has failed this CVM and nothing else: the PIN was not tried, and the
// next rule may take it another way. The same status word to VERIFY ends the transaction.
func TestChallengeRefused(t *testing.T) {
	for _, tt := range []struct {
		rules   string
		verdict emvkernel.PINVerdict
		next    []emvkernel.PINVerdict
		want    emvkernel.OutcomeKind
		results string
		tvr     byte
	}{
		{"cvm enciphered-pin always or-next\ncvm none always\n", emvkernel.PINVerdict{SW: 0x6D00, Challenge: true}, nil, emvkernel.OnlineRequest, "1F0002", 0x00},
		{"cvm enciphered-pin always or-next\ncvm plain-pin always\n", emvkernel.PINVerdict{SW: 0x6985, Challenge: true}, entered(0x9000), emvkernel.OnlineRequest, "010002", 0x00},
		{"cvm enciphered-pin always\ncvm none always\n", emvkernel.PINVerdict{SW: 0x6D00, Challenge: true}, nil, emvkernel.OnlineRequest, "040001", 0x80},
		// A challenge of a wrong length comes with a good status word.
		{"cvm enciphered-pin always\n", emvkernel.PINVerdict{SW: 0x9000, Challenge: true}, nil, emvkernel.OnlineRequest, "040001", 0x80},
		{"cvm enciphered-pin always or-next\ncvm none always\n", emvkernel.PINVerdict{SW: 0x6D00}, nil, emvkernel.Terminated, "", 0x00},
	} {
		cfg, p := emvtest.TerminalConfig(), payment()
		tt.verdict.Entry = emvkernel.PINEntered
		keys := &pad{verdicts: append([]emvkernel.PINVerdict{tt.verdict}, tt.next...)}
		p.PINPad = keys
		tx := begin(t, &cfg, p, software(t, visa+"pin-tries 3\n"+tt.rules), nil)
		out := collect(t, tx)
		if out.Kind != tt.want {
			t.Errorf("%+v: %v", tt, out)
			continue
		}
		if tt.want != emvkernel.OnlineRequest {
			continue
		}
		list, err := tlv.Parse(tx.ACData())
		if err != nil {
			t.Fatal(err)
		}
		if e, _ := tlv.Find(list, 0x9F34); fmt.Sprintf("%X", e.Value) != tt.results || tx.TVR()[2] != tt.tvr || len(keys.verdicts) != 0 {
			t.Errorf("%q: results %X, TVR %v; want %s, %02X", tt.rules, e.Value, tx.TVR(), tt.results, tt.tvr)
		}
		if tx.Receipt().CVM == "offline_pin" != (tt.next != nil) {
			t.Errorf("%q: receipt says %s", tt.rules, tx.Receipt().CVM)
		}
	}
}

// A broken pad leaves the other rules; a card that is gone, and a pad that says nonsense, are errors.
func TestPINPadFails(t *testing.T) {
	for name, c := range map[string]struct {
		pad   *pad
		want  error
		asked int
	}{
		"not working": {&pad{err: fmt.Errorf("keypad: %w", emvkernel.ErrPINPad)}, nil, 2},
		"card gone":   {&pad{err: fmt.Errorf("slot: %w", errPulled)}, errPulled, 1},
		"nonsense":    {&pad{verdicts: []emvkernel.PINVerdict{{}}}, emvkernel.ErrConfig, 1},
	} {
		s := newStub()
		s.aip[0] = aipCVM
		s.data[0x8E] = unhex(t, "0000000000000000 4100 4300 1F00")
		cfg, p := terminal(), payment()
		cfg.Terminal.Capabilities[1] = padSign
		p.PINPad = c.pad
		tx := begin(t, cfg, p, s, nil)
		out, err := tx.Collect(t.Context())
		if !errors.Is(err, c.want) || c.want == nil && out.Kind != emvkernel.OnlineRequest {
			t.Errorf("%s: %v, %v", name, out, err)
		}
		if len(c.pad.asked) != c.asked {
			t.Errorf("%s: asked %d times", name, len(c.pad.asked))
		}
		if c.want == nil && tx.TVR()[2] != 0x10 {
			t.Errorf("%s: TVR %v", name, tx.TVR())
		}
	}
}

// A pad that fails because the payment was called off is not one to do without.
func TestPINPadFailsAtTheEnd(t *testing.T) {
	s := newStub()
	s.aip[0] = aipCVM
	s.data[0x8E] = unhex(t, "0000000000000000 4100 1F00")
	ctx, cancel := context.WithCancel(t.Context())
	cfg, p := terminal(), payment()
	cfg.Terminal.Capabilities[1] = padSign
	p.PINPad = quitter(cancel)
	tx := begin(t, cfg, p, s, nil)
	if out, err := tx.Collect(ctx); !errors.Is(err, emvkernel.ErrPINPad) || len(s.asked(apdu.INSGenerateAC)) != 0 {
		t.Errorf("%v, %v", out, err)
	}
}

type quitter func()

func (q quitter) EnterOnline(context.Context, emvkernel.OnlinePIN) (emvkernel.PINEntry, error) {
	q()
	return 0, emvkernel.ErrPINPad
}

func (q quitter) VerifyOffline(context.Context, emvkernel.OfflinePIN) (emvkernel.PINVerdict, error) {
	q()
	return emvkernel.PINVerdict{}, emvkernel.ErrPINPad
}

// A payment that is deferred after a PIN: what both commands say, byte for byte. The first one's data is
// stored as it was sent, and the second is a refusal.
func TestDeferralAfterPIN(t *testing.T) {
	for name, c := range map[string]struct {
		tries        []emvkernel.PINVerdict
		tvr, results string
		cvm          string
	}{
		"right at the second try": {entered(0x63C2, 0x9000), "8000000000", "010002", "offline_pin"},
		"wrong to the end":        {entered(0x63C2, 0x63C0), "8000A00000", "010001", "failure"},
		"bypassed":                {ended(emvkernel.PINBypassed), "8000880000", "010001", "failure"},
	} {
		s := newStub()
		s.aip[0] = aipCVM
		s.data[0x8E] = unhex(t, "0000000000000000 0100")
		s.data[0x8D] = unhex(t, "8A02 9505 9B02 9F3403 910A")
		tx, out := s.run(t, func(c2 *emvkernel.Config, p *emvkernel.Params) {
			c2.Terminal.Capabilities[1] = padSign
			c2.Applications[0].PINBypass = true
			p.PINPad = &pad{verdicts: c.tries}
		})
		if out.Kind != emvkernel.OnlineRequest {
			t.Fatal(name, out)
		}
		stored := tx.ACData()
		out, err := tx.Complete(t.Context(), emvkernel.Answer{Kind: emvkernel.Deferred})
		if err != nil || out.Kind != emvkernel.Declined || out.Reverse {
			t.Errorf("%s: %v, %v", name, out, err)
		}
		sent := s.asked(apdu.INSGenerateAC)
		if len(sent) != 2 || sent[0].P1 != apdu.RequestARQC || sent[1].P1 != apdu.RequestAAC {
			t.Fatalf("%s: sent %v", name, sent)
		}
		if got, want := fmt.Sprintf("%X", sent[0].Data), "000000001250"+c.tvr+"4800"+"0000"+"01020304"+c.results; got != want {
			t.Errorf("%s: CDOL1 data %s, want %s", name, got, want)
		}
		if got, want := fmt.Sprintf("%X", sent[1].Data), "5A33"+c.tvr+"6800"+c.results+"00000000000000000000"; got != want {
			t.Errorf("%s: CDOL2 data %s, want %s", name, got, want)
		}
		list, err := tlv.Parse(stored)
		if err != nil {
			t.Fatal(err)
		}
		for tag, want := range map[tlv.Tag]string{0x95: c.tvr, 0x9B: "4800", 0x9F34: c.results, 0x9F33: "20B8C8"} {
			if e, _ := tlv.Find(list, tag); fmt.Sprintf("%X", e.Value) != want {
				t.Errorf("%s: %v stored as %X, want %s", name, tag, e.Value, want)
			}
		}
		if got := tx.Receipt(); got.CVM != c.cvm || fmt.Sprint(got.TVR, got.TSI) != c.tvr+" 6800" {
			t.Errorf("%s: receipt %+v", name, got)
		}
	}
}

// The key a PIN is enciphered with: the card's own for PINs, else the one it signs with; never one with
// a wrong certificate. What does not work out fails this CVM and nothing else.
func TestPINKey(t *testing.T) {
	const enciphered = "cvm enciphered-pin always\n"
	size := func(profile string, change func(*emvkernel.Config)) (bytes int, tx *emvkernel.Transaction) {
		cfg, params := emvtest.TerminalConfig(), payment()
		if change != nil {
			change(&cfg)
		}
		p := &pad{verdicts: entered(0x9000)}
		params.PINPad = p
		tx = begin(t, &cfg, params, software(t, profile), nil)
		if out := collect(t, tx); out.Kind != emvkernel.OnlineRequest {
			t.Fatalf("%s: %v", profile, out)
		}
		if len(p.asked) == 0 {
			return 0, tx
		}
		if !p.asked[0].Enciphered || len(p.asked[0].Exponent) == 0 {
			t.Errorf("%s: %+v", profile, p.asked[0])
		}
		return len(p.asked[0].Modulus), tx
	}
	for _, c := range []struct {
		name, profile string
		want          int // bytes of the modulus; 0: no key
		authenticated bool
	}{
		{"key for PINs", visa + enciphered + "pin-key own\n", 144, true},
		{"key for PINs on a CDA card", mastercard + enciphered + "pin-key own\n", 126, true},
		{"key for signatures", visa + enciphered, 144, true},
		{"key for signatures, static data signed with it", mastercard + enciphered, 126, true},
		{"PIN certificate forged", visa + enciphered + "pin-key own\nfault pin-certificate-signature\n", 0, true},
		{"PIN certificate expired", visa + enciphered + "pin-key own\nfault pin-certificate-expired\n", 0, true},
		{"PIN key too short for a PIN", visa + enciphered + "pin-key own\nfault pin-key-short\n", 0, true},
		{"issuer certificate forged", visa + enciphered + "pin-key own\nfault issuer-certificate-signature\n", 0, false},
		{"card certificate forged, PIN certificate good", visa + enciphered + "pin-key own\nfault icc-certificate-signature\n", 144, false},
		{"card certificate forged, no other key", visa + enciphered + "fault icc-certificate-signature\n", 0, false},
		{"card that cannot sign, with a key for PINs", visa + enciphered + "oda sda\npin-key own\n", 144, false},
		{"card that cannot sign, no key", visa + enciphered + "oda sda\n", 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, tx := size(c.profile, nil)
			if got != c.want || tx.Authenticated() != c.authenticated {
				t.Errorf("modulus of %d bytes, authenticated %v; want %d, %v", got, tx.Authenticated(), c.want, c.authenticated)
			}
			wantTVR := byte(0)
			if c.want == 0 {
				wantTVR = 0x80
			}
			if tx.TVR()[2] != wantTVR {
				t.Errorf("TVR %v", tx.TVR())
			}
		})
	}
	if got, _ := size(visa+enciphered, func(c *emvkernel.Config) { c.CAKeys = nil }); got != 0 {
		t.Error("a key without a certification authority")
	}
}

// The brand of a number under the AID that Discover and Diners Club share.
func TestSharedAID(t *testing.T) {
	for number, want := range map[string]string{
		"6011111111111117": "discover", "3056930009020004": "diners", "36227206271667": "diners",
		"38520000023237": "diners", "3095000000000000": "diners", "3060000000000000": "discover", "6500000000000000": "discover",
		"3000000000000000": "diners", "3059990000000000": "diners", "3090000000000000": "discover", "3094990000000000": "discover",
		"3096000000000000": "discover", "39000000000000": "diners", "37000000000000": "discover", "3500000000000000": "discover",
	} {
		s := newStub()
		s.data[0x5A] = unhex(t, number)
		tx, out := s.run(t, func(c *emvkernel.Config, _ *emvkernel.Params) { c.Applications[0].Brand = "discover" })
		if out.Kind != emvkernel.OnlineRequest || tx.Card().Brand != want {
			t.Errorf("%s...: %v, %s", number[:4], out, tx.Card().Brand)
		}
	}
	s := newStub()
	s.data[0x5A] = unhex(t, "36227206271667")
	if tx, _ := s.run(t, nil); tx.Card().Brand != "visa" {
		t.Errorf("another application's brand became %s", tx.Card().Brand)
	}
}

// What a card says to GET DATA and VERIFY decides neither about the order of steps nor about approval by
// being odd: any rules, any capabilities, any status words, any counter, any ways a try may end.
func FuzzOfflinePIN(f *testing.F) {
	f.Add(byte(padSign), []byte{0x01, 0x00, 0x1F, 0x00}, []byte{0x9F, 0x17, 0x01, 0x03, 0x90, 0x00}, []byte{1, 0x90, 0x00})
	f.Add(byte(padSign), []byte{0x41, 0x00, 0x43, 0x00, 0x1F, 0x00}, []byte{0x6A, 0x88}, []byte{0, 0x63, 0xC2, 0, 0x63, 0xC1, 0, 0x63, 0xC0})
	f.Add(byte(padSign), []byte{0x44, 0x03, 0x42, 0x00, 0x05, 0x00}, []byte{0x9F, 0x17, 0x01, 0x00, 0x90, 0x00}, []byte{3, 0, 0})
	f.Add(byte(0xF9), []byte{0x41, 0x00, 0x42, 0x00, 0x5E, 0x00}, []byte{}, []byte{2, 0, 0, 1, 0, 0})
	f.Add(byte(0xF8), []byte{0x42, 0x03, 0x02, 0x00}, []byte{}, []byte{0, 0, 0})
	f.Add(byte(0xF8), []byte{0x41, 0x00, 0x1F, 0x00}, []byte{}, []byte{0x80, 0x90, 0x00})
	f.Fuzz(func(t *testing.T, can byte, rules, counter, tries []byte) {
		s := newStub()
		s.aip[0] = aipCVM
		s.data[0x8E] = append(make([]byte, 8), rules...)
		s.getData = map[tlv.Tag][]byte{0x9F17: counter}
		p := &pad{err: fmt.Errorf("end of the script: %w", emvkernel.ErrPINPad)}
		for ; len(tries) >= 3; tries = tries[3:] {
			entry := emvkernel.PINEntry(tries[0]%4 + 1)
			p.verdicts = append(p.verdicts, emvkernel.PINVerdict{
				Entry: entry, SW: apdu.SW(tries[1])<<8 | apdu.SW(tries[2]), Challenge: tries[0]&0x80 != 0,
			})
			p.online = append(p.online, entry)
		}
		cfg, params := terminal(), payment()
		app := &cfg.Applications[0]
		cfg.Terminal.Capabilities[1], app.PINBypass, app.OfflineApproval = can, can&1 != 0, true
		params.PINPad = p
		script, online := p.verdicts, p.online
		tx, err := emvkernel.NewTransaction(cfg, params, s, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		out, err := tx.Collect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		used := script[:len(script)-len(p.verdicts)]
		right := false
		for _, v := range used {
			right = right || v.Entry == emvkernel.PINEntered && v.SW == apdu.OK && !v.Challenge
		}
		enteredOnline := slices.Contains(online[:len(online)-len(p.online)], emvkernel.PINEntered)
		if len(used) > 16+len(rules) {
			t.Fatalf("%d tries", len(used))
		}
		cvm := tx.Receipt().CVM
		if strings.HasPrefix(cvm, "offline_pin") != right {
			t.Fatalf("%v: %s, PIN right: %v", out.Kind, cvm, right)
		}
		if (cvm == "online_pin") != enteredOnline || tx.OnlinePINEntered() != enteredOnline {
			t.Fatalf("%v: %s, PIN for the issuer: %v", out.Kind, cvm, enteredOnline)
		}
		if tx.TVR().Has(emvkernel.PINNotEntered) && !app.PINBypass {
			t.Fatal("bypassed without permission")
		}
		if tx.OnlinePINRequired() && (right || enteredOnline || !tx.TVR().Has(emvkernel.CVMNotSuccessful)) {
			t.Fatal("online PIN required of a verified cardholder")
		}
		if out.Kind == emvkernel.OnlineRequest {
			// Whatever the rules and tries were, a card without proof ends with a refusal when there is no issuer.
			final, err := tx.Complete(t.Context(), emvkernel.Answer{Kind: emvkernel.UnableToGoOnline})
			if err != nil || final.Kind != emvkernel.Declined {
				t.Fatal(final, err)
			}
		}
	})
}
