package sim

import (
	"fmt"
	"slices"
	"sync"

	"smartreader/hal"
)

// keptTones bounds the recording, so that a reader that runs for weeks does
// not grow.
const keptTones = 256

// Signals records lights and tones. It is safe for concurrent use.
type Signals struct {
	mu     sync.Mutex
	mask   byte
	tones  []hal.Tone
	halted bool
}

var _ hal.Signals = (*Signals)(nil)

// LEDs implements hal.Signals.
func (s *Signals) LEDs(mask byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.halted {
		return fmt.Errorf("sim: lights: %w", hal.ErrHalted)
	}
	s.mask = mask & hal.AllLEDs
	return nil
}

// Tone implements hal.Signals.
func (s *Signals) Tone(t hal.Tone) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.halted {
		return fmt.Errorf("sim: tone: %w", hal.ErrHalted)
	}
	if len(s.tones) == keptTones {
		s.tones = slices.Delete(s.tones, 0, 1)
	}
	s.tones = append(s.tones, t)
	return nil
}

// Lit returns which lights are on, as hal.LED1 and so on.
func (s *Signals) Lit() byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mask
}

// Tones returns the last tones, at most 256, oldest first.
func (s *Signals) Tones() []hal.Tone {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.tones)
}

func (s *Signals) halt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mask, s.halted = 0, true
}
