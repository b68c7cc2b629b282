package boot

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	// consoleBuffer holds what was printed but not sent: 5 s at 115200 Bd.
	consoleBuffer = 64 << 10
	longestLine   = 2 << 10
)

// console passes lines on to something slow. Writing to it never waits: what
// does not fit is dropped and counted. It is safe for concurrent use.
type console struct {
	out  io.Writer
	wake chan struct{}
	done chan struct{} // closed when all is out after stop

	mu      sync.Mutex
	waiting []byte
	dropped int // lines
	stopped bool
}

// newConsole starts a console; stop ends it.
func newConsole(out io.Writer) *console {
	c := &console{out: out, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go c.run()
	return c
}

// Write takes whole lines. It always succeeds.
func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	if len(c.waiting)+len(p) > consoleBuffer || c.stopped {
		c.dropped += max(1, bytes.Count(p, []byte("\n")))
	} else {
		c.waiting = append(c.waiting, p...)
	}
	c.mu.Unlock()
	c.signal()
	return len(p), nil
}

func (c *console) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *console) run() {
	defer close(c.done)
	for {
		c.mu.Lock()
		out, dropped, stopped := c.waiting, c.dropped, c.stopped
		c.waiting, c.dropped = nil, 0
		c.mu.Unlock()
		if dropped > 0 {
			out = fmt.Appendf(out, "boot: %d lines dropped: the console is slower than the worker\n", dropped)
		}
		// A console that cannot be written to is no reason to stop.
		_, _ = c.out.Write(out)
		if stopped {
			return
		}
		<-c.wake
	}
}

// stop prints what is waiting, for at most so long.
func (c *console) stop(limit time.Duration) {
	c.mu.Lock()
	c.stopped = true
	c.mu.Unlock()
	c.signal()
	select {
	case <-c.done:
	case <-time.After(limit):
	}
}

// copyLines passes on r line by line, the too long ones in pieces.
func (c *console) copyLines(r io.Reader) {
	in := bufio.NewReaderSize(r, longestLine)
	for {
		line, err := in.ReadSlice('\n')
		if len(line) > 0 {
			if line[len(line)-1] != '\n' {
				line = append(bytes.Clone(line), '\n')
			}
			_, _ = c.Write(line)
		}
		if err != nil && err != bufio.ErrBufferFull {
			return
		}
	}
}
