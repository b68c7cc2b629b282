package panel

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"

	"smartreader/hal"
)

// Signals are the contactless lights and the beeper. It is safe for concurrent
// use. A tone is played by timers, so no goroutine waits for its end.
type Signals struct {
	leds   [4]gpio.PinOut
	beeper gpio.PinOut

	mu     sync.Mutex
	plain  bool        // the beeper's pin cannot do PWM
	timer  *time.Timer // ends the beep that sounds, nil in silence
	tone   int         // counts tones, so that a late timer knows it is late
	late   error       // of a beep after the first, for the next Tone to return
	halted bool
}

var _ hal.Signals = (*Signals)(nil)

// NewSignals returns the signals, and touches no pin yet. A light or beeper
// that the board does not have is nil.
func NewSignals(leds [4]gpio.PinOut, beeper gpio.PinOut) *Signals {
	return &Signals{leds: leds, beeper: beeper}
}

// LEDs implements hal.Signals. All lights are set even when one fails.
func (s *Signals) LEDs(mask byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.halted {
		return fmt.Errorf("panel: lights: %w", hal.ErrHalted)
	}
	if err := s.light(mask); err != nil {
		return fmt.Errorf("panel: lights: %w", err)
	}
	return nil
}

func (s *Signals) light(mask byte) error {
	var failed []error
	for i, led := range s.leds {
		if led != nil {
			failed = append(failed, led.Out(mask>>i&1 == 1))
		}
	}
	return errors.Join(failed...)
}

// Tone implements hal.Signals. It also returns what went wrong at the end of
// the tone before.
func (s *Signals) Tone(t hal.Tone) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.halted {
		return fmt.Errorf("panel: tone: %w", hal.ErrHalted)
	}
	if s.beeper == nil {
		return nil
	}
	late := s.late
	s.late = nil
	s.tone++
	if err := errors.Join(late, s.play(t.Beeps())); err != nil {
		return fmt.Errorf("panel: tone: %w", err)
	}
	return nil
}

// play starts the first beep and has a timer start the rest.
func (s *Signals) play(beeps []hal.Beep) error {
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	if len(beeps) == 0 {
		return s.sound(0)
	}
	if err := s.sound(beeps[0].Hertz); err != nil {
		return err
	}
	tone := s.tone
	s.timer = time.AfterFunc(beeps[0].Length, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.tone == tone {
			s.late = s.play(beeps[1:])
		}
	})
	return nil
}

// sound sounds at a pitch, 0 is silence.
func (s *Signals) sound(hertz int) error {
	if hertz == 0 {
		return s.beeper.Out(gpio.Low)
	}
	if !s.plain {
		if s.beeper.PWM(gpio.DutyHalf, physic.Frequency(hertz)*physic.Hertz) == nil {
			return nil
		}
		s.plain = true
	}
	return s.beeper.Out(gpio.High)
}

// Close is dark and silent; later calls return hal.ErrHalted. A second Close
// does nothing.
func (s *Signals) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.halted {
		return nil
	}
	s.halted = true
	s.tone++
	err := s.light(0)
	if s.beeper != nil {
		err = errors.Join(err, s.play(nil))
	}
	if err != nil {
		return fmt.Errorf("panel: close: %w", err)
	}
	return nil
}
