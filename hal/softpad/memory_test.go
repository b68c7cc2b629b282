package softpad_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"smartreader/hal"
	"smartreader/hal/haltest"
	"smartreader/hal/softpad"
)

// whisper presses the keys of a PIN, and then something else.
type whisper struct {
	*haltest.HiddenPIN
	pressed int
	end     func() (hal.InputEvent, error)
}

func (w *whisper) Next(context.Context) (hal.InputEvent, error) {
	if w.pressed == w.Len() {
		return w.end()
	}
	w.pressed++
	return hal.InputEvent{Key: w.Key(w.pressed - 1)}, nil
}

// trap is a key store that does something else instead of storing.
type trap struct {
	hal.SecretKeeper
	instead func() error
}

func (s trap) SetSecret(ctx context.Context, name string, secret hal.Secret) error {
	if s.instead != nil {
		return s.instead()
	}
	return s.SecretKeeper.SetSecret(ctx, name, secret)
}

// leaky is a card that does what it is told.
type leaky struct {
	transceive func(command []byte) ([]byte, error)
}

func (c leaky) Transceive(_ context.Context, command []byte) ([]byte, error) {
	if command[1] == 0x84 {
		return []byte{1, 2, 3, 4, 5, 6, 7, 8, 0x90, 0x00}, nil
	}
	return c.transceive(command)
}
func (leaky) ATR() []byte  { return nil }
func (leaky) Close() error { return nil }

// Nothing of a PIN is left in memory, whatever way its entry ends.
func TestNothingStaysInMemory(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // garbage stays to be found
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	press := func(k hal.Key) func() (hal.InputEvent, error) {
		return func() (hal.InputEvent, error) { return hal.InputEvent{Key: k}, nil }
	}
	fails := func(err error) func() (hal.InputEvent, error) {
		return func() (hal.InputEvent, error) { return hal.InputEvent{}, err }
	}
	good := leaky{func([]byte) ([]byte, error) { return []byte{0x90, 0x00}, nil }}
	var kept []byte
	offline := func(card hal.Card, method hal.OfflineMethod) func(*softpad.Pad) error {
		return func(p *softpad.Pad) error {
			_, err := p.VerifyOffline(t.Context(), card, hal.OfflinePIN{
				Method: method, Modulus: key.N.Bytes(), Exponent: []byte{1, 0, 1},
			})
			return err
		}
	}
	plain := offline(good, hal.PlainPIN)
	block := func(format hal.PINBlockFormat, name string) func(*softpad.Pad) error {
		return func(p *softpad.Pad) error {
			req := online(format, name)
			req.PAN = hal.NewSecret([]byte("0000000000000")) // adds nothing: the digits could be seen
			_, err := p.OnlineBlock(t.Context(), req)
			return err
		}
	}
	keys := &memory{}
	load(t, keys)
	for what, c := range map[string]struct {
		end          func() (hal.InputEvent, error)
		show, stored func() error // behind the last digit; nil: all is well
		run          func(*softpad.Pad) error
		want         []string
	}{
		"a card that keeps it": {end: press(hal.KeyEnter), want: []string{"packed"}, run: offline(leaky{func(command []byte) ([]byte, error) {
			kept = bytes.Clone(command)
			return []byte{0x90, 0x00}, nil
		}}, hal.PlainPIN)},
		"plain":                        {end: press(hal.KeyEnter), run: plain},
		"enciphered":                   {end: press(hal.KeyEnter), run: offline(good, hal.EncipheredPIN)},
		"format 4":                     {end: press(hal.KeyEnter), run: block(hal.ISOFormat4, "aes")},
		"format 0":                     {end: press(hal.KeyEnter), run: block(hal.ISOFormat0, "tdes")},
		"format 3":                     {end: press(hal.KeyEnter), run: block(hal.ISOFormat3, "tdes")},
		"canceled":                     {end: press(hal.KeyCancel), run: plain},
		"nobody there":                 {end: fails(softpad.ErrNobody), run: plain},
		"payment ends, which fails":    {end: fails(context.Canceled), run: plain},
		"board closes, which fails":    {end: fails(hal.ErrHalted), run: block(hal.ISOFormat4, "aes")},
		"keypad panics":                {end: func() (hal.InputEvent, error) { panic("keypad") }, run: plain},
		"screen fails":                 {end: press(hal.KeyEnter), run: plain, show: func() error { return errPower }},
		"screen panics":                {end: press(hal.KeyEnter), run: plain, show: func() error { panic("screen") }},
		"card fails":                   {end: press(hal.KeyEnter), run: offline(leaky{func([]byte) ([]byte, error) { return nil, hal.ErrCardRemoved }}, hal.PlainPIN)},
		"card panics":                  {end: press(hal.KeyEnter), run: offline(leaky{func([]byte) ([]byte, error) { panic("card") }}, hal.PlainPIN)},
		"card answers half, and fails": {end: press(hal.KeyEnter), run: offline(leaky{func([]byte) ([]byte, error) { return []byte{0x90}, nil }}, hal.PlainPIN)},
		"key store fails":              {end: press(hal.KeyEnter), run: block(hal.ISOFormat4, "aes"), stored: func() error { return errPower }},
		"key store panics":             {end: press(hal.KeyEnter), run: block(hal.ISOFormat4, "aes"), stored: func() error { panic("key store") }},
	} {
		t.Run(what, func(t *testing.T) {
			w := &whisper{HiddenPIN: haltest.NewHiddenPIN(), end: c.end}
			store := trap{keys, c.stored}
			p := softpad.New(store, softpad.NewKeypad(w, func(_ context.Context, _ hal.PINPrompt, n int) error {
				if c.show == nil || n < w.Len() {
					return nil
				}
				return c.show()
			}))
			var err error
			panicked := func() (panicked bool) {
				defer func() { panicked = recover() != nil }()
				err = c.run(p)
				return false
			}()
			if panicked != strings.HasSuffix(what, "panics") || (err != nil) != strings.HasSuffix(what, "fails") {
				t.Fatalf("ended with %v, panicked: %v", err, panicked)
			}
			if w.pressed != w.Len() {
				t.Fatalf("%d digits were entered", w.pressed)
			}
			if got := w.Traces(t); !slices.Equal(got, c.want) {
				t.Errorf("the digits are in memory as %q, want %q", got, c.want)
			}
		})
	}
	if len(kept) == 0 {
		t.Error("nothing was kept to be found")
	}
}
