package emvkernel_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/tlv"
)

// Frames the transcripts share.
const (
	selectDirectory = "> 00A40400 0E 315041592E5359532E4444463031 00\n"
	directoryFCI    = "< 6F15 840E 315041592E5359532E4444463031 A503 880101 9000\n"
	readFirst       = "> 00B2010C00\n"
	readSecond      = "> 00B2020C00\n"
	noRecord        = "< 6A83\n"
	noFile          = "< 6A82\n"

	selectVisa = "> 00A40400 07 A0000000031010 00\n"
	visaFCI    = "< 6F11 8407 A0000000031010 A506 5004 56495341 9000\n"
	nextVisa   = "> 00A40402 07 A0000000031010 00\n"
	selectMC   = "> 00A40400 07 A0000000041010 00\n"
	mcFCI      = "< 6F0F 8407 A0000000041010 A504 5002 4D43 9000\n"

	selectVisa1 = "> 00A40400 08 A000000003101001 00\n"
	visa1FCI    = "< 6F13 8408 A000000003101001 A507 5005 4649525354 9000\n" // FIRST
	selectVisa2 = "> 00A40400 08 A000000003101002 00\n"
	visa2FCI    = "< 6F14 8408 A000000003101002 A508 5006 5345434F4E44 9000\n" // SECOND

	// A directory with VISA (priority 2) and MC (priority 1).
	twoEntries = "< 7026 6112 4F07 A0000000031010 5004 56495341 870102 6110 4F07 A0000000041010 5002 4D43 870101 9000\n"
	// The same, both wanting the cardholder's consent.
	twoConfirm = "< 7026 6112 4F07 A0000000031010 5004 56495341 870182 6110 4F07 A0000000041010 5002 4D43 870181 9000\n"
	visaEntry  = "< 7014 6112 4F07 A0000000031010 5004 56495341 870101 9000\n"
)

// fileInformation is an answer to SELECT with the name and the data objects of the proprietary template.
func fileInformation(t testing.TB, name, proprietary string) string {
	t.Helper()
	inner := tlv.Append(nil, 0x84, unhex(t, name)...)
	inner = tlv.Append(inner, 0xA5, unhex(t, proprietary)...)
	return fmt.Sprintf("< %X9000\n", tlv.Append(nil, 0x6F, inner...))
}

// EMV fact 16: which answer to SELECT of the directory leads to the list of AIDs and which to the end;
// READ RECORD until '6A83'; the next occurrence while the card's name still begins with the terminal's.
//
// EMV fact 17: the final SELECT answers with the name that was asked for, or the candidate is dropped;
// the priority indicator's low digit orders (0 last), its highest bit wants the cardholder's consent.
//
// EMV fact 18: the lower priority number comes first, none last, and equal ones in the card's order.
func TestSelection(t *testing.T) {
	directory := selectDirectory + directoryFCI + readFirst
	probeNone := selectVisa + noFile + selectMC + noFile
	tests := []struct {
		name       string
		transcript string
		holder     *person
		want       emvkernel.OutcomeKind
		aid, label string
	}{
		{
			name:       "directory with one application",
			transcript: directory + visaEntry + readSecond + noRecord + selectVisa + visaFCI,
			aid:        "A0000000031010", label: "VISA",
		},
		{
			name:       "best priority when nobody can be asked",
			transcript: directory + twoEntries + readSecond + noRecord + selectMC + mcFCI,
			aid:        "A0000000041010", label: "MC",
		},
		{
			name:       "cardholder chooses, best priority first",
			transcript: directory + twoEntries + readSecond + noRecord + selectVisa + visaFCI,
			holder:     &person{choose: 1, labels: []string{"MC", "VISA"}},
			aid:        "A0000000031010", label: "VISA",
		},
		{
			name:       "equal priorities in the card's order",
			transcript: directory + "< 7026 6110 4F07 A0000000041010 5002 4D43 870103 6112 4F07 A0000000031010 5004 56495341 870103 9000\n" + readSecond + noRecord + selectMC + mcFCI,
			holder:     &person{labels: []string{"MC", "VISA"}},
			aid:        "A0000000041010", label: "MC",
		},
		{
			name:       "equal priorities in the card's order, the other way round",
			transcript: directory + "< 7026 6112 4F07 A0000000031010 5004 56495341 870103 6110 4F07 A0000000041010 5002 4D43 870103 9000\n" + readSecond + noRecord + selectVisa + visaFCI,
			holder:     &person{labels: []string{"VISA", "MC"}},
			aid:        "A0000000031010", label: "VISA",
		},
		{
			name:       "no priority comes last",
			transcript: directory + "< 7023 610F 4F07 A0000000031010 5004 56495341 6110 4F07 A0000000041010 5002 4D43 87010F 9000\n" + readSecond + noRecord + selectMC + mcFCI,
			aid:        "A0000000041010", label: "MC",
		},
		{
			name:       "priority 8 is one",
			transcript: directory + "< 7023 610F 4F07 A0000000031010 5004 56495341 6110 4F07 A0000000041010 5002 4D43 870108 9000\n" + readSecond + noRecord + selectMC + mcFCI,
			aid:        "A0000000041010", label: "MC",
		},
		{
			name:       "priority 2 before 10, reserved bits count for nothing",
			transcript: directory + "< 7026 6110 4F07 A0000000041010 5002 4D43 87010A 6112 4F07 A0000000031010 5004 56495341 870172 9000\n" + readSecond + noRecord + selectVisa + visaFCI,
			aid:        "A0000000031010", label: "VISA",
		},
		{
			name:       "directory spread over records, an entry without AID and an unknown AID passed over",
			transcript: directory + "< 700E 6104 5002 4142 6106 4F04 A0000009 9000\n" + readSecond + visaEntry + "> 00B2030C00\n" + noRecord + selectVisa + visaFCI,
			aid:        "A0000000031010", label: "VISA",
		},
		{
			name:       "no directory: list of AIDs, with the next one for partial names only",
			transcript: selectDirectory + noFile + selectVisa + visa1FCI + nextVisa + visa2FCI + nextVisa + noFile + selectMC + noFile + selectVisa1 + visa1FCI,
			aid:        "A000000003101001", label: "FIRST",
		},
		{
			name:       "the whole name at once: no next one, though partial names are allowed",
			transcript: selectDirectory + noFile + selectVisa + visaFCI + selectMC + noFile + selectVisa + visaFCI,
			aid:        "A0000000031010", label: "VISA",
		},
		{
			name:       "the whole name of a blocked application: no next one either",
			transcript: selectDirectory + noFile + selectVisa + "< 6F11 8407 A0000000031010 A506 5004 56495341 6283\n" + selectMC + noFile,
			want:       emvkernel.NotAccepted,
		},
		{
			name:       "a card that offers the same name for ever",
			transcript: selectDirectory + noFile + selectVisa + visa1FCI + nextVisa + visa1FCI + selectMC + noFile + selectVisa1 + visa1FCI,
			aid:        "A000000003101001", label: "FIRST",
		},
		{
			name:       "next name is another application",
			transcript: selectDirectory + noFile + selectVisa + visa1FCI + nextVisa + mcFCI + selectMC + noFile + selectVisa1 + visa1FCI,
			aid:        "A000000003101001", label: "FIRST",
		},
		{
			name:       "a card that answers with another application than it was asked for",
			transcript: selectDirectory + noFile + selectVisa + mcFCI + selectMC + noFile,
			want:       emvkernel.NotAccepted,
		},
		{
			name:       "an exact AID is not asked for the next one",
			transcript: selectDirectory + noFile + selectVisa + noFile + selectMC + mcFCI + selectMC + mcFCI,
			aid:        "A0000000041010", label: "MC",
		},
		{
			name:       "an exact AID refuses a longer name",
			transcript: selectDirectory + noFile + selectVisa + noFile + selectMC + "< 6F10 8408 A000000004101001 A504 5002 4D43 9000\n",
			want:       emvkernel.NotAccepted,
		},
		{
			name:       "blocked application in the list, the next one is not",
			transcript: selectDirectory + noFile + selectVisa + "< 6F13 8408 A000000003101001 A507 5005 4649525354 6283\n" + nextVisa + visa2FCI + nextVisa + noFile + selectMC + noFile + selectVisa2 + visa2FCI,
			aid:        "A000000003101002", label: "SECOND",
		},
		{
			name:       "blocked directory (6283): list of AIDs",
			transcript: selectDirectory + "< 6F15 840E 315041592E5359532E4444463031 A503 880101 6283\n" + selectVisa + visaFCI + selectMC + noFile + selectVisa + visaFCI,
			aid:        "A0000000031010", label: "VISA",
		},
		{
			name:       "6A81 for the directory: card blocked, no fallback",
			transcript: selectDirectory + "< 6A81\n",
			want:       emvkernel.CardBlocked,
		},
		{
			name:       "6A81 for an application: card blocked",
			transcript: selectDirectory + noFile + selectVisa + "< 6A81\n",
			want:       emvkernel.CardBlocked,
		},
		{
			name:       "any other error for the directory: list of AIDs",
			transcript: selectDirectory + "< 6F00\n" + probeNone,
			want:       emvkernel.NotAccepted,
		},
		{
			name:       "directory record refused: list of AIDs",
			transcript: directory + "< 6985\n" + probeNone,
			want:       emvkernel.NotAccepted,
		},
		{
			name:       "directory record malformed: list of AIDs",
			transcript: directory + "< 7003 5A0212 9000\n" + probeNone,
			want:       emvkernel.NotAccepted,
		},
		{
			name:       "directory without record number: list of AIDs",
			transcript: selectDirectory + "< 6F12 840E 315041592E5359532E4444463031 A500 9000\n" + probeNone,
			want:       emvkernel.NotAccepted,
		},
		{
			name:       "directory in a file it may not be in: list of AIDs",
			transcript: selectDirectory + "< 6F15 840E 315041592E5359532E4444463031 A503 88010B 9000\n" + probeNone,
			want:       emvkernel.NotAccepted,
		},
		{
			name:       "nothing in common in the directory: list of AIDs",
			transcript: directory + "< 700B 6109 4F07 A0000000999999 9000\n" + readSecond + noRecord + probeNone,
			want:       emvkernel.NotAccepted,
		},
		{
			name:       "final SELECT answers with another name: next candidate",
			transcript: directory + twoEntries + readSecond + noRecord + selectMC + visaFCI + selectVisa + visaFCI,
			aid:        "A0000000031010", label: "VISA",
		},
		{
			name:       "final SELECT answers with a longer name: next candidate",
			transcript: directory + "< 7026 6112 4F07 A0000000031010 5004 56495341 870101 6110 4F07 A0000000041010 5002 4D43 870102 9000\n" + readSecond + noRecord + selectVisa + visa1FCI + selectMC + mcFCI,
			aid:        "A0000000041010", label: "MC",
		},
		{
			name:       "final SELECT: 6A81 is a refusal like others",
			transcript: directory + twoEntries + readSecond + noRecord + selectMC + "< 6A81\n" + selectVisa + visaFCI,
			aid:        "A0000000031010", label: "VISA",
		},
		{
			name:       "an application without proprietary template, by the directory",
			transcript: directory + visaEntry + readSecond + noRecord + selectVisa + "< 6F09 8407 A0000000031010 9000\n",
			aid:        "A0000000031010", label: "VISA",
		},
		{
			name:       "an application without proprietary template, by the list of AIDs",
			transcript: selectDirectory + noFile + selectVisa + "< 6F09 8407 A0000000031010 9000\n" + selectMC + noFile + selectVisa + "< 6F09 8407 A0000000031010 9000\n",
			aid:        "A0000000031010",
		},
		{
			name:       "file information without a name: no application",
			transcript: selectDirectory + noFile + selectVisa + "< 6F06 A504 5002 4D43 9000\n" + selectMC + noFile,
			want:       emvkernel.NotAccepted,
		},
		{
			name:       "directory without proprietary template: list of AIDs",
			transcript: selectDirectory + "< 6F10 840E 315041592E5359532E4444463031 9000\n" + probeNone,
			want:       emvkernel.NotAccepted,
		},
		{
			name:       "final SELECT: application blocked, next candidate",
			transcript: directory + twoEntries + readSecond + noRecord + selectMC + "< 6F0F 8407 A0000000041010 A504 5002 4D43 6283\n" + selectVisa + visaFCI,
			aid:        "A0000000031010", label: "VISA",
		},
		{
			name:       "final SELECT refused for all",
			transcript: directory + twoEntries + readSecond + noRecord + selectMC + noFile + selectVisa + noFile,
			want:       emvkernel.NotAccepted,
		},
		{
			name:       "confirmation wanted and given",
			transcript: directory + "< 7014 6112 4F07 A0000000031010 5004 56495341 870181 9000\n" + readSecond + noRecord + selectVisa + visaFCI,
			holder:     &person{confirm: true, asked: "VISA"},
			aid:        "A0000000031010", label: "VISA",
		},
		{
			name:       "confirmation wanted and refused",
			transcript: directory + "< 7014 6112 4F07 A0000000031010 5004 56495341 870181 9000\n" + readSecond + noRecord,
			holder:     &person{asked: "VISA"},
			want:       emvkernel.NotAccepted,
		},
		{
			name:       "confirmation wanted and nobody there",
			transcript: directory + twoConfirm + readSecond + noRecord,
			want:       emvkernel.NotAccepted,
		},
		{
			name:       "the best one wants confirmation and nobody is there: the next best",
			transcript: directory + "< 7026 6112 4F07 A0000000031010 5004 56495341 870102 6110 4F07 A0000000041010 5002 4D43 870181 9000\n" + readSecond + noRecord + selectVisa + visaFCI,
			aid:        "A0000000031010", label: "VISA",
		},
		{
			name:       "choosing one of several is consent to it",
			transcript: directory + twoConfirm + readSecond + noRecord + selectVisa + visaFCI,
			holder:     &person{choose: 1, labels: []string{"MC", "VISA"}},
			aid:        "A0000000031010", label: "VISA",
		},
		{
			name:       "the one left after the chosen one is gone still wants consent",
			transcript: directory + twoConfirm + readSecond + noRecord + selectMC + noFile,
			holder:     &person{labels: []string{"MC", "VISA"}, asked: "VISA"},
			want:       emvkernel.NotAccepted,
		},
		{
			name:       "confirmation not wanted for one application: nobody is asked",
			transcript: directory + visaEntry + readSecond + noRecord + selectVisa + visaFCI,
			holder:     &person{},
			aid:        "A0000000031010", label: "VISA",
		},
		{
			name:       "preferred name in ISO 8859-1 is shown",
			transcript: directory + "< 701B 6119 4F07 A0000000031010 5004 56495341 9F1204 436172E9 870181 9000\n" + readSecond + noRecord,
			holder:     &person{asked: "VISA"}, // the directory names no alphabet
			want:       emvkernel.NotAccepted,
		},
		{
			name: "discretionary data in directory, entry and application",
			transcript: selectDirectory + fileInformation(t, "315041592E5359532E4444463031", "880101 5F2D02656E BF0C05 9F4D020B0A") +
				readFirst + "< 701F 611D 4F07 A0000000031010 5004 56495341 870101 7309 9F0A03 010203 5F5000 9000\n" + readSecond + noRecord +
				selectVisa + fileInformation(t, "A0000000031010", "5004 56495341 BF0C0B 9F5A03 010203 42034242 42"),
			aid: "A0000000031010", label: "VISA",
		},
		{
			name: "names, priority and languages that are malformed do not lose the application",
			transcript: directory + "< 7019 6117 4F07 A0000000031010 5000 87020101 9F1102 0101 9F1200 9000\n" + readSecond + noRecord +
				selectVisa + fileInformation(t, "A0000000031010", "5000 87020101 9F1100 9F1201 41 5F2D01 65"),
			aid: "A0000000031010",
		},
		{
			name: "malformed discretionary data of the directory: list of AIDs",
			transcript: selectDirectory + fileInformation(t, "315041592E5359532E4444463031", "880101 BF0C03 9F4D02") +
				probeNone,
			want: emvkernel.NotAccepted,
		},
		{
			name: "malformed discretionary data of an entry: list of AIDs",
			transcript: directory + "< 7019 6117 4F07 A0000000031010 5004 56495341 870101 7303 9F0A03 9000\n" +
				probeNone,
			want: emvkernel.NotAccepted,
		},
		{
			name: "malformed discretionary data of the application: next candidate",
			transcript: directory + twoEntries + readSecond + noRecord +
				selectMC + fileInformation(t, "A0000000041010", "5002 4D43 BF0C02 5F50") + selectVisa + visaFCI,
			aid: "A0000000031010", label: "VISA",
		},
		{
			name:       "an empty record, and one with nothing of use",
			transcript: directory + "< 7000 9000\n" + readSecond + "< 7005 5003 414243 9000\n> 00B2030C00\n" + visaEntry + "> 00B2040C00\n" + noRecord + selectVisa + visaFCI,
			aid:        "A0000000031010", label: "VISA",
		},
		{
			name:       "an entry for another directory is passed over",
			transcript: directory + "< 701F 6109 9D07 A0000000041010 6112 4F07 A0000000031010 5004 56495341 870101 9000\n" + readSecond + noRecord + selectVisa + visaFCI,
			aid:        "A0000000031010", label: "VISA",
		},
		{
			name:       "the same application twice in the directory: the first entry counts",
			transcript: directory + "< 7028 6112 4F07 A0000000031010 5004 56495341 870101 6112 4F07 A0000000031010 5004 41414141 870101 9000\n" + readSecond + noRecord + selectVisa + visaFCI,
			holder:     &person{},
			aid:        "A0000000031010", label: "VISA",
		},
		{
			name:       "names that are too short or too long are nothing in common",
			transcript: directory + "< 7021 6106 4F04 A0000000 6117 4F11 A000000003101000000000000000000000 5002 4142 9000\n" + readSecond + noRecord + probeNone,
			want:       emvkernel.NotAccepted,
		},
		{
			name:       "a record in another template: list of AIDs",
			transcript: directory + "< 7714 6112 4F07 A0000000031010 5004 56495341 870101 9000\n" + probeNone,
			want:       emvkernel.NotAccepted,
		},
		{
			name:       "something behind a record: list of AIDs",
			transcript: directory + "< 7014 6112 4F07 A0000000031010 5004 56495341 870101 00 9000\n" + probeNone,
			want:       emvkernel.NotAccepted,
		},
		{
			name:       "a directory that cannot be read to its end is not used at all",
			transcript: directory + visaEntry + readSecond + "< 6A82\n" + probeNone,
			want:       emvkernel.NotAccepted,
		},
		{
			name:       "directory under another name: list of AIDs",
			transcript: selectDirectory + fileInformation(t, "325041592E5359532E4444463031", "880101") + probeNone,
			want:       emvkernel.NotAccepted,
		},
		{
			name:       "directory without SELECT answer data: list of AIDs",
			transcript: selectDirectory + "< 9000\n" + probeNone,
			want:       emvkernel.NotAccepted,
		},
		{
			name:       "6D00 for the directory is no blocked card",
			transcript: selectDirectory + "< 6D00\n" + probeNone,
			want:       emvkernel.NotAccepted,
		},
		{
			name:       "blocked application among the next ones",
			transcript: selectDirectory + noFile + selectVisa + visa1FCI + nextVisa + "< 6F14 8408 A000000003101002 A508 5006 5345434F4E44 6283\n" + nextVisa + noFile + selectMC + noFile + selectVisa1 + visa1FCI,
			aid:        "A000000003101001", label: "FIRST",
		},
		{
			name:       "6A81 for the next one: that one AID is done, the card is not blocked",
			transcript: selectDirectory + noFile + selectVisa + visa1FCI + nextVisa + "< 6A81\n" + selectMC + noFile + selectVisa1 + visa1FCI,
			aid:        "A000000003101001", label: "FIRST",
		},
		{
			name:       "6A81 for a later AID ends it, whatever was found",
			transcript: selectDirectory + noFile + selectVisa + visaFCI + selectMC + "< 6A81\n",
			want:       emvkernel.CardBlocked,
		},
		{
			name:       "an answer to SELECT with a name too long",
			transcript: selectDirectory + noFile + selectVisa + fileInformation(t, "A000000003101000000000000000000000", "5004 56495341") + selectMC + noFile,
			want:       emvkernel.NotAccepted,
		},
		{
			name:       "blocked without file information: which one is not known, so the next AID",
			transcript: selectDirectory + noFile + selectVisa + "< 6283\n> 00C0000000\n< 6985\n" + selectMC + noFile,
			want:       emvkernel.NotAccepted,
		},
		{
			name:       "blocked with file information behind another status: not believed, so the next AID",
			transcript: selectDirectory + noFile + selectVisa + "< 6283\n> 00C0000000\n< 6F13 8408 A000000003101001 A507 5005 4649525354 6985\n" + selectMC + noFile,
			want:       emvkernel.NotAccepted,
		},
		{
			name:       "unreadable answer to the final SELECT",
			transcript: directory + visaEntry + readSecond + noRecord + selectVisa + "< 90\n",
			want:       emvkernel.TryAgain,
		},
		{
			name:       "unreadable answer before anything started",
			transcript: selectDirectory + "< 90\n",
			want:       emvkernel.TryAgain,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var holder emvkernel.Cardholder
			var wantLabels []string
			var wantAsked string
			if tt.holder != nil {
				wantLabels, wantAsked = tt.holder.labels, tt.holder.asked
				tt.holder.labels, tt.holder.asked = nil, ""
				holder = tt.holder
			}
			tx := begin(t, terminal(), payment(), play(t, tt.transcript), holder)
			out, err := tx.BuildCandidates(t.Context())
			if err == nil && out.Kind == emvkernel.Undecided {
				out, err = tx.SelectApplication(t.Context())
			}
			if err != nil {
				t.Fatal(err)
			}
			if out.Kind != tt.want {
				t.Fatalf("outcome %v (%s), want %v", out.Kind, out.Reason, tt.want)
			}
			if tt.holder != nil && (!slices.Equal(tt.holder.labels, wantLabels) || tt.holder.asked != wantAsked) {
				t.Errorf("cardholder was offered %q, asked %q", tt.holder.labels, tt.holder.asked)
			}
			if tt.want != emvkernel.Undecided {
				return
			}
			card := tx.Card()
			if !slices.Equal(card.AID, unhex(t, tt.aid)) || card.Label != tt.label {
				t.Errorf("selected %X %q", card.AID, card.Label)
			}
		})
	}
}

// A card of two schemes: the international one, whatever the card prefers, unless it is blocked or the
// scheme at home must be used. With and without directory, and with names longer than the terminal's.
func TestTwoSchemes(t *testing.T) {
	const (
		number  = "country 036\ncurrency 036\npan 4000050360000001\n"
		eftpos  = "application eftpos_au\npriority 1\nsequence 02\n" + number
		visaTwo = "application visa\npriority 2\n" + number
		none    = "application eftpos_au\npriority 0\nsequence 02\n" + number + "application visa\npriority 0\n" + number
		interac = "application interac\npriority 1\nsequence 02\npan 4000050360000001\n" + visaTwo
	)
	for _, c := range []struct{ name, profile, brand, aid string }{
		{"eftpos first", eftpos + visaTwo, "visa", "A0000000031010"},
		{"no priorities, eftpos first", none, "visa", "A0000000031010"},
		{"longer names", eftpos + "aid A0000003841001\n" + visaTwo + "aid A000000003101001\n", "visa", "A000000003101001"},
		{"the international one is blocked", eftpos + visaTwo + "application-blocked yes\n", "eftpos_au", "A00000038410"},
		{"the international one needs consent", eftpos + visaTwo + "confirm yes\n", "eftpos_au", "A00000038410"},
		{"eftpos alone, a longer name", eftpos + "aid A0000003842001\n", "eftpos_au", "A0000003842001"},
		{"Interac first", interac, "interac", "A0000002771010"},
	} {
		for _, pse := range []string{"pse yes\n", "pse no\n"} {
			cfg := emvtest.TerminalConfig()
			tx := begin(t, &cfg, payment(), software(t, pse+c.profile), nil)
			if out := collect(t, tx); out.Kind != emvkernel.OnlineRequest {
				t.Fatal(c.name, out)
			}
			if got := tx.Card(); got.Brand != c.brand || !slices.Equal(got.AID, unhex(t, c.aid)) {
				t.Errorf("%s, %s: %s %X", c.name, pse[:len(pse)-1], got.Brand, got.AID)
			}
		}
	}
	// Who can be asked is asked.
	cfg, holder := emvtest.TerminalConfig(), &person{choose: 1}
	tx := begin(t, &cfg, payment(), software(t, eftpos+visaTwo), holder)
	if collect(t, tx); tx.Card().Brand != "eftpos_au" || len(holder.labels) != 2 {
		t.Errorf("%s of %q", tx.Card().Brand, holder.labels)
	}
}

// nameCard answers SELECT with ever new names and any number of directory records.
type nameCard struct {
	selects, reads int
	directory      bool
}

func (c *nameCard) Transceive(_ context.Context, command []byte) ([]byte, error) {
	cmd, err := apdu.ParseCommand(command)
	if err != nil {
		return nil, err
	}
	switch {
	case cmd.INS == apdu.INSReadRecord:
		c.reads++
		return ok(tlv.Append(nil, 0x70)), nil
	case cmd.INS != apdu.INSSelect:
		return []byte{0x6D, 0x00}, nil
	case cmd.Data[0] == '1' && c.directory:
		b := tlv.Append(nil, 0x84, cmd.Data...)
		return ok(tlv.Append(nil, 0x6F, tlv.Append(b, 0xA5, 0x88, 0x01, 0x01)...)), nil
	case cmd.Data[0] == '1', c.directory:
		return []byte{0x6A, 0x82}, nil
	}
	c.selects++
	b := tlv.Append(nil, 0x84, append(bytes.Clone(cmd.Data), byte(c.selects>>8), byte(c.selects))...)
	return ok(tlv.Append(nil, 0x6F, tlv.Append(b, 0xA5)...)), nil
}

// A card can neither list records nor offer names for ever.
func TestSelectionEnds(t *testing.T) {
	card := &nameCard{}
	tx := begin(t, terminal(), payment(), card, nil)
	if out, err := tx.BuildCandidates(t.Context()); err != nil || out.Kind != emvkernel.Undecided || card.selects != 32+1 {
		t.Errorf("%v, %v after %d names", out, err, card.selects)
	}
	card = &nameCard{directory: true}
	tx = begin(t, terminal(), payment(), card, nil)
	if out, err := tx.BuildCandidates(t.Context()); err != nil || out.Kind != emvkernel.NotAccepted || card.reads != 255 {
		t.Errorf("%v, %v after %d records", out, err, card.reads)
	}
}

// Of two AIDs of the terminal that fit the card's name, the longer one counts.
func TestLongestAIDCounts(t *testing.T) {
	for _, pse := range []string{"pse yes\n", "pse no\n"} {
		cfg := emvtest.TerminalConfig()
		short := cfg.Applications[0]
		short.AID, short.Brand = unhex(t, "A000000003"), "short"
		cfg.Applications = append([]emvkernel.Application{short}, cfg.Applications...)
		tx := begin(t, &cfg, payment(), software(t, pse+visa), nil)
		if out := collect(t, tx); out.Kind != emvkernel.OnlineRequest || tx.Card().Brand != "visa" {
			t.Errorf("%s%v as %s", pse, out, tx.Card().Brand)
		}
	}
}

// The preferred name is shown in its alphabet where the terminal has that, else the label is; the final
// FCI has the last word.
func TestPreferredName(t *testing.T) {
	const (
		label     = "5004 56495341"
		cyrillic  = "9F1204 BCD8E0EF" // Мир and a letter more
		preferred = "9F1204 436172E9"
	)
	tests := []struct {
		name, directory, entry, own string
		tables                      [2]byte // of the terminal
		asked, label, preferred     string
	}{
		{"of the application", "", label, label + "9F110101" + preferred, [2]byte{0, 1}, "VISA", "VISA", "Caré"},
		{"of the directory", "9F110101", label + preferred, label, [2]byte{0, 1}, "Caré", "VISA", "Caré"},
		{"another alphabet", "9F110105", label + cyrillic, label, [2]byte{0, 0x11}, "Миря", "VISA", "Миря"},
		{"an alphabet the terminal does not have", "9F110105", label + cyrillic, label + "9F110105" + cyrillic, [2]byte{3, 0xEF}, "VISA", "VISA", ""},
		{"no alphabet", "", label + preferred, label + preferred, [2]byte{3, 0xFF}, "VISA", "VISA", ""},
		{"the tenth", "9F110110", label + "9F1202 41FE", label, [2]byte{2, 0}, "Aþ", "VISA", "Aþ"},
		{"the application's names count", "9F110101", label + preferred, "5002 5649 9F110101 9F120143", [2]byte{0, 1}, "Caré", "VI", "C"},
		{"no name at all", "", "", "", [2]byte{0, 1}, "A0000000031010", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := terminal()
			cfg.Terminal.AdditionalCapabilities[3], cfg.Terminal.AdditionalCapabilities[4] = 0xFC, 0x00 // not about alphabets
			own := cfg.Terminal.AdditionalCapabilities
			own[3] |= tt.tables[0]
			own[4] |= tt.tables[1]
			cfg.Applications[0].AdditionalCapabilities = &own
			entry := tlv.Append(nil, 0x70, tlv.Append(nil, 0x61, unhex(t, "4F07A0000000031010 870181"+tt.entry)...)...)
			transcript := selectDirectory + fileInformation(t, "315041592E5359532E4444463031", "880101"+tt.directory) +
				readFirst + fmt.Sprintf("< %X9000\n", entry) + readSecond + noRecord + selectVisa + fileInformation(t, "A0000000031010", tt.own)
			holder := &person{confirm: true}
			tx := begin(t, cfg, payment(), play(t, transcript), holder)
			if _, err := tx.BuildCandidates(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := tx.SelectApplication(t.Context()); err != nil {
				t.Fatal(err)
			}
			card := tx.Card()
			if holder.asked != tt.asked || card.Label != tt.label || card.PreferredName != tt.preferred {
				t.Errorf("asked for %q, label %q, preferred name %q", holder.asked, card.Label, card.PreferredName)
			}
		})
	}
}

func TestCardholderDialogueFails(t *testing.T) {
	transcript := selectDirectory + directoryFCI + readFirst + twoEntries + readSecond + noRecord
	gone := errors.New("screen gone")
	for _, holder := range []*person{{err: gone}, {choose: 2}, {choose: -1}} {
		tx := begin(t, terminal(), payment(), play(t, transcript), holder)
		out, err := tx.Collect(t.Context())
		if err == nil {
			t.Fatalf("outcome %v", out)
		}
		if holder.err != nil && !errors.Is(err, gone) {
			t.Errorf("got %v", err)
		}
	}
}
