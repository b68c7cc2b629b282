package boot

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// lifetime is how long after its release a program is believed to run: a later
// time comes from a broken clock.
const lifetime = 20 * 365 * 24 * time.Hour

// plausible reports whether it can be t, for a program released then.
func plausible(t, released time.Time) bool {
	return !t.Before(released) && t.Before(released.Add(lifetime))
}

// latest returns the latest plausible one of the times, released at least.
func latest(released time.Time, times ...time.Time) time.Time {
	found := released
	for _, t := range times {
		if plausible(t, released) && t.After(found) {
			found = t
		}
	}
	return found
}

// parseTime reads a saved clock: Unix seconds and a line's end.
func parseTime(b []byte) (time.Time, error) {
	if len(b) > 32 {
		return time.Time{}, fmt.Errorf("%d bytes are no time", len(b))
	}
	n, err := strconv.ParseInt(strings.TrimSuffix(string(b), "\n"), 10, 64)
	if err != nil || n < 0 || n > 1<<40 {
		return time.Time{}, fmt.Errorf("%q is no time", b)
	}
	return time.Unix(n, 0), nil
}

func formatTime(t time.Time) []byte { return fmt.Appendf(nil, "%d\n", t.Unix()) }
