package boot

import (
	"context"
	"time"

	"smartreader/hal/watchdog"
)

const (
	// setupPatience is how long one step of ours may take.
	setupPatience = time.Minute
	// growPatience is how long it may take to mount the data partition, after
	// a power cut, and to grow it: minutes on a slow and large card.
	growPatience = 10 * time.Minute
	// silence is how long a worker may say nothing: its longest step, a
	// commit to a slow disk, takes a third of it.
	silence = 60 * time.Second
	// killPatience is how long the kernel may take to end a killed worker.
	killPatience = 15 * time.Second

	// The Raspberry Pi's watchdog counts to 15 s at most.
	watchdogTimeout = 15 * time.Second
	watchdogPeriod  = 3 * time.Second
)

// stayWell says that all is well for the next d. Whoever does something that
// may hang says so before. When the last such time is over, the hardware
// watchdog is left alone and resets the machine.
func (m *machine) stayWell(d time.Duration) {
	m.well.Store(int64(time.Since(m.started) + d))
}

func (m *machine) isWell() bool { return int64(time.Since(m.started)) < m.well.Load() }

// feedWatchdog kicks the hardware watchdog while all is well. It is not let go
// at the end: a machine that hangs on its way down is reset too.
func (m *machine) feedWatchdog(ctx context.Context) error {
	if !m.params.watchdog {
		m.say("hardware watchdog: off by the kernel command line")
		return nil
	}
	dog, err := watchdog.Open("/dev/watchdog0", watchdogTimeout)
	if err != nil {
		return err
	}
	m.say("hardware watchdog: resets after %v", dog.Timeout())
	return m.feed(ctx, dog.Kick)
}

func (m *machine) feed(ctx context.Context, kick func() error) error {
	for said := ""; ; {
		now := ""
		if !m.isWell() {
			now = "something hangs: the hardware watchdog is left alone"
		} else if err := kick(); err != nil {
			now = err.Error()
		}
		if now != said && now != "" {
			m.fault("%s", now)
		}
		said = now
		if err := pause(ctx, watchdogPeriod); err != nil {
			return err
		}
	}
}
