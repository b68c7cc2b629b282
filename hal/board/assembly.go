//go:build linux

package board

import (
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"

	"periph.io/x/host/v3/gpioioctl"

	"smartreader/hal"
	"smartreader/hal/evdev"
)

// assembly is a board being put together. Each of its methods adds one device,
// or says in the board's list why it is missing and what can be done about it.
type assembly struct {
	board    hal.Board
	settings Settings
	dir      string // for what devices must remember
	root     fs.FS  // the file system, "/" but for tests
	log      *slog.Logger
	closers  []io.Closer         // in the order they were opened
	gpio     *gpioioctl.GPIOChip // nil until a device needs a line
	evdev    func(evdev.Options) *evdev.Input
}

func newAssembly(name, dir string, s Settings, log *slog.Logger) *assembly {
	return &assembly{board: hal.Board{Name: name}, settings: s, dir: dir, root: os.DirFS("/"), log: log, evdev: evdev.NewInput}
}

// miss notes a missing device. Kind is hal.ErrNotFound or hal.ErrUnsupported.
func (a *assembly) miss(device string, kind error, format string, args ...any) {
	a.board.Missing = append(a.board.Missing, hal.Missing{Device: device, Err: hal.Advise(kind, format, args...)})
}

// off notes a device the settings leave out.
func (a *assembly) off(device, setting string) {
	a.miss(device, hal.ErrNotFound, "switched off by devices.%s", setting)
}

// keep closes the device with the board.
func (a *assembly) keep(c io.Closer) { a.closers = append(a.closers, c) }

// finish returns the board, with a word about every device it does not have.
func (a *assembly) finish() *hal.Board {
	for _, d := range []struct {
		there         bool
		name          string
		setting, want string // what the settings say of it
	}{
		{a.board.Contact != nil, chipSlot, "ccid", a.settings.CCID},
		{a.board.Contactless != nil, antenna, "pn532", a.settings.PN532},
		{a.board.Swipe != nil, stripeReader, "swipe", a.settings.Swipe},
		{a.board.PINPad != nil, pinPad, "", ""},
		{a.board.Screen != nil, screen, "screen", a.settings.Screen},
		{a.board.Input != nil, keys, "keys", a.settings.Keys},
		{a.board.Signals != nil, lights, "signals", a.settings.Signals},
		{a.board.Tamper != nil, tamperSwitch, "tamper", a.settings.Tamper},
		{a.board.Watchdog != nil, watchdogTimer, "", ""},
	} {
		switch {
		case d.there, a.spokenOf(d.name):
		case d.want == off:
			a.off(d.name, d.setting)
		case d.want != "":
			a.miss(d.name, hal.ErrUnsupported, "devices.%s is %q, which the board %q has no place for", d.setting, d.want, a.board.Name)
		default:
			a.miss(d.name, hal.ErrNotFound, "the board %q has none", a.board.Name)
		}
	}
	for _, m := range a.board.Missing {
		a.log.Warn("device missing", "board", a.board.Name, "device", m.Device, "reason", m.Err)
	}
	a.board.Close = a.close
	return &a.board
}

func (a *assembly) spokenOf(device string) bool {
	for _, m := range a.board.Missing {
		if m.Device == device {
			return true
		}
	}
	return false
}

// close closes the devices, the last opened first.
func (a *assembly) close() error {
	var err error
	for i := len(a.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, a.closers[i].Close())
	}
	a.closers = nil
	return err
}

// Names of devices in the list of missing ones.
const (
	chipSlot      = "chip card reader"
	antenna       = "contactless reader"
	stripeReader  = "magnetic stripe reader"
	pinPad        = "PIN pad"
	screen        = "screen"
	keys          = "keys"
	matrixKeypad  = "matrix keypad"
	lights        = "lights and beeper"
	tamperSwitch  = "tamper switch"
	watchdogTimer = "watchdog"
)
