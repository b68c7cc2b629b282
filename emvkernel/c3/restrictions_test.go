package c3_test

import (
	"testing"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/tap"
	"smartreader/emvkernel/tlv"
)

// EMV fact 32, CTQ byte 1 bit 4: an expired card approves nothing; it goes online where its issuer wants that.
// Days count, not months, and only for approvals: what goes online its issuer judges.
func TestExpired(t *testing.T) {
	for _, tt := range []struct {
		name, date, ctq string
		cid             byte
		want            tap.OutcomeKind
	}{
		{"last day", "261122", "0000", cidTC, tap.Approved},
		{"day after", "261121", "0000", cidTC, tap.Declined},
		{"day after, online", "261121", "0800", cidTC, tap.OnlineRequest},
		{"day after, other bits", "261121", "7700", cidTC, tap.Declined},
		{"last century", "991231", "0000", cidTC, tap.Declined},
		{"no date", "", "0000", cidTC, tap.Declined},
		{"no date, online", "", "0800", cidTC, tap.OnlineRequest},
		{"asks for its issuer", "261121", "0000", cidARQC, tap.OnlineRequest},
		{"asks for its issuer without date", "", "0000", cidARQC, tap.OnlineRequest},
	} {
		var date []byte
		if tt.date != "" {
			date = hexBytes(tt.date)
		}
		c := signing(tt.cid).set(0x5F24, date).qualifiers(tt.ctq)
		newReader().tap(t, c).is(t, tt.name, tt.want)
	}
	// A card without qualifiers.
	c := signing(cidTC).set(0x9F6C, nil).set(0x5F24, hexBytes("261121"))
	newReader().tap(t, c).is(t, "without qualifiers", tap.Declined)
	// Local time counts, whatever the zone.
	r := newReader()
	r.params.Time = time.Date(2026, 11, 21, 23, 30, 0, 0, time.FixedZone("west", -8*3600))
	r.tap(t, signing(cidTC).set(0x5F24, hexBytes("261121"))).is(t, "in the west", tap.Approved)
}

// The exception file forbids an approval by the card; the issuer may still be asked.
func TestExceptionFile(t *testing.T) {
	for _, listed := range []bool{false, true} {
		for cid, want := range map[byte]tap.OutcomeKind{cidTC: tap.Declined, cidARQC: tap.OnlineRequest, cidAAC: tap.Declined} {
			if !listed && cid == cidTC {
				want = tap.Approved
			}
			asked := 0
			r := newReader()
			r.params.ExceptionFile = func(number emvkernel.Secret, sequence string) bool {
				asked++
				if string(number) != pan || sequence != "01" {
					t.Errorf("asked for another account, sequence %q", sequence)
				}
				return listed
			}
			r.tap(t, signing(cid)).is(t, "exception file", want)
			if (asked == 1) != (cid == cidTC) {
				t.Errorf("%02X: asked %d times", cid, asked)
			}
		}
	}
	// Expired and to go online, but listed.
	r := newReader()
	r.params.ExceptionFile = func(emvkernel.Secret, string) bool { return true }
	r.tap(t, signing(cidTC).set(0x5F24, hexBytes("200101")).qualifiers("0800")).is(t, "listed and expired", tap.Declined)
}

// EMV fact 32, CTQ byte 1 bits 3 and 2: cash and cashback are for cards that are for it, at home or abroad.
func TestUsage(t *testing.T) {
	const cash, byPerson, cashback, purchase = 0x01, 0x17, 0x09, 0x00
	for _, tt := range []struct {
		name         string
		what         byte
		auc, country string
		ctq          string
		cid          byte
		want         tap.OutcomeKind
	}{
		{"purchase", purchase, "0000", "0840", "0600", cidTC, tap.Approved},
		{"cash at home", cash, "8000", "0840", "0000", cidTC, tap.Approved},
		{"cash abroad", cash, "4000", "0276", "0000", cidTC, tap.Approved},
		{"only abroad", cash, "4000", "0840", "0000", cidTC, tap.Declined},
		{"only at home", cash, "8000", "0276", "0000", cidTC, tap.Declined},
		{"all but cash", cash, "3FFF", "0840", "0000", cidTC, tap.Declined},
		{"other interface for cash", cash, "3FFF", "0840", "0400", cidTC, tap.TryAnotherInterface},
		{"other interface for cashback only", cash, "3FFF", "0840", "0200", cidTC, tap.Declined},
		{"cash with other interface, allowed", cash, "8000", "0840", "0400", cidTC, tap.Approved},
		{"over the counter", byPerson, "3FFF", "0840", "0400", cidTC, tap.TryAnotherInterface},
		{"over the counter, at home", byPerson, "8000", "0840", "0400", cidTC, tap.Approved},
		{"no usage control", cash, "", "0840", "0000", cidTC, tap.Declined},
		{"no country", cash, "FFFF", "", "0000", cidTC, tap.Declined},
		{"no country, other interface", cash, "FFFF", "", "0400", cidTC, tap.TryAnotherInterface},
		{"cashback at home", cashback, "0080", "0840", "0000", cidTC, tap.Approved},
		{"cashback abroad", cashback, "0040", "0276", "0000", cidTC, tap.Approved},
		{"cashback only abroad", cashback, "0040", "0840", "0000", cidTC, tap.Declined},
		{"cashback only at home", cashback, "0080", "0276", "0000", cidTC, tap.Declined},
		{"all but cashback", cashback, "FF3F", "0840", "0000", cidTC, tap.Declined},
		{"other interface for cashback", cashback, "FF3F", "0840", "0200", cidTC, tap.TryAnotherInterface},
		{"other interface for cash only", cashback, "FF3F", "0840", "0400", cidTC, tap.Declined},

		{"online cash", cash, "8000", "0840", "0000", cidARQC, tap.OnlineRequest},
		{"online, not for cash", cash, "3FFF", "0840", "0000", cidARQC, tap.Declined},
		{"online, other interface for cash", cash, "3FFF", "0840", "0400", cidARQC, tap.TryAnotherInterface},
		{"online, says nothing", cash, "", "", "0400", cidARQC, tap.OnlineRequest},
		{"online, says half", cash, "3FFF", "", "0400", cidARQC, tap.OnlineRequest},
		{"online cashback", cashback, "FF3F", "0840", "0200", cidARQC, tap.TryAnotherInterface},
		{"declined, other interface for cash", cash, "3FFF", "0840", "0400", cidAAC, tap.Declined},
	} {
		c := signing(tt.cid).qualifiers(tt.ctq)
		for tag, v := range map[tlv.Tag]string{0x9F07: tt.auc, 0x5F28: tt.country} {
			if v == "" {
				c.set(tag, nil)
			} else {
				c.set(tag, hexBytes(v))
			}
		}
		r := newReader()
		r.params.Type = tt.what
		got := r.tap(t, c)
		got.is(t, tt.name, tt.want)
		if tt.want == tap.TryAnotherInterface {
			got.message(t, tt.name, tap.InsertCard, tap.ConditionsNotSatisfied)
			if got.AlternateInterface != tap.Contact || got.Reading != nil {
				t.Errorf("%s: %+v", tt.name, got.Outcome)
			}
		}
	}
	// A purchase with cashback, whatever its type says.
	r := newReader()
	r.params.Cashback = 500
	r.tap(t, signing(cidTC).set(0x9F07, hexBytes("FF3F"))).is(t, "cashback in a purchase", tap.Declined)
	// A listed account is not sent to another interface.
	r.params.ExceptionFile = func(emvkernel.Secret, string) bool { return true }
	r.tap(t, signing(cidTC).set(0x9F07, hexBytes("FF3F")).qualifiers("0200")).is(t, "listed", tap.Declined)
}
