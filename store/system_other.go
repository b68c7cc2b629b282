//go:build !linux

package store

import "os"

func datasync(f *os.File) error { return f.Sync() }

// allocate writes zeros where the system cannot reserve blocks.
func allocate(f *os.File, size int64) error {
	zeros := make([]byte, 1<<20)
	for at := int64(0); at < size; at += int64(len(zeros)) {
		if _, err := f.WriteAt(zeros[:min(int64(len(zeros)), size-at)], at); err != nil {
			return err
		}
	}
	return nil
}
