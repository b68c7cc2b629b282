package softpad_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"smartreader/hal"
	"smartreader/hal/dukpt"
	"smartreader/hal/filekeys"
	"smartreader/hal/pinblock"
	"smartreader/hal/softpad"
)

// memory is a key store in memory, which fails when told to: before it stored, or
// after, as when the power is cut.
type memory struct {
	mu            sync.Mutex
	secrets       map[string][]byte
	before, after error
}

func (m *memory) Secret(_ context.Context, name string) (hal.Secret, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.secrets[name]
	if !ok {
		return hal.Secret{}, fmt.Errorf("memory: %w", hal.ErrNoKey)
	}
	return hal.NewSecret(bytes.Clone(b)), nil
}

func (m *memory) SetSecret(_ context.Context, name string, s hal.Secret) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.before != nil {
		return m.before
	}
	if m.secrets == nil {
		m.secrets = map[string][]byte{}
	}
	m.secrets[name] = bytes.Clone(s.Bytes())
	return m.after
}

// person presses the keys of one PIN, always.
type person struct {
	pin     string
	asked   int
	pressed int
}

func (p *person) Ask(context.Context, hal.PINPrompt) error {
	p.asked, p.pressed = p.asked+1, 0
	return nil
}

func (p *person) Key(context.Context, int) (hal.Key, error) {
	at := p.pressed
	p.pressed++
	switch {
	case p.pin == "":
		return hal.KeyCancel, nil
	case at == len(p.pin):
		return hal.KeyEnter, nil
	}
	return hal.Key0 + hal.Key(p.pin[at]-'0'), nil
}

// The keys of the standards' examples.
var (
	aesKey, aesID    = unhex("1273671EA26AC29AFA4D1084127652A1"), unhex("1234567890123456")
	tdesKey, tdesKSN = unhex("6AC292FAA1315B4D858AB3A3D7D5933A"), unhex("FFFF9876543210E00000")
	pan, pin         = "4012345678909", "1234"
	errPower         = errors.New("power cut")
	formats          = map[string][]hal.PINBlockFormat{"tdes": {hal.ISOFormat0, hal.ISOFormat3}, "aes": {hal.ISOFormat4}}
)

func unhex(s string) (b []byte) {
	if _, err := fmt.Sscanf(s, "%X", &b); err != nil {
		panic(err)
	}
	return b
}

func load(t testing.TB, keys hal.SecretKeeper) {
	t.Helper()
	for _, in := range []softpad.Injection{
		{Name: "aes", Kind: softpad.AESDUKPT, InitialKey: hal.NewSecret(bytes.Clone(aesKey)), Serial: aesID},
		{Name: "tdes", Kind: softpad.TDESDUKPT, InitialKey: hal.NewSecret(bytes.Clone(tdesKey)), Serial: tdesKSN},
	} {
		if err := softpad.Load(t.Context(), keys, in); err != nil {
			t.Fatal(err)
		}
	}
}

func online(format hal.PINBlockFormat, key string) hal.OnlinePIN {
	return hal.OnlinePIN{Format: format, Key: key, PAN: hal.NewSecret([]byte(pan))}
}

// host opens a block.
func host(b hal.PINBlock, pan string) (string, error) {
	if b.Format == hal.ISOFormat4 {
		key, err := dukpt.AESPINKey(aesKey, b.KeySerial)
		if err != nil {
			return "", err
		}
		digits, err := pinblock.Decipher4(key, b.Ciphertext, []byte(pan))
		return string(digits), err
	}
	key, err := dukpt.TDESPINKey(tdesKey, b.KeySerial)
	if err != nil {
		return "", err
	}
	block := bytes.Clone(b.Ciphertext)
	key.Decrypt(block, block)
	if b.Format == hal.ISOFormat3 {
		digits, err := pinblock.Decode3(block, []byte(pan))
		return string(digits), err
	}
	digits, err := pinblock.Decode0(block, []byte(pan))
	return string(digits), err
}

// The first block under TDES is that of ANSI X9.24-1:2009, annex A.4.
func TestOnlineBlock(t *testing.T) {
	keys := &memory{}
	load(t, keys)
	p := softpad.New(keys, &person{pin: pin})
	for name, all := range formats {
		for i, format := range all {
			b, err := p.OnlineBlock(t.Context(), online(format, name))
			if err != nil || b.Entry != hal.PINEntered || b.Format != format || b.KeyIdentifier != name {
				t.Fatalf("%+v, %v", b, err)
			}
			serial := fmt.Sprintf("1234567890123456%08X", i+1)
			if name == "tdes" {
				serial = fmt.Sprintf("FFFF9876543210E%05X", i+1)
			}
			if got := fmt.Sprintf("%X", b.KeySerial); got != serial {
				t.Errorf("key serial number %s, want %s", got, serial)
			}
			if digits, err := host(b, pan); err != nil || digits != pin {
				t.Errorf("format %d: the host reads %q, %v", format, digits, err)
			}
			if got := fmt.Sprintf("%X", b.Ciphertext); format == hal.ISOFormat0 && got != "1B9C1845EB993A7A" {
				t.Errorf("block %s", got)
			}
		}
	}
}

// What the pad cannot do it says without asking, and without spending a key.
func TestOnlineRefusesUnasked(t *testing.T) {
	keys := &memory{}
	load(t, keys)
	end, err := dukpt.LoadAES(aesKey, [8]byte(aesID))
	if err != nil {
		t.Fatal(err)
	}
	end.Wipe()
	keys.secrets["end"] = end.State()
	keys.secrets["damaged"] = []byte("damaged")
	before := maps.Clone(keys.secrets)
	holder := &person{pin: pin}
	p := softpad.New(keys, holder)
	withPAN := func(pan string) hal.OnlinePIN {
		req := online(hal.ISOFormat4, "aes")
		req.PAN = hal.NewSecret([]byte(pan))
		return req
	}
	for what, c := range map[string]struct {
		pad  *softpad.Pad
		req  hal.OnlinePIN
		want error
	}{
		"no key store":             {softpad.New(nil, holder), online(hal.ISOFormat4, "aes"), hal.ErrUnsupported},
		"no such key":              {p, online(hal.ISOFormat4, "other"), hal.ErrUnsupported},
		"format 0 under AES":       {p, online(hal.ISOFormat0, "aes"), hal.ErrUnsupported},
		"format 3 under AES":       {p, online(hal.ISOFormat3, "aes"), hal.ErrUnsupported},
		"format 4 under TDES":      {p, online(hal.ISOFormat4, "tdes"), hal.ErrUnsupported},
		"format 2":                 {p, online(2, "tdes"), hal.ErrUnsupported},
		"a key at its end":         {p, online(hal.ISOFormat4, "end"), dukpt.ErrExhausted},
		"a key at its end, to all": {p, online(hal.ISOFormat4, "end"), hal.ErrUnsupported},
		"a damaged key":            {p, online(hal.ISOFormat4, "damaged"), dukpt.ErrState},
		"no account number":        {p, withPAN(""), hal.ErrUnsupported},
		"half an account number":   {p, withPAN("4012345"), pinblock.ErrPAN},
		"a track":                  {p, withPAN("4012345678909=2512"), pinblock.ErrPAN},
	} {
		b, err := c.pad.OnlineBlock(t.Context(), c.req)
		if !errors.Is(err, c.want) || b.Ciphertext != nil || b.Entry != 0 {
			t.Errorf("%s: %v", what, err)
		}
		if err != nil && strings.Contains(err.Error(), "4012") {
			t.Errorf("%s: the error shows the account number: %v", what, err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.OnlineBlock(ended, online(hal.ISOFormat4, "aes")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	holder.pin = ""
	if b, err := p.OnlineBlock(t.Context(), online(hal.ISOFormat4, "aes")); err != nil || b.Entry != hal.PINCancelled || b.Ciphertext != nil || b.KeySerial != nil {
		t.Errorf("cancelled by the cardholder: %+v, %v", b, err)
	}
	if holder.asked != 1 {
		t.Errorf("asked %d times", holder.asked)
	}
	if !maps.EqualFunc(before, keys.secrets, bytes.Equal) {
		t.Error("a key was spent")
	}
}

// Wherever the power is cut, no key serial number comes twice: what was handed out
// has a state behind it that is stored already.
func TestNoKeyTwice(t *testing.T) {
	for name, all := range formats {
		keys := &memory{}
		load(t, keys)
		seen := map[string]bool{}
		lost := 0
		for i := range 60 {
			keys.before, keys.after = nil, nil
			switch i % 3 {
			case 1:
				keys.before = errPower
			case 2:
				keys.after = errPower
			}
			// A pad of its own each time, as after a restart.
			b, err := softpad.New(keys, &person{pin: pin}).OnlineBlock(t.Context(), online(all[0], name))
			if i%3 != 0 {
				lost++
				if !errors.Is(err, errPower) || b.Ciphertext != nil || b.KeySerial != nil {
					t.Fatalf("the state was not stored: %+v, %v", b, err)
				}
				continue
			}
			if err != nil || seen[string(b.KeySerial)] {
				t.Fatalf("key serial number %X, seen before: %v, %v", b.KeySerial, seen[string(b.KeySerial)], err)
			}
			seen[string(b.KeySerial)] = true
			stored, err := dukpt.Parse(keys.secrets[name])
			if err != nil {
				t.Fatal(err)
			}
			if _, next, err := stored.NextPIN(); err != nil || bytes.Compare(next, b.KeySerial) <= 0 {
				t.Fatalf("after %X the store goes on with %X, %v", b.KeySerial, next, err)
			}
		}
		if len(seen) != 20 || lost != 40 {
			t.Errorf("%d blocks, %d lost", len(seen), lost)
		}
	}
}

// Several callers get their turns, each a key of its own; with real files.
func TestOneAfterTheOther(t *testing.T) {
	keys, err := filekeys.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	load(t, keys)
	p := softpad.New(keys, &person{pin: pin})
	serials := make(chan string, 12)
	var all sync.WaitGroup
	for range cap(serials) {
		all.Go(func() {
			b, err := p.OnlineBlock(t.Context(), online(hal.ISOFormat4, "aes"))
			if digits, wrong := host(b, pan); err != nil || wrong != nil || digits != pin {
				t.Errorf("the host reads %q, %v, %v", digits, err, wrong)
			}
			serials <- string(b.KeySerial)
		})
	}
	all.Wait()
	close(serials)
	seen := map[string]bool{}
	for s := range serials {
		seen[s] = true
	}
	if len(seen) != cap(serials) {
		t.Errorf("%d keys for %d blocks", len(seen), cap(serials))
	}
	if err := keys.Erase(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.OnlineBlock(t.Context(), online(hal.ISOFormat4, "aes")); !errors.Is(err, hal.ErrErased) {
		t.Errorf("after the tamper response: %v", err)
	}
}

func TestLoad(t *testing.T) {
	keys := &memory{}
	injection := func(change func(*softpad.Injection)) softpad.Injection {
		in := softpad.Injection{Name: "pin", Kind: softpad.AESDUKPT, InitialKey: hal.NewSecret(bytes.Clone(aesKey)), Serial: aesID}
		change(&in)
		return in
	}
	another := unhex("1234567890123457")
	for _, c := range []struct {
		what   string
		change func(*softpad.Injection)
		want   error
	}{
		{"no kind", func(in *softpad.Injection) { in.Kind = "" }, hal.ErrUnsupported},
		{"a key too short", func(in *softpad.Injection) { in.InitialKey = hal.NewSecret([]byte("short")) }, dukpt.ErrKey},
		{"no key", func(in *softpad.Injection) { in.InitialKey = hal.Secret{} }, dukpt.ErrKey},
		{"a TDES serial number for AES", func(in *softpad.Injection) { in.Serial = tdesKSN }, dukpt.ErrSerial},
		{"an AES key id for TDES", func(in *softpad.Injection) { in.Kind = softpad.TDESDUKPT }, dukpt.ErrSerial},
		{"TDES with a counter", func(in *softpad.Injection) {
			in.Kind, in.Serial = softpad.TDESDUKPT, unhex("FFFF9876543210E00001")
		}, dukpt.ErrSerial},
		{"TDES with a long key", func(in *softpad.Injection) {
			in.Kind, in.Serial, in.InitialKey = softpad.TDESDUKPT, tdesKSN, hal.NewSecret(make([]byte, 24))
		}, dukpt.ErrKey},
		{"the first", func(*softpad.Injection) {}, nil},
		{"the same", func(*softpad.Injection) {}, hal.ErrKeyExists},
		{"the same, asked to", func(in *softpad.Injection) { in.Replace = true }, hal.ErrKeyExists},
		{"another", func(in *softpad.Injection) { in.Serial = another }, hal.ErrKeyExists},
		{"another, asked to", func(in *softpad.Injection) { in.Serial, in.Replace = another, true }, nil},
		{"another kind, asked to", func(in *softpad.Injection) {
			in.Kind, in.Serial, in.Replace, in.InitialKey = softpad.TDESDUKPT, tdesKSN, true, hal.NewSecret(bytes.Clone(tdesKey))
		}, nil},
	} {
		before := bytes.Clone(keys.secrets["pin"])
		in := injection(c.change)
		err := softpad.Load(t.Context(), keys, in)
		if !errors.Is(err, c.want) || (c.want == nil) != (err == nil) {
			t.Errorf("%s: %v", c.what, err)
		}
		if err != nil && !bytes.Equal(before, keys.secrets["pin"]) {
			t.Errorf("%s: the key there was changed", c.what)
		}
		if !in.InitialKey.Empty() {
			t.Errorf("%s: the initial key is not wiped", c.what)
		}
	}
	stored, err := dukpt.Parse(keys.secrets["pin"])
	if err != nil || !slices.Equal(stored.Serial(), tdesKSN) {
		t.Errorf("stored %v, %v", stored, err)
	}
	keys.secrets["pin"] = []byte("damaged")
	if err := softpad.Load(t.Context(), keys, injection(func(*softpad.Injection) {})); !errors.Is(err, dukpt.ErrState) {
		t.Errorf("over a damaged key: %v", err)
	}
	if err := softpad.Load(t.Context(), keys, injection(func(in *softpad.Injection) { in.Replace = true })); err != nil {
		t.Errorf("over a damaged key, asked to: %v", err)
	}
	keys.before = errPower
	if err := softpad.Load(t.Context(), keys, injection(func(in *softpad.Injection) { in.Name = "new" })); !errors.Is(err, errPower) {
		t.Errorf("a store that fails: %v", err)
	}
}
