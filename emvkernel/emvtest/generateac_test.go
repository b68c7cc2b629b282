package emvtest

import (
	"testing"

	"smartreader/emvkernel/apdu"
)

// A first answer that ends the transaction leaves nothing to ask for.
func TestNoSecondCryptogramAfterAFinalOne(t *testing.T) {
	for _, p1 := range []byte{apdu.RequestAAC, apdu.RequestTC} {
		d := newDesk(t, load(t, "offline-approves"), nil)
		d.begin()
		if got := d.generate(p1, false)[0x9F27][0]; got != p1 {
			t.Errorf("asked %02X, got %02X", p1, got)
		}
		d.want(apdu.GenerateAC(apdu.RequestAAC, d.dol(d.app().cdol2)), apdu.ConditionsOfUse)
	}
}

// The second GENERATE AC honours the issuer's word only when it is authentic.
func TestSecondDecision(t *testing.T) {
	issuer := NewIssuer()
	const required = "application visa\npan 4242424242424242\nissuer-authentication external required\n"
	for _, c := range []struct {
		what string
		p    *Profile
		arc  string // of the answer; empty: none
		bad  bool   // the answer is not the issuer's
		p1   byte
		want byte
	}{
		{"approved", load(t, "visa"), "00", false, 0x40, 0x40},
		{"approved, terminal declines", load(t, "visa"), "00", false, 0x00, 0x00},
		{"declined, terminal approves", load(t, "visa"), "05", false, 0x40, 0x00},
		{"forged", load(t, "visa"), "00", true, 0x40, 0x00},
		{"none", load(t, "visa"), "", false, 0x40, 0x40},
		{"none but required", parse(t, required), "", false, 0x40, 0x00},
		{"required", parse(t, required), "00", false, 0x40, 0x40},
		{"in the second command", load(t, "mastercard"), "00", false, 0x40, 0x40},
		{"forged in the second command", load(t, "mastercard"), "00", true, 0x40, 0x00},
		{"the card refuses", load(t, "refuses-approval"), "00", false, 0x40, 0x00},
	} {
		d := newDesk(t, c.p, nil)
		d.begin()
		first := d.generate(apdu.RequestARQC, false)
		if c.arc != "" {
			answer, err := issuer.Respond(encode(d.payment(first)), [2]byte([]byte(c.arc)))
			if err != nil {
				t.Fatal(err)
			}
			if c.bad {
				answer[0] ^= 1
			}
			if d.app().issuerAuthentication.way == "external" {
				d.send(apdu.ExternalAuthenticate(answer))
			}
			d.values[0x91] = answer
		}
		got := d.generate(c.p1, true)
		last := d.card.State().Applications[d.app().memoryKey()].LastOnlineATC
		if heard := c.arc != "" && !c.bad; heard && last != 1 || c.bad && last != 0 {
			t.Errorf("%s: last online %d", c.what, last)
		}
		if got[0x9F27][0] != c.want {
			t.Errorf("%s: %02X, want %02X", c.what, got[0x9F27], c.want)
		}
		if failed := got[0x9F10][4]&cvrIssuerFailed != 0; failed != c.bad {
			t.Errorf("%s: issuer authentication failed %v in % X", c.what, failed, got[0x9F10])
		}
	}
}

func TestFirstDecision(t *testing.T) {
	for _, c := range []struct {
		profile     string
		asked, want byte
	}{
		{"visa", 0x40, 0x80}, {"visa", 0x80, 0x80}, {"visa", 0x00, 0x00},
		{"offline-approves", 0x40, 0x40}, {"offline-approves", 0x80, 0x80},
		{"card-declines", 0x80, 0x00}, {"card-declines", 0x40, 0x00},
	} {
		d := newDesk(t, load(t, c.profile), nil)
		d.begin()
		if got := d.generate(c.asked, false)[0x9F27][0]; got != c.want {
			t.Errorf("%s asked %02X: %02X, want %02X", c.profile, c.asked, got, c.want)
		}
	}
}
