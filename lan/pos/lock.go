package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// errLocked is returned when another pos holds the lock.
var errLocked = errors.New("another pos is at work in this state folder")

// lock takes a lock of the state folder; it is given back by unlock, or by the
// system when the program ends. Without wait it fails with errLocked.
func (a *app) lock(name string, wait bool) (unlock func(), err error) {
	if err := os.MkdirAll(a.state, 0o700); err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(a.state, name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	how := unix.LOCK_EX
	if !wait {
		how |= unix.LOCK_NB
	}
	for {
		if err = unix.Flock(int(f.Fd()), how); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, errLocked
		}
		return nil, fmt.Errorf("state: %w", err)
	}
	return func() { f.Close() }, nil
}
