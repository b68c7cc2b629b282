package c2_test

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tap"
	"smartreader/emvkernel/tlv"
)

// stripeCard is a card without EMV mode. Places of code, counter and number are those of a worked example
// on Stack Overflow (question 25986126): code 000111000, counter and number 1111000110 from the right.
func stripeCard(t *testing.T) (*bench, *card) {
	b, c := newBench(t), newCard(t)
	b.kernel.MagneticStripe = true
	c.aip = unhex("0000")
	c.afl = "08010100 10010101"
	c.stripe.set(0x9F6C, "0001")
	c.stripe.set(0x9F62, "000000000038")
	c.stripe.set(0x9F63, "0000000003C6")
	c.stripe.set(0x9F64, "04")
	c.stripe.set(0x9F65, "0038")
	c.stripe.set(0x9F66, "03C6")
	c.stripe.set(0x9F67, "04")
	c.stripe.set(0x56, hex.EncodeToString([]byte("B5413330089010434^ /^3512101000000000000000000")))
	c.stripe.set(0x9F6B, "5413330089010434D35121010000000000000F")
	c.cvc3 = "9F6102 2EF4 9F6002 609B 9F3602 1E47"
	b.params.UnpredictableNumber = [4]byte{0, 0, 0x12, 0xF9} // 4857
	return b, c
}

// EMV fact 35: off by default.
func TestStripeOff(t *testing.T) {
	b, c := stripeCard(t)
	b.kernel.MagneticStripe = false
	out := b.tap(c)
	expect(t, out, tap.EndApplication)
	if got := errorIndication(t, out); got[1] != 0x07 || c.sent(apdu.INSReadRecord) != 0 {
		t.Errorf("%X", got)
	}
}

// EMV fact 35: code, counter and number stand where the bitmaps say; the number is decimal, of as many
// digits as there is room for.
func TestStripe(t *testing.T) {
	b, c := stripeCard(t)
	out := b.tap(c)
	expect(t, out, tap.OnlineRequest)
	r := out.Reading
	if !r.MagneticStripe() || r.Authenticated() || r.AuthenticationMethod() != "none" || r.ClearingData() != nil {
		t.Error("reading")
	}
	// 2EF4 is 12020, 609B is 24731, 1E47 is 7751, and the number 57 of 2 digits.
	if got, want := value(t, r, 0x57), "5413330089010434d3512101"+"000"+"7751"+"020"+"57"+"2"+"f"; got != want {
		t.Errorf("track 2 %s, want %s", got, want)
	}
	list, err := tlv.Parse(r.Data())
	if err != nil {
		t.Fatal(err)
	}
	if e, _ := tlv.Find(list, 0x56); string(e.Value) != "B5413330089010434^ /^3512101"+"00000000"+"7751"+"731"+"57"+"2" {
		t.Errorf("track 1 %s", e.Value)
	}
	if len(b.shown) != 1 || b.shown[0].Status != tap.CardReadSuccessfully || out.UI.Message != tap.Authorising || out.UI.Hold != 0 {
		t.Errorf("shown %v", b.shown)
	}
	if got := c.command(0x2A); got.CLA != 0x80 || got.P1 != 0x8E || got.P2 != 0x80 || hex.EncodeToString(got.Data) != "00000057" {
		t.Errorf("command %v %X", got, got.Data)
	}
	if value(t, r, 0x9F39) != "91" || value(t, r, 0x9F36) != "1e47" || out.CVM != tap.NoCVM || out.Receipt {
		t.Error("parameters")
	}
	if c.sent(apdu.INSReadRecord) != 1 || len(c.log) != 3 {
		t.Errorf("%d commands", len(c.log))
	}
	if string(r.Card().PAN) != "5413330089010434" || string(r.Card().Track2) != string(unhex(value(t, r, 0x57))) {
		t.Error("card data")
	}
}

func TestStripeCardholder(t *testing.T) {
	for _, test := range []struct {
		name     string
		amount   int64
		do       func(*bench, *card)
		want     tap.OutcomeKind
		cvm      tap.CVM
		receipt  bool
		lastByte string
	}{
		{"under the limit", 5000, nil, tap.OnlineRequest, tap.NoCVM, false, "2f"},
		{"over the limit", 5001, nil, tap.OnlineRequest, tap.ObtainSignature, true, "2f"},
		{"over the limit, no signature", 5001, func(b *bench, _ *card) { b.config.Terminal.Capabilities[1] = 0xD8 }, tap.OnlineRequest, tap.NoCVM, true, "2f"},
		{"online PIN", 5001, func(b *bench, _ *card) { b.kernel.Stripe.CVMRequired = 0x20 }, tap.OnlineRequest, tap.OnlinePIN, true, "2f"},
		{"no online PIN", 5001, func(b *bench, _ *card) { b.kernel.Stripe.CVMRequired = 0x20; b.params.NoOnlinePIN = true }, tap.OnlineRequest, tap.NoCVM, true, "2f"},
		{"none is said", 5000, func(b *bench, _ *card) { b.kernel.Stripe.CVMNotRequired = 0xF0 }, tap.OnlineRequest, tap.CVMNotApplicable, false, "2f"},
		{"signature under the limit", 5000, func(b *bench, _ *card) { b.kernel.Stripe.CVMNotRequired = 0x10 }, tap.OnlineRequest, tap.ObtainSignature, true, "2f"},
		{"phone under the limit", 5000, func(_ *bench, c *card) { c.aip[0] = 0x02 }, tap.OnlineRequest, tap.NoCVM, false, "2f"},
		{"phone verified", 5001, func(_ *bench, c *card) { c.aip[0] = 0x02; c.cvc3 += "DF4B03 001000" }, tap.OnlineRequest, tap.ConfirmationCodeVerified, true, "7f"},
		{"phone wants a code", 5001, func(_ *bench, c *card) { c.aip[0] = 0x02; c.cvc3 += "DF4B03 000100" }, tap.EndApplication, 0, false, ""},
		{"phone not verified", 5001, func(_ *bench, c *card) { c.aip[0] = 0x02 }, tap.EndApplication, 0, false, ""},
		{"phone over its limit", 50001, func(_ *bench, c *card) { c.aip[0] = 0x02 }, tap.SelectNext, 0, false, ""},
		{"card over its limit", 20001, nil, tap.SelectNext, 0, false, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			b, c := stripeCard(t)
			b.params.Amount = test.amount
			if test.do != nil {
				test.do(b, c)
			}
			out := b.tap(c)
			expect(t, out, test.want)
			if out.Reading == nil {
				return
			}
			if out.CVM != test.cvm || out.Receipt != test.receipt {
				t.Errorf("CVM %v receipt %v", out.CVM, out.Receipt)
			}
			if got := value(t, out.Reading, 0x57); !strings.HasSuffix(got, test.lastByte) {
				t.Errorf("track 2 %s", got)
			}
		})
	}
}

// EMV fact 35: nothing is approved in this mode; a card that gives no code declines, or wants another tap.
func TestStripeEnds(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(*card)
		want tap.OutcomeKind
		l2   byte
	}{
		{"no code", func(c *card) { c.cvc3 = "9F36021E47" }, tap.Declined, 0},
		{"see phone", func(c *card) { c.cvc3 = "9F36021E47 DF4B03000100" }, tap.EndApplication, 0},
		{"no code for track 1", func(c *card) { c.cvc3 = "9F36021E47 9F61022EF4" }, tap.EndApplication, 0x01},
		{"no counter", func(c *card) { c.cvc3 = "9F61022EF4 9F6002609B" }, tap.EndApplication, 0x01},
		{"code of three bytes", func(c *card) { c.cvc3 = "9F36021E47 9F61032EF400" }, tap.EndApplication, 0x04},
		{"code twice", func(c *card) { c.cvc3 = "9F36021E47 9F61022EF4 9F61022EF4" }, tap.EndApplication, 0x04},
		{"malformed", func(c *card) { c.cvc3 = "9F3602" }, tap.EndApplication, 0x04},
		{"refused", func(c *card) { c.edit = answers(0x2A, "6985") }, tap.EndApplication, 0x03},
		{"lost", func(c *card) { c.lose[0x2A] = 1 }, tap.EndApplication, 0},
		{"no track 2", func(c *card) { c.stripe.drop(0x9F6B) }, tap.EndApplication, 0x01},
		{"no bitmap", func(c *card) { c.stripe.drop(0x9F66) }, tap.EndApplication, 0x01},
		{"track 2 malformed", func(c *card) { c.stripe.set(0x9F6B, "5413330089010434") }, tap.EndApplication, 0x04},
		{"bitmap too long", func(c *card) { c.stripe.set(0x9F65, "000038") }, tap.EndApplication, 0x04},
		{"places beyond the data", func(c *card) { c.stripe.set(0x9F65, "E000") }, tap.EndApplication, 0x04},
		{"places twice", func(c *card) { c.stripe.set(0x9F65, "0046") }, tap.EndApplication, 0x04},
		{"last place", func(c *card) { c.stripe.set(0x9F65, "0039") }, tap.EndApplication, 0x04},
		{"more digits of the counter than places", func(c *card) { c.stripe.set(0x9F67, "07") }, tap.EndApplication, 0x04},
		{"another number in track 1", func(c *card) { c.stripe.set(0x9F64, "03") }, tap.EndApplication, 0x04},
		{"track 1 of another account", func(c *card) {
			c.stripe.set(0x56, hex.EncodeToString([]byte("B5413330089010442^ /^3512101000000000000000000")))
		}, tap.EndApplication, 0x06},
		{"track 1 of another format", func(c *card) {
			c.stripe.set(0x56, hex.EncodeToString([]byte("A5413330089010434^ /^3512101000000000000000000")))
		}, tap.EndApplication, 0x06},
		{"track 1 malformed", func(c *card) { c.stripe.set(0x56, "42") }, tap.EndApplication, 0x04},
		{"UDOL malformed", func(c *card) { c.stripe.set(0x9F69, "9F") }, tap.EndApplication, 0x04},
		{"UDOL endless", func(c *card) { c.stripe.set(0x9F69, "9F6AFF 9F0201") }, tap.EndApplication, 0x06},
		{"record malformed", func(c *card) { c.edit = answers(apdu.INSReadRecord, "7001 9000") }, tap.EndApplication, 0x04},
	} {
		t.Run(test.name, func(t *testing.T) {
			b, c := stripeCard(t)
			test.do(c)
			out := b.tap(c)
			expect(t, out, test.want)
			if got := errorIndication(t, out); got[1] != test.l2 {
				t.Errorf("%X (%s)", got, out.Reason)
			}
			if out.Kind == tap.Declined && (out.UI.Message != tap.NotAuthorised || out.UI.Hold != 1300*time.Millisecond || !out.Reading.MagneticStripe()) {
				t.Error("decline")
			}
		})
	}
}

// Without track 1, and with a list of the card's own.
func TestStripeUDOL(t *testing.T) {
	b, c := stripeCard(t)
	c.stripe.drop(0x56, 0x9F62, 0x9F63, 0x9F64)
	c.stripe.set(0x9F69, "9F6A04 9F0206 9F7E01 9F6D02")
	c.aip[0] = 0x02
	b.params.Amount = 6000
	c.cvc3 += "DF4B03 001000"
	expect(t, b.tap(c), tap.OnlineRequest)
	if got := hex.EncodeToString(c.command(0x2A).Data); got != "00000057"+"000000006000"+"03"+"0001" {
		t.Error(got)
	}
}

// The device is asked to verify its holder over the CVM limit, no other card, and not under it.
func TestStripeMobileSupport(t *testing.T) {
	for _, test := range []struct {
		amount int64
		phone  byte
		want   string
	}{{6000, 0x02, "02"}, {5000, 0x02, "00"}, {6000, 0x00, "00"}} {
		b, c := stripeCard(t)
		b.kernel.MobileSupport = 0
		b.params.Amount = test.amount
		c.aip[0] = test.phone
		c.stripe.set(0x9F69, "9F6A04 9F7E01 9F7CFA")
		b.tap(c)
		if got := c.command(0x2A).Data; len(got) != 255 || hex.EncodeToString(got[4:5]) != test.want {
			t.Errorf("%+v: %X", test, got[:5])
		}
	}
}

// Places up to the first digit of the discretionary data.
func TestStripePlaces(t *testing.T) {
	b, c := stripeCard(t)
	c.stripe.drop(0x56)
	c.stripe.set(0x9F65, "000E")
	c.stripe.set(0x9F66, "1FF0")
	out := b.tap(c)
	expect(t, out, tap.OnlineRequest)
	if got := value(t, out.Reading, 0x57); got != "5413330089010434d3512101"+"7751"+"04857"+"020"+"5"+"f" {
		t.Error(got)
	}
	// Verified by the device: five more, modulo ten.
	c.aip[0] = 0x02
	c.cvc3 += "DF4B03001000"
	if got := value(t, b.tap(c).Reading, 0x57); !strings.HasSuffix(got, "0200f") {
		t.Error(got)
	}
}
