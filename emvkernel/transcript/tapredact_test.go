package transcript_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/entry"
	"smartreader/emvkernel/tlv"
	"smartreader/emvkernel/transcript"
)

// Where a card number may hide in a tap.
func TestRedactFindsTaps(t *testing.T) {
	const record = "> 00B2010C00\n< 70 0A 5A08" + number + " 9000\n"
	track2 := number + "D31122011234567890"
	ascii := fmt.Sprintf("%X", number)
	for _, tt := range []struct{ name, lines, not string }{
		{"track 2 in GPO", "> 80A8000002830000\n< 77 17 57 11 " + track2 + " 8202 2000 9000\n", "1234567890"},
		{"number in GPO", "> 80A8000002830000\n< 77 0E 5A08" + number + " 8202 2000 9000\n", ""},
		{"contactless track 2", "> 00B2010C00\n< 70 14 9F6B 11 " + track2 + " 9000\n", "1234567890"},
		{"track 1", "> 00B2010C00\n< 70 32 5630 42" + ascii + "5E" + "444F452F4A414E45" + "5E333131323230313939393838383737373636363030 9000\n", "444F452F4A414E45"},
		{"track 1 discretionary data", record + "> 00B2020C00\n< 70 0A 9F1F0739393938383837 9000\n", "39393938383837"},
		{"track 2 discretionary data", record + "> 00B2020C00\n< 70 09 9F20069999888877 7F 9000\n", "9999888877"},
		{"data storage identifier", "> 80A8000002830000\n< 77 0C 9F5E09" + number + "01 9000\n", number[:12]},
		{"a data envelope", "> 80CA9F7000\n< 9F7008" + number + " 9000\n", ""},
		{"a data envelope, odd", "> 80CA9F7900\n< 9F790A0" + number + "000 9000\n", ""},
		{"a data envelope, bare", "> 80CA9F7500\n< " + number + " 9000\n", ""},
		{"third party data", "> 00A4040000\n< 6F11 A50F BF0C0C 9F6E09 00" + number + " 9000\n", ""},
		{"extended selection", "> 00A4040000\n< 6F11 A50F BF0C0C 9F2909 00" + number + " 9000\n", ""},
		{"customer exclusive data", "> 00B2010C00\n< 70 0C 9F7C09 00" + number + " 9000\n", ""},
		{"certificates", "> 00B2010C00\n< 70 13 9004AABBCCDD 9F4604AABBCCDD 9304AABBCCDD 9000\n", "AABBCCDD"},
		{"a signature in GPO", "> 80A8000002830000\n< 77 07 9F4B04AABBCCDD 9000\n", "AABBCCDD"},
		{"PDOL data", "> 00A4040000\n< 6F08 A506 9F3803570B00 00 9000\n> 80A800000D830B" + number + "D3112200\n< 6985\n" + record, ""},
		{"DRDOL data", "> 00B2010C00\n< 70 11 5A08" + number + " 9F5104 5A06 9A03 9000\n> 80D0000009" + number[:12] + "26112100\n< 6985\n", number[:12]},
		{"UDOL data", "> 00B2010C00\n< 70 11 5A08" + number + " 9F6904 5A06 9A03 9000\n> 802A8E8009" + number[:12] + "26112100\n< 6985\n", number[:12]},
		{"eight digits in DRDOL data", "> 00B2010C00\n< 70 12 5A08" + number + " 9F5105 5A04 9F3704 9000\n> 80D0000008" + number[:8] + "ABCDEFAB00\n< 6985\n", number[4:8]},
		{"eight digits in UDOL data", "> 00B2010C00\n< 70 12 5A08" + number + " 9F6905 5A04 9F3704 9000\n> 802A8E8008" + number[:8] + "ABCDEFAB00\n< 6985\n", number[4:8]},
		{"UDOL data that do not fit", "> 802A8E8008" + number + "00\n< 6985\n", ""},
		{"relay resistance data", record + "> 80EA000008" + number + "00\n< 6985\n", ""},
		{"what is put into the card", record + "> 80DA9F7508" + number + "\n< 9000\n", ""},
		{"why there was no card", record + "\nFIELD error card " + number + " seen\n", ""},
		{"a message", record + "UI 1502" + "000000" + number + "00" + "000000001250" + "0840\n", ""},
		{"an option", "tap-aid A0000000041010\ntap-options Note=" + number + "\n" + record, ""},
		{"a CVM", "cvm " + number + "\n" + record, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := parse(t, tt.lines)
			got := transcript.Redact(before)
			secrets := []secret{{what: "card number", digits: number}}
			if tt.not != "" {
				secrets = append(secrets, secret{what: tt.not, digits: tt.not})
			}
			for _, s := range secrets {
				if err := s.in(got); err != nil {
					t.Errorf("%v\n%s", err, text(t, got))
				}
			}
			if strings.Contains(text(t, got), number) {
				t.Errorf("the header has it\n%s", text(t, got))
			}
			for i, e := range got.Events {
				if len(e.Bytes) != len(before.Events[i].Bytes) {
					t.Errorf("event %d: %d bytes, were %d", i, len(e.Bytes), len(before.Events[i].Bytes))
				}
			}
			if first, second := text(t, got), text(t, transcript.Redact(got)); first != second {
				t.Errorf("redacted twice it is something else:\n%s\n%s", first, second)
			}
		})
	}
}

// Track 1 keeps its form, so that a kernel in magnetic stripe mode still takes it for one, and what track 2 keeps.
func TestRedactTrack1(t *testing.T) {
	for before, want := range map[string]string{
		"B" + number + "^DOE/JANE^3112201099988877": "B000000000000" + number[12:] + "^XXXXXXXX^3112201000000000",
		"B" + number + "^DOE/JANE^3112":             "B000000000000" + number[12:] + "^XXXXXXXX^3112",
		"B" + number + "^^DOE/JANE":                 "B000000000000" + number[12:] + "^^00000000",
		"B1234^DOE/JANE^3112201":                    "B0000^XXXXXXXX^3112201",
		"BDOE/JANE^" + number + "^3112201":          "B00000000^XXXXXXXXXXXXXXXX^3112201",
		"B" + number + "^DOE^JANE^3112201":          strings.Repeat("0", 34),
		"A" + number + "^DOE/JANE^31122010":         strings.Repeat("0", 35),
		"":                                          "",
	} {
		b := []byte(before)
		transcript.NewRedactor().Object(0x56, b)
		if string(b) != want {
			t.Errorf("%s: %s, want %s", before, b, want)
		}
		transcript.NewRedactor().Object(0x56, b)
		if string(b) != want {
			t.Errorf("%s: again %s", before, b)
		}
	}
}

// Mutation of recorded taps: wherever the card's number, its track or its name is put into an answer in place of
// something else, redaction finds it.
func TestRedactMutatedTaps(t *testing.T) {
	pan, track := unhex(t, number), unhex(t, number+"D31122011234567890")
	for _, profile := range []string{"tap-visa-online", "tap-mastercard-online"} {
		clear := recordTap(t, tapTerminal(t), holding(t, profile, false))
		for i, e := range clear.Events {
			if e.Kind != transcript.Response || len(e.Bytes) < 4 {
				continue
			}
			for _, hidden := range [][]byte{pan, track} {
				for at := 0; at+len(hidden) <= len(e.Bytes)-2; at += max(1, len(e.Bytes)/16) {
					mutated := *clear
					mutated.Events = slices.Clone(clear.Events)
					known := transcript.Event{Kind: transcript.Response, Bytes: append(tlv.Append(nil, 0x70, tlv.Append(nil, 0x5A, pan...)...), 0x90, 0)}
					b := bytes.Clone(e.Bytes)
					copy(b[at:], hidden)
					mutated.Events[i].Bytes = b
					mutated.Events = append(mutated.Events, transcript.Event{Kind: transcript.Command, Bytes: []byte{0, 0xB2, 9, 0x0C, 0}}, known)
					if err := (secret{what: "card number", digits: number}).in(transcript.Redact(&mutated)); err != nil {
						t.Fatalf("%s: put into event %d at %d: %v", profile, i, at, err)
					}
				}
			}
		}
	}
}

// Nothing prints what was recorded of a tap.
func TestTapMasked(t *testing.T) {
	r := transcript.NewTapRecorder()
	env := r.Environment(entry.Environment{Field: holding(t, "tap-visa-online", false)})
	card, err := env.Field.Activate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	link := env.Trace(card)
	raw, _ := apdu.Select([]byte(apdu.PPSE), false).Bytes()
	if _, err := link.Transceive(t.Context(), raw); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if s := fmt.Sprintf(verb, r); s != "recorder" {
			t.Errorf("%s: %s", verb, s)
		}
	}
}
