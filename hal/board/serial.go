//go:build linux

package board

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

var serialForm = regexp.MustCompile(`^[A-Z0-9][A-Z0-9-]{3,31}$`)

// serialNumber returns the serial number kept in dir. A board without one from
// its maker gets a random one at its first start and keeps it: the device
// certificate names it.
func serialNumber(dir, prefix string) (string, error) {
	path := filepath.Join(dir, "serial")
	b, err := os.ReadFile(path)
	if err == nil {
		serial := strings.TrimSpace(string(b))
		if !serialForm.MatchString(serial) {
			return "", fmt.Errorf("%s does not hold a serial number (4 to 32 letters, digits, dashes)", path)
		}
		return serial, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	serial := prefix + "-" + rand.Text()[:8]
	if err := writeDurably(dir, path, serial+"\n"); err != nil {
		return "", fmt.Errorf("keep the serial number: %w", err)
	}
	return serial, nil
}

// writeDurably writes a small file so that a power cut leaves all or nothing.
func writeDurably(dir, path, content string) error {
	f, err := os.CreateTemp(dir, ".serial-*")
	if err != nil {
		return err
	}
	_, err = f.WriteString(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
