package sim_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/hal"
	"smartreader/hal/sim"
)

// pinCard notes what the pad sends and answers as it is told; GET CHALLENGE it answers by itself.
type pinCard struct {
	answers   [][]byte
	err       error
	commands  [][]byte
	challenge []byte // nil: 1 to 8
	t0        bool   // names the length first
}

func (c *pinCard) Transceive(_ context.Context, command []byte) ([]byte, error) {
	c.commands = append(c.commands, bytes.Clone(command))
	if c.err != nil {
		return nil, c.err
	}
	if command[1] == 0x84 {
		if c.challenge != nil {
			return c.challenge, nil
		}
		if c.t0 && command[4] != 8 {
			return []byte{0x6C, 0x08}, nil
		}
		return []byte{1, 2, 3, 4, 5, 6, 7, 8, 0x90, 0x00}, nil
	}
	answer := c.answers[0]
	c.answers = c.answers[1:]
	return answer, nil
}

func (*pinCard) ATR() []byte  { return nil }
func (*pinCard) Close() error { return nil }

var right = [][]byte{{0x90, 0x00}}

func plain() hal.OfflinePIN {
	return hal.OfflinePIN{Method: hal.PlainPIN, Prompt: hal.PINPrompt{Amount: 1250, Currency: "eur", TriesLeft: 3, MinDigits: 4, MaxDigits: 12}}
}

// EMV fact 23: a plain PIN is VERIFY with P2 80 and the block 24 12 34 FF...
func TestPlainPIN(t *testing.T) {
	for pin, want := range map[string]string{
		"":             "00200080082412" + "34FFFFFFFFFF",
		"98765":        "00200080082598765FFFFFFFFF",
		"123456789012": "0020008008" + "2C123456789012FF",
	} {
		p, card := open(t).PINPad, &pinCard{answers: right}
		if pin != "" {
			if err := p.SetPIN(pin); err != nil {
				t.Fatal(err)
			}
		}
		v, err := p.VerifyOffline(t.Context(), card, plain())
		if err != nil || v != (hal.OfflineVerdict{Entry: hal.PINEntered, SW: 0x9000}) {
			t.Errorf("%+v, %v", v, err)
		}
		if got := fmt.Sprintf("%X", card.commands[0]); len(card.commands) != 1 || got != want {
			t.Errorf("sent %s, want %s", got, want)
		}
		if shown := p.Prompts(); len(shown) != 1 || shown[0] != plain().Prompt {
			t.Errorf("shown %+v", shown)
		}
	}
}

// EMV fact 23: an enciphered PIN is VERIFY with P2 88 and 7F, PIN block, the answer to a fresh GET
// CHALLENGE and random bytes up to the modulus's length, under the card's key.
func TestEncipheredPIN(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	req := plain()
	req.Method, req.Modulus, req.Exponent = hal.EncipheredPIN, key.N.Bytes(), big.NewInt(int64(key.E)).Bytes()
	var last []byte
	for _, t0 := range []bool{false, true} {
		p, card := open(t).PINPad, &pinCard{answers: right, t0: t0}
		v, err := p.VerifyOffline(t.Context(), card, req)
		if err != nil || v.SW != 0x9000 || v.Entry != hal.PINEntered {
			t.Fatalf("%+v, %v", v, err)
		}
		sent := card.commands[len(card.commands)-1]
		if !bytes.Equal(sent[:5], []byte{0x00, 0x20, 0x00, 0x88, 128}) || len(sent) != 5+128 {
			t.Fatalf("sent %X...", sent[:5])
		}
		m := new(big.Int).Exp(new(big.Int).SetBytes(sent[5:]), key.D, key.N).FillBytes(make([]byte, 128))
		if got := fmt.Sprintf("%X", m[:17]); got != "7F"+"241234FFFFFFFFFF"+"0102030405060708" {
			t.Errorf("enciphered %s", got)
		}
		if bytes.Equal(m[17:], last) {
			t.Error("the padding is the same twice")
		}
		last = m[17:]
	}

	card := &pinCard{challenge: []byte{0x6D, 0x00}}
	if v, err := open(t).PINPad.VerifyOffline(t.Context(), card, req); err != nil || v != (hal.OfflineVerdict{Entry: hal.PINEntered, SW: 0x6D00, Challenge: true}) || len(card.commands) != 1 {
		t.Errorf("no challenge: %+v, %v, %d commands", v, err, len(card.commands))
	}
	// Something else than eight bytes is no challenge (Book 2, 7.2), and its 9000 no right PIN.
	for _, challenge := range [][]byte{{1, 2, 3, 0x90, 0x00}, {0x90, 0x00}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 0x90, 0x00}} {
		card := &pinCard{challenge: challenge}
		if v, err := open(t).PINPad.VerifyOffline(t.Context(), card, req); err != nil || v != (hal.OfflineVerdict{Entry: hal.PINEntered, Challenge: true}) || len(card.commands) != 1 {
			t.Errorf("challenge % X: %+v, %v, %d commands", challenge, v, err, len(card.commands))
		}
	}
	for _, challenge := range [][]byte{{0x90}, {}} {
		card := &pinCard{challenge: challenge}
		if _, err := open(t).PINPad.VerifyOffline(t.Context(), card, req); !errors.Is(err, hal.ErrMute) || len(card.commands) != 1 {
			t.Errorf("challenge % X: %v, %d commands", challenge, err, len(card.commands))
		}
	}
	for _, modulus := range [][]byte{nil, {0x80, 1}, bytes.Repeat([]byte{0x01}, 128), bytes.Repeat([]byte{0x80}, 128), bytes.Repeat([]byte{0xFF}, 249)} {
		req.Modulus = modulus
		p := open(t).PINPad
		if _, err := p.VerifyOffline(t.Context(), &pinCard{}, req); !errors.Is(err, hal.ErrUnsupported) || len(p.Prompts()) != 0 {
			t.Errorf("key of %d bytes: %v, the cardholder was asked %d times", len(modulus), err, len(p.Prompts()))
		}
	}
}

func TestPINScript(t *testing.T) {
	p := open(t).PINPad
	p.EnterWrong(2)
	p.Cancel()
	p.TimeOut()
	wrong := []byte{0x63, 0xC2}
	card := &pinCard{answers: [][]byte{wrong, wrong, right[0]}}
	for i, want := range []hal.OfflineVerdict{
		{Entry: hal.PINEntered, SW: 0x63C2}, {Entry: hal.PINEntered, SW: 0x63C2},
		{Entry: hal.PINCancelled}, {Entry: hal.PINTimedOut}, {Entry: hal.PINEntered, SW: 0x9000},
	} {
		if v, err := p.VerifyOffline(t.Context(), card, plain()); err != nil || v != want {
			t.Errorf("entry %d: %+v, %v, want %+v", i, v, err, want)
		}
	}
	if len(card.commands) != 3 || bytes.Equal(card.commands[0], card.commands[2]) {
		t.Errorf("%d commands, or a wrong PIN like the right one", len(card.commands))
	}
	p.Cancel()
	p.Forget()
	card.answers = right
	if v, err := p.VerifyOffline(t.Context(), card, plain()); err != nil || v.SW != 0x9000 {
		t.Errorf("forgotten: %+v, %v", v, err)
	}
	bypass := plain()
	p.Bypass()
	if v, err := p.VerifyOffline(t.Context(), card, bypass); err != nil || v.Entry != hal.PINTimedOut {
		t.Errorf("bypassed where that is not allowed: %+v, %v", v, err)
	}
	bypass.Prompt.AllowBypass = true
	p.Bypass()
	if v, err := p.VerifyOffline(t.Context(), card, bypass); err != nil || v.Entry != hal.PINBypassed {
		t.Errorf("bypassed: %+v, %v", v, err)
	}
	short := plain()
	short.Prompt.MinDigits = 6
	if v, err := p.VerifyOffline(t.Context(), card, short); err != nil || v.Entry != hal.PINTimedOut {
		t.Errorf("four digits where six are wanted: %+v, %v", v, err)
	}
	if err := p.SetPIN("1234567"); err != nil {
		t.Fatal(err)
	}
	short.Prompt.MaxDigits = 6
	if v, err := p.VerifyOffline(t.Context(), card, short); err != nil || v.Entry != hal.PINTimedOut {
		t.Errorf("seven digits where six are taken: %+v, %v", v, err)
	}
	if len(card.commands) != 4 {
		t.Errorf("%d commands", len(card.commands))
	}
	for range 100 {
		p.TimeOut()
		p.VerifyOffline(t.Context(), card, plain())
	}
	if n := len(p.Prompts()); n != 64 {
		t.Errorf("%d prompts are kept", n)
	}
}

func TestPINPadRefuses(t *testing.T) {
	b := open(t)
	for _, digits := range []string{"", "123", "1234567890123", "12a4", "１２３４"} {
		if err := b.PINPad.SetPIN(digits); err == nil || len(digits) > 3 && strings.Contains(err.Error(), digits) {
			t.Errorf("a PIN of %d bytes: %v", len(digits), err)
		}
	}
	if _, err := b.PINPad.OnlineBlock(t.Context(), hal.OnlinePIN{}); !errors.Is(err, hal.ErrUnsupported) {
		t.Errorf("online PIN: %v", err)
	}
	if _, err := b.PINPad.VerifyOffline(t.Context(), &pinCard{}, hal.OfflinePIN{}); !errors.Is(err, hal.ErrUnsupported) {
		t.Errorf("no method: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.PINPad.VerifyOffline(ctx, &pinCard{}, plain()); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := b.PINPad.VerifyOffline(t.Context(), &pinCard{err: hal.ErrCardRemoved}, plain()); !errors.Is(err, hal.ErrCardRemoved) {
		t.Errorf("card gone: %v", err)
	}
	if _, err := b.PINPad.VerifyOffline(t.Context(), &pinCard{answers: [][]byte{{0x90}}}, plain()); !errors.Is(err, hal.ErrMute) {
		t.Errorf("half a status word: %v", err)
	}
}

// An entry that waits ends with its context, and with the board.
func TestPINPadHesitates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		wait := func(ctx context.Context) {
			b.PINPad.Hesitate()
			go func() { _, err := b.PINPad.VerifyOffline(ctx, &pinCard{}, plain()); done <- err }()
			synctest.Wait()
		}
		wait(ctx)
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		patient, end := context.WithTimeout(t.Context(), time.Hour)
		defer end()
		wait(patient)
		if err := <-done; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("an hour: %v", err)
		}
		wait(t.Context())
		if err := b.HAL.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-done; !errors.Is(err, hal.ErrHalted) {
			t.Errorf("closed: %v", err)
		}
		if _, err := b.PINPad.VerifyOffline(t.Context(), &pinCard{}, plain()); !errors.Is(err, hal.ErrHalted) {
			t.Errorf("after closing: %v", err)
		}
		if err := b.PINPad.SetPIN("4321"); !errors.Is(err, hal.ErrHalted) {
			t.Errorf("set after closing: %v", err)
		}
		if err := b.HAL.Close(); err != nil {
			t.Errorf("closed twice: %v", err)
		}
	})
}

func TestPINIsNotShown(t *testing.T) {
	p := open(t).PINPad
	if err := p.SetPIN("76543"); err != nil {
		t.Fatal(err)
	}
	//lint:ignore SA9005 that nothing comes out is what is tested
	marshalled, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	holder := struct{ P *sim.PINPad }{p}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("pad", "pad", p, "holder", holder)
	for _, text := range []string{
		string(marshalled), log.String(), fmt.Sprintf("%v %+v %#v %s %x %d", p, p, p, p, p, p), fmt.Sprintf("%v %+v %#v", holder, holder, holder),
	} {
		if strings.Contains(text, "76543") || strings.Contains(text, "55 54 53") || strings.Contains(text, "3736353433") {
			t.Errorf("shown in %s", text)
		}
	}
}
