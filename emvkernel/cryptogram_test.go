package emvkernel_test

import (
	"bytes"
	"errors"
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/tlv"
)

func acFormat2(data map[tlv.Tag][]byte) []byte { return ok(template(0x77, data)) }

// EMV fact 28 and the answer's two formats.
func TestFirstGenerateAC(t *testing.T) {
	full := func(cid byte) map[tlv.Tag][]byte {
		return map[tlv.Tag][]byte{0x9F27: {cid}, 0x9F36: {0, 1}, 0x9F26: make([]byte, 8), 0x9F10: {6, 1}}
	}
	without := func(tag tlv.Tag) map[tlv.Tag][]byte {
		m := full(0x80)
		delete(m, tag)
		return m
	}
	with := func(tag tlv.Tag, v []byte) map[tlv.Tag][]byte {
		m := full(0x80)
		m[tag] = v
		return m
	}
	const (
		declined, online, terminated = emvkernel.Declined, emvkernel.OnlineRequest, emvkernel.Terminated
	)
	tests := []struct {
		name   string
		answer []byte
		want   emvkernel.OutcomeKind
	}{
		{"asked ARQC, got ARQC", acFormat1(0x80), online},
		{"asked ARQC, got AAC", acFormat1(0x00), declined},
		{"asked ARQC, got TC", acFormat1(0x40), terminated},
		{"asked ARQC, got the reserved type", acFormat1(0xC0), terminated},
		{"advice bits do not decide", acFormat1(0x8F), online},
		{"AAC, service not allowed", acFormat1(0x01), emvkernel.NotAccepted},
		{"AAC, PIN try limit exceeded", acFormat1(0x0A), declined},

		{"format 2", acFormat2(full(0x80)), online},
		{"format 2 without issuer data", acFormat2(without(0x9F10)), online},
		{"format 2 without CID", acFormat2(without(0x9F27)), terminated},
		{"format 2 without counter", acFormat2(without(0x9F36)), terminated},
		{"format 2 without cryptogram", acFormat2(without(0x9F26)), terminated},
		{"a signature nobody asked for is no cryptogram", acFormat2(map[tlv.Tag][]byte{0x9F27: {0x80}, 0x9F36: {0, 1}, 0x9F4B: make([]byte, 96)}), terminated},
		{"CID of two bytes", acFormat2(with(0x9F27, []byte{0x80, 0})), terminated},
		{"counter of one byte", acFormat2(with(0x9F36, []byte{1})), terminated},
		{"cryptogram of seven bytes", acFormat2(with(0x9F26, make([]byte, 7))), terminated},
		{"issuer data of 33 bytes", acFormat2(with(0x9F10, make([]byte, 33))), terminated},
		{"CID twice", ok(unhex(t, "7718 9F270180 9F270140 9F36020001 9F26080000000000000000")), terminated},
		{"format 1 without issuer data", ok(unhex(t, "800B 80 0001 0000000000000000")), online},
		{"format 1 too short", ok(unhex(t, "800A 80 0001 00000000000000")), terminated},
		{"format 1 too long", ok(tlv.Append(nil, 0x80, append([]byte{0x80}, make([]byte, 43)...)...)), terminated},
		{"something behind it", ok(unhex(t, "800B 80 0001 0000000000000000 00")), terminated},
		{"another template", ok(unhex(t, "7000")), terminated},
		{"no data", ok(nil), terminated},
		{"conditions not satisfied", []byte{0x69, 0x85}, terminated},
		{"a warning is no success", append(acFormat1(0x80)[:17], 0x63, 0x00), terminated},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStub()
			s.ac = [][]byte{tt.answer}
			tx, out := s.run(t, nil)
			if out.Kind != tt.want {
				t.Fatalf("outcome %v (%s), want %v", out.Kind, out.Reason, tt.want)
			}
			if out.Reason == "" {
				t.Error("no reason")
			}
			if decided := tt.want != terminated; tx.TSI().Has(emvkernel.CardRiskPerformed) != decided || (tx.ACData() != nil) != decided {
				t.Errorf("TSI %v, %d bytes of data", tx.TSI(), len(tx.ACData()))
			}
		})
	}
}

// Asked for a TC the card may answer with anything.
func TestAskedToApprove(t *testing.T) {
	for cid, want := range map[byte]emvkernel.OutcomeKind{
		0x40: emvkernel.Approved, 0x80: emvkernel.OnlineRequest, 0x00: emvkernel.Declined, 0xC0: emvkernel.Terminated,
	} {
		cfg := emvtest.TerminalConfig()
		cfg.Applications[0].FloorLimit, cfg.Applications[0].OfflineApproval = 5000, true
		r := &recorder{card: &tamper{card: software(t, offlineCard), ins: apdu.INSGenerateAC, answer: acFormat1(cid)}}
		tx := begin(t, &cfg, payment(), r, nil)
		out := collect(t, tx)
		if got := requests(r); !bytes.Equal(got, []byte{apdu.RequestTC}) || out.Kind != want {
			t.Errorf("asked for %X, got %02X: %v, want %v", got, cid, out, want)
		}
	}
}

// The data set is what was sent, flat and in a fixed order, and stays that way.
func TestACData(t *testing.T) {
	s := newStub()
	s.aip[0] = aipRisk
	s.data[0x57] = unhex(t, "4242424242424242D27122010000000000000F")
	s.data[0x5F34] = []byte{1}
	s.answers = map[byte][]byte{apdu.INSExternalAuthenticate: {0x63, 0x00}}
	s.aip[0] |= 0x04
	s.ac[1] = acFormat1(0x40)
	tx, out := s.run(t, nil)
	if out.Kind != emvkernel.OnlineRequest {
		t.Fatal(out)
	}
	before := bytes.Clone(tx.ACData())
	want := "9F2608 0102030405060708 9F2701 80 9F3602 002A 9F1002 0601 9F3704 01020304 9505 8000000000 9A03 261121 9F2103 123456" +
		"9C01 00 9F0206 000000001250 9F0306 000000000000 5F2A02 0840 5F3601 02 9F1A02 0840 8202 0C00 8407 A0000000031010 9F0607 A0000000031010" +
		"9F3303 2028C8 9F3403 3F0000 9F3501 22 9F4005 600000A001 9F0902 0096 9F1E08 3030303030303432 9F1C08 5431202020202020" +
		"9F160F 53484F502020202020202020202020 9F1502 5999 9F3901 05 9F4104 00000007 9B02 0800" +
		"5A08 4242424242424242 5713 4242424242424242D27122010000000000000F 5F2403 271231 5F3401 01"
	if !bytes.Equal(before, unhex(t, want)) {
		t.Errorf("data set %X", before)
	}
	out, err := tx.Complete(t.Context(), emvkernel.Answer{Kind: emvkernel.IssuerAnswered, ARC: [2]byte{'0', '0'}, IssuerAuthenticationData: make([]byte, 10)})
	if err != nil || out.Kind != emvkernel.Approved {
		t.Fatal(out, err)
	}
	if !tx.TVR().Has(emvkernel.IssuerAuthFailed) {
		t.Error("TVR did not change")
	}
	if !bytes.Equal(before, tx.ACData()) {
		t.Error("the data set changed")
	}
	// A copy is the caller's: wiping it, as one that sealed it does, leaves the next one whole.
	tx.ACData().Wipe()
	if !bytes.Equal(before, tx.ACData()) {
		t.Error("the caller wiped the transaction's data set")
	}
	kept := tx.ACData()
	tx.Wipe()
	if !bytes.Equal(before, kept) || tx.ACData() != nil {
		t.Error("the transaction wiped the caller's copy, or still has its own")
	}
}

// '98' is a hash over what the TDOL lists; a default TDOL shows in the TVR that is sent with it.
func TestTransactionHash(t *testing.T) {
	s := newStub()
	s.data[0x8C] = unhex(t, "9814 9505")
	tx, _ := s.run(t, func(c *emvkernel.Config, _ *emvkernel.Params) { c.Applications[0].DefaultTDOL = unhex(t, "9F0206") })
	if !tx.TVR().Has(emvkernel.DefaultTDOLUsed) {
		t.Error("default TDOL not recorded")
	}
	if data := s.asked(apdu.INSGenerateAC)[0].Data; data[24] != 0x80 {
		t.Errorf("TVR sent is %X", data[20:])
	}
	own := newStub()
	own.data[0x8C] = unhex(t, "9814 9505")
	own.data[0x97] = unhex(t, "9F0206")
	tx, _ = own.run(t, nil)
	if tx.TVR().Has(emvkernel.DefaultTDOLUsed) {
		t.Error("the card's TDOL taken for the default one")
	}
	if !bytes.Equal(s.asked(apdu.INSGenerateAC)[0].Data[:20], own.asked(apdu.INSGenerateAC)[0].Data[:20]) {
		t.Error("hashes differ")
	}
	none := newStub()
	none.data[0x8C] = unhex(t, "9814 9505")
	tx, _ = none.run(t, nil)
	if data := none.asked(apdu.INSGenerateAC)[0].Data; data[24] != 0x80 || !tx.TVR().Has(emvkernel.DefaultTDOLUsed) {
		t.Errorf("no TDOL on either side: TVR sent is %X", data[20:])
	}
	bad := newStub()
	bad.data[0x8C], bad.data[0x97] = unhex(t, "9814"), []byte{0x9F}
	if _, out := bad.run(t, nil); out.Kind != emvkernel.Terminated {
		t.Error(out)
	}
}

func TestTooMuchAskedFor(t *testing.T) {
	s := newStub()
	s.data[0x8C] = unhex(t, "95FF 9505")
	if _, out := s.run(t, nil); out.Kind != emvkernel.Terminated {
		t.Error(out)
	}
}

// A card that is pulled is an error, and the transport's own one.
func TestCardPulled(t *testing.T) {
	for _, ins := range []byte{apdu.INSGetProcessingOptions, apdu.INSReadRecord, apdu.INSGenerateAC} {
		s := newStub()
		s.failAt = ins
		tx := begin(t, terminal(), payment(), s, nil)
		out, err := tx.Collect(t.Context())
		if !errors.Is(err, errPulled) {
			t.Errorf("%02X: %v, %v", ins, out, err)
		}
		if out != (emvkernel.Outcome{}) {
			t.Errorf("%02X: outcome %v beside an error", ins, out)
		}
	}
}

// An ARQC whose combined signature is not valid: the card is told so (Z1, and the TVR) and has to decline.
// Nothing is left that could be sent, deferred, or approved without the issuer.
func TestUnprovenOnlineRequest(t *testing.T) {
	c := newSigned(aipCDA, nil)
	c.combined = func(n int, p *proof) { p.cid ^= 0x01 }
	tx, out := c.run(t, lenient)
	asked := c.asked(apdu.INSGenerateAC)
	if out.Kind != emvkernel.Declined || out.Reverse || len(asked) != 2 || asked[1].P1 != apdu.RequestAAC {
		t.Fatalf("%v, asked %v", out, asked)
	}
	if got, want := asked[1].Data, unhex(t, "5A31 0400000000 01020304"); !bytes.Equal(got, want) {
		t.Errorf("CDOL2 data %X, want %X", got, want)
	}
	if tx.ACData() != nil || tx.ClearingData() != nil || tx.Authenticated() || tx.Receipt().Cryptogram != nil {
		t.Errorf("something is left: receipt %+v", tx.Receipt())
	}
	for kind := emvkernel.Deferred; kind <= emvkernel.UnableToGoOnline; kind++ {
		if out, err := tx.Complete(t.Context(), emvkernel.Answer{Kind: kind, ARC: [2]byte{'0', '0'}}); !errors.Is(err, emvkernel.ErrOrder) {
			t.Errorf("completed: %v, %v", out, err)
		}
	}
	if n := len(c.asked(apdu.INSGenerateAC)); n != 2 {
		t.Errorf("%d cryptograms", n)
	}
}

// The number in the first combined signature is there for the second list, '9F4C'.
func TestDynamicNumberInCDOL2(t *testing.T) {
	c := newSigned(aipCDA, func(s *stub) { s.data[0x8D] = unhex(t, "8A02 9F4C08 9F3704") })
	tx, _ := c.run(t, nil)
	if out, err := tx.Complete(t.Context(), issuer("00")); err != nil || out.Kind != emvkernel.Approved {
		t.Fatal(out, err)
	}
	if got := c.asked(apdu.INSGenerateAC)[1].Data; !bytes.Equal(got, unhex(t, "3030 0908070100000000 01020304")) {
		t.Errorf("CDOL2 data %X", got)
	}
	if got := object(t, tx.Data(), 0x9F4C); got != "09080702" {
		t.Errorf("number of the last signature %s", got)
	}
}
