package boot

import (
	"testing"
	"time"
)

func TestLatest(t *testing.T) {
	released := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	for name, test := range map[string]struct {
		times []time.Time
		want  time.Time
	}{
		"nothing known":  {nil, released},
		"no battery":     {[]time.Time{time.Unix(0, 0)}, released},
		"battery":        {[]time.Time{released.Add(day), released.Add(-day)}, released.Add(day)},
		"broken battery": {[]time.Time{time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC), released.Add(day)}, released.Add(day)},
	} {
		if got := latest(released, test.times...); !got.Equal(test.want) {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
}

func FuzzParseTime(f *testing.F) {
	f.Add([]byte("1793491200\n"))
	f.Add([]byte("-1"))
	f.Add([]byte("99999999999999999999"))
	f.Fuzz(func(t *testing.T, b []byte) {
		saved, err := parseTime(b)
		if err != nil {
			return
		}
		if again, err := parseTime(formatTime(saved)); err != nil || !again.Equal(saved) {
			t.Errorf("%q: %v became %v, %v", b, saved, again, err)
		}
	})
}
