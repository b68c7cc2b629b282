package emvkernel_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/tlv"
)

// Bits of a byte that chooses a terminal.
const (
	fuzzOfflineApproval = 0x01
	fuzzOnlineOnly      = 0x02
	fuzzOfflineOnly     = 0x04
	fuzzNoActionCodes   = 0x08
	fuzzPINPad          = 0x10
	fuzzNoFloorLimit    = 0x20 // every payment is above it
)

var fuzzTerminals [64]*emvkernel.Config

// fuzzTerminal takes the cards of emvtest and the signed ones.
func fuzzTerminal(t testing.TB, bits byte) *emvkernel.Config {
	t.Helper()
	bits %= byte(len(fuzzTerminals))
	if fuzzTerminals[bits] == nil {
		fuzzTerminals[bits] = newFuzzTerminal(t, bits)
	}
	return fuzzTerminals[bits]
}

func newFuzzTerminal(t testing.TB, bits byte) *emvkernel.Config {
	t.Helper()
	cfg := emvtest.TerminalConfig()
	cfg.CAKeys = append(cfg.CAKeys, signedTerminal().CAKeys...)
	switch {
	case bits&fuzzOnlineOnly != 0:
		cfg.Terminal.Type = 0x21
		bits &^= fuzzOfflineApproval
	case bits&fuzzOfflineOnly != 0:
		cfg.Terminal.Type = 0x23
	case bits&fuzzPINPad != 0:
		cfg.Terminal.Capabilities[1] |= 0x40 // online PIN
	}
	for i := range cfg.Applications {
		a := &cfg.Applications[i]
		a.OfflineApproval = bits&fuzzOfflineApproval != 0
		if bits&fuzzNoFloorLimit == 0 {
			a.FloorLimit = 5000
		}
		if bits&fuzzNoActionCodes != 0 {
			a.TACDenial, a.TACOnline, a.TACDefault = [5]byte{}, [5]byte{}, [5]byte{}
		}
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	return &cfg
}

// fuzzPad ends PIN entries as its bits say.
type fuzzPad struct{ bits byte }

func (p *fuzzPad) VerifyOffline(context.Context, emvkernel.OfflinePIN) (emvkernel.PINVerdict, error) {
	p.bits = p.bits>>1 | p.bits<<7
	switch p.bits & 0x07 {
	case 0, 1, 2:
		return emvkernel.PINVerdict{Entry: emvkernel.PINEntered, SW: apdu.OK}, nil
	case 3:
		return emvkernel.PINVerdict{Entry: emvkernel.PINEntered, SW: 0x63C1}, nil
	case 4:
		return emvkernel.PINVerdict{Entry: emvkernel.PINEntered, SW: 0x6983}, nil
	case 5:
		return emvkernel.PINVerdict{Entry: emvkernel.PINBypassed}, nil
	case 6:
		return emvkernel.PINVerdict{Entry: emvkernel.PINCanceled}, nil
	default:
		return emvkernel.PINVerdict{}, emvkernel.ErrPINPad
	}
}

func (p *fuzzPad) EnterOnline(context.Context, emvkernel.OnlinePIN) (emvkernel.PINEntry, error) {
	return emvkernel.PINEntry(1 + p.bits&0x03), nil
}

// fuzzAnswers are the ends an online request may have.
func fuzzAnswers(tx *emvkernel.Transaction, end byte, scripts []byte) emvkernel.Answer {
	approved := emvkernel.Answer{Kind: emvkernel.IssuerAnswered, ARC: [2]byte{'0', '0'}, Scripts: scripts}
	switch end % 8 {
	case 0:
		return emvkernel.Answer{}
	case 1:
		return emvkernel.Answer{Kind: emvkernel.Cancel}
	case 2:
		return emvkernel.Answer{Kind: emvkernel.UnableToGoOnline}
	case 3:
		return approved
	case 4:
		approved.IssuerAuthenticationData = make([]byte, 10)
		return approved
	case 5:
		// The right one, where the card is the test issuer's and its cryptogram is good.
		if iad, err := emvtest.NewIssuer().Respond(tx.ACData(), approved.ARC); err == nil {
			approved.IssuerAuthenticationData = iad
		}
		return approved
	case 6:
		return emvkernel.Answer{Kind: emvkernel.IssuerAnswered, ARC: [2]byte{'0', '5'}, Scripts: scripts}
	default:
		return emvkernel.Answer{Kind: emvkernel.IssuerAnswered, ARC: [2]byte{'0', '1'}}
	}
}

// oneScript changes a PIN, in form.
var oneScript = []byte{0x71, 0x0E, 0x9F, 0x18, 0x04, 1, 2, 3, 4, 0x86, 0x05, 0x84, 0x16, 0x00, 0x00, 0x00}

// payWith runs a whole payment with the card, judged at both ends.
func payWith(t *testing.T, c *conversation, terminal, end byte, scripts []byte) emvkernel.Outcome {
	t.Helper()
	cfg := fuzzTerminal(t, terminal)
	p := payment()
	if terminal&fuzzPINPad != 0 {
		p.PINPad = &fuzzPad{bits: end}
	}
	tx, err := emvkernel.NewTransaction(cfg, p, c, &person{confirm: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := tx.Collect(t.Context())
	c.check(t, cfg, tx, nil, out, err)
	_, _ = tx.Card(), tx.Receipt()
	if out.Kind != emvkernel.OnlineRequest {
		if _, err := tx.Complete(t.Context(), emvkernel.Answer{}); !errors.Is(err, emvkernel.ErrOrder) {
			t.Fatalf("%v could be completed", out)
		}
		return out
	}
	data := tx.ACData()
	answer := fuzzAnswers(tx, end, scripts)
	out, err = tx.Complete(t.Context(), answer)
	if errors.Is(err, emvkernel.ErrAnswer) {
		answer = emvkernel.Answer{}
		out, err = tx.Complete(t.Context(), answer)
	}
	c.check(t, cfg, tx, &answer, out, err)
	if !bytes.Equal(data, tx.ACData()) {
		t.Fatal("the data set changed")
	}
	tx.Wipe()
	return out
}

// goodCards are what the fuzzer starts from. They behave; what is wrong is put into their answers.
var goodCards = []string{
	visa, mastercard, visa + "oda sda\n", visa + "oda none\n", "transport t0\n" + visa, "pse no\n" + mastercard,
	offlineCard, mastercard + offlineCodes, visa + "oda sda\n" + offlineCodes,
	"application amex\npan 378282246310005\n", "application jcb\npan 3566002020360505\n" + offlineCodes,
	visa + "cvm plain-pin if-supported or-next\ncvm signature always\noffline-limits 1 2\n",
	"transport t0\n" + mastercard + offlineCodes,
}

// A good card of which up to eight answers are changed: bytes, status words, single data objects, answers
// put in the place of others. It never gets further than a card may that says such things, and nothing
// passes for signed that the card did not sign.
func FuzzMutatedCard(f *testing.F) {
	var profiles []*emvtest.Profile
	for _, text := range goodCards {
		p, err := emvtest.ParseProfile(strings.NewReader("about test card\n" + text))
		if err != nil {
			f.Fatal(err)
		}
		profiles = append(profiles, p)
	}
	const signedMethods = 3 // and the signed cards, by method
	for i := range byte(len(profiles) + signedMethods) {
		f.Add(i, byte(fuzzOfflineApproval|fuzzNoActionCodes), byte(5), []byte{})
		f.Add(i, byte(0), i, []byte{})
	}
	for answer := range byte(16) { // every answer of a DDA and of a CDA card, one bit of one value
		f.Add(byte(0), byte(fuzzOfflineApproval|fuzzNoActionCodes), byte(5), []byte{answer, 10, 1, 20, 0x01})
		f.Add(byte(1), byte(fuzzOfflineApproval|fuzzNoActionCodes), byte(5), []byte{answer, 10, 3, 20, 0x01})
	}
	// Every answer of the cards that approve offline, one bit of one value.
	for _, card := range []byte{6, 7, 8, 13, 14, 15} {
		for answer := byte(3); answer < 14; answer++ {
			for object := byte(1); object < 5; object++ {
				f.Add(card, byte(fuzzOfflineApproval|fuzzNoActionCodes), byte(2), []byte{answer, 10, object, 20, 0x01})
			}
		}
	}
	for kind := range byte(len(mutations)) {
		for answer := byte(2); answer < 14; answer += 3 {
			f.Add(kind, byte(fuzzOfflineApproval|fuzzNoActionCodes), answer%8, []byte{answer, kind, 1, 2, 0x81})
			f.Add(kind+4, byte(fuzzOfflineApproval), answer%8, []byte{answer, kind, 2, 1, 0x01, answer + 1, 7, answer, 0, 0})
		}
	}
	f.Fuzz(func(t *testing.T, card, terminal, end byte, program []byte) {
		c := &conversation{}
		if n := int(card) % (len(profiles) + signedMethods); n < len(profiles) {
			c.card = emvtest.NewCard(profiles[n], nil)
		} else {
			s := newSigned([]byte{aipSDA, aipDDA, aipCDA}[n-len(profiles)], nil)
			s.kinds = []byte{0x40, 0x40}
			c.card, c.truth = s, s.data
		}
		changes := mutationsOf(program)
		c.change = func(n int, answer []byte, earlier [][]byte) []byte {
			for _, m := range changes {
				if int(m.answer) == n {
					answer = m.apply(answer, earlier)
				}
			}
			return answer
		}
		payWith(t, c, terminal, end, oneScript)
	})
}

// A card whose issuer signed whatever the fuzzer likes: the lists, the codes, the CVM rules, and data
// objects that do not belong there. All of it is authentic, none of it need make sense.
func FuzzSignedCard(f *testing.F) {
	good := newSigned(aipCDA, nil)
	cvms := []byte{0, 0, 0, 0, 0, 0, 0, 0, 0x44, 0x03, 0x41, 0x03, 0x42, 0x03, 0x5E, 0x03, 0x1F, 0x00}
	codes := bytes.Repeat([]byte{0}, 15)
	for _, aip := range []byte{aipSDA, aipDDA, aipCDA, aipCDA | aipCVM | aipRisk, aipDDA | aipCVM, aipSDA | aipCVM, 0, 0xFF} {
		for end := range byte(8) {
			f.Add(aip, byte(fuzzOfflineApproval|fuzzNoActionCodes), end, byte(0x50), cvms, good.data[0x8C], good.data[0x8D], []byte{0x9F, 0x37, 4}, codes, []byte{}, oneScript)
		}
		f.Add(aip, byte(fuzzOfflineApproval|fuzzNoActionCodes), byte(2), byte(0x50), cvms, good.data[0x8C], good.data[0x8D], []byte{0x9A, 3}, codes, []byte{}, oneScript)
		denial := append(append(make([]byte, 5), bytes.Repeat([]byte{0xFF}, 5)...), make([]byte, 5)...)
		f.Add(aip, byte(fuzzOfflineApproval|fuzzNoActionCodes), byte(2), byte(0x10), cvms, good.data[0x8C], good.data[0x8D], []byte{}, denial, []byte{}, oneScript)
		f.Add(aip, byte(0), byte(6), byte(0x54), cvms, good.data[0x8C], good.data[0x8D], []byte{}, codes, []byte{}, oneScript)
		f.Add(aip, byte(fuzzOfflineApproval|fuzzPINPad), byte(5), byte(0x94), cvms, []byte{0x98, 20, 0x9F, 0x37, 4}, []byte{0x98, 20, 0x91, 10, 0x9F, 0x37, 4}, []byte{}, codes,
			[]byte{0x9F, 0x14, 1, 1, 0x9F, 0x23, 1, 2, 0x97, 3, 0x9F, 0x02, 6}, []byte{0x72, 0x07, 0x86, 0x05, 0x84, 0x16, 0x00, 0x00, 0x00})
	}
	f.Fuzz(func(t *testing.T, aip, terminal, end, kinds byte, cvms, cdol1, cdol2, ddol, codes, extra, scripts []byte) {
		// The signature covers '9F37' where the list ends with it; a card without it cannot sign what is asked.
		list, err := tlv.Parse(extra)
		if err != nil || len(extra) > 60 || len(cvms) > 40 || len(cdol1) > 40 || len(cdol2) > 40 || len(ddol) > 20 {
			return
		}
		s := newSigned(aip, func(s *stub) {
			for _, e := range list {
				if !e.Tag.Constructed() && e.Tag != 0x5A { // the certificates are for that account
					s.data[e.Tag] = e.Value
				}
			}
			s.data[0x8C], s.data[0x8D] = cdol1, cdol2
			if len(cvms) > 0 {
				s.data[0x8E] = cvms
			}
			if len(ddol) > 0 {
				s.data[0x9F49] = ddol
			}
			if len(codes) == 15 {
				s.data[0x9F0D], s.data[0x9F0E], s.data[0x9F0F] = codes[:5], codes[5:10], codes[10:]
			}
		})
		s.kinds, s.higher = []byte{kinds << 2 & 0xC0, kinds << 4 & 0xC0}, kinds&0x40 != 0
		s.getData = map[tlv.Tag][]byte{0x9F36: ok([]byte{0x9F, 0x36, 2, 0, 5}), 0x9F13: ok([]byte{0x9F, 0x13, 2, 0, kinds & 3}), 0x9F17: ok([]byte{0x9F, 0x17, 1, 2})}
		s.answers = map[byte][]byte{apdu.INSExternalAuthenticate: ok(nil)}
		payWith(t, &conversation{card: s, truth: s.data}, terminal, end, scripts)
	})
}
