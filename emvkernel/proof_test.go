package emvkernel_test

import (
	"bytes"
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tlv"
)

// EMV fact 14: the card's list, else the application's, else the unpredictable number alone.
func TestDynamicDataList(t *testing.T) {
	const un = "01020304"
	for name, tt := range map[string]struct {
		card  []byte
		deflt []byte
		sent  string // data of INTERNAL AUTHENTICATE, empty: none is sent and DDA failed
	}{
		"card's":                    {[]byte{0x9A, 3, 0x9F, 0x37, 4}, []byte{0x9F, 0x37, 4}, "261121" + un},
		"application's":             {nil, []byte{0x9F, 0x37, 4, 0x9C, 1}, un + "00"},
		"neither":                   {nil, nil, un},
		"card's without the number": {[]byte{0x9A, 3}, []byte{0x9F, 0x37, 4}, ""},
		"card's with most of it":    {[]byte{0x9F, 0x37, 3}, []byte{0x9F, 0x37, 4}, ""},
		"card's with half of it":    {[]byte{0x9F, 0x37, 2}, []byte{0x9F, 0x37, 4}, ""},
		"card's with more than it":  {[]byte{0x9F, 0x37, 6}, nil, un + "0000"},
		"card's malformed":          {[]byte{0x9F, 0x37}, []byte{0x9F, 0x37, 4}, ""},
		"card's empty":              {[]byte{}, []byte{0x9F, 0x37, 4}, ""},
		"card's too long":           {[]byte{0x9F, 0x37, 4, 0x5F, 0x50, 0xFF}, nil, ""},
	} {
		c := newSigned(aipDDA, func(s *stub) {
			if tt.card != nil {
				s.data[0x9F49] = tt.card
			}
		})
		tx, out := c.run(t, func(cfg *emvkernel.Config, _ *emvkernel.Params) {
			for i := range cfg.Applications {
				cfg.Applications[i].DefaultDDOL = tt.deflt
			}
		})
		asked := c.asked(apdu.INSInternalAuthenticate)
		if tt.sent == "" {
			if len(asked) != 0 || !tx.TVR().Has(emvkernel.DDAFailed) || tx.TVR().Has(emvkernel.ICCDataMissing) || out.Kind != emvkernel.OnlineRequest {
				t.Errorf("%s: %v, TVR %v, %d commands", name, out, tx.TVR(), len(asked))
			}
			continue
		}
		if len(asked) != 1 || !bytes.Equal(asked[0].Data, unhex(t, tt.sent)) || !tx.Authenticated() {
			t.Errorf("%s: asked %v, TVR %v", name, asked, tx.TVR())
		}
	}
}

// EMV facts 10 and 14: the dynamic signature in either format, and what is wrong with others.
func TestDynamicSignature(t *testing.T) {
	for _, format := range []byte{0x77, 0x80} {
		for name, tt := range map[string]struct {
			change func(*proof)
			good   bool
		}{
			"good":                      {nil, true},
			"number of 2 bytes":         {func(p *proof) { p.number = []byte{2, 1, 2} }, true},
			"issuer's own data behind":  {func(p *proof) { p.number = []byte{2, 1, 2, 0xAA, 0xBB} }, true},
			"number of 1 byte":          {func(p *proof) { p.number = []byte{1, 1} }, false},
			"number of 9 bytes":         {func(p *proof) { p.number = []byte{9, 1, 2, 3, 4, 5, 6, 7, 8, 9} }, false},
			"number cut short":          {func(p *proof) { p.number = []byte{8, 1, 2} }, false},
			"no dynamic data":           {func(p *proof) { p.number = nil }, false},
			"another payment's number":  {func(p *proof) { p.un = []byte{1, 2, 3, 5} }, false},
			"terminal's data left out":  {func(p *proof) { p.un = nil }, false},
			"more than terminal's data": {func(p *proof) { p.un = append(bytes.Clone(p.un), 0) }, false},
		} {
			c := newSigned(aipDDA, nil)
			c.format, c.dynamic = format, tt.change
			tx, out := c.run(t, nil)
			want := byte(emvkernel.DDAFailed)
			if tt.good {
				want = 0
			}
			if tx.Authenticated() != tt.good || tx.TVR()[0] != want || out.Kind != emvkernel.OnlineRequest || !tx.TSI().Has(emvkernel.ODAPerformed) {
				t.Errorf("format %02X, %s: %v, TVR %v, TSI %v", format, name, out, tx.TVR(), tx.TSI())
			}
		}
	}
}

// EMV fact 11: what a combined signature covers, at the first and at the second GENERATE AC. The answers
// are in the card's own coding: lengths need not be the shortest.
func TestCombinedSignature(t *testing.T) {
	shorten := func(p *proof, n int) { p.transaction = p.transaction[n:] }
	for name, tt := range map[string]struct {
		change func(p *proof)
		good   bool
	}{
		"good":                           {func(*proof) {}, true},
		"lengths in two and three bytes": {func(p *proof) { p.before = []byte{0x9F, 0x27, 0x81, 0x01, p.cid, 0x9F, 0x36, 0x82, 0, 2, 0, 0x2A} }, true},
		"other data objects, other order": {func(p *proof) {
			p.before, p.after = unhex(t, "9F5D 03 010203 9F10 01 06"), append(p.before, 0x9F, 0x6E, 0)
		}, true},
		"everything behind the signature": {func(p *proof) { p.before, p.after = nil, append(p.after, p.before...) }, true},
		"a cryptogram in clear beside it": {func(p *proof) { p.after = append(p.after, unhex(t, "9F26 08 0000000000000000")...) }, true},
		"number of 8 bytes":               {func(p *proof) { p.number = []byte{8, 1, 2, 3, 4, 5, 6, 7, 8} }, true},
		"number of 9 bytes":               {func(p *proof) { p.number = []byte{9, 1, 2, 3, 4, 5, 6, 7, 8, 9} }, false},
		"number of 1 byte":                {func(p *proof) { p.number = []byte{1, 1} }, false},
		"CID of the other kind":           {func(p *proof) { p.cid ^= 0xC0 }, false},
		"CID with another reason":         {func(p *proof) { p.cid ^= 0x01 }, false},
		"cryptogram of 7 bytes":           {func(p *proof) { p.cryptogram = p.cryptogram[:7] }, false},
		"cryptogram of 9 bytes":           {func(p *proof) { p.cryptogram = append(p.cryptogram, 0) }, false},
		"another unpredictable number":    {func(p *proof) { p.un = []byte{1, 2, 3, 5} }, false},
		"no unpredictable number":         {func(p *proof) { p.un = nil }, false},
		"PDOL data left out":              {func(p *proof) { shorten(p, 6) }, false},
		"nothing of the terminal hashed":  {func(p *proof) { shorten(p, len(p.transaction)) }, false},
		"last byte of the CDOL data":      {func(p *proof) { p.transaction = p.transaction[:len(p.transaction)-1] }, false},
		"answer not hashed":               {func(p *proof) { p.transaction = p.transaction[:len(p.transaction)-1] }, false},
	} {
		for _, at := range []int{1, 2} {
			c := newSigned(aipCDA, nil)
			c.fci[0x9F38] = []byte{0x9F, 0x37, 4, 0x5F, 0x2A, 2}
			c.combined = func(n int, p *proof) {
				if n == at {
					tt.change(p)
				}
			}
			tx, out := c.run(t, nil)
			if at == 1 {
				if tt.good != (out.Kind == emvkernel.OnlineRequest) || tt.good != tx.Authenticated() || tt.good == tx.TVR().Has(emvkernel.CDAFailed) {
					t.Errorf("%s: %v, TVR %v", name, out, tx.TVR())
				}
				if tt.good && string(tx.Receipt().Cryptogram) != "CRYPTOGR" {
					t.Errorf("%s: cryptogram %X is not the signed one", name, tx.Receipt().Cryptogram)
				}
				if !tx.TSI().Has(emvkernel.ODAPerformed) {
					t.Errorf("%s: TSI %v", name, tx.TSI())
				}
				continue
			}
			if out.Kind != emvkernel.OnlineRequest {
				t.Fatalf("%s: first GENERATE AC: %v", name, out)
			}
			out, err := tx.Complete(t.Context(), emvkernel.Answer{Kind: emvkernel.IssuerAnswered, ARC: [2]byte{'0', '0'}})
			if err != nil || tt.good != (out.Kind == emvkernel.Approved) || tt.good == out.Reverse || tt.good == tx.TVR().Has(emvkernel.CDAFailed) {
				t.Errorf("%s, second: %v, %v, TVR %v", name, out, err, tx.TVR())
			}
			if tt.good && string(tx.Receipt().Cryptogram) != "CRYPTOGR" {
				t.Errorf("%s, second: cryptogram %X is not the signed one", name, tx.Receipt().Cryptogram)
			}
		}
	}
}

// EMV fact 11: the second signature covers the data of both GENERATE ACs.
func TestSecondCombinedSignatureCoversFirst(t *testing.T) {
	for name, left := range map[string]func(c *signed) []byte{
		"CDOL1 data left out":     func(c *signed) []byte { return c.pdol },
		"CDOL1 data of something": func(c *signed) []byte { return append(bytes.Clone(c.pdol), make([]byte, len(c.cdol1))...) },
	} {
		c := newSigned(aipCDA, nil)
		c.combined = func(n int, p *proof) {
			if n == 2 {
				second := p.transaction[len(c.pdol)+len(c.cdol1):]
				p.transaction = append(left(c), second...)
			}
		}
		tx, _ := c.run(t, nil)
		out, err := tx.Complete(t.Context(), emvkernel.Answer{Kind: emvkernel.IssuerAnswered, ARC: [2]byte{'0', '0'}})
		if err != nil || out.Kind != emvkernel.Declined || !out.Reverse {
			t.Errorf("%s: %v, %v", name, out, err)
		}
	}
}

// A signature of the first GENERATE AC, or of another payment, does not pass at the second.
func TestCombinedSignatureReplayed(t *testing.T) {
	first := newSigned(aipCDA, nil)
	replaying := &wedge{card: first}
	var kept []byte
	replaying.change = func(command, answer []byte) []byte {
		if command[1] != apdu.INSGenerateAC {
			return answer
		}
		if kept == nil {
			kept = bytes.Clone(answer)
			return answer
		}
		// The kind the first answer has is lower than asked for; the signed one would be of the wrong kind.
		return bytes.Clone(kept)
	}
	tx := begin(t, signedTerminal(), payment(), replaying, nil)
	if out := collect(t, tx); out.Kind != emvkernel.OnlineRequest {
		t.Fatal(out)
	}
	out, err := tx.Complete(t.Context(), emvkernel.Answer{Kind: emvkernel.IssuerAnswered, ARC: [2]byte{'0', '0'}})
	if err != nil || out.Kind == emvkernel.Approved || !out.Reverse {
		t.Errorf("%v, %v", out, err)
	}
}

// EMV fact 11: an answer in format 1 has no place for the signature, and an AAC has none.
func TestCombinedFormats(t *testing.T) {
	for name, tt := range map[string]struct {
		answer []byte
		kind   emvkernel.OutcomeKind
		failed bool
	}{
		"ARQC in format 1":               {acFormat1(0x80), emvkernel.Declined, true},
		"AAC in format 1":                {acFormat1(0x00), emvkernel.Declined, false},
		"AAC in format 2":                {ok(unhex(t, "7714 9F270100 9F36020001 9F26080102030405060708")), emvkernel.Declined, false},
		"AAC with a signature no good":   {ok(unhex(t, "771A 9F270100 9F36020001 9F26080102030405060708 9F4B03010203")), emvkernel.Declined, false},
		"ARQC with an empty signature":   {ok(unhex(t, "770C 9F270180 9F36020001 9F4B00")), emvkernel.Terminated, false},
		"ARQC with a short signature":    {ok(unhex(t, "770D 9F270180 9F36020001 9F4B0101")), emvkernel.Declined, true},
		"ARQC with neither":              {ok(unhex(t, "7709 9F270180 9F36020001")), emvkernel.Declined, true},
		"ARQC with a cryptogram only":    {ok(unhex(t, "7714 9F270180 9F36020001 9F26080102030405060708")), emvkernel.Declined, true},
		"TC where an ARQC was asked for": {ok(unhex(t, "7714 9F270140 9F36020001 9F26080102030405060708")), emvkernel.Terminated, false},
	} {
		c := &wedge{card: newSigned(aipCDA, nil), change: nil}
		n := 0
		c.change = func(command, answer []byte) []byte {
			if command[1] == apdu.INSGenerateAC {
				if n++; n == 1 {
					return bytes.Clone(tt.answer)
				}
			}
			return answer
		}
		cfg := signedTerminal()
		for i := range cfg.Applications {
			cfg.Applications[i].FloorLimit = 0 // the issuer is to be asked
		}
		tx := begin(t, cfg, payment(), c, nil)
		if out := collect(t, tx); out.Kind != tt.kind || tx.TVR().Has(emvkernel.CDAFailed) != tt.failed || tx.Authenticated() {
			t.Errorf("%s: %v, TVR %v", name, out, tx.TVR())
		}
		if tt.failed && (tx.ACData() != nil || tx.Receipt().Cryptogram != nil) {
			t.Errorf("%s: a cryptogram nobody vouches for is left", name)
		}
	}
}

// EMV fact 8: a certificate or signature of one kind is none of another, and '95', which contactless cards
// use, is none here.
func TestSignatureFormats(t *testing.T) {
	k := signedKeys()
	account := append(bytes.Clone(newStub().data[0x5A]), 0xFF, 0xFF)
	for name, tt := range map[string]struct {
		aip    byte
		failed emvkernel.Flag
		change func(c *signed)
	}{
		"issuer certificate in format 04": {aipSDA, emvkernel.SDAFailed, func(c *signed) {
			c.certs[0x90], c.certs[0x92] = k.ca.certify(0x04, append(bytes.Clone(account[:3]), 0xFF), k.issuer, nil)
		}},
		"ICC certificate in format 02": {aipDDA, emvkernel.DDAFailed, func(c *signed) {
			c.certs[0x9F46], c.certs[0x9F48] = k.issuer.certify(0x02, account, k.icc, nil)
		}},
		"SSAD in format 05": {aipSDA, emvkernel.SDAFailed, func(c *signed) {
			c.certs[0x93] = k.issuer.sign([]byte{0x05, 1, 0xDA, 0xC5}, template(0x70, c.data)[2:])
		}},
		"SDAD in format 95": {aipDDA, emvkernel.DDAFailed, func(c *signed) {
			un := []byte{1, 2, 3, 4}
			c.answers = map[byte][]byte{apdu.INSInternalAuthenticate: ok(tlv.Append(nil, 0x80, k.icc.sign([]byte{0x95, 1, 3, 2, 7, 7}, un)...))}
		}},
	} {
		c := newSigned(tt.aip, nil)
		tt.change(c)
		if tx, _ := c.run(t, nil); !tx.TVR().Has(tt.failed) || tx.Authenticated() {
			t.Errorf("%s: TVR %v", name, tx.TVR())
		}
	}
	// The same answer in format 05 is good.
	c := newSigned(aipDDA, nil)
	c.answers = map[byte][]byte{apdu.INSInternalAuthenticate: ok(tlv.Append(nil, 0x80, k.icc.sign([]byte{0x05, 1, 3, 2, 7, 7}, []byte{1, 2, 3, 4})...))}
	if tx, _ := c.run(t, nil); !tx.Authenticated() {
		t.Errorf("TVR %v", tx.TVR())
	}
}
