package evdev

import (
	"context"
	"errors"
	"image"
	"os"
	"path/filepath"
	"testing"
	"time"

	"smartreader/hal"
	"smartreader/hal/haltest"
)

var screen = image.Pt(480, 320)

type result struct {
	event hal.InputEvent
	err   error
}

// next begins to wait and returns once it does.
func next(b *bench, in *Input) <-chan result {
	done := make(chan result, 1)
	go func() {
		e, err := in.Next(b.t.Context())
		done <- result{e, err}
	}()
	b.whenWaiting()
	return done
}

func (b *bench) input(o Options) *Input {
	o.Dir = b.dir
	in := newInput(o, b.system())
	b.t.Cleanup(func() { _ = in.Close() })
	return in
}

func TestInputConformance(t *testing.T) {
	b := newBench(t)
	pad, touch := b.plug(0, keyboard()), b.plug(1, tablet())
	in := b.input(Options{Screen: screen})
	code := map[hal.Key]uint16{hal.Key5: 76, hal.KeyEnter: 96, hal.KeyCancel: 1, hal.KeyClear: 14}
	haltest.Input(t, in, haltest.Finger{
		Keys:  []hal.Key{hal.Key5, hal.KeyEnter, hal.KeyCancel, hal.KeyClear},
		Press: func(k hal.Key) { pad.send(t, press(code[k])...) },
		Area:  image.Rectangle{Max: screen},
		Touch: func(p image.Point) { touch.send(t, tap(p)...) },
	})
	haltest.Closing(t, in, in.Close)
}

func tap(p image.Point) []event {
	return []event{
		{evAbs, absX, int32(p.X * 32768 / screen.X)}, {evAbs, absY, int32(p.Y * 32768 / screen.Y)}, report,
		{evKey, btnLeft, pressed}, report, {evKey, btnLeft, released}, report,
	}
}

func TestHotPlug(t *testing.T) {
	b := newBench(t)
	in := b.input(Options{})
	done := next(b, in) // nothing is there
	pad := b.plug(3, keyboard())
	pad.send(t, press(2)...)
	if got := <-done; got.err != nil || got.event.Key != hal.Key1 {
		t.Fatalf("plugged in while waiting: %v", got)
	}
	done = next(b, in)
	b.pull(3)
	b.whenWaiting()
	other := b.plug(3, keyboard()) // under the same name
	other.send(t, press(3)...)
	if got := <-done; got.err != nil || got.event.Key != hal.Key2 {
		t.Fatalf("pulled out and plugged in again: %v", got)
	}
}

// The kernel makes the folder with the first device, and a device manager
// gives the node to the reader later.
func TestFolderAndRightsComeLater(t *testing.T) {
	b := newBench(t)
	dir := b.dir
	b.dir = filepath.Join(dir, "input")
	in := b.input(Options{})
	done := next(b, in)
	if err := os.Mkdir(b.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	pad := b.plug(0, keyboard())
	b.mu.Lock()
	delete(b.devices, b.path(0)) // cannot be opened
	b.mu.Unlock()
	b.whenWaiting()
	b.mu.Lock()
	b.devices[b.path(0)] = pad
	b.mu.Unlock()
	if err := os.Chmod(b.path(0), 0o660); err != nil {
		t.Fatal(err)
	}
	pad.send(t, press(28)...)
	if got := <-done; got.err != nil || got.event.Key != hal.KeyEnter {
		t.Fatalf("got %v", got)
	}
}

func TestInputTakesNoOthersDevices(t *testing.T) {
	b := newBench(t)
	stripe, pad := b.plug(0, stripeReader()), b.plug(1, keyboard())
	mouse := identity{name: "mouse"}
	mouse.keys.add(btnLeft)
	b.plug(2, mouse)
	in := b.input(Options{Exclude: "usb:0801:0001", Screen: screen})
	done := next(b, in)
	stripe.send(t, press(2)...)
	pad.send(t, press(3)...)
	if got := <-done; got.event.Key != hal.Key2 {
		t.Fatalf("got %v, want the keypad's key", got)
	}
	if n := len(in.devices.open); n != 1 {
		t.Errorf("%d devices are open, want the keypad only", n)
	}
}

// What is pressed is not typed into a console too, where nobody else needs the
// keys. Devices that are no keypads are left to others; one that others took is not
// listened to.
func TestKeysAreTakenAwayFromOthers(t *testing.T) {
	for want, o := range map[int]Options{0: {}, 1: {Alone: true}} {
		b := newBench(t)
		b.plug(0, stripeReader())
		pad := b.plug(1, keyboard())
		mouse := identity{name: "mouse"}
		mouse.keys.add(btnLeft)
		b.plug(2, mouse)
		o.Exclude, o.Screen = "usb:0801:0001", screen
		done := next(b, b.input(o))
		pad.send(t, press(3)...)
		if got := <-done; got.event.Key != hal.Key2 || b.grabbed != want {
			t.Errorf("alone: %v: got %v, %d devices are taken away, want %d", o.Alone, got, b.grabbed, want)
		}
	}
	b := newBench(t)
	b.busy = true
	b.plug(0, keyboard())
	in := b.input(Options{Alone: true})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := in.Next(ctx); !errors.Is(err, context.DeadlineExceeded) || len(in.devices.open) > 0 {
		t.Errorf("another's keypad: %v, %d open", err, len(in.devices.open))
	}
}

func TestKeysOfThePastAreLost(t *testing.T) {
	b := newBench(t)
	pad := b.plug(0, keyboard())
	in := b.input(Options{})
	done := next(b, in)
	// Two at once: the second was pressed when nobody waited for it.
	pad.send(t, append(press(2), press(3)...)...)
	if got := <-done; got.event.Key != hal.Key1 {
		t.Fatalf("got %v, want 1", got)
	}
	pad.send(t, press(4)...)
	done = next(b, in)
	pad.send(t, press(5)...)
	if got := <-done; got.event.Key != hal.Key4 {
		t.Fatalf("got %v, want the key pressed while waiting", got)
	}
}

func TestGarbageIsDropped(t *testing.T) {
	b := newBench(t)
	bad := b.plug(0, keyboard())
	in := b.input(Options{})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := in.Next(ctx)
		done <- err
	}()
	b.whenWaiting()
	bad.send(t, event{0xFFFF, 0xFFFF, -1}, event{evAbs, 0xFFFF, -1 << 31}, event{evKey, 0xFFFF, 1})
	b.whenWaiting()
	stop()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestOpenOfWhatIsNoInputDevice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "event0")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := openNode(path); err == nil {
		t.Error("a plain file was opened as an input device")
	}
}
