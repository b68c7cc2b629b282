package boot

import (
	"testing"
	"time"
)

func TestCommandLine(t *testing.T) {
	for line, want := range map[string]parameters{
		"": {watchdog: true, report: time.Hour},
		"console=ttyAMA0 quiet reader.disk=52454144\n":  {disk: 0x52454144, watchdog: true, report: time.Hour},
		"reader.disk=00000001 reader.watchdog=off":      {disk: 1, report: time.Hour},
		"reader.report=20":                              {watchdog: true, report: 20 * time.Second},
		"reader.watchdog=off reader.watchdog=on":        {watchdog: true, report: time.Hour},
		"reader.disk=11111111 reader.disk=deadBEEF x=y": {disk: 0xdeadbeef, watchdog: true, report: time.Hour},
		"reader.diskette=1 xreader.disk=2 reader":       {watchdog: true, report: time.Hour},
	} {
		if got, err := parseCmdline(line); err != nil || got != want {
			t.Errorf("%q: got %+v, %v; want %+v", line, got, err, want)
		}
	}
	for _, line := range []string{"reader.disk=", "reader.disk", "reader.disk=123", "reader.disk=0x123456", "reader.disk=00000000", "reader.disk=zzzzzzzz", "reader.watchdog=no", "reader.report=0", "reader.report=1h"} {
		if _, err := parseCmdline(line); err == nil {
			t.Errorf("%q was accepted", line)
		}
		// A mistake costs the setting that it is in.
		want := parameters{disk: 0x52454144, report: time.Hour}
		if got, err := parseCmdline("reader.disk=52454144 reader.watchdog=off " + line + " x=y"); err == nil || got != want {
			t.Errorf("%q: got %+v, %v; want %+v and an error", line, got, err, want)
		}
		if got, err := parseCmdline(line + " reader.disk=52454144 reader.watchdog=off"); err == nil || got != want {
			t.Errorf("%q first: got %+v, %v; want %+v and an error", line, got, err, want)
		}
	}
}

func FuzzParseCmdline(f *testing.F) {
	f.Add("console=ttyAMA0 reader.disk=52454144 reader.watchdog=off")
	f.Add("reader.disk=\xff")
	f.Fuzz(func(t *testing.T, line string) {
		p, err := parseCmdline(line)
		if again, err2 := parseCmdline(line + " other=1"); again != p || (err == nil) != (err2 == nil) {
			t.Errorf("%q with one more word: %+v, %v instead of %+v, %v", line, again, err2, p, err)
		}
	})
}
