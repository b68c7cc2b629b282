package board

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"

	"smartreader/hal"
	"smartreader/hal/filekeys"
)

// ErrUnknown is returned by Open when there is no board of that name.
var ErrUnknown = errors.New("board: unknown board")

// Names returns the names Open knows, sorted.
func Names() []string { return []string{"desk", "none"} }

// Open opens a board by name. Dir is a folder for what the board must remember
// (key files, serial number); it is created when needed. The caller closes the
// board. Missing devices are no error: see hal.Board.
func Open(name, dir string, log *slog.Logger) (*hal.Board, error) {
	var open func(dir string, log *slog.Logger) (*hal.Board, error)
	switch name {
	case "desk":
		open = desk
	case "none":
		open = none
	default:
		return nil, fmt.Errorf("%w: %q; this build knows %s", ErrUnknown, name, strings.Join(Names(), ", "))
	}
	b, err := open(dir, log)
	if err != nil {
		return nil, fmt.Errorf("board: %s: %w", name, err)
	}
	for _, m := range b.Missing {
		log.Warn("device missing", "board", name, "device", m.Device, "reason", m.Err)
	}
	return b, nil
}

// bare is a board without devices: a name, a serial number, and software keys.
func bare(name, dir string) (*hal.Board, error) {
	if dir == "" {
		return nil, errors.New("no folder given")
	}
	keys, err := filekeys.Open(filepath.Join(dir, "keys"))
	if err != nil {
		return nil, err
	}
	serial, err := serialNumber(dir, strings.ToUpper(name))
	if err != nil {
		return nil, err
	}
	return &hal.Board{
		Name:   name,
		Serial: serial,
		Keys:   keys,
		Missing: []hal.Missing{{
			Device: "secure element",
			Err: fmt.Errorf("%w: none is supported, so keys are files in %s: whoever reads them is this reader; for tests, not for real cards",
				hal.ErrUnsupported, filepath.Join(dir, "keys")),
		}},
		Close: func() error { return nil },
	}, nil
}

func none(dir string, _ *slog.Logger) (*hal.Board, error) {
	b, err := bare("none", dir)
	if err != nil {
		return nil, err
	}
	for _, device := range []string{
		"chip card reader", "contactless reader", "magnetic stripe reader", "PIN pad", "screen", "lights and beeper", "tamper switch", "watchdog",
	} {
		b.Missing = append(b.Missing, hal.Missing{Device: device,
			Err: fmt.Errorf("%w: the board \"none\" has no devices; choose another with -board", hal.ErrNotFound)})
	}
	return b, nil
}
