package decode

import (
	"strings"
	"testing"
)

// What was masked says so; what nothing is left of is not shown as zeros; the rest stays as it is.
func TestMasked(t *testing.T) {
	for _, tt := range []struct {
		kind, clear, shown string
		want, not          []string
	}{
		{"tlv", "5A084242424242424242 9F360200 05", "5A080000000000004242 9F360200 05",
			[]string{"(PAN): 0000000000004242 (masked)\n", "9F36 Application Transaction Counter (ATC): 0005: 5\n"}, nil},
		{"tlv", "70 0B 5F20 08 4A414E4520444F45", "70 0B 5F20 08 5858585858585858", []string{"  5F20 Cardholder Name: 8 bytes (masked)\n"}, []string{"5858", "XX"}},
		{"track2", "4242424242424242D31122011234567890", "0000000000004242D31122010000000000",
			[]string{"card number: 0000000000004242 (masked)\n", "expires: 2031-12\n", "discretionary data (masked)\n"}, []string{"expires: 2031-12 (masked)"}},
		{"57", "4242424242424242D3112201F0", "0000000000000000D0000000F0", []string{"(masked)"}, []string{"0000000000000000:"}},
		{"tlv", "90 04 01020304", "90 04 00000000", []string{"90 Issuer Public Key Certificate: 4 bytes (masked)\n"}, []string{"00000000"}},
		{"tlv", "DF01 0A 00042424242424242420", "DF01 0A 00000000000000000020", []string{"20 (masked)"}, nil},
		{"command", "80AE900004 01020304 00", "80AE900004 00000000 00", []string{"data: 4 bytes (masked)\n"}, nil},
		{"tlv", "90 02 0000", "90 02 0000", []string{"0000\n"}, []string{"masked"}},
		{"tvr", "0000000000", "0000000000", nil, []string{"masked"}},
	} {
		clear, err := As(tt.kind, unhex(t, tt.clear))
		if err != nil {
			t.Fatal(err)
		}
		shown, err := As(tt.kind, unhex(t, tt.shown))
		if err != nil {
			t.Fatal(err)
		}
		text := ""
		for _, item := range Masked(clear, shown) {
			text += item.String()
		}
		for _, want := range tt.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: want %q in\n%s", tt.clear, want, text)
			}
		}
		for _, not := range tt.not {
			if strings.Contains(text, not) {
				t.Errorf("%s: no %q wanted in\n%s", tt.clear, not, text)
			}
		}
	}
	// Other items than before: everything is taken for masked.
	if out := Masked(nil, []Item{{Name: "x", Value: "01"}}); !out[0].Masked {
		t.Errorf("%+v", out)
	}
}

// Hidden items have no value and no meaning, but say what is malformed.
func TestHidden(t *testing.T) {
	items, err := TLV(unhex(t, "5A084242424242424242 7003840101 70025A08"))
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, item := range Hidden(items) {
		text += item.String()
	}
	for _, want := range []string{"5A Application Primary Account Number (PAN) (masked)\n", "  84 Dedicated File (DF) Name (masked)\n", "malformed: not a list of data objects: tag 5A at offset 0"} {
		if !strings.Contains(text, want) || strings.Contains(text, "4242") || strings.Contains(text, "5A08") {
			t.Errorf("want %q and no values in\n%s", want, text)
		}
	}
}

func TestMalformed(t *testing.T) {
	for in, want := range map[string]bool{"70025A08": true, "70048E020000": true, "5A0142": false, "7003840101": false} {
		items, err := TLV(unhex(t, in))
		if err != nil || items[0].Malformed() != want {
			t.Errorf("%s: %v, %v", in, items, err)
		}
	}
}
