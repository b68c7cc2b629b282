//go:build !linux

package usbfs

import (
	"context"
	"fmt"

	"smartreader/hal"
)

// Device is never made on this system.
type Device struct{}

var errSystem = fmt.Errorf("usbfs: only Linux has it: %w", hal.ErrUnsupported)

// Open fails with hal.ErrUnsupported.
func Open(string, Info, int) (*Device, error) { return nil, errSystem }

// Close does nothing.
func (*Device) Close() error { return nil }

// Transfer fails with hal.ErrUnsupported.
func (*Device) Transfer(context.Context, Endpoint, []byte) (int, error) { return 0, errSystem }

// Control fails with hal.ErrUnsupported.
func (*Device) Control(context.Context, byte, byte, uint16, uint16, []byte) (int, error) {
	return 0, errSystem
}

// Reset fails with hal.ErrUnsupported.
func (*Device) Reset() error { return errSystem }
