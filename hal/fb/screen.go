package fb

import (
	"context"
	"fmt"
	"image"
	"sync"

	"smartreader/hal"
)

// Screen is an open framebuffer. It is safe for concurrent use.
type Screen struct {
	layout Layout

	mu      sync.Mutex
	memory  []byte       // nil once closed
	release func() error // gives the memory back
}

var _ hal.Screen = (*Screen)(nil)

// Layout says how the pixels lie in memory.
func (s *Screen) Layout() Layout { return s.layout }

// Bounds implements hal.Screen.
func (s *Screen) Bounds() image.Rectangle { return image.Rectangle{Max: s.layout.Size} }

// Show implements hal.Screen.
func (s *Screen) Show(ctx context.Context, frame image.Image) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("fb: show: %w", err)
	}
	if size := frame.Bounds().Size(); size != s.layout.Size {
		return fmt.Errorf("fb: show: a frame of %v on a screen of %v: %w", size, s.layout.Size, hal.ErrUnsupported)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.memory == nil {
		return fmt.Errorf("fb: show: %w", hal.ErrHalted)
	}
	s.layout.draw(s.memory, frame)
	return nil
}

// Close gives the framebuffer, and the console if Open silenced it, back. The
// last picture may stay. A second call does nothing.
func (s *Screen) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.memory == nil {
		return nil
	}
	s.memory = nil
	if err := s.release(); err != nil {
		return fmt.Errorf("fb: close: %w", err)
	}
	return nil
}
