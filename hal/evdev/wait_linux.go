package evdev

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// alarm is a file that becomes readable when one of some contexts ends, so that
// poll(2) can wait for contexts and devices alike.
type alarm struct {
	fd   int // an eventfd
	stop []func() bool

	mu     sync.Mutex
	closed bool
}

func newAlarm(contexts ...context.Context) (*alarm, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	a := &alarm{fd: fd}
	for _, ctx := range contexts {
		a.stop = append(a.stop, context.AfterFunc(ctx, a.ring))
	}
	return a, nil
}

func (a *alarm) ring() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.closed {
		// Eight bytes to an eventfd that nobody else adds to cannot fail.
		_, _ = unix.Write(a.fd, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	}
}

func (a *alarm) close() error {
	for _, stop := range a.stop {
		stop()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	return unix.Close(a.fd)
}

// wait waits until one of files is readable or broken, or for at most timeout;
// it returns which are. Files of -1 never are.
func (s system) wait(timeout time.Duration, files ...int) ([]bool, error) {
	set := make([]unix.PollFd, len(files))
	for i, fd := range files {
		set[i] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	}
	// Rounded up, or the last millisecond is spent turning round.
	ms := int((timeout + time.Millisecond - 1) / time.Millisecond)
	if _, err := s.poll(set, ms); err != nil && !errors.Is(err, unix.EINTR) {
		return nil, fmt.Errorf("poll: %w", err)
	}
	ready := make([]bool, len(files))
	for i := range set {
		ready[i] = set[i].Revents != 0
	}
	return ready, nil
}
