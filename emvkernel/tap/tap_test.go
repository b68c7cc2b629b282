package tap_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/oda"
	"smartreader/emvkernel/tap"
	"smartreader/emvkernel/tlv"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// script answers commands with what stands for them; others with 6D00.
type script map[string]string

func (s script) Transceive(ctx context.Context, command []byte) ([]byte, error) {
	answer, ok := s[fmt.Sprintf("%X", command)]
	switch {
	case !ok:
		return []byte{0x6D, 0x00}, nil
	case answer == "gone":
		return nil, errGone
	}
	b, _ := hex.DecodeString(strings.ReplaceAll(answer, " ", ""))
	return b, nil
}

var errGone = errors.New("the card left")

func activation(card emvkernel.Transceiver) *tap.Activation {
	return &tap.Activation{
		Card: tap.NewLink(card), AID: []byte{0xA0, 0, 0, 0, 3, 0x10, 0x10},
		Config: &emvkernel.Config{Terminal: emvkernel.Terminal{Type: 0x22, Country: 840, Capabilities: [3]byte{0xE0, 0xF8, 0xC8}, AdditionalCapabilities: [5]byte{0x60, 0, 0, 0xA0, 1}}},
		Params: emvkernel.Params{Amount: 1250, Currency: 840, Exponent: 2, Time: time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC),
			UnpredictableNumber: [4]byte{1, 2, 3, 4}},
		Combination: &tap.Combination{Brand: "visa"},
	}
}

func TestLink(t *testing.T) {
	long := strings.Repeat("00", 256) + "9000"
	link := tap.NewLink(script{"00B2010C00": "7000 9000", "00B2020C00": "gone", "00B2030C00": "90", "00B2040C00": long, "00B2050C00": "00" + long})
	for record, want := range map[byte]error{1: nil, 2: errGone, 3: tap.ErrUnreadable, 4: nil, 5: tap.ErrUnreadable} {
		if _, err := link.Send(t.Context(), apdu.ReadRecord(1, record)); !errors.Is(err, want) {
			t.Errorf("record %d: %v, want %v", record, err, want)
		}
	}
	if commands, sent, received := link.Traffic(); commands != 5 || sent != 25 || received != 4+1+258+259 {
		t.Errorf("traffic %d, %d, %d", commands, sent, received)
	}
	if _, err := link.Send(t.Context(), apdu.GenerateAC(0x80, make([]byte, 256))); !errors.Is(err, tap.ErrTooMuch) {
		t.Errorf("a command of 256 bytes: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := link.Send(ctx, apdu.ReadRecord(1, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
	if link.Measures() {
		t.Error("a card without a clock measures")
	}
	endless := tap.NewLink(script{"00B2010C00": "7000 9000"})
	var err error
	n := 0
	for ; err == nil; n++ {
		_, err = endless.Send(t.Context(), apdu.ReadRecord(1, 1))
	}
	if !errors.Is(err, tap.ErrTooMuch) || n > 300 {
		t.Errorf("after %d commands: %v", n, err)
	}
}

// timed is a card whose first record is read against the clock.
type timed struct {
	script
	t *testing.T
}

func (c timed) TransceiveTimed(ctx context.Context, command []byte) ([]byte, time.Duration, bool, error) {
	if command[2] != 1 {
		c.t.Errorf("%X was measured", command)
	}
	answer, err := c.Transceive(ctx, command)
	return answer, 7 * time.Millisecond, true, err
}

func TestLinkTimes(t *testing.T) {
	commands := script{"00B2010C00": "7000 9000", "00B2020C00": "7000 9000"}
	link := tap.NewLink(timed{commands, t})
	if _, took, ok, err := link.SendTimed(t.Context(), apdu.ReadRecord(1, 1)); took != 7*time.Millisecond || !ok || err != nil || !link.Measures() {
		t.Errorf("%v, %v, %v", took, ok, err)
	}
	// Other commands are not measured: some hardware is slower at it.
	if r, err := link.Send(t.Context(), apdu.ReadRecord(1, 2)); r.SW != apdu.OK || err != nil {
		t.Errorf("%v, %v", r, err)
	}
	// What software could measure is no time.
	if _, took, ok, err := tap.NewLink(commands).SendTimed(t.Context(), apdu.ReadRecord(1, 1)); took != 0 || ok || err != nil {
		t.Errorf("without a clock: %v, %v, %v", took, ok, err)
	}
}

// others are the data objects that no card may give: the terminal's, the payment's, the issuer's, and those that
// Entry Point and kernel know better.
var others = []tlv.Tag{
	0x9F01, 0x9F15, 0x9F16, 0x9F1A, 0x9F1C, 0x9F1E, 0x9F33, 0x9F35, 0x9F40, 0x9F4E, 0x9F09, 0x9F1B, 0x9F1D, 0x9F22, // terminal
	0x81, 0x9F02, 0x9F03, 0x9F04, 0x5F2A, 0x5F36, 0x9A, 0x9F21, 0x9C, 0x9F41, 0x9F37, 0x9F39, 0x9F66, // payment
	0x5F57, 0x9F3A, 0x9F3C, 0x9F3D, 0x99,
	0x8A, 0x91, 0x71, 0x72, 0x86, 0x89, // issuer
	0x84, 0x9F06, 0x95, 0x9B, 0x9F34, 0x98, 0x9F5B, // found here
	0xDF811B, // the kernel's own
}

// The card can give neither the terminal's, nor the payment's, nor the kernel's objects: in no template, nor in one
// inside it, nor again.
func TestObjectsHaveOwners(t *testing.T) {
	a := activation(nil)
	a.Indicators = tap.Indicators{HasTTQ: true, TTQ: [4]byte{0x26, 0, 0x80, 0}}
	o := tap.NewObjects(a, 0xDF811B)
	for _, tag := range others {
		was := bytes.Clone(o.Get(tag))
		if !o.Owned(tag) {
			t.Errorf("%s is nobody's", tag)
		}
		lie := tlv.Append(nil, tag, 0xEE)
		inner := append(append(bytes.Clone(lie), lie...), tlv.Append(nil, 0xBF0C, lie...)...)
		for _, template := range []tlv.Tag{0x70, 0x77, 0xA5} {
			if err := o.FromTemplate(tlv.Append(nil, template, inner...), template); err != nil {
				t.Errorf("%s in %s: %v", tag, template, err)
			}
		}
		if !bytes.Equal(o.Get(tag), was) {
			t.Errorf("the card wrote %s", tag)
		}
	}
	for tag, want := range map[tlv.Tag]string{
		0x9F02: "000000001250", 0x9A: "260304", 0x9F37: "01020304", 0x9F1A: "0840", 0x9F39: "07", 0x9F66: "26008000",
		0x9F33: "E068C8", // no offline PIN
	} {
		if got := o.Get(tag); !bytes.Equal(got, unhex(t, want)) {
			t.Errorf("%s is %X, want %s", tag, got, want)
		}
	}
	if err := o.FromCard(tlv.Element{Tag: 0x9F10}); err != nil || !o.Has(0x9F10) {
		t.Error("an empty object of the card is lost")
	}
	if err := o.FromCard(tlv.Element{Tag: 0x9F10, Value: []byte{1}}); !errors.Is(err, tap.ErrTwice) {
		t.Errorf("given twice: %v", err)
	}
	if err := o.FromCard(tlv.Element{Tag: 0xBF0C, Value: []byte{1}}); err != nil || o.Has(0xBF0C) {
		t.Error("a template was kept")
	}
	if err := o.FromTemplate(tlv.Append(nil, 0x70, unhex(t, "9F36020001 9F36020002")...), 0x70); !errors.Is(err, tap.ErrTwice) || !bytes.Equal(o.Get(0x9F36), []byte{0, 1}) {
		t.Errorf("given twice in one template: %v", err)
	}
	o.Release(0x9F66) // to this kernel it is something of the card's
	if err := o.FromCard(tlv.Element{Tag: 0x9F66, Value: []byte{0, 7}}); err != nil || !bytes.Equal(o.Get(0x9F66), []byte{0, 7}) {
		t.Errorf("a tag that was released: %v", err)
	}
	o.Release(0x9F02)
	if !o.Owned(0x9F02) || len(o.Get(0x9F02)) != 6 {
		t.Error("the amount was given away")
	}
	o.Set(0xDF811B, 0x20)
	if !bytes.Equal(o.Get(0xDF811B), []byte{0x20}) || !o.Owned(0xDF811B) || o.Owned(0x57) {
		t.Error("the kernel's own object")
	}
	a.Params.NoOnlinePIN = true
	o = tap.NewObjects(a)
	if got := o.Get(0x9F33)[1]; got != 0x28 {
		t.Errorf("without an online PIN '9F33' byte 2 is %02X", got)
	}
	if got := o.Get(0x9F66)[0]; got != 0x22 {
		t.Errorf("without an online PIN the TTQ begins with %02X", got)
	}

	// Configuration and payment are shared with others.
	for _, tag := range []tlv.Tag{0x9F33, 0x9F40, 0x9F37, 0x9F66, 0x9F1A, 0x9F35} {
		clear(o.Get(tag))
	}
	if fresh := activation(nil); a.Config.Terminal.Capabilities != fresh.Config.Terminal.Capabilities ||
		a.Config.Terminal.AdditionalCapabilities != fresh.Config.Terminal.AdditionalCapabilities ||
		a.Params.UnpredictableNumber != fresh.Params.UnpredictableNumber || a.Indicators.TTQ != [4]byte{0x26, 0, 0x80, 0} {
		t.Error("the objects have memory of the configuration")
	}
}

// Wipe overwrites all that the card said, also what was not kept of it.
func TestObjectsAreWiped(t *testing.T) {
	for name, template := range map[string]string{
		"kept":            "7012 5A084242424242424242 5F2006412F42202020",
		"twice":           "7014 5A084242424242424242 5A084242424242424242",
		"owned":           "700B 9F2108424242424242424242",
		"in a template":   "700B 61095A074242424242424242",
		"cut short":       "7009 5A084242424242",
		"behind":          "7002 5000 5A0442424242",
		"not of the kind": "770A 5A084242424242424242",
	} {
		o := tap.NewObjects(activation(nil))
		data := unhex(t, template)
		_ = o.FromTemplate(data, 0x70)
		o.Wipe()
		if !bytes.Equal(data, make([]byte, len(data))) || o.Has(0x5A) || o.Has(0x5F20) {
			t.Errorf("%s: %X is left", name, data)
		}
	}
}

func TestReadRecords(t *testing.T) {
	for name, test := range map[string]struct {
		answers script
		want    error
	}{
		"good":               {script{"00B2010C00": "7003 5A0112 9000", "00B2020C00": "7004 5F340101 9000", "00B2015C00": "1234 9000"}, nil},
		"status word":        {script{"00B2010C00": "6A83"}, apdu.RecordNotFound},
		"other template":     {script{"00B2010C00": "7703 5A0112 9000"}, tap.ErrMalformed},
		"something behind":   {script{"00B2010C00": "7003 5A0112 00 9000"}, tap.ErrMalformed},
		"malformed inside":   {script{"00B2010C00": "7003 5A0512 9000"}, tap.ErrMalformed},
		"twice":              {script{"00B2010C00": "7003 5A0112 9000", "00B2020C00": "7003 5A0112 9000"}, tap.ErrTwice},
		"gone in the middle": {script{"00B2010C00": "7003 5A0112 9000", "00B2020C00": "gone"}, errGone},
	} {
		t.Run(name, func(t *testing.T) {
			link := tap.NewLink(test.answers)
			o := tap.NewObjects(activation(nil))
			var static oda.StaticData
			err := o.ReadRecords(t.Context(), link, []apdu.File{{SFI: 1, First: 1, Last: 2, Signed: 1}, {SFI: 11, First: 1, Last: 1}}, &static)
			if !errors.Is(err, test.want) {
				t.Fatalf("got %v, want %v", err, test.want)
			}
			if test.want != nil {
				return
			}
			if signed, err := static.Bytes(nil, false, nil); err != nil || !bytes.Equal(signed, unhex(t, "5A0112")) {
				t.Errorf("signed is %X, %v", signed, err)
			}
			if !bytes.Equal(o.Get(0x5F34), []byte{1}) {
				t.Error("second record not kept")
			}
			if commands, _, _ := link.Traffic(); commands != 3 {
				t.Errorf("%d commands for three records", commands)
			}
			o.Wipe()
			if o.Has(0x5A) {
				t.Error("not wiped")
			}
		})
	}
}

func TestReading(t *testing.T) {
	read := func(change func(*tap.Objects)) (*tap.Reading, bool) {
		o := tap.NewObjects(activation(nil))
		for tag, value := range map[tlv.Tag]string{
			0x57: "4242424242424242D31122010000000F", 0x5F34: "01", 0x9F26: "1122334455667788", 0x9F36: "0007", 0x9F27: "80", 0x9F10: "06",
			0x50: "56495341", 0x5F2D: "6465", 0x9F19: "040012345678", 0x5F20: "4142",
		} {
			if err := o.FromCard(tlv.Element{Tag: tag, Value: unhex(t, value)}); err != nil {
				t.Fatal(err)
			}
		}
		if change != nil {
			change(o)
		}
		return tap.NewReading(o, tap.Facts{CVM: tap.NoCVM, Authenticated: true, Method: "fDDA", Device: "phone", TVR: emvkernel.TVR{0, 0x40}})
	}
	r, ok := read(nil)
	if !ok {
		t.Fatal("no reading")
	}
	c := r.Card()
	if string(c.PAN) != "4242424242424242" || c.Last4 != "4242" || c.ExpiryYear != 2031 || c.ExpiryMonth != 12 || c.Brand != "visa" ||
		c.PANSequence != "01" || c.Label != "VISA" || c.Languages != "de" {
		t.Errorf("card: last four %s, expiry %d-%d, brand %s, sequence %s, label %s, languages %s",
			c.Last4, c.ExpiryYear, c.ExpiryMonth, c.Brand, c.PANSequence, c.Label, c.Languages)
	}
	if rec := r.Receipt(); rec.ATC != 7 || rec.CVM != "none" || !bytes.Equal(rec.Cryptogram, unhex(t, "1122334455667788")) || rec.TVR.String() != "0040000000" {
		t.Errorf("receipt: %+v", rec)
	}
	if r.TokenRequestor() != "40012345678" || r.Device() != "phone" || !r.Authenticated() || r.AuthenticationMethod() != "fDDA" || r.ClearingData() != nil || r.OnlinePINRequired() {
		t.Error("facts are lost")
	}
	data := map[tlv.Tag][]byte{}
	for e, err := range tlv.All(r.ACData()) {
		if err != nil {
			t.Fatal(err)
		}
		data[e.Tag] = e.Value
	}
	for _, tag := range []tlv.Tag{0x9F26, 0x9F27, 0x9F36, 0x9F10, 0x9F37, 0x95, 0x9A, 0x9C, 0x9F02, 0x5F2A, 0x9F1A, 0x84, 0x57, 0x5F34, 0x9F39, 0x9F19} {
		if len(data[tag]) == 0 {
			t.Errorf("the data set lacks %s", tag)
		}
	}
	for _, shown := range []string{fmt.Sprintf("%v %+v %#v", r, r, *r), slogged(r)} {
		if strings.Contains(shown, "4242") {
			t.Error("a reading prints its card")
		}
	}
	if r.Decision() != apdu.RequestARQC || r.MagneticStripe() || r.CVM() != tap.NoCVM || r.TVR().String() != "0040000000" || r.TSI().String() != "0000" {
		t.Error("decision, verification or results are lost")
	}
	pan, track, holder, set := c.PAN, c.Track2, c.CardholderName, r.ACData()
	r.Wipe()
	for _, secret := range []emvkernel.Secret{pan, track, holder} {
		if len(secret) == 0 || !bytes.Equal(secret, make([]byte, len(secret))) {
			t.Error("Wipe left a secret")
		}
	}
	if len(r.ACData()) > 0 || len(r.Data()) > 0 || r.Card().Last4 != "" || len(r.Receipt().Cryptogram) > 0 || r.Decision() != apdu.RequestAAC {
		t.Error("Wipe left data")
	}
	if len(set) == 0 || bytes.Equal(set, make([]byte, len(set))) {
		t.Error("Wipe took a copy that is the caller's")
	}
	r.Wipe()
	(*tap.Reading)(nil).Wipe()

	for name, change := range map[string]func(*tap.Objects){
		"another number than the track's": func(o *tap.Objects) { o.FromCard(tlv.Element{Tag: 0x5A, Value: unhex(t, "5555555555554444")}) },
		"month 13": func(o *tap.Objects) {
			o.Set(0x57, unhex(t, "4242424242424242D31132010000000F")...)
		},
		"no account": func(o *tap.Objects) { o.Set(0x57) },
		"sequence of letters": func(o *tap.Objects) {
			o.Set(0x5F34, 0x0A)
		},
	} {
		if _, ok := read(change); ok {
			t.Errorf("%s: there is a reading", name)
		}
	}
	if r, ok := read(func(o *tap.Objects) { o.Set(0x9F27, 0x40) }); !ok || r.ClearingData() == nil || r.Decision() != apdu.RequestTC {
		t.Error("an approval has no clearing data")
	}
	for _, id := range []string{"140012345678", "04001234567A", "0400123456", "04001234567800", ""} {
		if r, ok := read(func(o *tap.Objects) { o.Set(0x9F19, unhex(t, id)...) }); !ok || r.TokenRequestor() != "" {
			t.Errorf("token requestor %q of %s", r.TokenRequestor(), id)
		}
	}
}

// A reading lives on its own: what becomes of the objects, or of another tap with the same card, is nothing to it.
func TestReadingIsACopy(t *testing.T) {
	tapped := func(number string) (*tap.Objects, *tap.Reading) {
		o := tap.NewObjects(activation(nil))
		if err := o.FromTemplate(tlv.Append(nil, 0x70, unhex(t, "5A08"+number+"5F2403271231 9F2608 1122334455667788 5F2003414243")...), 0x70); err != nil {
			t.Fatal(err)
		}
		r, ok := tap.NewReading(o, tap.Facts{})
		if !ok {
			t.Fatal("no reading")
		}
		return o, r
	}
	o, first := tapped("4242424242424242")
	for _, shown := range []string{fmt.Sprintf("%v %+v %#v %x", o, o, *o, *o), slogged(o), slogged(*o)} {
		if !strings.Contains(shown, "tap.Objects") || strings.Contains(shown, "4242") || strings.Contains(shown, "66 66") {
			t.Errorf("objects print: %s", shown)
		}
	}
	_, second := tapped("5555555555554444")
	o.Wipe()
	second.Wipe()
	c := first.Card()
	if string(c.PAN) != "4242424242424242" || string(c.CardholderName) != "ABC" || !bytes.Contains(first.ACData(), unhex(t, "5A084242424242424242")) ||
		!bytes.Contains(first.Data(), unhex(t, "5A084242424242424242")) || !bytes.Equal(first.Receipt().Cryptogram, unhex(t, "1122334455667788")) {
		t.Error("the reading went with the objects")
	}
}

func slogged(v any) string {
	var out bytes.Buffer
	withoutTime := func(_ []string, a slog.Attr) slog.Attr { // which may have any digits
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{ReplaceAttr: withoutTime})).Info("a", "v", v)
	return out.String()
}

func TestUIRequestBytes(t *testing.T) {
	r := tap.UIRequest{Message: tap.CardReadOK, Status: tap.CardReadSuccessfully, Hold: 1300 * time.Millisecond, Languages: "deen",
		Qualifier: tap.Amount, Value: 1250, Currency: 978}
	if want := unhex(t, "17 04 000013 6465656E00000000 10 000000001250 0978"); !bytes.Equal(r.Bytes(), want) {
		t.Errorf("%X, want %X", r.Bytes(), want)
	}
}

func TestElsewhere(t *testing.T) {
	k := tap.Elsewhere(tap.KernelAmex)
	o, err := k.Activate(t.Context(), &tap.Activation{Combination: &tap.Combination{Brand: "amex"}})
	if err != nil || o.Kind != tap.TryAnotherInterface || o.AlternateInterface != tap.Contact || o.UI.Message != tap.InsertCard || k.ID() != 4 {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestLimitsIn(t *testing.T) {
	five, any := int64(500), int64(1)
	list := []tap.Limits{{Currency: 978, Transaction: &five}, {Transaction: &any}}
	if l, ok := tap.LimitsIn(list, 978); !ok || *l.Transaction != 500 {
		t.Error("of the currency")
	}
	if l, ok := tap.LimitsIn(list, 840); !ok || *l.Transaction != 1 {
		t.Error("of any currency")
	}
	if _, ok := tap.LimitsIn(list[:1], 840); ok {
		t.Error("of none")
	}
}

func FuzzTemplate(f *testing.F) {
	f.Add([]byte{0x70, 0x03, 0x5A, 0x01, 0x12})
	f.Add([]byte{0x77, 0x81, 0x00})
	f.Add([]byte{0x70, 0x06, 0x5A, 0x01, 0x12, 0x5A, 0x01, 0x12})
	for _, tag := range others {
		f.Add(tlv.Append(nil, 0x70, tlv.Append(tlv.Append(nil, tag, 0xEE), 0xBF0C, tlv.Append(nil, tag, 0xEE)...)...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		o := tap.NewObjects(activation(nil), 0xDF811B)
		before := make([][]byte, len(others))
		for i, tag := range others {
			before[i] = bytes.Clone(o.Get(tag))
		}
		raw := bytes.Clone(b) // which is not ours to change
		if err := o.FromTemplate(raw, 0x70); err == nil && (len(b) < 2 || b[0] != 0x70) {
			t.Error("took what is no template")
		}
		for i, tag := range others {
			if !bytes.Equal(o.Get(tag), before[i]) {
				t.Errorf("the card wrote %s", tag)
			}
		}
		r, ok := tap.NewReading(o, tap.Facts{})
		if ok && (len(r.Card().PAN) < 8 || len(r.Card().PAN) > 19) {
			t.Errorf("an account of %d digits", len(r.Card().PAN))
		}
		r.Wipe()
		o.Wipe()
		if !bytes.Equal(raw, make([]byte, len(raw))) {
			t.Error("not all of it was wiped")
		}
	})
}
