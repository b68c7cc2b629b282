//go:build linux

package board

import (
	"context"
	"errors"
	"image"
	"log/slog"
	"slices"

	"smartreader/hal"
	"smartreader/hal/evdev"
	"smartreader/hal/watchdog"
)

// pressed adds what can be pressed: own is "evdev", "gpio" or both; w may be nil
// on a board without lines.
func (a *assembly) pressed(w *wired, own ...string) {
	// A board that has keys by itself is a reader; elsewhere they are somebody's
	// keyboard, and only listened to. On the reader's own image process 1 sees to it
	// that nothing typed shows, and waits for the power key: nothing is taken from it.
	alone := slices.Contains(own, "evdev") && !watchdog.Supervised()
	switch a.settings.Keys {
	case "":
	case off:
		a.off(keys, "keys")
		return
	default:
		own = []string{a.settings.Keys}
	}
	var found []hal.Input
	for _, kind := range own {
		switch kind {
		case "evdev":
			size := image.Point{}
			if a.board.Screen != nil {
				size = a.board.Screen.Bounds().Size()
			}
			input := a.evdev(evdev.Options{Screen: size, Exclude: a.swipeMatch(), Alone: alone, Log: a.log})
			a.keep(input)
			found = append(found, input)
		case "gpio":
			if w == nil {
				a.miss(matrixKeypad, hal.ErrUnsupported, "the board %q has no lines for one", a.board.Name)
				continue
			}
			pad, err := a.keypad(w)
			if err != nil {
				a.miss(matrixKeypad, hal.ErrNotFound, "%v", err)
				continue
			}
			a.keep(pad)
			found = append(found, pad)
		}
	}
	switch len(found) {
	case 0:
		a.miss(keys, hal.ErrNotFound, "none are in use; set devices.keys to %q or %q", "evdev", "gpio")
	case 1:
		a.board.Input = found[0]
	default:
		a.board.Input = &either{inputs: found, log: a.log}
	}
}

// either is several inputs as one. A second key pressed at the very moment of
// the first is lost, as the contract allows.
type either struct {
	inputs []hal.Input
	log    *slog.Logger
	told   bool // that one failed while another works, which nobody else tells
}

func (e *either) Next(ctx context.Context) (hal.InputEvent, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	type result struct {
		event hal.InputEvent
		err   error
	}
	results := make(chan result, len(e.inputs))
	for _, input := range e.inputs {
		go func() {
			event, err := input.Next(ctx)
			results <- result{event, err}
		}()
	}
	var first *result
	var failed error
	for range e.inputs {
		r := <-results
		if r.err != nil {
			failed = r.err
			over := errors.Is(r.err, hal.ErrHalted) || errors.Is(r.err, context.Canceled) || errors.Is(r.err, context.DeadlineExceeded)
			if !over && !e.told {
				e.told = true
				e.log.Warn("some keys do not work", "err", r.err)
			}
			continue
		}
		if first == nil {
			first = &r
			stop() // the others end soon, and are waited for
		}
	}
	if first == nil {
		return hal.InputEvent{}, failed
	}
	return first.event, nil
}
