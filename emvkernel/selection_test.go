package emvkernel_test

import (
	"errors"
	"slices"
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/emvtest"
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

// EMV facts 16 and 17.
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
			name:       "no priority comes last",
			transcript: directory + "< 7023 610F 4F07 A0000000031010 5004 56495341 6110 4F07 A0000000041010 5002 4D43 87010F 9000\n" + readSecond + noRecord + selectMC + mcFCI,
			aid:        "A0000000041010", label: "MC",
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

func TestPreferredName(t *testing.T) {
	// The final FCI names alphabet 01: the name is taken over, as UTF-8.
	tx := begin(t, terminal(), payment(), play(t, selectDirectory+directoryFCI+readFirst+visaEntry+readSecond+noRecord+selectVisa+
		"< 6F1C 8407 A0000000031010 A511 5004 56495341 9F110101 9F1204 436172E9 9000\n"), nil)
	if _, err := tx.BuildCandidates(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.SelectApplication(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := tx.Card().PreferredName; got != "Caré" {
		t.Errorf("preferred name %q", got)
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

// EMV fact 20: an application withdrawn at GET PROCESSING OPTIONS leaves the list, and the choice is
// made again among the others.
func TestReselection(t *testing.T) {
	transcript := selectDirectory + directoryFCI + readFirst + twoEntries + readSecond + noRecord +
		selectMC + mcFCI + "> 80A80000 02 8300 00\n< 6985\n" +
		selectVisa + visaFCI + "> 80A80000 02 8300 00\n< 6985\n"
	tx := begin(t, terminal(), payment(), play(t, transcript), nil)
	if out := collect(t, tx); out.Kind != emvkernel.NotAccepted {
		t.Errorf("outcome %v", out)
	}
	// Any other status ends it.
	transcript = selectDirectory + directoryFCI + readFirst + visaEntry + readSecond + noRecord + selectVisa + visaFCI +
		"> 80A80000 02 8300 00\n< 6984\n"
	tx = begin(t, terminal(), payment(), play(t, transcript), nil)
	if out := collect(t, tx); out.Kind != emvkernel.Terminated {
		t.Errorf("outcome %v", out)
	}
}

// EMV fact 19: the procedure of T=0, where the transport leaves it to the kernel.
func TestTransportProcedure(t *testing.T) {
	tests := []struct{ name, transcript, aid string }{
		{"61xx is fetched", selectDirectory + "< 6A82\n" + selectVisa + "< 6113\n> 00C0000013\n" + visaFCI +
			selectMC + noFile + selectVisa + visaFCI, "A0000000031010"},
		{"61xx in parts", selectDirectory + "< 6A82\n" + selectVisa + "< 6113\n> 00C0000013\n< 6F11 8407 A0000000031010 6108\n> 00C0000008\n< A506 5004 56495341 9000\n" +
			selectMC + noFile + selectVisa + visaFCI, "A0000000031010"},
		{"6Cxx is asked again with the length", selectDirectory + directoryFCI + readFirst + "< 6C16\n> 00B2010C16\n" + visaEntry + readSecond + noRecord + selectVisa + visaFCI, "A0000000031010"},
		{"GET RESPONSE corrected by 6Cxx", selectDirectory + "< 6A82\n" + selectVisa + "< 6100\n> 00C0000000\n< 6C13\n> 00C0000013\n" + visaFCI +
			selectMC + noFile + selectVisa + visaFCI, "A0000000031010"},
		{"a warning with its data behind it", selectDirectory + "< 6A82\n" + selectVisa + "< 6283\n> 00C0000000\n< 6F13 8408 A000000003101001 A507 5005 4649525354 9000\n" +
			nextVisa + visa2FCI + nextVisa + noFile + selectMC + noFile + selectVisa2 + visa2FCI, "A000000003101002"},
		{"a warning with nothing behind it", selectDirectory + "< 6283\n> 00C0000000\n< 6F00\n" + selectVisa + visaFCI + selectMC + noFile + selectVisa + visaFCI, "A0000000031010"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tx := begin(t, terminal(), payment(), play(t, tt.transcript), nil)
			if out, err := tx.BuildCandidates(t.Context()); err != nil || out.Kind != emvkernel.Undecided {
				t.Fatal(out, err)
			}
			if out, err := tx.SelectApplication(t.Context()); err != nil || out.Kind != emvkernel.Undecided {
				t.Fatal(out, err)
			}
			if got := tx.Card().AID; !slices.Equal(got, unhex(t, tt.aid)) {
				t.Errorf("selected %X", got)
			}
		})
	}
}
