package main

import (
	"context"
	"encoding/json"
	"flag"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"smartreader/build/sandbox"
	"smartreader/hal"
	"smartreader/hal/filekeys"
	"smartreader/hal/haltest/report"
)

var port = flag.String("port", "", "check real hardware: the serial port of an ACME 100")

// With the hardware on the bench and a card in the hand:
//
//	go test -v -count=1 -timeout 0 -run TestHardware . -port /dev/ttyUSB0
func TestHardware(t *testing.T) {
	if *port == "" {
		t.Skip("no hardware: -port is not set")
	}
	conform(t, config{Serial: "ACME-1", SlotPort: *port, Screen: "/dev/fb0", DataDir: t.TempDir()}, report.Person(os.Stdout))
}

// Without hardware the board opens all the same, and says what it lacks.
func TestBoardIsComplete(t *testing.T) {
	conform(t, config{Serial: "ACME-1", SlotPort: "/nowhere", Screen: "/nowhere", DataDir: t.TempDir()}, report.Hands{})
}

func conform(t *testing.T, c config, hands report.Hands) {
	t.Helper()
	b, err := open(c)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	r, err := report.Run(t.Context(), b, report.Options{
		Hands: hands,
		Keys: func() hal.KeyStore {
			keys, err := filekeys.Open(filepath.Join(c.DataDir, "trial"))
			if err != nil {
				t.Fatal(err)
			}
			return keys
		},
		Progress: func(c report.Check) { report.WriteRow(os.Stdout, c) },
	})
	if err != nil || r.Verdict() != report.Pass {
		t.Errorf("the board does not conform: %v", err)
	}
}

func TestConfiguration(t *testing.T) {
	if _, err := parse([]byte(`{"serial":"ACME-1","platformUrl":"https://platform.example","slotPort":"/dev/ttyUSB0"}`)); err != nil {
		t.Error(err)
	}
	for _, text := range []string{
		``, `{}`, `{"serial":"A","platformUrl":"u","slotport2":""}`, `{"serial":"A","platformUrl":"u","network":{"address":"x"}}`,
	} {
		if _, err := parse([]byte(text)); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

// The whole program, with the payments platform of the sandbox, without a slot.
func TestRuns(t *testing.T) {
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	device := listen()
	platform, err := sandbox.New(sandbox.Options{Dir: t.TempDir(), Public: listen(), Device: device})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- platform.Run(ctx) }()
	defer func() { stop(); <-served; platform.Close() }()

	dir := t.TempDir()
	ca, file := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "reader.json")
	text, err := json.Marshal(map[string]any{
		"serial": "ACME-1", "slotPort": "/nowhere", "screen": "/nowhere", "dataDir": filepath.Join(dir, "data"), "listen": "127.0.0.1:0",
		"platformUrl": "https://" + device.Addr().String(), "platformCaFile": ca, "registrationCode": "simulated-s700",
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string][]byte{ca: platform.CAPEM(), file: text} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	log := &watched{wants: "reader ready", found: make(chan struct{})}
	work, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(work, []string{"-config", file}, log) }()
	select {
	case <-log.found:
	case err := <-ended:
		t.Fatalf("the reader ended: %v\n%s", err, log.text.String())
	}
	end()
	if err := <-ended; err != nil {
		t.Errorf("got %v", err)
	}
	if !strings.Contains(log.text.String(), "PIN pad") {
		t.Error("the log does not say what is missing")
	}
}

// watched is a log that tells when a text came.
type watched struct {
	text  strings.Builder
	wants string
	found chan struct{}
	seen  bool
}

// Write is called by one logger, which has a lock.
func (w *watched) Write(p []byte) (int, error) {
	w.text.Write(p)
	if !w.seen && strings.Contains(string(p), w.wants) {
		w.seen = true
		close(w.found)
	}
	return len(p), nil
}
