package emvkernel_test

import (
	"bytes"
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/tlv"
)

// EMV fact 27: what is asked of the card. A card that was authenticated has TVR 0000000000, expired
// 0040000000; the others have 80 in byte 1.
func TestTerminalAction(t *testing.T) {
	const (
		aac, tc, arqc = apdu.RequestAAC, apdu.RequestTC, apdu.RequestARQC
		zero          = "0000000000"
		odaBit        = "8000000000"
		expiredBit    = "0040000000"
	)
	iac := func(denial, online, deflt string) map[tlv.Tag]string {
		return map[tlv.Tag]string{0x9F0E: denial, 0x9F0F: online, 0x9F0D: deflt}
	}
	tests := []struct {
		name    string
		kind    byte // terminal type
		genuine bool
		iac     map[tlv.Tag]string
		tac     [3]string // denial, online, default
		expired bool
		// the acquirer does not allow approval offline
		onlyIssuer bool
		change     func(*emvkernel.Params)
		want       byte
		arc        string // '8A' in CDOL1
	}{
		{name: "no issuer codes: anything irregular goes online", kind: 0x22, want: arqc, arc: "\x00\x00"},
		{name: "no issuer codes, offline only: anything irregular is declined", kind: 0x23, want: aac, arc: "Z1"},
		{name: "no issuer codes, online only", kind: 0x21, want: arqc, arc: "\x00\x00"},
		{name: "nothing matches: offline approval", kind: 0x22, genuine: true, iac: iac(zero, zero, zero), expired: true, want: tc, arc: "Y1"},
		{name: "nothing matches, offline only", kind: 0x23, genuine: true, iac: iac(zero, zero, zero), expired: true, want: tc, arc: "Y1"},
		{name: "nothing matches, online only", kind: 0x21, genuine: true, iac: iac(zero, zero, zero), expired: true, want: arqc, arc: "\x00\x00"},
		{name: "issuer denies", kind: 0x22, iac: iac(odaBit, zero, zero), want: aac, arc: "Z1"},
		{name: "issuer denies, online only", kind: 0x24, iac: iac(odaBit, zero, zero), want: aac, arc: "Z1"},
		{name: "terminal denies", kind: 0x22, genuine: true, iac: iac(zero, zero, zero), tac: [3]string{expiredBit, zero, zero}, expired: true, want: aac, arc: "Z1"},
		{name: "denial comes before online", kind: 0x22, iac: iac(expiredBit, odaBit, odaBit), expired: true, want: aac, arc: "Z1"},
		{name: "issuer wants online", kind: 0x22, genuine: true, iac: iac(zero, expiredBit, zero), expired: true, want: arqc, arc: "\x00\x00"},
		{name: "terminal wants online", kind: 0x25, genuine: true, iac: iac(zero, zero, zero), tac: [3]string{zero, expiredBit, zero}, expired: true, want: arqc, arc: "\x00\x00"},
		{name: "online codes do not count offline only", kind: 0x23, genuine: true, iac: iac(zero, expiredBit, zero), expired: true, want: tc, arc: "Y1"},
		{name: "default codes do not count where online is possible", kind: 0x22, genuine: true, iac: iac(zero, zero, expiredBit), expired: true, want: tc, arc: "Y1"},
		{name: "default codes offline only: issuer", kind: 0x26, genuine: true, iac: iac(zero, zero, expiredBit), expired: true, want: aac, arc: "Z1"},
		{name: "default codes offline only: terminal", kind: 0x23, genuine: true, iac: iac(zero, zero, zero), tac: [3]string{zero, zero, expiredBit}, expired: true, want: aac, arc: "Z1"},
		{name: "no codes at all and no authentication: online", kind: 0x22, iac: iac(zero, zero, zero), want: arqc, arc: "\x00\x00"},
		{name: "no codes at all and no authentication, offline only: declined", kind: 0x23, iac: iac(zero, zero, zero), want: aac, arc: "Z1"},

		{name: "offline approval not configured", kind: 0x22, genuine: true, iac: iac(zero, zero, zero), onlyIssuer: true, want: arqc, arc: "\x00\x00"},
		{name: "offline approval not configured, offline only", kind: 0x23, genuine: true, iac: iac(zero, zero, zero), onlyIssuer: true, want: aac, arc: "Z1"},
		{name: "offline approval not configured: denial is denial", kind: 0x22, genuine: true, iac: iac(expiredBit, zero, zero), expired: true, onlyIssuer: true, want: aac, arc: "Z1"},
		{name: "offline approval withdrawn", kind: 0x22, genuine: true, iac: iac(zero, zero, zero), want: arqc, arc: "\x00\x00",
			change: func(p *emvkernel.Params) { p.NoOfflineApproval = true }},
		{name: "offline approval withdrawn when the card is known", kind: 0x22, genuine: true, iac: iac(zero, zero, zero), want: arqc, arc: "\x00\x00",
			change: func(p *emvkernel.Params) { p.MayApproveOffline = func() bool { return false } }},
		{name: "offline approval withdrawn, offline only", kind: 0x26, genuine: true, iac: iac(zero, zero, zero), want: aac, arc: "Z1",
			change: func(p *emvkernel.Params) { p.NoOfflineApproval = true }},
		{name: "at the floor limit, whatever the codes", kind: 0x22, genuine: true, iac: iac(zero, zero, zero), want: arqc, arc: "\x00\x00",
			change: func(p *emvkernel.Params) { p.Amount = 5000 }},
		{name: "at the floor limit, offline only: the default codes decide", kind: 0x23, genuine: true, iac: iac(zero, zero, zero), want: tc, arc: "Y1",
			change: func(p *emvkernel.Params) { p.Amount = 5000 }},
		{name: "the merchant wants the issuer asked, whatever the codes", kind: 0x22, genuine: true, iac: iac(zero, zero, zero), want: arqc, arc: "\x00\x00",
			change: func(p *emvkernel.Params) { p.ForceOnline = true }},
		{name: "on the exception file, whatever the codes", kind: 0x22, genuine: true, iac: iac(zero, zero, zero), want: arqc, arc: "\x00\x00",
			change: func(p *emvkernel.Params) { p.ExceptionFile = func(emvkernel.Secret, string) bool { return true } }},
		{name: "on the exception file, offline only", kind: 0x23, genuine: true, iac: iac(zero, zero, zero), want: aac, arc: "Z1",
			change: func(p *emvkernel.Params) { p.ExceptionFile = func(emvkernel.Secret, string) bool { return true } }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := terminal()
			cfg.CAKeys, cfg.Test = emvtest.CAKeys(), true
			cfg.Terminal.Type = tt.kind
			app := &cfg.Applications[0]
			app.OfflineApproval = tt.kind&0x0F != 1 && tt.kind&0x0F != 4 && !tt.onlyIssuer
			for i, p := range []*[5]byte{&app.TACDenial, &app.TACOnline, &app.TACDefault} {
				if tt.tac[i] != "" {
					*p = [5]byte(unhex(t, tt.tac[i]))
				}
			}
			r := &recorder{card: actionCard(t, tt.genuine, tt.expired, tt.iac)}
			p := payment()
			if tt.change != nil {
				tt.change(&p)
			}
			tx := begin(t, cfg, p, r, nil)
			if out := collect(t, tx); out.Kind != emvkernel.Declined {
				t.Fatal(out)
			}
			last := r.frames[len(r.frames)-1].command
			if got := requests(r); len(got) != 1 || got[0] != tt.want {
				t.Errorf("asked for %X, want %02X", got, tt.want)
			}
			if got := string(last[5+13 : 5+15]); got != tt.arc {
				t.Errorf("response code %q, want %q", got, tt.arc)
			}
			if tx.Authenticated() != tt.genuine || tx.TVR().Has(emvkernel.ODANotPerformed) == tt.genuine || tx.TSI().Has(emvkernel.ODAPerformed) != tt.genuine {
				t.Errorf("TVR %v, TSI %v", tx.TVR(), tx.TSI())
			}
		})
	}
}

// Authentication that failed is as little good for an offline approval as none, whatever the codes say.
func TestUnprovenIsNeverAskedToApprove(t *testing.T) {
	for _, tt := range []struct{ profile, tvr string }{
		{offlineCard + "oda none\n", "8000000000"},
		{offlineCard + "oda sda\n", "0200000000"}, // a copy would look the same
		{offlineCard + "oda sda\nfault static-signature\n", "4200000000"},
		{offlineCard + "fault sdad-signature\n", "0800000000"},
		{mastercard + offlineCodes + "fault icc-certificate-signature\n", "0400000000"},
	} {
		for kind, want := range map[byte]byte{0x22: apdu.RequestARQC, 0x23: apdu.RequestAAC} {
			cfg := emvtest.TerminalConfig()
			cfg.Terminal.Type = kind
			for i := range cfg.Applications {
				a := &cfg.Applications[i]
				a.OfflineApproval = true
				a.FloorLimit, a.TACDenial, a.TACOnline, a.TACDefault = 5000, [5]byte{}, [5]byte{}, [5]byte{}
			}
			r := &recorder{card: software(t, tt.profile)}
			tx := begin(t, &cfg, payment(), r, nil)
			collect(t, tx)
			if got := requests(r); len(got) == 0 || got[0] != want || tx.TVR().String() != tt.tvr {
				t.Errorf("%q, terminal %02X: asked for %X, TVR %v", tt.profile, kind, got, tx.TVR())
			}
		}
	}
}

// actionCard always answers with an AAC. Where it is genuine it proves that with DDA.
func actionCard(t *testing.T, genuine, expired bool, iac map[tlv.Tag]string) emvkernel.Transceiver {
	t.Helper()
	if !genuine {
		s := newStub()
		s.ac = [][]byte{acFormat1(0x00)}
		for tag, v := range iac {
			s.data[tag] = unhex(t, v)
		}
		if expired {
			s.data[0x5F24] = []byte{0x26, 0x11, 0x20}
		}
		return s
	}
	// CDOL1 begins like the stub's.
	profile := visa + "first-ac aac\ncdol1 9F02:6 95:5 9B:2 8A:2 9F37:4 9F03:6 9F1A:2 5F2A:2 9A:3 9C:1\n"
	for word, tag := range map[string]tlv.Tag{"action-denial": 0x9F0E, "action-online": 0x9F0F, "action-default": 0x9F0D} {
		if v, have := iac[tag]; have {
			profile += word + " " + v + "\n"
		}
	}
	if expired {
		profile += "expiry 2026-11-20\n"
	}
	return software(t, profile)
}

func TestMalformedActionCode(t *testing.T) {
	for _, tag := range []tlv.Tag{0x9F0D, 0x9F0E, 0x9F0F} {
		s := newStub()
		s.data[tag] = []byte{0, 0, 0, 0}
		if _, out := s.run(t, nil); out.Kind != emvkernel.Terminated {
			t.Errorf("%v: %v", tag, out)
		}
	}
}

// lenient allows every approval offline that can be allowed.
func lenient(c *emvkernel.Config, _ *emvkernel.Params) {
	for i := range c.Applications {
		a := &c.Applications[i]
		a.OfflineApproval, a.FloorLimit = true, 5000
		a.TACDenial, a.TACOnline, a.TACDefault = [5]byte{}, [5]byte{}, [5]byte{}
	}
}

// Cash, a purchase with cashback and a refund are never approved without the issuer, nor is a kind of payment
// nobody knows: not below the floor limit, not when the issuer cannot be reached.
func TestOnlyPurchasesStayOffline(t *testing.T) {
	for name, tt := range map[string]struct {
		kind     byte // of the payment
		cashback int64
		purchase bool
	}{
		"purchase": {0x00, 0, true}, "cash": {0x01, 0, false}, "cashback": {0x09, 250, false},
		"cashback, by its type": {0x09, 0, false}, "cashback, by its amount": {0x00, 250, false},
		"manual cash": {0x17, 0, false}, "refund": {0x20, 0, false}, "deposit": {0x21, 0, false},
	} {
		for terminal, want := range map[byte][2]byte{ // where the terminal may approve, and where not
			0x22: {apdu.RequestTC, apdu.RequestARQC}, 0x23: {apdu.RequestTC, apdu.RequestAAC},
		} {
			cfg, p := emvtest.TerminalConfig(), payment()
			lenient(&cfg, &p)
			cfg.Terminal.Type, p.Type, p.Cashback = terminal, tt.kind, tt.cashback
			r := &recorder{card: software(t, offlineCard)}
			out := collect(t, begin(t, &cfg, p, r, nil))
			asked := want[1]
			if tt.purchase {
				asked = want[0]
			}
			if got := requests(r); len(got) != 1 || got[0] != asked || (out.Kind == emvkernel.Approved) != tt.purchase {
				t.Errorf("%s, terminal %02X: asked for %X, %v", name, terminal, got, out)
			}
		}
		cfg, p := emvtest.TerminalConfig(), payment()
		lenient(&cfg, &p)
		p.Type, p.Cashback = tt.kind, tt.cashback
		r := &recorder{card: software(t, visa+"first-ac arqc\naction-online 0000000000\naction-default 0000000000\n")}
		tx := begin(t, &cfg, p, r, nil)
		if out := collect(t, tx); out.Kind != emvkernel.OnlineRequest {
			t.Fatal(name, out)
		}
		out, err := tx.Complete(t.Context(), emvkernel.Answer{Kind: emvkernel.UnableToGoOnline})
		if err != nil || (out.Kind == emvkernel.Approved) != tt.purchase || (requests(r)[1] == apdu.RequestTC) != tt.purchase {
			t.Errorf("%s, unable to go online: asked for %X, %v, %v", name, requests(r), out, err)
		}
	}
}

// An online-only terminal asks for no approval before its issuer's, even with a configuration that Validate
// refuses.
func TestOnlineOnlyNeverStaysOffline(t *testing.T) {
	for kind, online := range map[byte]bool{0x21: true, 0x24: true, 0x22: false, 0x25: false} {
		cfg, p := emvtest.TerminalConfig(), payment()
		lenient(&cfg, &p)
		cfg.Terminal.Type = kind
		for _, profile := range []string{offlineCard, visa + "first-ac arqc\naction-online 0000000000\naction-default 0000000000\n"} {
			r := &recorder{card: software(t, profile)}
			tx, err := emvkernel.NewTransaction(&cfg, p, r, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			out := collect(t, tx)
			if out.Kind == emvkernel.OnlineRequest {
				if out, err = tx.Complete(t.Context(), emvkernel.Answer{Kind: emvkernel.UnableToGoOnline}); err != nil {
					t.Fatal(err)
				}
			}
			if approves := out.Kind == emvkernel.Approved; approves == online || bytes.IndexByte(requests(r), apdu.RequestTC) >= 0 == online {
				t.Errorf("terminal %02X: asked for %X, %v", kind, requests(r), out)
			}
		}
	}
}

// A card whose AIP is not signed: whoever takes DDA, or all authentication, out of it gets no approval
// without the issuer. The static signature that is left is one a copy of the card has as well.
func TestAlteredAIPIsNotApproved(t *testing.T) {
	for aip, want := range map[byte]byte{aipDDA: apdu.RequestTC, aipSDA: apdu.RequestARQC, 0: apdu.RequestARQC, aipCDA: apdu.RequestTC | apdu.RequestCDA} {
		c := newSigned(aipDDA, func(s *stub) {
			s.data[0x9F0F], s.data[0x9F0D] = make([]byte, 5), make([]byte, 5)
		})
		c.aip[0], c.kinds = aip, []byte{0x40, 0x40}
		tx, out := c.run(t, lenient)
		if asked := c.asked(apdu.INSGenerateAC); asked[0].P1 != want || (out.Kind == emvkernel.Approved) != (want&apdu.RequestTC != 0) {
			t.Errorf("AIP %02X: asked for %02X, %v, TVR %v", aip, asked[0].P1, out, tx.TVR())
		}
		if out.Kind != emvkernel.OnlineRequest {
			continue
		}
		out, err := tx.Complete(t.Context(), emvkernel.Answer{Kind: emvkernel.UnableToGoOnline})
		if asked := c.asked(apdu.INSGenerateAC); err != nil || asked[1].P1 != apdu.RequestAAC || out.Kind != emvkernel.Declined {
			t.Errorf("AIP %02X, unable to go online: asked for %02X, %v, %v", aip, asked[1].P1, out, err)
		}
	}
}

// The caller's word on an approval offline is asked once, when all is known of card and cardholder, and not
// where something else forbids it.
func TestMayApproveOfflineIsAskedOnce(t *testing.T) {
	for name, c := range map[string]struct {
		cashback int64
		want     emvkernel.OutcomeKind
		asked    int
	}{"a purchase": {0, emvkernel.Approved, 1}, "a purchase with cashback": {100, emvkernel.OnlineRequest, 0}} {
		cfg := emvtest.TerminalConfig()
		for i := range cfg.Applications {
			cfg.Applications[i].OfflineApproval, cfg.Applications[i].FloorLimit = true, 5000
		}
		var tx *emvkernel.Transaction
		asked := 0
		p := payment()
		p.Amount, p.Cashback = 1250, c.cashback
		p.MayApproveOffline = func() bool {
			asked++
			if card := tx.Card(); card.Last4 == "" || tx.Receipt().CVM == "" {
				t.Errorf("%s: asked before the card is known: %+v", name, tx.Receipt())
			}
			return true
		}
		tx = begin(t, &cfg, p, software(t, offlineCard), nil)
		if out, err := tx.Collect(t.Context()); err != nil || out.Kind != c.want || asked != c.asked {
			t.Errorf("%s: %v, %v, asked %d times", name, out, err, asked)
		}
	}
}
