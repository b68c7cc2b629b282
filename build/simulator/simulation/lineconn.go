package simulation

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// lineConn is a connection over a Line. It carries one request: the reader
// keeps no connection open for the next.
type lineConn struct {
	net.Conn
	line *Line
	lose bool // the answer to the request is lost

	open context.Context // done once the connection is closed, with what broke it as the cause
	end  context.CancelCauseFunc

	mu      sync.Mutex
	until   time.Time // the deadline for writing; zero: none
	heard   bool      // the other side spoke last
	request bool      // ours went out, see Write
}

// Write implements net.Conn.
func (c *lineConn) Write(b []byte) (int, error) {
	ctx, cancel := c.writing()
	defer cancel()
	if err := c.line.pass(ctx); err != nil {
		return 0, c.failed("write", err)
	}
	n, err := c.Conn.Write(b)
	if err != nil {
		err = c.failed("write", err)
	}
	return n, err
}

// writing is done when a write has no more time. It also notes that the
// request is on its way: in TLS 1.3 we say hello, hear an answer, and then end
// the handshake and send the request without hearing more.
func (c *lineConn) writing() (context.Context, context.CancelFunc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.request = c.request || c.heard
	if c.until.IsZero() {
		return c.open, func() {}
	}
	return context.WithDeadline(c.open, c.until)
}

// Read implements net.Conn.
func (c *lineConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err != nil {
		return n, c.failed("read", err)
	}
	if err := c.line.pass(c.open); err != nil {
		return 0, c.failed("read", err)
	}
	c.mu.Lock()
	c.heard = true
	lost := c.lose && c.request
	c.mu.Unlock()
	if lost {
		return 0, c.failed("read", syscall.ECONNRESET)
	}
	return n, nil
}

// failed turns what the line said into an error of an established connection,
// and breaks that. A connection that is broken says why, whatever its socket
// says.
func (c *lineConn) failed(op string, err error) error {
	var errno syscall.Errno
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return &net.OpError{Op: op, Net: "tcp", Addr: c.RemoteAddr(), Err: os.ErrDeadlineExceeded}
	case errors.Is(err, syscall.ECONNREFUSED):
		c.cut(syscall.ECONNRESET)
	case errors.As(err, &errno):
		c.cut(errno)
	}
	if errors.As(context.Cause(c.open), &errno) {
		return &net.OpError{Op: op, Net: "tcp", Addr: c.RemoteAddr(), Err: os.NewSyscallError(op, errno)}
	}
	if errors.Is(err, context.Canceled) {
		return &net.OpError{Op: op, Net: "tcp", Addr: c.RemoteAddr(), Err: net.ErrClosed}
	}
	return err
}

// cut breaks the connection.
func (c *lineConn) cut(why syscall.Errno) {
	c.end(why) // the first cause stays
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // a reset, not a polite end; fails on one that is closed
	}
	_ = c.Close()
}

// Close implements net.Conn.
func (c *lineConn) Close() error {
	c.line.forget(c)
	c.end(net.ErrClosed)
	return c.Conn.Close()
}

// SetDeadline implements net.Conn.
func (c *lineConn) SetDeadline(t time.Time) error {
	c.setUntil(t)
	return c.Conn.SetDeadline(t)
}

// SetWriteDeadline implements net.Conn. A write that hangs already keeps the
// deadline it began with.
func (c *lineConn) SetWriteDeadline(t time.Time) error {
	c.setUntil(t)
	return c.Conn.SetWriteDeadline(t)
}

func (c *lineConn) setUntil(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.until = t
}
