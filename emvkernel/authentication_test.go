package emvkernel_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/oda"
)

// CDA is asked for with both approvals, never with an AAC.
func TestCombinedRequests(t *testing.T) {
	cfg := emvtest.TerminalConfig()
	card := &recorder{card: software(t, mastercard)}
	tx := begin(t, &cfg, payment(), card, nil)
	collect(t, tx)
	if _, err := tx.Complete(t.Context(), emvkernel.Answer{Kind: emvkernel.IssuerAnswered, ARC: [2]byte{'0', '0'}}); err != nil {
		t.Fatal(err)
	}
	if got := requests(card); !bytes.Equal(got, []byte{0x90, 0x50}) {
		t.Errorf("asked for %X, want 9050", got)
	}
	card = &recorder{card: software(t, mastercard)}
	tx = begin(t, &cfg, payment(), card, nil)
	collect(t, tx)
	if _, err := tx.Complete(t.Context(), emvkernel.Answer{}); err != nil {
		t.Fatal(err)
	}
	if got := requests(card); !bytes.Equal(got, []byte{0x90, 0x00}) {
		t.Errorf("deferral asked for %X, want 9000", got)
	}
	card = &recorder{card: software(t, mastercard)}
	tx = begin(t, &cfg, payment(), card, nil)
	collect(t, tx)
	if _, err := tx.Complete(t.Context(), emvkernel.Answer{Kind: emvkernel.IssuerAnswered, ARC: [2]byte{'0', '5'}}); err != nil {
		t.Fatal(err)
	}
	if got := requests(card); !bytes.Equal(got, []byte{0x90, 0x00}) {
		t.Errorf("issuer declined: asked for %X, want 9000", got)
	}
	// A terminal that denies asks for a plain AAC.
	card = &recorder{card: software(t, mastercard+"expiry 2026-11-20\n")}
	denying := emvtest.TerminalConfig()
	for i := range denying.Applications {
		denying.Applications[i].TACDenial[1] = 0x40
	}
	tx = begin(t, &denying, payment(), card, nil)
	if out := collect(t, tx); out.Kind != emvkernel.Declined {
		t.Error(out)
	}
	if got := requests(card); !bytes.Equal(got, []byte{0x00}) {
		t.Errorf("terminal denied: asked for %X, want 00", got)
	}
	// A combined signature that fails on an ARQC: an AAC at once, and the host never hears of it.
	card = &recorder{card: software(t, mastercard+"fault cda-hash\n")}
	tx = begin(t, &cfg, payment(), card, nil)
	if out := collect(t, tx); out.Kind != emvkernel.Declined {
		t.Error(out)
	}
	if got := requests(card); !bytes.Equal(got, []byte{0x90, 0x00}) {
		t.Errorf("failed signature: asked for %X, want 9000", got)
	}
	if tx.Receipt().Cryptogram != nil {
		t.Error("a cryptogram that cannot be trusted is on the receipt")
	}
	if _, err := tx.Complete(t.Context(), emvkernel.Answer{}); !errors.Is(err, emvkernel.ErrOrder) {
		t.Errorf("nothing is owed: %v", err)
	}
	// A key that could not be recovered: CDA is not asked for at all.
	card = &recorder{card: software(t, mastercard+"fault icc-certificate-signature\n")}
	tx = begin(t, &cfg, payment(), card, nil)
	collect(t, tx)
	if got := requests(card); !bytes.Equal(got, []byte{0x80}) {
		t.Errorf("without a key: asked for %X, want 80", got)
	}
}

func requests(r *recorder) []byte {
	var out []byte
	for _, f := range r.frames {
		if c, err := apdu.ParseCommand(f.command); err == nil && c.INS == apdu.INSGenerateAC {
			out = append(out, c.P1)
		}
	}
	return out
}

// A TC in place of an ARQC with CDA: the offline approval counts only if its signature does.
func TestOfflineApproval(t *testing.T) {
	offlineTerminal := func() *emvkernel.Config {
		cfg := emvtest.TerminalConfig()
		for i := range cfg.Applications {
			cfg.Applications[i].FloorLimit, cfg.Applications[i].OfflineApproval = 5000, true
		}
		return &cfg
	}
	card := mastercard + offlineCodes
	tx := begin(t, offlineTerminal(), payment(), software(t, card), nil)
	if out := collect(t, tx); out.Kind != emvkernel.Approved || !tx.Authenticated() {
		t.Errorf("%v, authenticated %v", out, tx.Authenticated())
	}
	tx = begin(t, offlineTerminal(), payment(), software(t, card+"fault cda-hash\n"), nil)
	if out := collect(t, tx); out.Kind != emvkernel.Declined || tx.Authenticated() || !tx.TVR().Has(emvkernel.CDAFailed) {
		t.Errorf("%v, authenticated %v, TVR %v", out, tx.Authenticated(), tx.TVR())
	}
}

// A card that answers without the signature it was asked for has failed, in either format.
func TestCombinedSignatureLeftOut(t *testing.T) {
	for _, answer := range []string{
		"8012 80 0001 0102030405060708 06010A03A00000 9000",
		"7714 9F270180 9F36020001 9F26080102030405060708 9000",
	} {
		cfg := emvtest.TerminalConfig()
		card := &tamper{card: software(t, mastercard), ins: apdu.INSGenerateAC, answer: unhex(t, answer)}
		tx := begin(t, &cfg, payment(), card, nil)
		out := collect(t, tx)
		if out.Kind != emvkernel.Declined || !tx.TVR().Has(emvkernel.CDAFailed) || tx.Authenticated() {
			t.Errorf("%s: %v, TVR %v", answer, out, tx.TVR())
		}
		// The cryptogram in clear proves nothing: neither receipt nor issuer get it.
		if tx.Receipt().Cryptogram != nil || tx.ACData() != nil {
			t.Errorf("%s: receipt %X, %d bytes of data", answer, tx.Receipt().Cryptogram, len(tx.ACData()))
		}
	}
}

// The second signature counts as much as the first: a card that was authenticated by its ARQC and then
// gives an approval that is not signed has approved nothing.
func TestSecondCombinedSignature(t *testing.T) {
	for name, change := range map[string]func(answer []byte) []byte{
		"altered": func(answer []byte) []byte { answer[30] ^= 1; return answer },
		"left out": func([]byte) []byte {
			return ok(unhex(t, "7714 9F270140 9F36020001 9F26080102030405060708"))
		},
		"format 1": func([]byte) []byte { return ok(unhex(t, "8012 40 0001 0102030405060708 06010A03A00000")) },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := emvtest.TerminalConfig()
			n := 0
			card := &wedge{card: software(t, mastercard), change: func(command, answer []byte) []byte {
				if command[1] != apdu.INSGenerateAC {
					return answer
				}
				if n++; n < 2 {
					return answer
				}
				return change(answer)
			}}
			tx := begin(t, &cfg, payment(), card, nil)
			if out := collect(t, tx); out.Kind != emvkernel.OnlineRequest || !tx.Authenticated() {
				t.Fatal(out)
			}
			data := tx.ACData()
			arc := [2]byte{'0', '0'}
			iad, err := emvtest.NewIssuer().Respond(data, arc)
			if err != nil {
				t.Fatal(err)
			}
			out, err := tx.Complete(t.Context(), emvkernel.Answer{Kind: emvkernel.IssuerAnswered, ARC: arc, IssuerAuthenticationData: iad})
			if err != nil || out.Kind != emvkernel.Declined || !out.Reverse || tx.Authenticated() || !tx.TVR().Has(emvkernel.CDAFailed) {
				t.Errorf("%+v, %v, authenticated %v, TVR %v", out, err, tx.Authenticated(), tx.TVR())
			}
			if tx.Receipt().Cryptogram != nil || !bytes.Equal(tx.ACData(), data) {
				t.Errorf("receipt %X", tx.Receipt().Cryptogram)
			}
		})
	}
}

// An AAC is never signed, so it must show its cryptogram.
func TestCombinedDeclineWithoutCryptogram(t *testing.T) {
	cfg := emvtest.TerminalConfig()
	card := &tamper{card: software(t, mastercard), ins: apdu.INSGenerateAC, answer: unhex(t, "7709 9F270100 9F36020001 9000")}
	if out := collect(t, begin(t, &cfg, payment(), card, nil)); out.Kind != emvkernel.Terminated {
		t.Error(out)
	}
	card = &tamper{card: software(t, mastercard), ins: apdu.INSGenerateAC, answer: unhex(t, "7714 9F270100 9F36020001 9F26080102030405060708 9000")}
	tx := begin(t, &cfg, payment(), card, nil)
	if out := collect(t, tx); out.Kind != emvkernel.Declined || tx.TVR().Has(emvkernel.CDAFailed) {
		t.Errorf("%v, TVR %v", out, tx.TVR())
	}
}

// tamper replaces the first answer to an instruction.
type tamper struct {
	card   emvkernel.Transceiver
	ins    byte
	answer []byte
	done   bool
}

func (c *tamper) Transceive(ctx context.Context, command []byte) ([]byte, error) {
	answer, err := c.card.Transceive(ctx, command)
	if err == nil && !c.done && command[1] == c.ins {
		c.done = true
		return c.answer, nil
	}
	return answer, err
}

// A replayed dynamic signature does not fit another unpredictable number.
func TestReplay(t *testing.T) {
	cfg := emvtest.TerminalConfig()
	for _, profile := range []string{visa, mastercard} {
		card := &recorder{card: software(t, profile)}
		tx := begin(t, &cfg, payment(), card, nil)
		collect(t, tx)
		if !tx.Authenticated() {
			t.Fatal("not authenticated")
		}
		p := payment()
		p.UnpredictableNumber[3]++
		tx = begin(t, &cfg, p, &replay{frames: card.frames}, nil)
		out, err := tx.Collect(t.Context())
		if tx.Authenticated() {
			t.Errorf("a recording passed for a card: %v, %v", out, err)
		}
	}
}

// replay gives recorded answers whatever the command's data is.
type replay struct {
	frames []frame
	next   int
}

func (r *replay) Transceive(_ context.Context, command []byte) ([]byte, error) {
	if r.next == len(r.frames) {
		return []byte{0x6F, 0x00}, nil
	}
	f := r.frames[r.next]
	r.next++
	return bytes.Clone(f.answer), nil
}

// EMV facts 12 to 14.
func TestAuthenticationData(t *testing.T) {
	t.Run("no certification authority key: the method failed", func(t *testing.T) {
		for profile, want := range map[string]emvkernel.Flag{visa: emvkernel.DDAFailed, mastercard: emvkernel.CDAFailed, visa + "oda sda\n": emvkernel.SDAFailed} {
			cfg := emvtest.TerminalConfig()
			cfg.CAKeys = nil
			tx := begin(t, &cfg, payment(), software(t, profile), nil)
			collect(t, tx)
			if !tx.TVR().Has(want) || tx.TVR().Has(emvkernel.ODANotPerformed) || tx.TVR().Has(emvkernel.ICCDataMissing) || !tx.TSI().Has(emvkernel.ODAPerformed) {
				t.Errorf("TVR %v, TSI %v", tx.TVR(), tx.TSI())
			}
		}
	})
	t.Run("a key of the right index for another RID is no key", func(t *testing.T) {
		cfg := emvtest.TerminalConfig()
		var others []oda.CAKey
		for _, k := range cfg.CAKeys {
			if k.RID[4] != 0x03 {
				others = append(others, k)
			}
		}
		cfg.CAKeys = others
		tx := begin(t, &cfg, payment(), software(t, visa), nil)
		collect(t, tx)
		if !tx.TVR().Has(emvkernel.DDAFailed) {
			t.Errorf("TVR %v", tx.TVR())
		}
	})
	t.Run("data promised and missing", func(t *testing.T) {
		// The stub claims DDA and has no certificates.
		s := newStub()
		s.aip[0] = 0x20
		tx, _ := s.run(t, nil)
		if !tx.TVR().Has(emvkernel.DDAFailed) || !tx.TVR().Has(emvkernel.ICCDataMissing) || !tx.TSI().Has(emvkernel.ODAPerformed) {
			t.Errorf("TVR %v, TSI %v", tx.TVR(), tx.TSI())
		}
	})
	t.Run("a list without the unpredictable number", func(t *testing.T) {
		for _, ddol := range []string{"9A:3", "9F37:2"} {
			cfg := emvtest.TerminalConfig()
			tx := begin(t, &cfg, payment(), software(t, visa+"ddol "+ddol+"\n"), nil)
			collect(t, tx)
			if !tx.TVR().Has(emvkernel.DDAFailed) {
				t.Errorf("DDOL %s: TVR %v", ddol, tx.TVR())
			}
		}
	})
	t.Run("more than the unpredictable number", func(t *testing.T) {
		cfg := emvtest.TerminalConfig()
		tx := begin(t, &cfg, payment(), software(t, visa+"ddol 9F37:4 9A:3 9F02:6\n"), nil)
		collect(t, tx)
		if !tx.Authenticated() {
			t.Errorf("TVR %v", tx.TVR())
		}
	})
	t.Run("INTERNAL AUTHENTICATE refused or malformed ends the transaction", func(t *testing.T) {
		for _, answer := range []string{"6985", "8001AA 6985", "9000", "7000 9000", "7703 9F2700 9000", "5A00 9000", "8000 00 9000"} {
			cfg := emvtest.TerminalConfig()
			card := &tamper{card: software(t, visa), ins: apdu.INSInternalAuthenticate, answer: unhex(t, answer)}
			if out := collect(t, begin(t, &cfg, payment(), card, nil)); out.Kind != emvkernel.Terminated {
				t.Errorf("%s: %v", answer, out)
			}
		}
	})
}
