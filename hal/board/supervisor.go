//go:build linux

package board

import (
	"time"

	"smartreader/hal"
	"smartreader/hal/watchdog"
)

// heartbeat adds the watchdog: the supervisor's, when there is one above this
// process. It alone kicks the hardware's.
func (a *assembly) heartbeat() {
	pulse, err := watchdog.Supervisor()
	switch {
	case err != nil:
		a.miss(watchdogTimer, hal.ErrNotFound, "%v", err)
	case pulse == nil:
		a.miss(watchdogTimer, hal.ErrNotFound, "nobody supervises this process; on the reader's own image the supervisor does")
	default:
		a.keep(pulse)
		a.board.Watchdog = pulse
	}
}

// hardwareWatchdog adds the machine's watchdog itself. Readers use heartbeat.
func (a *assembly) hardwareWatchdog(path string) {
	dog, err := watchdog.Open(path, 15*time.Second)
	if err != nil {
		a.miss(watchdogTimer, hal.ErrNotFound, "%s", hal.AdviceOf(err))
		return
	}
	a.keep(dog)
	a.board.Watchdog = dog
}
