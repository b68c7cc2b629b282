package emvkernel_test

import (
	"context"
	"testing"

	"smartreader/emvkernel"
)

// asker is a cardholder dialogue that notes the language of the moment it is asked in.
type asker struct {
	person
	tx   *emvkernel.Transaction
	code string
}

func (a *asker) ConfirmApplication(ctx context.Context, label string) (bool, error) {
	a.code, _ = a.tx.Language()
	return a.person.ConfirmApplication(ctx, label)
}

func TestLanguage(t *testing.T) {
	const (
		deen = "5F2D04 6465656E"
		FR   = "5F2D02 4652" // in capital letters
		esDE = "5F2D04 6573 4465"
	)
	tests := []struct {
		name              string
		directory, own    string // data objects of the directory's and the application's FCI
		spoken            []string
		asked, code, card string
		agreed            bool
	}{
		{"the card's order decides", "", deen, []string{"en", "de"}, "en", "de", "deen", true},
		{"upper and lower case are the same", "", FR, []string{"en", "fr"}, "en", "fr", "fr", true},
		{"the second of the card's", "", esDE, []string{"en", "de"}, "en", "de", "esde", true},
		{"none in common: the terminal's first", "", FR, []string{"en", "de"}, "en", "en", "fr", false},
		{"a card without", "", "", []string{"en", "de"}, "en", "en", "", false},
		{"a terminal without", "", deen, nil, "", "", "deen", false},
		{"the directory's, also before the selection", FR, "", []string{"en", "fr"}, "fr", "fr", "fr", true},
		{"the application's after it", FR, deen, []string{"en", "fr", "de"}, "fr", "de", "deen", true},
		{"no letters", "", "5F2D02 3132", []string{"en"}, "en", "en", "", false},
		{"an odd number of letters", "", "5F2D03 646565", []string{"en", "de"}, "en", "en", "", false},
		{"more than four", "", "5F2D0A 64656465646564656465", []string{"en", "de"}, "en", "en", "", false},
		{"empty", "", "5F2D00", []string{"en", "de"}, "en", "en", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := terminal()
			cfg.Terminal.Languages = tt.spoken
			confirmed := "< 7014 6112 4F07 A0000000031010 5004 56495341 870181 9000\n"
			transcript := selectDirectory + fileInformation(t, "315041592E5359532E4444463031", "880101"+tt.directory) +
				readFirst + confirmed + readSecond + noRecord + selectVisa + fileInformation(t, "A0000000031010", "500456495341"+tt.own)
			holder := &asker{person: person{confirm: true}}
			tx := begin(t, cfg, payment(), play(t, transcript), holder)
			holder.tx = tx
			if out, err := tx.BuildCandidates(t.Context()); err != nil || out.Kind != emvkernel.Undecided {
				t.Fatal(out, err)
			}
			if out, err := tx.SelectApplication(t.Context()); err != nil || out.Kind != emvkernel.Undecided {
				t.Fatal(out, err)
			}
			if holder.code != tt.asked {
				t.Errorf("asked in %q, want %q", holder.code, tt.asked)
			}
			code, agreed := tx.Language()
			if code != tt.code || agreed != tt.agreed || tx.Card().Languages != tt.card {
				t.Errorf("%q, %v of the card's %q; want %q, %v of %q", code, agreed, tx.Card().Languages, tt.code, tt.agreed, tt.card)
			}
		})
	}
}
