package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Badger writes through memory maps: a full disk kills the process. So new
// payments end while there is plenty, and what is left, with the reserve on
// top, is for forwarding, which frees space again.
const (
	defaultMinFree = 64 << 20
	defaultReserve = 32 << 20

	// Below this not even forwarding may write: two memtables and two value log
	// files, each mapped at twice its size, and tables being compacted.
	leastFree = 16 << 20
)

// space watches the disk.
type space interface {
	free() (bytes int64, err error)
	used() (bytes int64, err error) // by the database
	reserved() bool
	release() error // give the reserve up
	reserve() error // take it back
}

// room decides by the state of the disk. It is called with the commit lock.
type room struct {
	space   space
	minFree int64
	size    int64 // of the reserve

	usedBytes int64
	asked     int // calls until used is measured again
}

// Measuring the database means reading its folder: not for every payment.
const measureEvery = 256

type roomState struct {
	free   int64
	used   int64 // by the database
	taking bool  // new payments may be taken
	any    bool  // anything may be written at all
}

// look measures, and releases or restores the reserve as needed. Compaction
// needs as much room as the database itself takes.
func (r *room) look() (roomState, error) {
	if r.asked--; r.asked < 0 {
		used, err := r.space.used()
		if err != nil {
			return roomState{}, fmt.Errorf("store: measuring the database: %w", err)
		}
		r.usedBytes, r.asked = used, measureEvery
	}
	free, err := r.space.free()
	if err != nil {
		return roomState{}, fmt.Errorf("store: measuring free space: %w", err)
	}
	floor := max(r.minFree, r.usedBytes)
	switch reserved := r.space.reserved(); {
	case reserved && free < floor:
		if err := r.space.release(); err != nil {
			return roomState{}, fmt.Errorf("store: releasing the reserve: %w", err)
		}
		if free, err = r.space.free(); err != nil {
			return roomState{}, fmt.Errorf("store: measuring free space: %w", err)
		}
	case !reserved && free >= floor+r.size:
		if r.space.reserve() == nil { // else somebody else took the space: stay refusing
			free -= r.size
		}
	}
	return roomState{free: free, used: r.usedBytes, taking: r.space.reserved() && free >= floor, any: free >= leastFree}, nil
}

// makeRoom gives the reserve up if there is no room for opening the database:
// that comes before the first look.
func makeRoom(sp space) error {
	free, err := sp.free()
	if err != nil {
		return fmt.Errorf("store: measuring free space: %w", err)
	}
	if free >= leastFree || !sp.reserved() {
		return nil
	}
	if err := sp.release(); err != nil {
		return fmt.Errorf("store: releasing the reserve: %w", err)
	}
	return nil
}

// lockDir keeps a second process out. The system lets go of it when the process
// ends, however it ends.
func lockDir(dir string) (unlock func() error, err error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if err := unix.Flock(int(d.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %s: %w", ErrLocked, dir, err), d.Close())
	}
	return d.Close, nil
}

// diskSpace is the real disk: a folder with a database and a reserve file.
type diskSpace struct {
	dir, database, path string
	size                int64
	held                bool
}

// newDiskSpace finds an existing reserve file and repairs none.
func newDiskSpace(dir, database string, size int64) (*diskSpace, error) {
	d := &diskSpace{dir: dir, database: database, path: filepath.Join(dir, "reserve"), size: size}
	info, err := os.Stat(d.path)
	switch {
	case err == nil && info.Size() == size:
		d.held = true
	case err == nil:
		err = os.Remove(d.path) // left half made, or of another size
	case errors.Is(err, fs.ErrNotExist):
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("store: the reserve: %w", err)
	}
	return d, nil
}

func (d *diskSpace) free() (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(d.dir, &s); err != nil {
		return 0, err
	}
	return int64(s.Bavail) * int64(s.Bsize), nil
}

func (d *diskSpace) used() (int64, error) {
	files, err := os.ReadDir(d.database)
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, file := range files {
		var s unix.Stat_t
		if err := unix.Stat(filepath.Join(d.database, file.Name()), &s); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				continue // compacted away meanwhile
			}
			return 0, err
		}
		sum += s.Blocks * 512 // memtable files are larger than what they take
	}
	return sum, nil
}

func (d *diskSpace) reserved() bool { return d.held }

func (d *diskSpace) release() error {
	if err := os.Remove(d.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	d.held = false
	return syncDir(d.dir)
}

func (d *diskSpace) reserve() error {
	f, err := os.OpenFile(d.path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = allocate(f, d.size)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(d.path))
	}
	d.held = true
	return syncDir(d.dir)
}
