package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

type headFile struct{ *os.File }

// Sync flushes data only: the file never grows, so there is nothing else.
func (f headFile) Sync() error { return datasync(f.File) }

// emptySlots is the content of the head file of an empty journal.
func emptySlots(empty head) []byte {
	image := make([]byte, slotsBytes)
	for i := range uint64(2) {
		empty.generation = i
		copy(image[i*slotStride:], empty.slot())
	}
	return image
}

func openHead(path string) (slotFile, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return headFile{f}, nil
}

// replaceFile puts a file in place in one step: written aside, synced, renamed,
// folder synced.
func replaceFile(path string, content []byte) error {
	aside := path + ".new"
	f, err := os.OpenFile(aside, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(aside, path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("store: writing %s: %w", path, err)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func exists(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
