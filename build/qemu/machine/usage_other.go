//go:build !linux

package machine

import (
	"errors"
	"time"
)

// Usage returns what QEMU has used so far; it can on Linux only.
func (m *Machine) Usage() (processor time.Duration, memory int64, err error) {
	return 0, 0, errors.New("machine: QEMU's use of processor and memory can be measured on Linux only")
}
