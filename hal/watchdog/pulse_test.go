package watchdog

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"smartreader/hal"
	"smartreader/hal/haltest"
)

func TestPulseConformance(t *testing.T) {
	var lines strings.Builder
	p := Heartbeat(&lines)
	haltest.Watchdog(t, p)
	if got := lines.String(); got != strings.Repeat("alive\n", 3) {
		t.Errorf("told the supervisor %q", got)
	}
	haltest.Closing(t, p, p.Close)
}

func TestASupervisorWhoHangsDoesNotHangTheReader(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	p := Heartbeat(w)
	const enough = 1 << 20 // more than any pipe holds
	for range enough {
		if err = p.Kick(); err != nil {
			break
		}
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("a full pipe: got %v, want os.ErrDeadlineExceeded", err)
	}
	// All that came through are whole lines.
	if err := w.SetWriteDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	w.Close()
	text, err := io.ReadAll(r)
	if err != nil || strings.ReplaceAll(string(text), Beat, "") != "" {
		t.Errorf("broken lines in %d bytes, %v", len(text), err)
	}
}

func TestASupervisorWhoIsGone(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	r.Close()
	if err := Heartbeat(w).Kick(); err == nil || errors.Is(err, hal.ErrHalted) {
		t.Errorf("got %v, want an error that says so", err)
	}
}
