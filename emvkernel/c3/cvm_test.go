package c3_test

import (
	"testing"

	"smartreader/emvkernel/tap"
	"smartreader/emvkernel/tlv"
)

// EMV fact 32: the card's qualifiers, the reader's, and whether the cardholder must be verified. None: the card
// has no qualifiers.
func TestCardholderVerification(t *testing.T) {
	none := "none"
	both, sign, pin, neither := byte(0), byte(onlinePIN), byte(signature), byte(onlinePIN|signature) // what the reader lacks
	for _, tt := range []struct {
		ctq      string
		lacks    byte
		required bool
		cid      byte
		want     tap.CVM
		kind     tap.OutcomeKind
	}{
		{none, both, false, cidTC, tap.NoCVM, tap.Approved},
		{none, neither, false, cidTC, tap.NoCVM, tap.Approved},
		{none, both, true, cidTC, tap.ObtainSignature, tap.Approved},
		{none, sign, true, cidTC, tap.ObtainSignature, tap.Approved},
		{none, pin, true, cidTC, tap.OnlinePIN, tap.OnlineRequest},
		{none, neither, true, cidTC, 0, tap.Declined},
		{none, both, true, cidARQC, tap.ObtainSignature, tap.OnlineRequest},
		{none, pin, true, cidARQC, tap.OnlinePIN, tap.OnlineRequest},
		{none, neither, true, cidARQC, 0, tap.Declined},

		{"0000", both, false, cidTC, tap.NoCVM, tap.Approved},
		{"0000", both, true, cidTC, 0, tap.Declined},
		{"0000", both, true, cidARQC, 0, tap.Declined},
		{"8000", both, false, cidTC, tap.OnlinePIN, tap.OnlineRequest},
		{"8000", both, true, cidARQC, tap.OnlinePIN, tap.OnlineRequest},
		{"8000", sign, true, cidARQC, 0, tap.Declined},
		{"8000", sign, false, cidARQC, tap.NoCVM, tap.OnlineRequest},
		{"4000", both, true, cidTC, tap.ObtainSignature, tap.Approved},
		{"4000", both, false, cidTC, tap.ObtainSignature, tap.Approved},
		{"4000", pin, true, cidTC, 0, tap.Declined},
		{"4000", pin, false, cidTC, tap.NoCVM, tap.Approved},
		{"C000", both, true, cidTC, tap.OnlinePIN, tap.OnlineRequest},
		{"C000", sign, true, cidTC, tap.ObtainSignature, tap.Approved},
		{"C000", neither, true, cidTC, 0, tap.Declined},
		{"0080", both, true, cidTC, tap.ConfirmationCodeVerified, tap.Approved},
		{"0080", neither, true, cidTC, tap.ConfirmationCodeVerified, tap.Approved},
		{"0080", neither, false, cidARQC, tap.ConfirmationCodeVerified, tap.OnlineRequest},
		{"4080", both, true, cidTC, tap.ConfirmationCodeVerified, tap.Approved},
		{"8080", both, true, cidARQC, tap.OnlinePIN, tap.OnlineRequest},
		{"8080", sign, true, cidARQC, tap.ConfirmationCodeVerified, tap.OnlineRequest},
		{"3F7F", both, true, cidTC, 0, tap.Declined},
	} {
		c := signing(tt.cid)
		if tt.ctq == none {
			c.set(0x9F6C, nil)
		} else {
			c.qualifiers(tt.ctq)
		}
		r := newReader().without(tt.lacks)
		if tt.required {
			r.cvmRequired()
		}
		got := r.tap(t, c)
		name := tt.ctq
		got.is(t, name, tt.kind)
		if got.CVM != tt.want || got.Receipt != (tt.want == tap.ObtainSignature) {
			t.Errorf("%s (reader lacks %02X, required %v, %02X): %v, receipt %v; want %v", name, tt.lacks, tt.required, tt.cid, got.CVM, got.Receipt, tt.want)
		}
		if got.Reading == nil || got.Reading.CVM() != tt.want || got.Reading.OnlinePINRequired() != (tt.want == tap.OnlinePIN) {
			t.Errorf("%s: reading says %v", name, got.Reading.CVM())
		}
		if tt.want == tap.ObtainSignature && tt.kind == tap.Approved {
			got.message(t, name, tap.ApprovedSign, tap.NotReady)
		}
	}
}

// EMV fact 9: a claim that the consumer's device verified the cardholder holds if the signed copy has it too, or,
// without such a copy, if the issuer will see it. Anything else is somebody in between.
func TestConsumerDeviceClaim(t *testing.T) {
	for _, tt := range []struct {
		name, ctq, related string
		cid                byte
		want               tap.OutcomeKind
	}{
		{"as signed", "0080", "01112233440080", cidTC, tap.Approved},
		{"as signed, longer", "0080", "01112233440080FFFF", cidTC, tap.Approved},
		{"as signed, online", "0080", "01112233440080", cidARQC, tap.OnlineRequest},
		{"set in between", "0080", "01112233440000", cidTC, tap.Declined},
		{"set in between, online", "0080", "01112233440000", cidARQC, tap.Declined},
		{"PIN bit taken away", "0080", "01112233448080", cidTC, tap.Declined},
		{"PIN bit taken away, online", "0080", "01112233448080", cidARQC, tap.Declined},
		{"update bit taken away", "0080", "011122334400C0", cidARQC, tap.Declined},
		{"no copy in it", "0080", "0111223344", cidTC, tap.Declined},
		{"no copy in it, online", "0080", "0111223344", cidARQC, tap.Declined},
		{"half a copy, online", "0080", "011122334400", cidARQC, tap.Declined},
		{"no related data", "0080", "", cidTC, tap.Declined},
		{"no related data, online", "0080", "", cidARQC, tap.OnlineRequest},
		{"not claimed, copies differ", "0000", "01112233440080", cidTC, tap.Approved},
	} {
		c := signing(tt.cid).set(0x9F6C, hexBytes(tt.ctq)).set(0x9F69, nil)
		if tt.related != "" {
			c.last = append(c.last, object{0x9F69, hexBytes(tt.related)})
		}
		got := newReader().tap(t, c)
		got.is(t, tt.name, tt.want)
		if claimed := tt.ctq == "0080" && tt.want != tap.Declined; claimed != (got.CVM == tap.ConfirmationCodeVerified) {
			t.Errorf("%s: %v", tt.name, got.CVM)
		}
	}
	// The signature of version 0 does not cover '9F69'.
	r := newReader()
	r.kernel.FDDAVersion0 = true
	for cid, want := range map[byte]tap.OutcomeKind{cidTC: tap.Declined, cidARQC: tap.OnlineRequest} {
		c := signing(cid).set(0x9F6C, hexBytes("0080")).set(0x9F69, hexBytes("00112233440080"))
		c.version = 0
		r.tap(t, c).is(t, "version 0", want)
	}
	// Somebody in between gives the card's own copy a neighbour: the same tag twice.
	c := signing(cidTC).qualifiers("8000").set(0x9F6C, hexBytes("0080"))
	c.options = append(c.options, object{tlv.Tag(0x9F69), hexBytes("01112233440080")})
	newReader().tap(t, c).is(t, "two copies", tap.EndApplication)
}

// What the reader or the payment does not have the card is not told of.
func TestQualifiersAreThoseOfTheTerminal(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(r *reader)
		want   string
	}{
		{"all", func(*reader) {}, "37004000"},
		{"no online PIN in this payment", func(r *reader) { r.params.NoOnlinePIN = true }, "33004000"},
		{"no signature at this terminal", func(r *reader) { r.cfg.Terminal.Capabilities[1] &^= 0x20 }, "35004000"},
		{"the merchant wants the issuer asked", func(r *reader) { r.params.ForceOnline = true }, "37804000"},
		{"no approval by the card", func(r *reader) { r.params.NoOfflineApproval = true }, "37804000"},
		{"refund", func(r *reader) { r.params.Type = 0x20 }, "37804000"},
		{"cash", func(r *reader) { r.params.Type = 0x01 }, "37004000"},
	} {
		r := newReader()
		tt.change(r)
		c := signing(cidTC)
		r.tap(t, c)
		if got := c.sent[0][7:11]; string(got) != string(hexBytes(tt.want)) {
			t.Errorf("%s: %X, want %s", tt.name, got, tt.want)
		}
	}
	// And what it is told is what counts.
	r := newReader().cvmRequired()
	r.params.NoOnlinePIN = true
	r.tap(t, newCard(cidARQC).qualifiers("8000")).is(t, "no online PIN", tap.Declined)
	r = newReader().cvmRequired()
	r.cfg.Terminal.Capabilities[1] &^= 0x20
	r.tap(t, newCard(cidARQC).qualifiers("4000")).is(t, "no signature", tap.Declined)
	for name, change := range map[string]func(r *reader){
		"forced online": func(r *reader) { r.params.ForceOnline = true }, "no approval": func(r *reader) { r.params.NoOfflineApproval = true },
		"refund": func(r *reader) { r.params.Type = 0x20 },
	} {
		r := newReader()
		change(r)
		r.tap(t, signing(cidTC)).is(t, name, tap.OnlineRequest)
	}
}
