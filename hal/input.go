package hal

import (
	"context"
	"image"
)

// Input is what the cardholder or the shop's staff can press: a keypad, a
// touch screen, or both. The PIN for a secure PIN pad never comes this way: see
// [PINPad]. Only on a board whose PIN pad is made of software (hal/softpad) do
// its digits come from here, one key at a time, to the pad and nobody else.
type Input interface {
	// Next waits for the next key or touch. One goroutine at a time may wait:
	// who wants the input hands it over whole. Input is not queued: what was
	// pressed while nobody waited is lost, so that an old touch never answers a
	// new question. Errors match ErrNotFound (nothing to press is plugged in;
	// the call waits for one instead where it can), ErrHalted or the context's
	// error.
	Next(ctx context.Context) (InputEvent, error)
}

// InputEvent is one key pressed, or one touch of the screen.
type InputEvent struct {
	Key Key         // 0: a touch
	At  image.Point // of a touch: pixels of the board's Screen, in its Bounds
}

// Key is a key of a reader's keypad.
type Key byte

// The keys. Digits are Key0 to Key9 in order, so Key0 + n is the digit n.
const (
	Key0 Key = iota + 1
	Key1
	Key2
	Key3
	Key4
	Key5
	Key6
	Key7
	Key8
	Key9
	KeyEnter  // green, "OK"
	KeyCancel // red, "X"
	KeyClear  // yellow, "<"
	KeyUp
	KeyDown
)

// String names the key.
func (k Key) String() string {
	switch k {
	case KeyEnter:
		return "enter"
	case KeyCancel:
		return "cancel"
	case KeyClear:
		return "clear"
	case KeyUp:
		return "up"
	case KeyDown:
		return "down"
	}
	if k >= Key0 && k <= Key9 {
		return string('0' + rune(k-Key0))
	}
	return "unknown key"
}
