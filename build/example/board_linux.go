package main

import (
	"errors"
	"path/filepath"

	"acme.example/reader/acme100"
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
		miss("screen", hal.Advise(hal.ErrNotFound, "%v; check the setting screen", err))
	}
	// Process 1, when this program is its worker.
	switch pulse, err := watchdog.Supervisor(); {
	case err != nil:
		miss("watchdog", hal.Advise(hal.ErrNotFound, "%v", err))
	case pulse == nil:
		miss("watchdog", hal.Advise(hal.ErrNotFound, "nobody supervises this program"))
	default:
		b.Watchdog = pulse
		closers = append(closers, pulse.Close)
	}
	for _, device := range []string{
		"contactless reader", "magnetic stripe reader", "PIN pad", "keys", "lights and beeper", "tamper switch",
	} {
		miss(device, hal.Advise(hal.ErrNotFound, "this model has none"))
	}
	miss("secure element", hal.Advise(hal.ErrUnsupported, "keys are files in %s; for tests, not for real cards", c.DataDir))
	b.Close = func() error {
		var err error
		for _, close := range closers {
			err = errors.Join(err, close())
		}
		return err
	}
	return b, nil
}
