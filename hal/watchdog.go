package hal

// Watchdog resets the machine when nobody kicks it.
type Watchdog interface {
	// Kick restarts the countdown; the first kick may arm it. The board sets
	// the period, 10 s at least, so kicking every 3 s is enough everywhere.
	Kick() error
}
