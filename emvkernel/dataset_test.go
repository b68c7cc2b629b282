package emvkernel_test

import (
	"bytes"
	"fmt"
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/tlv"
)

// The facts on deferred authorization, "store unmodified": every data object an issuer may ask for is in the
// data set as card and terminal had it at the first GENERATE AC, and nothing that comes later shows there:
// not the second cryptogram, not a TVR that changed, not a response code.
func TestStoredData(t *testing.T) {
	want := map[tlv.Tag]string{
		0x9F26: "0102030405060708", 0x9F27: "80", 0x9F36: "002A", 0x9F10: "0601", // the card's answer
		0x9F37: "01020304", 0x95: "8000040000", 0x9A: "261121", 0x9F21: "123456", 0x9C: "09", 0x9F02: "000000001250",
		0x9F03: "000000000250", 0x5F2A: "0840", 0x5F36: "02", 0x9F1A: "0840", 0x82: "1400", 0x84: "A0000000031010",
		0x9F33: "204028", 0x9F34: "020000", 0x9F35: "22", 0x9F40: "600000A001", 0x9F09: "0096", 0x9F1E: "3030303030303432",
		0x9B: "4800", 0x9F39: "05", 0x9F41: "00000007", 0x9F15: "5999",
		0x9F6C: "3E00", 0x9F6E: "20700000", 0x9F7C: "1122334455",
		0x5A: "4242424242424242", 0x57: "4242424242424242D27122010000000000000F", 0x5F24: "271231", 0x5F34: "03",
	}
	iad := emvkernel.Answer{
		Kind: emvkernel.IssuerAnswered, ARC: [2]byte{'0', '0'},
		IssuerAuthenticationData: make([]byte, 8), Scripts: unhex(t, "7107 8605 8416000000"),
	}
	for name, answer := range map[string]emvkernel.Answer{
		"deferred": {}, "canceled": {Kind: emvkernel.Cancel}, "unable": {Kind: emvkernel.UnableToGoOnline}, "answered": iad,
	} {
		s := newStub()
		s.aip[0] = aipCVM | 0x04
		s.data[0x8E] = unhex(t, "0000000000000000 0200")
		s.data[0x57] = unhex(t, "4242424242424242D27122010000000000000F")
		s.data[0x5F34] = []byte{3}
		s.data[0x9F6C], s.data[0x9F6E], s.data[0x9F7C] = unhex(t, "3E00"), unhex(t, "20700000"), unhex(t, "1122334455")
		s.ac[1] = ok(tlv.Append(nil, 0x80, 0x00, 0x00, 0x2B, 8, 7, 6, 5, 4, 3, 2, 1, 9, 9, 9))
		tx, out := s.run(t, func(c *emvkernel.Config, p *emvkernel.Params) {
			c.Terminal.Capabilities = [3]byte{0x20, 0x40, 0x28}
			p.Type, p.Cashback = 0x09, 250
			p.PINPad = &pad{online: []emvkernel.PINEntry{emvkernel.PINEntered}}
		})
		if out.Kind != emvkernel.OnlineRequest {
			t.Fatal(out)
		}
		before := tx.ACData()
		for tag, v := range want {
			if got := object(t, before, tag); got != v {
				t.Errorf("%v is stored as %s, want %s", tag, got, v)
			}
		}
		for _, tag := range []tlv.Tag{0x8A, 0x91, 0x9F5B, 0x71, 0x72, 0x9F4B} {
			if got := object(t, before, tag); got != "" {
				t.Errorf("%v is stored: %s", tag, got)
			}
		}
		if _, err := tx.Complete(t.Context(), answer); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(before, tx.ACData()) {
			t.Errorf("%s: the data set changed", name)
		}
		if name == "answered" && !tx.TVR().Has(emvkernel.IssuerAuthFailed) {
			t.Error("nothing happened that could have shown in the data set")
		}
	}
}

// EMV fact 2: amounts, and values of other lengths than the card asks for. The cashback is part of the
// amount, in '9F02' as in '81'.
func TestAmountsInCDOL(t *testing.T) {
	s := newStub()
	s.data[0x8C] = unhex(t, "9F0206 9F0306 8104 9F0404 9F0204 9F0207 9F1A03 9F3302 9F3305 5F2A01 9F1E0A 9F0D06 5A0A 5A02")
	s.data[0x9F0D] = unhex(t, "F040008000")
	s.run(t, func(_ *emvkernel.Config, p *emvkernel.Params) { p.Amount, p.Cashback, p.Type = 1250, 250, 0x09 })
	want := "000000001250 000000000250 000004E2 000000FA 00001250 00000000001250 000840 2028 2028C80000 40" +
		"30303030303034320000 F04000800000 4242424242424242FFFF 4242"
	if got := s.asked(apdu.INSGenerateAC)[0].Data; !bytes.Equal(got, unhex(t, want)) {
		t.Errorf("CDOL1 data %X, want %s", got, want)
	}
	// An amount beyond four bytes is left out of '81' rather than cut.
	s = newStub()
	s.data[0x8C] = unhex(t, "9F0206 8104")
	s.run(t, amount(1<<32+1))
	if got := fmt.Sprintf("%X", s.asked(apdu.INSGenerateAC)[0].Data); got != "00429496729700000000" {
		t.Errorf("CDOL1 data %s", got)
	}
}

// EMV fact 4: the first CDOL may ask for a response code when there is none yet. Y1, Z1, Y3 and Z3 are in
// TestTerminalAction and TestUnableToGoOnline, an issuer's code in TestIssuerAuthentication.
func TestResponseCodeBeforeThereIsOne(t *testing.T) {
	s := newStub()
	s.data[0x8C] = unhex(t, "8A02 9108 9F5B05 9F3704")
	s.run(t, nil)
	if got := fmt.Sprintf("%X", s.asked(apdu.INSGenerateAC)[0].Data); got != "0000"+"0000000000000000"+"0000000000"+"01020304" {
		t.Errorf("CDOL1 data %s", got)
	}
}

// Results of scripts that ran before it are there for the second CDOL, '9F5B'.
func TestScriptResultsInCDOL2(t *testing.T) {
	s := newStub()
	s.answers = map[byte][]byte{0x16: {0x90, 0x00}}
	s.data[0x8D] = unhex(t, "9F5B0A 8A02")
	a := issuer("05")
	a.Scripts = unhex(t, "710E 9F1804 11223344 8605 8416000000 7107 8605 84FF000000")
	s.complete(t, a)
	if got := fmt.Sprintf("%X", s.asked(apdu.INSGenerateAC)[1].Data); got != "2011223344"+"1100000000"+"3035" {
		t.Errorf("CDOL2 data %s", got)
	}
}

// The hash for '98' is computed again for the second CDOL, over what holds then.
func TestSecondTransactionHash(t *testing.T) {
	s := newStub()
	s.data[0x97] = unhex(t, "8A02")
	s.data[0x8C], s.data[0x8D] = unhex(t, "9814"), unhex(t, "9814")
	tx, _ := s.complete(t, issuer("05"))
	asked := s.asked(apdu.INSGenerateAC)
	// SHA-1 of 0000 and of "05".
	for i, want := range []string{"1489F923C4DCA729178B3E3233458550D8DDDF29", "28A5C2818590EE3C4D5D93A448190F3397144303"} {
		if got := fmt.Sprintf("%X", asked[i].Data); got != want {
			t.Errorf("hash %d is %s, want %s", i+1, got, want)
		}
	}
	if tx.TVR().Has(emvkernel.DefaultTDOLUsed) {
		t.Error("the card's TDOL was taken for the default one")
	}
}

// sentWith reads what a GENERATE AC said to the card: the values of its data object list, by tag.
func sentWith(t *testing.T, r *recorder, list tlv.Tag, command []byte) map[tlv.Tag]string {
	t.Helper()
	var dol tlv.DOL
	for _, f := range r.frames {
		if f.command[1] != apdu.INSReadRecord || f.answer[0] != 0x70 {
			continue
		}
		fields, err := inside(f.answer[:len(f.answer)-2], 0x70)
		if err != nil {
			t.Fatal(err)
		}
		if e, have := tlv.Find(fields, list); have {
			if dol, err = tlv.ParseDOL(e.Value); err != nil {
				t.Fatal(err)
			}
		}
	}
	cmd, err := apdu.ParseCommand(command)
	if err != nil || dol.Size() != len(cmd.Data) {
		t.Fatalf("%X does not fit %v: %v", command, dol, err)
	}
	values := map[tlv.Tag]string{}
	for data := cmd.Data; len(dol) > 0; dol = dol[1:] {
		values[dol[0].Tag] = fmt.Sprintf("%X", data[:dol[0].Length])
		data = data[dol[0].Length:]
	}
	return values
}

// What is stored and what goes to clearing is what the command said and the card answered, byte for byte, at
// the first GENERATE AC and at the second, whoever approved, with CDA and without.
func TestDataSetIsWhatWasSent(t *testing.T) {
	const lists = "cdol1 9F02:6 9F03:6 9F1A:2 95:5 5F2A:2 9A:3 9C:1 9F37:4 9F35:1 9F34:3 9B:2 8A:2 9F21:3 9F41:4 9F33:3\n" +
		"cdol2 8A:2 9F02:6 9F03:6 9F1A:2 95:5 5F2A:2 9A:3 9C:1 9F37:4 9F34:3 9B:2"
	for name, tt := range map[string]struct {
		profile string
		lenient bool
		answer  *emvkernel.Answer
		arc     string // in the clearing data; "": there is none
	}{
		"DDA, deferred":            {visa + lists + "\n", false, &emvkernel.Answer{}, ""},
		"CDA, deferred":            {mastercard + lists + " 91:10\n", false, &emvkernel.Answer{}, ""},
		"DDA, declined at once":    {visa + lists + "\n" + "first-ac aac\n", false, nil, ""},
		"CDA, declined at once":    {mastercard + lists + " 91:10\n" + "first-ac aac\n", false, nil, ""},
		"DDA, approved offline":    {visa + lists + "\n" + offlineCodes, true, nil, "5931"},
		"CDA, approved offline":    {mastercard + lists + " 91:10\n" + offlineCodes, true, nil, "5931"},
		"DDA, unable to go online": {visa + lists + "\n" + "first-ac arqc\naction-online 0000000000\naction-default 0000000000\n", true, &emvkernel.Answer{Kind: emvkernel.UnableToGoOnline}, "5933"},
		"CDA, unable to go online": {mastercard + lists + " 91:10\n" + "first-ac arqc\naction-online 0000000000\naction-default 0000000000\n", true, &emvkernel.Answer{Kind: emvkernel.UnableToGoOnline}, "5933"},
		"DDA, approved online":     {visa + lists + "\n", false, &emvkernel.Answer{Kind: emvkernel.IssuerAnswered, ARC: [2]byte{'0', '0'}, Scripts: unhex(t, "7107 8605 8416000000 7207 8605 8416000000")}, "3030"},
		"CDA, approved online":     {mastercard + lists + " 91:10\n", false, &emvkernel.Answer{Kind: emvkernel.IssuerAnswered, ARC: [2]byte{'0', '8'}}, "3038"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, p := emvtest.TerminalConfig(), payment()
			if tt.lenient {
				lenient(&cfg, &p)
			}
			r := &recorder{card: software(t, tt.profile)}
			tx := begin(t, &cfg, p, r, nil)
			collect(t, tx)
			first := tx.Receipt()
			if tt.answer != nil {
				if _, err := tx.Complete(t.Context(), *tt.answer); err != nil {
					t.Fatal(err)
				}
			}
			var asked [][]byte
			for _, f := range r.frames {
				if f.command[1] == apdu.INSGenerateAC {
					asked = append(asked, f.command)
				}
			}
			check := func(set []byte, list tlv.Tag, command []byte, receipt emvkernel.Receipt) {
				for tag, sent := range sentWith(t, r, list, command) {
					if tag == 0x91 {
						continue // the issuer knows what it said
					}
					if got := object(t, set, tag); got != sent && (tag != 0x8A || got != "" || sent != "0000") {
						t.Errorf("%v was sent as %s and is kept as %s", tag, sent, got)
					}
				}
				if object(t, set, 0x9F26) != fmt.Sprintf("%X", receipt.Cryptogram) || object(t, set, 0x9F36) != fmt.Sprintf("%04X", receipt.ATC) {
					t.Errorf("cryptogram and counter of another answer: %X, receipt %+v", set, receipt)
				}
			}
			check(tx.ACData(), 0x8C, asked[0], first)
			clearing := tx.ClearingData()
			if (clearing != nil) != (tt.arc != "") {
				t.Fatalf("%d bytes for clearing", len(clearing))
			}
			if clearing == nil {
				return
			}
			if len(asked) == 1 {
				check(clearing, 0x8C, asked[0], first)
			} else {
				check(clearing, 0x8D, asked[1], tx.Receipt())
			}
			if object(t, clearing, 0x8A) != tt.arc || object(t, clearing, 0x9F27) != "40" {
				t.Errorf("for clearing: %X", []byte(clearing))
			}
		})
	}
}
