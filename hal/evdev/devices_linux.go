package evdev

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"smartreader/hal"
)

// lookAgain is how long at most a device stays unseen when the kernel does not
// tell of it.
const lookAgain = time.Second

// handler is what takes the events of one device.
type handler interface {
	wipe() // forgets what was pressed
}

// devices are the wanted event devices of a folder. T is what becomes of their
// events. Only one call at a time waits for them; mu is held while it does.
type devices[T handler] struct {
	system system
	log    *slog.Logger
	// accept says whether a device is wanted, and makes its T.
	accept func(fd int, id *identity) (handler T, wanted bool, err error)

	life context.Context // ends with Close
	end  context.CancelFunc

	mu      sync.Mutex
	folder  folder
	open    []*device[T]
	refused map[string]stamp // not wanted
	failed  map[string]stamp // reported in the log
	problem error            // of the last look, nil when all could be opened
}

type device[T handler] struct {
	path    string
	fd      int
	name    string
	handler T
}

// stamp tells a device node from the one that had its name before.
type stamp struct {
	inode   uint64
	changed unix.Timespec
}

func newDevices[T handler](dir string, s system, log *slog.Logger, accept func(int, *identity) (T, bool, error)) *devices[T] {
	if dir == "" {
		dir = "/dev/input"
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	d := &devices[T]{
		system: s, log: log, accept: accept, folder: folder{dir: dir, notify: -1},
		refused: map[string]stamp{}, failed: map[string]stamp{},
	}
	d.life, d.end = context.WithCancel(context.Background())
	return d
}

// ended says why waiting is over, nil when it is not.
func (d *devices[T]) ended(ctx context.Context) error {
	if d.life.Err() != nil {
		return hal.ErrHalted
	}
	return ctx.Err()
}

// look opens devices that are new.
func (d *devices[T]) look() {
	d.problem = nil
	for _, path := range d.folder.nodes() {
		d.try(path)
	}
}

func (d *devices[T]) try(path string) {
	for _, known := range d.open {
		if known.path == path {
			return
		}
	}
	var info unix.Stat_t
	if unix.Stat(path, &info) != nil {
		return // gone already
	}
	now := stamp{info.Ino, info.Ctim}
	if d.refused[path] == now {
		return
	}
	wanted, err := d.add(path)
	if err == nil && !wanted {
		d.refused[path] = now
	}
	if err == nil {
		return
	}
	d.problem = fmt.Errorf("%s: %w", path, err)
	if d.failed[path] != now {
		d.failed[path] = now
		d.log.Warn("input device", "path", path, "err", err)
	}
}

func (d *devices[T]) add(path string) (wanted bool, err error) {
	fd, id, err := d.system.open(path)
	if err != nil {
		return false, err
	}
	handler, wanted, err := d.accept(fd, id)
	if err != nil || !wanted {
		return false, errors.Join(err, unix.Close(fd))
	}
	d.open = append(d.open, &device[T]{path: path, fd: fd, name: id.String(), handler: handler})
	d.log.Info("input device", "path", path, "name", id.String())
	return true, nil
}

// wait waits until a device has something to say, the folder changes, alarm
// rings or the time is over. It looks for new devices where that may help.
func (d *devices[T]) wait(a *alarm, timeout time.Duration) (ready []*device[T], err error) {
	files := []int{a.fd, d.folder.notify}
	for _, dev := range d.open {
		files = append(files, dev.fd)
	}
	can, err := d.system.wait(min(timeout, lookAgain), files...)
	if err != nil {
		return nil, err
	}
	for i, dev := range d.open {
		if can[2+i] {
			ready = append(ready, dev)
		}
	}
	if can[1] {
		d.folder.changed()
	}
	if can[1] || len(ready) == 0 {
		d.look()
	}
	return ready, nil
}

// batch is how many events are read at a time.
const batch = 64

// read hands the events that are there to take and drops the device when it is
// gone. Events may be card data, so their memory is wiped.
func (d *devices[T]) read(dev *device[T], take func(event)) {
	var memory [batch * eventSize]byte
	n, err := unix.Read(dev.fd, memory[:])
	defer func() { clear(memory[:max(n, 0)]) }()
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return
	case err == nil && n == 0:
		err = io.EOF
	case err == nil && n%eventSize != 0:
		err = fmt.Errorf("%d bytes are no whole events", n)
	}
	if err != nil {
		d.log.Info("input device gone", "path", dev.path, "name", dev.name, "err", err)
		d.drop(dev)
		return
	}
	for b := memory[:n]; len(b) > 0; {
		var e event
		e, b = decode(b)
		take(e)
	}
}

// drain takes what came while nobody waited. A device that never stops talking
// does not hold it up for ever: the kernel keeps fewer events than this.
func (d *devices[T]) drain(take func(*device[T], event)) error {
	for range 64 {
		files := []int{}
		all := slices.Clone(d.open)
		for _, dev := range all {
			files = append(files, dev.fd)
		}
		ready, err := d.system.wait(0, files...)
		if err != nil {
			return err
		}
		more := false
		for i, dev := range all {
			if ready[i] {
				more = true
				d.read(dev, func(e event) { take(dev, e) })
			}
		}
		if !more {
			return nil
		}
	}
	return nil
}

func (d *devices[T]) drop(dev *device[T]) {
	for i, known := range d.open {
		if known == dev {
			d.open = slices.Delete(d.open, i, i+1)
			dev.handler.wipe()
			_ = unix.Close(dev.fd) // a device that is gone has nothing to lose
			return
		}
	}
}

// close ends a waiting call and closes all devices.
func (d *devices[T]) close() {
	d.end()
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.open) > 0 {
		d.drop(d.open[0])
	}
	d.folder.close()
}
