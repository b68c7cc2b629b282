package sim

import (
	"fmt"
	"sync/atomic"

	"smartreader/hal"
)

// Watchdog counts kicks and bites nobody. It is safe for concurrent use.
type Watchdog struct {
	kicks  atomic.Uint64
	halted atomic.Bool
}

var _ hal.Watchdog = (*Watchdog)(nil)

// Kick implements hal.Watchdog.
func (w *Watchdog) Kick() error {
	if w.halted.Load() {
		return fmt.Errorf("sim: kick: %w", hal.ErrHalted)
	}
	w.kicks.Add(1)
	return nil
}

// Kicks returns how often it was kicked.
func (w *Watchdog) Kicks() uint64 { return w.kicks.Load() }

func (w *Watchdog) halt() { w.halted.Store(true) }
