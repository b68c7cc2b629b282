package store

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"smartreader/store/seal"
)

// Open opens the store in Options.Dir, or begins a new one in an empty folder.
// It verifies the hash chain of the whole journal. A damaged journal whose rest
// is usable opens, with Health().Damaged set; else the error is one of
// ErrCorrupt, ErrSchema, ErrKey, ErrLocked, or the system's.
func Open(ctx context.Context, o Options) (s *Store, err error) {
	o, public, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	genesis, err := seal.Genesis(public)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	unlock, err := lockDir(o.Dir)
	if err != nil {
		return nil, err
	}
	f := folder(o.Dir)
	if err := f.begin(); err != nil {
		return nil, errors.Join(err, unlock())
	}
	s, err = f.open(ctx, o, genesis, public)
	if !errors.Is(err, errPanic) {
		err = errors.Join(err, f.end()) // it came back: no crash to count
	}
	if err != nil {
		if s != nil {
			err = errors.Join(err, s.closeParts())
		}
		return nil, errors.Join(err, unlock())
	}
	s.unlock = unlock
	return s, nil
}

// folder is where a store lives.
type folder string

func (f folder) database() string { return filepath.Join(string(f), "db") }
func (f folder) head() string     { return filepath.Join(string(f), "head") }
func (f folder) opening() string  { return filepath.Join(string(f), "opening") }

func (f folder) open(ctx context.Context, o Options, genesis seal.Hash, public *ecdsa.PublicKey) (*Store, error) {
	used, err := f.inspect()
	if err != nil {
		return nil, err
	}
	slots, err := f.openSlots(used, head{hash: genesis})
	if err != nil {
		return nil, err
	}
	disk, err := openBadger(f.database(), o.Log)
	if err != nil {
		return nil, errors.Join(err, slots.Close())
	}
	reserve, err := newDiskSpace(string(f), f.database(), o.ReserveBytes)
	if err != nil {
		return nil, errors.Join(err, disk.close(), slots.Close())
	}
	s, err := newStore(ctx, o, public, disk, slots, reserve)
	if err != nil {
		return nil, errors.Join(err, disk.close(), slots.Close())
	}
	return s, nil
}

// inspect looks at the database without opening it: Badger, finding no
// manifest, would delete every table and begin anew.
func (f folder) inspect() (used bool, err error) {
	files, err := os.ReadDir(f.database())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("store: %w", err)
	}
	var manifest, data bool
	for _, file := range files {
		switch filepath.Ext(file.Name()) {
		case ".sst", ".mem":
			data = true
		}
		manifest = manifest || file.Name() == "MANIFEST"
	}
	if data && !manifest {
		return true, fmt.Errorf("%w: %s holds tables but no MANIFEST; copy the folder aside, then restore the file from a backup or call for help; nothing was changed", ErrCorrupt, f.database())
	}
	return len(files) > 0, nil
}

// openSlots opens the head file. A new store gets one before its database, so a
// database without one has lost it: that must stay visible until an operator
// has seen it, hence slots that do not read.
func (f folder) openSlots(used bool, empty head) (slotFile, error) {
	there, err := exists(f.head())
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if !there {
		image := make([]byte, slotsBytes)
		if !used {
			image = emptySlots(empty)
		}
		if err := replaceFile(f.head(), image); err != nil {
			return nil, err
		}
	}
	slots, err := openHead(f.head())
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return slots, nil
}

// maxCrashes is how often the process may die inside Open before Open gives up:
// damage that kills it would do so for ever, and each try may make it worse.
const maxCrashes = 2

// begin counts this attempt to open, on disk.
func (f folder) begin() error {
	crashes := 0
	content, err := os.ReadFile(f.opening())
	switch {
	case err == nil:
		if crashes, err = strconv.Atoi(strings.TrimSpace(string(content))); err != nil {
			crashes = 1 // cut off by a power cut
		}
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("store: %w", err)
	}
	if crashes >= maxCrashes {
		return fmt.Errorf("%w: the process died %d times while opening it; copy the folder %s aside, then remove the file %q in it to try once more; nothing was changed",
			ErrCorrupt, crashes, string(f), filepath.Base(f.opening()))
	}
	return replaceFile(f.opening(), fmt.Appendln(nil, crashes+1))
}

// end takes the count back.
func (f folder) end() error {
	if err := os.Remove(f.opening()); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if err := syncDir(string(f)); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}
