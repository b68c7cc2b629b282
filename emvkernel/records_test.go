package emvkernel_test

import (
	"errors"
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tlv"
)

// EMV fact 5: lengths need not be the shortest, '00' may stand in a template and 'FF' may not, a tag that
// comes twice is an error, and the track 2 image is of the same account.
//
// EMV fact 6: a record of files 1 to 10 is one template '70' with nothing behind it.
func TestRecords(t *testing.T) {
	secondRecord := func(answer string) func(*stub) {
		return func(s *stub) {
			s.afl = []byte{0x08, 0x01, 0x02, 0x00}
			s.records = map[[2]byte][]byte{{1, 2}: unhex(t, answer)}
		}
	}
	set := func(tag tlv.Tag, value string) func(*stub) {
		return func(s *stub) { s.data[tag] = unhex(t, value) }
	}
	drop := func(tag tlv.Tag) func(*stub) { return func(s *stub) { delete(s.data, tag) } }
	tests := []struct {
		name   string
		change func(*stub)
		want   emvkernel.OutcomeKind
	}{
		{"all there", func(*stub) {}, emvkernel.OnlineRequest},
		{"second record", secondRecord("7004 5F340101 9000"), emvkernel.OnlineRequest},
		{"filler in the template", secondRecord("7006 00 5F340101 00 9000"), emvkernel.OnlineRequest},
		{"filler that is none", secondRecord("7006 FF 5F340101 FF 9000"), emvkernel.Terminated},
		{"longer lengths than needed", secondRecord("70 82 0006 5F34 82 0001 01 9000"), emvkernel.OnlineRequest},
		{"record of 254 bytes", secondRecord("7081FB DF01 81F7" + zeros(247) + " 9000"), emvkernel.OnlineRequest},
		{"record of 256 bytes", secondRecord("7081FD DF01 81F9" + zeros(249) + " 9000"), emvkernel.OnlineRequest},
		{"another template", secondRecord("7704 5F340101 9000"), emvkernel.Terminated},
		{"two templates", secondRecord("7004 5F340101 7000 9000"), emvkernel.Terminated},
		{"a template longer than the record", secondRecord("7005 5F340101 9000"), emvkernel.Terminated},
		{"a value longer than the template", secondRecord("7004 5F340201 9000"), emvkernel.Terminated},
		{"a tag cut short", secondRecord("7001 9F 9000"), emvkernel.Terminated},
		{"a warning", secondRecord("7004 5F340101 6282"), emvkernel.Terminated},
		{"private tags", secondRecord("700D 9F5001 01 9F7F01 02 DF0102 0304 9000"), emvkernel.OnlineRequest},
		{"a private tag twice", secondRecord("7008 9F500101 9F500101 9000"), emvkernel.Terminated},
		{"templates twice", secondRecord("7008 BF010101 BF010101 9000"), emvkernel.OnlineRequest},
		{"the same record twice", func(s *stub) { s.afl = []byte{0x08, 0x01, 0x01, 0x00, 0x08, 0x01, 0x01, 0x00} }, emvkernel.Terminated},
		{"a tag of the terminal, which is not believed", secondRecord("7009 9F0206000000000001 9000"), emvkernel.OnlineRequest},
		{"file 30 refused", func(s *stub) { s.afl = []byte{0x08, 0x01, 0x01, 0x00, 0xF0, 0x01, 0x01, 0x00} }, emvkernel.Terminated},
		{"file 30 with nothing in it", func(s *stub) {
			s.afl = []byte{0x08, 0x01, 0x01, 0x00, 0xF0, 0x01, 0x01, 0x01}
			s.records = map[[2]byte][]byte{{30, 1}: unhex(t, "9000")}
		}, emvkernel.OnlineRequest},
		{"a tag again in file 11", func(s *stub) {
			s.afl = []byte{0x08, 0x01, 0x01, 0x00, 0x58, 0x01, 0x01, 0x00}
			s.records = map[[2]byte][]byte{{11, 1}: unhex(t, "7006 5F2403 271231 9000")}
		}, emvkernel.OnlineRequest},
		{"a tag again in file 10", func(s *stub) {
			s.afl = []byte{0x08, 0x01, 0x01, 0x00, 0x50, 0x01, 0x01, 0x00}
			s.records = map[[2]byte][]byte{{10, 1}: unhex(t, "7006 5F2403 271231 9000")}
		}, emvkernel.Terminated},
		{"file 10 with something else than a template", func(s *stub) {
			s.afl = []byte{0x08, 0x01, 0x01, 0x00, 0x50, 0x01, 0x01, 0x00}
			s.records = map[[2]byte][]byte{{10, 1}: unhex(t, "5F340101 9000")}
		}, emvkernel.Terminated},
		{"empty template", secondRecord("7000 9000"), emvkernel.OnlineRequest},
		{"no template", secondRecord("5F340101 9000"), emvkernel.Terminated},
		{"something behind the template", secondRecord("7004 5F340101 00 9000"), emvkernel.Terminated},
		{"no data", secondRecord("9000"), emvkernel.Terminated},
		{"refused", secondRecord("6A83"), emvkernel.Terminated},
		{"a tag twice", secondRecord("7006 5F24 03 271231 9000"), emvkernel.Terminated},
		{"a tag twice in one record", secondRecord("7008 5F340101 5F340101 9000"), emvkernel.Terminated},
		{"the AIP again", secondRecord("7004 82021800 9000"), emvkernel.Terminated},
		{"file 11 is read and not interpreted", func(s *stub) {
			s.afl = []byte{0x08, 0x01, 0x01, 0x00, 0x58, 0x01, 0x01, 0x00}
			s.records = map[[2]byte][]byte{{11, 1}: unhex(t, "5F24 03 271231 9000")}
		}, emvkernel.OnlineRequest},
		{"all of it in the FCI only", func(s *stub) {
			for tag, v := range s.data {
				s.fci[tag] = v
			}
			clear(s.data)
		}, emvkernel.Terminated},
		{"the expiry date in the processing options only", func(s *stub) {
			s.gpo = ok(template(0x77, map[tlv.Tag][]byte{0x82: {0, 0}, 0x94: s.afl, 0x5F24: s.data[0x5F24]}))
			delete(s.data, 0x5F24)
		}, emvkernel.Terminated},
		{"no account number", drop(0x5A), emvkernel.Terminated},
		{"no expiry date", drop(0x5F24), emvkernel.Terminated},
		{"no CDOL1", drop(0x8C), emvkernel.Terminated},
		{"no CDOL2", drop(0x8D), emvkernel.Terminated},
		{"empty CDOL2", set(0x8D, ""), emvkernel.Terminated},
		{"account number with a letter", set(0x5A, "42424242A2424242"), emvkernel.Terminated},
		{"account number with a gap", set(0x5A, "4242424242FF4242"), emvkernel.Terminated},
		{"account number of 19 digits", set(0x5A, "4242424242424242424F"), emvkernel.OnlineRequest},
		{"account number of 20 digits", set(0x5A, "42424242424242424242"), emvkernel.Terminated},
		{"account number of nothing", set(0x5A, "FFFF"), emvkernel.Terminated},
		{"account number in ten bytes", set(0x5A, "4242424242424242FFFF"), emvkernel.OnlineRequest},
		{"account number in eleven bytes", set(0x5A, "4242424242424242FFFFFF"), emvkernel.Terminated},
		{"sequence number", set(0x5F34, "99"), emvkernel.OnlineRequest},
		{"sequence number with a letter", set(0x5F34, "0A"), emvkernel.Terminated},
		{"sequence number beginning with a letter", set(0x5F34, "A0"), emvkernel.Terminated},
		{"sequence number of two bytes", set(0x5F34, "0001"), emvkernel.Terminated},
		{"sequence number of none", set(0x5F34, ""), emvkernel.Terminated},
		{"32 January", set(0x5F24, "270132"), emvkernel.Terminated},
		{"day 0", set(0x5F24, "270100"), emvkernel.Terminated},
		{"month 13", set(0x5F24, "271301"), emvkernel.Terminated},
		{"31 November, the month's end", set(0x5F24, "271131"), emvkernel.OnlineRequest},
		{"month 0", set(0x5F24, "270031"), emvkernel.Terminated},
		{"month 13", set(0x5F24, "271331"), emvkernel.Terminated},
		{"day 0", set(0x5F24, "271200"), emvkernel.Terminated},
		{"letters in the date", set(0x5F24, "2A1231"), emvkernel.Terminated},
		{"short date", set(0x5F24, "2712"), emvkernel.Terminated},
		{"malformed CDOL1", set(0x8C, "9F02"), emvkernel.Terminated},
		{"malformed CDOL2", set(0x8D, "9F02"), emvkernel.Terminated},
		{"track 2 of the same account", set(0x57, "4242424242424242D27122010000000000000F"), emvkernel.OnlineRequest},
		{"track 2 of another account", set(0x57, "4242424242424243D27122010000000000000F"), emvkernel.Terminated},
		{"track 2 with nothing beyond the service code", set(0x57, "4242424242424242D2712201"), emvkernel.OnlineRequest},
		{"track 2 without a filler", set(0x57, "4242424242424242D271220123"), emvkernel.OnlineRequest},
		{"track 2 without a whole service code", set(0x57, "4242424242424242D271220F"), emvkernel.Terminated},
		{"track 2 with a letter", set(0x57, "4242424242424242D27122010A00000000000F"), emvkernel.Terminated},
		{"track 2 with a second separator", set(0x57, "4242424242424242D2712201D0000000000000"), emvkernel.Terminated},
		{"track 2 with two fillers", set(0x57, "4242424242424242D271220100000000000FFF"), emvkernel.Terminated},
		{"track 2 of twenty bytes", set(0x57, "4242424242424242D2712201000000000000000F"), emvkernel.Terminated},
		{"empty track 2", set(0x57, ""), emvkernel.Terminated},
		{"track 2 without separator", set(0x57, "4242424242424242"), emvkernel.Terminated},
		{"track 2 of a longer account", set(0x57, "42424242424242420D27122010000000000000"), emvkernel.Terminated},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStub()
			tt.change(s)
			_, out := s.run(t, nil)
			if out.Kind != tt.want {
				t.Errorf("outcome %v (%s), want %v", out.Kind, out.Reason, tt.want)
			}
			if tt.want == emvkernel.Terminated && len(s.asked(apdu.INSGenerateAC)) != 0 {
				t.Error("a cryptogram was asked for")
			}
		})
	}
}

// The card cannot supply what is the terminal's: amount, date, TVR, response code, issuer data.
//
// EMV fact 4: the response code is zeros in CDOL1, there being none yet.
func TestCardCannotSpeakForTheTerminal(t *testing.T) {
	s := newStub()
	for tag, value := range map[tlv.Tag]string{
		0x9F02: "000000000001", 0x95: "0000000000", 0x8A: "3030", 0x91: "11111111111111111111",
		0x9F37: "FFFFFFFF", 0x9F34: "1F0002", 0x98: "2222", 0x5F57: "30",
	} {
		s.data[tag] = unhex(t, value)
	}
	s.data[0x8C] = unhex(t, "9F0206 8A02 9F3704 9F3403 9802 9102 5F5701")
	_, out := s.run(t, nil)
	if out.Kind != emvkernel.OnlineRequest {
		t.Fatal(out)
	}
	got := s.asked(apdu.INSGenerateAC)[0].Data
	// '98' is the hash over an empty TDOL: SHA-1 of nothing begins with DA39.
	if want := unhex(t, "000000001250 0000 01020304 3F0000 DA39 0000 00"); string(got) != string(want) {
		t.Errorf("CDOL1 data %X, want %X", got, want)
	}
}

// A private data object of a record goes back to the card where a list asks for it, cut and filled as
// bytes are; a template never does.
func TestPrivateDataGoesBack(t *testing.T) {
	s := newStub()
	s.data[0x9F50], s.data[0xDF01] = unhex(t, "010203"), unhex(t, "0405")
	s.data[0xBF01] = unhex(t, "DF020106")
	s.data[0x8C] = unhex(t, "9F5002 DF0103 9F3704 BF0104 DF0201")
	if _, out := s.run(t, nil); out.Kind != emvkernel.OnlineRequest {
		t.Fatal(out)
	}
	if got, want := s.asked(apdu.INSGenerateAC)[0].Data, unhex(t, "0102 040500 01020304 00000000 00"); string(got) != string(want) {
		t.Errorf("CDOL1 data %X, want %X", got, want)
	}
}

func TestCardData(t *testing.T) {
	s := newStub()
	s.fci[0x5F2D] = []byte("deen")
	s.data[0x5F34] = []byte{0x02}
	s.data[0x57] = unhex(t, "4242424242424242D27122010000000000000F")
	s.data[0x5F20] = []byte("DOE/JANE")
	tx, _ := s.run(t, nil)
	c := tx.Card()
	if string(c.PAN) != "4242424242424242" || c.Last4 != "4242" || c.ExpiryMonth != 12 || c.ExpiryYear != 2027 ||
		c.PANSequence != "02" || c.Brand != "visa" || c.Languages != "deen" || string(c.CardholderName) != "DOE/JANE" || len(c.Track2) != 19 {
		t.Error("card data differs")
	}
	tx.Wipe()
	for _, b := range c.PAN {
		if b != 0 {
			t.Fatal("account number is still there")
		}
	}
	for _, b := range c.Track2 {
		if b != 0 {
			t.Fatal("track 2 is still there")
		}
	}
	if c := tx.Card(); c.Last4 != "" || c.PAN != nil || c.Track2 != nil {
		t.Error("a wiped transaction still has card data")
	}
	if _, err := tx.Complete(t.Context(), emvkernel.Answer{}); !errors.Is(err, emvkernel.ErrOrder) {
		t.Errorf("a wiped transaction goes on: %v", err)
	}
}
