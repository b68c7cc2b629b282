package emvkernel_test

import (
	"bytes"
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/tlv"
)

// EMV facts 1 to 3: the PDOL in its order, fitted; '83' always, Le always.
func TestProcessingOptionsCommand(t *testing.T) {
	s := newStub()
	s.fci[0x9F38] = unhex(t, "9F1A02 9F0206 9A03 9A03 5F2A02 9C01 9F3704 9F3303 DF0102 5A04 9F3501 8A02")
	s.run(t, func(_ *emvkernel.Config, p *emvkernel.Params) { p.Cashback = 250; p.Type = 0x09 })
	got := s.asked(apdu.INSGetProcessingOptions)[0]
	want := unhex(t, "83 21 0840 000000001250 261121 261121 0840 09 01020304 2028C8 0000 00000000 22 0000")
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
	s = newStub()
	s.run(t, nil)
	if got := s.asked(apdu.INSGetProcessingOptions)[0]; !bytes.Equal(got.Data, []byte{0x83, 0x00}) {
		t.Errorf("without PDOL: %X", got.Data)
	}
}

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
		{"file 0", ok(unhex(t, "80060000 00010100")), emvkernel.Terminated},
		{"file 31", ok(unhex(t, "80060000 F8010100")), emvkernel.Terminated},
		{"file with low bits", ok(unhex(t, "80060000 0C010100")), emvkernel.Terminated},
		{"record 0", ok(unhex(t, "80060000 08000100")), emvkernel.Terminated},
		{"last before first", ok(unhex(t, "80060000 08020100")), emvkernel.Terminated},
		{"more signed than read", ok(unhex(t, "80060000 08010102")), emvkernel.Terminated},
		{"a bad entry behind a good one reads nothing", ok(unhex(t, "800A0000 08010100 08020100")), emvkernel.Terminated},
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
