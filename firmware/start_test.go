//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"smartreader/build/sandbox"
)

// watched is a log that tells when a text appears in it.
type watched struct {
	mu    sync.Mutex
	text  bytes.Buffer
	wants string
	found chan struct{}
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := strings.Contains(w.text.String(), w.wants)
	w.text.Write(p)
	if !before && strings.Contains(w.text.String(), w.wants) {
		close(w.found)
	}
	return len(p), nil
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// The production program on a machine without card reader hardware: it
// activates, serves the LAN, and says what it did not find.
func TestStartsWithoutHardwareAndSaysWhatIsMissing(t *testing.T) {
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
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, platform.CAPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	config := defaultConfig()
	config.Board, config.DataDir, config.Listen = "none", filepath.Join(dir, "data"), "127.0.0.1:0"
	config.PlatformURL, config.PlatformCAFile, config.RegistrationCode = "https://"+device.Addr().String(), ca, "simulated-s700"
	data, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "reader.json")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	log := &watched{wants: "reader ready", found: make(chan struct{})}
	work, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(work, []string{"-config", file}, &bytes.Buffer{}, log) }()
	select {
	case <-log.found:
	case err := <-ended:
		t.Fatalf("ended with %v\n%s", err, log)
	}
	end()
	if err := <-ended; err != nil {
		t.Errorf("stopped with %v", err)
	}
	for _, want := range []string{"chip card reader", "device missing"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, log)
		}
	}
}

func TestWithoutConfigurationTheRemedyIsNamed(t *testing.T) {
	err := run(t.Context(), nil, &bytes.Buffer{}, &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "-sample") {
		t.Errorf("got %v", err)
	}
	var sample bytes.Buffer
	if err := run(t.Context(), []string{"-sample"}, &sample, &bytes.Buffer{}); err != nil || !strings.Contains(sample.String(), "platformCaFile") {
		t.Errorf("sample: %v\n%s", err, &sample)
	}
}
