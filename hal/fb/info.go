package fb

import (
	"fmt"
	"image"

	"smartreader/hal"
)

// What the kernel says about a framebuffer (uapi/linux/fb.h, struct
// fb_var_screeninfo and struct fb_fix_screeninfo).
type (
	bitfield struct{ Offset, Length, MSBRight uint32 }

	variable struct {
		XRes, YRes, XVirtual, YVirtual, XOffset, YOffset uint32
		BitsPerPixel, Grayscale                          uint32
		Red, Green, Blue, Transp                         bitfield
		NonStd, Activate, Height, Width, AccelFlags      uint32
		Timing                                           [7]uint32
		Sync, VMode, Rotate, ColorSpace                  uint32
		_                                                [4]uint32
	}

	fixed struct {
		ID                            [16]byte
		Start                         uintptr // physical, 0 where it is nobody's business
		Length                        uint32  // bytes that can be mapped
		Type, TypeAux, Visual         uint32
		XPanStep, YPanStep, YWrapStep uint16
		LineLength                    uint32
		MMIOStart                     uintptr
		MMIOLength, Accel             uint32
		Capabilities                  uint16
		_                             [2]uint16
	}
)

// Values of fixed.Type and fixed.Visual that this package can draw for.
const (
	packedPixels      = 0
	trueColor         = 2
	directColor       = 4 // as trueColor, through tables the kernel sets up straight
	staticPseudoColor = 5
)

// layoutOf says how to draw, and at which byte of the memory the visible
// picture starts.
func layoutOf(f fixed, v variable) (l Layout, start int, err error) {
	if f.Type != packedPixels {
		return Layout{}, 0, fmt.Errorf("pixels of type %d are not packed: %w", f.Type, hal.ErrUnsupported)
	}
	channel := func(b bitfield) Channel { return Channel{int(b.Offset), int(b.Length)} }
	l = Layout{
		Size:   image.Pt(int(v.XRes), int(v.YRes)),
		Stride: int(f.LineLength),
		Bytes:  int(v.BitsPerPixel / 8),
	}
	switch {
	case v.BitsPerPixel%8 != 0:
		return Layout{}, 0, fmt.Errorf("%d bits per pixel: %w", v.BitsPerPixel, hal.ErrUnsupported)
	case v.Grayscale > 1:
		return Layout{}, 0, fmt.Errorf("pixel format %#x: %w", v.Grayscale, hal.ErrUnsupported)
	case v.Grayscale == 1, f.Visual == staticPseudoColor && v.BitsPerPixel == 8:
	case f.Visual == trueColor, f.Visual == directColor:
		l.Red, l.Green, l.Blue, l.Alpha = channel(v.Red), channel(v.Green), channel(v.Blue), channel(v.Transp)
		if l.gray() {
			return Layout{}, 0, fmt.Errorf("colours without bits: %w", hal.ErrUnsupported)
		}
	default:
		return Layout{}, 0, fmt.Errorf("colours by a palette (visual %d); choose 16 or 32 bits per pixel: %w", f.Visual, hal.ErrUnsupported)
	}
	if err := l.check(); err != nil {
		return Layout{}, 0, err
	}
	if v.XOffset > v.XVirtual || v.YOffset > v.YVirtual {
		return Layout{}, 0, fmt.Errorf("picture at %d, %d of %d x %d: %w", v.XOffset, v.YOffset, v.XVirtual, v.YVirtual, hal.ErrUnsupported)
	}
	start = int(v.YOffset)*l.Stride + int(v.XOffset)*l.Bytes
	if int64(start)+int64(l.length()) > int64(f.Length) {
		return Layout{}, 0, fmt.Errorf("a picture of %d bytes at byte %d of %d: %w", l.length(), start, f.Length, hal.ErrUnsupported)
	}
	return l, start, nil
}
