//go:build !unix

package pack

import "os"

// stored returns what a file takes on its disk, in bytes, as far as this system tells.
func stored(file *os.File) (int64, error) {
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
