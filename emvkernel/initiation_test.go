package emvkernel_test

import (
	"bytes"
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/tlv"
)

// EMV fact 1: the PDOL in its order, a tag asked for twice given twice, zeros for what is a template,
// unknown or not there yet.
//
// EMV fact 2: each value fitted to the length asked for: numbers lose and gain digits on the left, all else
// on the right; the amount includes the cashback.
//
// EMV fact 3: the data is wrapped in '83' always, an empty PDOL too, and Le is sent always.
func TestProcessingOptionsCommand(t *testing.T) {
	s := newStub()
	s.fci[0x9F38] = unhex(t, "9F1A02 9F0206 9A03 9A03 5F2A02 9C01 9F3704 9F3303 DF0102 5A04 9F3501 8A02 E102 9F0203 9F0308 9F1E04 9F1E0A 8104 9F3400 9A03")
	s.run(t, func(_ *emvkernel.Config, p *emvkernel.Params) { p.Cashback = 250; p.Type = 0x09 })
	got := s.asked(apdu.INSGetProcessingOptions)[0]
	want := unhex(t, "83 43 0840 000000001250 261121 261121 0840 09 01020304 2028C8 0000 00000000 22 0000 "+
		"0000 001250 0000000000000250 30303030 30303030303034320000 000004E2 261121")
	if !bytes.Equal(got.Data, want) || got.Le != 0 {
		t.Errorf("data %X, Le %d\nwant %X", got.Data, got.Le, want)
	}
	// What does not exist yet is zeros: CVM results, response code, issuer data.
	s = newStub()
	s.fci[0x9F38] = unhex(t, "9F3403 8A02 9102 9505")
	s.run(t, nil)
	if got := s.asked(apdu.INSGetProcessingOptions)[0]; !bytes.Equal(got.Data, append([]byte{0x83, 12}, make([]byte, 12)...)) {
		t.Errorf("asked too early: %X", got.Data)
	}
	for name, pdol := range map[string]map[tlv.Tag][]byte{
		"without PDOL": {}, "with an empty PDOL": {0x9F38: nil}, "with one that asks for nothing": {0x9F38: {0x9F, 0x37, 0x00}},
	} {
		s = newStub()
		s.fci = pdol
		s.run(t, nil)
		if got := s.asked(apdu.INSGetProcessingOptions)[0]; !bytes.Equal(got.Data, []byte{0x83, 0x00}) || got.Le != 0 {
			t.Errorf("%s: %X, Le %d", name, got.Data, got.Le)
		}
	}
}

// EMV fact 3: the answer is AIP and AFL in '80', or data objects in '77'; with contact both must be there.
func TestProcessingOptionsAnswers(t *testing.T) {
	afl := []byte{0x08, 0x01, 0x01, 0x00}
	tests := []struct {
		name string
		gpo  []byte
		want emvkernel.OutcomeKind
	}{
		{"format 2", ok(template(0x77, map[tlv.Tag][]byte{0x82: {0, 0}, 0x94: afl})), emvkernel.OnlineRequest},
		{"format 2 with a spare length byte", ok(unhex(t, "778200 0A 82020000 940408010100")), emvkernel.OnlineRequest},
		{"format 2 without AFL", ok(template(0x77, map[tlv.Tag][]byte{0x82: {0, 0}})), emvkernel.Terminated},
		{"format 2 without AIP", ok(template(0x77, map[tlv.Tag][]byte{0x94: afl})), emvkernel.Terminated},
		{"format 2 with the AIP twice", ok(unhex(t, "770E 82020000 82020000 940408010100")), emvkernel.Terminated},
		{"format 2 with a short AIP", ok(template(0x77, map[tlv.Tag][]byte{0x82: {0}, 0x94: afl})), emvkernel.Terminated},
		{"format 2 with a tag of a record", ok(template(0x77, map[tlv.Tag][]byte{0x82: {0, 0}, 0x94: afl, 0x5F24: {0x49, 0x12, 0x31}})), emvkernel.Terminated},
		{"format 1 without AFL", ok(unhex(t, "80020000")), emvkernel.Terminated},
		{"format 1 of one byte", ok(unhex(t, "800100")), emvkernel.Terminated},
		{"AFL not of fours", ok(unhex(t, "8005000008 0101")), emvkernel.Terminated},
		{"something behind it", ok(unhex(t, "8006000008010100 00")), emvkernel.Terminated},
		{"another template", ok(unhex(t, "700482020000")), emvkernel.Terminated},
		{"nothing", ok(nil), emvkernel.Terminated},
		{"status 6985 with no other application", []byte{0x69, 0x85}, emvkernel.NotAccepted},
		{"warning", []byte{0x62, 0x83}, emvkernel.Terminated},
		{"no status", []byte{0x90}, emvkernel.Terminated},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStub()
			s.gpo = tt.gpo
			if _, out := s.run(t, nil); out.Kind != tt.want {
				t.Errorf("outcome %v (%s), want %v", out.Kind, out.Reason, tt.want)
			}
			if tt.want == emvkernel.Terminated && tt.name != "format 2 with a tag of a record" && len(s.asked(apdu.INSReadRecord)) != 0 {
				t.Error("records were read")
			}
		})
	}
}

// EMV fact 6: files 1 to 30, records from 1 upwards, no more signed than read, entries of four bytes; the
// whole locator is checked before the first record is read.
func TestFileLocator(t *testing.T) {
	for _, tt := range []struct {
		name, afl string
		want      emvkernel.OutcomeKind
	}{
		{"one record", "08010100", emvkernel.OnlineRequest},
		{"two files, the second not TLV of EMV", "08010100 F0010101", emvkernel.OnlineRequest},
		{"file 0", "00010100", emvkernel.Terminated},
		{"file 31", "F8010100", emvkernel.Terminated},
		{"low bits", "0C010100", emvkernel.Terminated},
		{"lowest bit", "09010100", emvkernel.Terminated},
		{"record 0", "08000100", emvkernel.Terminated},
		{"records 0 to 0", "08000000", emvkernel.Terminated},
		{"last before first", "08020100", emvkernel.Terminated},
		{"more signed than read", "08010102", emvkernel.Terminated},
		{"255 signed of 254", "080201FF", emvkernel.Terminated},
		{"a bad entry behind a good one", "08010100 08020100", emvkernel.Terminated},
		{"no entry", "", emvkernel.Terminated},
		{"three bytes", "080101", emvkernel.Terminated},
		{"five bytes", "0801010008", emvkernel.Terminated},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, format := range []tlv.Tag{0x80, 0x77} {
				s := newStub()
				s.records = map[[2]byte][]byte{{30, 1}: unhex(t, "0102 9000")}
				afl := unhex(t, tt.afl)
				s.gpo = ok(tlv.Append(nil, 0x80, append([]byte{0, 0}, afl...)...))
				if format == 0x77 {
					s.gpo = ok(template(0x77, map[tlv.Tag][]byte{0x82: {0, 0}, 0x94: afl}))
				}
				if _, out := s.run(t, nil); out.Kind != tt.want {
					t.Errorf("%v: outcome %v (%s), want %v", format, out.Kind, out.Reason, tt.want)
				}
				if tt.want == emvkernel.Terminated && len(s.asked(apdu.INSReadRecord)) != 0 {
					t.Errorf("%v: records were read", format)
				}
			}
		})
	}
	// Records first to last, file in the upper bits of P2, in the locator's order.
	s := newStub()
	s.afl = unhex(t, "08010100 10030401 F0FEFF00")
	s.records = map[[2]byte][]byte{{2, 3}: unhex(t, "7000 9000"), {2, 4}: unhex(t, "7000 9000"), {30, 254}: unhex(t, "9000"), {30, 255}: unhex(t, "9000")}
	if _, out := s.run(t, nil); out.Kind != emvkernel.OnlineRequest {
		t.Error(out)
	}
	var read []byte
	for _, c := range s.asked(apdu.INSReadRecord) {
		read = append(read, c.P2, c.P1)
	}
	if want := unhex(t, "0C01 1403 1404 F4FE F4FF"); !bytes.Equal(read, want) {
		t.Errorf("read %X, want %X", read, want)
	}
}

// '9F06' is the application selected, also where the terminal knows only the beginning of its name.
func TestApplicationIdentifier(t *testing.T) {
	cfg := emvtest.TerminalConfig()
	r := &recorder{card: software(t, "application amex\npan 378282246310005\npdol 9F06:8\n")}
	tx := begin(t, &cfg, payment(), r, nil)
	if out := collect(t, tx); out.Kind != emvkernel.OnlineRequest {
		t.Fatal(out)
	}
	name := unhex(t, "A000000025010901")
	asked := false
	for _, f := range r.frames {
		if f.command[1] == apdu.INSGetProcessingOptions {
			asked = true
			if got := f.command[7:15]; !bytes.Equal(got, name) {
				t.Errorf("told the card %X", got)
			}
		}
	}
	list, err := tlv.Parse(tx.ACData())
	if err != nil || !asked {
		t.Fatal(err)
	}
	for _, tag := range []tlv.Tag{0x84, 0x9F06} {
		if e, _ := tlv.Find(list, tag); !bytes.Equal(e.Value, name) {
			t.Errorf("%v in the data set is %X", tag, e.Value)
		}
	}
}

func TestMalformedPDOL(t *testing.T) {
	for _, pdol := range []string{"9F", "9F02", "9F37FF 9F37FF"} {
		s := newStub()
		s.fci[0x9F38] = unhex(t, pdol)
		if _, out := s.run(t, nil); out.Kind != emvkernel.Terminated {
			t.Errorf("PDOL %s: %v", pdol, out)
		}
	}
}
