package main

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"smartreader/build/bench"
	"smartreader/hal"
)

// signals are the reader's lights and beeper, told to people who have neither: in
// the log as they come, and the last of them in the status. The beat of an idle
// reader, the first light for a moment every few seconds, is left out: it would soon
// be all there is. Its methods may be called concurrently.
type signals struct {
	on  hal.Signals
	log *slog.Logger

	mu      sync.Mutex
	lit     byte
	pending *bench.Signal // the first light, alone, which may be a beat
	last    []bench.Signal
}

var _ hal.Signals = (*signals)(nil)

// keptSignals is enough for a few payments.
const keptSignals = 24

// aBeat is longer than a beat lasts.
const aBeat = 2 * hal.IdleLit

// LEDs implements hal.Signals.
func (s *signals) LEDs(mask byte) error {
	if err := s.on.LEDs(mask); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	mask &= hal.AllLEDs
	was := s.lit
	if mask == was {
		return nil
	}
	s.lit = mask
	if mask == 0 && s.pending != nil {
		s.pending = nil
		return nil
	}
	s.noBeat()
	change := bench.Signal{At: time.Now(), Lights: lightsOf(mask)}
	if was == 0 && mask == hal.LED1 {
		s.pending = &change
		time.AfterFunc(aBeat, func() { s.noBeatAnyMore(&change) })
		return nil
	}
	s.note(change)
	return nil
}

// Tone implements hal.Signals.
func (s *signals) Tone(t hal.Tone) error {
	if err := s.on.Tone(t); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noBeat()
	s.note(bench.Signal{At: time.Now(), Lights: lightsOf(s.lit), Tone: t.String()})
	return nil
}

// shown is what is to be seen now, and was of late.
func (s *signals) shown() bench.Signals {
	s.mu.Lock()
	defer s.mu.Unlock()
	lit := s.lit
	if s.pending != nil {
		lit = 0
	}
	return bench.Signals{Lights: lightsOf(lit), Last: slices.Clone(s.last)}
}

// noBeatAnyMore notes a light that is still on. The caller does not hold mu.
func (s *signals) noBeatAnyMore(light *bench.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending == light {
		s.noBeat()
	}
}

// noBeat notes the light that might have been a beat. The caller holds mu.
func (s *signals) noBeat() {
	if s.pending != nil {
		light := *s.pending
		s.pending = nil
		s.note(light)
	}
}

// note writes a signal down. The caller holds mu.
func (s *signals) note(n bench.Signal) {
	if len(s.last) == keptSignals {
		s.last = slices.Delete(s.last, 0, 1)
	}
	s.last = append(s.last, n)
	lights := "none"
	if len(n.Lights) > 0 {
		lights = strings.Trim(fmt.Sprint(n.Lights), "[]")
	}
	if n.Tone != "" {
		s.log.Debug("tone", "tone", n.Tone, "lights", lights)
		return
	}
	s.log.Debug("lights", "lights", lights)
}

// lightsOf are the lights of a mask, 1 to 4.
func lightsOf(mask byte) []int {
	lit := []int{}
	for i, light := range []byte{hal.LED1, hal.LED2, hal.LED3, hal.LED4} {
		if mask&light != 0 {
			lit = append(lit, i+1)
		}
	}
	return lit
}
