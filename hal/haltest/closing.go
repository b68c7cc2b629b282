package haltest

import (
	"context"
	"errors"
	"slices"

	"smartreader/hal"
)

// Closing checks that close makes a call in flight and later calls of a device
// return hal.ErrHalted, and that it may be called twice. The device is one of
// hal's interfaces, or a *hal.Board with all it has. It may be unplugged, but
// there must be nothing that a waiting call could return: no card, no key
// pressed, case closed.
func Closing(t T, device any, close func() error) {
	t.Helper()
	check(t, "closing ends calls", "Close makes calls in flight and later calls return ErrHalted")
	devices := []any{device}
	if b, ok := device.(*hal.Board); ok {
		devices = parts(b)
	}
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	type flight struct {
		device any
		*pending[none]
	}
	var flights []flight
	for _, d := range devices {
		wait, now := calls(d)
		if wait == nil && now == nil {
			t.Fatalf("haltest: %T is no device of package hal", d)
		}
		if wait != nil {
			flights = append(flights, flight{d, start(only(func() error { return wait(ctx) }))})
		}
	}
	pause(t, short)
	flights = slices.DeleteFunc(flights, func(f flight) bool { return f.ended() && errors.Is(f.err, hal.ErrNotFound) })
	for _, f := range flights {
		if f.ended() {
			t.Fatalf("%T: got %v before it was closed, want it to wait", f.device, f.err)
		}
	}
	if err := bounded(t, "Close", close); err != nil {
		t.Errorf("Close: got %v, want nil", err)
	}
	for _, f := range flights {
		if !f.after(long) {
			t.Fatalf("%T: the call in flight is still waiting %v after Close, want hal.ErrHalted", f.device, long)
		}
		if !errors.Is(f.err, hal.ErrHalted) {
			t.Errorf("%T: the call in flight: got %v, want hal.ErrHalted", f.device, f.err)
		}
	}
	for _, d := range devices {
		wait, now := calls(d)
		for _, call := range []func(context.Context) error{wait, now} {
			if call == nil {
				continue
			}
			if err := bounded(t, "a call after Close", func() error { return call(ctx) }); !errors.Is(err, hal.ErrHalted) {
				t.Errorf("%T: a call after Close: got %v, want hal.ErrHalted", d, err)
			}
		}
	}
	if err := bounded(t, "a second Close", close); err != nil {
		t.Errorf("a second Close: got %v, want nil", err)
	}
}

// parts are the devices that a board has. Its PIN pad is not asked: it would
// ask a person for a PIN.
func parts(b *hal.Board) (devices []any) {
	// A nil interface of one kind, put in an any, is the nil any.
	for _, d := range []any{b.Contact, b.Contactless, b.Swipe, b.Screen, b.Input, b.Signals, b.Tamper, b.Watchdog} {
		if d != nil {
			devices = append(devices, d)
		}
	}
	return devices
}

// calls returns a call of a device that waits, and one that does not.
func calls(device any) (wait, now func(context.Context) error) {
	switch d := device.(type) {
	case hal.ContactReader:
		return func(ctx context.Context) error { _, err := d.Activate(ctx); return err },
			func(ctx context.Context) error { _, err := d.Present(ctx); return err }
	case hal.ContactlessReader:
		return func(ctx context.Context) error { _, err := d.Activate(ctx); return err }, nil
	case hal.SwipeReader:
		return func(ctx context.Context) error { _, err := d.Read(ctx); return err }, nil
	case hal.Input:
		return func(ctx context.Context) error { _, err := d.Next(ctx); return err }, nil
	case hal.Tamper:
		return func(ctx context.Context) error { _, err := d.Watch(ctx); return err }, nil
	case hal.Screen:
		return nil, func(ctx context.Context) error { return d.Show(ctx, picture(d.Bounds())) }
	case hal.Signals:
		return nil, func(context.Context) error { return d.LEDs(0) }
	case hal.Watchdog:
		return nil, func(context.Context) error { return d.Kick() }
	}
	return nil, nil
}
