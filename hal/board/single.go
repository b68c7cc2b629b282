//go:build linux

package board

import (
	"fmt"
	"log/slog"
	"strings"

	"smartreader/hal"
)

// Single returns a board with one device only, to try its driver by hand:
//
//	ccid, ccid=MATCH, pn532=hsu:/dev/ttyUSB0, pn532=i2c:/dev/i2c-1,
//	fb=/dev/fb0, ssd1306=/dev/i2c-1, evdev, swipe=usb:vvvv:pppp,
//	panel (lights, beeper and keypad of the board "pi"), watchdog=/dev/watchdog0
//
// The board has no keys and no serial number, so no reader can run on it.
func Single(spec string, log *slog.Logger) (*hal.Board, error) {
	device, where, _ := strings.Cut(spec, "=")
	var s Settings
	var add func(*assembly)
	switch device {
	case "ccid":
		s.CCID, add = where, (*assembly).chips
	case "pn532":
		s.PN532, add = where, func(a *assembly) { a.taps("") }
	case "fb", "ssd1306":
		s.Screen, add = device+":"+where, func(a *assembly) { a.picture() }
	case "evdev":
		add = func(a *assembly) { a.settings.Keys = "evdev"; a.pressed(nil) } // chosen, so not taken from whose they are
	case "swipe":
		s.Swipe, add = where, (*assembly).stripe
	case "panel":
		add = func(a *assembly) { w := piWiring(); a.pressed(w, "gpio"); a.signals(w) }
	case "watchdog":
		add = func(a *assembly) { a.hardwareWatchdog(where) }
	default:
		return nil, fmt.Errorf("board: unknown device %q; devices are ccid, pn532=, fb=, ssd1306=, evdev, swipe=, panel, watchdog=", spec)
	}
	if where == "" && device != "ccid" && device != "evdev" && device != "panel" {
		return nil, fmt.Errorf("board: device %s: say where it is, as in %s", device, map[string]string{
			"pn532": "pn532=hsu:/dev/ttyUSB0", "fb": "fb=/dev/fb0", "ssd1306": "ssd1306=/dev/i2c-1",
			"swipe": "swipe=usb:0801:0001", "watchdog": "watchdog=/dev/watchdog0",
		}[device])
	}
	if err := s.Check(); err != nil {
		return nil, err
	}
	a := newAssembly(device, "", s, log)
	add(a)
	return a.finish(), nil
}
