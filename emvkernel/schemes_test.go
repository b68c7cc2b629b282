package emvkernel_test

import (
	"fmt"
	"testing"

	"smartreader/emvkernel"
)

// Every ready-made profile can be used as it is, approves nothing by itself, and none is there twice, not
// even as the beginning of another.
func TestSchemes(t *testing.T) {
	c := terminal()
	c.Applications = emvkernel.Schemes()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	brands := map[string]bool{}
	for i, a := range c.Applications {
		name := fmt.Sprintf("%X", a.AID)
		brands[a.Brand] = true
		if !a.PartialMatch || a.FloorLimit != 0 || a.OfflineApproval || fmt.Sprintf("%X", a.DefaultDDOL) != "9F3704" || a.Version == [2]byte{} {
			t.Errorf("%s: %+v", name, a)
		}
		for j, b := range c.Applications {
			if other := fmt.Sprintf("%X", b.AID); i != j && len(other) >= len(name) && other[:len(name)] == name {
				t.Errorf("%s and %s match the same cards", name, other)
			}
		}
		// A card that was not authenticated, and an amount above the floor limit, never stay offline.
		if a.TACOnline[0]&0xC0 != 0xC0 || a.TACDefault[0]&0xC0 != 0xC0 || a.TACOnline[3]&0x80 == 0 {
			t.Errorf("%s: online %X, default %X", name, a.TACOnline, a.TACDefault)
		}
	}
	for _, brand := range []string{
		"visa", "mastercard", "amex", "discover", "jcb", "unionpay", "interac", "eftpos_au", "cartes_bancaires",
		"girocard", "dankort", "rupay", "elo", "mir", "verve",
	} {
		if !brands[brand] {
			t.Errorf("no profile of %s", brand)
		}
	}
	// Names cards really have.
	for name, brand := range map[string]string{
		"A0000000031010": "visa", "A000000003101001": "visa", "A0000000980840": "visa", "A0000000041010": "mastercard",
		"A00000000410101213": "mastercard", "A0000000043060": "mastercard", "A000000025010801": "amex", "A0000001523010": "discover",
		"A0000000651010": "jcb", "A000000333010101": "unionpay", "A0000002771010": "interac", "A00000038410": "eftpos_au",
		"A0000003591010028001": "girocard",
	} {
		s := newStub()
		s.name = unhex(t, name)
		cfg := terminal()
		cfg.Applications = emvkernel.Schemes()
		tx := begin(t, cfg, payment(), s, nil)
		if out := collect(t, tx); out.Kind != emvkernel.OnlineRequest || tx.Card().Brand != brand {
			t.Errorf("%s: %v, %q", name, out, tx.Card().Brand)
		}
	}
}

// The profiles are the caller's to change.
func TestSchemesAreCopies(t *testing.T) {
	first := emvkernel.Schemes()
	want := fmt.Sprint(first)
	for i := range first {
		clear(first[i].AID)
		clear(first[i].DefaultDDOL)
		first[i].TACDenial = [5]byte{1}
	}
	if got := fmt.Sprint(emvkernel.Schemes()); got != want {
		t.Error("a change of one copy shows in the next")
	}
}

// An acquirer's contract narrows the profiles and says what they leave open.
func ExampleSchemes() {
	var accepted []emvkernel.Application
	for _, a := range emvkernel.Schemes() {
		if a.Brand != "amex" && a.Brand != "interac" {
			continue
		}
		a.FloorLimit, a.FloorCurrency = 2500, 124 // 25.00 Canadian dollars
		accepted = append(accepted, a)
	}
	for _, a := range accepted {
		fmt.Printf("%s %X, denial %X, online %X\n", a.Brand, a.AID, a.TACDenial, a.TACOnline)
	}
	// Output:
	// amex A00000002501, denial 0010000000, online DE00FC9800
	// interac A0000002771010, denial 0000000000, online FFFFFFFFFF
}
