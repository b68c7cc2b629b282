package haltest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"smartreader/hal"
)

// PINHand is a hand at a PIN pad. A call says what to do at the pad's next prompt
// and returns before that: the prompt is not there yet.
type PINHand interface {
	Enter(pin string) // its digits, and Enter
	Cancel()          // the cancel key
	Bypass()          // Enter without digits
	Leave()           // nothing
}

// OnlineKey is a key for online PINs that a pad has, and the host that shares it.
type OnlineKey struct {
	Name   string
	Format hal.PINBlockFormat
	Other  hal.PINBlockFormat // one that the pad does not do with this key
	// Open is what the host does with a block. Nil: only its form is checked.
	Open func(block hal.PINBlock, pan string) (pin string, err error)
}

// PINPad checks a PIN pad. The cards it talks to are made of software; a method of
// offline PIN that the pad does not do (hal.ErrUnsupported) is not checked. Online
// PINs are checked if a key is given, a test key.
func PINPad(t T, pad hal.PINPad, hand PINHand, online *OnlineKey) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*patience)
	defer cancel()
	s := &pinSuite{t: t, ctx: ctx, pad: pad, hand: hand}

	check(t, "what a PIN pad cannot do it refuses unasked", "look at the request before the cardholder is asked, or a card spoken to")
	s.refusals()
	method := s.method()
	check(t, "waiting for a PIN ends with the context", "look at the context while waiting for a key")
	s.waiting(method)
	check(t, "no PIN is an outcome", "Cancel, and Enter without digits where that is allowed, end the call without an error and without the card")
	s.withoutPIN(method)
	check(t, "a PIN has as many digits as the prompt says", "Enter ends no PIN that is too short; a digit too many is not taken")
	s.limits(method)
	for _, m := range []hal.OfflineMethod{hal.PlainPIN, hal.EncipheredPIN} {
		if s.does(m) {
			s.offline(m)
		}
	}
	if online != nil {
		s.online(*online)
	}
}

// Two PINs that a person can enter, and which are unlikely to be in a text by chance.
const (
	onePIN     = "1234"
	anotherPIN = "975310"
)

// tries is how often a hand is asked that was too slow for the pad's patience.
const tries = 3

type pinSuite struct {
	t    T
	ctx  context.Context
	pad  hal.PINPad
	hand PINHand
}

// prompt is what is shown.
func prompt() hal.PINPrompt {
	return hal.PINPrompt{Amount: 1250, Currency: "eur", TriesLeft: 3, MinDigits: 4, MaxDigits: 12}
}

func (s *pinSuite) refusals() {
	s.t.Helper()
	for what, req := range map[string]hal.OfflinePIN{
		"a method there is not":       {Method: 9},
		"no method":                   {},
		"no key to encipher with":     {Method: hal.EncipheredPIN, Exponent: []byte{3}},
		"a key too short to encipher": {Method: hal.EncipheredPIN, Modulus: []byte{0x80, 1}, Exponent: []byte{3}},
		"a key without an exponent":   {Method: hal.EncipheredPIN, Modulus: cardModulus()},
	} {
		req.Prompt = prompt()
		card := &pinCard{}
		err := bounded(s.t, "VerifyOffline", func() error {
			_, err := s.pad.VerifyOffline(s.ctx, card, req)
			return err
		})
		if !errors.Is(err, hal.ErrUnsupported) || len(card.commands) > 0 {
			s.t.Errorf("VerifyOffline with %s: got %v and %d commands, want hal.ErrUnsupported and none", what, err, len(card.commands))
		}
	}
	s.refusesBlock("a key that was never loaded", hal.OnlinePIN{Format: hal.ISOFormat4, Key: "no-such-key", PAN: pan(onePAN)})
}

func (s *pinSuite) refusesBlock(what string, req hal.OnlinePIN) {
	s.t.Helper()
	req.Prompt = prompt()
	err := bounded(s.t, "OnlineBlock", func() error {
		_, err := s.pad.OnlineBlock(s.ctx, req)
		return err
	})
	if !errors.Is(err, hal.ErrUnsupported) {
		s.t.Errorf("OnlineBlock with %s: got %v, want hal.ErrUnsupported", what, err)
	}
}

// method is one that the pad does.
func (s *pinSuite) method() hal.OfflineMethod {
	s.t.Helper()
	for _, m := range []hal.OfflineMethod{hal.EncipheredPIN, hal.PlainPIN} {
		if s.does(m) {
			return m
		}
	}
	s.t.Fatalf("VerifyOffline does neither plain nor enciphered PINs, want one at least")
	return 0
}

// does asks the pad with a context that has ended, so that it asks nobody.
func (s *pinSuite) does(m hal.OfflineMethod) bool {
	s.t.Helper()
	ended, cancel := context.WithCancel(s.ctx)
	cancel()
	return !errors.Is(bounded(s.t, "VerifyOffline with a cancelled context", func() error {
		_, err := s.pad.VerifyOffline(ended, &pinCard{}, request(m))
		return err
	}), hal.ErrUnsupported)
}

func (s *pinSuite) waiting(m hal.OfflineMethod) {
	s.t.Helper()
	card := &pinCard{}
	s.hand.Leave()
	endsWithContext(s.t, "VerifyOffline with no key pressed", func(ctx context.Context) error {
		_, err := s.pad.VerifyOffline(ctx, card, request(m))
		return err
	})
	if n := card.verified(); n > 0 {
		s.t.Errorf("VerifyOffline sent %d VERIFY without a PIN, want none", n)
	}
}

func (s *pinSuite) withoutPIN(m hal.OfflineMethod) {
	s.t.Helper()
	for want, act := range map[hal.PINEntry]func(){hal.PINCancelled: s.hand.Cancel, hal.PINBypassed: s.hand.Bypass} {
		card, req := &pinCard{}, request(m)
		req.Prompt.AllowBypass = true
		v, err := s.verify(card, req, act)
		if err != nil || v.Entry != want || card.verified() > 0 {
			s.t.Errorf("VerifyOffline: got entry %d, %v and %d VERIFY; want entry %d and none", v.Entry, err, card.verified(), want)
		}
	}
}

func (s *pinSuite) offline(m hal.OfflineMethod) {
	s.t.Helper()
	check(s.t, methodName[m]+" PIN reaches the card", "compare the VERIFY command with EMV Book 3, and Book 2, 7.2 if it is enciphered")
	var filling [][]byte
	for _, try := range []struct {
		pin string
		sw  uint16
	}{{onePIN, 0x9000}, {anotherPIN, 0x63C2}} {
		pin, sw := try.pin, try.sw
		card := &pinCard{answer: sw}
		v, err := s.verify(card, request(m), func() { s.hand.Enter(pin) })
		if err != nil || v != (hal.OfflineVerdict{Entry: hal.PINEntered, SW: sw}) {
			s.t.Fatalf("VerifyOffline: got %+v, %v; want a PIN entered and status word %04X", v, err, sw)
		}
		if what := card.flaw(m, pin); what != "" {
			s.t.Errorf("VerifyOffline: %s", what)
		}
		filling = append(filling, card.filling)
		if shown := fmt.Sprintf("%v %+v %#v %s %x", s.pad, s.pad, s.pad, s.pad, s.pad); strings.Contains(shown, anotherPIN) {
			s.t.Errorf("the pad shows the PIN when it is printed")
		}
	}
	if m == hal.EncipheredPIN && bytes.Equal(filling[0], filling[1]) {
		s.t.Errorf("VerifyOffline filled two PINs up alike, want random bytes")
	}

	check(s.t, methodName[m]+" PIN: errors of the card pass through, digits do not stay", "return what Transceive returned; overwrite the command in any case")
	card := &pinCard{fails: hal.ErrCardRemoved}
	if _, err := s.verify(card, request(m), func() { s.hand.Enter(onePIN) }); !errors.Is(err, hal.ErrCardRemoved) {
		s.t.Errorf("VerifyOffline with the card taken out: got %v, want hal.ErrCardRemoved", err)
	}
	if card.kept() {
		s.t.Errorf("VerifyOffline left the digits in the command it sent, want them overwritten")
	}
	if m != hal.EncipheredPIN {
		return
	}
	check(s.t, "a refused challenge is told from a wrong PIN", "set OfflineVerdict.Challenge, and send no VERIFY")
	for what, c := range map[string]struct {
		answer []byte
		sw     uint16
	}{"refused": {[]byte{0x6D, 0x00}, 0x6D00}, "answered with 4 bytes": {[]byte{1, 2, 3, 4, 0x90, 0x00}, 0}} {
		card := &pinCard{challenge: c.answer}
		v, err := s.verify(card, request(m), func() { s.hand.Enter(onePIN) })
		if want := (hal.OfflineVerdict{Entry: hal.PINEntered, SW: c.sw, Challenge: true}); err != nil || v != want || card.verified() > 0 {
			s.t.Errorf("VerifyOffline with GET CHALLENGE %s: got %+v, %v and %d VERIFY; want %+v and none", what, v, err, card.verified(), want)
		}
	}
}

// limits checks the least and the most digits of a prompt. A pad may take the
// first digits of a longer PIN, or none of it.
func (s *pinSuite) limits(m hal.OfflineMethod) {
	s.t.Helper()
	for _, c := range []struct {
		pin         string
		least, most int
	}{{onePIN, 6, 12}, {anotherPIN, 4, 4}} {
		ctx, cancel := context.WithTimeout(s.ctx, patience)
		defer cancel()
		card, req := &pinCard{answer: 0x9000}, request(m)
		req.Prompt.MinDigits, req.Prompt.MaxDigits = c.least, c.most
		s.hand.Enter(c.pin)
		v, err := s.pad.VerifyOffline(ctx, card, req)
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			s.t.Errorf("VerifyOffline of a PIN with another length: got %v, want none", err)
		}
		n := card.digits(m)
		if (v.Entry == hal.PINEntered) != (n > 0) || n > 0 && (n < c.least || n > c.most) {
			s.t.Errorf("VerifyOffline for %d to %d digits: got entry %d, and the card a PIN of %d of the %d that were entered", c.least, c.most, v.Entry, n, len(c.pin))
		}
	}
}

var methodName = map[hal.OfflineMethod]string{hal.PlainPIN: "a plain", hal.EncipheredPIN: "an enciphered"}

// verify lets the hand act at one entry, and again if it was too slow.
func (s *pinSuite) verify(card hal.Card, req hal.OfflinePIN, act func()) (v hal.OfflineVerdict, err error) {
	for range tries {
		act()
		if v, err = s.pad.VerifyOffline(s.ctx, card, req); err != nil || v.Entry != hal.PINTimedOut {
			break
		}
	}
	return v, err
}

// Account numbers of test cards.
const (
	onePAN     = "4761739001010010"
	anotherPAN = "5413330089020011"
)

func pan(digits string) hal.Secret { return hal.NewSecret([]byte(digits)) }

func (s *pinSuite) online(key OnlineKey) {
	s.t.Helper()
	check(s.t, "an online PIN that cannot be enciphered is refused unasked", "look at key, format and account number before the cardholder is asked")
	s.refusesBlock("a format that is not this key's", hal.OnlinePIN{Format: key.Other, Key: key.Name, PAN: pan(onePAN)})
	s.refusesBlock("no account number", hal.OnlinePIN{Format: key.Format, Key: key.Name})

	check(s.t, "an online PIN is one block for the host", "compare block, key serial number and key with the host's")
	serials := map[string]bool{}
	var blocks []hal.PINBlock
	for range 2 {
		b := s.block(key, func() { s.hand.Enter(onePIN) })
		size := 8
		if key.Format == hal.ISOFormat4 {
			size = 16
		}
		if b.Entry != hal.PINEntered || b.Format != key.Format || b.KeyIdentifier != key.Name || len(b.Ciphertext) != size {
			s.t.Fatalf("OnlineBlock: got entry %d, format %d, key %q and %d bytes; want %d, %d, %q and %d",
				b.Entry, b.Format, b.KeyIdentifier, len(b.Ciphertext), hal.PINEntered, key.Format, key.Name, size)
		}
		if key.Open != nil {
			if pin, err := key.Open(b, onePAN); err != nil || pin != onePIN {
				s.t.Errorf("OnlineBlock: the host finds %v and another PIN, want the one that was entered", err)
			}
			if pin, err := key.Open(b, anotherPAN); err == nil && pin == onePIN {
				s.t.Errorf("OnlineBlock: the block is good for another account number, want it bound to one")
			}
		}
		serials[string(b.KeySerial)] = true
		blocks = append(blocks, b)
	}
	if len(blocks[0].KeySerial) > 0 && len(serials) < len(blocks) {
		s.t.Errorf("OnlineBlock: two blocks have one key serial number, want a key of its own for each")
	}
	if (len(blocks[0].KeySerial) > 0 || key.Format != hal.ISOFormat0) && bytes.Equal(blocks[0].Ciphertext, blocks[1].Ciphertext) {
		s.t.Errorf("OnlineBlock: two blocks of one PIN are alike, want each another")
	}
	if b := s.block(key, s.hand.Cancel); b.Entry != hal.PINCancelled || len(b.Ciphertext) > 0 {
		s.t.Errorf("OnlineBlock: got entry %d and %d bytes, want %d and none", b.Entry, len(b.Ciphertext), hal.PINCancelled)
	}
}

func (s *pinSuite) block(key OnlineKey, act func()) (b hal.PINBlock) {
	s.t.Helper()
	for range tries {
		act()
		var err error
		b, err = s.pad.OnlineBlock(s.ctx, hal.OnlinePIN{Prompt: prompt(), Format: key.Format, Key: key.Name, PAN: pan(onePAN)})
		if err != nil {
			s.t.Fatalf("OnlineBlock: got %v, want a block", err)
		}
		if b.Entry != hal.PINTimedOut {
			break
		}
	}
	return b
}
