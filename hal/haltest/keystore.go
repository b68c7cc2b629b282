package haltest

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"

	"smartreader/hal"
)

// KeyStore checks a key store, which must be empty, and if it is a
// [hal.SecretKeeper] its secrets. Reopen opens the same store as after a restart.
// The store is erased at the end.
func KeyStore(t T, reopen func() hal.KeyStore) {
	t.Helper()
	ctx := t.Context()
	check(t, "keys are made", "check that the folder can be written, or the secure element is provisioned")
	s := reopen()
	if _, err := s.Key(ctx, "identity"); !errors.Is(err, hal.ErrNoKey) {
		t.Fatalf("Key of an empty store: got %v, want hal.ErrNoKey", err)
	}
	for _, name := range []string{"", "..", "a/b", "Identity", "key.pem", "x_y", "a123456789b123456789c123456789d123"} {
		if _, err := s.Create(ctx, name); !errors.Is(err, hal.ErrUnsupported) {
			t.Errorf("Create(%q): got %v, want hal.ErrUnsupported", name, err)
		}
	}
	key, err := s.Create(ctx, "identity")
	if err != nil {
		t.Fatalf("Create: %v", err)
	}
	signs(t, key, key)
	if _, err := s.Create(ctx, "identity"); !errors.Is(err, hal.ErrKeyExists) {
		t.Errorf("Create of a key that exists: got %v, want hal.ErrKeyExists", err)
	}
	other, err := s.Create(ctx, "other-2")
	if err != nil {
		t.Fatalf("Create of a second key: %v", err)
	}
	if equal(key, other) {
		t.Errorf("two names have the same key")
	}
	cancelled, stop := context.WithCancel(ctx)
	stop()
	if _, err := s.Key(cancelled, "identity"); !errors.Is(err, context.Canceled) {
		t.Errorf("Key with a cancelled context: got %v, want context.Canceled", err)
	}

	check(t, "keys survive a restart", "write the key durably before Create returns")
	s = reopen()
	again, err := s.Key(ctx, "identity")
	if err != nil {
		t.Fatalf("Key after a restart: %v", err)
	}
	signs(t, again, key)

	if _, ok := s.(hal.SecretKeeper); ok {
		secrets(t, func() hal.SecretKeeper { return reopen().(hal.SecretKeeper) })
	}

	check(t, "erasing is final", "the tamper response is not called off, and remembered")
	if err := s.Erase(cancelled); err != nil {
		t.Fatalf("Erase must not be called off: %v", err)
	}
	for _, s := range []hal.KeyStore{s, reopen()} {
		if _, err := s.Key(ctx, "identity"); !errors.Is(err, hal.ErrErased) {
			t.Errorf("Key of an erased store: got %v, want hal.ErrErased", err)
		}
		if _, err := s.Create(ctx, "new"); !errors.Is(err, hal.ErrErased) {
			t.Errorf("Create in an erased store: got %v, want hal.ErrErased", err)
		}
		if keeper, ok := s.(hal.SecretKeeper); ok {
			erasedSecrets(t, keeper)
		}
		if err := s.Erase(ctx); err != nil {
			t.Errorf("Erase of an erased store: %v", err)
		}
	}
}

// signs checks that what signer signs verifies with the public key of want.
func signs(t T, signer, want crypto.Signer) {
	t.Helper()
	public, ok := want.Public().(*ecdsa.PublicKey)
	if !ok || public.Curve != elliptic.P256() {
		t.Fatalf("public key is a %T, want ECDSA P-256", want.Public())
	}
	digest := sha256.Sum256([]byte("haltest"))
	signature, err := signer.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		t.Fatalf("Sign: %v", err)
	}
	if !ecdsa.VerifyASN1(public, digest[:], signature) {
		t.Errorf("the signature does not verify")
	}
}

func equal(a, b crypto.Signer) bool {
	return a.Public().(*ecdsa.PublicKey).Equal(b.Public())
}
