package filekeys

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"smartreader/hal"
)

// disk is what a power cut may leave of a store's folder at a moment: all that
// was done, or only what was synced. A file that was never synced is empty then.
type disk struct {
	t      *testing.T
	s      *Store
	kept   map[string]uint64 // names of the folder as synced, and their files
	synced map[uint64][]byte // files as synced
	cuts   []string          // folders as left by a cut before each sync
}

func watched(t *testing.T) *disk {
	t.Helper()
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	d := &disk{t: t, s: s, kept: map[string]uint64{}, synced: map[uint64][]byte{}}
	s.watch = func(f *os.File) {
		d.cut()
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		if info.IsDir() {
			d.kept = d.names()
			return
		}
		// It is open for writing only, and may have no name any more.
		d.synced[inode(info)] = d.read(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
	}
	return d
}

func inode(info os.FileInfo) uint64 { return info.Sys().(*syscall.Stat_t).Ino }

func (d *disk) names() map[string]uint64 {
	d.t.Helper()
	names := map[string]uint64{}
	entries, err := os.ReadDir(d.s.dir)
	if err != nil {
		d.t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			d.t.Fatal(err)
		}
		names[e.Name()] = inode(info)
	}
	return names
}

// cut notes what would be left now.
func (d *disk) cut() {
	d.t.Helper()
	all, least := d.t.TempDir(), d.t.TempDir()
	for name := range d.names() {
		d.write(filepath.Join(all, name), d.read(filepath.Join(d.s.dir, name)))
	}
	for name, file := range d.kept {
		d.write(filepath.Join(least, name), d.synced[file])
	}
	d.cuts = append(d.cuts, all, least)
}

func (d *disk) read(path string) []byte {
	d.t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		d.t.Fatal(err)
	}
	return b
}

func (d *disk) write(path string, b []byte) {
	d.t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// after opens what each cut since the last call left, and the two that are left
// now, where nothing may be lost.
func (d *disk) after(check func(s *Store, over bool) error) {
	d.t.Helper()
	n := len(d.cuts)
	d.cut()
	for i, dir := range d.cuts {
		s, err := Open(dir)
		if err == nil {
			err = check(s, i >= n)
		}
		if err != nil {
			d.t.Errorf("power cut %d of %d: %v", i/2+1, n/2+1, err)
		}
		left, err := filepath.Glob(filepath.Join(dir, temporary+"*"))
		if err != nil || len(left) > 0 {
			d.t.Errorf("power cut %d of %d leaves %v, %v", i/2+1, n/2+1, left, err)
		}
	}
	if n < 4 {
		d.t.Errorf("%d moments were looked at", n)
	}
	d.cuts = nil
}

// Wherever the power is cut while a secret is set, the old one is there or the new
// one, whole; once SetSecret returned, the new one. So no key of DUKPT comes back.
func TestPowerCutsWhileASecretIsSet(t *testing.T) {
	d := watched(t)
	states := []string{"", "first", "second, which is longer", "3", ""}
	for i, state := range states[1:] {
		if err := d.s.SetSecret(t.Context(), "pin", hal.NewSecret([]byte(state))); err != nil {
			t.Fatal(err)
		}
		before := states[i]
		d.after(func(s *Store, over bool) error {
			got, err := s.Secret(t.Context(), "pin")
			if errors.Is(err, hal.ErrNoKey) {
				err = nil
			}
			if b := string(got.Bytes()); err != nil || b != state && (over || b != before) {
				return fmt.Errorf("from %q to %q: there is %q, %v", before, state, b, err)
			}
			return nil
		})
	}
}

// Wherever the power is cut during the tamper response, the store is as before or
// erased; once Erase returned, erased, and what the secrets were is in no file.
func TestPowerCutsDuringErase(t *testing.T) {
	d := watched(t)
	if _, err := d.s.Create(t.Context(), "identity"); err != nil {
		t.Fatal(err)
	}
	if err := d.s.SetSecret(t.Context(), "pin", hal.NewSecret([]byte("first"))); err != nil {
		t.Fatal(err)
	}
	d.cuts = nil
	if err := d.s.Erase(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.after(func(s *Store, over bool) error {
		_, err := s.Key(t.Context(), "identity")
		secret, wrong := s.Secret(t.Context(), "pin")
		switch {
		case errors.Is(err, hal.ErrErased) && errors.Is(wrong, hal.ErrErased):
			left, err := filepath.Glob(filepath.Join(s.dir, "*"))
			if err != nil || len(left) != 1 {
				return fmt.Errorf("erased, and there is %v, %v", left, err)
			}
		case over || err != nil || wrong != nil || string(secret.Bytes()) != "first":
			return fmt.Errorf("neither erased nor as before: %v, %v", err, wrong)
		}
		return nil
	})
	for _, b := range d.synced {
		if len(bytes.Trim(b, "\x00")) > 0 {
			t.Errorf("a file of %d bytes is not overwritten", len(b))
		}
	}
}

// A new key is there whole or not at all.
func TestPowerCutsWhileAKeyIsMade(t *testing.T) {
	d := watched(t)
	if _, err := d.s.Create(t.Context(), "identity"); err != nil {
		t.Fatal(err)
	}
	d.after(func(s *Store, over bool) error {
		if _, err := s.Key(t.Context(), "identity"); err != nil && (over || !errors.Is(err, hal.ErrNoKey)) {
			return err
		}
		return nil
	})
}
