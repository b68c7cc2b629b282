package ssd1306

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/draw"
	"testing"

	"periph.io/x/conn/v3/i2c/i2ctest"

	"smartreader/hal"
	"smartreader/hal/haltest"
)

// chip is the part of an SSD1306 that the driver uses: display memory in pages
// of 8 rows, written at a page and column that commands set.
type chip struct {
	i2ctest.Record
	addr         uint16
	memory       [8][128]byte
	page, column int
	on, gone     bool
	t            *testing.T
}

func (c *chip) Tx(addr uint16, w, r []byte) error {
	if c.gone || addr != c.addr {
		return errors.New("no answer")
	}
	if err := c.Record.Tx(addr, w, r); err != nil {
		return err
	}
	switch w[0] {
	case 0x40:
		c.column += copy(c.memory[c.page][c.column:], w[1:])
	case 0x00:
		c.commands(w[1:])
	default:
		c.t.Errorf("control byte %#x", w[0])
	}
	return nil
}

func (c *chip) commands(b []byte) {
	for len(b) > 0 {
		n := 1
		switch op := b[0]; {
		case op == 0xAE, op == 0xAF:
			c.on = op == 0xAF
		case op >= 0xB0 && op <= 0xB7:
			c.page = int(op & 7)
		case op < 0x10:
			c.column = c.column&0x70 | int(op)
		case op < 0x18:
			c.column = c.column&0x0F | int(op&7)<<4
		case op == 0x21, op == 0x22:
			n = 3
		case op == 0x20, op == 0x81, op == 0x8D, op == 0xA8, op >= 0xD3 && op <= 0xDB:
			n = 2
		}
		b = b[min(n, len(b)):]
	}
}

func (c *chip) lit(x, y int) bool { return c.memory[y/8][x]>>(y%8)&1 == 1 }

// checkered has a pixel lit, or nearly, where x+y is odd, beyond a dark frame.
func checkered(bounds image.Rectangle) *image.RGBA {
	m := image.NewRGBA(bounds)
	draw.Draw(m, bounds, image.NewUniform(color.RGBA{90, 100, 110, 255}), image.Point{}, draw.Src)
	for y := range bounds.Dy() - 4 {
		for x := range bounds.Dx() - 4 {
			if (x+y)%2 == 1 {
				m.Set(bounds.Min.X+x+2, bounds.Min.Y+y+2, color.RGBA{140, 150, 140, 255})
			}
		}
	}
	return m
}

func compare(t *testing.T, c *chip, frame image.Image) {
	t.Helper()
	b := frame.Bounds()
	for y := range b.Dy() {
		for x := range b.Dx() {
			want := frame.At(b.Min.X+x, b.Min.Y+y).(color.RGBA).G >= 128
			if c.lit(x, y) != want {
				t.Fatalf("pixel %d, %d lit: %v, want %v", x, y, !want, want)
			}
		}
	}
}

func TestConformance(t *testing.T) {
	for name, opts := range map[string]*Opts{
		"usual": nil, "128 x 32": {Height: 32}, "second address": {Addr: High, Turned: true},
	} {
		t.Run(name, func(t *testing.T) {
			c := &chip{addr: Low, t: t}
			if opts != nil && opts.Addr != 0 {
				c.addr = opts.Addr
			}
			for page := range c.memory {
				for x := range c.memory[page] {
					c.memory[page][x] = 0xA5 // what it wakes up with
				}
			}
			s, err := New(c, opts)
			if err != nil {
				t.Fatal(err)
			}
			if !c.on {
				t.Error("the display is off")
			}
			compare(t, c, image.NewRGBA(s.Bounds()))
			haltest.Screen(t, s)
			frame := checkered(s.Bounds().Add(image.Pt(5, -3)))
			if err := s.Show(t.Context(), frame); err != nil {
				t.Fatal(err)
			}
			compare(t, c, frame)
			before := len(c.Ops)
			if err := s.Show(t.Context(), frame); err != nil || len(c.Ops) != before {
				t.Errorf("the same frame again: %d transfers, %v", len(c.Ops)-before, err)
			}
			haltest.Closing(t, s, s.Close)
			if c.on {
				t.Error("the display is on after Close")
			}
		})
	}
}

func TestDisplayComesAndGoes(t *testing.T) {
	c := &chip{addr: Low, gone: true, t: t}
	if _, err := New(c, nil); !errors.Is(err, hal.ErrNotFound) {
		t.Fatalf("nothing on the bus: got %v, want hal.ErrNotFound", err)
	}
	c.gone = false
	s, err := New(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	frame := checkered(s.Bounds())
	if err := s.Show(t.Context(), frame); err != nil {
		t.Fatal(err)
	}
	c.gone = true
	if err := s.Show(t.Context(), image.NewRGBA(s.Bounds())); !errors.Is(err, hal.ErrNotFound) {
		t.Fatalf("unplugged: got %v, want hal.ErrNotFound", err)
	}
	c.gone, c.on, c.memory = false, false, [8][128]byte{}
	if err := s.Show(t.Context(), frame); err != nil || !c.on {
		t.Fatalf("plugged in again: on %v, %v", c.on, err)
	}
	compare(t, c, frame)
	c.gone = true
	if err := s.Show(t.Context(), image.NewRGBA(s.Bounds())); err == nil {
		t.Fatal("a display that is gone shows")
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close of a display that is gone: %v", err)
	}
}

// The setup as recorded, against the command table of the data sheet: what
// makes a wrong display (dark, mirrored, half) is here.
func TestSetup(t *testing.T) {
	bus := &i2ctest.Record{}
	if _, err := New(bus, &Opts{Height: 32}); err != nil {
		t.Fatal(err)
	}
	for what, command := range map[string][]byte{
		"charge pump on": {0x8D, 0x14}, "32 rows": {0xA8, 31}, "sequential COM pins": {0xDA, 0x02},
		"segments mirrored": {0xA1}, "rows from below": {0xC8}, "not inverted": {0xA6}, "on": {0xAF},
	} {
		if !bytes.Contains(bus.Ops[0].W, command) {
			t.Errorf("%s: no % x in % x", what, command, bus.Ops[0].W)
		}
	}
	replay := &i2ctest.Playback{Ops: bus.Ops, DontPanic: true}
	if _, err := New(replay, &Opts{Height: 32}); err != nil || replay.Close() != nil {
		t.Errorf("a second time: %v, %v", err, replay.Close())
	}
}

func TestNoSuchDisplay(t *testing.T) {
	for _, opts := range []*Opts{{Addr: 0x20}, {Height: 48}, {Height: -1}} {
		if _, err := New(&chip{addr: Low, t: t}, opts); !errors.Is(err, hal.ErrUnsupported) {
			t.Errorf("%+v: got %v, want hal.ErrUnsupported", opts, err)
		}
	}
}
