//go:build linux

package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"smartreader/build/sandbox"
	"smartreader/hal/filekeys"
	"smartreader/store"
)

// BenchmarkResident measures the production program with 10,000 payments that
// wait for the platform: memory, and load while idle.
//
//	go test ./firmware -run '^$' -bench Resident -benchtime 1x
func BenchmarkResident(b *testing.B) {
	const pending, idle = 10_000, 20 * time.Second
	dir := b.TempDir()
	program := filepath.Join(dir, "reader")
	if out, err := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, ".").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		return l
	}
	device := listen()
	platform, err := sandbox.New(sandbox.Options{Dir: b.TempDir(), Public: listen(), Device: device})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- platform.Run(ctx) }()
	defer func() { stop(); <-served; platform.Close() }()

	config := defaultConfig()
	config.Board, config.DataDir, config.Listen = "none", filepath.Join(dir, "data"), "127.0.0.1:0"
	config.PlatformURL, config.RegistrationCode = "https://"+device.Addr().String(), "simulated-s700"
	config.PlatformCAFile = filepath.Join(dir, "ca.pem")
	settings, err := json.Marshal(config)
	if err != nil {
		b.Fatal(err)
	}
	file := filepath.Join(dir, "reader.json")
	if err := errors.Join(os.WriteFile(config.PlatformCAFile, platform.CAPEM(), 0o600), os.WriteFile(file, settings, 0o600)); err != nil {
		b.Fatal(err)
	}
	started := func() *exec.Cmd {
		log := &watched{wants: "reader ready", found: make(chan struct{})}
		c := exec.Command(program, "-config", file)
		c.Stderr = log
		if err := c.Start(); err != nil {
			b.Fatal(err)
		}
		select {
		case <-log.found:
		case <-time.After(time.Minute):
			_ = c.Process.Kill() // the log says why
			b.Fatalf("not ready:\n%s", log)
		}
		return c
	}
	end := func(c *exec.Cmd) {
		if err := errors.Join(c.Process.Signal(syscall.SIGTERM), c.Wait()); err != nil {
			b.Fatal(err)
		}
	}
	end(started()) // registers
	if err := platform.SetUnreachable(true); err != nil {
		b.Fatal(err)
	}
	fill(b, config.DataDir, pending)
	for b.Loop() {
		c := started()
		before := usage(b, c.Process.Pid)
		time.Sleep(idle)
		after := usage(b, c.Process.Pid)
		b.ReportMetric(after.resident, "resident-MiB")
		b.ReportMetric(after.anonymous, "anonymous-MiB")
		b.ReportMetric(after.peak, "peak-MiB")
		b.ReportMetric(100*(after.cpu-before.cpu)/idle.Seconds(), "%cpu-idle")
		end(c)
	}
}

// fill stores payments in the reader's own ledger, with the reader's own key.
func fill(b *testing.B, dir string, n int) {
	b.Helper()
	keys, err := filekeys.Open(filepath.Join(dir, "keys"))
	if err != nil {
		b.Fatal(err)
	}
	signer, err := keys.Key(b.Context(), "identity")
	if err != nil {
		b.Fatal(err)
	}
	s, err := store.Open(b.Context(), store.Options{Dir: filepath.Join(dir, "ledger"), Signer: signer})
	if err != nil {
		b.Fatal(err)
	}
	sealed := make([]byte, 3000) // what an envelope takes
	rand.Read(sealed)
	var wait sync.WaitGroup
	for lane := range 32 {
		wait.Go(func() {
			for i := lane; i < n; i += 32 {
				p := store.Payment{LocalID: fmt.Sprintf("pl_%032x", i), State: store.Created, Key: fmt.Sprintf("key-%d", i), Amount: 1250, Currency: "usd", CreatedAtMs: 1}
				for _, state := range []store.State{store.Created, store.Collecting, store.Collected, store.Stored} {
					p.State = state
					c := store.Change{Payment: p, Reason: "benchmark"}
					if state == store.Stored {
						c.Seal = func(sequence uint64) ([]byte, string, error) {
							return sealed, fmt.Sprintf("tmr_bench.%d.0007.A1B2C3D4E5F60708", sequence), nil
						}
					}
					var err error
					if p, err = s.Commit(b.Context(), c); err != nil {
						b.Error(err)
						return
					}
				}
			}
		})
	}
	wait.Wait()
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

// used is what a process takes.
type used struct{ resident, anonymous, peak, cpu float64 } // MiB; seconds

func usage(b *testing.B, pid int) (u used) {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Skip("memory is read from /proc: ", err)
	}
	for line := range strings.Lines(string(status)) {
		name, rest, _ := strings.Cut(line, ":")
		for key, to := range map[string]*float64{"VmRSS": &u.resident, "RssAnon": &u.anonymous, "VmHWM": &u.peak} {
			if name == key {
				kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
				if err != nil {
					b.Fatal(err)
				}
				*to = kib / 1024
			}
		}
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	for _, ticks := range fields[11:13] { // user and system, in hundredths of a second
		n, err := strconv.ParseFloat(ticks, 64)
		if err != nil {
			b.Fatal(err)
		}
		u.cpu += n / 100
	}
	return u
}
