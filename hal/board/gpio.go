//go:build linux

package board

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"periph.io/x/conn/v3/driver/driverreg"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/host/v3/gpioioctl"

	"smartreader/hal"
	"smartreader/hal/panel"
)

// wired says which GPIO lines of the board's main chip go where, by the chip's
// own numbers: names differ between kernels.
type wired struct {
	chips         []string // labels of the chip, whichever the board has
	leds          [4]int
	beeper        int
	tamper        int         // a switch to ground, closed while the case is
	rows, columns []int       // of the matrix keypad
	layout        [][]hal.Key // rows of columns
}

// line returns one line of the chip.
func (a *assembly) line(w *wired, number int) (gpio.PinIO, error) {
	if a.gpio == nil {
		if _, err := driverreg.Init(); err != nil {
			return nil, fmt.Errorf("GPIO drivers: %w", err)
		}
		i := slices.IndexFunc(gpioioctl.Chips, func(c *gpioioctl.GPIOChip) bool { return slices.Contains(w.chips, c.Label()) })
		if i < 0 {
			return nil, fmt.Errorf("no GPIO chip %s%s; it is a Raspberry Pi's, and this user must be able to open its /dev/gpiochip file",
				strings.Join(w.chips, " or "), a.candidates("dev/gpiochip*"))
		}
		a.gpio = gpioioctl.Chips[i]
	}
	if number >= a.gpio.LineCount() {
		return nil, fmt.Errorf("GPIO chip %s has no line %d", a.gpio.Label(), number)
	}
	return a.gpio.ByNumber(number), nil
}

func (a *assembly) pins(w *wired, numbers []int) (pins []gpio.PinIO, err error) {
	for _, n := range numbers {
		pin, err := a.line(w, n)
		if err != nil {
			return nil, err
		}
		pins = append(pins, pin)
	}
	return pins, nil
}

// signals adds lights and beeper.
func (a *assembly) signals(w *wired) {
	if a.settings.Signals == off {
		a.off(lights, "signals")
		return
	}
	pins, err := a.pins(w, append(w.leds[:], w.beeper))
	if err != nil {
		a.miss(lights, hal.ErrNotFound, "%v", err)
		return
	}
	s := panel.NewSignals([4]gpio.PinOut{pins[0], pins[1], pins[2], pins[3]}, pins[4])
	a.keep(s)
	a.board.Signals = s
}

// tampers adds the tamper switch, if the settings say that it is there.
func (a *assembly) tampers(w *wired) {
	if a.settings.Tamper != "gpio" {
		a.miss(tamperSwitch, hal.ErrNotFound, "not in use; when the switch is wired to line %d, set devices.tamper to %q", w.tamper, "gpio")
		return
	}
	pin, err := a.line(w, w.tamper)
	if err != nil {
		a.miss(tamperSwitch, hal.ErrNotFound, "%v", err)
		return
	}
	t := panel.NewTamper(pin, &panel.TamperOpts{Latch: filepath.Join(a.dir, "tampered")})
	a.keep(t)
	a.board.Tamper = t
}

// keypad returns the matrix keypad.
func (a *assembly) keypad(w *wired) (*panel.Keypad, error) {
	rows, err := a.pins(w, w.rows)
	if err != nil {
		return nil, err
	}
	columns, err := a.pins(w, w.columns)
	if err != nil {
		return nil, err
	}
	out, in := make([]gpio.PinOut, len(rows)), make([]gpio.PinIn, len(columns))
	for i, p := range rows {
		out[i] = p
	}
	for i, p := range columns {
		in[i] = p
	}
	return panel.NewKeypad(out, in, w.layout), nil
}
