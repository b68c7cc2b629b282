package boot

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestPulses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := make(chan pulse, 10)
		readPulses(t.Context(), strings.NewReader("alive\nfloor 1793491200\nmood 7\nfloor -1\nfloor x\n"+strings.Repeat("x", 1000)+"\nalive\n"), to)
		close(to)
		var got []pulse
		for p := range to {
			got = append(got, p)
		}
		// The line that is too long ends it.
		if len(got) != 5 || !got[0].alive || !got[1].floor.Equal(time.Unix(1793491200, 0)) || got[2] != (pulse{}) || got[3] != (pulse{}) || got[4] != (pulse{}) {
			t.Errorf("got %+v", got)
		}
	})
}

func TestPulsesEndWithTheirReader(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	readPulses(ctx, strings.NewReader("alive\nalive\n"), make(chan pulse))
}

func FuzzParsePulse(f *testing.F) {
	f.Add("alive")
	f.Add("floor 1793491200")
	f.Fuzz(func(t *testing.T, line string) {
		if p := parsePulse(line); p.alive && !p.floor.IsZero() || p.floor.Unix() > 1<<40 {
			t.Errorf("%q: %+v", line, p)
		}
	})
}
