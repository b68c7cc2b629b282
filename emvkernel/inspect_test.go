package emvkernel_test

import (
	"fmt"
	"strings"
	"testing"

	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/tlv"
)

// Data holds all of the data set, with the same values as long as nothing changed, and more; it prints as a
// mask and is gone after Wipe.
func TestData(t *testing.T) {
	cfg := emvtest.TerminalConfig()
	for profile, method := range map[string]string{visa + "oda dda\n": "DDA", visa + "oda sda\n": "SDA", visa + "oda none\n": "none", mastercard + "oda cda\n": "CDA"} {
		tx := begin(t, &cfg, payment(), software(t, profile), nil)
		if got := tx.AuthenticationMethod(); got != "none" {
			t.Errorf("%q before it began: %s", profile, got)
		}
		collect(t, tx)
		if got := tx.AuthenticationMethod(); got != method {
			t.Errorf("%q: %s, want %s", profile, got, method)
		}
		data := tx.Data()
		if strings.Contains(fmt.Sprintf("%v %X", data, data), "4242") {
			t.Error("Data prints what it holds")
		}
		all, err := tlv.Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		for i := 1; i < len(all); i++ {
			if all[i-1].Tag >= all[i].Tag {
				t.Errorf("%v before %v", all[i-1].Tag, all[i].Tag)
			}
		}
		set, err := tlv.Parse(tx.ACData())
		if err != nil || len(set) == 0 {
			t.Fatal(len(set), err)
		}
		for _, e := range set {
			got, ok := tlv.Find(all, e.Tag)
			if changes := e.Tag == 0x9B; !ok || !changes && string(got.Value) != string(e.Value) { // card risk management comes after
				t.Errorf("%q: %v is %X, in the data set %X", profile, e.Tag, got.Value, e.Value)
			}
		}
		for _, tag := range []tlv.Tag{0x8C, 0x9F07, 0x5F20} {
			if _, ok := tlv.Find(all, tag); !ok {
				t.Errorf("%q: no %v", profile, tag)
			}
		}
		tx.Wipe()
		if _, ok := tlv.Find(mustParse(t, tx.Data()), 0x5A); ok {
			t.Error("the card number is there after Wipe")
		}
	}
}

func mustParse(t testing.TB, b []byte) []tlv.Element {
	t.Helper()
	list, err := tlv.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// A record that says what only the answer to GENERATE AC can say is not believed.
func TestDataShowsTheAnswer(t *testing.T) {
	s := newStub()
	for tag, v := range map[tlv.Tag]string{0x9F26: "FFFFFFFFFFFFFFFF", 0x9F27: "40", 0x9F36: "FFFF", 0x9F10: "FF"} {
		s.data[tag] = unhex(t, v)
	}
	tx, _ := s.run(t, nil)
	for tag, want := range map[tlv.Tag]string{0x9F26: "0102030405060708", 0x9F27: "80", 0x9F36: "002A", 0x9F10: "0601"} {
		if got := object(t, tx.Data(), tag); got != want {
			t.Errorf("%v is shown as %s, want %s", tag, got, want)
		}
		if got := object(t, tx.ACData(), tag); got != want {
			t.Errorf("%v is stored as %s, want %s", tag, got, want)
		}
	}
}
