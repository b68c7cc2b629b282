//go:build unix

package pack

import (
	"os"
	"syscall"
)

// stored returns what a file takes on its disk, in bytes.
func stored(file *os.File) (int64, error) {
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Blocks * 512, nil // blocks of 512 bytes, whatever the file system's are
	}
	return info.Size(), nil
}
