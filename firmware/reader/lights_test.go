package reader

import (
	"log/slog"
	"testing"
	"time"

	"smartreader/hal"
	"smartreader/hal/sim"
)

// The table of field times: what is lit from when on in each scene.
func TestScenes(t *testing.T) {
	type change struct {
		at  time.Duration
		lit byte
	}
	for s, want := range map[scene][]change{
		sceneDark:    {{0, 0}},
		sceneReady:   {{0, hal.LED1}},
		sceneReading: {{0, hal.LED1 | hal.LED2}, {150 * time.Millisecond, hal.LED1 | hal.LED2 | hal.LED3}},
		sceneRead:    {{0, hal.AllLEDs}, {750 * time.Millisecond, 0}},
		sceneBeat: {{0, hal.LED1}, {200 * time.Millisecond, 0}, {5 * time.Second, hal.LED1}, {5200 * time.Millisecond, 0},
			{10 * time.Second, hal.LED1}, {10200 * time.Millisecond, 0}},
	} {
		// By the changes that a scene announces, as run follows them.
		var got []change
		for at := time.Duration(0); at < 14*time.Second; {
			lit, next := s.at(at)
			got = append(got, change{at, lit})
			if next == 0 {
				break
			}
			at += next
		}
		if len(got) != len(want) {
			t.Errorf("scene %d: %v, want %v", s, got, want)
			continue
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("scene %d: %v, want %v", s, got, want)
			}
		}
		// And at any moment: nothing changes unannounced.
		i := 0
		for at := time.Duration(0); at < 11*time.Second; at += 10 * time.Millisecond {
			for i+1 < len(want) && want[i+1].at <= at {
				i++
			}
			if lit, _ := s.at(at); lit != want[i].lit {
				t.Fatalf("scene %d at %v: lit %04b, want %04b", s, at, lit, want[i].lit)
			}
		}
	}
}

// Of tones that come while the hardware is busy the newest is heard, which would have
// cut the others off; a scene without a tone silences none.
func TestTheNewestToneIsHeard(t *testing.T) {
	signals := &sim.Signals{}
	l := newLights(signals, slog.New(slog.DiscardHandler))
	l.play(sceneDark, hal.ToneAlert)
	l.play(sceneRead, hal.ToneSuccess)
	l.play(sceneReady, 0)
	for range 2 {
		l.turn()
	}
	if got := signals.Tones(); len(got) != 1 || got[0] != hal.ToneSuccess || signals.Lit() != hal.LED1 {
		t.Errorf("tones %v, lit %04b", got, signals.Lit())
	}
}
