//go:build linux

package board

import (
	"errors"
	"io"
	"strings"

	"smartreader/hal"
	"smartreader/hal/fb"
	"smartreader/hal/ssd1306"
)

// picture adds the first screen of the board's own that is there, or the one
// that is set.
func (a *assembly) picture(own ...string) {
	if a.settings.Screen == off {
		a.off(screen, "screen")
		return
	}
	if a.settings.Screen != "" {
		own = []string{a.settings.Screen}
	}
	var reasons []string
	for _, setting := range own {
		s, err := openScreen(setting)
		if err == nil {
			a.keep(s)
			a.board.Screen = s
			a.log.Info("screen", "device", setting, "size", s.Bounds().Size().String())
			return
		}
		reasons = append(reasons, hal.AdviceOf(err))
	}
	if len(own) == 0 {
		a.miss(screen, hal.ErrNotFound, "none is named%s; set devices.screen, for example to %q", a.candidates("dev/fb*"), "fb:/dev/fb0")
		return
	}
	a.miss(screen, hal.ErrNotFound, "%s; then restart", strings.Join(reasons, "; or "))
}

type closableScreen interface {
	hal.Screen
	Close() error
}

func openScreen(setting string) (closableScreen, error) {
	kind, path := split(setting)
	if kind == "fb" {
		return fb.Open(path)
	}
	bus, err := i2cBus(path)
	if err != nil {
		return nil, err
	}
	s, err := ssd1306.New(bus, nil)
	if err != nil {
		return nil, errors.Join(err, bus.Close())
	}
	return ownScreen{s, bus}, nil
}

// ownScreen is a screen that closes its bus with it.
type ownScreen struct {
	*ssd1306.Screen
	bus io.Closer
}

func (s ownScreen) Close() error { return errors.Join(s.Screen.Close(), s.bus.Close()) }
