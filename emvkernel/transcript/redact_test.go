package transcript_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tlv"
	"smartreader/emvkernel/transcript"
)

// secret is something that must not be found in a transcript.
type secret struct {
	what   string
	digits string // looked for as nibbles, at every alignment, and as text
	bytes  []byte // looked for as it is
}

// in reports where the secret is found: in one event, or over the answers to one command.
func (s secret) in(t *transcript.Transcript) error {
	var joined []byte
	look := func(place string, b []byte) error {
		if s.digits != "" && (strings.Contains(hex.EncodeToString(b), s.digits) || bytes.Contains(b, []byte(s.digits))) {
			return fmt.Errorf("%s in %s", s.what, place)
		}
		if s.bytes != nil && bytes.Contains(b, s.bytes) {
			return fmt.Errorf("%s in %s", s.what, place)
		}
		return nil
	}
	for i, e := range t.Events {
		place := fmt.Sprintf("event %d", i)
		if err := look(place, e.Bytes); err != nil {
			return err
		}
		if err := look(place, []byte(e.Text)); err != nil {
			return err
		}
		switch {
		case e.Kind == transcript.Response && len(e.Bytes) >= 2:
			joined = append(joined, e.Bytes[:len(e.Bytes)-2]...)
		case e.Kind == transcript.Command && len(e.Bytes) > 1 && e.Bytes[1] != apdu.INSGetResponse:
			joined = nil
		}
		if err := look(place+" with what came before", joined); err != nil {
			return err
		}
	}
	if a := t.Answer; a != nil {
		return look("the issuer's answer", append(bytes.Clone(a.Scripts), a.IssuerAuthenticationData...))
	}
	return look("the outcome", []byte(t.Outcome))
}

// piecesOf is a number and every nine digits of it, but those of little but zeros and the last four, which may stay.
func piecesOf(what, number string) []secret {
	out := []secret{{what: what, digits: number}}
	for i := 0; i+9 <= len(number); i++ {
		if nine := number[i : i+9]; strings.Count(nine, "0") <= 5 && strings.Trim(number[i:min(i+9, len(number)-4)], "0") != "" {
			out = append(out, secret{what: "piece of the " + what, digits: nine})
		}
	}
	return out
}

// secretsOf collects what the card of a transcript in clear holds, by its tags.
func secretsOf(t *transcript.Transcript) (out []secret) {
	var walk func(b []byte)
	walk = func(b []byte) {
		list, err := tlv.Parse(b)
		if err != nil {
			return
		}
		for _, e := range list {
			value := fmt.Sprintf("%X", e.Value)
			switch e.Tag {
			case 0x5A:
				out = append(out, piecesOf("card number", strings.TrimRight(value, "F"))...)
			case 0x56:
				out = append(out, secret{what: "track 1", bytes: e.Value})
				if parts := strings.Split(string(e.Value), "^"); len(parts) > 2 {
					out = append(out, piecesOf("card number of track 1", parts[0][1:])...)
					out = append(out, secret{what: "name of track 1", bytes: []byte(parts[1])})
				}
			case 0x57, 0x9F6B:
				number, rest, _ := strings.Cut(value, "D")
				out = append(out, piecesOf("card number of track 2", number)...)
				out = append(out, secret{what: "track 2", bytes: e.Value})
				if rest = strings.TrimRight(rest, "F"); len(rest) > 7 && strings.Trim(rest[7:], "0") != "" {
					out = append(out, secret{what: "track 2 discretionary data", digits: rest})
				}
			case 0x5F20:
				out = append(out, secret{what: "name", bytes: e.Value})
			case 0x9F46, 0x90, 0x93, 0x9F2D, 0x9F4B:
				out = append(out, secret{what: "certificate " + e.Tag.String(), bytes: e.Value})
			}
			if e.Tag.Constructed() {
				walk(e.Value)
			}
		}
	}
	for _, e := range t.Events {
		if e.Kind == transcript.Response && len(e.Bytes) >= 2 {
			walk(e.Bytes[:len(e.Bytes)-2])
		}
	}
	return append(out, secret{what: "PIN", bytes: []byte{0x24, 0x12, 0x34}})
}

const number = "4539578763621486"

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Where a card number, a name, a track or a PIN may hide. The lines are put into a transcript; "not" are hex
// strings that may not be in the result, with the number itself in each case.
func TestRedactFinds(t *testing.T) {
	ascii := fmt.Sprintf("%X", number)
	record := "> 00B2010C00\n< 70 0A 5A08" + number + " 9000\n"
	for _, tt := range []struct{ name, lines, not string }{
		{"by its tag", record, ""},
		{"with a filler", "> 00B2010C00\n< 70 0C 5A0A" + number + "FFFF 9000\n", ""},
		{"track 2", "> 00B2010C00\n< 70 15 5713" + number + "D31122011234567890123F 9000\n", "1234567890123"},
		{"track 2 without separator", "> 00B2010C00\n< 70 0D 570B" + number + "112201 9000\n", ""},
		{"contactless track 2", "> 00B2010C00\n< 70 16 9F6B13" + number + "D31122011234567890123F 9000\n", "1234567890123"},
		{"track 1", "> 00B2010C00\n< 70 31 562F 42" + ascii + "5E" + "444F452F4A414E45" + "5E3331313232303139393938383837373736363600000000 9000\n", "444F452F4A414E45"},
		{"track 1 discretionary data", record + "> 00B2020C00\n< 70 0A 9F1F0739393938383837 9000\n", "39393938383837"},
		{"track 2 discretionary data", record + "> 00B2020C00\n< 70 09 9F20069999888877 7F 9000\n", "9999888877"},
		{"name", "> 00B2010C00\n< 70 0B 5F2008444F452F4A414E45 9000\n", "444F452F4A414E45"},
		{"name again, elsewhere", "> 00B2010C00\n< 70 0B 5F2008444F452F4A414E45 9000\n> 00B2020C00\n< 70 0A DF0107444F452F4A414E 9000\n> 00B2030C00\n< 70 0C DF0109 41444F452F4A414E45 9000\n", "444F452F4A414E45"},
		{"extended name", "> 00B2010C00\n< 70 0B 9F0B08444F452F4A414E45 9000\n", "444F452F4A414E45"},
		{"account reference", "> 00B2010C00\n< 70 0B 9F24085051525354555657 9000\n", "5051525354555657"},
		{"before it is known", "> 00A4040000\n< 6F0B A509 9F0A06" + number[:12] + " 9000\n" + record, number[:12]},
		{"in an unknown data object", record + "> 00B2020C00\n< 70 0C DF010900" + number + " 9000\n", ""},
		{"in an unknown data object, odd", record + "> 00B2020C00\n< 70 0C DF01090" + number + "0 9000\n", ""},
		{"in an unknown data object, text", record + "> 00B2020C00\n< 70 13 DF0110" + ascii + " 9000\n", ""},
		{"in a known data object", record + "> 00B2020C00\n< 70 0D 9F100A0" + number + "000 9000\n", ""},
		{"only in an unknown data object", "> 00B2010C00\n< 70 0C DF01090" + number + "1 9000\n", ""},
		{"only in an unknown data object, text", "> 00B2010C00\n< 70 13 DF0110" + ascii + " 9000\n", ""},
		{"in a record of the issuer's own", "> 00B2015C00\n< 0102" + number + "0304 9000\n", ""},
		{"in such a record as TLV", "> 00B2015C00\n< 70 0D 9F100A" + number + "0304 9000\n", ""},
		{"in such a record, odd", "> 00B2015C00\n< 0A2" + number + "A 9000\n", ""},
		{"cut short", "> 00B2010C00\n< 70 7F 5A08" + number + " 9000\n", ""},
		{"cut short, with a name", "> 00B2010C00\n< 70 7F 5A08" + number + "5F2008444F452F4A414E45 9000\n", "444F452F4A414E45"},
		{"wrong inner length", "> 00B2010C00\n< 70 0D 5F24055A08" + number + " 9000\n", ""},
		{"trailing bytes", "> 00B2010C00\n< 70 00 5A08" + number + " 9000\n", ""},
		{"half of it", "> 00B2010C00\n< 70 06 5A08" + number[:8] + " 9000\n" + record, ""},
		{"no TLV at all", "> 00B2010C00\n< 1F" + number + "1F 9000\n", ""},
		{"GET DATA", "> 80CA005A00\n< 5A08" + number + " 9000\n", ""},
		{"GET DATA, bare", "> 80CA005A00\n< " + number + " 9000\n", ""},
		{"GET DATA of the name, bare", "> 80CA5F2000\n< 444F452F4A414E45 9000\n", "444F452F4A414E45"},
		{"GET DATA of a short name, bare", "> 80CA5F2000\n< 444F45 9000\n", "444F45"},
		{"GET DATA of a name, and elsewhere", "> 80CA5F2000\n< 444F452F4A414E45 9000\n> 00B2020C00\n< 70 0B 9F1008444F452F4A414E45 9000\n", "444F452F4A414E45"},
		{"in two parts", "> 00B2010C00\n< 61 0A\n> 00C000000A\n< 70 0A 5A08" + number[:6] + " 6105\n> 00C0000005\n< " + number[6:] + " 9000\n", number[6:12]},
		{"PDOL data", "> 00A4040000\n< 6F08 A506 9F3803570B00 00 9000\n> 80A800000D830B" + number + "D3112200\n< 6985\n" + record, ""},
		{"CDOL data", "> 00B2010C00\n< 70 10 5A08" + number + " 8C04 5A06 9A03 9000\n> 80AE800009" + number[:12] + "261121\n< 6985\n", number[:12]},
		{"CDOL data, odd size", "> 00B2010C00\n< 70 10 5A08" + number + " 8C04 5A06 9A03 9000\n> 80AE80000A" + number[:14] + "261121\n< 6985\n", number[:14]},
		{"DDOL data", "> 00B2010C00\n< 70 12 5A08" + number + " 9F4905 9F3704 5A05 9000\n> 0088000009 01020304" + number[:10] + "\n< 6985\n", number[:10]},
		{"SELECT", record + "> 00A4040008" + number + "\n< 6A82\n", ""},
		{"VERIFY", "> 0020008008241234FFFFFFFFFF\n< 9000\n", "1234"},
		{"VERIFY, enciphered", "> 0020008810AABBCCDDEEFF00112233445566778899\n< 9000\n", "AABBCC"},
		{"PIN change", "> 8424000208AABBCCDDEEFF0011\n< 9000\n", "AABBCC"},
		{"unknown command", "> 80E2000009" + "0" + number + "0\n< 9000\n", ""},
		{"malformed command", "> 80E20000FF" + number + "\n< 6700\n" + record, ""},
		{"the ATR", "ATR 3B0" + number + "0\n" + record, ""},
		{"a fault", record + "> 00B2020C00\n! card " + number + " removed\n", ""},
		{"an outcome", "outcome error: " + number + "\n" + record, ""},
		{"a script", "answer issuer\narc 3030\nscripts 720F860D 04DA000008" + number + "\n" + record, ""},
		{"a script that changes a PIN", "answer issuer\narc 3030\nscripts 7208860684240002 01AB\n" + record, "AB"},
		{"certificates", "> 00B2010C00\n< 70 13 9004AABBCCDD 9F4604AABBCCDD 9304AABBCCDD 9000\n", "AABBCCDD"},
		{"a dynamic signature", "> 008800000401020304\n< 8004AABBCCDD 9000\n", "AABBCCDD"},
		{"a dynamic signature in a template", "> 008800000401020304\n< 77079F4B04AABBCCDD 9000\n", "AABBCCDD"},
		{"an answer that is one byte", record + "> 00B2020C00\n< 45\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := transcript.Redact(parse(t, tt.lines))
			secrets := []secret{{what: "card number", digits: number}}
			if tt.not != "" {
				secrets = append(secrets, secret{what: tt.not, digits: tt.not})
			}
			for _, s := range secrets {
				if err := s.in(got); err != nil {
					t.Errorf("%v\n%s", err, text(t, got))
				}
			}
			before := parse(t, tt.lines)
			for i, e := range got.Events {
				if len(e.Bytes) != len(before.Events[i].Bytes) {
					t.Errorf("event %d: %d bytes, were %d", i, len(e.Bytes), len(before.Events[i].Bytes))
				}
			}
			if !got.Redacted || parse(t, tt.lines).Redacted {
				t.Error("not marked as redacted")
			}
			if first, second := text(t, got), text(t, transcript.Redact(got)); first != second {
				t.Errorf("redacted twice it is something else:\n%s\n%s", first, second)
			}
		})
	}
}

// Pieces of a number that are not its last four digits, wherever a card or a list leaves them: with the last
// four and an issuer one can guess, little would be missing.
func TestRedactFindsPieces(t *testing.T) {
	const n, record = number, "> 00B2010C00\n< 70 10 5A08" + number + " 8C04 5A06 9A03 9000\n"
	for _, tt := range []struct {
		name, lines string
		not         []string
	}{
		{"CDOL data cut short", record + "> 80AE800009" + n[:12] + "261121\n< 6985\n", []string{n[8:12], n[4:8]}},
		{"CDOL data cut shorter", "> 00B2010C00\n< 70 10 5A08" + n + " 8C04 5A04 9A03 9000\n> 80AE800007" + n[:8] + "261121\n< 6985\n", []string{n[4:8]}},
		{"CDOL data cut to six digits", "> 00B2010C00\n< 70 10 5A08" + n + " 8C04 5A03 9A03 9000\n> 80AE800006" + n[:6] + "261121\n< 6985\n", []string{n[2:6]}},
		{"CDOL data of track 2 cut short", "> 00B2010C00\n< 70 10 5A08" + n + " 8C04 5707 9A03 9000\n> 80AE80000A" + n[:14] + "261121\n< 6985\n", []string{n[8:12], n[10:14]}},
		{"CDOL data sent again with another Le", "> 00B2010C00\n< 70 10 5A08" + n + " 8C04 5A04 9A03 9000\n> 80AE800007" + n[:8] + "26112100\n< 6C20\n> 80AE800007" + n[:8] + "26112120\n< 6985\n", []string{n[4:8]}},
		{"a shorter number beside it", record + "> 00B2020C00\n< 70 08 5A06" + n[:12] + " 9000\n", []string{n[8:12], n[4:8]}},
		{"a shorter number before it", "> 00B2020C00\n< 70 08 5A06" + n[:12] + " 9000\n" + record, []string{n[8:12], n[4:8]}},
		{"nothing but the first ten digits", "> 00B2020C00\n< 70 07 5A05" + n[:10] + " 9000\n", []string{n[4:8], n[6:10]}},
		{"eight digits before it", "> 00B2010C00\n< 70 7F 5A08" + n[:8] + " 9000\n" + record, []string{n[4:8]}},
		{"issuer data with its beginning", record + "> 00B2020C00\n< 70 0B 9F1008 06" + n[:12] + "00 9000\n", []string{n[4:8], n[8:12]}},
		{"issuer data with its middle, odd", record + "> 00B2020C00\n< 70 0B 9F1008 060" + n[3:14] + "00 9000\n", []string{n[4:8], n[8:12]}},
		{"issuer data with its end", record + "> 00B2020C00\n< 70 0B 9F1008 06" + n[4:] + "00 9000\n", []string{n[4:8], n[8:12]}},
		{"text with its beginning", record + "> 00B2020C00\n< 70 10 500E" + fmt.Sprintf("%X", n[:14]) + " 9000\n", []string{fmt.Sprintf("%X", n[8:12])}},
		{"filler in front", "> 00B2010C00\n< 70 0B 5A09FF" + n + "9000\n> 00B2020C00\n< 70 0D 9F100A00" + n + "00 9000\n", []string{n[4:8], n[8:12]}},
		{"letters in the issuer's data of track 2", "> 00B2010C00\n< 70 15 5713" + n + "D31122011A7654C998877F 9000\n", []string{"7654", "99887"}},
		{"track 2 of which only the beginning came", "> 00B2010C00\n< 70 15 5713" + n[:14] + " 9000\n" + record, []string{n[10:14], n[8:12]}},
		{"a fault with blanks", record + "> 00B2020C00\n! card 4539 5787 6362 1486 pulled\n", []string{"5787", "6362"}},
		{"a fault with hyphens, number not known", "> 00B2020C00\n! card 4539-5787-6362-1486 pulled\n", []string{"5787", "6362", "1486"}},
		{"a fault with a piece", record + "> 00B2020C00\n! card 453957876362 pulled\n", []string{"5787", "6362"}},
		{"in two parts, odd", "> 00B2010C00\n< 70 0B 9F10 61 08\n> 00C0000008\n< 08 0" + n[:13] + " 6102\n> 00C0000002\n< " + n[13:] + "0 9000\n" + record, []string{n[4:8], n[8:12]}},
	} {
		got := transcript.Redact(parse(t, tt.lines))
		for _, not := range tt.not {
			for i, e := range got.Events {
				if strings.Contains(fmt.Sprintf("%X", e.Bytes), not) || strings.Contains(e.Text, not) {
					t.Errorf("%s: %s is left in event %d: %X %s", tt.name, not, i, e.Bytes, e.Text)
				}
			}
		}
		if first, second := text(t, got), text(t, transcript.Redact(got)); first != second {
			t.Errorf("%s: redacted twice it is something else:\n%s\n%s", tt.name, first, second)
		}
	}
}

// Numbers of little but zeros look like amounts and results, which stay.
func TestRedactKeepsZeros(t *testing.T) {
	got := text(t, transcript.Redact(parse(t, "> 00B2010C00\n< 700A5A0840000000000000029000\n"+
		"> 00B2020C00\n< 70 14 9F0E050040000000 9F1009 0640000000000000 02 9000\n> 80AE8000 0B 004000000000000000 0000\n< 6985\n")))
	for _, want := range []string{"5A080000000000000002", "9F0E050040000000", "9F1009060000000000000002", "0B0040000000000000000000"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
}

// A piece with zeros in it is found as long as there is something to find.
func TestRedactPieceWithZeros(t *testing.T) {
	got := text(t, transcript.Redact(parse(t, "> 00B2010C00\n< 700A5A0845395787100200869000\n> 00B2020C00\n< 70 0B 9F1008 060087100200 8600 9000\n")))
	if strings.Contains(got, "8710") || strings.Contains(got, "1002") || !strings.Contains(got, "5A080000000000000086") {
		t.Error(got)
	}
}

// A card with thousands of numbers does not make redaction endless, and what has the tag of a number is
// taken out whether it was learnt or not.
func TestRedactManyNumbers(t *testing.T) {
	tr := &transcript.Transcript{}
	for i := range 2000 {
		var record []byte
		for j := range 24 {
			n := fmt.Sprintf("45395787%08d", i*24+j)
			record = tlv.Append(record, 0x5A, unhex(t, n)...)
		}
		tr.Events = append(tr.Events, transcript.Event{Kind: transcript.Command, Bytes: []byte{0, 0xB2, 1, 0x0C, 0}},
			transcript.Event{Kind: transcript.Response, Bytes: append(record, 0x90, 0x00)})
	}
	got := transcript.Redact(tr)
	for _, e := range got.Events {
		if strings.Contains(fmt.Sprintf("%X", e.Bytes), "45395787") {
			t.Fatalf("%X", e.Bytes)
		}
	}
}

// What is shown or written can neither command a terminal nor turn the direction of writing.
func TestTextIsPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"pulled": "pulled", "a\x1b[2Jb": "a[2Jb", "a\u202eb": "ab", "a\n\tb": "a b", "\xff": "?", "Käse €": "Käse €", "\x00": "",
	} {
		if got := transcript.NewRedactor().Text(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	tr := parse(t, "\ufeffconfig a\x1bb\r\n\r\n> 00A40400\r\n! gone\u202e\x07 now\r\n")
	if tr.Events[1].Text != "gone now" || strings.Contains(text(t, tr), "\x1b") {
		t.Errorf("%q\n%q", tr.Events[1].Text, text(t, tr))
	}
}

// What is no cardholder's stays as it is.
func TestRedactKeeps(t *testing.T) {
	const lines = "> 00A4040007A0000000031010\n< 6F1A8407A0000000031010A50F500A566973612064656269748701019000\n" +
		"> 00B2010C00\n< 70295A08" + number + "5F24033112315F340101820238008E0C0000000000000000420300009F0D05DC4000A8008C0395059A 9000\n" +
		"> 80AE800005DC4000A800\n< 8012800001 1122334455667788 06011203A00000 9000\n"
	got := text(t, transcript.Redact(parse(t, lines)))
	for _, want := range []string{
		"A0000000031010", "56697361206465626974", "5F2403311231", "8E0C000000000000000042030000", "9F0D05DC4000A800", "5A080000000000001486",
		"> 80AE800005DC4000A800", "1122334455667788", "redacted yes",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
}

// A redacted number has no payment system and is not the one of another card.
func TestFillerIsNobodysNumber(t *testing.T) {
	got := transcript.Redact(parse(t, "> 00B2010C00\n< 700A5A08"+number+"9000\n"))
	if want := unhex(t, "700A5A0800000000000014869000"); !bytes.Equal(got.Events[1].Bytes, want) {
		t.Errorf("%X, want %X", got.Events[1].Bytes, want)
	}
}

// answers is a card that says the same to everything.
type answers []byte

func (a answers) Transceive(context.Context, []byte) ([]byte, error) { return a, nil }

// No PIN is recorded, however it is sent, and however little the rest is redacted.
func TestRecorderKeepsNoPIN(t *testing.T) {
	for _, command := range []string{"0020008008241234FFFFFFFFFF", "002000880811223344AABBCCDD", "0420008004 24123499"} {
		r := transcript.NewRecorder(answers{0x90, 0x00}, nil)
		sent := unhex(t, command)
		if _, err := r.Transceive(t.Context(), sent); err != nil {
			t.Fatal(err)
		}
		if got := r.Transcript().Events[1].Bytes; !bytes.Equal(got[:5], sent[:5]) || strings.Trim(string(got[5:]), "\x00") != "" || len(got) != len(sent) {
			t.Errorf("%X recorded as %X", sent, got)
		}
		if !bytes.Equal(sent, unhex(t, command)) {
			t.Errorf("the card got %X", sent)
		}
	}
}

// A Redactor that sees one message after the other.
func TestRedactor(t *testing.T) {
	r := transcript.NewRedactor()
	read := unhex(t, "00B2010C00")
	answer := unhex(t, "70 0E 5A08"+number+" 8C02 5A08 9000")
	r.Learn(read, answer)
	r.Answer(read, answer[:len(answer)-2])
	generate := unhex(t, "80AE800008"+number)
	r.Command(generate)
	for _, b := range [][]byte{answer, generate} {
		if strings.Contains(fmt.Sprintf("%X", b), number) {
			t.Errorf("%X", b)
		}
	}
	if got := r.Text("card " + number); strings.Contains(got, number) {
		t.Error(got)
	}
}

// Whatever passes: the number does not come out again, lengths stay, twice changes nothing.
func FuzzRedact(f *testing.F) {
	pan, err := hex.DecodeString(number)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{0x80, 0xAE, 0x80, 0, 8}, []byte{0x70, 0x0A}, []byte{0x90, 0x00}, false)
	f.Add([]byte{0x80, 0xCA, 0, 0x5A, 0}, []byte{0x5A, 0x20}, []byte{}, true)
	f.Add([]byte{0x80, 0xA8, 0, 0, 2, 0x83, 0, 0}, []byte{0x77, 0x0A, 0x57}, []byte{0xD3, 0x11, 0x22, 0x01, 0x90, 0x00}, false)
	f.Add([]byte{0x80, 0xD0, 0, 0, 1, 0x42, 0}, []byte{0x77, 0x20, 0x9F, 0x51, 0x02, 0x5A, 0x04, 0x9F, 0x5E, 0x09}, []byte{}, true)
	f.Add([]byte{0x80, 0x2A, 0x8E, 0x80, 4, 1, 2, 3, 4, 0}, []byte{0x9F, 0x70, 0x10}, []byte{0x9F, 0x69, 0x02, 0x5A, 0x08}, false)
	f.Add([]byte{0, 0xB2, 1, 0x5C, 0}, []byte{0x86, 0x09, 0x04, 0x24, 0, 0, 8}, []byte{0x0D, 0x61, 0}, true)
	f.Fuzz(func(t *testing.T, command, before, after []byte, odd bool) {
		if len(command) == 0 || len(before) > 300 || len(after) > 300 {
			return
		}
		hidden := append(append(bytes.Clone(before), pan...), after...)
		if odd {
			hidden = unhex(t, fmt.Sprintf("%X0%s0%X", before, number, after))
		}
		known := parse(t, "> 00B2010C00\n< 700A5A08"+number+"9000\n")
		known.Events = append(known.Events,
			transcript.Event{Kind: transcript.Command, Bytes: command}, transcript.Event{Kind: transcript.Response, Bytes: append(hidden, 0x90, 0x00)})
		known.Answer = &emvkernel.Answer{Kind: emvkernel.IssuerAnswered, Scripts: hidden}
		got := transcript.Redact(known)
		if err := (secret{what: "card number", digits: number}).in(got); err != nil {
			t.Fatal(err)
		}
		for i, e := range got.Events {
			if len(e.Bytes) != len(known.Events[i].Bytes) {
				t.Fatalf("event %d: another length", i)
			}
		}
	})
}
