package board

import (
	"fmt"
	"log/slog"
	"os"
	"strings"

	"periph.io/x/conn/v3/gpio/gpioreg"
	"periph.io/x/conn/v3/i2c/i2creg"
	"periph.io/x/conn/v3/spi/spireg"
	"periph.io/x/host/v3"

	"smartreader/hal"
)

// desk looks at what is plugged into this computer.
func desk(dir string, log *slog.Logger) (*hal.Board, error) {
	b, err := bare("desk", dir)
	if err != nil {
		return nil, err
	}
	// A host driver that fails takes only its own buses away.
	state, err := host.Init()
	if err != nil {
		log.Warn("periph host drivers", "error", err)
	} else {
		for _, failure := range state.Failed {
			log.Info("periph host driver", "driver", failure.D.String(), "error", failure.Err)
		}
	}
	var w wiring
	for _, ref := range i2creg.All() {
		w.i2c = append(w.i2c, ref.Name)
	}
	for _, ref := range spireg.All() {
		w.spi = append(w.spi, ref.Name)
	}
	w.lines = len(gpioreg.All())
	w.look(os.DirFS("/"))
	b.Missing = append(b.Missing, w.missing()...)
	return b, nil
}

// missing says of every device of a reader why this board does not have it.
// This build has no chip drivers, so that is all of them.
func (w *wiring) missing() []hal.Missing {
	return []hal.Missing{
		lack("chip card reader", w.ccid,
			"no USB device of the CCID class (0b)", "plug in a USB chip card reader of that class"),
		lack("contactless reader", w.places(),
			"no I2C bus, SPI port or USB serial adapter that a PN532 could be on", "enable I2C or SPI, or plug in an adapter"),
		lack("magnetic stripe reader", w.inputs,
			"no input device in /dev/input", "plug in a stripe reader that types like a keyboard"),
		{Device: "PIN pad", Err: fmt.Errorf("%w: this board has none and needs none for payments without PIN", hal.ErrNotFound)},
		lack("screen", w.framebuffers,
			"no /dev/fb0", "connect a display whose kernel driver offers a framebuffer"),
		lack("lights and beeper", w.gpio(),
			"no GPIO lines", "use a board with GPIO"),
		lack("tamper switch", w.gpio(),
			"no GPIO lines", "use a board with GPIO"),
		lack("watchdog", w.watchdogs,
			"no /dev/watchdog", "load the kernel's watchdog driver"),
	}
}

// lack is a missing device: nothing found, or something without a driver.
func lack(device string, found []string, nothing, remedy string) hal.Missing {
	if len(found) == 0 {
		return hal.Missing{Device: device, Err: fmt.Errorf("%w: %s; %s (this build will still need a driver for it)", hal.ErrNotFound, nothing, remedy)}
	}
	return hal.Missing{Device: device, Err: fmt.Errorf("%w: found %s, this build has no driver for it; use a build that has one", hal.ErrUnsupported, strings.Join(found, ", "))}
}
