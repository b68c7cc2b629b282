package softpad

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/hal"
	"smartreader/hal/dukpt"
)

// script is an input whose keys are pressed one after the other, each after a
// while. Then nobody presses any.
type script struct {
	keys  []hal.InputEvent
	every time.Duration
	err   error // instead of nobody
}

func (s *script) Next(ctx context.Context) (hal.InputEvent, error) {
	if len(s.keys) == 0 {
		if s.err != nil {
			return hal.InputEvent{}, s.err
		}
		<-ctx.Done()
		return hal.InputEvent{}, fmt.Errorf("script: %w", ctx.Err())
	}
	select {
	case <-time.After(s.every):
	case <-ctx.Done():
		return hal.InputEvent{}, ctx.Err()
	}
	key := s.keys[0]
	s.keys = s.keys[1:]
	return key, nil
}

// press writes keys down: digits, E(nter), X (cancel), C(lear), U(p), T(ouch).
func press(keys string) *script {
	s := &script{every: time.Second}
	for _, c := range keys {
		event := hal.InputEvent{Key: map[rune]hal.Key{'E': hal.KeyEnter, 'X': hal.KeyCancel, 'C': hal.KeyClear, 'U': hal.KeyUp}[c]}
		switch {
		case c >= '0' && c <= '9':
			event.Key = hal.Key0 + hal.Key(c-'0')
		case c == 'T':
			event.At = image.Pt(1, 1)
		}
		s.keys = append(s.keys, event)
	}
	return s
}

// keeper is a card that keeps the commands themselves, and copies.
type keeper struct {
	commands, copies [][]byte
	err              error
}

func (k *keeper) Transceive(_ context.Context, command []byte) ([]byte, error) {
	k.commands, k.copies = append(k.commands, command), append(k.copies, bytes.Clone(command))
	if k.err != nil {
		return nil, k.err
	}
	return []byte{0x90, 0x00}, nil
}

func (*keeper) ATR() []byte  { return nil }
func (*keeper) Close() error { return nil }

func wiped(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

func TestEntry(t *testing.T) {
	six := hal.PINPrompt{MinDigits: 6, MaxDigits: 6}
	bypass := hal.PINPrompt{MinDigits: 4, MaxDigits: 12, AllowBypass: true}
	for _, c := range []struct {
		keys   string
		prompt hal.PINPrompt
		ended  hal.PINEntry
		block  string // of the VERIFY command
	}{
		{"1234E", hal.PINPrompt{}, hal.PINEntered, "241234FFFFFFFFFF"},
		{"9876543E", hal.PINPrompt{}, hal.PINEntered, "279876543FFFFFFF"},
		{"123456789012345E", hal.PINPrompt{}, hal.PINEntered, "2C123456789012FF"},
		{"1234E", hal.PINPrompt{MinDigits: 1, MaxDigits: 99}, hal.PINEntered, "241234FFFFFFFFFF"},
		{"12E34E", hal.PINPrompt{}, hal.PINEntered, "241234FFFFFFFFFF"},
		{"12C5678E", hal.PINPrompt{}, hal.PINEntered, "245678FFFFFFFFFF"},
		{"U1T23U4E", hal.PINPrompt{}, hal.PINEntered, "241234FFFFFFFFFF"},
		{"E1234E", hal.PINPrompt{}, hal.PINEntered, "241234FFFFFFFFFF"},
		{"12345E67E", six, hal.PINEntered, "26123456FFFFFFFF"},
		{"1234E", bypass, hal.PINEntered, "241234FFFFFFFFFF"},
		{"E", bypass, hal.PINBypassed, ""},
		{"123CE", bypass, hal.PINBypassed, ""},
		{"123EX", bypass, hal.PINCancelled, ""},
		{"X", hal.PINPrompt{}, hal.PINCancelled, ""},
		{"1234X", hal.PINPrompt{}, hal.PINCancelled, ""},
		{"", hal.PINPrompt{}, hal.PINTimedOut, ""},
		{"12345", hal.PINPrompt{}, hal.PINTimedOut, ""},
		{"E", hal.PINPrompt{}, hal.PINTimedOut, ""},
		{"TTT", hal.PINPrompt{}, hal.PINTimedOut, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			p, card := New(nil, NewKeypad(press(c.keys), nil)), &keeper{}
			v, err := p.VerifyOffline(t.Context(), card, hal.OfflinePIN{Method: hal.PlainPIN, Prompt: c.prompt})
			if err != nil || v.Entry != c.ended || (v.SW == 0x9000) != (c.block != "") {
				t.Errorf("%q: %+v, %v", c.keys, v, err)
			}
			want := []string{}
			if c.block != "" {
				want = append(want, "0020008008"+c.block)
			}
			got := []string{}
			for i, command := range card.copies {
				got = append(got, fmt.Sprintf("%X", command))
				if !wiped(card.commands[i]) {
					t.Errorf("%q: the command is not wiped", c.keys)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%q: sent %s, want %s", c.keys, got, want)
			}
			if !wiped(p.digits[:]) {
				t.Errorf("%q: the digits are not wiped", c.keys)
			}
		})
	}
}

// brokenStore has one key and cannot store what comes after it.
type brokenStore struct{ state []byte }

func (b brokenStore) Secret(context.Context, string) (hal.Secret, error) {
	return hal.NewSecret(bytes.Clone(b.state)), nil
}

func (brokenStore) SetSecret(context.Context, string, hal.Secret) error { return hal.ErrErased }

// Digits of an online PIN are gone too, also when no block was made of them.
func TestOnlineDigitsAreWiped(t *testing.T) {
	key, err := dukpt.LoadAES(make([]byte, 16), [8]byte{})
	if err != nil {
		t.Fatal(err)
	}
	for keys, want := range map[string]error{"86420E": hal.ErrErased, "86420X": nil} {
		synctest.Test(t, func(t *testing.T) {
			var p *Pad
			seen := false
			p = New(brokenStore{key.State()}, NewKeypad(press(keys), func(_ context.Context, _ hal.PINPrompt, entered int) error {
				seen = seen || entered == 5 && string(p.digits[:5]) == "86420"
				return nil
			}))
			req := hal.OnlinePIN{Format: hal.ISOFormat4, Key: "pin", PAN: hal.NewSecret([]byte("4761739001010010"))}
			b, err := p.OnlineBlock(t.Context(), req)
			if !errors.Is(err, want) || b.Ciphertext != nil || !seen || !wiped(p.digits[:]) {
				t.Errorf("%q: %+v, %v; digits were there: %v, are wiped: %v", keys, b, err, seen, wiped(p.digits[:]))
			}
		})
	}
}

// Each key begins the wait anew; a touch is no key.
func TestPatience(t *testing.T) {
	for keys, want := range map[string]time.Duration{"": 30 * time.Second, "12": 80 * time.Second, "1TT": 55 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			s := press(keys)
			s.every = 25 * time.Second
			began := time.Now()
			v, err := New(nil, NewKeypad(s, nil)).VerifyOffline(t.Context(), &keeper{}, hal.OfflinePIN{Method: hal.PlainPIN})
			if err != nil || v.Entry != hal.PINTimedOut || time.Since(began) != want {
				t.Errorf("%q: %+v, %v after %v, want %v", keys, v, err, time.Since(began), want)
			}
		})
	}
}

// The caller's context ends the wait too, and is not taken for the pad's patience.
func TestContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(nil, NewKeypad(press("12"), nil))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err := p.VerifyOffline(ctx, &keeper{}, hal.OfflinePIN{Method: hal.PlainPIN})
		if !errors.Is(err, context.DeadlineExceeded) || !wiped(p.digits[:]) {
			t.Errorf("%v, digits %v", err, !wiped(p.digits[:]))
		}
	})
}

// The screen learns how many digits there are, and the prompt.
func TestShow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		prompt := hal.PINPrompt{Amount: 1250, Currency: "eur", TriesLeft: 1, MinDigits: 4, MaxDigits: 5, WrongPINLast: true}
		var shown []int
		show := func(_ context.Context, p hal.PINPrompt, entered int) error {
			if p != prompt {
				t.Errorf("shown %+v", p)
			}
			shown = append(shown, entered)
			return nil
		}
		p := New(nil, NewKeypad(press("12C34567UE"), show))
		if v, err := p.VerifyOffline(t.Context(), &keeper{}, hal.OfflinePIN{Method: hal.PlainPIN, Prompt: prompt}); err != nil || v.Entry != hal.PINEntered {
			t.Errorf("%+v, %v", v, err)
		}
		if want := []int{0, 1, 2, 0, 1, 2, 3, 4, 5, 5}; !slices.Equal(shown, want) {
			t.Errorf("shown %v digits, want %v", shown, want)
		}
	})
}

// What breaks ends the entry with its error, and leaves no digits.
func TestEntryFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dark, unplugged := errors.New("dark screen"), press("8642")
		unplugged.err = hal.ErrNotFound
		gone := &keeper{err: hal.ErrCardRemoved}
		for what, c := range map[string]struct {
			holder Cardholder
			card   *keeper
			prompt hal.PINPrompt
			want   error
		}{
			"the screen":            {NewKeypad(press("8642E"), func(_ context.Context, _ hal.PINPrompt, n int) error { return map[bool]error{n > 2: dark}[true] }), &keeper{}, hal.PINPrompt{}, dark},
			"the keys":              {NewKeypad(unplugged, nil), &keeper{}, hal.PINPrompt{}, hal.ErrNotFound},
			"the card":              {NewKeypad(press("8642E"), nil), gone, hal.PINPrompt{}, hal.ErrCardRemoved},
			"a PIN there cannot be": {NewKeypad(press("8642E"), nil), &keeper{}, hal.PINPrompt{MinDigits: 6, MaxDigits: 5}, hal.ErrUnsupported},
		} {
			p := New(nil, c.holder)
			v, err := p.VerifyOffline(t.Context(), c.card, hal.OfflinePIN{Method: hal.PlainPIN, Prompt: c.prompt})
			if !errors.Is(err, c.want) || v != (hal.OfflineVerdict{}) || strings.Contains(err.Error(), "864") {
				t.Errorf("%s: %+v, %v", what, v, err)
			}
			if !wiped(p.digits[:]) || len(c.card.commands) > 0 && !wiped(c.card.commands[0]) {
				t.Errorf("%s: digits are left", what)
			}
			if (len(c.card.commands) > 0) != (c.card == gone) {
				t.Errorf("%s: %d commands", what, len(c.card.commands))
			}
		}
	})
}

// Whatever keys are pressed, a PIN has as many digits as it may, and none is left
// or shown.
func FuzzEntry(f *testing.F) {
	f.Add([]byte{2, 3, 4, 5, 11}, 4, 12, false)
	f.Add([]byte{11, 2, 13, 2, 2, 2, 2, 2, 2, 11}, 6, 6, true)
	f.Add([]byte{2, 2, 2, 12}, 0, 0, true)
	f.Fuzz(func(t *testing.T, keys []byte, least, most int, bypass bool) {
		s := &script{err: ErrNobody}
		for _, k := range keys {
			s.keys = append(s.keys, hal.InputEvent{Key: hal.Key(k)})
		}
		p, card := New(nil, NewKeypad(s, nil)), &keeper{}
		prompt := hal.PINPrompt{MinDigits: least, MaxDigits: most, AllowBypass: bypass}
		v, err := p.VerifyOffline(t.Context(), card, hal.OfflinePIN{Method: hal.PlainPIN, Prompt: prompt})
		if err != nil && !errors.Is(err, hal.ErrUnsupported) {
			t.Fatal(err)
		}
		if !wiped(p.digits[:]) || len(card.copies) > 1 || (len(card.copies) == 1) != (v.Entry == hal.PINEntered) || v.Entry == hal.PINBypassed && !bypass {
			t.Fatalf("%+v, %d commands", v, len(card.copies))
		}
		for i, command := range card.copies {
			if n := int(command[5] & 0xF); n < max(4, least) || n > 12 || most > 0 && n > most || !wiped(card.commands[i]) {
				t.Fatalf("%d digits", n)
			}
		}
	})
}
