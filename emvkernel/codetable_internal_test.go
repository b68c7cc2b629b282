package emvkernel

import (
	"testing"
	"unicode"
	"unicode/utf8"
)

// Each index is a part of ISO/IEC 8859, and each has its own bit in '9F40'.
func TestCodeTables(t *testing.T) {
	tests := []struct {
		index, char byte
		want        string
		claims      [5]byte
	}{
		{0x01, 0xE9, "é", [5]byte{4: 0x01}},
		{0x02, 0xE6, "ć", [5]byte{4: 0x02}},
		{0x03, 0xE6, "ĉ", [5]byte{4: 0x04}},
		{0x04, 0xE0, "ā", [5]byte{4: 0x08}},
		{0x05, 0xBC, "М", [5]byte{4: 0x10}},
		{0x06, 0xC7, "ا", [5]byte{4: 0x20}},
		{0x07, 0xC1, "Α", [5]byte{4: 0x40}},
		{0x08, 0xE0, "א", [5]byte{4: 0x80}},
		{0x09, 0xFD, "ı", [5]byte{3: 0x01}},
		{0x10, 0xFE, "þ", [5]byte{3: 0x02}},
	}
	all := [5]byte{3: 0x03, 4: 0xFF}
	for _, tt := range tests {
		table := codeTable([]byte{tt.index}, tt.claims)
		if table == nil {
			t.Errorf("table %02X is not there", tt.index)
			continue
		}
		if got := inTable(table, []byte{'A', tt.char}); got != "A"+tt.want {
			t.Errorf("table %02X: %q, want %q", tt.index, got, "A"+tt.want)
		}
		others := all
		others[3] &^= tt.claims[3]
		others[4] &^= tt.claims[4]
		if codeTable([]byte{tt.index}, others) != nil {
			t.Errorf("table %02X is used although the terminal does not claim it", tt.index)
		}
	}
	for _, index := range [][]byte{nil, {}, {0x00}, {0x0A}, {0x11}, {0x99}, {0x00, 0x01}, {0x01, 0x01}} {
		if codeTable(index, [5]byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF}) != nil {
			t.Errorf("index %X names a table", index)
		}
	}
}

func TestNamesAreShownAsText(t *testing.T) {
	for in, want := range map[string]string{
		"VISA":                 "VISA",
		" VISA  ":              "VISA",
		"CB\x00\x07\x1b[2J":    "CB[2J",
		"Car\xE9":              "Car",
		"A\nB":                 "AB",
		"0123456789ABCDEFGHIJ": "0123456789ABCDEF",
		"~ #":                  "~ #",
		"":                     "",
	} {
		if got := common([]byte(in)); got != want {
			t.Errorf("label %q is shown as %q, want %q", in, got, want)
		}
	}
	table := codeTables[7] // Hebrew, with direction marks and holes
	if got := inTable(table, []byte{'A', 0xA0, 0xE0, 0xFD, 0xFE, 0xA1, 0x85, 0xAD}); got != "A א" {
		t.Errorf("preferred name is %q", got)
	}
}

func FuzzName(f *testing.F) {
	f.Add([]byte("VISA"), byte(1))
	f.Add([]byte{0xA0, 0x80, 0xFD}, byte(8))
	f.Fuzz(func(t *testing.T, name []byte, n byte) {
		table := codeTables[int(n)%len(codeTables)]
		for _, s := range []string{common(name), inTable(table, name)} {
			if !utf8.ValidString(s) || utf8.RuneCountInString(s) > maxName {
				t.Fatalf("%q", s)
			}
			for _, r := range s {
				if !unicode.IsPrint(r) {
					t.Fatalf("%q has %U", s, r)
				}
			}
		}
	})
}
