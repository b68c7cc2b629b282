package store

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"sync"
)

// A machine is a disk and a head file with one plug. Pulled at step n, it
// fails that step and everything after, and what a step left behind depends on
// the kind of failure. plugIn gives the parts as the next start finds them.
type machine struct {
	mu    sync.Mutex
	disk  map[string]string
	slots []byte

	step   int
	failAt int // 0: never
	how    failure
	dead   bool
}

type failure int

const (
	lose failure = iota // nothing of the step reaches the disk
	keep                // all of it does, yet the step fails
	tear                // a slot is half written; a database transaction is lost
)

var errPower = errors.New("model: power is out")

func newMachine(empty head) *machine {
	return &machine{disk: map[string]string{}, slots: emptySlots(empty)}
}

// plugIn returns the machine after a power cut, with power.
func (m *machine) plugIn() *machine {
	return &machine{disk: maps.Clone(m.disk), slots: slices.Clone(m.slots)}
}

// next counts a step and tells whether it fails.
func (m *machine) next() bool {
	m.step++
	if m.step == m.failAt {
		m.dead = true
		return true
	}
	return false
}

type modelDisk struct{ *machine }

func (d modelDisk) apply(writes []write) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return errPower
	}
	failed := d.next()
	if !failed || d.how == keep {
		for _, w := range writes {
			if w.value == nil {
				delete(d.disk, string(w.key))
			} else {
				d.disk[string(w.key)] = string(w.value)
			}
		}
	}
	if failed {
		return errPower
	}
	return nil
}

func (d modelDisk) get(key []byte) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	value, ok := d.disk[string(key)]
	if !ok {
		return nil, errNoKey
	}
	return []byte(value), nil
}

func (d modelDisk) scan(prefix, start []byte, visit func(key, value []byte) error) error {
	d.mu.Lock()
	content := maps.Clone(d.disk)
	d.mu.Unlock()
	for _, k := range slices.Sorted(maps.Keys(content)) {
		if !bytes.HasPrefix([]byte(k), prefix) || k < string(start) {
			continue
		}
		if err := visit([]byte(k), []byte(content[k])); errors.Is(err, errStop) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

func (d modelDisk) flatten() error { return nil }
func (d modelDisk) close() error   { return nil }

// modelSlots keeps a write in memory until Sync, as a disk cache does.
type modelSlots struct {
	*machine
	pending []byte
	at      int64
}

func (f *modelSlots) ReadAt(b []byte, at int64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return copy(b, f.slots[at:]), nil
}

func (f *modelSlots) WriteAt(b []byte, at int64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dead {
		return 0, errPower
	}
	failed := f.next()
	f.pending, f.at = slices.Clone(b), at
	if failed {
		f.reach()
		return 0, errPower
	}
	return len(b), nil
}

func (f *modelSlots) Sync() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dead {
		return errPower
	}
	if f.next() {
		f.reach()
		return errPower
	}
	copy(f.slots[f.at:], f.pending)
	return nil
}

// reach is what of a pending write a failing step lets through.
func (f *modelSlots) reach() {
	switch f.how {
	case keep:
		copy(f.slots[f.at:], f.pending)
	case tear:
		copy(f.slots[f.at:], f.pending[:len(f.pending)/2])
	case lose:
	}
}

func (f *modelSlots) Close() error { return nil }

// modelSpace is a disk with as much room as a test says.
type modelSpace struct {
	mu         sync.Mutex
	freeBytes  int64
	usedBytes  int64
	reserve_   bool
	reserveLen int64
	failure    error
}

func (m *modelSpace) free() (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.freeBytes, m.failure
}

func (m *modelSpace) used() (int64, error) { return m.usedBytes, nil }

func (m *modelSpace) reserved() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.reserve_
}

func (m *modelSpace) release() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reserve_ = false
	m.freeBytes += m.reserveLen
	return nil
}

func (m *modelSpace) reserve() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reserve_ = true
	m.freeBytes -= m.reserveLen
	return nil
}
