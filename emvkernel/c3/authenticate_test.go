package c3_test

import (
	"bytes"
	"strings"
	"testing"

	"smartreader/emvkernel/oda"
	"smartreader/emvkernel/tap"
	"smartreader/emvkernel/tlv"
)

// EMV fact 8: both formats of the signature. EMV fact 9: what it covers.
func TestSignature(t *testing.T) {
	for _, format := range []byte{0x05, 0x95} {
		for _, cid := range []byte{cidTC, cidARQC} {
			c := signing(cid)
			c.sdad = format
			got := newReader().tap(t, c)
			got.is(t, "signed", map[byte]tap.OutcomeKind{cidTC: tap.Approved, cidARQC: tap.OnlineRequest}[cid])
			if !got.Reading.Authenticated() || got.Reading.AuthenticationMethod() != "fDDA" || !bytes.Equal(got.value(t, 0x9F4C), hexBytes("55667788")) {
				t.Errorf("format %02X, kind %02X: %v", format, cid, got.Reading.Authenticated())
			}
		}
	}
}

// brokenSignatures are cards that cannot prove to be genuine. EMV fact 9: without '9F69' there is no version 1, and
// anything it covers counts. EMV fact 10: the dynamic number's length and the signature's count too.
func brokenSignatures() map[string]func(c *card) {
	flip := func(tag tlv.Tag, at int) func(c *card) {
		return func(c *card) {
			c.certificates()
			v := bytes.Clone(c.get(tag))
			if at < 0 {
				at += len(v)
			}
			v[at] ^= 0x01
			c.set(tag, v)
		}
	}
	without := func(tag tlv.Tag) func(c *card) {
		return func(c *card) { c.certificates(); c.set(tag, nil) }
	}
	covers := func(f func(un, amount, currency, related []byte) [][]byte) func(c *card) {
		return func(c *card) { c.covers = f }
	}
	other := func(b []byte) []byte { b = bytes.Clone(b); b[len(b)-1]++; return b }
	return map[string]func(c *card){
		"format 15":                   func(c *card) { c.sdad = 0x15 },
		"format of a certificate":     func(c *card) { c.sdad = 0x04 },
		"number of one byte":          func(c *card) { c.dynamic = hexBytes("0155") },
		"number of nine bytes":        func(c *card) { c.dynamic = hexBytes("09112233445566778899") },
		"number longer than the data": func(c *card) { c.dynamic = hexBytes("04112233") },
		"no number":                   func(c *card) { c.dynamic = nil },
		"version 2":                   func(c *card) { c.set(0x9F69, hexBytes("02112233440000")) },
		"version 0":                   func(c *card) { c.version = 0; c.set(0x9F69, hexBytes("00112233440000")) },
		"no 9F69":                     func(c *card) { c.set(0x9F69, nil) },
		"version 0 without 9F69":      func(c *card) { c.version = 0; c.set(0x9F69, nil) },
		"version 0 as 1":              func(c *card) { c.version = 0 },
		"another number":              covers(func(un, a, cur, r []byte) [][]byte { return [][]byte{other(un), a, cur, r} }),
		"another amount":              covers(func(un, a, cur, r []byte) [][]byte { return [][]byte{un, other(a), cur, r} }),
		"another currency":            covers(func(un, a, cur, r []byte) [][]byte { return [][]byte{un, a, other(cur), r} }),
		"other related data":          covers(func(un, a, cur, r []byte) [][]byte { return [][]byte{un, a, cur, other(r)} }),
		"another order":               covers(func(un, a, cur, r []byte) [][]byte { return [][]byte{a, un, cur, r} }),
		"related data cut short":      covers(func(un, a, cur, r []byte) [][]byte { return [][]byte{un, a, cur, r[:5]} }),
		"nothing":                     covers(func(un, a, cur, r []byte) [][]byte { return nil }),
		"no 9F69, nothing covered":    func(c *card) { c.set(0x9F69, nil); c.covers = func(_, _, _, _ []byte) [][]byte { return nil } },
		"version 2, nothing covered": func(c *card) {
			c.set(0x9F69, hexBytes("02112233440000"))
			c.covers = func(_, _, _, _ []byte) [][]byte { return nil }
		},
		"signature changed":     func(c *card) { c.set(0x9F4B, bytes.Repeat([]byte{0x11}, 126)) },
		"signature too short":   func(c *card) { c.set(0x9F4B, bytes.Repeat([]byte{0x11}, 125)) },
		"empty signature":       func(c *card) { c.set(0x9F4B, []byte{}) },
		"issuer certificate":    flip(0x90, 20),
		"issuer remainder":      flip(0x92, 0),
		"issuer exponent":       flip(0x9F32, 0),
		"card certificate":      flip(0x9F46, 20),
		"card exponent":         flip(0x9F47, 0),
		"card remainder":        flip(0x9F48, 0),
		"expiry date":           flip(0x5F24, 0),
		"effective date":        flip(0x5F25, 0),
		"usage":                 flip(0x9F07, 1),
		"country":               flip(0x5F28, 0),
		"key index":             flip(0x8F, 0),
		"AIP":                   flip(0x82, 1),
		"tag list":              func(c *card) { c.certificates(); c.set(0x9F4A, hexBytes("8284")) },
		"no tag list":           without(0x9F4A),
		"no key index":          without(0x8F),
		"no issuer certificate": without(0x90),
		"no issuer exponent":    without(0x9F32),
		"no card certificate":   without(0x9F46),
		"no card exponent":      without(0x9F47),
		"no card remainder":     without(0x9F48),
		"no account number":     without(0x5A),
		"account of another's card": func(c *card) {
			c.certificates()
			c.set(0x5A, hexBytes("4761739001010127"))
			c.set(0x57, hexBytes("4761739001010127D49122011234567F"))
		},
		"PDOL without the number":   func(c *card) { c.pdol = "9F66049F02065F2A02" },
		"PDOL with half the number": func(c *card) { c.pdol = "9F66049F02065F2A029F3702" },
		"PDOL without the amount":   func(c *card) { c.pdol = "9F66045F2A029F3704" },
	}
}

// An approval without proof is none, whatever is wrong with it; a payment that goes online goes on, and is known
// not to be authenticated.
func TestBrokenSignatures(t *testing.T) {
	for name, change := range brokenSignatures() {
		for _, cid := range []byte{cidTC, cidARQC} {
			c := signing(cid)
			change(c)
			got := newReader().tap(t, c)
			want := tap.Declined
			if cid == cidARQC {
				want = tap.OnlineRequest
			}
			got.is(t, name, want)
			if got.Reading == nil {
				continue
			}
			if got.Reading.Authenticated() || got.value(t, 0x9F4C) != nil {
				t.Errorf("%s: taken for genuine", name)
			}
			if cid == cidTC && !strings.Contains(got.Reason, "that it is genuine: ") {
				t.Errorf("%s: %s", name, got.Reason)
			}
			if m := got.Reading.AuthenticationMethod(); m != "fDDA" {
				t.Errorf("%s: method %s", name, m)
			}
		}
	}
}

// EMV fact 32, CTQ byte 1 bits 6 and 5: what the issuer wants where the authentication fails.
func TestAuthenticationFails(t *testing.T) {
	for _, tt := range []struct {
		name, ctq string
		r         *reader
		want      tap.OutcomeKind
	}{
		{"nothing", "0000", newReader(), tap.Declined},
		{"online", "2000", newReader(), tap.OnlineRequest},
		{"other interface", "1000", newReader(), tap.TryAnotherInterface},
		{"both", "3000", newReader(), tap.OnlineRequest},
		{"all other bits", "0FFF", newReader(), tap.Declined},
		{"online, never online", "2000", newReader().with(offlineOnly), tap.Declined},
		{"both, never online", "3000", newReader().with(offlineOnly), tap.TryAnotherInterface},
		{"other interface, none there", "1000", newReader().without(contactChip), tap.Declined},
		{"both, none there", "3000", newReader().without(contactChip), tap.OnlineRequest},
		{"both, neither", "3000", newReader().without(contactChip).with(offlineOnly), tap.Declined},
	} {
		c := signing(cidTC).qualifiers(tt.ctq)
		c.dynamic = hexBytes("0155")
		got := tt.r.tap(t, c)
		got.is(t, tt.name, tt.want)
		if got.Reading != nil && got.Reading.Authenticated() {
			t.Errorf("%s: taken for genuine", tt.name)
		}
		// The same where there is no signature at all.
		bare := newCard(cidTC).option(0x5F24, "491231").set(0x9F6C, hexBytes(tt.ctq))
		tt.r.tap(t, bare).is(t, tt.name+", unsigned", tt.want)
	}
	// A payment that goes online anyway is not stopped by it.
	c := signing(cidARQC).qualifiers("1000")
	c.dynamic = hexBytes("0155")
	newReader().tap(t, c).is(t, "ARQC", tap.OnlineRequest)
	c = signing(cidTC).qualifiers("1000")
	c.dynamic = hexBytes("0155")
	newReader().onlineRequired().tap(t, c).is(t, "TC that goes online", tap.OnlineRequest)
}

// The older signature covers the unpredictable number and nothing else; readers that want it say so.
func TestVersion0(t *testing.T) {
	r := newReader()
	r.kernel.FDDAVersion0 = true
	for name, related := range map[string]string{"without related data": "", "with version 0": "0011223344"} {
		c := signing(cidTC)
		c.version = 0
		if related == "" {
			c.set(0x9F69, nil)
		} else {
			c.set(0x9F69, hexBytes(related))
		}
		r.tap(t, c).is(t, name, tap.Approved)
		newReader().tap(t, c).is(t, name+", not wanted", tap.Declined)

		c.covers = func(un, _, _, _ []byte) [][]byte { return [][]byte{{1, 2, 3, 4}} }
		r.tap(t, c).is(t, name+", another number", tap.Declined)
	}
	// A card of the newer version does not get away with the older signature, nor one of a version nobody knows.
	c := signing(cidTC)
	c.version = 0
	r.tap(t, c).is(t, "version 1 with the signature of 0", tap.Declined)
	c.set(0x9F69, hexBytes("02112233440000"))
	r.tap(t, c).is(t, "version 2 with the signature of 0", tap.Declined)
	r.tap(t, signing(cidTC)).is(t, "version 1", tap.Approved)
	r.tap(t, signing(cidTC).set(0x9F69, nil)).is(t, "version 1 without related data", tap.Declined)
}

// A certificate that was revoked, a key that is not there, and static data without the AIP.
func TestChain(t *testing.T) {
	r := newReader()
	r.cfg.Revoked = []oda.Revocation{{RID: rid, Index: 0x92, Serial: [3]byte{0, 0, 7}}}
	r.tap(t, signing(cidTC)).is(t, "revoked", tap.Declined)
	r = newReader()
	r.cfg.CAKeys = nil
	r.tap(t, signing(cidTC)).is(t, "no key", tap.Declined)
	r = newReader()
	r.cfg.CAKeys = caKeys(small())
	r.cfg.CAKeys[0].RID[4] = 4
	r.tap(t, signing(cidTC)).is(t, "another system's key", tap.Declined)
	newReader().tap(t, signing(cidTC).set(0x9F4A, nil)).is(t, "static data without AIP", tap.Approved)
}

// Static authentication proves no card: a copy passes it too.
func TestStaticSignature(t *testing.T) {
	c := signing(cidTC).set(0x9F4B, []byte{}).set(0x82, hexBytes("4000")).set(0x93, bytes.Repeat([]byte{1}, 144))
	newReader().tap(t, c).is(t, "static", tap.Declined)
}
