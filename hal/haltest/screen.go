package haltest

import (
	"context"
	"errors"
	"image"
	"image/color"
	"image/draw"
	"testing"

	"smartreader/hal"
)

// Screen checks a screen.
func Screen(t testing.TB, s hal.Screen) {
	t.Helper()
	ctx := t.Context()
	bounds := s.Bounds()
	if bounds.Min != (image.Point{}) || bounds.Empty() {
		t.Fatalf("Bounds = %v, want a size from the zero point", bounds)
	}
	frame := image.NewRGBA(bounds)
	draw.Draw(frame, bounds, image.White, image.Point{}, draw.Src)
	if err := s.Show(ctx, frame); err != nil {
		t.Errorf("Show: %v", err)
	}
	moved := &image.Gray{Pix: make([]byte, bounds.Dx()*bounds.Dy()), Stride: bounds.Dx(), Rect: bounds.Add(image.Pt(7, 9))}
	if err := s.Show(ctx, moved); err != nil {
		t.Errorf("Show of a gray frame that does not start at zero: %v", err)
	}
	small := image.NewUniform(color.Black)
	if err := s.Show(ctx, small); !errors.Is(err, hal.ErrUnsupported) {
		t.Errorf("Show of a frame of another size: got %v, want hal.ErrUnsupported", err)
	}
	cancelled, stop := context.WithCancel(ctx)
	stop()
	if err := s.Show(cancelled, frame); !errors.Is(err, context.Canceled) {
		t.Errorf("Show with a cancelled context: got %v, want context.Canceled", err)
	}
}
