package haltest

import (
	"sync"
	"time"

	"smartreader/hal"
)

// Signals checks lights and beeper, and leaves the lights off. What it looks
// and sounds like is for a person to judge: the lights go on from left to
// right, all together, off, and each tone is heard once.
func Signals(t T, s hal.Signals) {
	t.Helper()
	check(t, "lights", "check the wiring of the lights, and that the pins are not in use by the kernel")
	for _, mask := range []byte{hal.LED1, hal.LED2, hal.LED3, hal.LED4, hal.AllLEDs, 0} {
		if err := bounded(t, "LEDs", func() error { return s.LEDs(mask) }); err != nil {
			t.Errorf("LEDs(%04b): got %v, want nil", mask, err)
		}
		pause(t, 2*short)
	}
	check(t, "tones", "check the wiring of the beeper, and that the pin is not in use by the kernel")
	for tone := hal.ToneKey; tone <= hal.ToneRemove; tone++ {
		if err := bounded(t, "Tone", func() error { return s.Tone(tone) }); err != nil {
			t.Errorf("Tone(%v): got %v, want nil", tone, err)
		}
		pause(t, 2*short)
	}
	check(t, "a tone is started, not waited for", "play the tone beside the caller; the next one cuts it off")
	const tones = 20
	sounding := tones * hal.ToneSuccess.Length()
	begin := time.Now()
	for range tones {
		if err := bounded(t, "Tone", func() error { return s.Tone(hal.ToneSuccess) }); err != nil {
			t.Errorf("Tone over a tone: got %v, want nil", err)
		}
	}
	if took := time.Since(begin); took >= sounding {
		t.Errorf("%d tones took %v, as long as they sound; want calls that return at once", tones, took)
	}
	check(t, "several goroutines", "guard the device with a mutex")
	var calls sync.WaitGroup
	errs := make(chan error, 16)
	for range cap(errs) / 2 {
		calls.Go(func() { errs <- s.LEDs(hal.LED1) })
		calls.Go(func() { errs <- s.Tone(hal.ToneKey) })
	}
	calls.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Errorf("a call beside others: got %v, want nil", err)
		}
	}
	if err := s.LEDs(0); err != nil {
		t.Errorf("LEDs(0): got %v, want nil", err)
	}
}
