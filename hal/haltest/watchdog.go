package haltest

import "smartreader/hal"

// Watchdog checks a watchdog, and may arm it: somebody must go on kicking, or
// close the board.
func Watchdog(t T, w hal.Watchdog) {
	t.Helper()
	check(t, "kicks", "load the kernel's watchdog driver; only one program can hold the device")
	for range 3 {
		if err := bounded(t, "Kick", w.Kick); err != nil {
			t.Errorf("Kick: got %v, want nil", err)
		}
	}
}
