package fb

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"smartreader/hal"
	"smartreader/hal/haltest"
)

// layouts that framebuffers have: of a PC, of a Raspberry Pi, of small panels.
var layouts = map[string]Layout{
	"xrgb8888":    {Bytes: 4, Red: Channel{16, 8}, Green: Channel{8, 8}, Blue: Channel{0, 8}},
	"argb8888":    {Bytes: 4, Red: Channel{16, 8}, Green: Channel{8, 8}, Blue: Channel{0, 8}, Alpha: Channel{24, 8}},
	"abgr8888":    {Bytes: 4, Red: Channel{0, 8}, Green: Channel{8, 8}, Blue: Channel{16, 8}, Alpha: Channel{24, 8}},
	"rgbx8888":    {Bytes: 4, Red: Channel{24, 8}, Green: Channel{16, 8}, Blue: Channel{8, 8}},
	"xrgb2101010": {Bytes: 4, Red: Channel{20, 10}, Green: Channel{10, 10}, Blue: Channel{0, 10}},
	"rgb888":      {Bytes: 3, Red: Channel{16, 8}, Green: Channel{8, 8}, Blue: Channel{0, 8}},
	"bgr888":      {Bytes: 3, Red: Channel{0, 8}, Green: Channel{8, 8}, Blue: Channel{16, 8}},
	"rgb565":      {Bytes: 2, Red: Channel{11, 5}, Green: Channel{5, 6}, Blue: Channel{0, 5}},
	"bgr565":      {Bytes: 2, Red: Channel{0, 5}, Green: Channel{5, 6}, Blue: Channel{11, 5}},
	"argb1555":    {Bytes: 2, Red: Channel{10, 5}, Green: Channel{5, 5}, Blue: Channel{0, 5}, Alpha: Channel{15, 1}},
	"rgb332":      {Bytes: 1, Red: Channel{5, 3}, Green: Channel{2, 3}, Blue: Channel{0, 2}},
	"gray8":       {Bytes: 1},
	"gray16":      {Bytes: 2},
	"gray32":      {Bytes: 4},
}

func sized(l Layout, w, h, gap int) Layout {
	l.Size, l.Stride = image.Pt(w, h), w*l.Bytes+gap
	return l
}

// reference converts one pixel in the most obvious way.
func reference(l Layout, c color.Color) []byte {
	r, g, b, _ := c.RGBA() // premultiplied: transparent is black
	scale := func(v uint32, c Channel) float64 {
		return math.Round(float64(v>>8)/255*(math.Pow(2, float64(c.Length))-1)) * math.Pow(2, float64(c.Offset))
	}
	var pixel uint64
	if l.gray() {
		y := color.GrayModel.Convert(color.RGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), 255}).(color.Gray).Y
		pixel = uint64(math.Round(float64(y) / 255 * (math.Pow(2, float64(8*l.Bytes)) - 1)))
	} else {
		pixel = uint64(scale(r, l.Red) + scale(g, l.Green) + scale(b, l.Blue) + scale(0xFFFF, l.Alpha))
	}
	var out []byte
	for range l.Bytes {
		out = append(out, byte(pixel))
		pixel >>= 8
	}
	return out
}

// near allows the last bit of gray to be rounded otherwise.
func near(l Layout, a, b []byte) bool {
	if !l.gray() {
		return bytes.Equal(a, b)
	}
	value := func(p []byte) (v int64) {
		for i := range p {
			v |= int64(p[i]) << (8 * i)
		}
		return v
	}
	d := value(a) - value(b)
	return max(d, -d) <= int64(1)<<(8*l.Bytes)/255
}

func noise(r image.Rectangle, seed uint64) *image.NRGBA {
	rnd := rand.New(rand.NewPCG(seed, 1))
	m := image.NewNRGBA(r)
	for i := range m.Pix {
		m.Pix[i] = byte(rnd.Uint32())
	}
	return m
}

func checkDraw(t *testing.T, l Layout, frame image.Image) {
	t.Helper()
	const untouched = 0xA5
	memory := bytes.Repeat([]byte{untouched}, l.length()+l.Stride)
	l.draw(memory, frame)
	origin := frame.Bounds().Min
	for y := range l.Size.Y {
		row := memory[y*l.Stride:]
		for x := range l.Size.X {
			got := row[x*l.Bytes : (x+1)*l.Bytes]
			at := frame.At(origin.X+x, origin.Y+y)
			if want := reference(l, at); !near(l, got, want) {
				t.Fatalf("%v: pixel %d, %d of colour %v: % x, want % x", l, x, y, at, got, want)
			}
		}
		for i := l.Size.X * l.Bytes; i < l.Stride; i++ {
			if row[i] != untouched {
				t.Fatalf("%v: byte %d after row %d was changed", l, i, y)
			}
		}
	}
}

func TestDraw(t *testing.T) {
	for name, l := range layouts {
		t.Run(name, func(t *testing.T) {
			for _, gap := range []int{0, 1, 13} {
				l := sized(l, 17, 5, gap)
				if err := l.check(); err != nil {
					t.Fatal(err)
				}
				frame := noise(image.Rect(3, -2, 20, 3), 7)
				checkDraw(t, l, frame)
				rgba := image.NewRGBA(image.Rect(0, 0, 40, 40))
				for i := range rgba.Pix {
					rgba.Pix[i] = byte(i * 37)
				}
				for i := 3; i < len(rgba.Pix); i += 4 {
					rgba.Pix[i] = 255
				}
				checkDraw(t, l, rgba.SubImage(image.Rect(11, 7, 28, 12)))
				checkDraw(t, l, &image.Gray{Pix: bytes.Repeat([]byte{1, 127, 128, 254, 255}, 17), Stride: 17, Rect: image.Rect(0, 0, 17, 5)})
			}
		})
	}
}

func FuzzDraw(f *testing.F) {
	for _, l := range layouts {
		f.Add(uint8(9), uint8(4), uint8(3), uint8(l.Bytes), uint8(l.Red.Offset), uint8(l.Red.Length),
			uint8(l.Green.Offset), uint8(l.Green.Length), uint8(l.Blue.Offset), uint8(l.Blue.Length), uint8(l.Alpha.Offset), uint8(l.Alpha.Length), uint64(1))
	}
	f.Fuzz(func(t *testing.T, w, h, gap, n, ro, rl, g0, gl, bo, bl, ao, al uint8, seed uint64) {
		channel := func(o, l uint8) Channel { return Channel{int(o), int(l)} }
		l := sized(Layout{Bytes: int(n), Red: channel(ro, rl), Green: channel(g0, gl), Blue: channel(bo, bl), Alpha: channel(ao, al)},
			int(w%32), int(h%32), int(gap))
		if l.check() != nil || overlap(l) {
			return
		}
		checkDraw(t, l, noise(image.Rectangle{Max: l.Size}, seed))
	})
}

// overlap says whether two colours share bits: no such display exists, and
// adding them up is not what the driver does.
func overlap(l Layout) bool {
	var seen uint64
	for _, c := range []Channel{l.Red, l.Green, l.Blue, l.Alpha} {
		bits := (uint64(1)<<c.Length - 1) << c.Offset
		if seen&bits != 0 {
			return true
		}
		seen |= bits
	}
	return false
}

func TestInfoHasTheKernelsSize(t *testing.T) {
	if a, b := unsafe.Sizeof(variable{}), unsafe.Sizeof(fixed{}); a != 160 || b != 80 {
		t.Errorf("%d and %d bytes, want 160 and 80 (64 bit)", a, b)
	}
}

func TestLayoutOf(t *testing.T) {
	// 800 x 480 as bcm2708_fb of a Raspberry Pi Zero 2 W gives it.
	fix := fixed{Length: 800 * 480 * 4, Visual: trueColor, LineLength: 3200}
	pi := variable{XRes: 800, YRes: 480, XVirtual: 800, YVirtual: 480, BitsPerPixel: 32,
		Red: bitfield{0, 8, 0}, Green: bitfield{8, 8, 0}, Blue: bitfield{16, 8, 0}, Transp: bitfield{24, 8, 0}}
	l, start, err := layoutOf(fix, pi)
	if err != nil || start != 0 {
		t.Fatal(l, start, err)
	}
	if want := sized(layouts["abgr8888"], 800, 480, 0); l != want {
		t.Errorf("layout %v, want %v", l, want)
	}
	scrolled, double := pi, fix
	scrolled.YOffset, scrolled.YVirtual, double.Length = 480, 960, 2*fix.Length
	if _, start, err = layoutOf(double, scrolled); err != nil || start != 480*3200 {
		t.Errorf("second page: starts at %d, %v", start, err)
	}
	for name, change := range map[string]func(*fixed, *variable){
		"no size":              func(_ *fixed, v *variable) { v.XRes = 0 },
		"huge":                 func(_ *fixed, v *variable) { v.XRes, v.YRes = math.MaxUint32, math.MaxUint32 },
		"4 bits":               func(_ *fixed, v *variable) { v.BitsPerPixel = 4 },
		"64 bits":              func(_ *fixed, v *variable) { v.BitsPerPixel = 64 },
		"12 bits":              func(_ *fixed, v *variable) { v.BitsPerPixel = 12 },
		"fourcc":               func(_ *fixed, v *variable) { v.Grayscale = 0x3231564e },
		"palette":              func(f *fixed, v *variable) { f.Visual, v.BitsPerPixel = 3, 8 },
		"planes":               func(f *fixed, _ *variable) { f.Type = 1 },
		"short rows":           func(f *fixed, _ *variable) { f.LineLength = 3199 },
		"huge rows":            func(f *fixed, _ *variable) { f.LineLength = math.MaxUint32 },
		"too little memory":    func(f *fixed, _ *variable) { f.Length-- },
		"offset out of memory": func(_ *fixed, v *variable) { v.YOffset = 1 },
		"wild offset":          func(_ *fixed, v *variable) { v.YOffset = math.MaxUint32 },
		"colour out of pixel":  func(_ *fixed, v *variable) { v.Red.Offset = 25 },
		"wild colour":          func(_ *fixed, v *variable) { v.Red = bitfield{math.MaxUint32, math.MaxUint32, 0} },
		"one colour only":      func(_ *fixed, v *variable) { v.Red.Length, v.Blue.Length = 0, 0 },
		"no colours":           func(_ *fixed, v *variable) { v.Red.Length, v.Green.Length, v.Blue.Length = 0, 0, 0 },
	} {
		f, v := fix, pi
		change(&f, &v)
		if _, _, err := layoutOf(f, v); !errors.Is(err, hal.ErrUnsupported) {
			t.Errorf("%s: got %v, want hal.ErrUnsupported", name, err)
		}
	}
	gray := variable{XRes: 8, YRes: 1, BitsPerPixel: 8, Grayscale: 1}
	if l, _, err := layoutOf(fixed{Length: 8, LineLength: 8, Visual: staticPseudoColor}, gray); err != nil || !l.gray() {
		t.Errorf("gray: %v, %v", l, err)
	}
}

// FuzzLayoutOf: whatever the kernel says, drawing stays within the memory.
func FuzzLayoutOf(f *testing.F) {
	f.Add(uint32(800), uint32(480), uint32(800), uint32(960), uint32(0), uint32(480), uint32(32), uint32(3200), uint32(800*960*4), uint32(0), uint32(8), uint32(24))
	f.Add(uint32(8), uint32(1), uint32(8), uint32(1), uint32(0), uint32(0), uint32(16), uint32(16), uint32(16), uint32(11), uint32(5), uint32(0))
	f.Fuzz(func(t *testing.T, w, h, vw, vh, x, y, bits, line, length, red, size, blue uint32) {
		fix := fixed{Length: length, Visual: trueColor, LineLength: line}
		l, start, err := layoutOf(fix, variable{XRes: w, YRes: h, XVirtual: vw, YVirtual: vh, XOffset: x, YOffset: y, BitsPerPixel: bits,
			Red: bitfield{red, size, 0}, Green: bitfield{8, size, 0}, Blue: bitfield{blue, size, 0}})
		if err != nil {
			return
		}
		if start < 0 || start+l.length() > int(length) {
			t.Fatalf("%v at byte %d of %d", l, start, length)
		}
		if length < 1<<20 {
			l.draw(make([]byte, length)[start:], image.NewGray(image.Rectangle{Max: l.Size}))
		}
	})
}

func memoryScreen(l Layout) *Screen {
	return &Screen{layout: l, memory: make([]byte, l.length()), release: func() error { return nil }}
}

func TestConformance(t *testing.T) {
	for name, l := range layouts {
		t.Run(name, func(t *testing.T) {
			s := memoryScreen(sized(l, 40, 30, 8))
			haltest.Screen(t, s)
			haltest.Closing(t, s, s.Close)
		})
	}
}

func BenchmarkDraw(b *testing.B) {
	l := sized(layouts["abgr8888"], 800, 480, 0)
	memory, frame := make([]byte, l.length()), image.NewRGBA(image.Rectangle{Max: l.Size})
	for b.Loop() {
		l.draw(memory, frame)
	}
}
