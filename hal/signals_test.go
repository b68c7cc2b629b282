package hal_test

import (
	"slices"
	"testing"
	"time"

	"smartreader/hal"
)

// TestTones has the sounds of EMV Contactless Book A: success 500 ms at 1500 Hz,
// alert two times 200 ms at 750 Hz.
func TestTones(t *testing.T) {
	const ms = time.Millisecond
	for tone, want := range map[hal.Tone][]hal.Beep{
		hal.ToneSuccess: {{Hertz: 1500, Length: 500 * ms}},
		hal.ToneAlert:   {{Hertz: 750, Length: 200 * ms}, {Hertz: 0, Length: 200 * ms}, {Hertz: 750, Length: 200 * ms}},
	} {
		if got := tone.Beeps(); !slices.Equal(got, want) {
			t.Errorf("%v: %v, want %v", tone, got, want)
		}
	}
	for tone, want := range map[hal.Tone]time.Duration{
		hal.ToneKey: 20 * ms, hal.ToneSuccess: 500 * ms, hal.ToneAlert: 600 * ms, hal.ToneRemove: 300 * ms, 0: 0, 99: 0,
	} {
		if got := tone.Length(); got != want {
			t.Errorf("%v lasts %v, want %v", tone, got, want)
		}
	}
	for _, tone := range []hal.Tone{hal.ToneKey, hal.ToneSuccess, hal.ToneAlert, hal.ToneRemove} {
		beeps := tone.Beeps()
		clear(beeps)
		if tone.Length() == 0 {
			t.Errorf("%v can be changed by who asks for it", tone)
		}
	}
}
