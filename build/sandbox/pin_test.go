package sandbox

import (
	"crypto/rand"
	"testing"

	"smartreader/firmware/platform"
	"smartreader/hal/dukpt"
	"smartreader/hal/pinblock"
)

// enterPIN is a PIN pad with the reader's keys: the PIN under its next key.
func (y *payment) enterPIN(format, pin, pan string) *platform.PINBlock {
	t := y.shop.t
	t.Helper()
	if y.shop.pads == nil {
		y.shop.pads = y.shop.loadPads()
	}
	key, serial, err := y.shop.pads[format].NextPIN()
	if err != nil {
		t.Fatal(err)
	}
	b := &platform.PINBlock{Format: format, KSN: upper(serial)}
	if format == platform.PINFormat4 {
		block, err := pinblock.Encipher4(key, []byte(pin), []byte(pan), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		b.Ciphertext = upper(block)
		return b
	}
	block, err := pinblock.Encode0([]byte(pin), []byte(pan))
	if err != nil {
		t.Fatal(err)
	}
	key.Encrypt(block, block)
	b.Ciphertext = upper(block)
	return b
}

func (p *shop) loadPads() map[string]dukpt.Device {
	keys, err := PINKeys("S700-TEST")
	if err != nil {
		p.t.Fatal(err)
	}
	pads := map[string]dukpt.Device{}
	for _, k := range keys {
		if k.AES {
			pads[platform.PINFormat4], err = dukpt.LoadAES(k.InitialKey, [8]byte(k.Serial))
		} else {
			pads[platform.PINFormat0], err = dukpt.LoadTDES(k.InitialKey, [10]byte(k.Serial))
		}
		if err != nil {
			p.t.Fatal(err)
		}
	}
	return pads
}

const onlinePINCard = "4001000360000005"

func TestOnlinePIN(t *testing.T) {
	for _, format := range []string{platform.PINFormat4, platform.PINFormat0} {
		p := openShop(t)
		for pin, want := range map[string]string{"1234": "", "4321": "incorrect_pin"} {
			y := p.payOnlinePIN()
			q := y.sealed()
			q.PIN = y.enterPIN(format, pin, onlinePINCard)
			v, err := p.client.Authorize(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			if v.DeclineCode != want || (v.Status == platform.StatusApproved) != (want == "") {
				t.Errorf("%s with PIN %s: %+v", format, pin, v)
			}
			// The same submission again is the same payment, and its PIN is not looked at.
			if again, err := p.client.Authorize(t.Context(), q); err != nil || again.Status != v.Status || again.ChargeID != v.ChargeID {
				t.Errorf("%s repeated: %+v, %v", format, again, err)
			}
		}
	}
}

// What the terminal says of the PIN, under the card's cryptogram, and the block that came along belong
// together, and no key serves twice, over a restart neither.
func TestOnlinePINRefused(t *testing.T) {
	p := openShop(t)
	first := p.payOnlinePIN()
	used := first.enterPIN(platform.PINFormat4, "1234", onlinePINCard)
	q := first.sealed()
	q.PIN = used
	if v, err := p.client.Authorize(t.Context(), q); err != nil || v.Status != platform.StatusApproved {
		t.Fatal(v, err)
	}
	p.restart()
	good := func(y *payment) *platform.PINBlock { return y.enterPIN(platform.PINFormat4, "1234", onlinePINCard) }
	for name, c := range map[string]struct {
		pay     func() *payment
		pin     func(*payment) *platform.PINBlock
		offline bool
	}{
		"no block":           {p.payOnlinePIN, func(*payment) *platform.PINBlock { return nil }, false},
		"nobody entered one": {func() *payment { return p.pay("visa", 1200) }, good, false},
		"the key again":      {p.payOnlinePIN, func(*payment) *platform.PINBlock { return used }, false},
		"of another account": {p.payOnlinePIN, func(y *payment) *platform.PINBlock {
			return y.enterPIN(platform.PINFormat4, "1234", "4242424242424242")
		}, false},
		"damaged":              {p.payOnlinePIN, func(y *payment) *platform.PINBlock { b := good(y); b.Ciphertext = b.Ciphertext[2:]; return b }, false},
		"unknown format":       {p.payOnlinePIN, func(y *payment) *platform.PINBlock { b := good(y); b.Format = "iso9"; return b }, false},
		"another device's KSN": {p.payOnlinePIN, func(y *payment) *platform.PINBlock { b := good(y); b.KSN = "00" + b.KSN[2:]; return b }, false},
		"not hexadecimal":      {p.payOnlinePIN, func(y *payment) *platform.PINBlock { b := good(y); b.KSN = "x"; return b }, false},
		"stored":               {p.payOnlinePIN, good, true},
	} {
		y := c.pay()
		q := y.sealed()
		q.PIN, q.Offline = c.pin(y), c.offline
		submit := p.client.Authorize
		if c.offline {
			submit = p.client.SubmitOffline
		}
		v, err := submit(t.Context(), q)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if v.Status != platform.StatusFailed || v.Code != platform.CodePINInvalid {
			t.Errorf("%s: %+v", name, v)
		}
	}
}
