package haltest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/hal"
	"smartreader/hal/dukpt"
	"smartreader/hal/haltest"
	"smartreader/hal/pinblock"
	"smartreader/hal/sim"
	"smartreader/hal/softpad"
)

// badPad is a PIN pad with one flaw.
type badPad struct {
	hal.PINPad
	lax, lazy, deaf, upset, wrong, swallows, forgets, shows, any, clear bool
	spoil                                                               func([]byte) []byte // commands
	last                                                                hal.PINBlock
}

func (p *badPad) VerifyOffline(ctx context.Context, card hal.Card, req hal.OfflinePIN) (hal.OfflineVerdict, error) {
	switch {
	case p.lazy:
		return hal.OfflineVerdict{}, hal.ErrUnsupported
	case p.lax && req.Method != hal.PlainPIN && req.Modulus == nil:
		return hal.OfflineVerdict{Entry: hal.PINTimedOut}, nil
	case p.deaf:
		ctx = context.WithoutCancel(ctx)
	case p.any:
		req.Prompt.MinDigits, req.Prompt.MaxDigits = 4, 12
	case p.clear && req.Method == hal.EncipheredPIN:
		req.Method = hal.PlainPIN
	}
	if p.spoil != nil {
		card = &spoiled{card, p.spoil}
	}
	v, err := p.PINPad.VerifyOffline(ctx, card, req)
	switch {
	case p.upset && err == nil && v.Entry != hal.PINEntered:
		return v, errors.New("no PIN")
	case p.wrong && v.SW>>8 == 0x63:
		v.SW = 0x6300
	case p.swallows && errors.Is(err, hal.ErrCardRemoved):
		return hal.OfflineVerdict{Entry: hal.PINCancelled}, nil
	case p.forgets:
		v.Challenge = false
	}
	return v, err
}

func (p *badPad) OnlineBlock(ctx context.Context, req hal.OnlinePIN) (hal.PINBlock, error) {
	if p.lax && req.Format == hal.ISOFormat0 {
		return hal.PINBlock{Entry: hal.PINCancelled}, nil
	}
	b, err := p.PINPad.OnlineBlock(ctx, req)
	if p.wrong && len(b.Ciphertext) > 0 {
		if p.last.Ciphertext == nil {
			p.last = b
		}
		return p.last, err
	}
	return b, err
}

func (p *badPad) Format(f fmt.State, _ rune) {
	if p.shows {
		io.WriteString(f, "975310")
	}
}

// spoiled is a card behind a pad that sends something else, or keeps what it sends.
type spoiled struct {
	hal.Card
	spoil func([]byte) []byte
}

func (c *spoiled) Transceive(ctx context.Context, command []byte) ([]byte, error) {
	return c.Card.Transceive(ctx, c.spoil(command))
}

type cardholder struct{ pad *sim.PINPad }

func (h cardholder) Enter(pin string) { h.pad.SetPIN(pin) }
func (h cardholder) Cancel()          { h.pad.Cancel() }
func (h cardholder) Bypass()          { h.pad.Bypass() }
func (h cardholder) Leave()           { h.pad.Hesitate() }

func TestSuiteNoticesBadPINPads(t *testing.T) {
	flip := func(at int) func([]byte) []byte {
		return func(command []byte) []byte {
			if command[1] == 0x20 {
				command[at] ^= 0x01
			}
			return command // the pad's own memory, which it overwrites
		}
	}
	for name, c := range map[string]struct {
		pad  *badPad
		want string
	}{
		"tries what it cannot do":         {&badPad{lax: true}, "VerifyOffline with no key to encipher with"},
		"does nothing":                    {&badPad{lazy: true}, "neither plain nor enciphered"},
		"does not look at the context":    {&badPad{deaf: true}, "VerifyOffline with no key pressed: still waiting"},
		"takes Cancel for an error":       {&badPad{upset: true}, "want entry 3 and none"},
		"changes the status word":         {&badPad{wrong: true}, "want a PIN entered and status word"},
		"sends other digits":              {&badPad{spoil: flip(6)}, "does not hold the PIN that was entered"},
		"sends another P2":                {&badPad{spoil: flip(3)}, "VERIFY begins 00 20 00 8"},
		"keeps the digits":                {&badPad{spoil: bytes.Clone}, "left the digits"},
		"hides that the card was removed": {&badPad{swallows: true}, "with the card taken out"},
		"forgets the challenge":           {&badPad{forgets: true}, "with GET CHALLENGE refused"},
		"shows the PIN":                   {&badPad{shows: true}, "when it is printed"},
		"takes any number of digits":      {&badPad{any: true}, "for 6 to 12 digits: got entry 1, and the card a PIN of 4"},
		"sends the PIN in clear":          {&badPad{clear: true}, "VerifyOffline: got 1 commands, want 2"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := open(t)
				c.pad.PINPad = b.PINPad
				found := findings(t, func(t haltest.T) { haltest.PINPad(t, c.pad, cardholder{b.PINPad}, nil) })
				time.Sleep(2 * hang)
				if !strings.Contains(strings.Join(found, "\n"), c.want) {
					t.Errorf("found %q, want %q", found, c.want)
				}
			})
		})
	}
}

func TestSuiteNoticesBadOnlinePINs(t *testing.T) {
	initial := []byte("an initial key!!")
	host := func(b hal.PINBlock, pan string) (string, error) {
		key, err := dukpt.AESPINKey(initial, b.KeySerial)
		if err != nil {
			return "", err
		}
		pin, err := pinblock.Decipher4(key, b.Ciphertext, []byte(pan))
		return string(pin), err
	}
	for want, c := range map[string]struct {
		pad  badPad
		open func(hal.PINBlock, string) (string, error)
	}{
		"OnlineBlock with %s":    {badPad{lax: true}, host},
		"one key serial number":  {badPad{wrong: true}, host},
		"the host finds":         {badPad{}, func(hal.PINBlock, string) (string, error) { return "4321", nil }},
		"another account number": {badPad{}, func(hal.PINBlock, string) (string, error) { return "1234", nil }},
		"two blocks of one PIN":  {badPad{wrong: true}, host},
		"":                       {badPad{}, host}, // and the good one
	} {
		synctest.Test(t, func(t *testing.T) {
			b := open(t)
			if err := softpad.Load(t.Context(), b.HAL.Keys.(hal.SecretKeeper), softpad.Injection{
				Name: "pin", Kind: softpad.AESDUKPT, InitialKey: hal.NewSecret(bytes.Clone(initial)), Serial: []byte("SIM-0001"),
			}); err != nil {
				t.Fatal(err)
			}
			pad := c.pad
			pad.PINPad = b.PINPad
			key := &haltest.OnlineKey{Name: "pin", Format: hal.ISOFormat4, Other: hal.ISOFormat0, Open: c.open}
			// Offline it is a good pad.
			offline := &halves{online: &pad, offline: b.PINPad}
			found := findings(t, func(t haltest.T) { haltest.PINPad(t, offline, cardholder{b.PINPad}, key) })
			if (want == "") != (len(found) == 0) || !strings.Contains(strings.Join(found, "\n"), want) {
				t.Errorf("found %q, want %q", found, want)
			}
		})
	}
}

// halves are two PIN pads in one.
type halves struct{ online, offline hal.PINPad }

func (h *halves) OnlineBlock(ctx context.Context, req hal.OnlinePIN) (hal.PINBlock, error) {
	return h.online.OnlineBlock(ctx, req)
}

func (h *halves) VerifyOffline(ctx context.Context, card hal.Card, req hal.OfflinePIN) (hal.OfflineVerdict, error) {
	return h.offline.VerifyOffline(ctx, card, req)
}

func (*halves) Format(f fmt.State, _ rune) { io.WriteString(f, "halves") }

// badKeeper is a store of secrets with one flaw.
type badKeeper struct {
	hal.KeyStore
	keeper                             hal.SecretKeeper
	lax, shared, takes, sticky, undead bool
	last                               map[string][]byte // its own memory, handed out
}

func (k *badKeeper) Secret(ctx context.Context, name string) (hal.Secret, error) {
	if b := k.last[name]; k.shared && b != nil {
		return hal.NewSecret(b), nil
	}
	s, err := k.keeper.Secret(ctx, name)
	switch {
	case k.lax && errors.Is(err, hal.ErrUnsupported):
		err = hal.ErrNoKey
	case k.undead && errors.Is(err, hal.ErrErased):
		err = hal.ErrNoKey
	}
	k.last[name] = s.Bytes()
	return s, err
}

func (k *badKeeper) SetSecret(ctx context.Context, name string, s hal.Secret) error {
	if k.sticky && s.Empty() {
		return nil
	}
	err := k.keeper.SetSecret(ctx, name, s)
	if k.takes && name == "identity" {
		clear(s.Bytes())
	}
	delete(k.last, name)
	return err
}

func TestSuiteNoticesBadSecrets(t *testing.T) {
	for want, spoil := range map[string]func(*badKeeper){
		"Secret(%q)":                        func(k *badKeeper) { k.lax = true },
		"want the %d that were set":         func(k *badKeeper) { k.shared = true },
		"changed the secret":                func(k *badKeeper) { k.takes = true },
		"Secret of a deleted secret":        func(k *badKeeper) { k.sticky = true },
		"Secret of an erased store: got %v": func(k *badKeeper) { k.undead = true },
	} {
		synctest.Test(t, func(t *testing.T) {
			b := open(t)
			k := &badKeeper{KeyStore: b.HAL.Keys, keeper: b.HAL.Keys.(hal.SecretKeeper), last: map[string][]byte{}}
			spoil(k)
			found := findings(t, func(t haltest.T) { haltest.KeyStore(t, func() hal.KeyStore { return k }) })
			if !strings.Contains(strings.Join(found, "\n"), want) {
				t.Errorf("found %q, want %q", found, want)
			}
		})
	}
}
