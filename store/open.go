package store

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"smartreader/store/seal"
)

// Open opens the store in Options.Dir, or begins a new one in an empty folder.
// It verifies the hash chain of the whole journal; signatures only at its end and
// where something does not fit, see Verify for all of them. A damaged journal whose rest
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
	s, err = folder(o.Dir).open(ctx, o, genesis, public)
	if err != nil {
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
	reserve, err := newDiskSpace(string(f), f.database(), o.ReserveBytes)
	if err != nil {
		return nil, err
	}
	if err := makeRoom(reserve); err != nil { // before anything is written
		return nil, err
	}
	used, err := f.inspect()
	if err != nil {
		return nil, err
	}
	slots, err := f.openSlots(used, head{hash: genesis})
	if err != nil {
		return nil, err
	}
	disk, err := f.openDatabase(o.Log)
	if err != nil {
		return nil, errors.Join(err, slots.Close())
	}
	s, err := newStore(ctx, o, public, disk, slots, reserve)
	if err != nil {
		return nil, errors.Join(err, disk.close(), slots.Close())
	}
	return s, nil
}

// openDatabase opens the database and counts the times the process dies of it.
func (f folder) openDatabase(log *slog.Logger) (disk, error) {
	if err := f.begin(bootID()); err != nil {
		return nil, err
	}
	d, err := openBadger(f.database(), log)
	if !errors.Is(err, errPanic) {
		if endErr := f.end(); endErr != nil { // it came back: no crash to count
			if d != nil {
				endErr = errors.Join(endErr, d.close())
			}
			return nil, errors.Join(err, endErr)
		}
	}
	return d, err
}

// inspect looks at the database without opening it: Badger, finding no
// manifest, would delete every table and begin anew. It also removes the empty
// log files that a power cut can leave behind: they hold nothing, and Badger
// stumbles over them once.
func (f folder) inspect() (used bool, err error) {
	files, err := os.ReadDir(f.database())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("store: %w", err)
	}
	var manifest, data bool
	var empty []string
	for _, file := range files {
		info, err := file.Info()
		if err != nil {
			return false, fmt.Errorf("store: %w", err)
		}
		switch ext := filepath.Ext(file.Name()); {
		case info.Size() == 0 && (ext == ".mem" || ext == ".vlog"):
			empty = append(empty, file.Name())
		case ext == ".sst" || ext == ".mem":
			data = true
		}
		manifest = manifest || file.Name() == "MANIFEST"
	}
	if data && !manifest {
		return true, fmt.Errorf("%w: %s holds tables but no MANIFEST; copy the folder aside, then restore the file from a backup or call for help; nothing was changed", ErrCorrupt, f.database())
	}
	for _, name := range empty {
		if err := os.Remove(filepath.Join(f.database(), name)); err != nil {
			return false, fmt.Errorf("store: %w", err)
		}
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

// maxCrashes is how often the process may die while the database opens, since
// the system started, before Open gives up: damage that kills it would do so for
// ever, and each try may make it worse. A power cut is no such death, so a start
// of the system begins the count anew.
const maxCrashes = 2

// bootID names this run of the system; empty where the system does not tell.
func bootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}

// begin counts this attempt to open, on disk.
func (f folder) begin(boot string) error {
	crashes := 0
	content, err := os.ReadFile(f.opening())
	switch {
	case err == nil:
		count, counted, _ := strings.Cut(strings.TrimSpace(string(content)), " ")
		if counted != boot {
			break // the power went, or the system was started again
		}
		if crashes, err = strconv.Atoi(count); err != nil {
			crashes = 1 // cut off by a power cut
		}
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("store: %w", err)
	}
	if crashes >= maxCrashes {
		return fmt.Errorf("%w: the process died %d times while opening it; copy the folder %s aside, then remove the file %q in it to try once more; nothing was changed",
			ErrCorrupt, crashes, string(f), filepath.Base(f.opening()))
	}
	return replaceFile(f.opening(), fmt.Appendln(nil, crashes+1, boot))
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
