package c3_test

import (
	"bytes"
	"strings"
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/tap"
)

// A card that approves where its issuer is to be asked is never approved.
func TestApprovalWhereIssuerIsAsked(t *testing.T) {
	got := newReader().onlineRequired().tap(t, signing(cidTC))
	got.is(t, "TC", tap.OnlineRequest)
	if !got.Reading.Authenticated() {
		t.Error("signature not looked at")
	}
	newReader().onlineRequired().tap(t, newCard(cidTC)).is(t, "unsigned TC", tap.Declined) // no expiry date
	newReader().onlineRequired().tap(t, newCard(cidTC).option(0x5F24, "491231")).is(t, "unsigned TC with a date", tap.OnlineRequest)
}

// A reader that is never online declines what it would have to ask about.
func TestOfflineOnlyReader(t *testing.T) {
	r := newReader().with(offlineOnly)
	r.tap(t, signing(cidTC)).is(t, "TC", tap.Approved)
	r.tap(t, signing(cidARQC)).is(t, "ARQC", tap.Declined)
	got := r.tap(t, signing(cidTC).qualifiers("8000"))
	got.is(t, "online PIN", tap.Declined)
	if got.CVM != tap.NoCVM || got.Reading.OnlinePINRequired() {
		t.Errorf("declined with CVM %v", got.CVM)
	}
	r.onlineRequired().tap(t, signing(cidTC)).is(t, "online required", tap.Declined)
}

// EMV fact 30: the limits are Entry Point's, who says them by the qualifiers; the kernel counts nothing itself.
// EMV fact 31: the bits of one payment are in the copy made for it, not in the configuration.
func TestQualifiersOfThePayment(t *testing.T) {
	r := newReader()
	r.params.Amount = 999_999_999_999
	limit := int64(1)
	fits := signing(cidTC)
	got := r.tap(t, fits)
	got.is(t, "any amount", tap.Approved)
	for _, required := range []bool{false, true} {
		r := newReader()
		a := r.activation(tap.NewLink(fits), fits.selection())
		a.Combination.TTQ[1] = 0xC0
		a.Combination.Limits = []tap.Limits{{Transaction: &limit, Floor: &limit, CVMRequired: &limit}}
		if required {
			a.Indicators.TTQ[1] = 0x80
			a.Combination.TTQ[1] = 0
		}
		fits.sent = nil
		out, err := r.kernel.Activate(t.Context(), a)
		want := map[bool]tap.OutcomeKind{false: tap.Approved, true: tap.OnlineRequest}[required]
		if err != nil || out.Kind != want || (fits.sent[0][8]&0x80 != 0) != required {
			t.Errorf("required %v: %v, %v, told %X", required, out.Kind, err, fits.sent[0][7:11])
		}
	}
}

// The first reason is the one that is told.
func TestReasons(t *testing.T) {
	listed := newReader()
	listed.params.ExceptionFile = func(emvkernel.Secret, string) bool { return true }
	old := hexBytes("200101")
	for _, tt := range []struct {
		r    *reader
		c    *card
		want string
	}{
		{newReader(), newCard(cidARQC), "asks for its issuer"},
		{newReader(), newCard(cidARQC).qualifiers("8000"), "asks for its issuer"},
		{newReader(), newCard(cidAAC).qualifiers("8000"), "the card declines"},
		{newReader().cvmRequired(), newCard(cidAAC), "the card declines"},
		{newReader(), signing(cidTC).qualifiers("8000"), "PIN"},
		{newReader(), signing(cidTC).set(0x5F24, old), "expired"},
		{newReader(), signing(cidTC).set(0x5F24, old).qualifiers("0800"), "expired"},
		{newReader().onlineRequired(), signing(cidTC).set(0x5F24, old).qualifiers("0800"), "where its issuer is to be asked"},
		{newReader().onlineRequired(), signing(cidTC).set(0x5F24, old), "expired"},
		{listed, signing(cidTC), "exception file"},
		{listed, signing(cidTC).set(0x5F24, old), "expired"},
		{newReader().cvmRequired(), signing(cidTC), "cannot be verified"},
		{newReader(), signing(cidTC).set(0x9F69, nil), "9F69: data missing"},
		{newReader(), signing(cidTC).set(0x9F69, hexBytes("02112233440000")), "version"},
		{newReader().with(offlineOnly), newCard(cidARQC), "never online"},
	} {
		if got := tt.r.tap(t, tt.c); !strings.Contains(got.Reason, tt.want) {
			t.Errorf("%v: %s, want %s", got.Kind, got.Reason, tt.want)
		}
	}
}

// Bits that belong to others change nothing.
func TestOtherQualifierBits(t *testing.T) {
	r := newReader()
	r.ttq = [4]byte{0x61 | contactChip, 0x3F, 0x7F, 0xFF}
	r.tap(t, signing(cidTC)).is(t, "other bits", tap.Approved)
	r.tap(t, newCard(cidARQC).qualifiers("C13F")).is(t, "card's other bits", tap.OnlineRequest)
}

// Form factors as two public tables have them.
func TestDevice(t *testing.T) {
	for ffi, want := range map[string]string{
		"20700000": "card", "21700000": "card", "22000000": "token", "23880000": "phone", "24000000": "watch",
		"25000000": "", "3F000000": "", "03000000": "", "43000000": "", "A3000000": "", "2388000000": "",
	} {
		got := newReader().tap(t, newCard(cidARQC).set(0x9F6E, hexBytes(ffi)))
		if got.Reading == nil || got.Reading.Device() != want {
			t.Errorf("%s: %v", ffi, got.Reading.Device())
		}
	}
	if d := newReader().tap(t, newCard(cidARQC).set(0x9F6E, nil)).Reading.Device(); d != "" {
		t.Errorf("none: %q", d)
	}
	// How the payment was made is the reader's to say.
	got := newReader().tap(t, newCard(cidARQC).set(0x9F6E, hexBytes("238800F5")))
	if v := got.value(t, 0x9F6E); !bytes.Equal(v, hexBytes("238800F0")) {
		t.Errorf("%X", v)
	}
	// The token requestor of a wallet.
	got = newReader().tap(t, newCard(cidARQC).set(0x9F19, hexBytes("040010030273")))
	if got.Reading.TokenRequestor() != "40010030273" {
		t.Errorf("%s", got.Reading.TokenRequestor())
	}
}

func TestSpendingAmount(t *testing.T) {
	for _, show := range []bool{false, true} {
		for _, c := range []*card{signing(cidTC), newCard(cidARQC), newCard(cidAAC)} {
			r := newReader()
			r.kernel.SpendingAmount = show
			got := r.tap(t, c.set(0x9F5D, hexBytes("000000004321")))
			if (got.UI.Qualifier == tap.Balance) != show || (got.UI.Value == 4321 && got.UI.Currency == 978) != show ||
				bytes.Equal(got.Discretionary, hexBytes("9F5D06000000004321")) != show {
				t.Errorf("show %v: %+v, %X", show, got.UI, got.Discretionary)
			}
		}
	}
	r := newReader()
	r.kernel.SpendingAmount = true
	for name, c := range map[string]*card{"none": newCard(cidARQC), "no number": newCard(cidARQC).set(0x9F5D, hexBytes("00000000432A"))} {
		if got := r.tap(t, c); got.Kind != tap.OnlineRequest || got.UI.Qualifier != tap.NoValue || got.Discretionary != nil {
			t.Errorf("%s: %+v", name, got.UI)
		}
	}
}

// The card is asked to come back for its issuer's answer if both sides can do it.
func TestIssuerUpdateAnnounced(t *testing.T) {
	for _, tt := range []struct {
		ttq  byte
		ctq  string
		cid  byte
		want bool
	}{
		{0xC0, "0040", cidARQC, true}, {0x80, "FFFF", cidARQC, true}, {0x7F, "0040", cidARQC, false}, {0xC0, "FFBF", cidARQC, false},
		{0xC0, "0040", cidTC, false}, {0xC0, "0040", cidAAC, false},
	} {
		r := newReader()
		r.ttq[2] = tt.ttq
		got := r.tap(t, signing(tt.cid).qualifiers(tt.ctq))
		if asked := got.OnlineData == tap.EMVOnlineData; asked != tt.want {
			t.Errorf("%02X %s: %v", tt.ttq, tt.ctq, got.OnlineData)
		}
		if tt.want != (got.Start == tap.StartB) || tt.want != (got.Restart != nil && got.Restart.Message == tap.PresentCardAgain && got.Restart.Status == tap.ReadyToRead) {
			t.Errorf("%02X %s: %+v", tt.ttq, tt.ctq, got.Outcome)
		}
	}
	r := newReader()
	r.ttq[2] = 0xC0
	if got := r.tap(t, newCard(cidARQC).set(0x9F6C, nil)); got.OnlineData != tap.NoOnlineData {
		t.Error("a card without qualifiers")
	}
}
