package emvtest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tlv"
)

// paid runs a card up to its ARQC and returns what the kernel would seal.
func paid(t *testing.T, p *Profile) (*desk, map[tlv.Tag][]byte) {
	t.Helper()
	d := newDesk(t, p, nil)
	d.begin()
	return d, d.payment(d.generate(apdu.RequestARQC, false))
}

func TestIssuerAcceptsEveryGoodCard(t *testing.T) {
	issuer := NewIssuer()
	for _, name := range Profiles() {
		p := load(t, name)
		a := p.applications[0]
		if p.t0 || p.blocked || a.blocked || a.firstAC == "aac" || len(a.faults)+len(a.edits)+len(p.conducts) > 0 || a.used != (counters{}) {
			continue
		}
		d, values := paid(t, p)
		r, err := issuer.Check(encode(values))
		if err != nil || r.Verdict != Genuine || r.Reason != "" {
			t.Errorf("%s: %v %s %v", name, r.Verdict, r.Reason, err)
			continue
		}
		if r.Brand != d.app().brand.name || r.Last4 != d.app().pan.last4() || r.ATC != 1 || r.Amount != 1250 || r.Currency != 840 {
			t.Errorf("%s: %+v", name, r)
		}
		if want := a.decline; r.Decision.DeclineCode != want || r.Decision.Approved != (want == "") {
			t.Errorf("%s: decision %+v, want %q", name, r.Decision, want)
		}
	}
}

// Each byte the cryptogram covers, altered, is noticed.
func TestIssuerCatchesAlteredData(t *testing.T) {
	issuer := NewIssuer()
	_, values := paid(t, load(t, "visa"))
	covered := []tlv.Tag{0x82, 0x9F36, 0x9F10, 0x9F26}
	for _, item := range cryptogramTags {
		covered = append(covered, item.Tag)
	}
	for _, tag := range covered {
		for i := range values[tag] {
			r, err := issuer.Check(encode(altered(values, tag, i)))
			if err != nil || r.Verdict != CryptogramMismatch || r.Decision.Approved {
				t.Errorf("%s byte %d: %v %+v %v", tag, i, r.Verdict, r.Decision, err)
			}
		}
	}
	// Another sequence number is another card, another kind of cryptogram another question.
	for _, c := range []struct {
		tag   tlv.Tag
		value byte
	}{{0x5F34, 0x02}, {0x9F27, 0x40}} {
		other := maps.Clone(values)
		other[c.tag] = []byte{c.value}
		if r, err := issuer.Check(encode(other)); err != nil || r.Verdict != CryptogramMismatch {
			t.Errorf("%s: %v %v", c.tag, r.Verdict, err)
		}
	}
}

// The card's side of the same: each byte of the terminal's data is in the cryptogram.
func TestCryptogramCoversEveryInputByte(t *testing.T) {
	reference := newDesk(t, load(t, "visa"), nil)
	reference.begin()
	want := reference.generate(apdu.RequestARQC, false)[0x9F26]
	for _, item := range cryptogramTags {
		for i := range item.Length {
			d := newDesk(t, load(t, "visa"), nil)
			d.begin()
			d.values = altered(d.values, item.Tag, i)
			if got := d.generate(apdu.RequestARQC, false)[0x9F26]; bytes.Equal(got, want) {
				t.Errorf("%s byte %d is not covered", item.Tag, i)
			}
		}
	}
}

func TestIssuerVerdicts(t *testing.T) {
	issuer := NewIssuer()
	_, values := paid(t, load(t, "visa"))
	change := func(tag tlv.Tag, value []byte) map[tlv.Tag][]byte {
		out := maps.Clone(values)
		out[tag] = value
		if tag == 0x5A {
			delete(out, 0x57)
		}
		return out
	}
	declined := newDesk(t, load(t, "card-declines"), nil)
	declined.begin()
	aac := declined.payment(declined.generate(apdu.RequestARQC, false))
	// The second cryptogram of a card, passed off as the request that came before it.
	second := func(request byte) map[tlv.Tag][]byte {
		d, _ := paid(t, load(t, "visa"))
		out := d.payment(d.generate(request, true))
		if got := out[0x9F27][0]; got != request {
			t.Fatalf("asked for %02X, the card gave %02X", request, got)
		}
		out[0x9F27] = []byte{apdu.RequestARQC}
		return out
	}
	iad := func(at int, value byte) []byte {
		b := bytes.Clone(values[0x9F10])
		b[at] = value
		return b
	}
	_, wrong := paid(t, load(t, "broken-cryptogram"))
	_, late := paid(t, load(t, "expired"))

	for _, c := range []struct {
		what    string
		values  map[tlv.Tag][]byte
		verdict Verdict
		code    string
	}{
		{"good", values, Genuine, ""},
		{"good by track 2 alone", change(0x5A, nil), Genuine, ""},
		{"wrong check digit", change(0x5A, fromHex(t, "4242424242424241")), UnknownCard, "invalid_number"},
		{"no brand", change(0x5A, fromHex(t, "9999999999999995")), UnknownCard, "invalid_number"},
		{"another card", change(0x5A, fromHex(t, "4000056655665556")), CryptogramMismatch, "generic_decline"},
		{"foreign application data", change(0x9F10, fromHex(t, "06010A03A00000")), CryptogramMismatch, "generic_decline"},
		{"AAC", aac, NotOnline, "generic_decline"},
		{"AAC of the second command as ARQC", second(apdu.RequestAAC), CryptogramMismatch, "generic_decline"},
		{"TC of the second command as ARQC", second(apdu.RequestTC), CryptogramMismatch, "generic_decline"},
		{"verification results of another length", change(0x9F10, iad(3, 0x04)), CryptogramMismatch, "generic_decline"},
		{"verification results of another length, cryptogram over them", resigned(t, values, iad(3, 0x04)), CryptogramMismatch, "generic_decline"},
		{"the same data signed again", resigned(t, values, values[0x9F10]), Genuine, ""},
		{"wrong cryptogram", wrong, CryptogramMismatch, "generic_decline"},
		{"expired, but the terminal did not say so", late, Genuine, ""},
	} {
		if c.what == "good by track 2 alone" {
			c.values[0x57] = values[0x57]
			delete(c.values, 0x5A)
		}
		r, err := issuer.Check(encode(c.values))
		if err != nil || r.Verdict != c.verdict || r.Decision.DeclineCode != c.code || (r.Reason == "") != (r.Verdict == Genuine) {
			t.Errorf("%s: %v (%s) %+v %v", c.what, r.Verdict, r.Reason, r.Decision, err)
		}
		if text := fmt.Sprintf("%+v", r); strings.Contains(text, "4242424242424242") {
			t.Errorf("%s: the result shows the card number", c.what)
		}
	}

	d := newDesk(t, load(t, "expired"), nil)
	d.values[0x95] = []byte{0, 0x40, 0, 0x80, 0}
	d.begin()
	if r, err := issuer.Check(encode(d.payment(d.generate(apdu.RequestARQC, false)))); err != nil || r.Decision.DeclineCode != "expired_card" {
		t.Errorf("expired and said so: %+v %v", r.Decision, err)
	}
}

// resigned replaces '9F10' and gives the payment the cryptogram that covers the new one.
func resigned(t *testing.T, values map[tlv.Tag][]byte, iad []byte) map[tlv.Tag][]byte {
	t.Helper()
	out := maps.Clone(values)
	out[0x9F10] = iad
	p, err := parsePayment(encode(out))
	if err != nil {
		t.Fatal(err)
	}
	ac := mac(p.sessionKey(brandNamed("visa")), cryptogramInput(p.terminal, p.aip, p.atc, p.iad))
	out[0x9F26] = ac[:]
	return out
}

func TestIssuerRefusesMalformedData(t *testing.T) {
	issuer := NewIssuer()
	_, values := paid(t, load(t, "visa"))
	without := func(tag tlv.Tag) []byte {
		out := maps.Clone(values)
		delete(out, tag)
		return encode(out)
	}
	with := func(tag tlv.Tag, value ...byte) []byte {
		out := maps.Clone(values)
		out[tag] = value
		return encode(out)
	}
	for what, data := range map[string][]byte{
		"nothing": nil, "cut": encode(values)[:20], "no amount": without(0x9F02), "no cryptogram": without(0x9F26),
		"short counter": with(0x9F36, 1), "amount not decimal": with(0x9F02, 0, 0, 0, 0, 0, 0x0A),
		"sequence not decimal": with(0x5F34, 0x0A), "track 2 of another": with(0x57, fromHex(t, "5555555555554444D451220100")...),
		"track 2 without separator": with(0x57, 0x42), "number not decimal": with(0x5A, 0x4A),
		"twice": tlv.Append(encode(values), 0x95, 0, 0, 0, 0, 0),
	} {
		if _, err := issuer.Check(data); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := issuer.Respond(data, [2]byte{'0', '0'}); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: respond: %v", what, err)
		}
	}
}

func TestDecisions(t *testing.T) {
	issuer := NewIssuer()
	const good = "4242424242424242"
	for _, c := range []struct {
		number   string
		amount   int64
		currency uint16
		code     string
	}{
		{good, 1200, 840, ""}, {good, 1201, 840, "call_issuer"}, {good, 1205, 840, "generic_decline"},
		{good, 1265, 840, "withdrawal_count_limit_exceeded"}, {good, 1202, 840, ""}, {good, 1201, 392, ""},
		{good, 1255, 840, "incorrect_pin"}, {good, 1275, 840, "pin_try_exceeded"}, {good, 1203, 840, ""},
		{"4000000000005126", 1200, 840, ""},
		{"4000000000000002", 1200, 840, "generic_decline"},
		{"4000000000009995", 1201, 840, "insufficient_funds"}, // the card decides before the amount
		{"4000000000009987", 1200, 840, "lost_card"}, {"4000000000009979", 1200, 840, "stolen_card"},
		{"4000000000000069", 1200, 840, "expired_card"}, {"4000000000000119", 1200, 840, "processing_error"},
		{"6200000000000047", 1200, 156, ""},
	} {
		d := issuer.Decide(c.number, c.amount, c.currency)
		if d.DeclineCode != c.code || d.Approved != (c.code == "") || d.Approved != (d.ARC == [2]byte{'0', '0'}) {
			t.Errorf("ending in %s, %d of %d: %+v, want %q", c.number[12:], c.amount, c.currency, d, c.code)
		}
	}
	mine := parse(t, "application visa\npan 4111111111111111\nissuer decline lost_card\n")
	if d := NewIssuer(mine).Decide("4111111111111111", 100, 840); d.DeclineCode != "lost_card" {
		t.Errorf("a profile of one's own: %+v", d)
	}
}

// The issuer reads what an untrusted reader sends.
func FuzzIssuer(f *testing.F) {
	issuer := NewIssuer()
	p, err := Load("visa")
	if err != nil {
		f.Fatal(err)
	}
	_, values := paid(&testing.T{}, p)
	f.Add(encode(values))
	f.Add(encode(altered(values, 0x9F02, 3)))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := issuer.Check(data)
		if err != nil && !errors.Is(err, ErrMalformed) {
			t.Fatal(err)
		}
		if r.Decision.Approved && r.Verdict != Genuine {
			t.Fatalf("approved although %v", r.Verdict)
		}
		if response, err := issuer.Respond(data, [2]byte{'0', '0'}); err == nil && len(response) != issuerDataBytes {
			t.Fatalf("%d bytes", len(response))
		}
	})
}
