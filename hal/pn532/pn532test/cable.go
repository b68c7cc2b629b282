package pn532test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"smartreader/hal"
)

// Cable is a serial adapter with the chip on it. It garbles bytes while host
// and chip differ in their baud rate, and can be unplugged and plugged in.
type Cable struct {
	chip *Emulator

	mu    sync.Mutex
	limit int   // of the lines from now on
	line  *line // nil: unplugged
	stop  context.CancelFunc
	done  chan error
}

// line is one stay of the adapter in its socket.
type line struct {
	chip           *Emulator
	toChip, toHost *stream

	mu    sync.Mutex
	baud  int // the adapter's
	limit int // above it long frames suffer; 0: none
}

// Plug powers a chip from a new adapter and plugs that in. Close the cable to
// end its goroutine.
func Plug(chip *Emulator) *Cable {
	c := &Cable{chip: chip}
	c.Replug()
	return c
}

// Replug plugs the adapter in again, if it is not.
func (c *Cable) Replug() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.line != nil {
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	l := &line{chip: c.chip, toChip: newStream(), toHost: newStream(), baud: 115200, limit: c.limit}
	done := make(chan error, 1)
	c.line, c.stop, c.done = l, stop, done
	go func() { done <- c.chip.Serve(ctx, chipEnd{l}) }()
}

// Limit makes the cable one that does not carry more than baud well: at higher
// rates long frames are damaged, both ways. 0 takes that back.
func (c *Cable) Limit(baud int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.limit = baud
	if c.line == nil {
		return
	}
	c.line.mu.Lock()
	defer c.line.mu.Unlock()
	c.line.limit = baud
}

// Unplug takes adapter and chip away: the host's port breaks.
func (c *Cable) Unplug() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.line == nil {
		return
	}
	c.line.toHost.breakOff()
	c.line.toChip.breakOff()
	c.stop()
	<-c.done
	c.line = nil
}

// Close unplugs the adapter for good.
func (c *Cable) Close() error {
	c.Unplug()
	return nil
}

// Open opens the adapter's port at 115200 baud. Without the adapter it returns
// hal.ErrNotFound.
func (c *Cable) Open() (*Port, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.line == nil {
		return nil, fmt.Errorf("pn532test: %w: the adapter is unplugged", hal.ErrNotFound)
	}
	p := &Port{line: c.line, closed: newStream()}
	return p, p.SetBaud(115200)
}

// Port is a serial port of the host, with a cable's adapter behind it.
type Port struct {
	line   *line
	closed *stream // broken off when the port is closed

	mu       sync.Mutex
	deadline time.Time // of reads
}

// String names the port in messages.
func (*Port) String() string { return "an emulated cable" }

// Read implements io.Reader.
func (p *Port) Read(b []byte) (int, error) {
	p.mu.Lock()
	deadline := p.deadline
	p.mu.Unlock()
	n, err := p.line.toHost.take(b, deadline, p.closed.broken)
	p.line.carry(b[:n])
	return n, err
}

// Write implements io.Writer. The adapter takes everything at once.
func (p *Port) Write(b []byte) (int, error) {
	select {
	case <-p.closed.broken:
		return 0, os.ErrClosed
	default:
		return p.line.toChip.put(p.line.carry(bytes.Clone(b)))
	}
}

// SetReadDeadline is for later reads, not for one in progress.
func (p *Port) SetReadDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deadline = t
	return nil
}

// SetWriteDeadline does nothing: writes do not wait.
func (p *Port) SetWriteDeadline(time.Time) error { return nil }

// SetBaud changes the adapter's rate.
func (p *Port) SetBaud(baud int) error {
	p.line.mu.Lock()
	defer p.line.mu.Unlock()
	p.line.baud = baud
	return nil
}

// Close closes the host's port. Adapter and chip keep their power.
func (p *Port) Close() error {
	p.closed.breakOff()
	return nil
}

// carried is how many bytes pass at once on a line at its limit.
const carried = 32

// carry changes bytes that are sent at one rate and received at another, or
// faster than the line is good for.
func (l *line) carry(b []byte) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.baud != l.chip.Baud() {
		for i := range b {
			b[i] = b[i]<<3 ^ b[i]>>1 ^ 0x9D
		}
	} else if l.limit > 0 && l.baud > l.limit {
		for i := carried; i < len(b); i += carried {
			b[i]++ // never one that another makes good, for a checksum or on the way back
		}
	}
	return b
}

// chipEnd is the chip's end of a line.
type chipEnd struct{ line *line }

func (c chipEnd) Read(b []byte) (int, error)  { return c.line.toChip.take(b, time.Time{}, nil) }
func (c chipEnd) Write(b []byte) (int, error) { return c.line.toHost.put(b) }
func (c chipEnd) Close() error                { c.line.toChip.breakOff(); return nil }

// stream is one direction of a line, with a buffer like a driver's.
type stream struct {
	mu     sync.Mutex
	b      []byte
	news   chan struct{} // closed and renewed when bytes come
	broken chan struct{} // closed when the line is off
	once   sync.Once
}

func newStream() *stream {
	return &stream{news: make(chan struct{}), broken: make(chan struct{})}
}

func (s *stream) breakOff() { s.once.Do(func() { close(s.broken) }) }

func (s *stream) put(b []byte) (int, error) {
	select {
	case <-s.broken:
		return 0, io.ErrClosedPipe
	default:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.b = append(s.b, b...)
	close(s.news)
	s.news = make(chan struct{})
	return len(b), nil
}

func (s *stream) take(b []byte, deadline time.Time, closed <-chan struct{}) (int, error) {
	var late <-chan time.Time
	if !deadline.IsZero() {
		timer := time.NewTimer(time.Until(deadline))
		defer timer.Stop()
		late = timer.C
	}
	for {
		s.mu.Lock()
		n := copy(b, s.b)
		s.b = s.b[n:]
		news := s.news
		s.mu.Unlock()
		if n > 0 {
			return n, nil
		}
		select {
		case <-news:
		case <-late:
			return 0, os.ErrDeadlineExceeded
		case <-s.broken:
			return 0, io.EOF
		case <-closed:
			return 0, os.ErrClosed
		}
	}
}
