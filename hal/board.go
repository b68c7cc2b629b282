package hal

// Board is the hardware a reader runs on: what reader.Run is given. Makers of
// other hardware fill one in their own main and need no fork.
//
// A nil device is absent. The reader offers what the rest allows: without
// Contact there are no chip payments, without Screen it works by signals and
// POS only. Keys must not be nil.
type Board struct {
	Name   string // which wiring: "desk", "sim", ...
	Serial string // the device's serial number: letters, digits and '-'

	Contact     ContactReader
	Contactless ContactlessReader
	Swipe       SwipeReader
	PINPad      PINPad
	Screen      Screen
	Input       Input
	Signals     Signals
	Tamper      Tamper
	Keys        KeyStore
	Watchdog    Watchdog

	// Missing says for every nil device, and for every device replaced by
	// something lesser, what was looked for and what can be done about it.
	Missing []Missing

	// Close releases all devices; calls in flight return ErrHalted. Only the
	// one who opened the board calls it, once. It may be nil.
	Close func() error
}

// Missing is one device the board does not have.
type Missing struct {
	// Device is one of "chip card reader", "contactless reader", "magnetic stripe
	// reader", "PIN pad", "screen", "keys", "lights and beeper", "tamper switch",
	// "watchdog", "secure element"; a board may have names of its own besides.
	Device string
	// Err matches ErrNotFound when nothing was found, ErrUnsupported when
	// something was found that this build has no driver for. Its text says
	// what was looked for and the remedy, for the installer to read: Advise
	// makes such errors.
	Err error
}
