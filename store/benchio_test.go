package store

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// ioSource says how ioCount is measured: by what the block device of the folder
// did meanwhile, so other programs' writes count too. Compare rows, not runs.
const ioSource = "block device counters, all programs"

// ioCount is what a disk did.
type ioCount struct {
	flushes, bytes int64
	known          bool
}

func (c *ioCount) add(more ioCount) {
	c.flushes, c.bytes, c.known = c.flushes+more.flushes, c.bytes+more.bytes, more.known
}

func (c ioCount) since(before ioCount) ioCount {
	return ioCount{c.flushes - before.flushes, c.bytes - before.bytes, c.known}
}

func (c ioCount) per(n int) string {
	if !c.known {
		return "unknown"
	}
	return fmt.Sprintf("%.2f flushes, %.1f KB", float64(c.flushes)/float64(n), float64(c.bytes)/float64(n)/1000)
}

// countIO reads the counters of the device that holds a folder: in its stat
// file, field 7 is sectors written and field 16 flushes completed.
func countIO(b *testing.B, dir string) ioCount {
	b.Helper()
	var s unix.Stat_t
	if err := unix.Stat(dir, &s); err != nil {
		b.Fatal(err)
	}
	stat, err := os.ReadFile(fmt.Sprintf("/sys/dev/block/%d:%d/stat", unix.Major(uint64(s.Dev)), unix.Minor(uint64(s.Dev))))
	if err != nil {
		return ioCount{}
	}
	fields := strings.Fields(string(stat))
	if len(fields) < 17 {
		return ioCount{}
	}
	number := func(i int) int64 {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		return n
	}
	return ioCount{flushes: number(15), bytes: number(6) * 512, known: true}
}
