package c2_test

import (
	"bytes"
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/oda"
	"smartreader/emvkernel/tap"
	"smartreader/emvkernel/tlv"
)

// EMV fact 11: what the combined signature covers. A change of anything but the signature's own place ends
// the application: the issuer is not asked about such a card.
func TestCombinedSignature(t *testing.T) {
	flip := func(c *card, tag tlv.Tag, at int) {
		c.edit = func(ins byte, r []byte) []byte {
			if ins == apdu.INSGenerateAC {
				i := bytes.Index(r, tagBytes(tag))
				r[i+len(tagBytes(tag))+1+at] ^= 0x01
			}
			return r
		}
	}
	for _, test := range []struct {
		name string
		do   func(*bench, *card)
		l2   byte
	}{
		{"counter changed", func(_ *bench, c *card) { flip(c, 0x9F36, 1) }, 0x02},
		{"issuer data changed", func(_ *bench, c *card) { flip(c, 0x9F10, 3) }, 0x02},
		{"cryptogram information changed", func(_ *bench, c *card) { flip(c, 0x9F27, 0) }, 0x02},
		{"signature changed", func(_ *bench, c *card) { flip(c, 0x9F4B, 17) }, 0x02},
		{"data object added", func(_ *bench, c *card) { c.edit = insert("9F7C0101") }, 0x02},
		{"length coded otherwise", func(_ *bench, c *card) {
			c.edit = func(ins byte, r []byte) []byte {
				if ins != apdu.INSGenerateAC {
					return r
				}
				r = bytes.Replace(r, unhex("9F2701"), unhex("9F278101"), 1)
				r[2]++
				return r
			}
		}, 0x02},
		{"another unpredictable number", func(_ *bench, c *card) { c.static.set(0x8C, "9F0206 9F3702") }, 0x02},
		{"no unpredictable number", func(_ *bench, c *card) { c.static.set(0x8C, "9F0206 9503 ") }, 0x02},
		{"signature left out", func(_ *bench, c *card) { c.plain = true }, 0x06},
		{"signature left out, format 1", func(_ *bench, c *card) { c.plain, c.format80 = true, true }, 0x06},
		{"certificate of the issuer", func(_ *bench, c *card) { c.personalise(); c.keys.get(0x90)[9] ^= 1 }, 0x02},
		{"certificate of the card", func(_ *bench, c *card) { c.personalise(); c.own.get(0x9F46)[9] ^= 1 }, 0x02},
		{"static data", func(_ *bench, c *card) { c.personalise(); c.static.set(0x9F08, "0003") }, 0x02},
		{"AIP", func(_ *bench, c *card) { c.personalise(); c.aip[0] |= 0x04 }, 0x02},
		{"revoked", func(b *bench, _ *card) {
			b.config.Revoked = []oda.Revocation{{RID: [5]byte(aid), Index: 0xF1, Serial: [3]byte{0, 0, 1}}}
		}, 0x02},
		{"another cryptogram in clear", func(_ *bench, c *card) { c.answer.set(0x9F26, "8877665544332211") }, 0x02},
	} {
		t.Run(test.name, func(t *testing.T) {
			b, c := newBench(t), newCard(t)
			test.do(b, c)
			out := b.tap(c)
			expect(t, out, tap.EndApplication)
			if got := errorIndication(t, out); got[1] != test.l2 || got[5] != byte(tap.InsertSwipeOrTryAnother) {
				t.Errorf("error indication %X (%s)", got, out.Reason)
			}
			if out.Reading != nil {
				t.Error("a reading of it")
			}
		})
	}
}

func tlvTag(n uint32) tlv.Tag { return tlv.Tag(n) }

func tagBytes(tag tlv.Tag) []byte {
	b := tlv.Append(nil, tag)
	return b[:len(b)-1]
}

// insert adds data objects to the answer to GENERATE AC, behind the others but before the signature.
func insert(more string) func(byte, []byte) []byte {
	return func(ins byte, r []byte) []byte {
		if ins != apdu.INSGenerateAC {
			return r
		}
		e, rest, err := tlv.ParseOne(r)
		if err != nil {
			panic(err)
		}
		return append(tlv.Append(nil, e.Tag, append(unhex(more), e.Value...)...), rest...)
	}
}

// The cryptogram may stand in clear beside the signature, as it was signed.
func TestCryptogramInClear(t *testing.T) {
	b, c := newBench(t), newCard(t)
	c.answer.set(0x9F26, "1122334455667788")
	out := b.tap(c)
	expect(t, out, tap.OnlineRequest)
	if !out.Reading.Authenticated() {
		t.Error("not authenticated")
	}
}

// EMV fact 28: a card may answer with less than it was asked for, never with more.
func TestHeight(t *testing.T) {
	for _, test := range []struct {
		name  string
		floor int64 // the card is asked for TC below it
		tac   byte  // the card is asked for AAC with 01
		cid   byte
		want  tap.OutcomeKind
	}{
		{"TC for TC", 1000, 0, 0x40, tap.Approved},
		{"ARQC for TC", 1000, 0, 0x80, tap.OnlineRequest},
		{"AAC for TC", 1000, 0, 0x00, tap.TryAnotherInterface},
		{"TC for ARQC", 0, 0, 0x40, tap.EndApplication},
		{"ARQC for ARQC", 0, 0, 0x80, tap.OnlineRequest},
		{"AAC for ARQC", 0, 0, 0x00, tap.TryAnotherInterface},
		{"reserved for ARQC", 0, 0, 0xC0, tap.EndApplication},
		{"reserved for TC", 1000, 0, 0xC0, tap.EndApplication},
		{"TC for AAC", 1000, 1, 0x40, tap.EndApplication},
		{"ARQC for AAC", 1000, 1, 0x80, tap.EndApplication},
		{"AAC for AAC", 1000, 1, 0x00, tap.TryAnotherInterface},
	} {
		t.Run(test.name, func(t *testing.T) {
			b, c := newBench(t), newCard(t)
			b.kernel.Limits[0].Floor = amount(test.floor)
			b.kernel.TACDenial[4] = test.tac
			c.force = &test.cid
			out := b.tap(c)
			expect(t, out, test.want)
			if out.Kind == tap.EndApplication {
				if got := errorIndication(t, out); got[1] != 0x06 {
					t.Errorf("error indication %X", got)
				}
			}
		})
	}
}

// Without CDA the issuer may be asked, and is told.
func TestWithoutCDA(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(*bench, *card)
		tvr  string
	}{
		{"card", func(_ *bench, c *card) { c.aip[0] &^= 0x01 }, "8000008001"},
		{"terminal", func(b *bench, _ *card) { b.kernel.SecurityCapability = 0xC0 }, "8000008001"},
		{"no authority key", func(b *bench, _ *card) { b.config.CAKeys = nil }, "0400008001"},
		{"no certificate", func(_ *bench, c *card) { c.personalise(); c.keys.drop(0x90) }, "2400008001"},
		{"no key index", func(_ *bench, c *card) { c.personalise(); c.keys.drop(0x8F) }, "2400008001"},
		{"no issuer exponent", func(_ *bench, c *card) { c.personalise(); c.keys.drop(0x9F32) }, "2400008001"},
		{"no certificate of the card", func(_ *bench, c *card) { c.personalise(); c.own.drop(0x9F46) }, "2400008001"},
		{"no exponent of the card", func(_ *bench, c *card) { c.personalise(); c.own.drop(0x9F47) }, "2400008001"},
		{"no tag list", func(_ *bench, c *card) { c.static.drop(0x9F4A) }, "2400008001"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b, c := newBench(t), newCard(t)
			test.do(b, c)
			out := b.tap(c)
			expect(t, out, tap.OnlineRequest)
			if got := value(t, out.Reading, 0x95); got != test.tvr {
				t.Errorf("TVR %s, want %s", got, test.tvr)
			}
			if out.Reading.Authenticated() || out.Reading.AuthenticationMethod() != "none" || c.command(apdu.INSGenerateAC).P1 != 0x80 {
				t.Error("authenticated?")
			}
			if got := value(t, out.Reading, 0x9F26); got != "1122334455667788" {
				t.Errorf("cryptogram %s", got)
			}
		})
	}
	b, c := newBench(t), newCard(t)
	c.personalise()
	c.keys.set(0x8F, "F1F1")
	out := b.tap(c)
	expect(t, out, tap.EndApplication)
	if got := errorIndication(t, out); got[1] != 0x04 {
		t.Errorf("key index of two bytes: %X", got)
	}
}

// EMV fact 11, the ways around it: what nobody will sign does not verify the cardholder. A relay on the way clears
// the bit of CDA and sets that of the consumer's device, or breaks the chain of certificates and gives the card
// another CVM list.
func TestVerificationNobodySigns(t *testing.T) {
	const low, high = 5000, 5001
	phone := func(_ *bench, c *card) { c.aip[0] |= 0x02 }
	noCDA := func(_ *bench, c *card) { c.personalise(); c.aip[0] &^= 0x01 }
	noTerminalCDA := func(b *bench, _ *card) { b.kernel.SecurityCapability = 0xC0 }
	unknownKey := func(_ *bench, c *card) { c.personalise(); c.keys.set(0x8F, "99") }
	otherList := func(_ *bench, c *card) { c.personalise(); c.static.set(0x8E, "0000000000000000 1E03") }
	for _, test := range []struct {
		name   string
		amount int64
		do     []func(*bench, *card)
		asked  byte
		want   tap.OutcomeKind
		cvm    tap.CVM
	}{
		{"card", high, nil, 0x90, tap.OnlineRequest, tap.OnlinePIN},
		{"card, other list", high, []func(*bench, *card){otherList}, 0x90, tap.EndApplication, 0},
		{"card, CDA cleared", high, []func(*bench, *card){noCDA}, 0x80, tap.OnlineRequest, tap.OnlinePIN}, // the issuer sees the AIP
		{"card, CDA cleared, device set", high, []func(*bench, *card){noCDA, phone}, 0x00, tap.TryAnotherInterface, tap.ConfirmationCodeVerified},
		{"the same under the CVM limit", low, []func(*bench, *card){noCDA, phone}, 0x00, tap.TryAnotherInterface, tap.NoCVM},
		{"card, unknown key", low, []func(*bench, *card){unknownKey}, 0x80, tap.OnlineRequest, tap.NoCVM},
		{"card, unknown key, over the CVM limit", high, []func(*bench, *card){unknownKey}, 0x00, tap.TryAnotherInterface, tap.OnlinePIN},
		{"card, unknown key, other list", high, []func(*bench, *card){unknownKey, otherList}, 0x00, tap.TryAnotherInterface, tap.ObtainSignature},
		{"device", high, []func(*bench, *card){phone}, 0x90, tap.OnlineRequest, tap.ConfirmationCodeVerified},
		{"device, unknown key", low, []func(*bench, *card){phone, unknownKey}, 0x00, tap.TryAnotherInterface, tap.NoCVM},
		{"device, terminal without CDA", low, []func(*bench, *card){phone, noTerminalCDA}, 0x00, tap.TryAnotherInterface, tap.NoCVM},
		{"device that is not asked to verify, without CDA", high, []func(*bench, *card){phone, noCDA, func(b *bench, _ *card) { b.kernel.OnDeviceCVM = false }}, 0x80, tap.OnlineRequest, tap.OnlinePIN},
	} {
		t.Run(test.name, func(t *testing.T) {
			b, c := newBench(t), newCard(t)
			b.params.Amount = test.amount
			for _, do := range test.do {
				do(b, c)
			}
			out := b.tap(c)
			expect(t, out, test.want)
			if got := c.command(apdu.INSGenerateAC).P1; got != test.asked || out.CVM != test.cvm {
				t.Errorf("asked for %02X, CVM %v", got, out.CVM)
			}
		})
	}
	// A device that cannot be inserted is declined.
	b, c := newBench(t), newCard(t)
	b.config.CAKeys = nil
	c.aip[0] |= 0x02
	c.static.set(0x9F6E, "084000003031")
	expect(t, b.tap(c), tap.Declined)
}

// A signature nobody asked for is verified all the same, and ends the application when it cannot be.
func TestUnaskedSignature(t *testing.T) {
	b, c := newBench(t), newCard(t)
	b.config.CAKeys = nil
	c.unasked = true
	out := b.tap(c)
	expect(t, out, tap.EndApplication)
	if got := errorIndication(t, out); got[1] != 0x02 {
		t.Errorf("error indication %X", got)
	}
}

// A card that says so signs declines too, and then has to.
func TestSignedDecline(t *testing.T) {
	b, c := newBench(t), newCard(t)
	b.kernel.TACDenial[4] = 0x01
	b.kernel.CardDataInput = 0
	c.discretionary.set(0x9F5D, "000100")
	c.kind, c.unasked = 0x00, true
	out := b.tap(c)
	expect(t, out, tap.Declined)
	if c.command(apdu.INSGenerateAC).P1 != 0x10 || !out.Reading.Authenticated() {
		t.Error("decline not signed")
	}
	c = newCard(t)
	c.discretionary.set(0x9F5D, "000100")
	c.kind = 0x00
	expect(t, b.tap(c), tap.EndApplication)
}

func TestTerminalDataAreNotTheCards(t *testing.T) {
	b, c := newBench(t), newCard(t)
	for _, tag := range []tlv.Tag{0x9F02, 0x95, 0x9F34, 0x9F27, 0x9F26, 0x9F36, 0x9F37, 0x9F33, 0xDF4B, 0x82, 0x8A} {
		c.static.set(tag, "00000000")
	}
	out := b.tap(c)
	expect(t, out, tap.OnlineRequest)
	if value(t, out.Reading, 0x9F02) != "000000001000" || value(t, out.Reading, 0x9F26) != "1122334455667788" {
		t.Error("the card's word for it")
	}
	var tvr emvkernel.TVR = out.Reading.TVR()
	if tvr.String() != "0000008001" {
		t.Error(tvr)
	}
}
