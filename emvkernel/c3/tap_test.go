package c3_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/c3"
	"smartreader/emvkernel/tap"
	"smartreader/emvkernel/tlv"
)

var (
	aid  = hexBytes("A0000000031010")
	noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
)

func terminal() *emvkernel.Config {
	return &emvkernel.Config{
		Terminal: emvkernel.Terminal{
			Type: 0x22, Capabilities: [3]byte{0x20, 0x68, 0xC8}, AdditionalCapabilities: [5]byte{0x60, 0, 0, 0xA0, 1},
			Country: 840, Languages: []string{"en"},
		},
		CAKeys: caKeys(small()), Test: true,
	}
}

func payment() emvkernel.Params {
	return emvkernel.Params{Amount: 1234, Currency: 978, Exponent: 2, Time: noon, UnpredictableNumber: [4]byte{0xCA, 0xFE, 0xBA, 0xBE}, Counter: 1}
}

// tapped is what a test looks at.
type tapped struct {
	tap.Outcome
	err   error
	shown []tap.UIRequest
	link  *tap.Link
}

// reader is one with a card in its field.
type reader struct {
	kernel c3.Kernel
	cfg    *emvkernel.Config
	params emvkernel.Params
	ttq    [4]byte
	answer *tap.OnlineAnswer
}

// newReader has no limits: the card may approve.
func newReader() *reader {
	return &reader{kernel: c3.Default(), cfg: terminal(), params: payment(), ttq: c3.DefaultTTQ()}
}

// Bits of the TTQ that pre-processing sets, and others that tests need.
func (r *reader) onlineRequired() *reader { r.ttq[1] |= 0x80; return r }
func (r *reader) cvmRequired() *reader    { r.ttq[1] |= 0x40; return r }
func (r *reader) without(b byte) *reader  { r.ttq[0] &^= b; return r }
func (r *reader) with(b byte) *reader     { r.ttq[0] |= b; return r }

const (
	contactChip = 0x10
	offlineOnly = 0x08
	onlinePIN   = 0x04
	signature   = 0x02
	onlineODA   = 0x01
)

// activation is what Entry Point gives the kernel.
func (r *reader) activation(link *tap.Link, fci []byte) *tap.Activation {
	ttq := r.ttq
	ttq[1] = 0 // as configured: what belongs to one payment is not in it
	return &tap.Activation{
		Card: link, Config: r.cfg,
		Combination: &tap.Combination{AID: aid, Kernel: &r.kernel, Brand: "visa", TTQ: &ttq},
		Indicators:  tap.Indicators{HasTTQ: true, TTQ: r.ttq},
		Params:      r.params, AID: aid, FCI: fci, SW: apdu.OK, Start: tap.StartA, Answer: r.answer,
		UI: func(tap.UIRequest) {}, Log: slog.New(slog.DiscardHandler),
	}
}

func (r *reader) tap(t testing.TB, c *card) tapped {
	t.Helper()
	out := tapped{link: tap.NewLink(c)}
	a := r.activation(out.link, c.selection())
	a.UI = func(u tap.UIRequest) { out.shown = append(out.shown, u) }
	out.Outcome, out.err = r.kernel.Activate(t.Context(), a)
	return out
}

// is fails the test unless the outcome is of the kind.
func (o tapped) is(t testing.TB, name string, want tap.OutcomeKind) {
	t.Helper()
	if o.err != nil || o.Kind != want {
		t.Errorf("%s: %v (%s), %v; want %v", name, o.Kind, o.Reason, o.err, want)
	}
}

// value of a data object of the data set, nil if it is not there.
func (o tapped) value(t testing.TB, tag tlv.Tag) []byte {
	t.Helper()
	if o.Reading == nil {
		return nil
	}
	list, err := tlv.Parse(o.Reading.Data())
	if err != nil {
		t.Fatal(err)
	}
	e, ok := tlv.Find(list, tag)
	if !ok {
		return nil
	}
	return e.Value
}

func (o tapped) message(t testing.TB, name string, m tap.Message, s tap.Status) {
	t.Helper()
	if o.UI == nil || o.UI.Message != m || o.UI.Status != s {
		t.Errorf("%s: %v, want message %02X status %02X", name, o.UI, byte(m), byte(s))
	}
}

// A whole online tap: one command, everything in its answer.
func TestOnline(t *testing.T) {
	c := newCard(cidARQC)
	got := newReader().onlineRequired().tap(t, c)
	got.is(t, "online", tap.OnlineRequest)
	if got.CVM != tap.NoCVM || got.Start != tap.NoStart || got.OnlineData != tap.NoOnlineData || got.Restart != nil || got.Receipt || got.FieldOff != 0 {
		t.Errorf("%+v", got.Outcome)
	}
	got.message(t, "online", tap.Authorising, tap.NotReady)
	if got.UI.Languages != "deen" {
		t.Errorf("languages %q", got.UI.Languages)
	}
	if len(got.shown) != 1 || got.shown[0].Message != tap.CardReadOK || got.shown[0].Status != tap.CardReadSuccessfully || got.shown[0].Languages != "deen" {
		t.Errorf("shown %v", got.shown)
	}
	want := hexBytes("80A8000023" + "8321" + "37804000" + "000000001234" + "000000000000" + "0840" + "0000000000" + "0978" + "261122" + "00" + "CAFEBABE" + "00")
	if len(c.sent) != 1 || !bytes.Equal(c.sent[0], want) {
		t.Errorf("sent %X\nwant %X", c.sent, want)
	}
	r := got.Reading
	if data := r.Card(); string(data.PAN) != pan || data.ExpiryYear != 2049 || data.ExpiryMonth != 12 || data.Brand != "visa" || data.PANSequence != "01" {
		t.Errorf("%v %d %d %s", data.Last4, data.ExpiryYear, data.ExpiryMonth, data.Brand)
	}
	if r.Authenticated() || r.AuthenticationMethod() != "none" || r.ClearingData() != nil || r.OnlinePINRequired() {
		t.Errorf("%v %s", r.Authenticated(), r.AuthenticationMethod())
	}
	// The card made its cryptogram when there was nothing to report.
	if r.TVR() != (emvkernel.TVR{}) || !bytes.Equal(got.value(t, 0x95), make([]byte, 5)) {
		t.Errorf("TVR %v", r.TVR())
	}
	if !bytes.Equal(got.value(t, 0x9F66), hexBytes("37804000")) || !bytes.Equal(got.value(t, 0x9F39), []byte{0x07}) {
		t.Errorf("TTQ %X, entry mode %X", got.value(t, 0x9F66), got.value(t, 0x9F39))
	}
	if receipt := r.Receipt(); receipt.ATC != 0x42 || receipt.CVM != "none" || receipt.Label != "VISA CREDIT" || len(receipt.Cryptogram) != 8 {
		t.Errorf("%+v", receipt)
	}
}

// A whole offline tap: the records are read once each, in their order, and no command is sent besides.
func TestOffline(t *testing.T) {
	c := signing(cidTC)
	got := newReader().tap(t, c)
	got.is(t, "offline", tap.Approved)
	got.message(t, "offline", tap.ApprovedMessage, tap.NotReady)
	if !got.Reading.Authenticated() || got.Reading.AuthenticationMethod() != "fDDA" || got.Reading.ClearingData() == nil || got.CVM != tap.NoCVM || got.Receipt {
		t.Errorf("%+v", got.Outcome)
	}
	if !strings.Contains(got.Reason, "genuine") {
		t.Error(got.Reason)
	}
	if n := got.value(t, 0x9F4C); !bytes.Equal(n, hexBytes("55667788")) {
		t.Errorf("ICC dynamic number %X", n)
	}
	var sent []string
	for _, s := range c.sent {
		sent = append(sent, apdu.Name(s))
	}
	want := [][]byte{nil, hexBytes("00B2011400"), hexBytes("00B2021400"), hexBytes("00B2011C00"), hexBytes("00B2021C00")}
	if len(c.sent) != len(want) {
		t.Fatalf("sent %v", sent)
	}
	for i, w := range want {
		if w != nil && !bytes.Equal(c.sent[i], w) {
			t.Errorf("command %d: %X, want %X", i, c.sent[i], w)
		}
	}
	if n, _, _ := got.link.Traffic(); n != 5 {
		t.Errorf("%d commands", n)
	}
}

// The card declines, whatever else it says.
func TestDeclined(t *testing.T) {
	for name, c := range map[string]*card{
		"AAC": newCard(cidAAC), "AAC with a signature": signing(cidAAC), "no such cryptogram": newCard(0xC0), "no such, signed": signing(0xC0),
		"AAC that asks for a PIN": newCard(cidAAC).qualifiers("8000"), "AAC with all bits": signing(cidAAC).qualifiers("FFFF"),
	} {
		for _, r := range []*reader{newReader(), newReader().onlineRequired(), newReader().cvmRequired()} {
			got := r.tap(t, c)
			got.is(t, name, tap.Declined)
			got.message(t, name, tap.NotAuthorised, tap.NotReady)
			if got.CVM != tap.NoCVM || got.Reading == nil || got.OnlineData != tap.NoOnlineData || got.Restart != nil {
				t.Errorf("%s: %+v", name, got.Outcome)
			}
			if strings.HasPrefix(name, "AAC") && got.Reading.AuthenticationMethod() != "none" {
				t.Errorf("%s: time spent on its signature", name)
			}
			c.sent = nil
		}
	}
}

// A card that is gone is to be presented again, at whatever command; the end of the caller's context is an error.
func TestTorn(t *testing.T) {
	for at := 1; at <= 5; at++ {
		c := signing(cidTC)
		c.gone = at
		got := newReader().tap(t, c)
		got.is(t, "torn", tap.TryAgain)
		got.message(t, "torn", tap.PresentCardAgain, tap.StatusProcessingError)
		if got.Start != tap.StartB || got.Restart == nil || got.Restart.Message != tap.PresentCardAgain || got.Restart.Status != tap.ReadyToRead || got.Reading != nil {
			t.Errorf("gone at %d: %+v", at, got.Outcome)
		}
		if len(got.shown) != 0 {
			t.Errorf("gone at %d, shown %v", at, got.shown)
		}
	}
}

func TestCallersMistakes(t *testing.T) {
	r := newReader()
	c := newCard(cidARQC)
	activation := func() *tap.Activation { return r.activation(tap.NewLink(c), c.selection()) }
	for name, change := range map[string]func(*tap.Activation){
		"no TTQ":       func(a *tap.Activation) { a.Indicators.HasTTQ = false },
		"short name":   func(a *tap.Activation) { a.AID = aid[:4] },
		"long name":    func(a *tap.Activation) { a.AID = make([]byte, 17) },
		"without name": func(a *tap.Activation) { a.AID = nil },
	} {
		a := activation()
		change(a)
		if out, err := r.kernel.Activate(t.Context(), a); err == nil || out.Kind != tap.NoOutcome || len(c.sent) != 0 {
			t.Errorf("%s: %v, %v", name, out.Kind, err)
		}
	}
	long := r.activation(tap.NewLink(c), c.selection())
	long.AID = append(aid[:7:7], 1, 2, 3, 4, 5, 6, 7, 8, 9)
	if out, err := r.kernel.Activate(t.Context(), long); err != nil || out.Kind != tap.OnlineRequest {
		t.Errorf("name of 16 bytes: %v, %v", out.Kind, err)
	}
	ctx, cancel := withCancel(t)
	c.change = func(int, []byte) []byte { cancel(); return status(apdu.OK) }
	if out, err := r.kernel.Activate(ctx, activation()); !errors.Is(err, ctx.Err()) || out.Kind != tap.NoOutcome {
		t.Errorf("context ended: %v, %v", out.Kind, err)
	}
}
