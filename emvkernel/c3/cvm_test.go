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
		{none, neither, true, cidTC, tap.NoCVM, tap.Declined},
		{none, both, true, cidARQC, tap.ObtainSignature, tap.OnlineRequest},
		{none, pin, true, cidARQC, tap.OnlinePIN, tap.OnlineRequest},
		{none, neither, true, cidARQC, tap.NoCVM, tap.Declined},

		{"0000", both, false, cidTC, tap.NoCVM, tap.Approved},
		{"0000", both, true, cidTC, tap.NoCVM, tap.Declined},
		{"0000", both, true, cidARQC, tap.NoCVM, tap.Declined},
		{"8000", both, false, cidTC, tap.OnlinePIN, tap.OnlineRequest},
		{"8000", both, true, cidARQC, tap.OnlinePIN, tap.OnlineRequest},
		{"8000", sign, true, cidARQC, tap.NoCVM, tap.Declined},
		{"8000", sign, false, cidARQC, tap.NoCVM, tap.OnlineRequest},
		{"4000", both, true, cidTC, tap.ObtainSignature, tap.Approved},
		{"4000", both, false, cidTC, tap.ObtainSignature, tap.Approved},
		{"4000", pin, true, cidTC, tap.NoCVM, tap.Declined},
		{"4000", pin, false, cidTC, tap.NoCVM, tap.Approved},
		{"C000", both, true, cidTC, tap.OnlinePIN, tap.OnlineRequest},
		{"C000", sign, true, cidTC, tap.ObtainSignature, tap.Approved},
		{"C000", neither, true, cidTC, tap.NoCVM, tap.Declined},
		{"0080", both, true, cidTC, tap.ConfirmationCodeVerified, tap.Approved},
		{"0080", neither, true, cidTC, tap.ConfirmationCodeVerified, tap.Approved},
		{"0080", neither, false, cidARQC, tap.ConfirmationCodeVerified, tap.OnlineRequest},
		{"4080", both, true, cidTC, tap.ConfirmationCodeVerified, tap.Approved},
		{"8080", both, true, cidARQC, tap.OnlinePIN, tap.OnlineRequest},
		{"8080", sign, true, cidARQC, tap.ConfirmationCodeVerified, tap.OnlineRequest},
		{"3F7F", both, true, cidTC, tap.NoCVM, tap.Declined},
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

// EMV fact 9: where a signature was to be there and proves nothing, nothing that arrived beside it is believed: a
// stolen card's PIN is not taken away by writing the claim into both places. A card that cannot sign leaves the
// claim to its issuer.
func TestUnprovedClaim(t *testing.T) {
	const noSignature = "0000" // interchange profile
	claims := func(c *card) *card { return c.qualifiers("0080") }
	bare := func(aip string) *card { return claims(newCard(cidARQC)).set(0x82, hexBytes(aip)) }
	forged := claims(signing(cidARQC))
	forged.covers = func(un, amount, currency, related []byte) [][]byte {
		return [][]byte{un, amount, currency, hexBytes("01112233448000")}
	}
	online := claims(signing(cidTC))
	online.covers = forged.covers
	asked := func() *reader { return newReader() }
	notAsked := func() *reader { return newReader().without(onlineODA) }
	keyless := func() *reader { r := newReader(); r.cfg.CAKeys = nil; return r }
	for _, tt := range []struct {
		name     string
		r        func() *reader
		c        *card
		believed bool
	}{
		{"signed", asked, claims(signing(cidARQC)), true},
		{"both copies forged", asked, forged, false},
		{"both copies forged, signature not asked for", notAsked, forged, false},
		{"both copies of a TC forged", func() *reader { return newReader().onlineRequired() }, online, false},
		{"no key to prove it with", keyless, claims(signing(cidARQC)), false},
		{"signed copy taken away", asked, claims(signing(cidARQC)).set(0x9F69, nil), false},
		{"promised signature taken away", asked, bare("2000"), false},
		{"signature not asked for", notAsked, bare("2000"), true},
		{"card cannot sign", asked, bare(noSignature), true},
		{"card cannot sign, with a copy", asked, bare(noSignature).option(0x9F69, "01112233440080"), true},
	} {
		for _, required := range []bool{false, true} {
			r, want, cvm := tt.r(), tap.OnlineRequest, tap.ConfirmationCodeVerified
			if !tt.believed {
				cvm = tap.NoCVM
			}
			if required {
				r.cvmRequired()
				if !tt.believed {
					want = tap.Declined
				}
			}
			got := r.tap(t, tt.c)
			got.is(t, tt.name, want)
			if got.CVM != cvm {
				t.Errorf("%s, required %v: %v, want %v", tt.name, required, got.CVM, cvm)
			}
		}
	}
	// The next method that both have takes its place.
	forged.qualifiers("4080")
	if got := newReader().cvmRequired().tap(t, forged); got.Kind != tap.OnlineRequest || got.CVM != tap.ObtainSignature {
		t.Errorf("%v, %v", got.Kind, got.CVM)
	}
}

// The PIN that a genuine card signed that it wants nobody in between takes away: not by another method, not by
// leaving the qualifiers out.
func TestAlteredQualifiers(t *testing.T) {
	for _, tt := range []struct {
		name, ctq, signed string
		version           byte
		want              tap.OutcomeKind
	}{
		{"PIN", "8000", "8000", 1, tap.OnlineRequest},
		{"PIN taken away", "0000", "8000", 1, tap.Declined},
		{"PIN made a signature", "4000", "8000", 1, tap.Declined},
		{"PIN made a device's verification", "0080", "8000", 1, tap.Declined},
		{"PIN left out with all the rest", "", "8000", 1, tap.Declined},
		{"PIN put in", "8000", "0000", 1, tap.OnlineRequest},
		{"other bits", "0000", "7FFF", 1, tap.OnlineRequest},
		{"not covered by what is signed", "0000", "8000", 0, tap.OnlineRequest},
	} {
		for _, cid := range []byte{cidTC, cidARQC} {
			c := signing(cid).set(0x9F69, append([]byte{tt.version, 1, 2, 3, 4}, hexBytes(tt.signed)...)).set(0x9F6C, nil)
			c.version = tt.version
			if tt.ctq != "" {
				c.set(0x9F6C, hexBytes(tt.ctq))
			}
			r := newReader().onlineRequired()
			r.kernel.FDDAVersion0 = true
			got := r.tap(t, c)
			got.is(t, tt.name, tt.want)
			if !got.Reading.Authenticated() {
				t.Errorf("%s: not genuine", tt.name)
			}
		}
	}
	// A copy that nothing proves decides nothing.
	c := signing(cidARQC).set(0x9F69, hexBytes("01112233448000"))
	c.covers = func(_, _, _, _ []byte) [][]byte { return nil }
	newReader().tap(t, c).is(t, "forged", tap.OnlineRequest)
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
