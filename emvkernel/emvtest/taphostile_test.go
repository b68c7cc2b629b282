package emvtest

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/entry"
	"smartreader/emvkernel/tap"
	"smartreader/emvkernel/tlv"
)

// tapCards are a Visa and a Mastercard card that approve below a floor limit, to be spoilt.
var tapCards = map[string]string{
	"visa":       "payment floor 5000\napplication visa\npan 4242424242424242\ntap-ac tc\nfirst-ac tc\n",
	"mastercard": "payment floor 5000 timed\nair-time 6ms\napplication mastercard\npan 5555555555554444\ntap-ac tc\ntap-relay 20 60 24\n",
}

// Whatever is wrong with a card that would approve, the terminal does not. Only what no terminal can see
// passes: faults of the issuer's part, and of commands that taps do not have.
func TestTapWithEveryFault(t *testing.T) {
	unseen := []string{
		faultCryptogram, faultPadding, faultNeverDeclines, faultSecondARQC, faultIssuerForged,
		faultHigherAC, // asked for a TC it can be no higher
	}
	for name, text := range tapCards {
		for _, f := range faults {
			p, err := ParseProfile(strings.NewReader(text + "fault " + f.name + "\n"))
			if err != nil {
				continue // not a fault of this card
			}
			r := tapWith(t, NewCard(p, nil).Contactless(), p.payment)
			passes := false
			for _, u := range unseen {
				passes = passes || u == f.name
			}
			if name == "visa" && f.name == faultShortResponse {
				passes = true // of GENERATE AC
			}
			if got := r.out.Kind == tap.Approved; got != passes {
				t.Errorf("%s with %s: %v (%s)", name, f.name, r.out.Kind, r.out.Reason)
			}
			if r.out.Reading != nil && r.out.Reading.Authenticated() && !passes {
				t.Errorf("%s with %s: authenticated", name, f.name)
			}
			r.out.Reading.Wipe()
		}
	}
}

// flipper changes one byte of one answer.
type flipper struct {
	*TapCard
	answer, at int
	mask       byte
	count      int
	command    []byte // the one whose answer was changed; nil: there was none
}

func (f *flipper) Transceive(ctx context.Context, command []byte) ([]byte, error) {
	r, err := f.TapCard.Transceive(ctx, command)
	if f.count++; err == nil && f.count-1 == f.answer && f.at < len(r) {
		f.command = bytes.Clone(command)
		r[f.at] ^= f.mask
	}
	return r, err
}

// TransceiveTimed is not the card's own: that would go past the change.
func (f *flipper) TransceiveTimed(ctx context.Context, command []byte) ([]byte, time.Duration, bool, error) {
	r, err := f.Transceive(ctx, command)
	return r, f.card.profile.airTime, err == nil, err
}

// Somebody between card and terminal changes one byte of an answer: of what is approved without the issuer,
// account number and expiry date are the card's, and the card is genuine; whatever else comes of it is an
// outcome, after a bounded number of commands.
func TestTapAltered(t *testing.T) {
	for name, text := range tapCards {
		p := parse(t, text)
		number, expiry := p.applications[0].pan, p.applications[0].expiry
		approved, altered := 0, 0
		for answer := range 12 {
			for at := 0; at < 256; at += 3 {
				f := &flipper{TapCard: NewCard(p, nil).Contactless(), answer: answer, at: at, mask: 1 << (at % 8)}
				cfg := p.payment.Contactless()
				ctx, giveUp := context.WithCancel(t.Context())
				tx, err := entry.New(cfg, p.payment.Params(), entry.Environment{Field: &leaving{card: f, cancel: giveUp}})
				if err != nil {
					t.Fatal(err)
				}
				out, err := tx.Run(ctx)
				over := ctx.Err() != nil
				giveUp()
				if f.command == nil {
					break // shorter than that
				}
				altered++
				if err != nil && !over {
					t.Fatalf("%s, answer %d, byte %d: %v", name, answer, at, err)
				}
				if commands, _, _ := tx.Traffic(); commands > 60 {
					t.Errorf("%s, answer %d, byte %d: %d commands", name, answer, at, commands)
				}
				if out.Kind == tap.Approved {
					approved++
					card := out.Reading.Card()
					if !out.Reading.Authenticated() || string(card.PAN) != string(number) || card.ExpiryYear != expiry.Year() || card.ExpiryMonth != int(expiry.Month()) {
						t.Errorf("%s, answer %d to %X, byte %d: approved for another card (authenticated: %v)", name, answer, f.command[:2], at, out.Reading.Authenticated())
					}
				}
				out.Reading.Wipe()
			}
		}
		if altered < 200 || approved == 0 || approved > altered/2 {
			t.Errorf("%s: %d of %d approved; the test does not reach what it is for", name, approved, altered)
		}
	}
}

// leaving is a field whose card is presented once; asked for again, the cardholder is gone.
type leaving struct {
	card   emvkernel.Transceiver
	cancel context.CancelFunc
	taps   int
}

func (l *leaving) Activate(ctx context.Context) (emvkernel.Transceiver, error) {
	if l.taps++; l.taps > 1 {
		l.cancel()
		return nil, ctx.Err()
	}
	return l.card, nil
}
func (l *leaving) WaitRemoval(context.Context) error { return nil }
func (l *leaving) Off() error                        { return nil }

// The issuer's answer reaches a Visa card at a second tap, and the card believes its issuer alone.
func TestTapIssuerUpdate(t *testing.T) {
	const script = "8424000008A1A2A3A4A5A6A7A8"
	for name, c := range map[string]struct {
		more   string
		spoil  bool
		tvr    string // '95' in what the kernel reports
		result byte   // of the script
		online uint16 // last online payment of the card, afterwards
	}{
		"believed":          {"scripts yes\n", false, "0000000000", 0x20, 1},
		"forged":            {"scripts yes\n", true, "0000000050", 0x11, 0},
		"takes no commands": {"", false, "0000000010", 0x11, 1},
	} {
		p := parse(t, "payment update\nissuer-script after "+script+"\napplication visa\npan 4242424242424242\ntap-update yes\n"+c.more)
		card, issuer := NewCard(p, nil), NewIssuer()
		h := &hand{card: card.Contactless(), most: 4}
		tx, err := entry.New(p.payment.Contactless(), p.payment.Params(), entry.Environment{Field: h})
		if err != nil {
			t.Fatal(err)
		}
		out, err := tx.Run(t.Context())
		if err != nil || out.Kind != tap.OnlineRequest || out.OnlineData != tap.EMVOnlineData || out.Start != tap.StartB {
			t.Fatalf("%s: %+v, %v", name, out, err)
		}
		data := out.Reading.ACData()
		check, err := issuer.Check(data)
		if err != nil || !check.Decision.Approved {
			t.Fatalf("%s: %+v, %v", name, check, err)
		}
		response, err := issuer.Respond(data, check.Decision.ARC)
		if err != nil {
			t.Fatal(err)
		}
		if c.spoil {
			spoil(response[:8])
		}
		e := Expectation{Scripts: scriptTemplates(p.scripts)}
		end, err := tx.Resume(t.Context(), tap.OnlineAnswer{
			Approved: true, ARC: check.Decision.ARC, IssuerAuthenticationData: response, Scripts: e.Scripts,
		})
		if err != nil || end.Kind != tap.EndApplication || h.taps != 2 {
			t.Fatalf("%s: %+v, %v after %d taps", name, end, err, h.taps)
		}
		list, err := tlv.Parse(end.Discretionary)
		if err != nil {
			t.Fatal(err)
		}
		tvr, _ := tlv.Find(list, 0x95)
		results, _ := tlv.Find(list, 0x9F5B)
		if got := (emvkernel.TVR)(tvr.Value).String(); got != c.tvr || len(results.Value) != 5 || results.Value[0] != c.result {
			t.Errorf("%s: TVR %s, script results %X", name, got, results.Value)
		}
		if memory := card.State().Applications["A0000000031010"]; memory.LastOnlineATC != c.online || memory.Update != "" {
			t.Errorf("%s: the card remembers %+v", name, memory)
		}
		out.Reading.Wipe()
	}
}

// An answer of the issuer is for one request: none is believed twice, or without one.
func TestTapIssuerUpdateOnce(t *testing.T) {
	d := newTapDesk(t, parse(t, "application visa\npan 4242424242424242\ntap-update yes\n"), nil)
	d.values[0x9F66] = []byte{0x37, 0x80, 0xC0, 0x00}
	d.start()
	session := deriveSessionKey(d.app().master, 1)
	response := arpc(session, [8]byte(d.read[0x9F26]), [2]byte{'0', '0'})
	update := apdu.ExternalAuthenticate(append(response[:], '0', '0'))
	for i, want := range []apdu.SW{apdu.OK, apdu.ConditionsOfUse} {
		d.tap.Reset()
		if _, sw := d.exchange(update); sw != apdu.ConditionsOfUse {
			t.Errorf("without an application: %v", sw)
		}
		d.good(apdu.Select(d.card.applications[0].aid, false))
		if _, sw := d.exchange(update); sw != want {
			t.Errorf("time %d: %v, want %v", i+1, sw, want)
		}
	}
	d.tap.Reset()
	d.read = map[tlv.Tag][]byte{}
	d.start()
	if _, sw := d.exchange(update); sw != apdu.ConditionsOfUse {
		t.Errorf("in the middle of another payment: %v", sw)
	}
}
