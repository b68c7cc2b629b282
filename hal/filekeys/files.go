package filekeys

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// publish writes b durably under path, which must not exist. The link, unlike
// a rename, never replaces a key that another process made meanwhile.
func (s *Store) publish(b []byte, path string) (err error) {
	f, err := os.CreateTemp(s.dir, temporary+"*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, os.Remove(f.Name()), s.syncDir())
	}()
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), path)
}

// shred overwrites and removes keys, and only keys, that match the pattern.
func (s *Store) shred(pattern string) error {
	paths, err := filepath.Glob(filepath.Join(globEscape(s.dir), pattern))
	if err != nil {
		return err
	}
	var failed []error
	for _, path := range paths {
		base := filepath.Base(path)
		if strings.HasSuffix(base, suffix) || strings.HasPrefix(base, temporary) {
			failed = append(failed, overwrite(path), os.Remove(path))
		}
	}
	if len(paths) > 0 {
		failed = append(failed, s.syncDir())
	}
	return errors.Join(failed...)
}

func overwrite(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		_, err = f.Write(make([]byte, info.Size()))
	}
	return errors.Join(err, f.Sync(), f.Close())
}

func (s *Store) syncDir() error {
	d, err := os.Open(s.dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, fs.ErrInvalid) {
		err = nil // a file system that cannot sync folders
	}
	return errors.Join(err, d.Close())
}

func globEscape(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}
