package emvkernel_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"smartreader/emvkernel"
)

// EMV fact 20: an application withdrawn at GET PROCESSING OPTIONS ('6985') leaves the list, and the choice
// is made again among the others: with a new SELECT, and nothing left over of the one withdrawn.
func TestReselection(t *testing.T) {
	directory := selectDirectory + directoryFCI + readFirst + twoEntries + readSecond + noRecord
	// MC asks for the currency before it withdraws; VISA asks for nothing and must get nothing.
	withdrawn := selectMC + fileInformation(t, "A0000000041010", "5002 4D43 9F3803 5F2A02 5F2D02 6672") + "> 80A80000 04 8302 0840 00\n< 6985\n"
	tests := []struct {
		name, transcript string
		want             emvkernel.OutcomeKind
	}{
		{"found by the directory", directory + withdrawn + selectVisa + visaFCI + "> 80A80000 02 8300 00\n< 6A80\n", emvkernel.Terminated},
		{"found by the list of AIDs",
			selectDirectory + noFile + selectVisa + fileInformation(t, "A0000000031010", "5004 56495341 870102") +
				selectMC + fileInformation(t, "A0000000041010", "5002 4D43 9F3803 5F2A02 870101") +
				withdrawn + selectVisa + visaFCI + "> 80A80000 02 8300 00\n< 6A80\n", emvkernel.Terminated},
		{"the last one too", directory + withdrawn + selectVisa + visaFCI + "> 80A80000 02 8300 00\n< 6985\n", emvkernel.NotAccepted},
		{"the next one is refused at its SELECT", directory + withdrawn + selectVisa + noFile, emvkernel.NotAccepted},
		{"the only one", selectDirectory + directoryFCI + readFirst + visaEntry + readSecond + noRecord +
			selectVisa + visaFCI + "> 80A80000 02 8300 00\n< 6985\n", emvkernel.NotAccepted},
		{"what is left wants consent, and nobody can give it",
			selectDirectory + directoryFCI + readFirst + "< 7026 6112 4F07 A0000000031010 5004 56495341 870182 6110 4F07 A0000000041010 5002 4D43 870101 9000\n" +
				readSecond + noRecord + withdrawn, emvkernel.NotAccepted},
		{"any other status ends it", directory + selectMC + mcFCI + "> 80A80000 02 8300 00\n< 6984\n", emvkernel.Terminated},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tx := begin(t, terminal(), payment(), play(t, tt.transcript), nil)
			if out := collect(t, tx); out.Kind != tt.want {
				t.Errorf("outcome %v", out)
			}
		})
	}

	// Step by step: the outcome says so, and the withdrawn application's data is gone.
	tx := begin(t, terminal(), payment(), play(t, directory+withdrawn+selectVisa+visaFCI), nil)
	for _, step := range []func(context.Context) (emvkernel.Outcome, error){tx.BuildCandidates, tx.SelectApplication} {
		if out, err := step(t.Context()); err != nil || out.Kind != emvkernel.Undecided {
			t.Fatal(out, err)
		}
	}
	if out, err := tx.InitiateApplication(t.Context()); err != nil || out.Kind != emvkernel.SelectAgain {
		t.Fatal(out, err)
	}
	if _, err := tx.InitiateApplication(t.Context()); !errors.Is(err, emvkernel.ErrOrder) {
		t.Errorf("initiated again without SELECT: %v", err)
	}
	if out, err := tx.SelectApplication(t.Context()); err != nil || out.Kind != emvkernel.Undecided {
		t.Fatal(out, err)
	}
	if c := tx.Card(); c.Label != "VISA" || c.Brand != "visa" || c.Languages != "" {
		t.Errorf("%s %s %q", c.Label, c.Brand, c.Languages)
	}
}

// The cardholder who chose an application that was withdrawn is asked again, about those that are left.
func TestReselectionAsksAgain(t *testing.T) {
	three := "< 7038 6112 4F07 A0000000031010 5004 56495341 870101 6110 4F07 A0000000041010 5002 4D43 870102 " +
		"6110 4F08 A000000003101001 8701 03 5001 43 9000\n"
	transcript := selectDirectory + directoryFCI + readFirst + three + readSecond + noRecord +
		selectVisa + visaFCI + "> 80A80000 02 8300 00\n< 6985\n" +
		selectMC + mcFCI + "> 80A80000 02 8300 00\n< 6985\n" +
		selectVisa1 + visa1FCI + "> 80A80000 02 8300 00\n< 6985\n"
	holder := &menu{}
	tx := begin(t, terminal(), payment(), play(t, transcript), holder)
	if out := collect(t, tx); out.Kind != emvkernel.NotAccepted {
		t.Errorf("outcome %v", out)
	}
	// The last one does not want consent, so nobody is asked.
	want := [][]string{{"VISA", "MC", "C"}, {"MC", "C"}}
	if !slices.EqualFunc(holder.offered, want, slices.Equal) {
		t.Errorf("offered %q", holder.offered)
	}
}

// Choosing one application was no consent to the other, which is left when that one was withdrawn.
func TestReselectionAsksForConsent(t *testing.T) {
	for _, consent := range []bool{true, false} {
		transcript := selectDirectory + directoryFCI + readFirst + twoConfirm + readSecond + noRecord + selectMC + mcFCI + "> 80A80000 02 8300 00\n< 6985\n"
		want := emvkernel.NotAccepted
		if consent {
			transcript += selectVisa + visaFCI + "> 80A80000 02 8300 00\n< 6A80\n"
			want = emvkernel.Terminated
		}
		holder := &person{confirm: consent}
		tx := begin(t, terminal(), payment(), play(t, transcript), holder)
		if out := collect(t, tx); out.Kind != want || holder.asked != "VISA" || len(holder.labels) != 2 {
			t.Errorf("consent %v: %v, offered %q, asked %q", consent, out, holder.labels, holder.asked)
		}
	}
}

// menu takes the first application and notes every offer.
type menu struct{ offered [][]string }

func (m *menu) ChooseApplication(_ context.Context, labels []string) (int, error) {
	m.offered = append(m.offered, labels)
	return 0, nil
}

func (m *menu) ConfirmApplication(context.Context, string) (bool, error) { return false, nil }
