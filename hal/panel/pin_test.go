package panel

import (
	"fmt"
	"sync"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// wire is a pin whose level tests set and see; what it is not asked for here
// fails as gpio.INVALID does.
type wire struct {
	invalid
	n     int
	edges chan struct{}

	mu    sync.Mutex
	level gpio.Level
}

type invalid struct{ gpio.PinIO }

func newWire(n int, l gpio.Level) *wire {
	return &wire{invalid: invalid{gpio.INVALID}, n: n, level: l, edges: make(chan struct{}, 8)}
}

func (w *wire) Name() string { return fmt.Sprintf("WIRE%d", w.n) }

func (w *wire) Read() gpio.Level {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.level
}

func (w *wire) Out(l gpio.Level) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.level = l
	return nil
}

func (w *wire) In(gpio.Pull, gpio.Edge) error { return nil }

func (w *wire) WaitForEdge(timeout time.Duration) bool {
	select {
	case <-w.edges:
		return true
	case <-time.After(timeout):
		return false
	}
}
