package boot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// handOverNodes gives the worker its device nodes, now and whenever a device
// comes. What the kernel tells about the device is not even read: looking at
// all of /dev again is quick, and misses nothing.
func (m *machine) handOverNodes(ctx context.Context) error {
	events, err := hearDevices()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { events.Close() })
	defer func() { stop(); events.Close() }()
	for {
		if err := own(os.DirFS("/"), "/dev", workerID); err != nil {
			m.fault("device nodes: %v", err)
		}
		if err := nextEvents(events); err != nil {
			return errors.Join(ctx.Err(), err)
		}
	}
}

// own changes the owner of the worker's nodes below dev.
func own(root fs.FS, dev string, id int) error {
	var errs []error
	for _, name := range workerNodes(root) {
		path := filepath.Join(dev, name)
		// A device may be unplugged at any moment.
		err := os.Chown(path, id, id)
		if err == nil {
			err = os.Chmod(path, 0o600)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// hearDevices opens the kernel's announcements of devices (uevents).
func hearDevices() (*os.File, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return nil, fmt.Errorf("hear of devices: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("hear of devices: %w", err)
	}
	return os.NewFile(uintptr(fd), "uevents"), nil
}

// nextEvents waits for an announcement and for a short pause after it: a
// device with several parts is announced part by part.
func nextEvents(events *os.File) error {
	const quiet = 50 * time.Millisecond
	buffer := make([]byte, 8<<10)
	if err := events.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	for {
		_, err := events.Read(buffer)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil
		case errors.Is(err, syscall.ENOBUFS): // some were lost: they count as one
		case err != nil:
			return err
		}
		if err := events.SetReadDeadline(time.Now().Add(quiet)); err != nil {
			return err
		}
	}
}
