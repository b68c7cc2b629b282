package hal

import (
	"context"
	"image"
)

// Screen is a picture for the cardholder, pixel for pixel.
type Screen interface {
	// Bounds is the size in pixels; Min is the zero point. It does not change
	// while the board is open.
	Bounds() image.Rectangle

	// Show puts a whole frame on the screen and returns when it is there (or
	// in the hands of hardware that will surely show it). The frame is not
	// kept: the caller may change it afterwards. A frame of another size than
	// Bounds is ErrUnsupported. A screen with fewer colours takes the nearest.
	Show(ctx context.Context, frame image.Image) error
}
