package filekeys

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// read returns what is in a file that only its owner may read. An error that
// matches fs.ErrNotExist means that there is none.
func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("filekeys: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%w: chmod 600 %s", ErrExposed, path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("filekeys: %w", err)
	}
	return b, nil
}

// draft writes b durably under a temporary name.
func (s *Store) draft(b []byte) (path string, err error) {
	f, err := os.CreateTemp(s.dir, temporary+"*") // mode 0600
	if err != nil {
		return "", err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, s.sync(f), f.Close()); err != nil {
		return "", errors.Join(err, s.discard(f.Name()))
	}
	return f.Name(), nil
}

// publish writes b durably under path, which must not exist. The link, unlike
// a rename, never replaces a key that another process made meanwhile.
func (s *Store) publish(b []byte, path string) (err error) {
	draft, err := s.draft(b)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, os.Remove(draft), s.syncDir())
	}()
	return os.Link(draft, path)
}

// replace writes b durably under path, in the place of what is there, which it
// then overwrites. A power cut leaves the old or the new, whole; between the two
// syncs, also the old one's bytes in space that is free.
func (s *Store) replace(b []byte, path string) error {
	old, err := os.OpenFile(path, os.O_WRONLY, 0)
	switch {
	case err == nil:
		defer old.Close()
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	draft, err := s.draft(b)
	if err != nil {
		return err
	}
	if err := os.Rename(draft, path); err != nil {
		return errors.Join(err, s.discard(draft))
	}
	if err := s.syncDir(); err != nil || old == nil {
		return err
	}
	return s.zero(old)
}

// remove takes a file from its name, durably, and then overwrites it. Open
// finishes what a power cut leaves.
func (s *Store) remove(path string) error {
	gone := filepath.Join(s.dir, temporary+"gone-"+filepath.Base(path))
	if err := os.Rename(path, gone); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	return errors.Join(s.syncDir(), s.discard(gone), s.syncDir())
}

// shred overwrites and removes all keys and secrets, and only them.
func (s *Store) shred() error {
	paths, err := s.files("*")
	if err != nil {
		return err
	}
	var failed []error
	for _, path := range paths {
		base := filepath.Base(path)
		if strings.HasSuffix(base, suffix) || strings.HasSuffix(base, secretSuffix) || strings.HasPrefix(base, temporary) {
			failed = append(failed, s.discard(path))
		}
	}
	if len(paths) > 0 {
		failed = append(failed, s.syncDir())
	}
	return errors.Join(failed...)
}

// sweep removes what was left under temporary names, and overwrites it, except
// where the power was cut between a key's link and the end of its draft: that is
// one file with two names.
func (s *Store) sweep() error {
	drafts, err := s.files(temporary + "*")
	if err != nil || len(drafts) == 0 {
		return err
	}
	keys, err := s.files("*" + suffix)
	if err != nil {
		return err
	}
	var failed []error
	for _, draft := range drafts {
		if !same(draft, keys) {
			failed = append(failed, s.overwrite(draft))
		}
		failed = append(failed, os.Remove(draft))
	}
	return errors.Join(append(failed, s.syncDir())...)
}

// same says whether a file has one of these names too. What cannot be looked at
// counts as the same: it is not overwritten then.
func same(path string, others []string) bool {
	file, err := os.Stat(path)
	if err != nil {
		return true
	}
	for _, other := range others {
		info, err := os.Stat(other)
		if other != path && (err != nil || os.SameFile(file, info)) {
			return true
		}
	}
	return false
}

func (s *Store) files(pattern string) ([]string, error) {
	return filepath.Glob(filepath.Join(globEscape(s.dir), pattern))
}

func (s *Store) discard(path string) error {
	return errors.Join(s.overwrite(path), os.Remove(path))
}

func (s *Store) overwrite(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(s.zero(f), f.Close())
}

// zero overwrites a file with zeros, durably.
func (s *Store) zero(f *os.File) error {
	info, err := f.Stat()
	if err == nil {
		_, err = f.Write(make([]byte, info.Size()))
	}
	return errors.Join(err, s.sync(f))
}

func (s *Store) syncDir() error {
	d, err := os.Open(s.dir)
	if err != nil {
		return err
	}
	err = s.sync(d)
	if errors.Is(err, fs.ErrInvalid) {
		err = nil // a file system that cannot sync folders
	}
	return errors.Join(err, d.Close())
}

// sync makes a file or folder durable: until then a power cut may take back what
// was done to it, or not.
func (s *Store) sync(f *os.File) error {
	if s.watch != nil {
		s.watch(f)
	}
	return f.Sync()
}

func globEscape(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}
