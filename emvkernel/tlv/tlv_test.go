package tlv

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
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

// Nor does a data object, however it is printed.
func TestElementShowsNoValue(t *testing.T) {
	list, err := Parse(unhex(t, "5A 08 4242424242424242"))
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x", "%q"} {
		if s := fmt.Sprintf(verb, list[0]); s != "5A (8 bytes)" {
			t.Errorf("%s: %s", verb, s)
		}
		if s := fmt.Sprintf(verb, list); strings.Contains(s, "66") || strings.Contains(s, "4242") || strings.Contains(s, "0x42") {
			t.Errorf("%s: %s", verb, s)
		}
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("", "object", list[0])
	if s := log.String(); !strings.Contains(s, `"object":"5A (8 bytes)"`) {
		t.Error(s)
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

// EMV fact 5: real cards use longer lengths than needed, and '00' may stand between data objects of a
// template; 'FF' may not.
func TestRealCardsAreNotMinimal(t *testing.T) {
	list, err := Parse(unhex(t, "00 82 82 0002 1800 00 00 94 81 04 08010100"))
	if err != nil || len(list) != 2 || len(list[0].Value) != 2 || len(list[1].Value) != 4 {
		t.Errorf("%v, %v", list, err)
	}
	if _, err := Parse(unhex(t, "82 02 1800 FF 94 04 08010100")); err == nil {
		t.Error("'FF' passed for filler")
	}
}

func TestAll(t *testing.T) {
	in := unhex(t, "00 82 01 FF 00 94 00 5A 05 12")
	var tags []Tag
	var last error
	for e, err := range All(in) {
		if err != nil {
			last = err
			continue // the walk is over even for a caller that goes on
		}
		tags = append(tags, e.Tag)
	}
	if !slices.Equal(tags, []Tag{0x82, 0x94}) {
		t.Errorf("tags %v", tags)
	}
	if e, ok := errors.AsType[*Error](last); !ok || e.Offset != 7 || e.Tag != 0x5A {
		t.Errorf("error %v", last)
	}
	for range All(in) {
		break // leaves at the first, before the error
	}
}

// record is one of a real card's size: certificates, account, lists.
var record = append(Append(Append([]byte{0x00}, 0x90, make([]byte, 176)...), 0x8C, make([]byte, 21)...), 0x9F, 0x32, 0x01, 0x03, 0x00)

func TestWalkingAllocatesNothing(t *testing.T) {
	nested := Append(nil, 0x70, Append(nil, 0x61, record...)...)
	total := 0
	for name, walk := range map[string]func(){
		"All": func() {
			for e, err := range All(record) {
				if err != nil {
					total = -1
					return
				}
				total += len(e.Value)
			}
		},
		"Walk": func() {
			err := Walk(nested, func(depth int, e Element) error {
				total += depth + len(e.Raw)
				return nil
			})
			if err != nil {
				total = -1
			}
		},
	} {
		if n := testing.AllocsPerRun(100, walk); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
		if total <= 0 {
			t.Errorf("%s walked nothing", name)
		}
	}
}

func BenchmarkAll(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(record)))
	for b.Loop() {
		for _, err := range All(record) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

func TestWalk(t *testing.T) {
	in := unhex(t, "6F 10 84 02 3132 00 A5 09 50 01 41 BF0C 03 42 01 11 5A 01 12")
	var got []string
	err := Walk(in, func(depth int, e Element) error {
		got = append(got, strings.Repeat(".", depth)+e.Tag.String())
		return nil
	})
	want := []string{"6F", ".84", ".A5", "..50", "..BF0C", "...42", "5A"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}

	// What is malformed inside a template is reported where it stands in the whole.
	n := 0
	err = Walk(unhex(t, "6F 05 A5 03 50 05 41"), func(int, Element) error { n++; return nil })
	if e, ok := errors.AsType[*Error](err); !ok || e.Offset != 4 || e.Tag != 0x50 || n != 2 {
		t.Errorf("%v after %d elements", err, n)
	}

	stop := errors.New("enough")
	n = 0
	if err := Walk(in, func(int, Element) error { n++; return stop }); err != stop || n != 1 {
		t.Errorf("%v after %d elements", err, n)
	}

	deep := []byte{}
	for range maxDepth + 1 {
		deep = Append(nil, 0x70, deep...)
	}
	if err := Walk(deep, func(int, Element) error { return nil }); err != nil {
		t.Errorf("%d levels: %v", maxDepth+1, err)
	}
	if err := Walk(Append(nil, 0x70, deep...), func(int, Element) error { return nil }); err == nil {
		t.Errorf("%d levels were walked", maxDepth+2)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"6F1A840E315041592E5359532E4444463031A5088801015F2D02656E",
		"7081039F2701", "9F8101", "00", "FF", "7000", "90820001AA0000", "6F0470025A00", "70027002", "E002E000",
	} {
		b, _ := hex.DecodeString(s)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		list, err := Parse(in)
		top, inside := 0, 0
		walked := Walk(in, func(depth int, e Element) error {
			if depth == 0 {
				if err == nil && string(e.Raw) != string(list[top].Raw) {
					t.Fatalf("Walk and Parse differ at element %d", top)
				}
				top++
			}
			inside++
			return nil
		})
		if inside > len(in) {
			t.Fatalf("%d elements in %d bytes", inside, len(in))
		}
		if err != nil {
			if walked == nil {
				t.Fatalf("walked what does not parse: %v", err)
			}
			return
		}
		if walked == nil && top != len(list) {
			t.Fatalf("walked %d of %d elements", top, len(list))
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
