package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log/slog"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"smartreader/build/bench"
	"smartreader/build/sandbox"
	"smartreader/build/story"
)

// TestOutageStory plays the demo as a newcomer does, with the real program.
func TestOutageStory(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "simulator")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), binary, "-demo", "outage", "-json").Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var story struct {
		Held  bool
		Steps []story.Step
	}
	if err := json.Unmarshal(out, &story); err != nil {
		t.Fatal(err)
	}
	if !story.Held || len(story.Steps) < 13 {
		t.Errorf("got %s", out)
	}
	for _, step := range story.Steps {
		if !step.OK {
			t.Errorf("%s: %s", step.Step, step.Got)
		}
	}
}

func TestUsage(t *testing.T) {
	dir := t.TempDir()
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"unknown command":  {[]string{"card", "juggle"}, "card juggle"},
		"unknown demo":     {[]string{"-demo", "sunset"}, "outage"},
		"unknown flag":     {[]string{"-colour"}, "colour"},
		"both platforms":   {[]string{"-data", dir, "-sandbox-only", "-platform", "https://x"}, "exclude"},
		"no CA":            {[]string{"-data", dir, "-platform", "https://x"}, "-platform-ca"},
		"control for all":  {[]string{"-data", dir, "-sandbox-only", "-public", "127.0.0.1:0", "-device", "127.0.0.1:0", "-control", "0.0.0.0:0"}, "loopback"},
		"unknown auto":     {[]string{"-data", dir, "-public", "127.0.0.1:0", "-device", "127.0.0.1:0", "-auto", "library-card"}, "library-card"},
		"no script":        {[]string{"-data", dir, "-script", filepath.Join(dir, "missing")}, "missing"},
		"unknown fault":    {[]string{"fault", "sunspots"}, "sunspots"},
		"public for all":   {[]string{"-data", dir, "-public", ":0"}, "loopback"},
		"demo and command": {[]string{"-demo", "outage", "status"}, "status"},
	} {
		err := run(t.Context(), test.args, io.Discard, io.Discard)
		var bad bench.UsageError
		if !errors.As(err, &bad) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want a usage error naming %q", name, err, test.want)
		}
	}
	var help bytes.Buffer
	if err := run(t.Context(), []string{"-help"}, io.Discard, &help); !errors.Is(err, flag.ErrHelp) || !strings.Contains(help.String(), "card insert NAME") {
		t.Errorf("help: %v\n%s", err, &help)
	}
	err := run(t.Context(), []string{"-control", "127.0.0.1:1", "status"}, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "go run ./build/simulator") {
		t.Errorf("no simulator running: got %v, want the remedy", err)
	}
}

// What a newcomer has forgotten is said at the start.
func TestStartSaysWhatIsOdd(t *testing.T) {
	dir := t.TempDir()
	backend, err := sandbox.New(sandbox.Options{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer backend.Close()
	said := func(reader string) string {
		var b strings.Builder
		if err := announce(&b, bench.Endpoints{ReaderID: reader}, options{dir: dir, sandboxOnly: reader == ""}, backend); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	if s := said(""); !strings.HasPrefix(s, "The payments platform is ready") || strings.Contains(s, "NOTE") {
		t.Errorf("the platform alone:\n%s", s)
	}
	if s := said("tmr_of_another"); !strings.Contains(s, "does not know the reader") || !strings.Contains(s, dir) {
		t.Errorf("a reader of another platform:\n%s", s)
	}
	cut := httptest.NewRequest("POST", "/control/platform/unreachable", strings.NewReader(`{"on":true}`))
	backend.ControlHandler().ServeHTTP(httptest.NewRecorder(), cut)
	if s := said(""); !strings.Contains(s, "fault clear") {
		t.Errorf("with the internet cut:\n%s", s)
	}
}
