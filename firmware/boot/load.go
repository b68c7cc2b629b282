package boot

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"
)

// load is what a process takes of the machine.
type load struct {
	resident, own, peak int // KiB; own is what is not backed by a file
	cpu                 time.Duration
}

// tick is the unit of processor times in /proc: USER_HZ, 100 on every Linux.
const tick = time.Second / 100

// loadOf reads a process's load below proc.
func loadOf(proc fs.FS, pid int) (l load, err error) {
	dir := strconv.Itoa(pid)
	status, err := fs.ReadFile(proc, dir+"/status")
	if err != nil {
		return l, err
	}
	for line := range strings.Lines(string(status)) {
		name, rest, _ := strings.Cut(line, ":")
		to := map[string]*int{"VmRSS": &l.resident, "RssAnon": &l.own, "VmHWM": &l.peak}[name]
		if to == nil {
			continue
		}
		if _, err := fmt.Sscanf(rest, "%d kB", to); err != nil {
			return l, fmt.Errorf("%s/status: %s: %w", dir, name, err)
		}
	}
	stat, err := fs.ReadFile(proc, dir+"/stat")
	if err != nil {
		return l, err
	}
	// The second field, the program's name, may hold anything but ends with the
	// last bracket; user and system time are fields 14 and 15.
	text := string(stat)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 13 {
		return l, fmt.Errorf("%s/stat: %d fields", dir, len(fields))
	}
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return l, fmt.Errorf("%s/stat: %w", dir, err)
		}
		l.cpu += time.Duration(n) * tick
	}
	return l, nil
}

// since says what was taken of the processor since an earlier load, and memory
// as it is now.
func (l load) since(before load, elapsed time.Duration) string {
	return fmt.Sprintf("%d MiB resident, %d MiB of it its own, %d MiB at most; %.1f %% of a core for %v",
		l.resident>>10, l.own>>10, l.peak>>10, 100*float64(l.cpu-before.cpu)/float64(elapsed), elapsed.Round(time.Second))
}
