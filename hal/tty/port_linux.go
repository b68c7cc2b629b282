package tty

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"smartreader/hal"
)

// Port is one open serial port. Read and Write may be called from two
// goroutines; the other methods from any. A port whose adapter was unplugged
// stays useless: close it, and open it again when it is back.
type Port struct {
	file *os.File
}

// Open opens a serial port for this process alone and sets it to baud. What
// was received before is thrown away. A path where no port is matches
// hal.ErrNotFound.
func Open(path string, baud int) (*Port, error) {
	// Without O_NOCTTY the port could become the controlling terminal; opened
	// non-blocking, it does not wait for a carrier and os.File can poll it.
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, failure("open "+path, err)
	}
	p := &Port{file: os.NewFile(uintptr(fd), path)}
	if err := errors.Join(p.exclusive(), p.configure(unix.TCSETS2, raw(baud)), p.flush()); err != nil {
		return nil, errors.Join(failure("open "+path, err), p.Close())
	}
	return p, nil
}

// Read reads what there is, at least one byte, and waits for that until the
// read deadline (os.ErrDeadlineExceeded). An unplugged adapter is
// hal.ErrNotFound.
func (p *Port) Read(b []byte) (int, error) {
	n, err := p.file.Read(b)
	return n, failure("read", err)
}

// Write writes all of b unless it fails. It waits for the port's buffer until
// the write deadline, not for the line.
func (p *Port) Write(b []byte) (int, error) {
	n, err := p.file.Write(b)
	return n, failure("write", err)
}

// SetReadDeadline ends reads in progress and later ones at t; zero is never.
func (p *Port) SetReadDeadline(t time.Time) error {
	return failure("read deadline", p.file.SetReadDeadline(t))
}

// SetWriteDeadline is like SetReadDeadline, for writes.
func (p *Port) SetWriteDeadline(t time.Time) error {
	return failure("write deadline", p.file.SetWriteDeadline(t))
}

// SetBaud changes the rate after what was written has left the port.
func (p *Port) SetBaud(baud int) error {
	return failure("baud rate", p.configure(unix.TCSETSW2, rate(baud)))
}

// Close closes the port and ends reads and writes in progress.
func (p *Port) Close() error {
	// The mark stays on a port that another program has open too. An unplugged
	// adapter has none.
	_ = p.control(func(fd int) error { return unix.IoctlSetInt(fd, unix.TIOCNXCL, 0) })
	return failure("close", p.file.Close())
}

// String returns the path the port was opened by.
func (p *Port) String() string { return p.file.Name() }

// exclusive makes later opens of this port fail (but for root's).
func (p *Port) exclusive() error {
	return p.control(func(fd int) error { return unix.IoctlSetInt(fd, unix.TIOCEXCL, 0) })
}

func (p *Port) flush() error {
	return p.control(func(fd int) error { return unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIOFLUSH) })
}

// configure reads the settings, changes them and writes them by set, which is
// TCSETS2 (now) or TCSETSW2 (after what was written is out).
func (p *Port) configure(set uint, change func(*unix.Termios) error) error {
	return p.control(func(fd int) error {
		settings, err := unix.IoctlGetTermios(fd, unix.TCGETS2)
		if err != nil {
			return err
		}
		if err := change(settings); err != nil {
			return err
		}
		return unix.IoctlSetTermios(fd, set, settings)
	})
}

// control runs a system call on the port that is sure not to be closed
// meanwhile. It does not take the port out of the poller as File.Fd would.
func (p *Port) control(call func(fd int) error) error {
	conn, err := p.file.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := conn.Control(func(fd uintptr) { failed = call(int(fd)) }); err != nil {
		return err
	}
	return failed
}

// raw passes every byte as it is.
func raw(baud int) func(*unix.Termios) error {
	return func(t *unix.Termios) error {
		t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
		t.Cflag = unix.CS8 | unix.CREAD | unix.CLOCAL
		t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0 // no byte is "wait", not end of file
		return rate(baud)(t)
	}
}

// rate sets both directions to any rate, not only the named ones.
func rate(baud int) func(*unix.Termios) error {
	return func(t *unix.Termios) error {
		if baud <= 0 || baud > 1<<24 {
			return fmt.Errorf("%d baud: %w", baud, unix.EINVAL)
		}
		t.Cflag = t.Cflag&^(unix.CBAUD|unix.CIBAUD) | unix.BOTHER
		t.Ispeed, t.Ospeed = uint32(baud), uint32(baud)
		return nil
	}
}

// failure names the package and what was done, and says of an absent port that
// it is absent. Deadlines and a closed port keep the errors of package os.
func failure(what string, err error) error {
	if err == nil {
		return nil
	}
	for _, gone := range []error{io.EOF, unix.EIO, unix.ENXIO, unix.ENODEV, unix.ENOENT} {
		if errors.Is(err, gone) {
			return fmt.Errorf("tty: %w", hal.Advise(fmt.Errorf("%w: %w", hal.ErrNotFound, err), "%s: %v: plug the adapter in", what, err))
		}
	}
	return fmt.Errorf("tty: %s: %w", what, err)
}
