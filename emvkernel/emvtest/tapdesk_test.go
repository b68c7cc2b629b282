package emvtest

import (
	"bytes"
	"context"
	"crypto/sha1"
	"errors"
	"math/big"
	"strings"
	"testing"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/oda"
	"smartreader/emvkernel/tlv"
)

// tapDesk is a terminal without rules by tap.
type tapDesk struct {
	*desk
	tap *TapCard
}

func newTapDesk(t *testing.T, p *Profile, state *State) *tapDesk {
	t.Helper()
	d := &tapDesk{desk: newDesk(t, p, state)}
	d.tap = d.card.Contactless()
	d.values[0x9F66] = []byte{0x37, 0x80, 0x40, 0x00} // online wanted, signs for it
	d.values[0x9F34] = []byte{0x1F, 0x00, 0x02}
	d.values[0x9F35] = []byte{0x22}
	return d
}

// exchange sends a command by tap.
func (d *tapDesk) exchange(cmd apdu.Command) ([]byte, apdu.SW) {
	d.t.Helper()
	b, err := cmd.Bytes()
	if err != nil {
		d.t.Fatal(err)
	}
	out, err := d.tap.Exchange(context.Background(), b)
	if err != nil {
		d.t.Fatal(err)
	}
	r, err := apdu.ParseResponse(out)
	if err != nil {
		d.t.Fatal(err)
	}
	return r.Data, r.SW
}

func (d *tapDesk) good(cmd apdu.Command) []byte {
	d.t.Helper()
	data, sw := d.exchange(cmd)
	if sw != apdu.OK {
		d.t.Fatalf("%v: %v", cmd, sw)
	}
	return data
}

// keep notes the data objects of a template.
func (d *tapDesk) keep(data []byte, template tlv.Tag) {
	d.t.Helper()
	e, rest, err := tlv.ParseOne(data)
	if err != nil || e.Tag != template || len(rest) > 0 {
		d.t.Fatalf("not one template %s", template)
	}
	list, err := e.Children()
	if err != nil {
		d.t.Fatal(err)
	}
	for _, e := range list {
		if _, twice := d.read[e.Tag]; twice {
			d.t.Errorf("%s twice", e.Tag)
		}
		d.read[e.Tag] = e.Value
	}
}

// start selects the first application by tap, starts it and reads its records; static is what they sign.
func (d *tapDesk) start() (static []byte) {
	d.t.Helper()
	d.good(apdu.Select(ppseName, false))
	d.good(apdu.Select(d.card.applications[0].aid, false))
	d.keep(d.good(apdu.GetProcessingOptions(d.dol(d.app().pdol))), 0x77)
	files, err := apdu.ParseLocator(d.read[0x94])
	if err != nil {
		d.t.Fatal(err)
	}
	for _, f := range files {
		for n := f.First; n <= f.Last; n++ {
			record := d.good(apdu.ReadRecord(f.SFI, n))
			d.keep(record, 0x70)
			if n-f.First < f.Signed {
				e, _, _ := tlv.ParseOne(record)
				static = append(static, e.Value...)
			}
		}
	}
	if d.read[0x9F4A] != nil {
		static = append(static, d.read[0x82]...)
	}
	return static
}

// signed opens the dynamic signature with the card's key as its certificates have it.
func (d *tapDesk) signed(static []byte) []byte {
	d.t.Helper()
	open := func(modulus []byte, exponent []byte, block []byte) []byte {
		n := new(big.Int).SetBytes(modulus)
		m := new(big.Int).SetBytes(block)
		return m.Exp(m, new(big.Int).SetBytes(exponent), n).FillBytes(make([]byte, len(modulus)))
	}
	rid := d.app().aid[:5]
	var ca oda.CAKey
	for _, k := range CAKeys() {
		if bytes.Equal(k.RID[:], rid) && k.Index == d.read[0x8F][0] {
			ca = k
		}
	}
	issuer := open(ca.Modulus, ca.Exponent, d.read[0x90])
	size := int(issuer[13])
	key := append(bytes.Clone(issuer[15:len(issuer)-21]), d.read[0x92]...)[:size]
	icc := open(key, d.read[0x9F32], d.read[0x9F46])
	h := sha1.New()
	h.Write(icc[1 : len(icc)-21])
	h.Write(d.read[0x9F48])
	h.Write(d.read[0x9F47])
	h.Write(static)
	if !bytes.Equal(h.Sum(nil), icc[len(icc)-21:len(icc)-1]) {
		d.t.Fatal("the card's certificate does not vouch for what the card gave")
	}
	size = int(icc[19])
	key = append(bytes.Clone(icc[21:len(icc)-21]), d.read[0x9F48]...)[:size]
	block := open(key, d.read[0x9F47], d.read[0x9F4B])
	if block[0] != 0x6A || block[len(block)-1] != 0xBC {
		d.t.Fatal("no signature of the card")
	}
	return block
}

// checkHash compares the hash of a signature: over its body and what follows.
func checkHash(t *testing.T, block []byte, rest ...[]byte) {
	t.Helper()
	h := sha1.New()
	h.Write(block[1 : len(block)-21])
	for _, b := range rest {
		h.Write(b)
	}
	if !bytes.Equal(h.Sum(nil), block[len(block)-21:len(block)-1]) {
		t.Error("the signature is over something else")
	}
}

func (d *tapDesk) checkIssuer(want Verdict) CheckResult {
	d.t.Helper()
	values := map[tlv.Tag][]byte{}
	for tag, v := range d.values {
		if tag != 0x8A {
			values[tag] = v
		}
	}
	for _, tag := range []tlv.Tag{0x82, 0x5A, 0x57, 0x5F34, 0x9F10, 0x9F26, 0x9F27, 0x9F36, 0x9F6C} {
		if v := d.read[tag]; v != nil {
			values[tag] = v
		}
	}
	check, err := NewIssuer(d.card.profile).Check(encode(values))
	if err != nil || check.Verdict != want || !check.Tap {
		d.t.Errorf("issuer: %+v, %v; want %v of a tap", check, err, want)
	}
	return check
}

// EMV fact 9: fDDA v01 signs unpredictable number, amount, currency and '9F69', v00 the first alone.
// EMV fact 8: the signature's format is 05 or 95.
func TestTapVisa(t *testing.T) {
	const visa = "application visa\npan 4242424242424242\n"
	for _, c := range []struct {
		more    string
		format  byte
		version byte
	}{
		{"", 0x05, 1}, {"tap-fdda 00\n", 0x05, 0}, {"tap-sdad-format 95\ntap-sdad-place gpo\n", 0x95, 1},
		{"tap-fdda 00\ntap-sdad-place gpo\n", 0x05, 0}, {"static-tag-list yes\n", 0x05, 1},
	} {
		d := newTapDesk(t, parse(t, visa+c.more), nil)
		block := d.signed(d.start())
		if block[1] != c.format || block[2] != 0x01 || block[4] < 2 || block[4] > 8 || block[3] != block[4]+1 {
			t.Errorf("%q: the signature begins %X", c.more, block[:5])
		}
		if c.version == 1 {
			related := d.read[0x9F69]
			if len(related) != 7 || related[0] != 1 || !bytes.Equal(related[5:7], d.read[0x9F6C]) {
				t.Errorf("%q: card authentication related data %X, qualifiers %X", c.more, related, d.read[0x9F6C])
			}
			checkHash(t, block, d.values[0x9F37], d.values[0x9F02], d.values[0x5F2A], related)
		} else {
			checkHash(t, block, d.values[0x9F37])
		}
		if d.read[0x9F27][0] != 0x80 || d.read[0x9F10][4]>>4&0b11 != 0b10 {
			t.Errorf("%q: '9F27' %X, '9F10' %X: no request", c.more, d.read[0x9F27], d.read[0x9F10])
		}
		d.checkIssuer(Genuine)
	}
	d := newTapDesk(t, parse(t, visa+"omit 9F6C\n"), nil)
	block := d.signed(d.start())
	if related := d.read[0x9F69]; len(related) != 5 || d.read[0x9F6C] != nil {
		t.Errorf("a card without qualifiers signs %X", related)
	}
	checkHash(t, block, d.values[0x9F37], d.values[0x9F02], d.values[0x5F2A], d.read[0x9F69])
}

// EMV fact 3: without a signature all data are in the answer to GET PROCESSING OPTIONS.
func TestTapVisaWithoutSignature(t *testing.T) {
	d := newTapDesk(t, parse(t, "application visa\npan 4242424242424242\n"), nil)
	d.values[0x9F66] = []byte{0x36, 0x80, 0x40, 0x00}
	d.start()
	if d.read[0x94] != nil || d.read[0x9F4B] != nil || d.read[0x57] == nil {
		t.Error("records for nothing")
	}
	d.checkIssuer(Genuine)
}

// What the terminal cannot have a card asks for in vain: a terminal that is never online gets no request.
func TestTapVisaDecides(t *testing.T) {
	for _, c := range []struct {
		ttq  [4]byte
		more string
		want byte
	}{
		{[4]byte{0x37, 0x80, 0x40, 0x00}, "tap-ac tc\n", 0x80},
		{[4]byte{0x37, 0x00, 0x40, 0x00}, "tap-ac tc\n", 0x40},
		{[4]byte{0x37, 0x00, 0x40, 0x00}, "", 0x80},
		{[4]byte{0x2B, 0x00, 0x40, 0x00}, "", 0x00},
		{[4]byte{0x2B, 0x00, 0x40, 0x00}, "tap-ac tc\n", 0x40},
		{[4]byte{0x37, 0x80, 0x40, 0x00}, "tap-ac aac\n", 0x00},
		{[4]byte{0x30, 0xC0, 0x00, 0x00}, "", 0x00}, // no verification in common
	} {
		d := newTapDesk(t, parse(t, "application visa\npan 4242424242424242\n"+c.more), nil)
		d.values[0x9F66] = c.ttq[:]
		d.start()
		if cid, claimed := d.read[0x9F27][0], d.read[0x9F10][4]>>4&0b11<<6; cid != c.want || claimed != c.want {
			t.Errorf("TTQ %X, %q: '9F27' %02X, '9F10' says %02X, want %02X", c.ttq, c.more, cid, claimed, c.want)
		}
	}
}

// EMV fact 11: CDA by tap signs the transaction, and with relay resistance what was exchanged.
func TestTapMastercard(t *testing.T) {
	d := newTapDesk(t, parse(t, "application mastercard\npan 5555555555554444\ntap-relay 20 60 24\n"), nil)
	static := d.start()
	if aip := d.read[0x82]; aip[0]&0x01 == 0 || aip[1] != 0x81 {
		t.Errorf("AIP %X", aip)
	}
	if device := d.read[0x9F6E]; len(device) < 7 || device[2]&0x80 != 0 || string(device[4:6]) != "00" {
		t.Errorf("third party data %X is not that of a card: country, identifier, device type, one byte at least", device)
	}
	relay := d.good(apdu.Command{CLA: 0x80, INS: apdu.INSExchangeRelayResistance, Data: []byte{1, 2, 3, 4}})
	data := d.dol(d.app().cdol1)
	answer := d.good(apdu.GenerateAC(apdu.RequestARQC|apdu.RequestCDA, data))
	d.keep(answer, 0x77)
	block := d.signed(static)
	checkHash(t, block, d.values[0x9F37])
	dynamic := block[4:][:block[3]]
	tail := dynamic[1+dynamic[0]:]
	d.read[0x9F26] = tail[1:9]
	if want := append([]byte{1, 2, 3, 4}, relay[2:]...); tail[0] != 0x80 || !bytes.Equal(tail[29:], want) {
		t.Errorf("signed %X and %X", tail[0], tail[29:])
	}
	d.checkIssuer(Genuine)
	if _, sw := d.exchange(apdu.GenerateAC(apdu.RequestAAC, data)); sw != apdu.ConditionsOfUse {
		t.Errorf("a second GENERATE AC: %v", sw)
	}
}

// EMV fact 36: the exchange against relays comes up to three times, before GENERATE AC, and the last one counts.
func TestTapRelay(t *testing.T) {
	d := newTapDesk(t, parse(t, "application mastercard\npan 5555555555554444\ntap-relay 20 60 24\n"), nil)
	relay := func(entropy byte) apdu.Command {
		return apdu.Command{CLA: 0x80, INS: apdu.INSExchangeRelayResistance, Data: []byte{entropy, 2, 3, 4}}
	}
	if _, sw := d.exchange(relay(1)); sw != apdu.ConditionsOfUse {
		t.Errorf("before anything: %v", sw)
	}
	static := d.start()
	var last []byte
	for i := range byte(3) {
		answer := d.good(relay(i))
		if bytes.Equal(answer, last) || len(answer) != 12 || !bytes.Equal(answer[6:], []byte{0, 20, 0, 60, 0, 24}) {
			t.Errorf("exchange %d: %X", i+1, answer)
		}
		last = answer
	}
	if _, sw := d.exchange(relay(3)); sw != apdu.ConditionsOfUse {
		t.Errorf("a fourth time: %v", sw)
	}
	d.keep(d.good(apdu.GenerateAC(apdu.RequestARQC|apdu.RequestCDA, d.dol(d.app().cdol1))), 0x77)
	block := d.signed(static)
	if want := append([]byte{2, 2, 3, 4}, last[2:]...); !bytes.Equal(block[4:][:block[3]][1+8+1+8+20:], want) {
		t.Error("the last exchange is not the one that is signed")
	}

	d = newTapDesk(t, parse(t, "application mastercard\npan 5555555555554444\n"), nil)
	d.start()
	if _, sw := d.exchange(relay(1)); sw != apdu.INSNotSupported {
		t.Errorf("of a card without: %v", sw)
	}
}

// One chip, one memory: a payment by contact and one by tap have consecutive numbers.
func TestTapSharesTheCounter(t *testing.T) {
	d := newTapDesk(t, load(t, "visa"), nil)
	d.begin()
	if _, sw := d.exchange(apdu.ReadRecord(2, 1)); sw != apdu.ConditionsOfUse {
		t.Errorf("by tap, of an application selected in the slot: %v", sw)
	}
	d.tap.Reset()
	d.read = map[tlv.Tag][]byte{}
	d.start()
	if atc := d.read[0x9F36]; !bytes.Equal(atc, []byte{0, 2}) {
		t.Errorf("counter %X after a payment in the slot", atc)
	}
	if memory := d.card.State().Applications["A0000000031010"]; memory.OnlinePending {
		t.Error("the card waits for an answer that taps do not have")
	}
	// In the slot again nothing is left of the tap.
	d.want(apdu.ReadRecord(2, 1), apdu.ConditionsOfUse)
}

// What the card remembers is kept before it answers, by tap too, and an answer that could not be kept is lost.
func TestTapKeeps(t *testing.T) {
	d := newTapDesk(t, load(t, "visa"), nil)
	var kept []State
	var fails error
	d.card.Keep(func(s State) error {
		kept = append(kept, s)
		return fails
	})
	d.good(apdu.Select(d.card.byTap()[0].aid, false))
	options, err := apdu.GetProcessingOptions(d.dol(d.app().pdol)).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if len(kept) != 0 {
		t.Errorf("kept %d times for nothing", len(kept))
	}
	fails = errors.New("full")
	if answer, err := d.tap.Exchange(t.Context(), options); !errors.Is(err, fails) || answer != nil {
		t.Errorf("%X, %v", answer, err)
	}
	if len(kept) != 1 || kept[0].Applications["A0000000031010"].ATC != 1 {
		t.Errorf("kept %+v", kept)
	}
}

// A device that wants to be unlocked is at the second tap, once.
func TestTapUnlock(t *testing.T) {
	d := newTapDesk(t, parse(t, "application visa\npan 4242424242424242\ntap-device phone\ntap-cdcvm locked\n"), nil)
	for tap, want := range []apdu.SW{apdu.CommandNotAllowed, apdu.OK, apdu.CommandNotAllowed} {
		d.tap.Reset()
		d.good(apdu.Select(d.card.applications[0].aid, false))
		answer, sw := d.exchange(apdu.GetProcessingOptions(d.dol(d.app().pdol)))
		if sw != want {
			t.Errorf("tap %d: %v, want %v", tap+1, sw, want)
		}
		if sw == apdu.OK {
			d.keep(answer, 0x77)
			if d.read[0x9F6C][1]&ctqOnDevice == 0 || d.read[0x9F6E][0] != 0x23 {
				t.Errorf("qualifiers %X, form factor %X", d.read[0x9F6C], d.read[0x9F6E])
			}
			if check := d.checkIssuer(Genuine); !check.OnDevice {
				t.Error("the issuer does not see the verification")
			}
		}
	}

	d = newTapDesk(t, parse(t, "application mastercard\npan 5555555555554444\ntap-cdcvm locked\n"), nil)
	for tap, want := range []struct {
		cid         byte
		interaction []byte
	}{{0x00, []byte{0, 1, 0}}, {0x80, []byte{0, 0x10, 0}}} {
		d.tap.Reset()
		d.read = map[tlv.Tag][]byte{}
		d.start()
		d.keep(d.good(apdu.GenerateAC(apdu.RequestARQC, d.dol(d.app().cdol1))), 0x77)
		if d.read[0x9F27][0] != want.cid || !bytes.Equal(d.read[tagInteraction], want.interaction) {
			t.Errorf("tap %d: '9F27' %X, 'DF4B' %X", tap+1, d.read[0x9F27], d.read[tagInteraction])
		}
	}
}

// A card that leaves in the middle of GENERATE AC gives its answer afterwards, once and for its number.
func TestTapRecovers(t *testing.T) {
	d := newTapDesk(t, parse(t, "tear generate-ac late\napplication mastercard\npan 5555555555554444\ntap-recovery yes\n"), nil)
	d.start()
	raw, err := apdu.GenerateAC(apdu.RequestARQC|apdu.RequestCDA, d.dol(d.app().cdol1)).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // it is gone until it comes back
		if _, err := d.tap.Exchange(t.Context(), raw); !errors.Is(err, ErrPulled) {
			t.Fatal(err)
		}
	}
	atc := d.card.memory(d.app()).ATC
	d.tap.Reset()
	d.read = map[tlv.Tag][]byte{}
	d.start()
	again := apdu.Command{CLA: 0x80, INS: apdu.INSRecoverAC, Data: []byte{9, 9, 9, 9}}
	if _, sw := d.exchange(again); sw != apdu.ConditionsOfUse {
		t.Errorf("for another number: %v", sw)
	}
	again.Data = d.values[0x9F37]
	d.keep(d.good(again), 0x77)
	if got := uint16(d.read[0x9F36][0])<<8 | uint16(d.read[0x9F36][1]); got != atc {
		t.Errorf("recovered payment %d, want %d", got, atc)
	}
	if _, sw := d.exchange(again); sw != apdu.ConditionsOfUse {
		t.Errorf("twice: %v", sw)
	}
	d.tap.Reset()
	d.read = map[tlv.Tag][]byte{}
	d.start()
	if _, sw := d.exchange(again); sw != apdu.ConditionsOfUse {
		t.Errorf("twice, at another tap: %v", sw)
	}
}

func TestTapDirectory(t *testing.T) {
	const mastercard = "application mastercard\npan 5555555555554444\n"
	for text, want := range map[string]apdu.SW{
		"application visa\npan 4242424242424242\ncontactless no\n": apdu.FileNotFound,
		"ppse no\napplication visa\npan 4242424242424242\n":        apdu.FileNotFound,
		"ppse empty\napplication visa\npan 4242424242424242\n":     apdu.OK,
		"application amex\npan 378282246310005\n":                  apdu.OK,
		"blocked yes\napplication visa\npan 4242424242424242\n":    apdu.FunctionNotSupported,
	} {
		if _, sw := newTapDesk(t, parse(t, text), nil).exchange(apdu.Select(ppseName, false)); sw != want {
			t.Errorf("%q: %v, want %v", text, sw, want)
		}
	}
	d := newTapDesk(t, parse(t, "application visa\npan 4242424242424242\napplication-blocked yes\n"), nil)
	if _, sw := d.exchange(apdu.Select(d.card.applications[0].aid, false)); sw != apdu.FileInvalidated {
		t.Errorf("a blocked application: %v", sw)
	}
	d = newTapDesk(t, parse(t, "application visa\npan 4242424242424242\npriority 2\ncontactless no\n"+mastercard+"tap-entry 9F2A0142\n"), nil)
	fci := d.good(apdu.Select(ppseName, false))
	if bytes.Contains(fci, []byte{0xA0, 0, 0, 0, 0x03}) || !bytes.Contains(fci, []byte{0x9F, 0x2A, 0x01, 0x42}) {
		t.Errorf("directory %X", fci)
	}
}

// onlyByTap reports whether a fault does not show by contact.
func onlyByTap(fault string) bool {
	return fault == faultExtraBytes || fault == faultRelayTimes || strings.HasPrefix(fault, "fdda-")
}

// tapTranscript is all a card says in a tap.
func tapTranscript(t *testing.T, p *Profile) []byte {
	t.Helper()
	d := newTapDesk(t, p, nil)
	var out []byte
	send := func(cmd apdu.Command) {
		data, sw := d.exchange(cmd)
		out = append(append(out, data...), sw.SW1(), sw.SW2())
	}
	send(apdu.Select(ppseName, false))
	send(apdu.Select(d.card.applications[0].aid, false))
	send(apdu.GetProcessingOptions(d.dol(d.app().pdol)))
	send(apdu.Command{CLA: 0x80, INS: apdu.INSExchangeRelayResistance, Data: []byte{1, 2, 3, 4}})
	for afl := d.app().afl; len(afl) > 0; afl = afl[4:] {
		for n := afl[1]; n <= afl[2]; n++ {
			send(apdu.ReadRecord(afl[0]>>3, n))
		}
	}
	send(apdu.GenerateAC(apdu.RequestARQC|apdu.RequestCDA, d.dol(d.app().cdol1)))
	return out
}

func TestEveryTapFaultShows(t *testing.T) {
	for _, f := range faults {
		if !onlyByTap(f.name) {
			continue
		}
		text, p := cardWith(t, f.name)
		if bytes.Equal(tapTranscript(t, parse(t, text)), tapTranscript(t, p)) {
			t.Errorf("%s: the card behaves like a good one", f.name)
		}
	}
}

// A status is the whole answer at its step of a tap; a card that leaves there is back after Reset, and where
// it leaves late the command was carried out.
func TestEveryTapStep(t *testing.T) {
	const mastercard = "application mastercard\npan 5555555555554444\ntap-relay 20 60 24\ntap-recovery yes\n"
	commands := func(d *tapDesk) []apdu.Command {
		app := d.card.byTap()[0]
		return []apdu.Command{
			apdu.Select(ppseName, false), apdu.Select(app.aid, false), apdu.GetProcessingOptions(nil),
			{CLA: 0x80, INS: apdu.INSExchangeRelayResistance, Data: []byte{1, 2, 3, 4}},
			apdu.ReadRecord(1, 1), apdu.GetData(0x9F36), {CLA: 0x80, INS: insPutData, P1: 0x9F, P2: 0x75, Data: []byte{1}, Le: apdu.NoLe},
			{CLA: 0x80, INS: apdu.INSRecoverAC, Data: d.values[0x9F37]}, apdu.GenerateAC(apdu.RequestARQC, d.dol(app.cdol1)),
		}
	}
	for at, step := range tapSteps {
		if step == "compute-checksum" {
			continue // of another kind of card, see TestTapStripe
		}
		d := newTapDesk(t, parse(t, "status "+step+" 6F00\n"+mastercard), nil)
		for i, cmd := range commands(d)[:at+1] {
			_, sw := d.exchange(cmd)
			if step != "recover-ac" && tapSteps[i] == "recover-ac" {
				continue // there is nothing to recover
			}
			if want := map[bool]apdu.SW{true: 0x6F00, false: apdu.OK}[i == at]; sw != want {
				t.Errorf("status %s: %s is answered %v", step, tapSteps[i], sw)
			}
		}
		for _, late := range []string{"", " late"} {
			d := newTapDesk(t, parse(t, "tear "+step+late+"\n"+mastercard), nil)
			list := commands(d)
			for i, cmd := range list[:at+1] {
				raw, err := cmd.Bytes()
				if err != nil {
					t.Fatal(err)
				}
				if _, err := d.tap.Exchange(t.Context(), raw); errors.Is(err, ErrTorn) != (i == at) {
					t.Errorf("tear %s%s: %v at %s", step, late, err, tapSteps[i])
				}
			}
			if moved := d.card.session.generated > 0; step == "generate-ac" && moved != (late != "") {
				t.Errorf("tear %s%s: carried out: %v", step, late, moved)
			}
			d.tap.Reset()
			for i, cmd := range list {
				recovered := step == "generate-ac" && late != ""
				if tapSteps[i] == "generate-ac" && recovered {
					continue // the payment was made
				}
				if _, sw := d.exchange(cmd); sw != apdu.OK && (tapSteps[i] != "recover-ac" || recovered) {
					t.Errorf("tear %s%s: afterwards %s is answered %v", step, late, tapSteps[i], sw)
				}
			}
		}
	}
}
