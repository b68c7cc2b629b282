//go:build killpoints

package killpoint

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// Enabled tells whether this build can be stopped at a point.
const Enabled = true

// Variable is the environment variable that chooses the point.
const Variable = "SMARTREADER_KILLPOINT"

var (
	chosen, nth = parse(os.Getenv(Variable))
	hits        atomic.Int64
)

// parse reads "name" or "name:n". A name nobody marks would make a test pass
// without testing anything, so it panics.
func parse(value string) (name string, n int64) {
	if value == "" {
		return "", 0
	}
	name, count, counted := strings.Cut(value, ":")
	n = 1
	if counted {
		var err error
		if n, err = strconv.ParseInt(count, 10, 64); err != nil || n < 1 {
			panic(fmt.Sprintf("killpoint: %s=%q: the part after ':' is not a positive number", Variable, value))
		}
	}
	if !slices.Contains(names, name) {
		panic(fmt.Sprintf("killpoint: %s=%q: no such point", Variable, value))
	}
	return name, n
}

// Hit stops the process for ever when this is the chosen hit of the chosen
// point.
func Hit(name string) {
	if name != chosen || hits.Add(1) != nth {
		return
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	select {} // other threads may run on for a moment; this one must not
}
