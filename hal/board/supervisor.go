package board

import (
	"os"
	"strconv"
	"time"

	"smartreader/hal"
	"smartreader/hal/watchdog"
)

// heartbeat adds the watchdog: the supervisor's, when there is one above this
// process. It alone kicks the hardware's.
func (a *assembly) heartbeat() {
	fd, err := strconv.Atoi(os.Getenv("READER_HEARTBEAT"))
	if err != nil {
		a.miss(watchdogTimer, hal.ErrNotFound, "nobody supervises this process; on the reader's own image the supervisor does")
		return
	}
	pipe := os.NewFile(uintptr(fd), "heartbeat")
	a.keep(pipe)
	a.board.Watchdog = watchdog.Heartbeat(pipe)
}

// hardwareWatchdog adds the machine's watchdog itself. Readers use heartbeat.
func (a *assembly) hardwareWatchdog(path string) {
	dog, err := watchdog.Open(path, 15*time.Second)
	if err != nil {
		a.miss(watchdogTimer, hal.ErrNotFound, "%v", err)
		return
	}
	a.keep(dog)
	a.board.Watchdog = dog
}
