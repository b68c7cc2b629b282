package evdev

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"smartreader/hal"
)

// SwipeOptions say which device is the magnetic stripe reader.
type SwipeOptions struct {
	// Match is "usb:vvvv:pppp", the vendor and product numbers in hexadecimal,
	// or a part of the device's name, or its serial number. Empty matches
	// nothing.
	Match string
	// Dir is the folder of the devices, "" is /dev/input.
	Dir string
	// Silence after the last key ends a swipe; 0 is 250 ms. Readers type a swipe
	// in one go, with Enter after each track, after the last one or not at all.
	Silence time.Duration
	// Log gets a line when the device comes, goes or fails, and never what is
	// on a card; nil: none.
	Log *slog.Logger
}

// longestSwipe bounds a swipe of a device that never stops typing.
const longestSwipe = 10 * time.Second

// Swipe is a magnetic stripe reader that types like a keyboard.
type Swipe struct {
	devices *devices[*stripe]
	match   string
	silence time.Duration
}

var _ hal.SwipeReader = (*Swipe)(nil)

// NewSwipe returns a Swipe; it opens nothing yet.
func NewSwipe(o SwipeOptions) *Swipe { return newSwipe(o, kernel()) }

func newSwipe(o SwipeOptions, s system) *Swipe {
	if o.Silence <= 0 {
		o.Silence = 250 * time.Millisecond
	}
	return &Swipe{
		match:   o.Match,
		silence: o.Silence,
		devices: newDevices(o.Dir, s, o.Log, func(fd int, id *identity) (*stripe, bool, error) {
			if !id.matches(o.Match) || !id.typewriter() {
				return nil, false, nil
			}
			if err := s.grab(fd); err != nil {
				return nil, false, fmt.Errorf("take it away from others: %w", err)
			}
			return new(stripe), true, nil
		}),
	}
}

// Read implements hal.SwipeReader. A card swiped while nobody waited is lost.
// Errors match hal.ErrMute, hal.ErrNotFound, hal.ErrHalted or the context's
// error.
func (s *Swipe) Read(ctx context.Context) (hal.Tracks, error) {
	s.devices.mu.Lock()
	defer s.devices.mu.Unlock()
	tracks, err := s.read(ctx)
	if err != nil {
		tracks.Wipe()
		return hal.Tracks{}, fmt.Errorf("evdev: swipe: %w", err)
	}
	return tracks, nil
}

func (s *Swipe) read(ctx context.Context) (_ hal.Tracks, err error) {
	d := s.devices
	if err := d.ended(ctx); err != nil {
		return hal.Tracks{}, err
	}
	a, err := newAlarm(ctx, d.life)
	if err != nil {
		return hal.Tracks{}, err
	}
	defer func() { err = errors.Join(err, a.close()) }()
	d.look()
	defer s.wipe()
	if err := d.drain(func(dev *device[*stripe], e event) { dev.handler.take(e) }); err != nil {
		return hal.Tracks{}, err
	}
	s.wipe()
	var began, last time.Time // of the swipe; zero while there is none
	for {
		if err := d.ended(ctx); err != nil {
			return hal.Tracks{}, err
		}
		if len(d.open) == 0 {
			return hal.Tracks{}, s.absent()
		}
		timeout := lookAgain
		if !last.IsZero() {
			timeout = max(s.silence-time.Since(last), 0)
		}
		ready, err := d.wait(a, timeout)
		if err != nil {
			return hal.Tracks{}, err
		}
		for _, dev := range ready {
			d.read(dev, func(e event) {
				if dev.handler.take(e) {
					last = time.Now()
				}
			})
		}
		if began.IsZero() {
			began = last
		}
		silent := len(ready) == 0 && time.Since(last) >= s.silence
		if last.IsZero() || !silent && time.Since(began) < longestSwipe {
			continue
		}
		if tracks, swiped := s.finish(); swiped {
			if tracks.One.Empty() && tracks.Two.Empty() && tracks.Three.Empty() {
				return hal.Tracks{}, hal.ErrMute
			}
			return tracks, nil
		}
		s.wipe()
		began, last = time.Time{}, time.Time{}
	}
}

func (s *Swipe) absent() error {
	if d := s.devices; d.problem != nil {
		return hal.Advise(fmt.Errorf("%w: %w", hal.ErrNotFound, d.problem), "no magnetic stripe reader %q, but something could not be opened: %v", s.match, d.problem)
	}
	return hal.Advise(hal.ErrNotFound, "no magnetic stripe reader %q that types like a keyboard: plug it in", s.match)
}

// finish returns the first device's tracks on which a card was swiped.
func (s *Swipe) finish() (tracks hal.Tracks, swiped bool) {
	for _, dev := range s.devices.open {
		if dev.handler.swiped() {
			return dev.handler.tracks(), true
		}
	}
	return hal.Tracks{}, false
}

func (s *Swipe) wipe() {
	for _, dev := range s.devices.open {
		dev.handler.wipe()
	}
}

// Close gives the device back; a call in flight and later calls return
// hal.ErrHalted. A second call does nothing.
func (s *Swipe) Close() error {
	s.devices.close()
	return nil
}
