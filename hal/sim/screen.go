package sim

import (
	"context"
	"fmt"
	"image"
	"image/draw"
	"sync"

	"smartreader/hal"
)

// Screen is a screen in memory. It is safe for concurrent use.
type Screen struct {
	mu       sync.Mutex
	pixels   *image.RGBA
	revision uint64
	halted   bool
	changed  chan struct{} // closed and renewed with every frame, and at halt
}

var _ hal.Screen = (*Screen)(nil)

func newScreen(size image.Point) *Screen {
	return &Screen{
		pixels:  image.NewRGBA(image.Rectangle{Max: size}),
		changed: make(chan struct{}),
	}
}

// Bounds implements hal.Screen.
func (s *Screen) Bounds() image.Rectangle { return s.pixels.Rect }

// Show implements hal.Screen.
func (s *Screen) Show(ctx context.Context, frame image.Image) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("sim: show: %w", err)
	}
	if frame.Bounds().Size() != s.pixels.Rect.Size() {
		return fmt.Errorf("sim: show: a frame of %v on a screen of %v: %w",
			frame.Bounds().Size(), s.pixels.Rect.Size(), hal.ErrUnsupported)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.halted {
		return fmt.Errorf("sim: show: %w", hal.ErrHalted)
	}
	draw.Draw(s.pixels, s.pixels.Rect, frame, frame.Bounds().Min, draw.Src)
	s.revision++
	close(s.changed)
	s.changed = make(chan struct{})
	return nil
}

// Frame returns a copy of what is on the screen, black before the first frame.
func (s *Screen) Frame() *image.RGBA {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := image.NewRGBA(s.pixels.Rect)
	copy(c.Pix, s.pixels.Pix)
	return c
}

// Revision counts the frames shown so far.
func (s *Screen) Revision() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.revision
}

// Wait returns the revision as soon as it is greater than after. Errors match
// the context's error, or hal.ErrHalted once the board is closed.
func (s *Screen) Wait(ctx context.Context, after uint64) (uint64, error) {
	for {
		s.mu.Lock()
		revision, halted, changed := s.revision, s.halted, s.changed
		s.mu.Unlock()
		switch {
		case revision > after:
			return revision, nil
		case halted:
			return revision, fmt.Errorf("sim: wait: %w", hal.ErrHalted)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return revision, fmt.Errorf("sim: wait: %w", ctx.Err())
		}
	}
}

func (s *Screen) halt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.halted {
		s.halted = true
		close(s.changed)
	}
}
