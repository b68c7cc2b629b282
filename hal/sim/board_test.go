package sim_test

import (
	"context"
	"errors"
	"image"
	"image/color"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/hal"
	"smartreader/hal/haltest"
	"smartreader/hal/sim"
)

func TestOptions(t *testing.T) {
	if _, err := sim.Open(sim.Options{}); err == nil {
		t.Error("Open without a folder worked")
	}
	if _, err := sim.Open(sim.Options{Dir: t.TempDir(), ScreenSize: image.Pt(-1, 5)}); !errors.Is(err, hal.ErrUnsupported) {
		t.Errorf("Open with a negative size: %v", err)
	}
	b := open(t)
	if b.HAL.Serial != "SIM-0001" || b.HAL.Screen.Bounds().Size() != image.Pt(480, 320) {
		t.Errorf("defaults: %q, %v", b.HAL.Serial, b.HAL.Screen.Bounds())
	}
}

func TestNothingIsMissing(t *testing.T) {
	b := open(t).HAL
	if b.PINPad == nil || len(b.Missing) != 0 {
		t.Errorf("PIN pad %v, missing %v", b.PINPad, b.Missing)
	}
}

func TestKeysConformAndSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	haltest.KeyStore(t, func() hal.KeyStore {
		b, err := sim.Open(sim.Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		return b.HAL.Keys
	})
}

func TestScreen(t *testing.T) {
	s := open(t).Screen
	haltest.Screen(t, s)
	before := s.Revision()
	frame := image.NewRGBA(s.Bounds())
	frame.SetRGBA(3, 4, color.RGBA{1, 2, 3, 255})
	if err := s.Show(t.Context(), frame); err != nil {
		t.Fatal(err)
	}
	frame.SetRGBA(3, 4, color.RGBA{})
	got := s.Frame()
	if got.RGBAAt(3, 4) != (color.RGBA{1, 2, 3, 255}) {
		t.Error("the screen does not show a copy of the frame")
	}
	got.SetRGBA(3, 4, color.RGBA{})
	if s.Frame().RGBAAt(3, 4) != (color.RGBA{1, 2, 3, 255}) {
		t.Error("Frame is not a copy")
	}
	if r := s.Revision(); r != before+1 {
		t.Errorf("revision %d, want %d", r, before+1)
	}
}

func TestScreenWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t).Screen
		ctx, cancel := context.WithCancel(t.Context())
		shown := make(chan uint64)
		go func() {
			revision, err := s.Wait(ctx, 0)
			if err != nil {
				t.Error(err)
			}
			shown <- revision
		}()
		synctest.Wait()
		s.Show(ctx, image.NewGray(s.Bounds()))
		if r := <-shown; r != 1 {
			t.Errorf("revision %d, want 1", r)
		}
		cancel()
		if r, err := s.Wait(ctx, 0); r != 1 || err != nil {
			t.Errorf("Wait for what is there already = %d, %v", r, err)
		}
		if _, err := s.Wait(ctx, 1); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled Wait: %v", err)
		}
	})
}

func TestSignals(t *testing.T) {
	s := open(t).Signals
	s.LEDs(hal.LED1 | hal.LED3)
	if s.Lit() != 0b0101 {
		t.Errorf("lit %04b", s.Lit())
	}
	for range 300 {
		s.Tone(hal.ToneKey)
	}
	s.Tone(hal.ToneSuccess)
	tones := s.Tones()
	if len(tones) != 256 || !slices.Equal(tones[254:], []hal.Tone{hal.ToneKey, hal.ToneSuccess}) {
		t.Errorf("%d tones, the last %v", len(tones), tones[len(tones)-1])
	}
}

// TestSignalsHaveTimes: what a cardholder saw and heard, and when.
func TestSignalsHaveTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t).Signals
		start := time.Now()
		for range 3 { // slow blinking
			s.LEDs(hal.LED1)
			s.LEDs(hal.LED1)
			time.Sleep(hal.IdleLit)
			s.LEDs(0)
			time.Sleep(hal.IdlePeriod - hal.IdleLit)
		}
		s.LEDs(hal.AllLEDs)
		s.Tone(hal.ToneSuccess)
		at := func(d time.Duration, lit byte, tone hal.Tone) sim.Signal {
			return sim.Signal{At: start.Add(d * time.Millisecond), Lit: lit, Tone: tone}
		}
		want := []sim.Signal{
			at(0, hal.LED1, 0), at(200, 0, 0), at(5000, hal.LED1, 0), at(5200, 0, 0), at(10000, hal.LED1, 0), at(10200, 0, 0),
			at(15000, hal.AllLEDs, 0), at(15000, hal.AllLEDs, hal.ToneSuccess),
		}
		if got := s.History(); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		for range 300 {
			s.Tone(hal.ToneKey)
		}
		if got := s.History(); len(got) != 256 || got[0].Tone != hal.ToneKey {
			t.Errorf("%d kept, the first %v", len(got), got[0])
		}
	})
}

func TestTamper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := b.Tamper.Watch(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled Watch: %v", err)
		}
		reason := make(chan string)
		go func() { r, _ := b.HAL.Tamper.Watch(t.Context()); reason <- r }()
		synctest.Wait()
		b.Tamper.Trigger("case open")
		b.Tamper.Trigger("again")
		if r := <-reason; r != "case open" {
			t.Errorf("reason %q", r)
		}
		if r, err := b.Tamper.Watch(ctx); r != "case open" || err != nil {
			t.Errorf("Watch after the fact = %q, %v", r, err)
		}
	})
}

func TestWatchdog(t *testing.T) {
	w := open(t).Watchdog
	w.Kick()
	w.Kick()
	if w.Kicks() != 2 {
		t.Errorf("%d kicks, want 2", w.Kicks())
	}
}
