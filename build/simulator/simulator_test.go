package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/emvtest"
	"smartreader/hal/sim"
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
		Steps []demoStep
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

// The demo succeeds only when everything held.
func TestDemoStopsAtWhatDoesNotHold(t *testing.T) {
	d := &demo{}
	if err := d.check("first", true, "fine"); err != nil {
		t.Error(err)
	}
	if err := d.check("second", false, "%d charges", 2); err == nil || !strings.Contains(err.Error(), "2 charges") {
		t.Errorf("got %v", err)
	}
	if len(d.steps) != 2 || d.steps[1].OK {
		t.Errorf("wrote %+v", d.steps)
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
		"public for all":   {[]string{"-data", dir, "-public", ":0"}, "loopback"},
		"demo and command": {[]string{"-demo", "outage", "status"}, "status"},
	} {
		err := run(t.Context(), test.args, io.Discard, io.Discard)
		var bad usageError
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

func newControl(t *testing.T) (*httptest.Server, *sim.Board) {
	t.Helper()
	board, err := sim.Open(sim.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	cards, err := openCards(filepath.Join(t.TempDir(), "cards.json"), board.Tray)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(guard(control{cards: cards, board: board}.handler(endpoints{})))
	t.Cleanup(server.Close)
	return server, board
}

func TestControlAPI(t *testing.T) {
	server, board := newControl(t)
	address := strings.TrimPrefix(server.URL, "http://")
	command := func(args ...string) error { return remote(t.Context(), address, args, io.Discard) }
	if err := command("card", "insert", "visa"); err != nil || board.Tray.Inserted() != "visa" {
		t.Errorf("insert: %v, %q is in", err, board.Tray.Inserted())
	}
	if err := command("card", "insert", "visa"); err == nil {
		t.Error("a second card went in")
	}
	if err := command("card", "remove"); err != nil || board.Tray.Inserted() != "" {
		t.Errorf("remove: %v, %q is in", err, board.Tray.Inserted())
	}
	if err := command("card", "remove"); err == nil {
		t.Error("a card came out of an empty slot")
	}
	if err := command("card", "insert", "../../etc/passwd"); err == nil || !strings.Contains(err.Error(), "card list") {
		t.Errorf("unknown card: %v", err)
	}
	file := filepath.Join(t.TempDir(), "screen.png")
	if err := command("screen", file); err != nil {
		t.Error(err)
	}
	if data, err := os.ReadFile(file); err != nil || !bytes.HasPrefix(data, []byte("\x89PNG")) {
		t.Errorf("screen: %v, %d bytes", err, len(data))
	}
	var list bytes.Buffer
	if err := remote(t.Context(), address, []string{"card", "list"}, &list); err != nil || strings.Count(list.String(), "\n") != len(emvtest.Profiles()) {
		t.Errorf("list: %v\n%s", err, &list)
	}
}

func TestControlAPIRefusesWebPages(t *testing.T) {
	server, _ := newControl(t)
	for name, change := range map[string]func(*http.Request){
		"a page's script": func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
		"DNS rebinding":   func(r *http.Request) { r.Host = "evil.example" },
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/control/status", nil)
		if err != nil {
			t.Fatal(err)
		}
		change(request)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusForbidden {
			t.Errorf("%s got %s", name, response.Status)
		}
	}
}

// A card's transaction counter goes on after a restart of the simulator.
func TestCardsRemember(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cards.json")
	counters := []uint16{}
	for range 2 {
		board, err := sim.Open(sim.Options{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		cards, err := openCards(file, board.Tray)
		if err != nil {
			t.Fatal(err)
		}
		if err := cards.insert("visa"); err != nil {
			t.Fatal(err)
		}
		card, err := board.Tray.Activate(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		config := emvtest.TerminalConfig()
		transaction, err := emvkernel.NewTransaction(&config, emvkernel.Params{
			Amount: 100, Currency: 840, Exponent: 2, Time: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC),
		}, card, nil, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if outcome, err := transaction.Collect(t.Context()); err != nil || outcome.Kind != emvkernel.OnlineRequest {
			t.Fatalf("got %+v, %v", outcome, err)
		}
		for _, state := range cards.states {
			for _, app := range state.Applications {
				counters = append(counters, app.ATC)
			}
		}
		board.HAL.Close()
	}
	if !slices.Equal(counters, []uint16{1, 2}) {
		t.Errorf("the counter went %v", counters)
	}
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openCards(file, nil); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("damaged memory: got %v, want an error naming the file", err)
	}
}
