package evdev

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// bench is a folder of devices that are pipes.
type bench struct {
	t       *testing.T
	dir     string
	waiting chan struct{} // a message whenever a call begins to wait

	mu      sync.Mutex
	devices map[string]*fake
	grabbed int
	busy    bool // grabbing fails
}

type fake struct {
	id    identity
	at    position
	reads int
	write int
}

func newBench(t *testing.T) *bench {
	return &bench{t: t, dir: t.TempDir(), waiting: make(chan struct{}, 1), devices: map[string]*fake{}}
}

func (b *bench) system() system {
	return system{
		open: func(path string) (int, *identity, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			f, ok := b.devices[path]
			if !ok {
				return -1, nil, unix.ENXIO
			}
			fd, err := unix.FcntlInt(uintptr(f.reads), unix.F_DUPFD_CLOEXEC, 0)
			return fd, &f.id, err
		},
		where: func(int, touchKind) position {
			b.mu.Lock()
			defer b.mu.Unlock()
			for _, f := range b.devices {
				return f.at
			}
			return position{}
		},
		grab: func(int) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			if b.busy {
				return unix.EBUSY
			}
			b.grabbed++
			return nil
		},
		poll: func(files []unix.PollFd, ms int) (int, error) {
			if ms > 0 {
				select {
				case b.waiting <- struct{}{}:
				default:
				}
			}
			return unix.Poll(files, ms)
		},
	}
}

// whenWaiting waits until a call has begun to wait since this was called.
func (b *bench) whenWaiting() {
	select {
	case <-b.waiting: // an old message
	default:
	}
	<-b.waiting
}

func (b *bench) path(n int) string { return filepath.Join(b.dir, fmt.Sprintf("event%d", n)) }

// plug plugs a device in.
func (b *bench) plug(n int, id identity) *fake {
	b.t.Helper()
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_NONBLOCK|unix.O_CLOEXEC); err != nil {
		b.t.Fatal(err)
	}
	_, _ = unix.FcntlInt(uintptr(pipe[1]), unix.F_SETPIPE_SZ, 1<<20)
	f := &fake{id: id, reads: pipe[0], write: pipe[1]}
	b.mu.Lock()
	b.devices[b.path(n)] = f
	b.mu.Unlock()
	if err := os.WriteFile(b.path(n), nil, 0o600); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		_ = unix.Close(f.reads)
		if f.write >= 0 {
			_ = unix.Close(f.write)
		}
	})
	return f
}

// pull pulls a device out.
func (b *bench) pull(n int) {
	b.t.Helper()
	b.mu.Lock()
	f := b.devices[b.path(n)]
	delete(b.devices, b.path(n))
	b.mu.Unlock()
	if err := errors.Join(os.Remove(b.path(n)), unix.Close(f.write)); err != nil {
		b.t.Fatal(err)
	}
	f.write = -1
}

// send sends events.
func (f *fake) send(t testing.TB, events ...event) {
	t.Helper()
	if n, err := unix.Write(f.write, encode(events...)); err != nil || n != len(events)*eventSize {
		t.Errorf("wrote %d bytes of %d events: %v", n, len(events), err)
	}
}

func encode(events ...event) []byte {
	var b []byte
	for _, e := range events {
		b = append(b, make([]byte, 16)...)
		b = binary.NativeEndian.AppendUint16(b, e.kind)
		b = binary.NativeEndian.AppendUint16(b, e.code)
		b = binary.NativeEndian.AppendUint32(b, uint32(e.value))
	}
	return b
}
