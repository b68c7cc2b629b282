package emvtest

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/c2"
	"smartreader/emvkernel/entry"
	"smartreader/emvkernel/tap"
)

// EMV fact 35: in magnetic stripe mode the unpredictable number is numeric, with as many digits as the card
// has places for, and the card's code, the number and the counter go where the bitmaps say. Nothing is
// approved offline, and without the mode, which is off by default, there is no payment at all.
func TestTapStripe(t *testing.T) {
	p := parse(t, "payment floor 5000\napplication mastercard\npan 5555555555554444\ntap-mode magstripe\ntap-ac tc\n")
	for _, number := range [][4]byte{{0, 0, 0, 0}, {0, 0, 0x03, 0xE7}, {0xDE, 0xAD, 0xBE, 0xEF}} {
		state := &State{Applications: map[string]ApplicationState{"A0000000041010": {ATC: 1233}}}
		card := NewCard(p, state)
		cfg := p.payment.Contactless()
		for i := range cfg.Combinations {
			if k, ok := cfg.Combinations[i].Kernel.(*c2.Kernel); ok {
				k.MagneticStripe = true
			}
		}
		if err := cfg.Validate(); err != nil {
			t.Fatal(err)
		}
		tx, err := entry.New(cfg, p.payment.Params(), entry.Environment{
			Field: fixed{card.Contactless()}, UN: func() ([4]byte, error) { return number, nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		out, err := tx.Run(t.Context())
		if err != nil || out.Kind != tap.OnlineRequest || !out.Reading.MagneticStripe() || out.Reading.Authenticated() {
			t.Fatalf("%+v, %v", out, err)
		}
		digits := (uint64(number[0])<<24 | uint64(number[1])<<16 | uint64(number[2])<<8 | uint64(number[3])) % 1000
		sent, err := hex.DecodeString(fmt.Sprintf("%08d", digits))
		if err != nil {
			t.Fatal(err)
		}
		code := card.byTap()[0].stripeCode(2, sent, 1234) % 1000
		want := "5555555555554444D4512201" + fmt.Sprintf("0%02d%03d%03d%d", 1234%100, digits, code, stripeDigits)
		if got := strings.ToUpper(hex.EncodeToString(out.Reading.Card().Track2)); strings.TrimRight(got, "F") != want {
			t.Errorf("number %X: the track is %s, want %s", number, got, want)
		}
		out.Reading.Wipe()
	}
	d := newTapDesk(t, p, nil)
	checksum := apdu.Command{CLA: 0x80, INS: apdu.INSComputeChecksum, P1: 0x8E, P2: 0x80, Data: []byte{0, 0, 0, 1}}
	for i, want := range []apdu.SW{apdu.ConditionsOfUse, apdu.OK, apdu.ConditionsOfUse} { // too early, once, and no more
		if _, sw := d.exchange(checksum); sw != want {
			t.Errorf("command %d: %v, want %v", i+1, sw, want)
		}
		if i == 0 {
			d.start()
		}
	}
}
