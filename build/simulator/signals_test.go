package main

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/build/bench"
	"smartreader/hal"
	"smartreader/hal/sim"
)

// What people would see and hear is told, but the beat of an idle reader: after an
// hour of that the last payment's signals are still there.
func TestSignalsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		on := &sim.Signals{}
		s := &signals{on: on, log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
		led := func(mask byte, then time.Duration) {
			t.Helper()
			if err := s.LEDs(mask); err != nil || on.Lit() != mask {
				t.Errorf("lights %X: %v, %X are lit", mask, err, on.Lit())
			}
			time.Sleep(then)
		}
		idle := func() {
			for range 1000 {
				led(hal.LED1, hal.IdleLit)
				led(0, hal.IdlePeriod-hal.IdleLit)
			}
		}
		idle()
		if got := s.shown(); len(got.Last) != 0 || len(got.Lights) != 0 || log.Len() != 0 {
			t.Errorf("an idle reader: %+v\n%s", got, &log)
		}
		led(hal.LED1, 0)
		if got := s.shown(); len(got.Last) != 0 || len(got.Lights) != 0 {
			t.Errorf("what may be a beat: %+v", got)
		}
		time.Sleep(time.Second)
		if got := s.shown(); len(got.Last) != 1 || !slices.Equal(got.Lights, []int{1}) {
			t.Errorf("a reader that is ready: %+v", got)
		}
		led(hal.LED1, 0)
		led(hal.LED1|hal.LED2, 0)
		led(hal.AllLEDs, 0)
		if err := s.Tone(hal.ToneSuccess); err != nil || !slices.Equal(on.Tones(), []hal.Tone{hal.ToneSuccess}) {
			t.Errorf("tone: %v, %v", err, on.Tones())
		}
		led(0, time.Second)
		led(hal.LED1, 0) // no beat: a tone comes with it
		if err := s.Tone(hal.ToneAlert); err != nil {
			t.Error(err)
		}
		led(0, 0)
		idle()
		got := s.shown()
		want := []bench.Signal{
			{Lights: []int{1}}, {Lights: []int{1, 2}}, {Lights: []int{1, 2, 3, 4}}, {Lights: []int{1, 2, 3, 4}, Tone: "success"}, {Lights: []int{}},
			{Lights: []int{1}}, {Lights: []int{1}, Tone: "alert"}, {Lights: []int{}},
		}
		if !slices.EqualFunc(got.Last, want, func(a, b bench.Signal) bool {
			return !a.At.IsZero() && slices.Equal(a.Lights, b.Lights) && a.Tone == b.Tone
		}) {
			t.Errorf("told %+v,\nwant %+v", got.Last, want)
		}
		for _, line := range []string{`msg=lights lights="1 2 3 4"`, `msg=lights lights=none`, `msg=tone tone=success lights="1 2 3 4"`} {
			if !strings.Contains(log.String(), line) {
				t.Errorf("the log has no %s:\n%s", line, &log)
			}
		}
		for range keptSignals + 1 {
			if err := s.Tone(hal.ToneKey); err != nil {
				t.Fatal(err)
			}
		}
		if got := s.shown(); len(got.Last) != keptSignals {
			t.Errorf("%d are kept", len(got.Last))
		}
	})
}
