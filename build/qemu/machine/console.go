package machine

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
)

// keptLines bounds the memory of a console whose machine runs for weeks. What
// somebody waits for comes early, or while they wait.
const keptLines = 4096

// Console is what a machine writes on its serial console. It is safe for
// concurrent use.
type Console struct {
	to io.Writer

	mu      sync.Mutex
	partial []byte
	lines   []string
	dropped int           // lines before the first of lines
	ended   bool          // nothing more comes
	changed chan struct{} // closed and renewed with every line, and at the end
}

func newConsole(to io.Writer) *Console {
	if to == nil {
		to = io.Discard
	}
	return &Console{to: to, changed: make(chan struct{})}
}

// Write takes what came; it never fails, for a full disk must not stop the
// machine.
func (c *Console) Write(p []byte) (int, error) {
	_, _ = c.to.Write(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.partial = append(c.partial, p...)
	for {
		line, rest, ok := bytes.Cut(c.partial, []byte{'\n'})
		if !ok {
			break
		}
		c.add(string(line))
		c.partial = rest
	}
	const longest = 4096
	if len(c.partial) > longest {
		c.add(string(c.partial))
		c.partial = nil
	}
	return len(p), nil
}

func (c *Console) add(line string) {
	if len(c.lines) == keptLines {
		c.lines = append(c.lines[:0:0], c.lines[keptLines/2:]...)
		c.dropped += keptLines / 2
	}
	c.lines = append(c.lines, strings.TrimRight(line, "\r"))
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *Console) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	close(c.changed)
	c.changed = make(chan struct{})
}

// Follow calls each line from the first on, in the caller's goroutine, until
// each returns true. It returns the context's error, or one that matches
// ErrOff when the machine ended.
func (c *Console) Follow(ctx context.Context, each func(line string) (enough bool)) error {
	next := 0
	for {
		c.mu.Lock()
		next = max(next, c.dropped)
		fresh, ended, changed := c.lines[next-c.dropped:], c.ended, c.changed
		c.mu.Unlock()
		for _, line := range fresh {
			next++
			if each(line) {
				return nil
			}
		}
		if ended {
			return fmt.Errorf("%w; its last lines:\n%s", ErrOff, c.Tail(15))
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Await returns the first line that contains the text.
func (c *Console) Await(ctx context.Context, text string) (found string, err error) {
	err = c.Follow(ctx, func(line string) bool {
		found = line
		return strings.Contains(line, text)
	})
	if err != nil {
		return "", fmt.Errorf("await %q on the console: %w", text, err)
	}
	return found, nil
}

// Tail returns the last n lines.
func (c *Console) Tail(n int) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	lines := c.lines[max(0, len(c.lines)-n):]
	if len(c.partial) > 0 {
		lines = append(lines[:len(lines):len(lines)], string(c.partial))
	}
	return strings.Join(lines, "\n")
}
