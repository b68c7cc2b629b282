package evdev

import (
	"context"
	"errors"
	"fmt"
	"image"
	"log/slog"

	"smartreader/hal"
)

// Options of an Input.
type Options struct {
	// Dir is the folder of the devices, "" is /dev/input.
	Dir string
	// Screen is the size in pixels that touches are told in: the Size of the
	// board's Screen. Zero: touches are ignored.
	Screen image.Point
	// Exclude are devices that are never opened, as SwipeOptions.Match: the
	// board's magnetic stripe reader, whose keys are no keys.
	Exclude string
	// Alone takes the devices away from everybody else (EVIOCGRAB) until Close:
	// else the digits of a PIN are typed into the console too, and shown there.
	// Not for a computer that somebody else works at.
	Alone bool
	// Log gets a line for every device that comes, goes or fails; nil: none.
	Log *slog.Logger
}

// Input is all keypads, keyboards and touch screens of the machine.
type Input struct{ devices *devices[*listener] }

var _ hal.Input = (*Input)(nil)

// NewInput returns an Input; it opens nothing yet.
func NewInput(o Options) *Input { return newInput(o, kernel()) }

func newInput(o Options, s system) *Input {
	return &Input{newDevices(o.Dir, s, o.Log, func(fd int, id *identity) (*listener, bool, error) {
		if id.matches(o.Exclude) {
			return nil, false, nil
		}
		l := newListener(id, o.Screen, func(kind touchKind) position { return s.where(fd, kind) })
		if !l.useful() {
			return nil, false, nil
		}
		if o.Alone {
			if err := s.grab(fd); err != nil {
				return nil, false, fmt.Errorf("take it away from others: %w", err)
			}
		}
		return l, true, nil
	})}
}

// Next implements hal.Input. It waits for a device where there is none. Errors
// match hal.ErrHalted or the context's error.
func (in *Input) Next(ctx context.Context) (hal.InputEvent, error) {
	in.devices.mu.Lock()
	defer in.devices.mu.Unlock()
	e, err := in.next(ctx)
	if err != nil {
		return hal.InputEvent{}, fmt.Errorf("evdev: input: %w", err)
	}
	return e, nil
}

func (in *Input) next(ctx context.Context) (_ hal.InputEvent, err error) {
	d := in.devices
	if err := d.ended(ctx); err != nil {
		return hal.InputEvent{}, err
	}
	a, err := newAlarm(ctx, d.life)
	if err != nil {
		return hal.InputEvent{}, err
	}
	defer func() { err = errors.Join(err, a.close()) }()
	d.look()
	// What was pressed while nobody waited is lost.
	if err := d.drain(func(dev *device[*listener], e event) { dev.handler.take(e) }); err != nil {
		return hal.InputEvent{}, err
	}
	for {
		if err := d.ended(ctx); err != nil {
			return hal.InputEvent{}, err
		}
		ready, err := d.wait(a, lookAgain)
		if err != nil {
			return hal.InputEvent{}, err
		}
		var first hal.InputEvent
		found := false
		for _, dev := range ready {
			d.read(dev, func(e event) {
				if got, ok := dev.handler.take(e); ok && !found {
					first, found = got, true
				}
			})
		}
		if found {
			return first, nil
		}
	}
}

// Close closes all devices; a call in flight and later calls return
// hal.ErrHalted. A second call does nothing.
func (in *Input) Close() error {
	in.devices.close()
	return nil
}
