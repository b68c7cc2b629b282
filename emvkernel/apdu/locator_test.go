package apdu

import (
	"encoding/hex"
	"errors"
	"slices"
	"testing"
)

func TestParseLocator(t *testing.T) {
	for _, test := range []struct {
		hex  string
		want []File
	}{
		{"", nil},
		{"08010100", []File{{1, 1, 1, 0}}},
		{"10010301F001FFFF", []File{{2, 1, 3, 1}, {30, 1, 255, 255}}},
	} {
		b, _ := hex.DecodeString(test.hex)
		if got, err := ParseLocator(b); err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, %v", test.hex, got, err)
		}
	}
	for _, bad := range []string{"080101", "09010100", "00010100", "F8010100", "08000100", "08020100", "08010102"} {
		b, _ := hex.DecodeString(bad)
		if _, err := ParseLocator(b); !errors.Is(err, ErrLocator) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func FuzzLocator(f *testing.F) {
	f.Add([]byte{0x08, 0x01, 0x01, 0x00})
	f.Add([]byte{0xF0, 0x01, 0xFF, 0xFF})
	f.Fuzz(func(t *testing.T, b []byte) {
		files, err := ParseLocator(b)
		if err == nil && 4*len(files) != len(b) {
			t.Error("entries were lost")
		}
	})
}
