package ssd1306

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"sync"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/devices/v3/ssd1306"
	"periph.io/x/devices/v3/ssd1306/image1bit"

	"smartreader/hal"
)

// Addresses of the chip, as the pin SA0 is wired.
const (
	Low  uint16 = 0x3C // what most modules have
	High uint16 = 0x3D
)

// Opts are what cannot be asked of the display.
type Opts struct {
	Addr   uint16 // Low or High; 0 is Low
	Height int    // 64 or 32 pixels; 0 is 64
	// Turned is for a display mounted upside down.
	Turned bool
}

// Screen is a display. It is safe for concurrent use.
type Screen struct {
	bus  i2c.Bus
	opts ssd1306.Opts

	mu     sync.Mutex
	dev    *ssd1306.Dev // nil: must be set up (again)
	halted bool
}

var _ hal.Screen = (*Screen)(nil)

// New sets the display up and blanks it; a nil opts means the usual module. It
// borrows the bus. Errors match hal.ErrNotFound when nothing answers at the
// address, and hal.ErrUnsupported when there is no such display.
func New(bus i2c.Bus, opts *Opts) (*Screen, error) {
	if opts == nil {
		opts = &Opts{}
	}
	s := &Screen{opts: ssd1306.DefaultOpts}
	s.opts.MirrorVertical, s.opts.MirrorHorizontal = opts.Turned, opts.Turned
	switch opts.Addr {
	case 0, Low:
		s.bus = bus
	case High:
		s.bus = second{bus}
	default:
		return nil, fmt.Errorf("ssd1306: address %#x: %w", opts.Addr, hal.ErrUnsupported)
	}
	switch opts.Height {
	case 0, 64:
	case 32:
		s.opts.H, s.opts.Sequential = 32, true
	default:
		return nil, fmt.Errorf("ssd1306: a height of %d: %w", opts.Height, hal.ErrUnsupported)
	}
	if err := s.draw(image1bit.NewVerticalLSB(s.Bounds())); err != nil {
		return nil, fmt.Errorf("ssd1306: set up: %w", err)
	}
	return s, nil
}

// Bounds implements hal.Screen.
func (s *Screen) Bounds() image.Rectangle { return image.Rect(0, 0, s.opts.W, s.opts.H) }

// Show implements hal.Screen. Its error matches hal.ErrNotFound when the
// display does not answer; the next Show sets it up anew. A frame takes 30 ms
// on a bus of 400 kHz, what did not change takes no time.
func (s *Screen) Show(ctx context.Context, frame image.Image) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("ssd1306: show: %w", err)
	}
	if size := frame.Bounds().Size(); size != s.Bounds().Size() {
		return fmt.Errorf("ssd1306: show: a frame of %v on a screen of %v: %w", size, s.Bounds().Size(), hal.ErrUnsupported)
	}
	lit := monochrome(frame)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.halted {
		return fmt.Errorf("ssd1306: show: %w", hal.ErrHalted)
	}
	if err := s.draw(lit); err != nil {
		return fmt.Errorf("ssd1306: show: %w", err)
	}
	return nil
}

// draw sets the display up if need be. After an error nobody knows what is on
// it, so it is set up again the next time, with a whole frame.
func (s *Screen) draw(lit *image1bit.VerticalLSB) error {
	dev := s.dev
	s.dev = nil
	if dev == nil {
		var err error
		if dev, err = ssd1306.NewI2C(s.bus, &s.opts); err != nil {
			return absent(err)
		}
	}
	if err := dev.Draw(s.Bounds(), lit, image.Point{}); err != nil {
		return absent(err)
	}
	s.dev = dev
	return nil
}

func absent(err error) error {
	return hal.Advise(fmt.Errorf("%w: %w", hal.ErrNotFound, err), "the OLED does not answer: check its cable and address (%v)", err)
}

// Close switches the display off. Later calls return hal.ErrHalted; a second
// Close does nothing. The bus stays open.
func (s *Screen) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	dev := s.dev
	s.halted, s.dev = true, nil
	if dev == nil {
		return nil
	}
	if err := dev.Halt(); err != nil {
		return fmt.Errorf("ssd1306: close: %w", absent(err))
	}
	return nil
}

// monochrome lights the pixels that are nearer to white than to black.
func monochrome(frame image.Image) *image1bit.VerticalLSB {
	bounds := frame.Bounds()
	lit := image1bit.NewVerticalLSB(image.Rectangle{Max: bounds.Size()})
	for y := range bounds.Dy() {
		for x := range bounds.Dx() {
			gray := color.GrayModel.Convert(frame.At(bounds.Min.X+x, bounds.Min.Y+y)).(color.Gray)
			lit.SetBit(x, y, gray.Y >= 128)
		}
	}
	return lit
}

// second is a bus on which the chip's first address is its second: periph's
// driver knows the first only.
type second struct{ i2c.Bus }

func (b second) Tx(addr uint16, w, r []byte) error {
	if addr != Low {
		return errors.New("ssd1306: not an address of this display")
	}
	return b.Bus.Tx(High, w, r)
}
