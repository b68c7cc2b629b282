package watchdog

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// Variable is the environment variable in which a supervisor tells a program
// the number of the file to beat on.
const Variable = "READER_HEARTBEAT"

// Supervised reports whether this program runs under a supervisor: process 1 of
// the reader's own image.
func Supervised() bool { return os.Getenv(Variable) != "" }

// Supervisor returns the heartbeat of a supervised program, kicked for the
// first time. It is nil when nobody supervises.
func Supervisor() (*Pulse, error) {
	text := os.Getenv(Variable)
	if text == "" {
		return nil, nil
	}
	fd, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("watchdog: %s: %w", Variable, err)
	}
	// Non-blocking, so that a supervisor that hangs does not hang the program.
	if err := syscall.SetNonblock(int(fd), true); err != nil {
		return nil, fmt.Errorf("watchdog: %s: file %d: %w", Variable, fd, err)
	}
	// For this program only: who else held it would keep the pipe open after its
	// end.
	syscall.CloseOnExec(int(fd))
	pulse := Heartbeat(os.NewFile(uintptr(fd), "heartbeat"))
	if err := pulse.Kick(); err != nil {
		return nil, fmt.Errorf("watchdog: %s: %w", Variable, err)
	}
	return pulse, nil
}
