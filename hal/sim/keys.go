package sim

import (
	"context"
	"fmt"
	"image"

	"smartreader/hal"
)

// Keys are a keypad and a touch screen. They are safe for concurrent use.
type Keys struct{ moments *moments[hal.InputEvent] }

var _ hal.Input = (*Keys)(nil)

func newKeys() *Keys { return &Keys{newMoments[hal.InputEvent]()} }

// Press presses a key. It returns false when nobody waited, and the key is lost.
func (k *Keys) Press(key hal.Key) bool { return k.moments.happen(hal.InputEvent{Key: key}) }

// Touch touches the screen. It returns false when nobody waited, and the touch
// is lost.
func (k *Keys) Touch(at image.Point) bool { return k.moments.happen(hal.InputEvent{At: at}) }

// Next implements hal.Input.
func (k *Keys) Next(ctx context.Context) (hal.InputEvent, error) {
	event, err := k.moments.next(ctx)
	if err != nil {
		return hal.InputEvent{}, fmt.Errorf("sim: next key: %w", err)
	}
	return event, nil
}
