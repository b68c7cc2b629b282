package tlv

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParse(t *testing.T) {
	tests := []struct {
		name, in string
		want     []Tag
	}{
		{"empty", "", nil},
		{"one byte tag", "5A 02 1234", []Tag{0x5A}},
		{"two byte tag", "9F02 01 00", []Tag{0x9F02}},
		{"three byte tag", "DF8104 00", []Tag{0xDF8104}},
		{"filler between", "00 00 82 01 FF 00 94 00 00", []Tag{0x82, 0x94}},
		{"length of two bytes", "70 81 02 5A 00", []Tag{0x70}},
		{"length with a spare byte, as real cards send it", "90 82 0003 010203", []Tag{0x90}},
		{"FF begins a tag", "FF01 01 00", []Tag{0xFF01}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			list, err := Parse(unhex(t, tt.in))
			if err != nil {
				t.Fatal(err)
			}
			if len(list) != len(tt.want) {
				t.Fatalf("%d elements, want %d", len(list), len(tt.want))
			}
			for i, e := range list {
				if e.Tag != tt.want[i] {
					t.Errorf("element %d is %v, want %v", i, e.Tag, tt.want[i])
				}
			}
		})
	}
}

func TestRawIsWhatWasSent(t *testing.T) {
	in := unhex(t, "00 90 82 0003 010203 00 9F27 01 80")
	list, err := Parse(in)
	if err != nil {
		t.Fatal(err)
	}
	if got := list[0].Raw; !bytes.Equal(got, in[1:8]) {
		t.Errorf("raw %X, want %X", got, in[1:8])
	}
	if got := list[1].Raw; !bytes.Equal(got, in[9:]) {
		t.Errorf("raw %X, want %X", got, in[9:])
	}
	// A value's neighbour cannot be overwritten by appending to it.
	_ = append(list[0].Value, 0xEE)
	if in[8] != 0x00 {
		t.Error("append to a value reached the next element")
	}
}

func TestParseRefuses(t *testing.T) {
	tests := []struct {
		name, in string
		offset   int
	}{
		{"tag without length", "5A", 0},
		{"tag cut short", "9F", 0},
		{"tag of four bytes", "9F81818101 00", 0},
		{"tag number with a leading zero", "9F8001 00", 0},
		{"value cut short", "82 00 5A 03 1234", 2},
		{"indefinite length", "70 80 5A 00 0000", 0},
		{"length cut short", "70 82 01", 0},
		{"length of five bytes", "70 85 0000000001 00", 0},
		{"huge length", "70 84 FFFFFFFF 00", 0},
		{"filler is never FF", "5A 01 12 FF FF FF", 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse(unhex(t, tt.in))
			e, ok := errors.AsType[*Error](err)
			if !ok {
				t.Fatalf("got %v, want an *Error", err)
			}
			if e.Offset != tt.offset {
				t.Errorf("offset %d, want %d", e.Offset, tt.offset)
			}
		})
	}
}

func TestParseOneWantsAnElementAtOnce(t *testing.T) {
	if _, _, err := ParseOne(unhex(t, "00 82 00")); err == nil {
		t.Error("filler taken for an element")
	}
	if _, _, err := ParseOne(nil); err == nil {
		t.Error("nothing taken for an element")
	}
	e, rest, err := ParseOne(unhex(t, "82 00 6A82"))
	if err != nil || e.Tag != 0x82 || !bytes.Equal(rest, []byte{0x6A, 0x82}) {
		t.Errorf("got %v, rest %X, %v", e.Tag, rest, err)
	}
}

// An error may be logged: it must not repeat what the card said.
func TestErrorNamesNoContent(t *testing.T) {
	_, err := Parse(unhex(t, "5A 0A 4242424242424242"))
	if err == nil || strings.Contains(err.Error(), "4242") {
		t.Errorf("error %v", err)
	}
	if !strings.Contains(err.Error(), "5A") {
		t.Errorf("error %v does not name the tag", err)
	}
}

func TestAppend(t *testing.T) {
	for _, n := range []int{0, 1, 127, 128, 255, 256, 65535, 65536} {
		b := Append(nil, 0x9F4B, make([]byte, n)...)
		e, rest, err := ParseOne(b)
		if err != nil || e.Tag != 0x9F4B || len(e.Value) != n || len(rest) != 0 {
			t.Errorf("%d bytes: %v, %d bytes, rest %d, %v", n, e.Tag, len(e.Value), len(rest), err)
		}
	}
}

func TestChildren(t *testing.T) {
	e, _, err := ParseOne(unhex(t, "A5 05 50 03 414243"))
	if err != nil {
		t.Fatal(err)
	}
	list, err := e.Children()
	if err != nil {
		t.Fatal(err)
	}
	if label, ok := Find(list, 0x50); !ok || string(label.Value) != "ABC" {
		t.Errorf("label %q, %v", label.Value, ok)
	}
	if _, ok := Find(list, 0x84); ok {
		t.Error("found what is not there")
	}
	if _, err := (Element{Tag: 0x5A}).Children(); err == nil {
		t.Error("a primitive element has no children")
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"6F1A840E315041592E5359532E4444463031A5088801015F2D02656E",
		"7081039F2701", "9F8101", "00", "FF", "7000", "90820001AA0000",
	} {
		b, _ := hex.DecodeString(s)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		list, err := Parse(in)
		if err != nil {
			return
		}
		var out []byte
		total := 0
		for _, e := range list {
			if !e.Tag.Valid() {
				t.Fatalf("decoded tag %v is not valid", e.Tag)
			}
			out = Append(out, e.Tag, e.Value...)
			total += len(e.Raw)
		}
		if total > len(in) {
			t.Fatalf("elements of %d bytes out of %d", total, len(in))
		}
		again, err := Parse(out)
		if err != nil {
			t.Fatalf("own encoding refused: %v", err)
		}
		if len(again) != len(list) {
			t.Fatalf("%d elements became %d", len(list), len(again))
		}
		for i := range list {
			if again[i].Tag != list[i].Tag || !bytes.Equal(again[i].Value, list[i].Value) {
				t.Fatalf("element %d changed", i)
			}
		}
	})
}
