package sim

import (
	"sync/atomic"

	"smartreader/hal"
)

// Watchdog counts kicks and bites nobody. It is safe for concurrent use.
type Watchdog struct{ kicks atomic.Uint64 }

var _ hal.Watchdog = (*Watchdog)(nil)

// Kick implements hal.Watchdog.
func (w *Watchdog) Kick() error {
	w.kicks.Add(1)
	return nil
}

// Kicks returns how often it was kicked.
func (w *Watchdog) Kicks() uint64 { return w.kicks.Load() }
