package haltest

import (
	"bytes"
	"context"
	"errors"

	"smartreader/hal"
)

// secrets checks the secrets of a store that has a key "identity" and none of
// them. It leaves the secret "identity".
func secrets(t T, reopen func() hal.SecretKeeper) {
	t.Helper()
	ctx := t.Context()
	check(t, "secrets are kept", "look at the folder's rights and free space, or the secure element's memory")
	s := reopen()
	if _, err := s.Secret(ctx, "identity"); !errors.Is(err, hal.ErrNoKey) {
		t.Fatalf("Secret of a store without: got %v, want hal.ErrNoKey", err)
	}
	if err := s.SetSecret(ctx, "identity", hal.Secret{}); err != nil {
		t.Errorf("SetSecret to nothing where there is nothing: %v", err)
	}
	for _, name := range []string{"", "..", "a/b", "Pin", "pin.secret", "x_y", "a123456789b123456789c123456789d123"} {
		if err := s.SetSecret(ctx, name, hal.NewSecret([]byte{1})); !errors.Is(err, hal.ErrUnsupported) {
			t.Errorf("SetSecret(%q): got %v, want hal.ErrUnsupported", name, err)
		}
		if _, err := s.Secret(ctx, name); !errors.Is(err, hal.ErrUnsupported) {
			t.Errorf("Secret(%q): got %v, want hal.ErrUnsupported", name, err)
		}
	}
	first, second := filled(1000, 3), filled(1100, 5)
	set(t, s, "identity", first) // beside the key of that name
	set(t, s, "pin-2", first)
	holds(t, s, "identity", first)
	cancelled, stop := context.WithCancel(ctx)
	stop()
	if err := s.SetSecret(cancelled, "pin-2", hal.NewSecret([]byte{1})); !errors.Is(err, context.Canceled) {
		t.Errorf("SetSecret with a cancelled context: got %v, want context.Canceled", err)
	}
	if _, err := s.Secret(cancelled, "pin-2"); !errors.Is(err, context.Canceled) {
		t.Errorf("Secret with a cancelled context: got %v, want context.Canceled", err)
	}

	check(t, "secrets survive a restart", "write the secret durably before SetSecret returns")
	s = reopen()
	holds(t, s, "identity", first)
	holds(t, s, "pin-2", first)

	check(t, "secrets are replaced whole", "write the new one beside the old one and exchange them at once")
	set(t, s, "identity", second)
	holds(t, s, "identity", second)
	holds(t, s, "pin-2", first)
	holds(t, reopen(), "identity", second)
	set(t, s, "identity", first[:1]) // shorter
	holds(t, s, "identity", first[:1])

	check(t, "secrets are deleted", "an empty secret deletes, durably")
	if err := s.SetSecret(ctx, "pin-2", hal.NewSecret(nil)); err != nil {
		t.Errorf("SetSecret to nothing: %v", err)
	}
	for _, s := range []hal.SecretKeeper{s, reopen()} {
		if got, err := s.Secret(ctx, "pin-2"); !errors.Is(err, hal.ErrNoKey) || !got.Empty() {
			t.Errorf("Secret of a deleted secret: got %v, want hal.ErrNoKey", err)
		}
		holds(t, s, "identity", first[:1])
	}
}

// erasedSecrets checks that an erased store has none and takes none.
func erasedSecrets(t T, s hal.SecretKeeper) {
	t.Helper()
	if got, err := s.Secret(t.Context(), "identity"); !errors.Is(err, hal.ErrErased) || !got.Empty() {
		t.Errorf("Secret of an erased store: got %v, want hal.ErrErased", err)
	}
	if err := s.SetSecret(t.Context(), "new", hal.NewSecret([]byte{1})); !errors.Is(err, hal.ErrErased) {
		t.Errorf("SetSecret in an erased store: got %v, want hal.ErrErased", err)
	}
}

// set sets a secret and wipes what was handed in: the store has its own copy.
func set(t T, s hal.SecretKeeper, name string, b []byte) {
	t.Helper()
	secret := hal.NewSecret(bytes.Clone(b))
	if err := s.SetSecret(t.Context(), name, secret); err != nil {
		t.Fatalf("SetSecret: %v", err)
	}
	if !bytes.Equal(secret.Bytes(), b) {
		t.Errorf("SetSecret changed the secret it was given, want it untouched")
	}
	secret.Wipe()
}

// holds checks a secret, and that who asks gets memory of his own.
func holds(t T, s hal.SecretKeeper, name string, want []byte) {
	t.Helper()
	for range 2 {
		got, err := s.Secret(t.Context(), name)
		if err != nil {
			t.Fatalf("Secret: %v", err)
		}
		if !bytes.Equal(got.Bytes(), want) {
			t.Errorf("Secret: got %d bytes, want the %d that were set", len(got.Bytes()), len(want))
		}
		got.Wipe()
	}
}

func filled(n int, with byte) []byte { return bytes.Repeat([]byte{with}, n) }
