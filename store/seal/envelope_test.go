package seal

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Past envelopes must open for ever. -golden writes new vectors; do that only
// with a new format version, under new names.
var writeGolden = flag.Bool("golden", false, "write golden vectors of the current version")

var goldenHeader = Header{
	Version: 1, ReaderID: "tmr_golden", LocalID: "pl_00112233445566778899aabbccddeeff", Key: "order-1", Sequence: 12,
	Amount: 1250, Currency: "usd", CaptureMethod: "automatic", Metadata: map[string]string{"order": "1", "a": "b"},
	CreatedAtMs: 1795262400000, CollectedAtMs: 1795262401000, ClockSet: true, Offline: true,
	ATC: "0007", Cryptogram: "A1B2C3D4E5F60708", CardBrand: "visa", CardLast4: "4242", ReadMethod: "contact_emv",
}

const goldenPlaintext = "5A 4242424242424242 5F24 311231: a test card's data"

func golden(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func one(k PrivateKey) func(string) (PrivateKey, bool) {
	return func(id string) (PrivateKey, bool) { return k, id == k.ID() }
}

func TestGoldenEnvelopeOpens(t *testing.T) {
	header, err := goldenHeader.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if *writeGolden {
		key, err := NewKey("golden-1")
		if err != nil {
			t.Fatal(err)
		}
		secret, err := key.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		envelope, err := key.Public().Seal(header, []byte(goldenPlaintext))
		if err != nil {
			t.Fatal(err)
		}
		for name, content := range map[string][]byte{
			"v1-key.bin": secret, "v1-public.bin": key.Public().Bytes(), "v1-envelope.bin": envelope, "v1-header.json": header,
		} {
			if err := os.WriteFile(filepath.Join("testdata", name), content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	key, err := ParsePrivateKey("golden-1", golden(t, "v1-key.bin"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(key.Public().Bytes(), golden(t, "v1-public.bin")) {
		t.Error("the key has another public half")
	}
	gotHeader, plaintext, err := Open(one(key), golden(t, "v1-envelope.bin"))
	if err != nil {
		t.Fatal(err)
	}
	if string(plaintext) != goldenPlaintext {
		t.Errorf("plaintext %q", plaintext)
	}
	if !bytes.Equal(gotHeader, golden(t, "v1-header.json")) {
		t.Errorf("header %s", gotHeader)
	}
	if !bytes.Equal(gotHeader, header) {
		t.Errorf("the same header is encoded otherwise now: %s", header)
	}
	h, err := ParseHeader(gotHeader)
	if err != nil || h.NaturalKey() != "tmr_golden.12.0007.A1B2C3D4E5F60708" {
		t.Errorf("header %+v, %v", h, err)
	}
	if made := NaturalKey("tmr_golden", 12, 7, []byte{0xA1, 0xB2, 0xC3, 0xD4, 0xE5, 0xF6, 0x07, 0x08}); made != h.NaturalKey() {
		t.Errorf("natural key %s", made)
	}
}

func TestEveryFlippedByteKeepsItShut(t *testing.T) {
	key, err := ParsePrivateKey("golden-1", golden(t, "v1-key.bin"))
	if err != nil {
		t.Fatal(err)
	}
	any := func(string) (PrivateKey, bool) { return key, true } // even if the id leads to the key
	envelope := golden(t, "v1-envelope.bin")
	for at := range envelope {
		b := bytes.Clone(envelope)
		b[at] ^= 1
		header, plaintext, err := Open(any, b)
		if err == nil || header != nil || plaintext != nil {
			t.Fatalf("byte %d: opened, %v", at, err)
		}
	}
	for cut := range envelope {
		if _, _, err := Open(any, envelope[:cut]); !errors.Is(err, ErrEnvelope) {
			t.Fatalf("cut at %d: %v", cut, err)
		}
	}
	if _, _, err := Open(any, append(bytes.Clone(envelope), 0)); !errors.Is(err, ErrEnvelope) {
		t.Errorf("a byte more: %v", err)
	}
}

func TestHeaderOfAnotherRecordKeepsItShut(t *testing.T) {
	key, err := NewKey("k")
	if err != nil {
		t.Fatal(err)
	}
	envelope, err := key.Public().Seal([]byte("header A"), []byte("card"))
	if err != nil {
		t.Fatal(err)
	}
	e, err := ParseEnvelope(envelope)
	if err != nil {
		t.Fatal(err)
	}
	e.Header = []byte("header B")
	if _, _, err := Open(one(key), e.Bytes()); !errors.Is(err, ErrOpen) {
		t.Errorf("got %v", err)
	}
	other, err := NewKey("k")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(one(other), envelope); !errors.Is(err, ErrOpen) {
		t.Errorf("another key of the same name: %v", err)
	}
	none := func(string) (PrivateKey, bool) { return PrivateKey{}, false }
	if _, _, err := Open(none, envelope); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("no key: %v", err)
	}
}

func TestEnvelopeHidesThePlaintext(t *testing.T) {
	key, err := NewKey("k")
	if err != nil {
		t.Fatal(err)
	}
	pan := []byte("4242424242424242")
	a, err := key.Public().Seal([]byte("header"), pan)
	if err != nil {
		t.Fatal(err)
	}
	b, err := key.Public().Seal([]byte("header"), pan)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(a, pan) || bytes.Contains(a, pan[:8]) {
		t.Error("the card number is in the envelope")
	}
	if bytes.Equal(a, b) {
		t.Error("the same card gives the same envelope")
	}
}

func TestSenderSealsOnce(t *testing.T) {
	key, err := NewKey("k")
	if err != nil {
		t.Fatal(err)
	}
	sender, err := key.Public().Prepare()
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][2]int{"no header": {0, 1}, "long header": {MaxHeader + 1, 1}, "long plaintext": {1, MaxPlaintext + 1}} {
		if _, err := sender.Seal(make([]byte, bad[0]), make([]byte, bad[1])); !errors.Is(err, ErrEnvelope) {
			t.Errorf("%s: %v", name, err)
		}
	}
	envelope, err := sender.Seal([]byte("h"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, plaintext, err := Open(one(key), envelope); err != nil || len(plaintext) != 0 {
		t.Errorf("opened as %q, %v", plaintext, err)
	}
	if _, err := sender.Seal([]byte("h"), nil); !errors.Is(err, ErrKey) {
		t.Errorf("second seal: %v", err)
	}
	if _, err := (PublicKey{}).Seal([]byte("h"), nil); !errors.Is(err, ErrKey) {
		t.Errorf("no key: %v", err)
	}
}

func TestKeysAreCheckedAndDoNotPrint(t *testing.T) {
	key, err := NewKey("k1")
	if err != nil {
		t.Fatal(err)
	}
	secret, err := key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if got := fmt.Sprintf(format, key); got != "seal.PrivateKey(k1)" {
			t.Errorf("%s prints %q", format, got)
		}
	}
	if _, err := key.MarshalText(); err == nil {
		t.Error("a private key was marshalled")
	}
	back, err := ParsePrivateKey("k1", secret)
	if err != nil || !bytes.Equal(back.Public().Bytes(), key.Public().Bytes()) {
		t.Errorf("did not come back: %v", err)
	}
	if _, err := ParsePublicKey("k1", key.Public().Bytes()); err != nil {
		t.Error(err)
	}
	for name, parse := range map[string]func() error{
		"empty id":     func() error { _, err := NewKey(""); return err },
		"long id":      func() error { _, err := NewKey(string(bytes.Repeat([]byte("x"), 65))); return err },
		"space in id":  func() error { _, err := NewKey("a b"); return err },
		"short public": func() error { _, err := ParsePublicKey("k", []byte{1}); return err },
		"bad public":   func() error { _, err := ParsePublicKey("k", bytes.Repeat([]byte{0xFF}, keyBytes)); return err },
		"short secret": func() error { _, err := ParsePrivateKey("k", []byte{1}); return err },
	} {
		if err := parse(); !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseEnvelope(f *testing.F) {
	if b, err := os.ReadFile(filepath.Join("testdata", "v1-envelope.bin")); err == nil {
		f.Add(b)
		f.Add(b[:len(b)-1])
	}
	f.Add([]byte(envelopeMagic))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := ParseEnvelope(b)
		if err != nil {
			if !errors.Is(err, ErrEnvelope) {
				t.Errorf("error is %v", err)
			}
			return
		}
		if !bytes.Equal(e.Bytes(), b) {
			t.Error("an envelope has two encodings")
		}
	})
}

func FuzzParseHeader(f *testing.F) {
	if b, err := goldenHeader.Bytes(); err == nil {
		f.Add(b)
	}
	f.Add([]byte(`{"version":1}`))
	f.Add([]byte(`{"version":1,"readerId":"\u003c"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ParseHeader(b)
		if err != nil {
			return
		}
		again, err := h.Bytes()
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("%s is written as %s, %v", b, again, err)
		}
	})
}
