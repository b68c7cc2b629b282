package fb

import (
	"encoding/binary"
	"fmt"
	"image"
	"image/color"

	"smartreader/hal"
)

// Channel says where one colour is in a pixel: Length bits from bit Offset.
type Channel struct{ Offset, Length int }

// Layout says how a picture lies in memory. A pixel is a number of Bytes bytes,
// least significant first: the byte order of every machine this builds for.
type Layout struct {
	Size   image.Point // pixels
	Stride int         // bytes from one row to the next
	Bytes  int         // of one pixel, 1 to 4

	// Red, Green, Blue are the colours. Alpha, when there is one, is set to
	// opaque. All of Length 0 means shades of gray, 0 is black.
	Red, Green, Blue, Alpha Channel
}

// check makes sure that Draw stays inside its memory.
func (l Layout) check() error {
	const most = 1 << 14 // pixels; larger than any panel, small enough never to overflow
	if l.Size.X < 1 || l.Size.Y < 1 || l.Size.X > most || l.Size.Y > most {
		return fmt.Errorf("%d x %d pixels: %w", l.Size.X, l.Size.Y, hal.ErrUnsupported)
	}
	if l.Bytes < 1 || l.Bytes > 4 {
		return fmt.Errorf("%d bytes per pixel: %w", l.Bytes, hal.ErrUnsupported)
	}
	if l.Stride < l.Size.X*l.Bytes || l.Stride > most*8 {
		return fmt.Errorf("rows of %d bytes for %d pixels of %d: %w", l.Stride, l.Size.X, l.Bytes, hal.ErrUnsupported)
	}
	for _, c := range []Channel{l.Red, l.Green, l.Blue, l.Alpha} {
		if c.Offset < 0 || c.Length < 0 || c.Length > 16 || c.Offset+c.Length > 8*l.Bytes {
			return fmt.Errorf("a colour of %d bits from bit %d in %d bytes: %w", c.Length, c.Offset, l.Bytes, hal.ErrUnsupported)
		}
	}
	if !l.gray() && (l.Red.Length == 0 || l.Green.Length == 0 || l.Blue.Length == 0) {
		return fmt.Errorf("a colour without bits: %w", hal.ErrUnsupported)
	}
	return nil
}

func (l Layout) gray() bool { return l.Red.Length+l.Green.Length+l.Blue.Length == 0 }

// length is how many bytes of memory the picture takes.
func (l Layout) length() int { return (l.Size.Y-1)*l.Stride + l.Size.X*l.Bytes }

// draw converts a frame of the same size into memory. Bytes between the end of
// a row and the next are left alone. Rows are put together elsewhere and
// copied, because memory of a display is slow to touch byte by byte.
func (l Layout) draw(memory []byte, frame image.Image) {
	table := l.table()
	row := make([]byte, l.Size.X*l.Bytes)
	for y := range l.Size.Y {
		l.row(row, table, frame, y)
		copy(memory[y*l.Stride:], row)
	}
}

// table holds, for each intensity, the bits it sets in a pixel.
type table struct{ red, green, blue, gray [256]uint32 }

func (l Layout) table() *table {
	t := new(table)
	alpha, whole := l.Alpha.pixel(255), Channel{0, 8 * l.Bytes}
	for v := range 256 {
		t.red[v] = l.Red.pixel(uint8(v)) | alpha
		t.green[v] = l.Green.pixel(uint8(v))
		t.blue[v] = l.Blue.pixel(uint8(v))
		t.gray[v] = whole.pixel(uint8(v))
	}
	return t
}

// pixel scales an intensity to the channel's bits, to the nearest.
func (c Channel) pixel(v uint8) uint32 {
	most := uint64(1)<<c.Length - 1
	return uint32((uint64(v)*most + 127) / 255 << c.Offset)
}

// row puts one row of the frame together.
func (l Layout) row(row []byte, t *table, frame image.Image, y int) {
	bounds := frame.Bounds()
	y += bounds.Min.Y
	rgba, fast := frame.(*image.RGBA)
	var pix []byte
	if fast {
		pix = rgba.Pix[rgba.PixOffset(bounds.Min.X, y):]
	}
	gray := l.gray()
	for x := range l.Size.X {
		var r, g, b uint8
		if fast {
			r, g, b = pix[4*x], pix[4*x+1], pix[4*x+2]
		} else {
			// What is transparent has black behind it, as in an RGBA.
			c := color.RGBAModel.Convert(frame.At(bounds.Min.X+x, y)).(color.RGBA)
			r, g, b = c.R, c.G, c.B
		}
		pixel := row[x*l.Bytes : (x+1)*l.Bytes]
		if gray {
			put(pixel, t.gray[luminance(r, g, b)])
		} else {
			put(pixel, t.red[r]|t.green[g]|t.blue[b])
		}
	}
}

func put(pixel []byte, v uint32) {
	if len(pixel) == 4 {
		binary.LittleEndian.PutUint32(pixel, v) // one store, and the usual case
		return
	}
	for i := range pixel {
		pixel[i] = byte(v)
		v >>= 8
	}
}

// luminance weighs the colours as image/color does (ITU-R BT.601).
func luminance(r, g, b uint8) uint8 {
	return uint8((19595*uint32(r) + 38470*uint32(g) + 7471*uint32(b) + 1<<15) >> 16)
}

// String describes the layout, for a log.
func (l Layout) String() string {
	if l.gray() {
		return fmt.Sprintf("%d x %d, %d bits gray", l.Size.X, l.Size.Y, 8*l.Bytes)
	}
	return fmt.Sprintf("%d x %d, %d bits, red %d@%d green %d@%d blue %d@%d", l.Size.X, l.Size.Y, 8*l.Bytes,
		l.Red.Length, l.Red.Offset, l.Green.Length, l.Green.Offset, l.Blue.Length, l.Blue.Offset)
}
