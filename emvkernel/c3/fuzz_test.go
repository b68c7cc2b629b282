package c3_test

import (
	"bytes"
	"context"
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tap"
	"smartreader/emvkernel/tlv"
)

// Bits of a byte that chooses a reader.
const (
	fuzzOnlineRequired = 0x01
	fuzzCVMRequired    = 0x02
	fuzzNoPIN          = 0x04
	fuzzNoSignature    = 0x08
	fuzzOfflineOnly    = 0x10
	fuzzVersion0       = 0x20
	fuzzCash           = 0x40
	fuzzIssuerUpdate   = 0x80
)

func fuzzReader(bits byte) *reader {
	r := newReader()
	if bits&fuzzOnlineRequired != 0 {
		r.onlineRequired()
	}
	if bits&fuzzCVMRequired != 0 {
		r.cvmRequired()
	}
	if bits&fuzzNoPIN != 0 {
		r.without(onlinePIN)
	}
	if bits&fuzzNoSignature != 0 {
		r.without(signature)
	}
	if bits&fuzzOfflineOnly != 0 {
		r.with(offlineOnly)
	}
	r.kernel.FDDAVersion0 = bits&fuzzVersion0 != 0
	r.kernel.SpendingAmount = true
	if bits&fuzzCash != 0 {
		r.params.Type = 0x01
	}
	if bits&fuzzIssuerUpdate != 0 {
		r.ttq[2] |= 0x80
	}
	return r
}

// fuzzCards are good cards; what is wrong is put into their answers.
var fuzzCards = []func() *card{
	func() *card { return newCard(cidARQC) },
	func() *card { return signing(cidTC) },
	func() *card { return signing(cidARQC) },
	func() *card { c := signing(cidTC).qualifiers("0080"); c.sdad = 0x95; return c },
	func() *card { return signing(cidTC).qualifiers("3800").set(0x5F24, hexBytes("261122")) },
	func() *card { return signing(cidTC).qualifiers("4000").option(0x9F5D, "000000004321") },
	func() *card { return signing(cidTC).set(0x9F27, nil) },
	func() *card { c := signing(cidTC); c.format1 = true; return c },
	func() *card { c := signing(cidTC).set(0x9F69, nil); c.version = 0; return c },
	func() *card { return newCard(cidAAC) },
	func() *card { return newCard(cidARQC).qualifiers("8040") },
}

// judge checks that an outcome is one that the card may come to.
func judge(t *testing.T, r *reader, c *card, got tapped) {
	t.Helper()
	if got.err != nil {
		t.Fatalf("a card made an error of it: %v", got.err)
	}
	withReading := got.Kind == tap.Approved || got.Kind == tap.Declined || got.Kind == tap.OnlineRequest
	if withReading != (got.Reading != nil) {
		t.Fatalf("%v with reading %v", got.Kind, got.Reading != nil)
	}
	if !withReading {
		phone := got.Kind == tap.TryAgain && got.UI.Message == tap.SeePhone // nobody leaves
		if got.Kind != tap.SelectNext && got.Kind != tap.TryAnotherInterface && got.Kind != tap.EndApplication && !phone || got.OnlineData != tap.NoOnlineData {
			t.Fatalf("%v", got.Kind)
		}
		return
	}
	data, err := tlv.Parse(got.Reading.Data())
	if err != nil {
		t.Fatal(err)
	}
	value := func(tag tlv.Tag) []byte {
		e, _ := tlv.Find(data, tag)
		return e.Value
	}
	if len(got.Reading.Card().PAN) < 8 || got.Reading.Card().ExpiryMonth == 0 || len(value(0x9F26)) != 8 || len(value(0x9F36)) != 2 || len(value(0x9F10)) == 0 || len(value(0x82)) != 2 {
		t.Fatalf("%v without mandatory data", got.Kind)
	}
	if !bytes.Equal(value(0x9F02), hexBytes("000000001234")) || !bytes.Equal(value(0x9F37), hexBytes("CAFEBABE")) || !bytes.Equal(value(0x5F2A), hexBytes("0978")) {
		t.Fatal("the card chose the payment")
	}
	if got.Reading.Authenticated() {
		// Nothing that was signed is another than the card signed.
		for _, o := range c.static {
			if !bytes.Equal(value(o.tag), o.value) {
				t.Fatalf("genuine, but %v is not what was signed", o.tag)
			}
		}
		if string(got.Reading.Card().PAN) != pan || !bytes.Equal(value(0x82), c.get(0x82)) || !bytes.Equal(value(0x9F4C), c.dynamic[1:]) {
			t.Fatal("genuine, but not what was signed")
		}
		if c.version == 1 && !bytes.Equal(value(0x9F69), c.get(0x9F69)) {
			t.Fatal("genuine, but 9F69 is not what was signed")
		}
		if !c.signs {
			t.Fatal("genuine, but nothing was signed")
		}
	}
	kind := value(0x9F27)[0] & 0xC0
	required := r.ttq[1]&0x40 != 0
	if got.Kind != tap.Declined && required && (got.CVM == tap.NoCVM || got.CVM == tap.CVMNotApplicable) {
		t.Fatalf("%v without the cardholder verified", got.Kind)
	}
	if got.CVM == tap.ConfirmationCodeVerified {
		ctq, related := value(0x9F6C), value(0x9F69)
		if len(related) == 0 && kind != cidARQC || len(related) > 0 && (len(related) < 7 || !bytes.Equal(related[5:7], ctq)) || ctq[1]&0x80 == 0 {
			t.Fatal("a claim of consumer device verification was believed")
		}
		if !got.Reading.Authenticated() && (got.Reading.AuthenticationMethod() == "fDDA" || value(0x82)[0]&0x20 != 0) {
			t.Fatal("a claim of consumer device verification was believed that the card did not prove")
		}
	}
	switch got.Kind {
	case tap.Approved:
		if !got.Reading.Authenticated() || kind != cidTC || r.ttq[1]&0x80 != 0 || got.CVM == tap.OnlinePIN {
			t.Fatalf("approved: genuine %v, kind %02X, CVM %v", got.Reading.Authenticated(), kind, got.CVM)
		}
		if c.version == 0 && !r.kernel.FDDAVersion0 {
			t.Fatal("approved with a signature of version 0")
		}
	case tap.OnlineRequest:
		if kind != cidARQC && kind != cidTC || r.ttq[0]&0x08 != 0 {
			t.Fatalf("online with kind %02X", kind)
		}
	}
	got.Reading.Wipe()
}

// Every answer of good cards changed: bytes, status words, single data objects, answers in the place of others.
func FuzzTap(f *testing.F) {
	for i := range byte(len(fuzzCards)) {
		f.Add(i, byte(0), []byte{})
		f.Add(i, byte(0xFF&^fuzzOfflineOnly), []byte{})
		for answer := range byte(5) {
			for kind := range byte(mutationKinds) {
				f.Add(i, byte(fuzzVersion0), []byte{answer, kind, kind + answer, 3, 0x01})
			}
			f.Add(i, byte(fuzzCVMRequired), []byte{answer, 9, 7, 1, 0x80, answer, 9, 2, 0, 0x40})
		}
	}
	for object := range byte(12) { // every object of the answer to GET PROCESSING OPTIONS of an offline card
		for at := range byte(8) {
			f.Add(byte(1), byte(0), []byte{0, 9, object, at, 0x01})
			f.Add(byte(3), byte(fuzzCVMRequired), []byte{0, 9, object, at, 0x80})
		}
	}
	f.Fuzz(func(t *testing.T, which, bits byte, program []byte) {
		c := fuzzCards[int(which)%len(fuzzCards)]()
		r := fuzzReader(bits)
		changes := mutationsOf(program)
		var earlier [][]byte
		c.change = func(n int, answer []byte) []byte {
			good := answer
			for _, m := range changes {
				if int(m.answer) == n {
					answer = m.apply(answer, earlier)
				}
			}
			earlier = append(earlier, good)
			return answer
		}
		got := r.tap(t, c)
		judge(t, r, c, got)
		if len(changes) == 0 && bits == 0 && (got.Kind == tap.EndApplication || got.Kind == tap.SelectNext) {
			t.Fatalf("a good card: %v, %s", got.Kind, got.Reason)
		}
		if len(c.sent) > 256 {
			t.Fatalf("%d commands", len(c.sent))
		}
	})
}

// answers are all a card has to say: the first, then the second to everything.
type answers struct {
	first, then []byte
	n           int
}

func (a *answers) Transceive(context.Context, []byte) ([]byte, error) {
	a.n++
	if a.n == 1 {
		return bytes.Clone(a.first), nil
	}
	return bytes.Clone(a.then), nil
}

// Any answer to SELECT, GET PROCESSING OPTIONS and READ RECORD. Nothing in them is signed, so nothing is approved.
func FuzzOptions(f *testing.F) {
	for _, make := range fuzzCards {
		c := make()
		first := c.answer(append(hexBytes("80A8000023"+"8321"+"37004000"+"000000001234"+"000000000000"+"0840"+"0000000000"+"0978"+"261122"+"00"+"CAFEBABE"), 0))
		f.Add(c.selection(), first, append(bytes.Clone(c.records[[2]byte{3, 1}]), 0x90, 0x00), byte(0))
		f.Add(c.selection(), first, append(bytes.Clone(c.records[[2]byte{3, 2}]), 0x90, 0x00), byte(fuzzCVMRequired))
	}
	good := newCard(cidARQC).selection()
	f.Add(good, []byte{0x69, 0x86}, []byte{}, byte(0))
	f.Add(good, hexBytes("770A82022000940408010100"+"9000"), hexBytes("7000"+"9000"), byte(0))
	f.Add(good, hexBytes("770A8202200094040801FF00"+"9000"), hexBytes("7000"+"9000"), byte(0))
	f.Fuzz(func(t *testing.T, fci, first, then []byte, bits byte) {
		r := fuzzReader(bits)
		r.cfg.CAKeys = nil
		card := &answers{first: first, then: then}
		got := tapped{link: tap.NewLink(card)}
		got.Outcome, got.err = r.kernel.Activate(t.Context(), r.activation(got.link, fci))
		if got.Kind == tap.Approved {
			t.Fatal("approved without a key")
		}
		judge(t, r, newCard(cidARQC), got)
		if card.n > 256 {
			t.Fatalf("%d commands", card.n)
		}
	})
}

// Any answer of an issuer, with any card: no payment, and never more commands than a tap has.
func FuzzUpdate(f *testing.F) {
	f.Add(hexBytes("01020304050607083030"), hexBytes(scriptOne+scriptTwo), []byte{0x90, 0x00})
	f.Add([]byte{}, hexBytes("7100"), []byte{0x6A, 0x82})
	f.Add([]byte{1}, hexBytes("720386018472038601"), []byte{})
	f.Fuzz(func(t *testing.T, iad, scripts, answer []byte) {
		card := &answers{first: answer, then: answer}
		r := newReader()
		r.answer = &tap.OnlineAnswer{Approved: true, IssuerAuthenticationData: iad, Scripts: scripts}
		link := tap.NewLink(card)
		out, err := r.kernel.Activate(t.Context(), r.activation(link, nil))
		if err != nil || out.Kind != tap.EndApplication || out.Start != tap.NoStart || card.n > 256 {
			t.Fatalf("%v, %v after %d commands", out.Kind, err, card.n)
		}
		list, err := tlv.Parse(out.Discretionary)
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := tlv.Find(list, 0x9F5B); ok && len(e.Value)%5 != 0 {
			t.Fatalf("9F5B of %d bytes", len(e.Value))
		}
	})
}

// No account number, track or name in what may be logged.
func TestNothingSecretIsTold(t *testing.T) {
	for name, change := range brokenSignatures() {
		c := signing(cidTC)
		change(c)
		got := newReader().tap(t, c)
		if bytes.Contains([]byte(got.Reason), []byte(pan[:8])) || bytes.Contains([]byte(got.Reason), []byte(pan[len(pan)-8:])) {
			t.Errorf("%s: %s", name, got.Reason)
		}
	}
	r := newReader()
	r.params.ExceptionFile = func(emvkernel.Secret, string) bool { return true }
	if got := r.tap(t, signing(cidTC)); bytes.Contains([]byte(got.Reason), []byte(pan)) || bytes.Contains(got.Discretionary, hexBytes(pan)) {
		t.Error(got.Reason)
	}
	c := newCard(cidARQC)
	c.sw = apdu.SW(0x6A80)
	if got := newReader().tap(t, c); got.Reason == "" {
		t.Error("no reason")
	}
}
