package watchdog

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"smartreader/hal"
)

// Beat is the line that a Pulse writes. It is short enough for a pipe to take
// whole or not at all, so that other lines can be written to the same pipe.
const Beat = "alive\n"

// patience is how long a kick waits for a supervisor who does not read.
const patience = 100 * time.Millisecond

// Pulse tells a supervisor that this program is alive. It is safe for
// concurrent use.
type Pulse struct {
	mu     sync.Mutex
	w      io.Writer
	halted bool
}

var _ hal.Watchdog = (*Pulse)(nil)

// Heartbeat returns a Pulse that writes to w, the end of a pipe. The Pulse
// never closes w.
//
// A kick must not hang because the supervisor does. Where w knows deadlines,
// Kick gives up after 100 ms; an *os.File does if its descriptor was set
// non-blocking before os.NewFile. Any other w must not block by itself.
func Heartbeat(w io.Writer) *Pulse { return &Pulse{w: w} }

// Kick implements hal.Watchdog. An error means that the supervisor does not
// read (any more); the pipe holds thousands of lines before that is noticed.
func (p *Pulse) Kick() error { return p.write(Beat) }

func (p *Pulse) write(line string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.halted {
		return fmt.Errorf("watchdog: kick: %w", hal.ErrHalted)
	}
	if d, ok := p.w.(interface{ SetWriteDeadline(time.Time) error }); ok {
		if err := d.SetWriteDeadline(time.Now().Add(patience)); err != nil && !errors.Is(err, os.ErrNoDeadline) {
			return fmt.Errorf("watchdog: kick: %w", err)
		}
	}
	if _, err := io.WriteString(p.w, line); err != nil {
		return fmt.Errorf("watchdog: tell the supervisor: %w", err)
	}
	return nil
}

// Floor tells the supervisor that it is certainly later than t, so that it never
// sets the clock below. It is a hint: a supervisor who does not read misses it.
func (p *Pulse) Floor(t time.Time) error { return p.write(fmt.Sprintf("floor %d\n", t.Unix())) }

// Close ends kicking: later kicks return hal.ErrHalted.
func (p *Pulse) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.halted = true
	return nil
}
