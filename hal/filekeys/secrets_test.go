package filekeys_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"smartreader/hal"
	"smartreader/hal/filekeys"
)

func set(t *testing.T, s *filekeys.Store, name, secret string) {
	t.Helper()
	if err := s.SetSecret(t.Context(), name, hal.NewSecret([]byte(secret))); err != nil {
		t.Fatal(err)
	}
}

func wantSecret(t *testing.T, s *filekeys.Store, name, want string) {
	t.Helper()
	got, err := s.Secret(t.Context(), name)
	if err != nil || string(got.Bytes()) != want {
		t.Errorf("secret of %d bytes, %v; want %d", len(got.Bytes()), err, len(want))
	}
}

func wantZeros(t *testing.T, what, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil || len(b) == 0 || len(bytes.Trim(b, "\x00")) > 0 {
		t.Errorf("%s: %d bytes, %d of them not zero, %v", what, len(b), len(bytes.Trim(b, "\x00")), err)
	}
}

func TestSecretFiles(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	set(t, s, "pin", "first")
	path := filepath.Join(dir, "pin.secret")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode().Perm(), err)
	}
	if err := os.Chmod(path, 0o604); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Secret(t.Context(), "pin"); !errors.Is(err, filekeys.ErrExposed) {
		t.Errorf("a secret others may read: %v", err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Secret(t.Context(), "pin"); !errors.Is(err, filekeys.ErrDamaged) || errors.Is(err, hal.ErrNoKey) {
		t.Errorf("an empty file: %v", err)
	}
}

// What a secret was before is not left on the disk, as far as a disk does what it
// is told: another link to the file shows zeros.
func TestOldSecretsAreOverwritten(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	s := open(t, dir)
	for what, end := range map[string]func(){
		"replaced": func() { set(t, s, "pin", "second") },
		"deleted":  func() { set(t, s, "pin", "") },
		"erased": func() {
			if err := s.Erase(t.Context()); err != nil {
				t.Error(err)
			}
			if err := os.Remove(filepath.Join(dir, "erased")); err != nil {
				t.Error(err)
			}
		},
	} {
		set(t, s, "pin", "first")
		link := filepath.Join(out, what)
		if err := os.Link(filepath.Join(dir, "pin.secret"), link); err != nil {
			t.Fatal(err)
		}
		end()
		wantZeros(t, what, link)
	}
}

// The states a power cut can leave: before the new name is there, the old secret;
// after, the new one; of one that was being deleted, nothing.
func TestSecretAfterPowerCut(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	set(t, s, "pin", "old")
	draft, link := filepath.Join(dir, "_new-1"), filepath.Join(t.TempDir(), "link")
	if err := os.WriteFile(draft, []byte("half a ne"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(draft, link); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	wantSecret(t, s, "pin", "old")
	wantZeros(t, "the draft", link)
	if err := os.Rename(filepath.Join(dir, "pin.secret"), filepath.Join(dir, "_new-gone-pin.secret")); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	if _, err := s.Secret(t.Context(), "pin"); !errors.Is(err, hal.ErrNoKey) {
		t.Errorf("half deleted: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// A secret that cannot be put in its place leaves no draft behind.
func TestSecretThatCannotBeSet(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if err := os.Mkdir(filepath.Join(dir, "pin.secret"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.SetSecret(t.Context(), "pin", hal.NewSecret([]byte("new"))); err == nil {
		t.Error("a folder was replaced")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left: %v, %v", left, err)
	}
}
