package entry

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"smartreader/emvkernel/tlv"
)

const (
	nameObject = "840E325041592E5359532E4444463031"
	someVisa   = "4F07A0000000031010"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// wrap puts hexadecimal data objects into templates, the innermost first.
func wrap(t testing.TB, inner string, tags ...tlv.Tag) string {
	b := unhex(t, inner)
	for _, tag := range tags {
		b = tlv.Append(nil, tag, b...)
	}
	return fmt.Sprintf("%X", b)
}

func fciOf(t testing.TB, name, discretionary string) string {
	return wrap(t, name+wrap(t, discretionary, tagDiscretionary, tagProprietary), tagFCI)
}

// The card's directory: which entries count, and what is none.
func TestDirectory(t *testing.T) {
	entry := func(inner string) string { return wrap(t, inner, tagEntry) }
	good := entry(someVisa)
	tests := []struct {
		name, data string
		want       string // of each entry: name/priority/kernel/extension; "error"
	}{
		{"one entry", fciOf(t, nameObject, good), "A0000000031010/0//"},
		{"everything", fciOf(t, nameObject, entry(someVisa+"500456495341"+"870101"+"9F2A0103"+"9F29020102"+"42034761735F550255535F5603555341")), "A0000000031010/1/03/0102"},
		{"the digit of the priority only", fciOf(t, nameObject, entry(someVisa+"8701F2")), "A0000000031010/2//"},
		{"an empty priority", fciOf(t, nameObject, entry(someVisa+"8700")), "A0000000031010/0//"},
		{"two entries in their order", fciOf(t, nameObject, good+entry("4F05A000000004")), "A0000000031010/0// A000000004/0//"},
		{"fillers between", fciOf(t, nameObject, "00"+good+"0000"+entry("4F05A000000004")+"00"), "A0000000031010/0// A000000004/0//"},
		{"other objects between", fciOf(t, nameObject, "9F4D020B0A"+good+"BF5000"+entry("4F05A000000004")), "A0000000031010/0// A000000004/0//"},
		{"lengths of more bytes than needed", "6F82002D" + nameObject + "A5820019" + "BF0C820014" + "61820010" + "4F820007A0000000031010" + "8782000102", "A0000000031010/2//"},

		{"no name of the directory", fciOf(t, "", good), "A0000000031010/0//"},
		{"another name", fciOf(t, "840E315041592E5359532E4444463031", good), "error"},
		{"an empty name", fciOf(t, "8400", good), "error"},
		{"nothing", "", "error"},
		{"no proprietary template", wrap(t, nameObject, tagFCI), ""},
		{"no discretionary template", wrap(t, nameObject+"A503880101", tagFCI), ""},
		{"no entries", fciOf(t, nameObject, ""), ""},
		{"an entry outside of the discretionary template", wrap(t, nameObject+wrap(t, good+"BF0C00", tagProprietary), tagFCI), ""},
		{"another template around", wrap(t, nameObject+wrap(t, good, tagDiscretionary, tagProprietary), 0x70), "error"},
		{"something behind", fciOf(t, nameObject, good) + "00", "error"},
		{"cut short", fciOf(t, nameObject, good)[:60], "error"},
		{"templates cut short inside", wrap(t, nameObject+"A505BF0C09614F", tagFCI), "error"},

		{"an entry without a name", fciOf(t, nameObject, entry("870101")+good), "A0000000031010/0//"},
		{"a name too short", fciOf(t, nameObject, entry("4F04A0000000")+good), "A0000000031010/0//"},
		{"a name too long", fciOf(t, nameObject, entry("4F11A000000003101000000000000000000000")+good), "A0000000031010/0//"},
		{"names as short and as long as can be", fciOf(t, nameObject, entry("4F05A000000003")+entry("4F10A0000000031010000000000000000000")),
			"A000000003/0// A0000000031010000000000000000000/0//"},
		{"an entry cut short", fciOf(t, nameObject, entry("4F07A000000003")+good), "A0000000031010/0//"},
		{"an empty entry", fciOf(t, nameObject, "6100"+good), "A0000000031010/0//"},
		{"a priority of two bytes", fciOf(t, nameObject, entry(someVisa+"87020101")+good), "A0000000031010/0//"},
		{"a kernel identifier of eight bytes", fciOf(t, nameObject, entry(someVisa+"9F2A080300000000000000")), "A0000000031010/0/0300000000000000/"},
		{"a kernel identifier too long", fciOf(t, nameObject, entry(someVisa+"9F2A09030000000000000000")+good), "A0000000031010/0//"},
		{"an extension of 16 bytes", fciOf(t, nameObject, entry(someVisa+"9F291000112233445566778899AABBCCDDEEFF")), "A0000000031010/0//00112233445566778899AABBCCDDEEFF"},
		{"an extension too long", fciOf(t, nameObject, entry(someVisa+"9F291100112233445566778899AABBCCDDEEFF00")+good), "A0000000031010/0//"},
		{"a name twice: the first", fciOf(t, nameObject, entry(someVisa+"4F07A0000000041010")), "A0000000031010/0//"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			list, err := parseDirectory(unhex(t, tt.data))
			var got []string
			for _, e := range list {
				got = append(got, fmt.Sprintf("%X/%d/%X/%X", e.name, e.priority, e.kernel, e.extension))
			}
			if err != nil {
				got = append(got, "error")
			}
			if s := strings.Join(got, " "); s != tt.want {
				t.Errorf("got %q, want %q (%v)", s, tt.want, err)
			}
		})
	}
}

// The FCI of an application: its name, what the cardholder speaks, and its PDOL.
func TestApplicationInformation(t *testing.T) {
	const name = "8407A0000000031010"
	tests := []struct {
		name, data string
		want       string // name/languages/PDOL; "error"
	}{
		{"name only", wrap(t, name, tagFCI), "A0000000031010//"},
		{"all", wrap(t, name+wrap(t, "500456495341"+"5F2D046465454E"+"9F38069F66049F0206", tagProprietary), tagFCI), "A0000000031010/deen/9F66049F0206"},
		{"empty proprietary template", wrap(t, name+"A500", tagFCI), "A0000000031010//"},
		{"no name", wrap(t, "A500", tagFCI), "error"},
		{"a name too short", wrap(t, "8404A0000000", tagFCI), "error"},
		{"a name too long", wrap(t, "8411A000000003101000000000000000000000", tagFCI), "error"},
		{"nothing", "", "error"},
		{"another template", wrap(t, name, 0x70), "error"},
		{"something behind", wrap(t, name, tagFCI) + "00", "error"},
		{"malformed inside", wrap(t, name+"A5039F3805", tagFCI), "error"},
		{"a PDOL without a length", wrap(t, name+wrap(t, "9F38029F66", tagProprietary), tagFCI), "error"},
		{"the shortest name", wrap(t, "8405A000000003", tagFCI), "A000000003//"},
		{"the longest name", wrap(t, "8410A0000000031010000000000000000000", tagFCI), "A0000000031010000000000000000000//"},
		{"four languages", wrap(t, name+wrap(t, "5F2D08617A7A614141655A", tagProprietary), tagFCI), "A0000000031010/azzaaaez/"},
		{"five languages", wrap(t, name+wrap(t, "5F2D0A6465656E667269746573", tagProprietary), tagFCI), "A0000000031010//"},
		{"half a language", wrap(t, name+wrap(t, "5F2D03646565", tagProprietary), tagFCI), "A0000000031010//"},
		{"no letters", wrap(t, name+wrap(t, "5F2D023132", tagProprietary), tagFCI), "A0000000031010//"},
		{"next to letters", wrap(t, name+wrap(t, "5F2D02405B", tagProprietary), tagFCI), "A0000000031010//"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			app, err := parseApplication(unhex(t, tt.data))
			got := fmt.Sprintf("%X/%s/%X", app.name, app.languages, app.pdol.Bytes())
			if err != nil {
				got = "error"
			}
			if got != tt.want {
				t.Errorf("got %q, want %q (%v)", got, tt.want, err)
			}
		})
	}
}

func FuzzDirectory(f *testing.F) {
	for _, seed := range []string{
		"", fciOf(f, nameObject, ""), fciOf(f, nameObject, wrap(f, someVisa, tagEntry)),
		fciOf(f, nameObject, wrap(f, someVisa+"870101"+"9F2A0103"+"9F29020102", tagEntry)+wrap(f, "4F05A000000004", tagEntry)),
	} {
		f.Add(unhex(f, seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		list, err := parseDirectory(data)
		if err != nil && list != nil {
			t.Error("entries and an error")
		}
		for _, e := range list {
			if len(e.name) < 5 || len(e.name) > 16 || e.priority > 15 || len(e.kernel) > 8 || len(e.extension) > 16 {
				t.Errorf("entry out of bounds: %d/%d/%d/%d", len(e.name), e.priority, len(e.kernel), len(e.extension))
			}
		}
		if len(list) > len(data)/9 { // a template, a name and five bytes
			t.Errorf("%d entries in %d bytes", len(list), len(data))
		}
		if !bytes.Equal(data, before) {
			t.Error("the card's answer was changed")
		}
	})
}

func FuzzApplicationInformation(f *testing.F) {
	const name = "8407A0000000031010"
	for _, seed := range []string{
		"", wrap(f, name, tagFCI), wrap(f, name+"A500", tagFCI),
		wrap(f, name+wrap(f, "500456495341"+"5F2D046465454E"+"9F38069F66049F0206", tagProprietary), tagFCI),
	} {
		f.Add(unhex(f, seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		app, err := parseApplication(data)
		if err != nil {
			return
		}
		if len(app.name) < 5 || len(app.name) > 16 || len(app.languages) > 8 || len(app.languages)%2 != 0 {
			t.Errorf("out of bounds: %d, %q", len(app.name), app.languages)
		}
		if strings.Trim(app.languages, "abcdefghijklmnopqrstuvwxyz") != "" {
			t.Errorf("languages %q", app.languages)
		}
	})
}
