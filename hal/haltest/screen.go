package haltest

import (
	"context"
	"errors"
	"image"
	"image/color"
	"image/draw"

	"smartreader/hal"
)

// Screen checks a screen, and leaves a test picture on it: a white frame one
// pixel wide at the very edge, and inside it, from left to right, bars in red,
// green, blue and a ramp from black to white. A missing edge, a wrong colour or
// a slanted frame is for a person to see.
func Screen(t T, s hal.Screen) {
	t.Helper()
	ctx := t.Context()
	check(t, "size", "check the display's settings in the kernel")
	bounds := s.Bounds()
	if bounds.Min != (image.Point{}) || bounds.Empty() {
		t.Fatalf("Bounds: got %v, want a size from the zero point", bounds)
	}
	show := func(what string, frame image.Image, want error) {
		t.Helper()
		err := bounded(t, "Show", func() error { return s.Show(ctx, frame) })
		if !errors.Is(err, want) {
			t.Errorf("Show of %s: got %v, want %v", what, err, want)
		}
	}
	check(t, "frames are shown", "check cable, supply and address of the display; any image.Image is a frame")
	frame := image.NewRGBA(bounds)
	draw.Draw(frame, bounds, image.White, image.Point{}, draw.Src)
	show("a white frame", frame, nil)
	clear(frame.Pix) // the caller may change it afterwards
	moved := &image.Gray{Pix: make([]byte, bounds.Dx()*bounds.Dy()), Stride: bounds.Dx(), Rect: bounds.Add(image.Pt(7, 9))}
	show("a gray frame that does not start at zero", moved, nil)
	wide := image.NewRGBA(bounds.Inset(-3))
	show("a part of a greater image", wide.SubImage(bounds), nil)
	check(t, "frames of another size are refused", "compare the size of the frame with Bounds first")
	show("a frame without bounds", image.NewUniform(color.Black), hal.ErrUnsupported)
	show("a frame one pixel greater", image.NewGray(image.Rect(0, 0, bounds.Dx()+1, bounds.Dy())), hal.ErrUnsupported)
	show("an empty frame", image.NewGray(image.Rectangle{}), hal.ErrUnsupported)
	check(t, "a frame is not shown for nobody", "look at the context first")
	refusesCancelled(t, "Show", func(ctx context.Context) error { return s.Show(ctx, frame) })
	check(t, "test picture", "look at the screen: the frame must be whole and straight, bars red, green, blue, black to white")
	show("the test picture", picture(bounds), nil)
	if got := s.Bounds(); got != bounds {
		t.Errorf("Bounds: got %v, then %v; want it never to change", bounds, got)
	}
}

func picture(bounds image.Rectangle) image.Image {
	p := image.NewRGBA(bounds)
	draw.Draw(p, bounds, image.White, image.Point{}, draw.Src)
	inner := bounds.Inset(1)
	bars := []color.RGBA{{R: 255, A: 255}, {G: 255, A: 255}, {B: 255, A: 255}}
	for x := inner.Min.X; x < inner.Max.X; x++ {
		at := (x - inner.Min.X) * 4
		var c color.RGBA
		if bar := at / inner.Dx(); bar < len(bars) {
			c = bars[bar]
		} else {
			level := byte((at - 3*inner.Dx()) * 255 / inner.Dx())
			c = color.RGBA{level, level, level, 255}
		}
		draw.Draw(p, image.Rect(x, inner.Min.Y, x+1, inner.Max.Y), image.NewUniform(c), image.Point{}, draw.Src)
	}
	return p
}
