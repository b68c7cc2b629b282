package c3_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tap"
)

// Two scripts of two commands each.
const (
	scriptOne = "7116" + "9F180411223344" + "8605841E000000" + "860684DA0001" + "01AA"
	scriptTwo = "720F" + "8605841E000000" + "860684DA0001" + "01BB"
)

// update presents a card again with an issuer's answer.
func update(t *testing.T, c *card, answer tap.OnlineAnswer) tapped {
	t.Helper()
	r := newReader()
	r.answer = &answer
	return r.tap(t, c)
}

// The issuer's answer goes to the card, authentication first, then scripts command by command; there is no payment
// any more, whatever the card answers.
func TestIssuerUpdate(t *testing.T) {
	iad := hexBytes("01020304050607083030")
	ok := func(c *card) { c.answers[0x1E], c.answers[0xDA] = apdu.OK, apdu.OK }
	for _, tt := range []struct {
		name    string
		change  func(c *card)
		iad     []byte
		scripts string
		sent    []string
		objects string // of the discretionary data
	}{
		{"nothing", ok, nil, "", nil, "95050000000000" + "9B020000"},
		{"authentication", ok, iad, "", []string{"008200000A01020304050607083030"}, "95050000000000" + "9B021000"},
		{"authentication fails", func(c *card) { c.answers[0x82] = 0x6300 }, iad, "", []string{"008200000A01020304050607083030"}, "95050000000040" + "9B021000"},
		{"scripts", ok, nil, scriptOne + scriptTwo,
			[]string{"841E000000", "84DA000101AA", "841E000000", "84DA000101BB"}, "95050000000000" + "9B020400" + "9F5B0A" + "2011223344" + "2000000000"},
		{"all", ok, iad, scriptTwo, []string{"008200000A01020304050607083030", "841E000000", "84DA000101BB"}, "95050000000000" + "9B021400" + "9F5B05" + "2000000000"},
		{"not believed, but scripts", func(c *card) { ok(c); c.answers[0x82] = 0x6985 }, iad, scriptTwo,
			[]string{"008200000A01020304050607083030", "841E000000", "84DA000101BB"}, "95050000000040" + "9B021400" + "9F5B05" + "2000000000"},
		{"first command fails", func(c *card) { ok(c); c.answers[0x1E] = 0x6985 }, nil, scriptOne + scriptTwo,
			[]string{"841E000000", "841E000000"}, "95050000000010" + "9B020400" + "9F5B0A" + "1111223344" + "1100000000"},
		{"second command fails", func(c *card) { ok(c); c.answers[0xDA] = 0x6A80 }, nil, scriptOne,
			[]string{"841E000000", "84DA000101AA"}, "95050000000010" + "9B020400" + "9F5B05" + "1211223344"},
		{"warnings are none", func(c *card) { ok(c); c.answers[0x1E] = 0x6283; c.answers[0xDA] = 0x63C1 }, nil, scriptOne,
			[]string{"841E000000", "84DA000101AA"}, "95050000000000" + "9B020400" + "9F5B05" + "2011223344"},
		{"no payment again", ok, nil, "7107" + "8605" + "80AE400000", nil, "95050000000010" + "9B020400" + "9F5B05" + "1100000000"},
		{"nor its beginning", ok, nil, "710A" + "8608" + "80A8000002830000", nil, "95050000000010" + "9B020400" + "9F5B05" + "1100000000"},
		{"no command", ok, nil, "7105" + "8603841E00", nil, "95050000000010" + "9B020400" + "9F5B05" + "1100000000"},
		{"malformed script, then a good one", ok, nil, "7103" + "860984" + scriptTwo,
			[]string{"841E000000", "84DA000101BB"}, "95050000000010" + "9B020400" + "9F5B0A" + "0000000000" + "2000000000"},
		{"malformed identifier", ok, nil, "7105" + "9F18021122", nil, "95050000000010" + "9B020400" + "9F5B05" + "0000000000"},
		{"empty script", ok, nil, "7100", nil, "95050000000000" + "9B020400" + "9F5B05" + "2000000000"},
		{"malformed answer: nothing is sent", ok, iad, scriptOne + "8601", nil, "95050000000000" + "9B020000"},
		{"other templates: nothing is sent", ok, iad, scriptOne + "7000", nil, "95050000000000" + "9B020000"},
		{"too much: nothing is sent", ok, iad, "7182" + "03FD" + strings.Repeat("00", 0x3FD), nil, "95050000000000" + "9B020000"},
		{"short data: nothing is sent", ok, iad[:7], scriptTwo, nil, "95050000000000" + "9B020000"},
		{"long data: nothing is sent", ok, bytes.Repeat(iad, 2), scriptTwo, nil, "95050000000000" + "9B020000"},
		{"shortest data", ok, iad[:8], "", []string{"0082000008" + "0102030405060708"}, "95050000000000" + "9B021000"},
		{"longest data", ok, append(bytes.Clone(iad), 1, 2, 3, 4, 5, 6), "", []string{"0082000010" + "01020304050607083030010203040506"}, "95050000000000" + "9B021000"},
		{"as much as there may be", ok, nil, "7182" + "03FC" + strings.Repeat("00", 0x3FC), nil, "95050000000000" + "9B020400" + "9F5B05" + "2000000000"},
		{"card gone at the second command", func(c *card) { ok(c); c.gone = 2 }, nil, scriptOne + scriptTwo,
			[]string{"841E000000", "84DA000101AA"}, "95050000000010" + "9B020400" + "9F5B05" + "1211223344"},
		{"card gone at once", func(c *card) { ok(c); c.gone = 1 }, iad, scriptOne, []string{"008200000A01020304050607083030"}, "95050000000000" + "9B020000"},
	} {
		for _, approved := range []bool{true, false} {
			c := newCard(cidARQC)
			tt.change(c)
			got := update(t, c, tap.OnlineAnswer{Approved: approved, IssuerAuthenticationData: tt.iad, Scripts: hexBytes(tt.scripts)})
			got.is(t, tt.name, tap.EndApplication)
			got.message(t, tt.name, tap.CardReadOK, tap.CardReadSuccessfully)
			if got.Start != tap.NoStart || got.OnlineData != tap.NoOnlineData || got.Restart != nil || got.Reading != nil {
				t.Errorf("%s: %+v", tt.name, got.Outcome)
			}
			if len(c.sent) != len(tt.sent) {
				t.Errorf("%s: sent %X", tt.name, c.sent)
				continue
			}
			for i, want := range tt.sent {
				if !bytes.Equal(c.sent[i], hexBytes(want)) {
					t.Errorf("%s: sent %X, want %s", tt.name, c.sent[i], want)
				}
			}
			if broken := strings.Contains(tt.name, "nothing is sent") || strings.Contains(tt.name, "gone"); broken != strings.Contains(got.Reason, "broke off") {
				t.Errorf("%s: %s", tt.name, got.Reason)
			}
			if !bytes.Equal(got.Discretionary, hexBytes(tt.objects)) {
				t.Errorf("%s: %X, want %s", tt.name, got.Discretionary, tt.objects)
			}
		}
	}
}

// The sixteenth command of a script is told as the fifteenth.
func TestLongScript(t *testing.T) {
	c := newCard(cidARQC)
	c.answers[0x1E] = apdu.OK
	commands := strings.Repeat("8605841E000000", 16) + "860584DA000000"
	got := update(t, c, tap.OnlineAnswer{Scripts: append([]byte{0x71, byte(len(commands) / 2)}, hexBytes(commands)...)})
	if want := hexBytes("9F5B051F00000000"); !bytes.HasSuffix(got.Discretionary, want) || len(c.sent) != 17 {
		t.Errorf("%X after %d commands", got.Discretionary, len(c.sent))
	}
}

func TestIssuerUpdateEndsWithItsContext(t *testing.T) {
	c := newCard(cidARQC)
	r := newReader()
	ctx, cancel := withCancel(t)
	c.change = func(int, []byte) []byte { cancel(); return status(apdu.OK) }
	r.answer = &tap.OnlineAnswer{Scripts: hexBytes(scriptOne)}
	if out, err := r.kernel.Activate(ctx, r.activation(tap.NewLink(c), c.selection())); !errors.Is(err, ctx.Err()) || out.Kind != tap.NoOutcome {
		t.Errorf("%v, %v", out.Kind, err)
	}
}
