package filekeys

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"testing"
)

func encoded(t testing.TB) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b, err := encode(key)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDecodeRefusesOtherKeys(t *testing.T) {
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	rsaKey, _ := rsa.GenerateKey(rand.Reader, 2048)
	for _, key := range []any{p384, rsaKey} {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decode(pem.EncodeToMemory(&pem.Block{Type: blockType, Bytes: der})); err == nil {
			t.Errorf("a %T was accepted", key)
		}
	}
	if _, err := decode(append(encoded(t), "more"...)); err == nil {
		t.Error("data after the key was accepted")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(encoded(f))
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\nMA==\n-----END PRIVATE KEY-----\n"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		key, err := decode(b)
		if err != nil {
			return
		}
		again, err := encode(key)
		if err != nil {
			t.Fatal(err)
		}
		if second, err := decode(again); err != nil || !second.Equal(key) {
			t.Fatalf("decode, encode, decode: %v", err)
		}
	})
}
