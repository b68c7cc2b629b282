package wire

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"testing"
)

func newChallenge(t testing.TB) (Challenge, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return Challenge{
		Nonce: make([]byte, NonceSize), ReaderID: "tmr_1", ReaderKeyHash: make([]byte, 32), POSID: "pos_1", POSPublicKey: spki,
	}, key
}

// The bytes other implementations must sign.
func TestChallengeMessage(t *testing.T) {
	c := Challenge{Nonce: []byte{1, 2}, ReaderID: "tmr_1", ReaderKeyHash: []byte{3}, POSID: "p", POSPublicKey: []byte{4, 5}}
	const message = "0000001c" + "736d61727472656164657220706f73206368616c6c656e6765207631" + // smartreader pos challenge v1
		"00000002" + "0102" + "00000005" + "746d725f31" + "00000001" + "03" + "00000001" + "70" + "00000002" + "0405"
	if got := hex.EncodeToString(c.Message()); got != message {
		t.Errorf("message %s", got)
	}
	const digest = "ec6fd81ef3f92e876d2b29377e01297e1f8601733b61d130e9f862dc6b712c97"
	if got := c.Digest(); hex.EncodeToString(got[:]) != digest {
		t.Errorf("digest %x", got)
	}
}

func TestChallengeSignsEveryField(t *testing.T) {
	c, key := newChallenge(t)
	signature, err := c.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	if len(signature) != 64 {
		t.Fatalf("%d bytes", len(signature))
	}
	if err := c.Verify(signature); err != nil {
		t.Fatal(err)
	}
	other, _ := newChallenge(t)
	for name, change := range map[string]func(*Challenge){
		"nonce":      func(c *Challenge) { c.Nonce = append([]byte{1}, c.Nonce[1:]...) },
		"reader":     func(c *Challenge) { c.ReaderID = "tmr_2" },
		"reader key": func(c *Challenge) { c.ReaderKeyHash = append([]byte{1}, c.ReaderKeyHash[1:]...) },
		"pos":        func(c *Challenge) { c.POSID = "pos_2" },
		"pos key":    func(c *Challenge) { c.POSPublicKey = other.POSPublicKey },
		"boundary":   func(c *Challenge) { c.ReaderID, c.Nonce = "t", append(c.Nonce, "mr_1"...) },
	} {
		changed := c
		change(&changed)
		if err := changed.Verify(signature); !errors.Is(err, ErrSignature) {
			t.Errorf("%s changed: %v", name, err)
		}
	}
	for _, bad := range [][]byte{nil, signature[:63], append(signature, 0), make([]byte, 64)} {
		if err := c.Verify(bad); !errors.Is(err, ErrSignature) {
			t.Errorf("signature %x: %v", bad, err)
		}
	}
}

func TestOtherKeysAreRefused(t *testing.T) {
	c, _ := newChallenge(t)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []crypto.Signer{p384, rsaKey} {
		if _, err := c.Sign(key); !errors.Is(err, ErrKey) {
			t.Errorf("%T: %v", key, err)
		}
		spki, err := x509.MarshalPKIXPublicKey(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParsePublicKey(spki); !errors.Is(err, ErrKey) {
			t.Errorf("%T: %v", key, err)
		}
	}
	if _, err := ParsePublicKey(append(c.POSPublicKey, 0)); !errors.Is(err, ErrKey) {
		t.Errorf("trailing byte: %v", err)
	}
}

func FuzzVerify(f *testing.F) {
	c, key := newChallenge(f)
	signature, err := c.Sign(key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(c.POSPublicKey, signature)
	f.Add([]byte{}, []byte{})
	f.Fuzz(func(t *testing.T, spki, sig []byte) {
		c := Challenge{POSPublicKey: spki}
		if c.Verify(sig) == nil {
			t.Fatal("a signature over another challenge was accepted")
		}
	})
}
