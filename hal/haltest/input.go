package haltest

import (
	"context"
	"errors"
	"image"
	"time"

	"smartreader/hal"
)

// Finger is what a hand can do to a [hal.Input].
type Finger struct {
	// Keys are the keys to press, two different ones at least, none twice;
	// Press presses and releases one. Nil: there is no keypad.
	Keys  []hal.Key
	Press func(hal.Key)
	// Area is the board's screen in pixels, Touch touches and lets go of a
	// point in it. Nil: there is no touch screen.
	Area  image.Rectangle
	Touch func(image.Point)
}

// again is when a hand is asked once more: what is pressed before anybody waits
// is lost, and nothing tells a hand that somebody does.
const again = 15 * time.Second

// Input checks a keypad, a touch screen, or both. Nothing may be pressed but by
// the finger.
func Input(t T, in hal.Input, finger Finger) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	defer cancel()
	check(t, "waiting for a key ends with the context", "a driver whose device cannot wait interruptibly polls in short steps")
	endsWithContext(t, "Next with nothing pressed", func(ctx context.Context) error {
		_, err := in.Next(ctx)
		return err
	})
	if finger.Press != nil {
		keys(ctx, t, in, finger)
	}
	if finger.Touch != nil {
		touches(ctx, t, in, finger)
	}
}

func keys(ctx context.Context, t T, in hal.Input, finger Finger) {
	t.Helper()
	if len(finger.Keys) < 2 {
		t.Fatalf("haltest: a finger needs two keys at least")
	}
	check(t, "keys are told by their names", "look at the layout: which line or key code is which key")
	for _, key := range finger.Keys {
		got, err := next(ctx, in, func() { finger.Press(key) })
		if err != nil {
			t.Fatalf("Next, pressing %v: got %v, want the key", key, err)
		}
		if got.Key != key {
			t.Errorf("Next, pressing %v: got %s, want the key", key, event(got))
		}
	}
	check(t, "keys are not queued", "drop what was pressed before Next was called")
	finger.Press(finger.Keys[0])
	pause(t, reaction)
	if _, err := quiet(ctx, in); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Next after a key was pressed and nobody waited: got %v, want context.DeadlineExceeded", err)
	}
}

func touches(ctx context.Context, t T, in hal.Input, finger Finger) {
	t.Helper()
	check(t, "touches are told where they are", "look at calibration, rotation and the size of the screen")
	size := finger.Area.Size()
	for _, at := range []image.Point{
		finger.Area.Min.Add(image.Pt(size.X/5, size.Y/5)),
		finger.Area.Min.Add(image.Pt(size.X*4/5, size.Y/5)),
		finger.Area.Min.Add(image.Pt(size.X/5, size.Y*4/5)),
		finger.Area.Min.Add(image.Pt(size.X*4/5, size.Y*4/5)),
	} {
		got, err := next(ctx, in, func() { finger.Touch(at) })
		if err != nil {
			t.Fatalf("Next, touching %v: got %v, want the touch", at, err)
		}
		// A finger is no pencil: the right corner is what matters.
		near := image.Rectangle{at, at}.Inset(-max(size.X, size.Y) / 5)
		if got.Key != 0 || !got.At.In(near) || !got.At.In(finger.Area) {
			t.Errorf("Next, touching %v: got %s, want a touch there", at, event(got))
		}
	}
}

// next waits for what the finger does.
func next(ctx context.Context, in hal.Input, act func()) (hal.InputEvent, error) {
	p := start(func() (hal.InputEvent, error) { return in.Next(ctx) })
	for !p.after(short) {
		act()
		if p.after(again) {
			break
		}
	}
	return p.v, p.err
}

func quiet(ctx context.Context, in hal.Input) (hal.InputEvent, error) {
	ctx, cancel := context.WithTimeout(ctx, short)
	defer cancel()
	return in.Next(ctx)
}

func event(e hal.InputEvent) string {
	if e.Key != 0 {
		return "key " + e.Key.String()
	}
	return "touch at " + e.At.String()
}
