package sim

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"smartreader/hal"
)

// keptTones and keptSignals bound the recordings, so that a reader that runs for
// weeks does not grow.
const (
	keptTones   = 256
	keptSignals = 256
)

// Signals records lights and tones. It is safe for concurrent use.
type Signals struct {
	mu      sync.Mutex
	mask    byte
	tones   []hal.Tone
	history []Signal
	halted  bool
}

// Signal is a change of the lights, or the start of a tone.
type Signal struct {
	At   time.Time
	Lit  byte     // the lights from then on, as hal.LED1 and so on
	Tone hal.Tone // 0: only the lights changed
}

var _ hal.Signals = (*Signals)(nil)

// LEDs implements hal.Signals.
func (s *Signals) LEDs(mask byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.halted {
		return fmt.Errorf("sim: lights: %w", hal.ErrHalted)
	}
	if mask &= hal.AllLEDs; mask != s.mask {
		s.mask = mask
		s.note(0)
	}
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
	s.note(t)
	return nil
}

// note writes down what is to be seen and heard now. The caller holds mu.
func (s *Signals) note(t hal.Tone) {
	if len(s.history) == keptSignals {
		s.history = slices.Delete(s.history, 0, 1)
	}
	s.history = append(s.history, Signal{time.Now(), s.mask, t})
}

// History returns the last changes of lights and starts of tones with their
// times, at most 256, oldest first. Lights that are set to what they are, are no
// change.
func (s *Signals) History() []Signal {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.history)
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
