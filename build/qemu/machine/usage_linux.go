package machine

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

// Usage returns what QEMU has used so far: processor time of all its threads,
// and resident memory in bytes. proc(5), "/proc/pid/stat".
func (m *Machine) Usage() (processor time.Duration, memory int64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", m.PID()))
	if err != nil {
		return 0, 0, fmt.Errorf("machine: %w", err)
	}
	// The second field is the program's name in parentheses; it may contain
	// anything, so count from its end. The first after it is number 3.
	_, rest, _ := bytes.Cut(text[bytes.LastIndexByte(text, ')')+1:], []byte{' '})
	fields := bytes.Fields(rest)
	const userTime, systemTime, residentPages = 14 - 3, 15 - 3, 24 - 3
	if len(fields) <= residentPages {
		return 0, 0, errors.New("machine: /proc/pid/stat is too short")
	}
	var n [3]int64
	for i, field := range []int{userTime, systemTime, residentPages} {
		if n[i], err = strconv.ParseInt(string(fields[field]), 10, 64); err != nil {
			return 0, 0, fmt.Errorf("machine: /proc/pid/stat: %w", err)
		}
	}
	const tick = time.Second / 100 // USER_HZ, the same on every Linux that Go runs on
	return time.Duration(n[0]+n[1]) * tick, n[2] * int64(os.Getpagesize()), nil
}
