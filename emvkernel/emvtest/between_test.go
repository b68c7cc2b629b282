package emvtest

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/oda"
	"smartreader/emvkernel/tlv"
)

// between stands between terminal and card and sees, or changes, what passes: cards that no profile can
// describe.
type between struct {
	*Card
	command func(command []byte)
	answer  func(command, answer []byte) []byte
}

func (b between) Transceive(ctx context.Context, command []byte) ([]byte, error) {
	if b.command != nil {
		b.command(command)
	}
	asked := bytes.Clone(command)
	answer, err := b.Card.Transceive(ctx, command)
	if err == nil && b.answer != nil {
		answer = b.answer(asked, answer)
	}
	return answer, err
}

// The directory may hold other things than applications, before them and among them.
func TestDirectoryWithOtherEntries(t *testing.T) {
	other := []byte{0xDF, 0x01, 0x02, 0xAA, 0xBB}
	card := between{Card: NewCard(load(t, "two-applications"), nil)}
	entries, selected := 0, 0
	card.command = func(command []byte) {
		if command[1] == apdu.INSSelect {
			selected++
		}
	}
	card.answer = func(command, answer []byte) []byte {
		if command[1] != apdu.INSReadRecord || command[3]>>3 != 1 || len(answer) < 4 || answer[0] != 0x70 || answer[2] != 0x61 {
			return answer
		}
		entries++
		record, rest, err := tlv.ParseOne(answer)
		if err != nil {
			t.Error(err)
		}
		return append(tlv.Append(nil, 0x70, append(bytes.Clone(other), record.Value...)...), rest...)
	}
	tx, out := collect(t, card, TerminalConfig(), 1250)
	if selected != 2 { // the directory and what it named: no search by AID
		t.Errorf("%d times SELECT", selected)
	}
	if entries != 2 || out.Kind != emvkernel.OnlineRequest || tx.Card().Last4 != "5556" {
		t.Errorf("%d entries seen, %v (%s), paid with %s; want the debit application of the directory", entries, out.Kind, out.Reason, tx.Card().Last4)
	}
}

// Files 1 to 10 hold what EMV defines, wherever a card puts it; what stands in files above is not read for
// it (EMV Book 3, 5.3 and 7.1).
func TestRecordsInAnyFile(t *testing.T) {
	risk := parse(t, "application visa\npan 4242424242424242\noda none\n")
	for to, want := range map[byte]emvkernel.OutcomeKind{
		6: emvkernel.OnlineRequest, 10: emvkernel.OnlineRequest, 11: emvkernel.Terminated, 30: emvkernel.Terminated,
	} {
		card := between{Card: NewCard(risk, nil)}
		var from byte // the last file of the locator
		card.command = func(command []byte) {
			if command[1] == apdu.INSReadRecord && from != 0 && command[3]>>3 == to {
				command[3] = from<<3 | 0x04
			}
		}
		card.answer = func(command, answer []byte) []byte {
			if command[1] == apdu.INSGetProcessingOptions && answer[0] == 0x80 {
				at := len(answer) - 2 - 4
				from = answer[at] >> 3
				answer[at] = to << 3
			}
			return answer
		}
		if _, out := collect(t, card, TerminalConfig(), 1250); out.Kind != want || from == 0 {
			t.Errorf("file %d (was %d): %v (%s), want %v", to, from, out.Kind, out.Reason, want)
		}
	}
}

// A card that tells one of its counters and not the other exceeds both limits; one in a record does not count
// (EMV fact 25; EMV Book 3, 7.3).
func TestOneHiddenCounter(t *testing.T) {
	cfg := TerminalConfig()
	for i := range cfg.Applications {
		cfg.Applications[i].FloorLimit, cfg.Applications[i].OfflineApproval = 5000, true
	}
	p := parse(t, "application visa\npan 4242424242424242\nfirst-ac tc\nused 7 7\noffline-limits 20 30\naction-online FC68BCF800\nadd 9F13 0007\n")
	for hidden, exceeded := range map[uint16]bool{0x9F13: true, 0x9F36: true, 0: false} {
		card := between{Card: NewCard(p, nil), answer: func(command, answer []byte) []byte {
			if command[1] == apdu.INSGetData && uint16(command[2])<<8|uint16(command[3]) == hidden {
				return []byte{0x6A, 0x88}
			}
			return answer
		}}
		tx, out := collect(t, card, cfg, 1250)
		lower, upper := tx.TVR().Has(emvkernel.LowerLimitExceeded), tx.TVR().Has(emvkernel.UpperLimitExceeded)
		if lower != exceeded || upper != exceeded || (out.Kind == emvkernel.OnlineRequest) != exceeded || tx.TVR().Has(emvkernel.NewCard) {
			t.Errorf("without %04X: TVR %v, %v", hidden, tx.TVR(), out.Kind)
		}
	}
}

// The code that the static signature carries ('9F45') is told to a card that asks for it.
func TestDataAuthenticationCode(t *testing.T) {
	p := parse(t, "application visa\npan 4242424242424242\noda sda\ncdol1 9F02:6 9F03:6 9F1A:2 95:5 5F2A:2 9A:3 9C:1 9F37:4 9F45:2\n")
	var told []byte
	card := between{Card: NewCard(p, nil), command: func(command []byte) {
		if command[1] == apdu.INSGenerateAC {
			told = bytes.Clone(command[5+int(command[4])-2 : 5+int(command[4])])
		}
	}}
	if _, out := collect(t, card, TerminalConfig(), 1250); out.Kind != emvkernel.OnlineRequest || !bytes.Equal(told, []byte{0xDA, 0xC0}) {
		t.Errorf("%v, told %X", out.Kind, told)
	}
}

// A certificate is for one whole account number: neither its beginning nor a longer one will do, although
// everything else in it is right (EMV fact 13; EMV Book 2, 6.4).
func TestCertificateIsForOneNumber(t *testing.T) {
	visa := brandNamed("visa")
	issuer, icc := findKey(visa.issuerSpec()), deriveKey(keySpec{"icc/number", visa.icc})
	for number, good := range map[string]bool{
		"4242424242424242": true, "424242424242424": false, "42424242": false, "42424242424242420": false, "4242424242424242424": false,
	} {
		certificate, remainder := iccCertificate(issuer, icc, [10]byte(pan(number).compressed(10)), goodTerm, nil, "")
		_, err := oda.RecoverICCKey(oda.PublicKey{Modulus: issuer.modulus(), Exponent: issuer.exponent()},
			oda.Certificate{Certificate: certificate, Remainder: remainder, Exponent: icc.exponent()}, nil, pan("4242424242424242").compressed(8), payday)
		if (err == nil) != good || !good && !strings.Contains(err.Error(), oda.PANMismatch.Error()) {
			t.Errorf("number of %d digits: %v", len(number), err)
		}
	}
}

// A certificate's year 49 is to come, its year 50 long gone (EMV fact 26; EMV Book 4, 6.7.3).
func TestCertificateCentury(t *testing.T) {
	visa := brandNamed("visa")
	issuer, icc := findKey(visa.issuerSpec()), deriveKey(keySpec{"icc/number", visa.icc})
	for expiry, good := range map[[2]byte]bool{
		{0x12, 0x49}: true, {0x01, 0x50}: false, {0x12, 0x99}: false, {0x03, 0x26}: true, {0x02, 0x26}: false, {0x13, 0x30}: false, {0x00, 0x30}: false,
	} {
		certificate, remainder := iccCertificate(issuer, icc, [10]byte(pan("4242424242424242").compressed(10)), certificateTerm{expiry: expiry}, nil, "")
		_, err := oda.RecoverICCKey(oda.PublicKey{Modulus: issuer.modulus(), Exponent: issuer.exponent()},
			oda.Certificate{Certificate: certificate, Remainder: remainder, Exponent: icc.exponent()}, nil, pan("4242424242424242").compressed(8), payday)
		if (err == nil) != good || !good && !strings.Contains(err.Error(), oda.Expired.Error()) {
			t.Errorf("expiry %X: %v", expiry, err)
		}
	}
}

// An FCI without a proprietary template has no label, no priority and no PDOL, and pays all the same
// (EMV Book 1, 12.2.4).
func TestFCIWithoutTemplate(t *testing.T) {
	p := parse(t, "pse no\napplication visa\npan 4242424242424242\n")
	bare := tlv.Append(nil, 0x6F, tlv.Append(nil, 0x84, p.applications[0].aid...)...)
	card := between{Card: NewCard(p, nil), answer: func(command, answer []byte) []byte {
		if command[1] == apdu.INSSelect && answer[0] == 0x6F {
			return append(bytes.Clone(bare), answer[len(answer)-2:]...)
		}
		return answer
	}}
	tx, out := collect(t, card, TerminalConfig(), 1250)
	if out.Kind != emvkernel.OnlineRequest || !tx.Authenticated() || tx.Card().Label != "" {
		t.Errorf("%v (%s), label %q", out.Kind, out.Reason, tx.Card().Label)
	}
}
