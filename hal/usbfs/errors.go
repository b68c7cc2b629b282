package usbfs

import "errors"

var (
	// ErrBusy is returned by Open when another program has the interface.
	ErrBusy = errors.New("usbfs: the device is in use by another program")
	// ErrStall is returned by a transfer on an endpoint that the device has
	// halted, and for a control request that it refuses.
	ErrStall = errors.New("usbfs: endpoint stalled")
)
