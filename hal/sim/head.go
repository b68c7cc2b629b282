package sim

import (
	"context"
	"fmt"

	"smartreader/hal"
)

// Head is a magnetic stripe head. It is safe for concurrent use.
type Head struct{ moments *moments[hal.Tracks] }

var _ hal.SwipeReader = (*Head)(nil)

func newHead() *Head { return &Head{newMoments[hal.Tracks]()} }

// Swipe pulls a card through; without any track it is one that cannot be read.
// The tracks belong to who reads them. It returns false when nobody read, and
// the swipe is lost.
func (h *Head) Swipe(tracks hal.Tracks) bool { return h.moments.happen(tracks) }

// Read implements hal.SwipeReader.
func (h *Head) Read(ctx context.Context) (hal.Tracks, error) {
	tracks, err := h.moments.next(ctx)
	if err == nil && tracks.One.Empty() && tracks.Two.Empty() && tracks.Three.Empty() {
		err = hal.ErrMute
	}
	if err != nil {
		return hal.Tracks{}, fmt.Errorf("sim: swipe: %w", err)
	}
	return tracks, nil
}
