package sim

import (
	"errors"
	"fmt"
	"image"
	"path/filepath"

	"smartreader/hal"
	"smartreader/hal/filekeys"
)

// Options of a simulated reader.
type Options struct {
	Dir        string      // where keys are kept, in a folder "keys"; required
	Serial     string      // the serial number, "SIM-0001" when empty
	ScreenSize image.Point // pixels, 480 x 320 when zero
}

// Board is a simulated reader. The reader is given HAL; whoever plays the
// cardholder, a test or the simulator's control API, uses the rest. All of it
// is safe for concurrent use.
type Board struct {
	HAL *hal.Board

	Tray     *Tray
	Field    *Field
	Head     *Head
	Keys     *Keys
	PINPad   *PINPad
	Screen   *Screen
	Signals  *Signals
	Tamper   *Tamper
	Watchdog *Watchdog
}

// Open makes a simulated reader and opens its key store. Close it with
// HAL.Close.
func Open(o Options) (*Board, error) {
	if o.Dir == "" {
		return nil, errors.New("sim: Options.Dir is empty")
	}
	if o.Serial == "" {
		o.Serial = "SIM-0001"
	}
	if o.ScreenSize == (image.Point{}) {
		o.ScreenSize = image.Pt(480, 320)
	}
	if o.ScreenSize.X <= 0 || o.ScreenSize.Y <= 0 {
		return nil, fmt.Errorf("sim: screen size %v: %w", o.ScreenSize, hal.ErrUnsupported)
	}
	keys, err := filekeys.Open(filepath.Join(o.Dir, "keys"))
	if err != nil {
		return nil, fmt.Errorf("sim: %w", err)
	}
	b := &Board{
		Tray:     newTray(),
		Field:    newField(),
		Head:     newHead(),
		Keys:     newKeys(),
		PINPad:   newPINPad(keys),
		Screen:   newScreen(o.ScreenSize),
		Signals:  &Signals{},
		Tamper:   newTamper(),
		Watchdog: &Watchdog{},
	}
	b.HAL = &hal.Board{
		Name:        "sim",
		Serial:      o.Serial,
		Contact:     b.Tray,
		Contactless: b.Field,
		Swipe:       b.Head,
		PINPad:      b.PINPad,
		Screen:      b.Screen,
		Input:       b.Keys,
		Signals:     b.Signals,
		Tamper:      b.Tamper,
		Keys:        keys,
		Watchdog:    b.Watchdog,
		Close:       b.close,
	}
	return b, nil
}

func (b *Board) close() error {
	b.Tray.halt()
	b.Field.halt()
	b.Head.moments.halt()
	b.Keys.moments.halt()
	b.PINPad.halt()
	b.Screen.halt()
	b.Signals.halt()
	b.Tamper.halt()
	b.Watchdog.halt()
	return nil
}
