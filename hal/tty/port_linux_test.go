package tty

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"smartreader/hal"
)

// pty opens a pseudo terminal: the far end of the line, and the path of the
// port.
func pty(t *testing.T) (far *os.File, path string) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	far = os.NewFile(uintptr(fd), "/dev/ptmx")
	t.Cleanup(func() { far.Close() })
	return far, fmt.Sprintf("/dev/pts/%d", n)
}

func open(t *testing.T) (far *os.File, port *Port) {
	t.Helper()
	far, path := pty(t)
	port, err := Open(path, 115200)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { port.Close() })
	return far, port
}

func TestEveryByteBothWays(t *testing.T) {
	far, port := open(t)
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for _, way := range []struct {
		name string
		w    io.Writer
		r    io.Reader
	}{{"out", port, far}, {"in", far, port}} {
		if _, err := way.w.Write(all); err != nil {
			t.Fatalf("%s: %v", way.name, err)
		}
		got := make([]byte, len(all))
		if _, err := io.ReadFull(way.r, got); err != nil || !bytes.Equal(got, all) {
			t.Errorf("%s: % x, %v", way.name, got, err)
		}
	}
}

func TestReadDeadline(t *testing.T) {
	far, port := open(t)
	port.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if _, err := port.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v, want os.ErrDeadlineExceeded", err)
	}
	port.SetReadDeadline(time.Time{})
	far.Write([]byte("x"))
	b := make([]byte, 8)
	if n, err := port.Read(b); n != 1 || err != nil || b[0] != 'x' {
		t.Errorf("after the deadline: %d bytes, %v", n, err)
	}
}

func TestWriteDeadlineWithAFullLine(t *testing.T) {
	_, port := open(t)
	port.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
	for range 1000 { // nobody reads: some 4 KiB fit
		if _, err := port.Write(make([]byte, 1024)); err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("got %v, want os.ErrDeadlineExceeded", err)
			}
			return
		}
	}
	t.Error("a line that nobody reads took a megabyte")
}

func TestUnplugEndsARead(t *testing.T) {
	far, port := open(t)
	read := make(chan error)
	go func() {
		_, err := port.Read(make([]byte, 1))
		read <- err
	}()
	far.Close()
	if err := <-read; !errors.Is(err, hal.ErrNotFound) {
		t.Errorf("read: got %v, want hal.ErrNotFound", err)
	}
	if _, err := port.Write([]byte{1}); !errors.Is(err, hal.ErrNotFound) {
		t.Errorf("write: got %v, want hal.ErrNotFound", err)
	}
}

func TestCloseEndsARead(t *testing.T) {
	_, port := open(t)
	read := make(chan error)
	go func() {
		_, err := port.Read(make([]byte, 1))
		read <- err
	}()
	if err := port.Close(); err != nil {
		t.Error(err)
	}
	if err := <-read; !errors.Is(err, os.ErrClosed) {
		t.Errorf("got %v, want os.ErrClosed", err)
	}
}

func TestBaudRates(t *testing.T) {
	far, port := open(t)
	for _, baud := range []int{115200, 460800, 921600, 1288000} {
		if err := port.SetBaud(baud); err != nil {
			t.Fatal(err)
		}
		// The two ends of a pseudo terminal share their settings.
		settings, err := unix.IoctlGetTermios(int(far.Fd()), unix.TCGETS2)
		if err != nil || settings.Ospeed != uint32(baud) || settings.Ispeed != uint32(baud) {
			t.Errorf("%d baud: %+v, %v", baud, settings, err)
		}
	}
	for _, baud := range []int{0, -1, 1 << 30} {
		if err := port.SetBaud(baud); !errors.Is(err, unix.EINVAL) {
			t.Errorf("%d baud: %v", baud, err)
		}
	}
}

func TestOpenThrowsAwayWhatWasReceived(t *testing.T) {
	far, path := pty(t)
	first, err := Open(path, 9600)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	far.Write([]byte("stale"))
	second, err := Open(path, 9600)
	if errors.Is(err, unix.EBUSY) {
		t.Skip("exclusive: not running as root")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	far.Write([]byte("!"))
	b := make([]byte, 8)
	if n, err := second.Read(b); n != 1 || b[0] != '!' || err != nil {
		t.Errorf("got %q, %v", b[:n], err)
	}
}

// TestCloseGivesThePortBack: exclusiveness is a mark on the port, which outlives
// this process's use of it while another one has the port open, and would keep
// the next Open out.
func TestCloseGivesThePortBack(t *testing.T) {
	_, path := pty(t)
	other, err := unix.Open(path, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(other)
	exclusive := func(what string, want int) {
		t.Helper()
		if got, err := unix.IoctlGetInt(other, unix.TIOCGEXCL); err != nil || got != want {
			t.Errorf("%s: exclusive is %d, %v; want %d", what, got, err, want)
		}
	}
	port, err := Open(path, 9600)
	if err != nil {
		t.Fatal(err)
	}
	exclusive("open", 1)
	if err := port.Close(); err != nil {
		t.Error(err)
	}
	exclusive("closed", 0)
	if _, err := Open(path, -1); err == nil {
		t.Error("a rate of -1 was accepted")
	}
	exclusive("not opened", 0)
}

func TestNoPort(t *testing.T) {
	if _, err := Open("/dev/ttyNONE99", 9600); !errors.Is(err, hal.ErrNotFound) {
		t.Errorf("no such path: got %v, want hal.ErrNotFound", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file, 9600); !errors.Is(err, unix.ENOTTY) {
		t.Errorf("a plain file: got %v, want ENOTTY", err)
	}
}
