package tlv

import (
	"bytes"
	"encoding/hex"
	"testing"
)

// EMV fact 1: list order, duplicates, zeros for what is missing or a template.
//
// EMV fact 2: numbers are cut and filled on the left, compressed ones filled with 'F', all else cut and
// filled on the right.
func TestDOLBuild(t *testing.T) {
	values := map[Tag][]byte{
		0x9F02: {0x00, 0x00, 0x00, 0x01, 0x23, 0x45}, // n 12
		0x5A:   {0x42, 0x42, 0x42, 0x42},             // cn
		0x9A:   {0x26, 0x11, 0x21},                   // n 6
		0x95:   {1, 2, 3, 4, 5},                      // b
		0x50:   []byte("VISA"),                       // ans
		0x6F:   {0xAA},                               // constructed
	}
	tests := []struct{ name, dol, want string }{
		{"as long as asked", "9F0206", "000000012345"},
		{"number too long loses its left", "9F0203", "012345"},
		{"number too short gains zeros on the left", "9F0208", "0000000000012345"},
		{"compressed number too long loses its right", "5A02", "4242"},
		{"compressed number too short gains FF on the right", "5A06", "42424242FFFF"},
		{"bytes too long lose their right", "9502", "0102"},
		{"bytes too short gain zeros on the right", "9507", "01020304050000"},
		{"text too short gains zeros on the right", "5006", "564953410000"},
		{"missing tag", "9F3704", "00000000"},
		{"missing compressed number", "570A", "00000000000000000000"},
		{"unknown tag", "DF8104 03", "000000"},
		{"constructed tag", "6F02", "0000"},
		{"order kept, duplicates kept", "9A03 9502 9A03", "261121 0102 261121"},
		{"no bytes", "9A00", ""},
		{"empty list", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dol, err := ParseDOL(unhex(t, tt.dol))
			if err != nil {
				t.Fatal(err)
			}
			got := dol.Build(func(tag Tag) []byte { return values[tag] })
			if want := unhex(t, tt.want); !bytes.Equal(got, want) {
				t.Errorf("got %X, want %X", got, want)
			}
			if len(got) != dol.Size() {
				t.Errorf("%d bytes, Size says %d", len(got), dol.Size())
			}
		})
	}
}

func TestParseDOLRefuses(t *testing.T) {
	for _, s := range []string{"9F", "9F02", "9F0206 5A", "00 01", "9F80 01"} {
		if dol, err := ParseDOL(unhex(t, s)); err == nil {
			t.Errorf("%s decoded to %v", s, dol)
		}
	}
}

func TestDOLContains(t *testing.T) {
	dol, err := ParseDOL(unhex(t, "9F3704 9A03"))
	if err != nil {
		t.Fatal(err)
	}
	if !dol.Contains(0x9F37) || dol.Contains(0x9F02) {
		t.Error("Contains is wrong")
	}
}

func FuzzDOL(f *testing.F) {
	for _, s := range []string{"9F37049F02069A03", "", "9F", "6F05", "DF810403", "9A039A03"} {
		b, _ := hex.DecodeString(s)
		f.Add(b, []byte{1, 2, 3})
	}
	f.Fuzz(func(t *testing.T, in, value []byte) {
		dol, err := ParseDOL(in)
		if err != nil {
			return
		}
		if !bytes.Equal(dol.Bytes(), in) {
			t.Fatalf("%X encoded again as %X", in, dol.Bytes())
		}
		out := dol.Build(func(Tag) []byte { return value })
		if len(out) != dol.Size() {
			t.Fatalf("built %d bytes, Size says %d", len(out), dol.Size())
		}
	})
}
