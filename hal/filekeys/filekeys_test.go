package filekeys_test

import (
	"bytes"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"smartreader/hal"
	"smartreader/hal/filekeys"
	"smartreader/hal/haltest"
)

func open(t *testing.T, dir string) *filekeys.Store {
	t.Helper()
	s, err := filekeys.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConforms(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys [1]*") // a name Glob must not interpret
	haltest.KeyStore(t, func() hal.KeyStore { return open(t, dir) })
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 || left[0].Name() != "erased" {
		t.Errorf("after Erase the folder holds %v, %v", left, err)
	}
}

func TestFilesArePrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	s := open(t, dir)
	if _, err := s.Create(t.Context(), "identity"); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, "identity.pem"): 0o600} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %v, %v; want %v", path, info.Mode().Perm(), err, want)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "identity.pem"), 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Key(t.Context(), "identity"); !errors.Is(err, filekeys.ErrExposed) {
		t.Errorf("a key its group may read: got %v, want ErrExposed", err)
	}
}

func TestDamagedKeyIsNotMissing(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for _, content := range []string{"", "no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"} {
		if err := os.WriteFile(filepath.Join(dir, "identity.pem"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Key(t.Context(), "identity"); !errors.Is(err, filekeys.ErrDamaged) || errors.Is(err, hal.ErrNoKey) {
			t.Errorf("key file %q: got %v, want ErrDamaged", content, err)
		}
		if _, err := s.Create(t.Context(), "identity"); !errors.Is(err, hal.ErrKeyExists) {
			t.Errorf("Create over a damaged key: got %v, want hal.ErrKeyExists", err)
		}
	}
}

// An erase that the power cut short left its marker and some keys.
func TestOpenFinishesErase(t *testing.T) {
	dir := t.TempDir()
	if _, err := open(t, dir).Create(t.Context(), "identity"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "erased"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	if _, err := os.Stat(filepath.Join(dir, "identity.pem")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the key is still there: %v", err)
	}
	_, err := s.Key(t.Context(), "identity")
	if !errors.Is(err, hal.ErrErased) || !strings.Contains(err.Error(), filepath.Join(dir, "erased")) {
		t.Errorf("got %v, want hal.ErrErased naming the file to delete", err)
	}
}

// Erase overwrites what it removes: another link to the file shows zeros.
func TestEraseOverwrites(t *testing.T) {
	dir, elsewhere := t.TempDir(), filepath.Join(t.TempDir(), "link")
	s := open(t, dir)
	if _, err := s.Create(t.Context(), "identity"); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(dir, "identity.pem"), elsewhere); err != nil {
		t.Fatal(err)
	}
	if err := s.Erase(t.Context()); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(elsewhere)
	if err != nil || len(b) == 0 || len(bytes.Trim(b, "\x00")) > 0 {
		t.Errorf("%d bytes, %d of them not zero, %v", len(b), len(bytes.Trim(b, "\x00")), err)
	}
}

func TestOpenRemovesHalfMadeKeys(t *testing.T) {
	dir := t.TempDir()
	half := filepath.Join(dir, "_new-123")
	kept := filepath.Join(dir, "new-1.pem")
	for _, path := range []string{half, kept} {
		if err := os.WriteFile(path, []byte("half a key"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	open(t, dir)
	if _, err := os.Stat(half); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("half a key is still there: %v", err)
	}
	if _, err := os.Stat(kept); err != nil {
		t.Errorf("a key was removed: %v", err)
	}
}

// A power cut between the link of a new key and the end of its draft leaves one
// file with two names. Tidying up must not overwrite the key.
func TestOpenKeepsAKeyWithADraft(t *testing.T) {
	dir := t.TempDir()
	key, err := open(t, dir).Create(t.Context(), "identity")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(dir, "identity.pem"), filepath.Join(dir, "_new-123")); err != nil {
		t.Fatal(err)
	}
	again, err := open(t, dir).Key(t.Context(), "identity")
	if err != nil || !key.Public().(*ecdsa.PublicKey).Equal(again.Public()) {
		t.Errorf("after tidying up: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "_new-123")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the draft is still there: %v", err)
	}
}

func TestSignerCannotBePrinted(t *testing.T) {
	key, err := open(t, t.TempDir()).Create(t.Context(), "identity")
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%x"} {
		if s := fmt.Sprintf(verb, key); len(s) > 100 {
			t.Errorf("%s prints %d characters of a private key", verb, len(s))
		}
	}
}
