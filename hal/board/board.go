//go:build linux

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

// boards are all that this build knows. To add one, write a function like pi in
// a file of its own and name it here.
var boards = []struct {
	name     string
	assemble func(*assembly)
}{
	{"desk", desk},
	{"none", none},
	{"pi", pi},
	{"raspi3b", raspi3b},
	{"virt", virt},
}

// Names returns the names Open knows, sorted.
func Names() (names []string) {
	for _, b := range boards {
		names = append(names, b.name)
	}
	return names
}

// Open opens a board by name. Dir is a folder for what the board must remember
// (key files, serial number); it is created when needed. The caller closes the
// board. Missing devices are no error: see hal.Board.
func Open(name, dir string, s Settings, log *slog.Logger) (*hal.Board, error) {
	assemble, err := find(name)
	if err != nil {
		return nil, err
	}
	if err := s.Check(); err != nil {
		return nil, err
	}
	a := newAssembly(name, dir, s, log)
	if err := a.identify(); err != nil {
		return nil, fmt.Errorf("board: %s: %w", name, err)
	}
	assemble(a)
	a.heartbeat()
	return a.finish(), nil
}

func find(name string) (func(*assembly), error) {
	for _, b := range boards {
		if b.name == name {
			return b.assemble, nil
		}
	}
	return nil, fmt.Errorf("%w: %q; this build knows %s", ErrUnknown, name, strings.Join(Names(), ", "))
}

// identify gives the board a serial number and software keys.
func (a *assembly) identify() (err error) {
	if a.dir == "" {
		return errors.New("no folder given")
	}
	if a.board.Keys, err = filekeys.Open(filepath.Join(a.dir, "keys")); err != nil {
		return err
	}
	if a.board.Serial, err = serialNumber(a.dir, strings.ToUpper(a.board.Name)); err != nil {
		return err
	}
	a.miss("secure element", hal.ErrUnsupported, "this build supports none, so keys are files in %s: whoever reads them is this reader; for tests, not for real cards",
		filepath.Join(a.dir, "keys"))
	return nil
}
