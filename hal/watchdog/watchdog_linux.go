package watchdog

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"smartreader/hal"
)

// Shortest is the shortest time-out: see hal.Watchdog.
const Shortest = 10 * time.Second

// Watchdog is the machine's watchdog, armed. It is safe for concurrent use.
type Watchdog struct {
	timeout time.Duration

	mu   sync.Mutex
	file *os.File // nil once closed
}

var _ hal.Watchdog = (*Watchdog)(nil)

// Open opens and arms a watchdog: without a kick every timeout, whole seconds
// and at least Shortest, the machine is reset. Hardware that cannot count that
// far counts as far as it can, see [Watchdog.Timeout]; Open fails and disarms
// it when that is less than Shortest.
//
// Errors match hal.ErrNotFound when there is no such device, and
// hal.ErrUnsupported when it is no watchdog or cannot wait long enough.
func Open(path string, timeout time.Duration) (*Watchdog, error) {
	w, err := open(path, timeout, kernel)
	if err != nil {
		return nil, fmt.Errorf("watchdog: open %s: %w", path, err)
	}
	return w, nil
}

// setTimeout asks for a time-out in seconds and returns the one that holds.
// Tests have their own.
type setTimeout func(f *os.File, seconds int) (int, error)

func kernel(f *os.File, seconds int) (int, error) {
	fd := int(f.Fd())
	// WDIOC_SETTIMEOUT writes back what it set. Hardware with a fixed or a
	// shorter time-out refuses, and keeps the one it has.
	if err := unix.IoctlSetPointerInt(fd, unix.WDIOC_SETTIMEOUT, seconds); err != nil &&
		!errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.EOPNOTSUPP) {
		return 0, err
	}
	return unix.IoctlGetInt(fd, unix.WDIOC_GETTIMEOUT)
}

func open(path string, timeout time.Duration, set setTimeout) (*Watchdog, error) {
	seconds := int(min(timeout/time.Second, math.MaxInt32))
	if timeout < Shortest {
		return nil, fmt.Errorf("a time-out of %v is less than %v: %w", timeout, Shortest, hal.ErrUnsupported)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		return nil, hal.Advise(hal.ErrNotFound, "%s: no watchdog that the kernel has a driver for: load its driver", path)
	case errors.Is(err, unix.EBUSY):
		return nil, fmt.Errorf("%w: another program holds it; only one can", err)
	case err != nil:
		return nil, err
	}
	w := &Watchdog{file: f}
	got, err := set(f, seconds)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: not a watchdog: %w", hal.ErrUnsupported, err), w.Close())
	}
	w.timeout = time.Duration(got) * time.Second
	if w.timeout < Shortest {
		return nil, errors.Join(fmt.Errorf("%w: it counts to %v at most, %v are needed", hal.ErrUnsupported, w.timeout, Shortest), w.Close())
	}
	return w, nil
}

// Timeout is the time after the last kick that the machine is reset.
func (w *Watchdog) Timeout() time.Duration { return w.timeout }

// Kick implements hal.Watchdog.
func (w *Watchdog) Kick() error { return w.write("\n", false) }

// Close disarms the watchdog and gives it back (magic close). A kernel built or
// started with "nowayout" goes on counting: then somebody else must open it and
// kick in time. To have the machine reset should a shutdown hang, do not close
// but leave it armed. A second call does nothing.
func (w *Watchdog) Close() error {
	if err := w.write("V", true); err != nil && !errors.Is(err, hal.ErrHalted) {
		return err
	}
	return nil
}

// write writes to the watchdog: any byte kicks it, but 'V' is the request to
// disarm with the close that follows.
func (w *Watchdog) write(text string, last bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.file == nil {
		return fmt.Errorf("watchdog: kick: %w", hal.ErrHalted)
	}
	_, err := w.file.WriteString(text)
	if last {
		err = errors.Join(err, w.file.Close())
		w.file = nil
	}
	if err != nil {
		return fmt.Errorf("watchdog: write: %w", err)
	}
	return nil
}
