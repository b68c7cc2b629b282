package c2_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/c2"
	"smartreader/emvkernel/tap"
	"smartreader/emvkernel/tlv"
)

func expect(t *testing.T, out tap.Outcome, kind tap.OutcomeKind) {
	t.Helper()
	if out.Kind != kind {
		t.Fatalf("%v (%s), want %v", out.Kind, out.Reason, kind)
	}
}

func TestOnlineRequest(t *testing.T) {
	b, c := newBench(t), newCard(t)
	c.fci.set(0x9F38, "9F1D08 9F3501 DF811701 9F3303")
	out := b.tap(c)
	expect(t, out, tap.OnlineRequest)
	if *out.UI != (tap.UIRequest{Message: tap.Authorising, Languages: "deen"}) || out.CVM != tap.NoCVM || out.Receipt || out.FieldOff != 0 || out.OnlineData != 0 {
		t.Errorf("parameters %+v", out)
	}
	if len(b.shown) != 1 || b.shown[0].Status != tap.CardReadSuccessfully {
		t.Errorf("shown %v", b.shown)
	}
	r := out.Reading
	if !r.Authenticated() || r.AuthenticationMethod() != "CDA" || r.CVM() != tap.NoCVM {
		t.Error("not authenticated by CDA")
	}
	if got := value(t, r, 0x9F26); got != "1122334455667788" {
		t.Errorf("cryptogram %s", got)
	}
	if got := value(t, r, 0x95); got != "0000008001" || r.TVR().String() != strings.ToUpper(got) {
		t.Errorf("TVR %s: want floor limit exceeded and relay resistance not performed", got)
	}
	if r.TSI().String() != "E000" || value(t, r, 0x9F4C) != "0102030405060708" || value(t, r, 0x9F36) != "0001" || !strings.HasPrefix(value(t, r, 0x9F10), "0110a000") {
		t.Errorf("TSI %v", r.TSI())
	}
	if got := value(t, r, 0x82); got != "1980" {
		t.Errorf("AIP %s", got)
	}
	if got := value(t, r, 0x9F39); got != "07" {
		t.Errorf("entry mode %s", got)
	}
	list, err := tlv.Parse(r.Data())
	if err != nil {
		t.Fatal(err)
	}
	if e, _ := tlv.Find(list, 0x94); hex.EncodeToString(e.Value) != "1001010118010200" {
		t.Errorf("AFL %X", e.Value)
	}
	card := r.Card()
	if string(card.PAN) != "5413330089010434" || card.Last4 != "0434" || card.Brand != "mastercard" || card.Languages != "deen" {
		t.Error("card data")
	}
	if got := hex.EncodeToString(c.pdolData); got != "0000000000000000"+"22"+"20"+"200008" {
		t.Errorf("PDOL data %s", got)
	}
	commands, sent, received := b.link.Traffic()
	t.Logf("%d commands, %d bytes sent, %d received", commands, sent, received)
	if commands != 5 {
		t.Errorf("%d commands, want 5", commands)
	}
	r.Wipe()
}

// EMV fact 30: Book C-2 counts strictly ">" for all limits.
func TestLimits(t *testing.T) {
	for _, test := range []struct {
		name     string
		amount   int64
		phone    bool
		want     tap.OutcomeKind
		cvm      tap.CVM
		tvr      string
		verified string // '9F34'
	}{
		{"at the floor limit", 1000, false, tap.Approved, tap.NoCVM, "0000000001", "1f0302"},
		{"over the floor limit", 1001, false, tap.OnlineRequest, tap.NoCVM, "0000008001", "1f0302"},
		{"at the CVM limit", 5000, false, tap.OnlineRequest, tap.NoCVM, "0000008001", "1f0302"},
		{"over the CVM limit", 5001, false, tap.OnlineRequest, tap.OnlinePIN, "0000048001", "420300"},
		{"at the transaction limit", 20000, false, tap.OnlineRequest, tap.OnlinePIN, "0000048001", "420300"},
		{"over the transaction limit", 20001, false, tap.SelectNext, 0, "", ""},
		{"phone at the CVM limit", 5000, true, tap.OnlineRequest, tap.NoCVM, "0000008001", "3f0002"},
		{"phone over the CVM limit", 5001, true, tap.OnlineRequest, tap.ConfirmationCodeVerified, "0000008001", "010002"},
		{"phone over the other limit", 20001, true, tap.OnlineRequest, tap.ConfirmationCodeVerified, "0000008001", "010002"},
		{"phone at its transaction limit", 50000, true, tap.OnlineRequest, tap.ConfirmationCodeVerified, "0000008001", "010002"},
		{"phone over its transaction limit", 50001, true, tap.SelectNext, 0, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			b, c := newBench(t), newCard(t)
			b.params.Amount = test.amount
			b.kernel.Limits[0].Floor = amount(1000)
			c.kind = 0x40
			if test.phone {
				c.aip[0] |= 0x02
			}
			out := b.tap(c)
			expect(t, out, test.want)
			if out.Kind == tap.SelectNext {
				if got := errorIndication(t, out); got[1] != 0x05 || out.Start != tap.StartC || c.sent(apdu.INSGenerateAC) != 0 {
					t.Errorf("error indication %X, start %v", got, out.Start)
				}
				return
			}
			if out.CVM != test.cvm || out.Receipt != (test.amount > 5000) {
				t.Errorf("CVM %v, receipt %v", out.CVM, out.Receipt)
			}
			if got := value(t, out.Reading, 0x95); got != test.tvr {
				t.Errorf("TVR %s, want %s", got, test.tvr)
			}
			if got := value(t, out.Reading, 0x9F34); got != test.verified {
				t.Errorf("CVM results %s, want %s", got, test.verified)
			}
		})
	}
}

func TestLimitsOfOtherCurrencies(t *testing.T) {
	b := newBench(t)
	b.params.Currency = 978
	expect(t, b.tap(newCard(t)), tap.SelectNext)
	b.kernel.Limits[0].Currency = 0
	expect(t, b.tap(newCard(t)), tap.OnlineRequest)
	// Without any: no limit to the amount, but all are online and verified.
	b.kernel.Limits = nil
	b.params.Amount = 1
	c := newCard(t)
	c.kind = 0x40
	out := b.tap(c)
	expect(t, out, tap.OnlineRequest)
	if out.CVM != tap.OnlinePIN {
		t.Errorf("CVM %v", out.CVM)
	}
	// Without the phone's switch its verification does not count.
	b.kernel.OnDeviceCVM = false
	c = newCard(t)
	c.aip[0] |= 0x02
	if out := b.tap(c); out.CVM != tap.OnlinePIN {
		t.Errorf("CVM %v", out.CVM)
	}
}

func TestApproved(t *testing.T) {
	offline := func() (*bench, *card) {
		b, c := newBench(t), newCard(t)
		b.kernel.Limits[0].Floor = amount(1000)
		c.kind = 0x40
		return b, c
	}
	b, c := offline()
	out := b.tap(c)
	expect(t, out, tap.Approved)
	if out.UI.Message != tap.ApprovedMessage || out.UI.Hold != 1300*time.Millisecond || out.Reading.ClearingData() == nil {
		t.Errorf("%+v", out.UI)
	}
	// A signature is asked for with its own message.
	b, c = offline()
	b.kernel.CVMCapabilityNotRequired = 0x20
	out = b.tap(c)
	expect(t, out, tap.Approved)
	if out.UI.Message != tap.ApprovedSign || out.CVM != tap.ObtainSignature || !out.Receipt {
		t.Errorf("%+v", out.UI)
	}
	for _, test := range []struct {
		name string
		do   func(*bench, *card)
		want tap.OutcomeKind
	}{
		{"cash", func(b *bench, _ *card) { b.params.Type = 0x01 }, tap.OnlineRequest},
		{"cashback", func(b *bench, _ *card) { b.params.Cashback = 100 }, tap.OnlineRequest},
		{"no offline approval", func(b *bench, _ *card) { b.params.NoOfflineApproval = true }, tap.OnlineRequest},
		{"forced online", func(b *bench, _ *card) { b.params.ForceOnline = true }, tap.OnlineRequest},
		{"zero", func(b *bench, _ *card) { b.params.Amount = 0 }, tap.OnlineRequest},
		{"least amount", func(b *bench, _ *card) { b.params.Amount = 1 }, tap.Approved},
		{"exception file", func(b *bench, _ *card) {
			b.params.ExceptionFile = func(pan emvkernel.Secret, sequence string) bool {
				return string(pan) == "5413330089010434" && sequence == "01"
			}
		}, tap.OnlineRequest},
		{"exception file of others", func(b *bench, _ *card) {
			b.params.ExceptionFile = func(emvkernel.Secret, string) bool { return false }
		}, tap.Approved},
		{"online PIN", func(b *bench, _ *card) { b.kernel.CVMCapabilityNotRequired = 0x40 }, tap.OnlineRequest},
		{"card without CDA", func(_ *bench, c *card) { c.aip = unhex("1880") }, tap.OnlineRequest},
		{"terminal without CDA", func(b *bench, _ *card) { b.kernel.SecurityCapability = 0 }, tap.OnlineRequest},
		{"no key of the authority", func(b *bench, _ *card) { b.config.CAKeys = nil }, tap.OnlineRequest},
		{"online-only terminal", func(b *bench, _ *card) { b.config.Terminal.Type = 0x21 }, tap.OnlineRequest},
		{"online-only machine", func(b *bench, _ *card) { b.config.Terminal.Type = 0x24 }, tap.OnlineRequest},
		{"machine", func(b *bench, _ *card) { b.config.Terminal.Type = 0x25 }, tap.Approved},
		{"offline-only terminal", func(b *bench, _ *card) { b.config.Terminal.Type = 0x23 }, tap.Approved},
		{"offline-only machine", func(b *bench, _ *card) { b.config.Terminal.Type = 0x26 }, tap.Approved},
		{"offline-only machine, cash", func(b *bench, _ *card) {
			b.config.Terminal.Type = 0x26
			b.params.Type = 0x01
		}, tap.TryAnotherInterface},
		{"offline-only terminal, expired", func(b *bench, c *card) {
			b.config.Terminal.Type = 0x23
			c.static.set(0x5F24, "260313")
		}, tap.TryAnotherInterface},
		{"offline-only terminal, cash", func(b *bench, c *card) {
			b.config.Terminal.Type = 0x23
			b.params.Type = 0x01
		}, tap.TryAnotherInterface},
		{"action code of the terminal", func(b *bench, _ *card) { b.kernel.TACOnline[4] = 0x01 }, tap.OnlineRequest},
		{"action code of the issuer", func(_ *bench, c *card) { c.static.set(0x9F0F, "0000000001") }, tap.OnlineRequest},
		{"no action codes", func(_ *bench, c *card) { c.static.drop(0x9F0D, 0x9F0E, 0x9F0F) }, tap.Approved},
		{"denial of the terminal", func(b *bench, _ *card) { b.kernel.TACDenial[4] = 0x01 }, tap.TryAnotherInterface},
		{"denial of the issuer", func(_ *bench, c *card) { c.static.set(0x9F0E, "0000000001") }, tap.TryAnotherInterface},
	} {
		t.Run(test.name, func(t *testing.T) {
			b, c := offline()
			b.t, c.t = t, t
			test.do(b, c)
			out := b.tap(c)
			expect(t, out, test.want)
			if test.want == tap.TryAnotherInterface && !strings.HasPrefix(out.Reason, "terminal declined") {
				t.Error(out.Reason)
			}
			want := byte(0x50)
			switch test.want {
			case tap.OnlineRequest:
				want = 0x90
			case tap.TryAnotherInterface:
				want = 0x00
			}
			if got := c.command(apdu.INSGenerateAC).P1; got|0x10 != want|0x10 {
				t.Errorf("asked for %02X, want %02X", got, want)
			}
		})
	}
}

func TestDeclined(t *testing.T) {
	for _, test := range []struct {
		name  string
		do    func(*bench, *card)
		want  tap.OutcomeKind
		shows tap.Message
	}{
		{"plastic card", func(*bench, *card) {}, tap.TryAnotherInterface, tap.InsertCard},
		{"says it is a card", func(_ *bench, c *card) { c.static.set(0x9F6E, "084000003030") }, tap.TryAnotherInterface, tap.InsertCard},
		{"phone", func(_ *bench, c *card) { c.static.set(0x9F6E, "084000003031") }, tap.Declined, tap.NotAuthorised},
		{"does not say what it is", func(_ *bench, c *card) { c.static.set(0x9F6E, "084080003031") }, tap.TryAnotherInterface, tap.InsertCard},
		{"reader without contacts", func(b *bench, _ *card) { b.kernel.CardDataInput = 0 }, tap.Declined, tap.NotAuthorised},
		{"refund", func(b *bench, _ *card) { b.params.Type = 0x20 }, tap.EndApplication, tap.ClearDisplay},
	} {
		t.Run(test.name, func(t *testing.T) {
			b, c := newBench(t), newCard(t)
			c.kind = 0x00
			test.do(b, c)
			out := b.tap(c)
			expect(t, out, test.want)
			if hold := out.UI.Hold; (hold == 1300*time.Millisecond) != (out.Kind != tap.EndApplication) || !strings.HasPrefix(out.Reason, "card declined") {
				t.Errorf("hold %v, reason %q", hold, out.Reason)
			}
			if out.UI.Message != test.shows || out.Start != tap.NoStart {
				t.Errorf("%v, start %v", out.UI, out.Start)
			}
			if out.Kind == tap.TryAnotherInterface && out.AlternateInterface != tap.Contact {
				t.Error("which interface?")
			}
			if out.Reading != nil {
				// EMV fact 11: an AAC comes without CDA, which is no CDA failure.
				if out.Reading.Authenticated() || out.Reading.TVR().Has(emvkernel.CDAFailed) || out.Reading.AuthenticationMethod() != "none" {
					t.Error("authentication of a decline")
				}
			}
		})
	}
}

// EMV fact 20: GET PROCESSING OPTIONS refused: the next application.
func TestOptionsRefused(t *testing.T) {
	for _, sw := range []string{"6985", "6984", "6986", "6A81", "6F00"} {
		b, c := newBench(t), newCard(t)
		c.edit = func(ins byte, r []byte) []byte {
			if ins == apdu.INSGetProcessingOptions {
				return unhex(sw)
			}
			return r
		}
		out := b.tap(c)
		expect(t, out, tap.SelectNext)
		if got := hex.EncodeToString(errorIndication(t, out)); got != "000300"+strings.ToLower(sw)+"ff" || out.Start != tap.StartC {
			t.Errorf("%s: error indication %s, start %v", sw, got, out.Start)
		}
	}
}

func TestLostAnswer(t *testing.T) {
	for _, ins := range []byte{apdu.INSGetProcessingOptions, apdu.INSReadRecord, apdu.INSGenerateAC} {
		for name, do := range map[string]func(*card){
			"lost":       func(c *card) { c.lose[ins] = 1 },
			"unreadable": func(c *card) { c.edit = func(i byte, r []byte) []byte { return cut(i == ins, r, 1) } },
		} {
			b, c := newBench(t), newCard(t)
			do(c)
			out := b.tap(c)
			expect(t, out, tap.EndApplication)
			if out.Start != tap.StartB || out.UI != nil || out.Restart == nil || out.Restart.Message != tap.PresentCardAgain || out.Restart.Status != tap.ReadyToRead {
				t.Errorf("%s %02X: %+v", name, ins, out)
			}
			layer1 := map[string]byte{"lost": 0x02, "unreadable": 0x03}
			if got := errorIndication(t, out); got[0] != layer1[name] || got[5] != byte(tap.PresentCardAgain) {
				t.Errorf("%s %02X: error indication %X", name, ins, got)
			}
		}
	}
}

func cut(really bool, r []byte, n int) []byte {
	if really {
		return r[:n]
	}
	return r
}

func TestContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	b, c := newBench(t), newCard(t)
	a := b.activation(c)
	c.edit = func(ins byte, r []byte) []byte {
		if ins == apdu.INSReadRecord {
			cancel()
		}
		return r
	}
	a.Card = tap.NewLink(c)
	if out, err := b.kernel.Activate(ctx, a); !errors.Is(err, context.Canceled) || out.Kind != tap.NoOutcome {
		t.Errorf("%v, %v", out.Kind, err)
	}
	if _, err := b.kernel.Activate(ctx, a); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestEndings(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(*card)
		want tap.OutcomeKind
		l2   byte
	}{
		{"no PDOL list", func(c *card) { c.fci.set(0x9F38, "9F") }, tap.EndApplication, 0x04},
		{"endless PDOL", func(c *card) { c.fci.set(0x9F38, "9F3CFF") }, tap.EndApplication, 0x06},
		{"FCI twice", func(c *card) { c.discretionary.set(0x50, "41") }, tap.SelectNext, 0x04},
		{"AFL of impossible length", func(c *card) { c.afl = "0801010100" }, tap.EndApplication, 0x04},
		{"AFL empty", func(c *card) { c.afl = "" }, tap.EndApplication, 0x04},
		{"AFL with an impossible file", func(c *card) { c.afl = "00010100" }, tap.EndApplication, 0x04},
		{"no such record", func(c *card) { c.afl = "10010201" }, tap.EndApplication, 0x03},
		{"no EMV mode, but relay resistance", func(c *card) { c.aip[1] = 0x01 }, tap.EndApplication, 0x07},
		{"no EMV mode", func(c *card) { c.aip[1] = 0 }, tap.EndApplication, 0x07},
		{"no account number", func(c *card) { c.static.drop(0x5A) }, tap.EndApplication, 0x01},
		{"no expiry date", func(c *card) { c.static.drop(0x5F24) }, tap.EndApplication, 0x01},
		{"no CDOL1", func(c *card) { c.static.drop(0x8C) }, tap.EndApplication, 0x01},
		{"CDOL1 no list", func(c *card) { c.static.set(0x8C, "9F37") }, tap.EndApplication, 0x04},
		{"endless CDOL1", func(c *card) { c.static.set(0x8C, "9F3704 9F7CFF") }, tap.EndApplication, 0x06},
		// EMV fact 5: the account number of the track must be that of '5A', and no tag comes twice.
		{"track of another account", func(c *card) { c.static.set(0x57, "5413330089010442D351222101234567890F") }, tap.EndApplication, 0x06},
		{"track malformed", func(c *card) { c.static.set(0x57, "5413330089010434") }, tap.EndApplication, 0x06},
		{"account number twice", func(c *card) { c.static = append(c.static, c.static[0]) }, tap.EndApplication, 0x04},
		{"account number malformed", func(c *card) { c.static.drop(0x57); c.static.set(0x5A, "541333008901043A") }, tap.EndApplication, 0x06},
		{"sequence number malformed", func(c *card) { c.static.set(0x5F34, "1A") }, tap.EndApplication, 0x06},
		{"sequence number 9A", func(c *card) { c.static.set(0x5F34, "9A") }, tap.EndApplication, 0x06},
		{"sequence number A9", func(c *card) { c.static.set(0x5F34, "A9") }, tap.EndApplication, 0x06},
		{"sequence number malformed too", func(c *card) { c.static.set(0x5F34, "A1") }, tap.EndApplication, 0x06},
		{"sequence number too long", func(c *card) { c.static.set(0x5F34, "0101") }, tap.EndApplication, 0x06},
		{"expiry date malformed", func(c *card) { c.static.set(0x5F24, "351331") }, tap.EndApplication, 0x06},
		{"effective date malformed", func(c *card) { c.static.set(0x5F25, "201331") }, tap.EndApplication, 0x04},
		{"usage control malformed", func(c *card) { c.static.set(0x9F07, "FF") }, tap.EndApplication, 0x04},
		{"CVM list malformed", func(c *card) { c.static.set(0x8E, "0000000000000000 42") }, tap.EndApplication, 0x04},
		{"CVM list short", func(c *card) { c.static.set(0x8E, "00000000") }, tap.EndApplication, 0x04},
		{"denial code malformed", func(c *card) { c.static.set(0x9F0E, "00") }, tap.EndApplication, 0x04},
		{"online code malformed", func(c *card) { c.static.set(0x9F0F, "00") }, tap.EndApplication, 0x04},
		{"default code malformed", func(c *card) { c.static.set(0x9F0D, "00") }, tap.EndApplication, 0x04},
		{"tag list with more than the AIP", func(c *card) { c.static.set(0x9F4A, "829F36") }, tap.EndApplication, 0x06},
		{"tag list of another tag", func(c *card) { c.static.set(0x9F4A, "57") }, tap.EndApplication, 0x06},
		{"GENERATE AC refused", func(c *card) { c.edit = answers(apdu.INSGenerateAC, "6985") }, tap.EndApplication, 0x03},
		{"empty answer", func(c *card) { c.edit = answers(apdu.INSGenerateAC, "9000") }, tap.EndApplication, 0x04},
		{"no cryptogram information", func(c *card) { c.edit = answers(apdu.INSGenerateAC, "770B9F360200019F2603112233449000") }, tap.EndApplication, 0x04},
		{"no counter", func(c *card) { c.edit = answers(apdu.INSGenerateAC, "77049F2701809000") }, tap.EndApplication, 0x01},
		{"no cryptogram", func(c *card) { c.edit = answers(apdu.INSGenerateAC, "77099F2701809F360200019000") }, tap.EndApplication, 0x01},
		{"PDOL answer without AIP", func(c *card) { c.edit = answers(apdu.INSGetProcessingOptions, "77069404100101019000") }, tap.EndApplication, 0x01},
		{"PDOL answer with AIP twice", func(c *card) {
			c.edit = answers(apdu.INSGetProcessingOptions, "770E 82021980 82021980 940410010101 9000")
		}, tap.EndApplication, 0x04},
		{"PDOL answer in another format", func(c *card) { c.edit = answers(apdu.INSGetProcessingOptions, "7000 9000") }, tap.EndApplication, 0x04},
	} {
		t.Run(test.name, func(t *testing.T) {
			b, c := newBench(t), newCard(t)
			test.do(c)
			out := b.tap(c)
			expect(t, out, test.want)
			if got := errorIndication(t, out); got[1] != test.l2 {
				t.Errorf("error indication %X, want %02X (%s)", got, test.l2, out.Reason)
			}
			if out.Kind == tap.EndApplication && (out.UI == nil || out.UI.Message != tap.InsertSwipeOrTryAnother || out.UI.Hold != 1300*time.Millisecond || out.Start != tap.NoStart) {
				t.Errorf("UI %v start %v", out.UI, out.Start)
			}
			if out.Reading != nil {
				t.Error("a reading of it")
			}
			for _, of := range []string{"account", "track", "expiry", "sequence", "endless"} {
				if strings.Contains(test.name, of) && c.sent(apdu.INSGenerateAC) != 0 {
					t.Error("asked for a cryptogram all the same")
				}
			}
			if strings.Contains(out.Reason, "5413") {
				t.Error("card data in the reason")
			}
		})
	}
}

func answers(ins byte, with string) func(byte, []byte) []byte {
	return func(i byte, r []byte) []byte {
		if i == ins {
			return unhex(with)
		}
		return r
	}
}

func TestFCI(t *testing.T) {
	for _, test := range []struct {
		fci string
		sw  apdu.SW
		l2  byte
	}{
		{"", apdu.OK, 0x04},
		{"6F00", apdu.OK, 0x01},
		{"6F098407A0000000041010", apdu.OK, 0x01},
		{"6F0C8407A0000000041010500141", apdu.OK, 0x01},
		{"6F0DA50B8407A0000000041010A500", apdu.OK, 0x01},
		{"6F0B8407A0000000041011A500", apdu.OK, 0x01},
		{"6F0B8407A0000000041010A50000", apdu.OK, 0x04},
		{"6F0C8407A0000000041010A50150", apdu.OK, 0x04},
		{"700B8407A0000000041010A500", apdu.OK, 0x04},
		{"6F0B8407A0000000041010A500", apdu.FileInvalidated, 0x03},
	} {
		b, c := newBench(t), newCard(t)
		a := b.activation(c)
		a.FCI, a.SW, a.Card = unhex(test.fci), test.sw, tap.NewLink(c)
		out, err := b.kernel.Activate(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		expect(t, out, tap.SelectNext)
		if got := errorIndication(t, out); got[1] != test.l2 || out.Start != tap.StartC || len(c.log) != 0 {
			t.Errorf("%s: %X", test.fci, got)
		}
	}
}

// The field goes off for a while where the card says that it notices.
func TestFieldOff(t *testing.T) {
	for _, test := range []struct {
		info string
		want time.Duration
	}{{"000400", 1300 * time.Millisecond}, {"000000", 0}, {"000300", 0}, {"0004", 0}} {
		b, c := newBench(t), newCard(t)
		c.discretionary.set(0x9F5D, test.info)
		if out := b.tap(c); out.FieldOff != test.want {
			t.Errorf("%s: %v", test.info, out.FieldOff)
		}
		c = newCard(t)
		c.discretionary.set(0x9F5D, test.info)
		c.lose[apdu.INSGenerateAC] = 1
		if out := b.tap(c); out.FieldOff != test.want || out.Start != tap.StartB {
			t.Errorf("%s: %v", test.info, out.FieldOff)
		}
	}
}

// The record of magnetic stripe mode is not read.
func TestRecordOfStripeMode(t *testing.T) {
	b, c := newBench(t), newCard(t)
	c.afl = "08010100" + c.afl
	c.stripe.set(0x9F6C, "0001")
	expect(t, b.tap(c), tap.OnlineRequest)
	if n := c.sent(apdu.INSReadRecord); n != 3 {
		t.Errorf("%d records read, want 3", n)
	}
}

// But where it is the only one, it is.
func TestOnlyRecordOfStripeMode(t *testing.T) {
	b, c := newBench(t), newCard(t)
	c.afl = "08010100"
	c.stripe = c.static
	expect(t, b.tap(c), tap.OnlineRequest)
	if n := c.sent(apdu.INSReadRecord); n != 1 {
		t.Errorf("%d records read, want 1", n)
	}
}

func TestSequenceNumber(t *testing.T) {
	for sequence, want := range map[string]string{"99": "99", "00": "00", "": ""} {
		b, c := newBench(t), newCard(t)
		c.static.drop(0x5F34)
		if sequence != "" {
			c.static.set(0x5F34, sequence)
		}
		out := b.tap(c)
		expect(t, out, tap.OnlineRequest)
		if got := out.Reading.Card().PANSequence; got != want {
			t.Errorf("%q: %q", sequence, got)
		}
	}
	// Nor is the track mandatory.
	b, c := newBench(t), newCard(t)
	c.static.drop(0x57)
	expect(t, b.tap(c), tap.OnlineRequest)
}

// Lists as long as a command can carry.
func TestLongLists(t *testing.T) {
	b, c := newBench(t), newCard(t)
	c.fci.set(0x9F38, "9F3CFC")
	c.static.set(0x8C, "9F3704 9F7CFB")
	expect(t, b.tap(c), tap.OnlineRequest)
	if len(c.pdolData) != 252 || len(c.command(apdu.INSGenerateAC).Data) != 255 {
		t.Error(len(c.pdolData), len(c.command(apdu.INSGenerateAC).Data))
	}
	c = newCard(t)
	c.fci.set(0x9F38, "9F3CFD")
	expect(t, b.tap(c), tap.EndApplication)
	c = newCard(t)
	c.static.set(0x8C, "9F3704 9F7CFC")
	expect(t, b.tap(c), tap.EndApplication)
}

func TestCheck(t *testing.T) {
	for name, do := range map[string]func(*c2.Kernel, *tap.Combination){
		"AID":              func(_ *c2.Kernel, c *tap.Combination) { c.AID = aid[:4] },
		"long AID":         func(_ *c2.Kernel, c *tap.Combination) { c.AID = make([]byte, 17) },
		"limits of Book B": func(_ *c2.Kernel, c *tap.Combination) { c.Limits = []tap.Limits{{Currency: 840}} },
		"time of exchange": func(k *c2.Kernel, _ *tap.Combination) { k.ExchangeTimeout = -1 },
		"field off":        func(k *c2.Kernel, _ *tap.Combination) { k.FieldOff = -1 },
		"currency":         func(k *c2.Kernel, _ *tap.Combination) { k.Limits = []tap.Limits{{Currency: 1000}} },
		"same currency":    func(k *c2.Kernel, _ *tap.Combination) { k.Limits = []tap.Limits{{Currency: 840}, {Currency: 840}} },
		"limit below zero": func(k *c2.Kernel, _ *tap.Combination) { k.Limits = []tap.Limits{{Floor: amount(-1)}} },
		"offline PIN":      func(k *c2.Kernel, _ *tap.Combination) { k.CVMCapabilityRequired = 0x80 },
		"hold":             func(k *c2.Kernel, _ *tap.Combination) { k.MessageHold = -1 },
		"relay":            func(k *c2.Kernel, _ *tap.Combination) { k.RelayResistance = &c2.Relay{Mismatch: 101} },
		"relay mismatch":   func(k *c2.Kernel, _ *tap.Combination) { k.RelayResistance = &c2.Relay{Mismatch: -1} },
		"relay time":       func(k *c2.Kernel, _ *tap.Combination) { k.RelayResistance = &c2.Relay{MaxGrace: -1} },
		"stripe":           func(k *c2.Kernel, _ *tap.Combination) { k.MagneticStripe, k.Stripe = true, c2.StripeSettings{} },
		"stripe CVM":       func(k *c2.Kernel, _ *tap.Combination) { k.MagneticStripe, k.Stripe.CVMRequired = true, 0x30 },
		"stripe other CVM": func(k *c2.Kernel, _ *tap.Combination) { k.MagneticStripe, k.Stripe.CVMNotRequired = true, 0x30 },
		"exchange":         func(k *c2.Kernel, _ *tap.Combination) { k.DataExchange, k.ExchangeTimeout = &c2.DataExchange{}, 0 },
	} {
		k, c := c2.Default(), tap.Combination{AID: aid}
		if err := k.Check(&c, terminal()); err != nil {
			t.Fatal(err)
		}
		do(&k, &c)
		if err := k.Check(&c, terminal()); !errors.Is(err, tap.ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, n := range []int{5, 16} {
		k := c2.Default()
		k.Limits = []tap.Limits{{Currency: 999, Floor: amount(0)}, {}}
		if err := k.Check(&tap.Combination{AID: append(bytes.Clone(aid), make([]byte, 9)...)[:n]}, terminal()); err != nil {
			t.Error(err)
		}
	}
	for _, mismatch := range []int{0, 100} {
		k := c2.Default()
		k.RelayResistance = &c2.Relay{Mismatch: mismatch}
		if err := k.Check(&tap.Combination{AID: aid}, terminal()); err != nil {
			t.Error(err)
		}
	}
	still := c2.Default()
	still.MessageHold, still.FieldOff, still.ExchangeTimeout = 0, 0, 0
	if err := still.Check(&tap.Combination{AID: aid}, terminal()); err != nil {
		t.Error(err)
	}
	if k := c2.Default(); k.ID() != tap.KernelMastercard {
		t.Error(k.ID())
	}
}

// The ready-made values, as public terminal configurations have them.
func TestDefault(t *testing.T) {
	k := c2.Default()
	if want := [5]byte(unhex("F45084800C")); k.TACOnline != want || k.TACDefault != want || k.TACDenial != [5]byte{} {
		t.Errorf("action codes %X %X %X", k.TACDenial, k.TACOnline, k.TACDefault)
	}
	if k.MagneticStripe || k.Torn != nil || k.Limits != nil || k.Version != [2]byte{0, 2} || k.FieldOff != 1300*time.Millisecond ||
		k.MessageHold != 1300*time.Millisecond || k.ExchangeTimeout != 500*time.Millisecond {
		t.Errorf("%+v", k)
	}
}

func TestLanguages(t *testing.T) {
	for given, want := range map[string]string{
		"deen": "deen", "DEEN": "deen", "deenfrit": "deenfrit", "deenfrites": "", "dee": "", "de1n": "", "": "",
	} {
		b, c := newBench(t), newCard(t)
		c.fci.set(0x5F2D, hex.EncodeToString([]byte(given)))
		if out := b.tap(c); out.UI.Languages != want {
			t.Errorf("%q: %q, want %q", given, out.UI.Languages, want)
		}
	}
}

// What operators see of a tap, besides the error indication.
func TestDiscretionaryData(t *testing.T) {
	b, c := newBench(t), newCard(t)
	c.static.set(0x9F6E, "084000003031")
	list, err := tlv.Parse(b.tap(c).Discretionary)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range list {
		got = append(got, e.Tag.String()+" "+hex.EncodeToString(e.Value))
	}
	if want := "9F42 0840, DF8115 0000000000ff, 9F6E 084000003031"; strings.Join(got, ", ") != want {
		t.Errorf("%s, want %s", strings.Join(got, ", "), want)
	}
}

// What a card may ask of the kernel's configuration, before the transaction has changed any of it.
func TestConfigurationGiven(t *testing.T) {
	const pdol = "9F0902 9F1D08 9F7E01 9F5301 9F3303 DF811701 DF811801 DF811901 DF811B01 DF811F01 DF812005 DF812105 DF812205"
	b, c := newBench(t), newCard(t)
	c.fci.set(0x9F38, pdol)
	b.tap(c)
	if got, want := hex.EncodeToString(c.pdolData), "0002"+"0000000000000000"+"01"+"00"+"200008"+"20"+"60"+"08"+"b0"+"08"+
		"f45084800c"+"0000000000"+"f45084800c"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	b, c = newBench(t), newCard(t)
	k := &b.kernel
	k.Version, k.RiskManagement, k.MobileSupport, k.CategoryCode = [2]byte{0x12, 0x34}, [8]byte{1, 2, 3, 4, 5, 6, 7, 8}, 0, 'F'
	k.CardDataInput, k.CVMCapabilityRequired, k.CVMCapabilityNotRequired, k.SecurityCapability = 0xE0, 0x20, 0x28, 0xC8
	k.TACDefault, k.TACDenial, k.TACOnline = [5]byte{1}, [5]byte{2}, [5]byte{3}
	k.MagneticStripe, k.OnDeviceCVM, k.NoRelay = true, false, true
	c.fci.set(0x9F38, pdol)
	b.tap(c)
	if got, want := hex.EncodeToString(c.pdolData), "1234"+"0102030405060708"+"00"+"46"+"e000c8"+"e0"+"20"+"28"+"00"+"c8"+
		"0100000000"+"0200000000"+"0300000000"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
