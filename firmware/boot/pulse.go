package boot

import (
	"bufio"
	"context"
	"io"
	"strconv"
	"strings"
	"time"
)

// pulse is one line from the worker.
type pulse struct {
	alive bool
	floor time.Time // zero: none
}

// parsePulse reads a line; what is not understood is an empty pulse, so that a
// newer worker may say more.
func parsePulse(line string) pulse {
	if line == "alive" {
		return pulse{alive: true}
	}
	if text, ok := strings.CutPrefix(line, "floor "); ok {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > 0 && n < 1<<40 {
			return pulse{floor: time.Unix(n, 0)}
		}
	}
	return pulse{}
}

// readPulses passes on what the worker says until the worker is gone.
func readPulses(ctx context.Context, r io.Reader, to chan<- pulse) {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64), 64)
	for lines.Scan() {
		select {
		case to <- parsePulse(lines.Text()):
		case <-ctx.Done():
			return
		}
	}
	// Not lines, but too much of something: the worker counts as silent, and
	// must not be held up until it is killed.
	_, _ = io.Copy(io.Discard, r)
}
