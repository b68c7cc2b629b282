package emvtest

import (
	"bytes"
	"slices"
	"testing"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tlv"
)

// spoken are all data objects a card gives up to its first cryptogram, in order.
func spoken(t *testing.T, text string) []tlv.Element {
	t.Helper()
	d := newDesk(t, parse(t, text), nil)
	var out []tlv.Element
	take := func(answer []byte) {
		err := tlv.Walk(answer, func(_ int, e tlv.Element) error {
			out = append(out, e)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	take(d.must(apdu.Select(pseName, false)))
	take(d.must(apdu.ReadRecord(pseDirectory, 1)))
	take(d.must(apdu.Select(d.card.applications[0].aid, false)))
	take(d.must(apdu.GetProcessingOptions(d.dol(d.app().pdol))))
	for afl := d.app().afl; len(afl) > 0; afl = afl[4:] {
		for n := afl[1]; n <= afl[2]; n++ {
			take(d.must(apdu.ReadRecord(afl[0]>>3, n)))
		}
	}
	if d.app().icc != nil && d.app().oda == "dda" {
		take(d.must(apdu.InternalAuthenticate(make([]byte, d.app().ddol.Size()))))
	}
	take(d.must(apdu.GenerateAC(apdu.RequestARQC|apdu.RequestCDA, d.dol(d.app().cdol1))))
	return out
}

func count(list []tlv.Element, tag tlv.Tag) (n int, value []byte) {
	for _, e := range list {
		if e.Tag == tag {
			n, value = n+1, e.Value
		}
	}
	return n, value
}

// Every data object a card gives can be left out, given twice where there is room, and given with another
// value, and nothing else changes place.
func TestEditsOfEveryObject(t *testing.T) {
	for _, base := range []string{
		"application discover\npan 6011111111111117\ncvm enciphered-pin if-supported or-next\ncvm none always\npin-key own\n" +
			"offline-limits 1 2\nstatic-tag-list yes\ndiscretionary 9F4D020B0A\npdol 9A:3\n",
		"application mastercard\npan 5555555555554444\n",
		plainVisa + "oda sda\nformat 77\n",
	} {
		good := spoken(t, base)
		a := parse(t, base).applications[0]
		for _, e := range good {
			before, _ := count(good, e.Tag)
			switch e.Tag {
			case 0x88, 0x70, 0x77, 0x80, 0xA5, 0x6F, 0x61, 0x73, 0xBF0C, 0x84, 0x9F4D, 0x5F2D: // the PSE has some of them too
				continue
			}
			if !a.gives(e.Tag) {
				t.Errorf("the card gives %s and does not know", e.Tag)
				continue
			}
			without, _ := count(spoken(t, base+"omit "+e.Tag.String()+"\n"), e.Tag)
			if without != 0 {
				t.Errorf("%s omitted: still there", e.Tag)
			}
			if e.Tag == 0x94 || e.Tag == 0x82 {
				continue // the desk goes by it
			}
			if with, value := count(spoken(t, base+"replace "+e.Tag.String()+" 0102\n"), e.Tag); with != before || !bytes.Equal(value, []byte{1, 2}) {
				t.Errorf("%s replaced: %d of it, % X", e.Tag, with, value)
			}
			if twice, _ := count(good, e.Tag); !slices.Contains(long, e.Tag) && len(e.Value) < 60 {
				if after, _ := count(spoken(t, base+"repeat "+e.Tag.String()+"\n"), e.Tag); after != 2*twice {
					t.Errorf("%s repeated: %d of it, want %d", e.Tag, after, 2*twice)
				}
			}
		}
	}
	if n, value := count(spoken(t, plainVisa+"add 9F45 1234\n"), 0x9F45); n != 1 || !bytes.Equal(value, []byte{0x12, 0x34}) {
		t.Errorf("added: %d, % X", n, value)
	}
}

func TestPreferredNameIsStoredInItsCodeTable(t *testing.T) {
	list := spoken(t, plainVisa+"code-table 5\npreferred-name Виза\n")
	if n, value := count(list, 0x9F12); n != 2 || !bytes.Equal(value, []byte{0xB2, 0xD8, 0xD7, 0xD0}) { // directory and FCI
		t.Errorf("%d, % X", n, value)
	}
	if _, value := count(list, 0x9F11); !bytes.Equal(value, []byte{5}) {
		t.Errorf("code table % X", value)
	}
}

func TestRevokedNamesTheCertificate(t *testing.T) {
	d := newDesk(t, load(t, "revoked"), nil)
	d.begin()
	ca := findKey(d.app().brand.caSpec())
	body := recovered(t, "issuer certificate", d.read[0x90], ca.modulus(), ca.exponent(), append(bytes.Clone(d.read[0x92]), d.read[0x9F32]...))
	found := false
	for _, r := range Revoked() {
		if r.RID == d.app().brand.rid && r.Index == d.read[0x8F][0] && bytes.Equal(r.Serial[:], body[7:10]) {
			found = true
		}
	}
	if !found {
		t.Errorf("serial number % X is not on the list", body[7:10])
	}
}
