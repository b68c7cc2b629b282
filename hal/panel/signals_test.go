package panel

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"

	"smartreader/hal"
	"smartreader/hal/haltest"
)

// buzzer writes down what it does.
type buzzer struct {
	*wire
	start  time.Time
	heard  []heard
	noPWM  bool
	broken atomic.Bool
}

type heard struct {
	at    time.Duration
	hertz int // 0 silence, -1 a plain high level
}

var errBroken = errors.New("broken")

func (b *buzzer) note(hertz int) error {
	if b.broken.Load() {
		return errBroken
	}
	b.heard = append(b.heard, heard{time.Since(b.start), hertz})
	return nil
}

func (b *buzzer) PWM(duty gpio.Duty, f physic.Frequency) error {
	if b.noPWM || duty != gpio.DutyHalf {
		return errors.New("no PWM")
	}
	return b.note(int(f / physic.Hertz))
}

func (b *buzzer) Out(l gpio.Level) error {
	if l == gpio.High {
		return b.note(-1)
	}
	return b.note(0)
}

func lights() (pins [4]*wire, leds [4]gpio.PinOut) {
	for i := range pins {
		pins[i] = newWire(i, gpio.Low)
		leds[i] = pins[i]
	}
	return pins, leds
}

func TestSignalsConformance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, leds := lights()
		s := NewSignals(leds, &buzzer{})
		haltest.Signals(t, s)
		haltest.Closing(t, s, s.Close)
		nothing := NewSignals([4]gpio.PinOut{}, nil)
		haltest.Signals(t, nothing)
		haltest.Closing(t, nothing, nothing.Close)
	})
}

func TestLEDs(t *testing.T) {
	pins, leds := lights()
	leds[2] = nil // the board has three
	s := NewSignals(leds, nil)
	for _, mask := range []byte{0b1001, 0b0110, 0xFF, 0} {
		if err := s.LEDs(mask); err != nil {
			t.Fatal(err)
		}
		for i, pin := range pins {
			if want := mask>>i&1 == 1 && i != 2; bool(pin.Read()) != want {
				t.Errorf("mask %04b: light %d is %v", mask, i, pin.Read())
			}
		}
	}
	dead := &buzzer{}
	dead.broken.Store(true)
	leds[0] = dead
	s = NewSignals(leds, nil)
	if err := s.LEDs(hal.AllLEDs); !errors.Is(err, errBroken) || !bool(pins[3].Read()) {
		t.Errorf("one broken light: %v, and the last is %v", err, pins[3].Read())
	}
}

const ms = time.Millisecond

func TestTones(t *testing.T) {
	alert := []heard{{0, 750}, {200 * ms, 0}, {400 * ms, 750}, {600 * ms, 0}}
	for name, c := range map[string]struct {
		noPWM bool
		play  func(s *Signals)
		want  []heard
	}{
		"alert": {false, func(s *Signals) { s.Tone(hal.ToneAlert) }, alert},
		"plain beeper": {true, func(s *Signals) { s.Tone(hal.ToneAlert) },
			[]heard{{0, -1}, {200 * ms, 0}, {400 * ms, -1}, {600 * ms, 0}}},
		"cut off": {false, func(s *Signals) {
			s.Tone(hal.ToneSuccess)
			time.Sleep(100 * ms)
			s.Tone(hal.ToneKey)
		}, []heard{{0, 1500}, {100 * ms, 1000}, {120 * ms, 0}}},
		"closed while it sounds": {false, func(s *Signals) {
			s.Tone(hal.ToneSuccess)
			time.Sleep(100 * ms)
			s.Close()
		}, []heard{{0, 1500}, {100 * ms, 0}}},
		"no tone": {false, func(s *Signals) { s.Tone(0) }, []heard{{0, 0}}},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := &buzzer{noPWM: c.noPWM, start: time.Now()}
			s := NewSignals([4]gpio.PinOut{}, b)
			c.play(s)
			time.Sleep(time.Minute)
			synctest.Wait()
			if !slices.Equal(b.heard, c.want) {
				t.Errorf("%s: heard %v, want %v", name, b.heard, c.want)
			}
		})
	}
}

func TestABrokenBeeperIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &buzzer{}
		b.broken.Store(true)
		s := NewSignals([4]gpio.PinOut{}, b)
		if err := s.Tone(hal.ToneKey); !errors.Is(err, errBroken) {
			t.Errorf("got %v", err)
		}
		b.broken.Store(false)
		if err := s.Tone(hal.ToneKey); err != nil {
			t.Errorf("got %v", err)
		}
		b.broken.Store(true) // at the end of the tone
		time.Sleep(time.Second)
		synctest.Wait()
		b.broken.Store(false)
		if err := s.Tone(hal.ToneKey); !errors.Is(err, errBroken) {
			t.Errorf("got %v, want what went wrong since", err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
