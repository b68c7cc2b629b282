package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"acme.example/reader/acme100"
	"smartreader/firmware/boot"
	"smartreader/hal"
	"smartreader/hal/fb"
	"smartreader/hal/filekeys"
	"smartreader/hal/tty"
	"smartreader/hal/watchdog"
)

// open puts ACME's terminal together: their chip card slot, and the smartreader
// module's own drivers for what is not special. What is absent is nil, and
// Missing says why.
func open(c config) (*hal.Board, error) {
	keys, err := filekeys.Open(filepath.Join(c.DataDir, "keys"))
	if err != nil {
		return nil, err
	}
	slot := acme100.New(func(baud int) (acme100.Port, error) { return tty.Open(c.SlotPort, baud) })
	b := &hal.Board{Name: "acme", Serial: c.Serial, Contact: slot, Keys: keys}
	closers := []func() error{slot.Close}

	miss := func(device string, err error) {
		b.Missing = append(b.Missing, hal.Missing{Device: device, Err: err})
	}
	if screen, err := fb.Open(c.Screen); err == nil {
		b.Screen = screen
		closers = append(closers, screen.Close)
	} else {
		miss("screen", fmt.Errorf("%w: %w; check the setting screen", hal.ErrNotFound, err))
	}
	if pulse, err := supervisor(); err == nil {
		b.Watchdog = pulse
		closers = append(closers, pulse.Close)
	} else {
		miss("watchdog", fmt.Errorf("%w: %w", hal.ErrNotFound, err))
	}
	for _, device := range []string{
		"contactless reader", "magnetic stripe reader", "PIN pad", "keys", "lights and beeper", "tamper switch",
	} {
		miss(device, fmt.Errorf("%w: this model has none", hal.ErrNotFound))
	}
	miss("secure element", fmt.Errorf("%w: keys are files in %s; for tests, not for real cards", hal.ErrUnsupported, c.DataDir))
	b.Close = func() error {
		var err error
		for _, close := range closers {
			err = errors.Join(err, close())
		}
		return err
	}
	return b, nil
}

// supervisor is process 1, when this is its worker.
func supervisor() (*watchdog.Pulse, error) {
	fd, err := strconv.Atoi(os.Getenv(boot.HeartbeatVariable))
	if err != nil {
		return nil, errors.New("nobody supervises this program")
	}
	// A supervisor that hangs must not hang the reader.
	if err := syscall.SetNonblock(fd, true); err != nil {
		return nil, err
	}
	return watchdog.Heartbeat(os.NewFile(uintptr(fd), "heartbeat")), nil
}
