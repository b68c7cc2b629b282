package tlv

import "testing"

func TestTag(t *testing.T) {
	tests := []struct {
		tag         Tag
		text        string
		constructed bool
	}{
		{0x5A, "5A", false},
		{0x9F02, "9F02", false},
		{0x70, "70", true},
		{0xBF0C, "BF0C", true},
		{0xDF8104, "DF8104", false},
		{0xFF8105, "FF8105", true},
	}
	for _, tt := range tests {
		if got := tt.tag.String(); got != tt.text {
			t.Errorf("String of %X is %s", uint32(tt.tag), got)
		}
		if got := tt.tag.Constructed(); got != tt.constructed {
			t.Errorf("%v constructed: %v", tt.tag, got)
		}
		if !tt.tag.Valid() {
			t.Errorf("%v is not valid", tt.tag)
		}
	}
	for _, bad := range []Tag{0x00, 0x9F, 0x5A01, 0x9F81, 0x9F8000, 0x12345678} {
		if bad.Valid() {
			t.Errorf("%v is valid", bad)
		}
	}
}

func TestSensitive(t *testing.T) {
	for _, tag := range []Tag{0x5A, 0x57, 0x56, 0x5F20, 0x9F0B, 0x9F1F, 0x9F20, 0x9F6B, 0x99, 0x9F5E, 0xDF812A, 0xDF812B} {
		if !tag.Sensitive() {
			t.Errorf("%v (%s) is not sensitive", tag, tag.Name())
		}
	}
	for _, tag := range []Tag{0x9F02, 0x5F24, 0x84, 0x95, 0x9F26, 0x1F01, 0x9F66, 0x9F69, 0x9F6C, 0xDF8129, 0xFF8105} {
		if tag.Sensitive() {
			t.Errorf("%v (%s) is sensitive", tag, tag.Name())
		}
	}
}

func TestDictionary(t *testing.T) {
	for tag, e := range dictionary {
		if !tag.Valid() || e.name == "" {
			t.Errorf("entry %v %q", tag, e.name)
		}
		if tag.Constructed() && e.format != Binary {
			t.Errorf("%v is a template and has format %v", tag, e.format)
		}
	}
	if Tag(0x9F02).Format() != Numeric || Tag(0x5A).Format() != CompressedNumeric || Tag(0x8A).Format() != Alphanumeric ||
		Tag(0x5F20).Format() != AlphanumericSpecial || Tag(0x5F55).Format() != Alphabetic || Tag(0x95).Format() != Binary {
		t.Error("formats are wrong")
	}
	for tag, want := range map[Tag]string{
		0x9F2A: "Kernel Identifier", 0x9F66: "Terminal Transaction Qualifiers (TTQ)", 0x9F6C: "Card Transaction Qualifiers (CTQ)",
		0xDF4B: "POS Cardholder Interaction Information", 0xDF8115: "Error Indication", 0xDF8116: "User Interface Request Data",
		0xDF8129: "Outcome Parameter Set", 0xDF8131: "Phone Message Table", 0xDF8137: "Relay Resistance Transmission Time Mismatch Threshold",
		0xFF8105: "Data Record",
	} {
		if tag.Name() != want {
			t.Errorf("%v is %q", tag, tag.Name())
		}
	}
	// Limits of Book C-2 are amounts, so they are cut and filled at their left.
	if Tag(0xDF8123).Format() != Numeric || Tag(0xDF8126).Format() != Numeric || Tag(0x9F6A).Format() != Numeric {
		t.Error("contactless amounts are not numbers")
	}
	if Tag(0xDF0102).Name() != "" || Tag(0xDF0102).Format() != Binary {
		t.Error("an unknown tag has no name and is binary")
	}
	names := map[Format]string{Binary: "b", Numeric: "n", CompressedNumeric: "cn", Alphabetic: "a", Alphanumeric: "an", AlphanumericSpecial: "ans", 99: "?"}
	for f, want := range names {
		if f.String() != want {
			t.Errorf("format %d is %s", f, f)
		}
	}
}
