package c3_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tap"
	"smartreader/emvkernel/tlv"
)

// EMV facts 20 and 33: what a refused GET PROCESSING OPTIONS means.
func TestRefusedOptions(t *testing.T) {
	for _, tt := range []struct {
		sw      apdu.SW
		kind    tap.OutcomeKind
		start   tap.Start
		message tap.Message // NoMessage: none
		status  tap.Status
		other   tap.Interface
	}{
		{0x6984, tap.TryAnotherInterface, tap.NoStart, tap.InsertCard, tap.ConditionsNotSatisfied, tap.Contact},
		{0x6985, tap.SelectNext, tap.StartC, tap.NoMessage, 0, 0},
		{0x6986, tap.TryAgain, tap.StartB, tap.SeePhone, tap.StatusProcessingError, 0},
		{0x6A81, tap.EndApplication, tap.NoStart, tap.InsertSwipeOrTryAnother, tap.StatusProcessingError, 0},
		{0x6700, tap.EndApplication, tap.NoStart, tap.InsertSwipeOrTryAnother, tap.StatusProcessingError, 0},
		{0x6283, tap.EndApplication, tap.NoStart, tap.InsertSwipeOrTryAnother, tap.StatusProcessingError, 0},
		{0x6300, tap.EndApplication, tap.NoStart, tap.InsertSwipeOrTryAnother, tap.StatusProcessingError, 0},
		{0x6987, tap.EndApplication, tap.NoStart, tap.InsertSwipeOrTryAnother, tap.StatusProcessingError, 0},
		{0x9001, tap.EndApplication, tap.NoStart, tap.InsertSwipeOrTryAnother, tap.StatusProcessingError, 0},
		{0x61FF, tap.EndApplication, tap.NoStart, tap.InsertSwipeOrTryAnother, tap.StatusProcessingError, 0},
	} {
		c := newCard(cidARQC)
		c.sw = tt.sw
		got := newReader().tap(t, c)
		got.is(t, tt.sw.String(), tt.kind)
		if !strings.HasPrefix(got.Reason, "GET PROCESSING OPTIONS: ") {
			t.Errorf("%v: %s", tt.sw, got.Reason)
		}
		if got.Start != tt.start || got.AlternateInterface != tt.other || got.Reading != nil || got.OnlineData != tap.NoOnlineData || len(c.sent) != 1 {
			t.Errorf("%v: %+v", tt.sw, got.Outcome)
		}
		if tt.message == tap.NoMessage {
			if got.UI != nil || got.Restart != nil {
				t.Errorf("%v: %v %v", tt.sw, got.UI, got.Restart)
			}
			continue
		}
		got.message(t, tt.sw.String(), tt.message, tt.status)
		if got.UI != nil && got.UI.Languages != "deen" {
			t.Errorf("%v: languages %q", tt.sw, got.UI.Languages)
		}
		if phone := tt.sw == 0x6986; (got.Restart != nil) != phone || (got.FieldOff > 0) != phone {
			t.Errorf("%v: restart %v, field off %v", tt.sw, got.Restart, got.FieldOff)
		}
	}
}

// The phone is looked for again behind the message, and what it has to say stays that long.
func TestSeePhone(t *testing.T) {
	c := newCard(cidARQC)
	c.sw = 0x6986
	got := newReader().tap(t, c)
	if got.Restart == nil || got.Restart.Message != tap.SeePhone || got.Restart.Status != tap.ReadyToRead {
		t.Errorf("restart %v", got.Restart)
	}
	if got.FieldOff != 1300*time.Millisecond || got.UI.Hold != 1300*time.Millisecond {
		t.Errorf("field off %v, hold %v", got.FieldOff, got.UI.Hold)
	}
}

// A reader without a contact slot cannot send the card there.
func TestNoContactSlot(t *testing.T) {
	c := newCard(cidARQC)
	c.sw = 0x6984
	got := newReader().without(contactChip).tap(t, c)
	got.is(t, "no slot", tap.TryAnotherInterface)
	got.message(t, "no slot", tap.InsertOrSwipe, tap.ConditionsNotSatisfied)
	if got.AlternateInterface != tap.AnyInterface {
		t.Errorf("interface %v", got.AlternateInterface)
	}
}

// Without the terminal transaction qualifiers a card is none of this kernel's.
func TestPDOL(t *testing.T) {
	for _, tt := range []struct {
		name, pdol string
		want       tap.OutcomeKind
	}{
		{"none", "none", tap.SelectNext},
		{"empty", "", tap.SelectNext},
		{"without", "9F02069F3704", tap.SelectNext},
		{"too short for them", "9F66019F3704", tap.SelectNext},
		{"too long for them", "9F66089F3704", tap.SelectNext},
		{"alone", "9F6604", tap.OnlineRequest},
		{"twice", "9F66049F6604", tap.OnlineRequest},
		{"at the end", "9F3704" + "9F6604", tap.OnlineRequest},
		{"malformed", "9F66049F", tap.EndApplication},
		{"asks for more than there can be", "9F6604" + "9F01FF", tap.EndApplication},
		{"with a template", "9F66047001", tap.OnlineRequest},
	} {
		c := newCard(cidARQC)
		c.pdol = tt.pdol
		got := newReader().tap(t, c)
		got.is(t, tt.name, tt.want)
		if tt.want != tap.OnlineRequest && len(c.sent) != 0 {
			t.Errorf("%s: sent %X", tt.name, c.sent)
		}
		if tt.want == tap.SelectNext && got.Start != tap.StartC {
			t.Errorf("%s: %+v", tt.name, got.Outcome)
		}
	}
}

func TestMalformedSelection(t *testing.T) {
	good := newCard(cidARQC).selection()
	for name, change := range map[string]func([]byte) []byte{
		"empty":            func(b []byte) []byte { return nil },
		"cut short":        func(b []byte) []byte { return b[:len(b)-1] },
		"bytes behind it":  func(b []byte) []byte { return append(b, 0x50, 0x00) },
		"another tag":      func(b []byte) []byte { b[0] = 0x70; return b },
		"broken name":      func(b []byte) []byte { b[3]++; return b },
		"broken template":  func(b []byte) []byte { b[12]++; return b },
		"broken behind it": func(b []byte) []byte { b[1]++; return append(b, 0x50) },
	} {
		c := newCard(cidARQC)
		r := newReader()
		link := tap.NewLink(c)
		a := r.activation(link, change(bytes.Clone(good)))
		out, err := r.kernel.Activate(t.Context(), a)
		if err != nil || out.Kind != tap.EndApplication || len(c.sent) != 0 {
			t.Errorf("%s: %v (%s), %v", name, out.Kind, out.Reason, err)
		}
	}
	twice := newCard(cidARQC)
	twice.fci = append(twice.fci, object{0x50, []byte("VISA")})
	newReader().tap(t, twice).is(t, "label twice", tap.EndApplication)
	// What Entry Point keeps is not the kernel's to wipe.
	r := newReader()
	kept := bytes.Clone(good)
	if _, err := r.kernel.Activate(t.Context(), r.activation(tap.NewLink(newCard(cidARQC)), kept)); err != nil || !bytes.Equal(kept, good) {
		t.Errorf("the FCI was changed, %v", err)
	}
}

// EMV fact 3: both formats; the file locator may be absent, and then everything is in the answer.
func TestOptionFormats(t *testing.T) {
	one := signing(cidTC)
	one.format1 = true
	newReader().tap(t, one).is(t, "format 1", tap.Approved)

	short := newCard(cidARQC)
	short.format1 = true
	newReader().tap(t, short).is(t, "format 1 with one record", tap.OnlineRequest)
	short.set(0x50, nil).fci = append(short.fci, object{0x82, []byte{0x20, 0x00}})
	newReader().tap(t, short).is(t, "format 1, AIP twice", tap.EndApplication)

	// Whole answers in another wrapping, of any length.
	for _, format1 := range []bool{false, true} {
		for filler := range 4 {
			for name, change := range map[string]func([]byte) []byte{
				"another template": func(b []byte) []byte { b[0] = 0x70; return b },
				"another object":   func(b []byte) []byte { b[0] = 0x81; return b },
				"byte behind it":   func(b []byte) []byte { return append(b[:len(b)-2], 0x50, 0x90, 0x00) },
			} {
				c := newCard(cidARQC).option(0xDF01, strings.Repeat("00", filler))
				c.format1 = format1
				c.change = func(n int, b []byte) []byte {
					if n == 0 {
						return change(b)
					}
					return b
				}
				newReader().tap(t, c).is(t, name, tap.EndApplication)
			}
		}
	}
	for _, locator := range []string{"00010100", "F8010100", "09010100", "08000100", "08020100", "08010102", "080101"} {
		newReader().tap(t, newCard(cidARQC).option(0x94, locator)).is(t, "locator "+locator, tap.EndApplication)
	}

	bare := newCard(cidARQC)
	bare.set(0x94, []byte{})
	newReader().tap(t, bare).is(t, "empty locator", tap.OnlineRequest)

	for _, tt := range []struct {
		name, answer string
	}{
		{"nothing", ""},
		{"format 1 without locator", "80022000"},
		{"format 1 too short", "8005" + "2000080101"},
		{"format 1, locator of impossible length", "8009" + "2000" + "08010100" + "080101"},
		{"format 1, one byte", "800120"},
		{"other template", "7004" + "82022000"},
		{"bare objects", "82022000"},
		{"cut short", "7705" + "82022000"},
		{"bytes behind it", "7704" + "82022000" + "00"},
		{"no AIP", "770B" + "9F2608" + "0102030405060708"},
		{"empty AIP", "77028200"},
		{"AIP of three bytes", "77058203200000"},
		{"AIP twice", "77088202200082022000"},
		{"locator with file 0", "770A" + "82022000" + "9404" + "00010100"},
		{"locator of impossible length", "7709" + "82022000" + "9403" + "080101"},
		{"only AIP", "770482022000"},
	} {
		c := newCard(cidARQC)
		c.change = func(int, []byte) []byte { return append(hexBytes(tt.answer), 0x90, 0x00) }
		got := newReader().tap(t, c)
		got.is(t, tt.name, tap.EndApplication)
		got.message(t, tt.name, tap.InsertSwipeOrTryAnother, tap.StatusProcessingError)
		if wrapping := !strings.Contains(tt.name, "locator with") && !strings.Contains(tt.name, "locator of impossible") && tt.name != "only AIP"; wrapping && !strings.HasPrefix(got.Reason, "GET PROCESSING OPTIONS: ") {
			t.Errorf("%s: %s", tt.name, got.Reason)
		}
		if len(c.sent) != 1 || got.Reading != nil {
			t.Errorf("%s: %d commands", tt.name, len(c.sent))
		}
	}
	for name, answer := range map[string][]byte{"no status word": {0x90}, "nothing at all": {}, "too long": make([]byte, 259)} {
		c := newCard(cidARQC)
		c.change = func(int, []byte) []byte { return answer }
		newReader().tap(t, c).is(t, name, tap.EndApplication)
	}
}

// What is mandatory must be there and not empty; what has a fixed length must have it; nothing comes twice.
func TestCardData(t *testing.T) {
	for _, tag := range []tlv.Tag{0x57, 0x9F10, 0x9F26, 0x9F36, 0x82} {
		for _, cid := range []byte{cidAAC, cidTC, cidARQC} {
			newReader().tap(t, signing(cid).set(tag, nil)).is(t, "without "+tag.String(), tap.EndApplication)
			newReader().tap(t, signing(cid).set(tag, []byte{})).is(t, "empty "+tag.String(), tap.EndApplication)
		}
	}
	for tag, wrong := range map[tlv.Tag][]string{
		0x82:   {"20", "200000"},
		0x57:   {"4761739001010119", "4761739001010127D49122011234567F", "4761739001010119D491"},
		0x5A:   {"", "4761739001010127", "47617390010101FA", "4761739001010119F0"},
		0x5F24: {"", "4912", "49123100", "491331", "4A1231"},
		0x5F28: {"", "08", "084000"},
		0x5F34: {"", "0101", "0A"},
		0x9F07: {"", "FF", "FFC000"},
		0x9F10: {"00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF00"},
		0x9F26: {"01020304050607", "010203040506070809"},
		0x9F27: {"", "8000"},
		0x9F36: {"42", "000042"},
		0x9F5D: {"", "0000001234", "00000000001234"},
		0x9F69: {"", "01112233", "0111223344000000112233445566778899"},
		0x9F6C: {"", "00", "000000"},
		0x9F6E: {"", "207000"},
		0x9F7C: {""},
	} {
		for _, value := range wrong {
			for _, cid := range []byte{cidTC, cidARQC} {
				got := newReader().tap(t, signing(cid).set(tag, hexBytes(value)))
				got.is(t, tag.String()+" "+value, tap.EndApplication)
				if len(got.shown) != 0 {
					t.Errorf("%v %s: shown as read", tag, value)
				}
			}
		}
	}
	// Twice: in the answer, in an answer and a record, in two records.
	for name, change := range map[string]func(c *card){
		"options":             func(c *card) { c.options = append(c.options, object{0x9F36, []byte{0, 9}}) },
		"options and record":  func(c *card) { c.static = append(c.static, object{0x57, c.get(0x57)}) },
		"records":             func(c *card) { c.last = append(c.last, object{0x5A, c.get(0x5A)}) },
		"unknown, in records": func(c *card) { c.last = append(c.last, object{0xDF01, []byte{1}}, object{0xDF01, []byte{1}}) },
		"selection":           func(c *card) { c.options = append(c.options, object{0x9F38, hexBytes(fullPDOL)}) },
	} {
		c := signing(cidTC)
		change(c)
		newReader().tap(t, c).is(t, "twice in "+name, tap.EndApplication)
	}
	// Records that are none.
	for name, answer := range map[string][]byte{
		"refused":       status(apdu.RecordNotFound),
		"warning":       status(apdu.EndOfFile),
		"no template":   append(hexBytes("9F690701112233440000"), 0x90, 0x00),
		"bytes behind":  append(hexBytes("7003DF010100"), 0x90, 0x00),
		"nothing":       {0x90, 0x00},
		"malformed":     append(hexBytes("70035A0847"), 0x90, 0x00),
		"two templates": append(hexBytes("70007000"), 0x90, 0x00),
	} {
		c := signing(cidTC)
		c.change = func(n int, b []byte) []byte {
			if n == 4 {
				return answer
			}
			return b
		}
		newReader().tap(t, c).is(t, "record "+name, tap.EndApplication)
	}
}

// What is the terminal's and the payment's the card cannot give, or it could choose its amount.
func TestCardCannotGiveThePayment(t *testing.T) {
	c := signing(cidTC)
	c.last = append(c.last, object{0x9F02, hexBytes("000000000001")}, object{0x9F37, hexBytes("00000000")}, object{0x5F2A, hexBytes("0840")},
		object{0x9F66, hexBytes("00000000")}, object{0x9F1A, hexBytes("0978")}, object{0x95, hexBytes("FFFFFFFFFF")})
	got := newReader().cvmRequired().without(signature|onlinePIN).tap(t, c)
	got.is(t, "qualifiers given by the card", tap.Declined)
	if !bytes.Equal(got.value(t, 0x9F02), hexBytes("000000001234")) || !bytes.Equal(got.value(t, 0x9F1A), hexBytes("0840")) {
		t.Errorf("amount %X, country %X", got.value(t, 0x9F02), got.value(t, 0x9F1A))
	}
}

// EMV fact 3: a card may leave '9F27' out; the kind is then in '9F10'.
func TestCryptogramKindDerived(t *testing.T) {
	for cid, want := range map[byte]tap.OutcomeKind{cidAAC: tap.Declined, cidTC: tap.Approved, cidARQC: tap.OnlineRequest, 0xC0: tap.Declined} {
		got := newReader().tap(t, signing(cid).set(0x9F27, nil))
		got.is(t, "derived", want)
		if v := got.value(t, 0x9F27); len(v) != 1 || v[0] != cid {
			t.Errorf("%02X: 9F27 is %X", cid, v)
		}
	}
	// The other bits around it do not matter.
	got := newReader().tap(t, newCard(cidARQC).set(0x9F27, nil).set(0x9F10, hexBytes("06010A03EF0000")))
	got.is(t, "other bits", tap.OnlineRequest)
	newReader().tap(t, newCard(cidARQC).set(0x9F27, nil).set(0x9F10, hexBytes("06010A03"))).is(t, "too short", tap.EndApplication)
	newReader().tap(t, newCard(cidARQC).set(0x9F27, nil).set(0x9F10, hexBytes("06010A03A0"))).is(t, "long enough", tap.OnlineRequest)
	newReader().tap(t, newCard(cidARQC).set(0x9F10, hexBytes("06"))).is(t, "short, but not needed", tap.OnlineRequest)
	// '9F27' goes before, its lower bits are advice.
	newReader().tap(t, newCard(cidARQC).set(0x9F27, []byte{0x8F}).set(0x9F10, hexBytes("06010A03800000"))).is(t, "advice", tap.OnlineRequest)
}
