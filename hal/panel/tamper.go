package panel

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"periph.io/x/conn/v3/gpio"

	"smartreader/hal"
)

// TamperOpts are the options of a Tamper.
type TamperOpts struct {
	// Latch is the file that remembers tampering over a restart. It is made
	// when the case is opened; service staff deletes it after inspection. Its
	// folder must exist. Empty: only the switch itself counts.
	Latch string
	// Debounce is how long the switch must be open without a break to count, so
	// that a knock on the case does not erase the keys; 0 is 50 ms.
	Debounce time.Duration
	// Closed is the level of the pin while the case is closed. The zero value,
	// low, is the wiring of the package comment; high is a switch to the supply
	// voltage with a pull-down resistor. The latter notices a failing GPIO
	// driver too, because such a pin reads low.
	Closed gpio.Level
}

// Tamper is a tamper switch. One goroutine at a time calls Watch; Close may be
// called from anywhere.
type Tamper struct {
	pin  gpio.PinIn
	opts TamperOpts

	once   sync.Once
	halted chan struct{}
	opened string // what was noticed, "" while nothing was
}

var _ hal.Tamper = (*Tamper)(nil)

const (
	sample = 5 * time.Millisecond
	// step is how long a wait for an edge may last: pins know no contexts.
	step = 250 * time.Millisecond
	// opening is what is noticed, in words for a log.
	opening = "the case was opened"
)

// NewTamper returns the switch on a pin, which it does not touch yet. A nil
// opts means the zero TamperOpts.
func NewTamper(pin gpio.PinIn, opts *TamperOpts) *Tamper {
	t := &Tamper{pin: pin, halted: make(chan struct{})}
	if opts != nil {
		t.opts = *opts
	}
	if t.opts.Debounce <= 0 {
		t.opts.Debounce = 50 * time.Millisecond
	}
	return t
}

// Watch implements hal.Tamper. What it noticed once it returns again at once,
// after a restart too when there is a latch. That the latch could not be
// written is told in the reason, not as an error: the case is open.
func (t *Tamper) Watch(ctx context.Context) (reason string, err error) {
	if err := t.ended(ctx); err != nil {
		return "", err
	}
	if t.opened == "" {
		if t.opened, err = t.latched(); err != nil {
			return "", fmt.Errorf("panel: tamper: latch: %w", err)
		}
	}
	if t.opened != "" {
		return t.opened, nil
	}
	edges, err := t.listen()
	if err != nil {
		return "", fmt.Errorf("panel: tamper: switch on pin %s: %w", t.pin.Name(), err)
	}
	for {
		if t.open() {
			open, err := t.stays(ctx)
			if err != nil {
				return "", err
			}
			if open {
				t.opened = t.latch()
				return t.opened, nil
			}
		}
		if err := t.edge(ctx, edges); err != nil {
			return "", err
		}
	}
}

// listen makes the pin an input. A pin that cannot tell of edges is looked at
// every few milliseconds.
func (t *Tamper) listen() (edges bool, err error) {
	pull := gpio.PullUp
	if t.opts.Closed == gpio.High {
		pull = gpio.PullDown
	}
	// Some pins have no pull resistor that software can set: then the board
	// has one.
	for _, p := range []gpio.Pull{pull, gpio.PullNoChange} {
		for _, e := range []gpio.Edge{gpio.BothEdges, gpio.NoEdge} {
			if err = t.pin.In(p, e); err == nil {
				return e == gpio.BothEdges, nil
			}
		}
	}
	return false, err
}

func (t *Tamper) open() bool { return t.pin.Read() != t.opts.Closed }

// stays says whether the switch is open for the whole debounce time.
func (t *Tamper) stays(ctx context.Context) (bool, error) {
	for begin := time.Now(); time.Since(begin) < t.opts.Debounce; {
		if err := t.sleep(ctx, sample); err != nil {
			return false, err
		}
		if !t.open() {
			return false, nil
		}
	}
	return true, nil
}

// edge waits until the switch may have moved, or for a step.
func (t *Tamper) edge(ctx context.Context, edges bool) error {
	if !edges {
		return t.sleep(ctx, sample)
	}
	begin := time.Now()
	if t.pin.WaitForEdge(step) || time.Since(begin) >= step/2 {
		return t.ended(ctx)
	}
	// The wait broke off early, as it does for ever when a pin fails: look at
	// the level then, without turning round like mad.
	return t.sleep(ctx, sample)
}

func (t *Tamper) sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-t.halted:
	}
	return t.ended(ctx)
}

func (t *Tamper) ended(ctx context.Context) error {
	select {
	case <-t.halted:
		return fmt.Errorf("panel: tamper: %w", hal.ErrHalted)
	default:
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("panel: tamper: %w", err)
	}
	return nil
}

// latched returns what a latch from before the restart says, "" without one.
// That it exists is what counts: power may have failed while it was written.
func (t *Tamper) latched() (string, error) {
	if t.opts.Latch == "" {
		return "", nil
	}
	b, err := os.ReadFile(t.opts.Latch)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if text := strings.TrimSpace(string(b)); text != "" {
		return text, nil
	}
	return opening + " before the last start", nil
}

// latch remembers the tampering and returns it in words. The file exists, and
// survives a power cut, before its text does.
func (t *Tamper) latch() string {
	if t.opts.Latch == "" {
		return opening
	}
	reason := fmt.Sprintf("%s, noticed at %s", opening, time.Now().UTC().Format(time.RFC3339))
	if err := write(t.opts.Latch, reason+"\n"); err != nil {
		return fmt.Sprintf("%s (and the latch could not be written: %v)", reason, err)
	}
	return reason
}

func write(path, text string) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return err
	}
	if _, err := f.WriteString(text); err != nil {
		return err
	}
	return f.Sync()
}

// Close makes a call in flight and later calls return hal.ErrHalted. A second
// call does nothing.
func (t *Tamper) Close() error {
	t.once.Do(func() { close(t.halted) })
	return nil
}
