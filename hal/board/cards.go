//go:build linux

package board

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"periph.io/x/host/v3/sysfs"

	"smartreader/hal"
	"smartreader/hal/ccid"
	"smartreader/hal/evdev"
	"smartreader/hal/pn532"
	"smartreader/hal/tty"
)

// chips adds the slot for chip cards. It is there even while no reader is
// plugged in: one that comes later is found.
func (a *assembly) chips() {
	match := a.settings.CCID
	if match == off {
		a.off(chipSlot, "ccid")
		return
	}
	slot := ccid.New(ccid.Options{Match: match, Log: a.log})
	a.keep(slot)
	a.board.Contact = slot
	if found := ccidReaders(a.root); len(found) == 0 {
		a.log.Warn("no chip card reader is plugged in: connect a USB reader of the CCID class", "board", a.board.Name)
	} else {
		a.log.Info("chip card reader", "found", strings.Join(found, ", "))
	}
}

// taps adds the contactless chip; own is where the board has it.
func (a *assembly) taps(own string) {
	switch where := or(a.settings.PN532, own); where {
	case off:
		a.off(antenna, "pn532")
	case "":
		a.miss(antenna, hal.ErrNotFound, "this board does not know where a PN532 is%s; set devices.pn532, for example to %q",
			a.candidates("dev/ttyUSB*", "dev/ttyACM*", "dev/i2c-*", "dev/spidev*"), "hsu:/dev/ttyUSB0")
	default:
		reader := pn532.New(func(context.Context) (pn532.Link, error) { return openPN532(where) }, &pn532.Opts{Log: a.log})
		a.keep(reader)
		a.board.Contactless = reader
	}
}

// openPN532 opens the chip's line, each time anew: an adapter may have been
// plugged in again under another name.
func openPN532(where string) (pn532.Link, error) {
	kind, path := split(where)
	switch kind {
	case "i2c":
		bus, err := i2cBus(path)
		if err != nil {
			return nil, err
		}
		return ownLink{pn532.I2C(bus, 0), bus}, nil
	case "spi":
		port, err := spiPort(path)
		if err != nil {
			return nil, err
		}
		return ownLink{pn532.SPI(port), port}, nil
	}
	if serial, ok := strings.CutPrefix(path, "usb:"); ok {
		found, err := tty.Find(serial)
		if err != nil {
			return nil, err
		}
		path = found
	}
	port, err := tty.Open(path, 115200)
	if err != nil {
		return nil, err
	}
	return pn532.HSU(port), nil
}

// ownLink is a link that closes its bus with it.
type ownLink struct {
	pn532.Link
	bus io.Closer
}

func (l ownLink) Close() error { return errors.Join(l.Link.Close(), l.bus.Close()) }

// stripe adds a magnetic stripe reader, if the settings name one: nothing else
// tells it from a keyboard.
func (a *assembly) stripe() {
	switch match := a.settings.Swipe; match {
	case off:
		a.off(stripeReader, "swipe")
	case "":
		a.miss(stripeReader, hal.ErrNotFound, "none is named%s; set devices.swipe to its USB ids, for example %q",
			a.candidates("dev/input/event*"), "usb:0801:0001")
	default:
		swipe := evdev.NewSwipe(evdev.SwipeOptions{Match: match, Log: a.log})
		a.keep(swipe)
		a.board.Swipe = swipe
	}
}

// swipeMatch says which device is the magnetic stripe reader, "" for none.
func (a *assembly) swipeMatch() string {
	if a.settings.Swipe == off {
		return ""
	}
	return a.settings.Swipe
}

// candidates names what a device could be, among what Linux has found.
func (a *assembly) candidates(patterns ...string) string {
	if found := nodes(a.root, patterns...); len(found) > 0 {
		return " (there is " + strings.Join(found, ", ") + ")"
	}
	return ""
}

func i2cBus(path string) (*sysfs.I2C, error) {
	number, err := strconv.Atoi(strings.TrimPrefix(path, "/dev/i2c-"))
	if err != nil {
		return nil, fmt.Errorf("board: %s is no I2C bus", path)
	}
	bus, err := sysfs.NewI2C(number)
	if err != nil {
		return nil, hal.Advise(fmt.Errorf("%w: %w", hal.ErrNotFound, err), "%s cannot be used: on a Raspberry Pi config.txt switches it on (dtparam=i2c_arm=on), and this user must be able to open it", path)
	}
	return bus, nil
}

func spiPort(path string) (*sysfs.SPI, error) {
	var bus, select_ int
	if _, err := fmt.Sscanf(filepath.Base(path), "spidev%d.%d", &bus, &select_); err != nil {
		return nil, fmt.Errorf("board: %s is no SPI port", path)
	}
	port, err := sysfs.NewSPI(bus, select_)
	if err != nil {
		return nil, hal.Advise(fmt.Errorf("%w: %w", hal.ErrNotFound, err), "%s cannot be used: on a Raspberry Pi config.txt switches it on (dtparam=spi=on), and this user must be able to open it", path)
	}
	return port, nil
}
