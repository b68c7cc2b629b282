//go:build linux

// Command firmware is the production card reader: it opens the board it runs
// on and serves the POS until it is told to stop.
//
// As the program /init of a device's initramfs it is the device's process 1 as
// well, which starts the reader as a worker: see package boot.
//
// It contains no simulator and no test key.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"smartreader/display"
	"smartreader/firmware/reader"
	"smartreader/hal"
	"smartreader/hal/board"
	"smartreader/hal/watchdog"
)

func main() {
	stage()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(os.Stderr, "firmware: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	set := flag.NewFlagSet("firmware", flag.ContinueOnError)
	set.SetOutput(stderr)
	file := set.String("config", "", "configuration `file` (JSON); see -sample")
	sample := set.Bool("sample", false, "print a configuration with every setting and its default")
	version := set.Bool("version", false, "print the version")
	acceptLoss := set.String("accept-loss", "", "go on although the ledger is damaged; give the `reason`, it is signed into the ledger")
	set.Usage = func() {
		fmt.Fprint(set.Output(), "Usage: firmware -config FILE\n\nA card reader. Settings are in the configuration file; flags:\n")
		set.PrintDefaults()
	}
	if err := set.Parse(args); err != nil {
		return err
	}
	switch {
	case set.NArg() > 0:
		return fmt.Errorf("unexpected argument %q", set.Arg(0))
	case *version:
		_, err := fmt.Fprintln(stdout, reader.Version)
		return err
	case *sample:
		out := json.NewEncoder(stdout)
		out.SetIndent("", "  ")
		return out.Encode(defaultConfig())
	}
	config, err := loadConfig(*file)
	if err != nil {
		return err
	}
	return start(ctx, config, *acceptLoss, stderr)
}

func start(ctx context.Context, c Config, acceptLoss string, stderr io.Writer) error {
	limitMemory()
	if err := noCoreDumps(); err != nil {
		return fmt.Errorf("switch core dumps off: %w", err)
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: c.LogLevel}))
	b, err := board.Open(c.Board, c.DataDir, c.Devices, log)
	if err != nil {
		return err
	}
	if b.Close != nil {
		defer b.Close()
	}
	ca, err := os.ReadFile(c.PlatformCAFile)
	if err != nil {
		apologise(ctx, b.Screen)
		return fmt.Errorf("platformCaFile: %w", err)
	}
	options := reader.Options{
		Dir: c.DataDir, Listen: c.Listen, PlatformURL: c.PlatformURL, PlatformCA: ca,
		RegistrationCode: c.RegistrationCode, DeviceType: c.DeviceType, AllowedOrigins: c.AllowedOrigins,
		AcceptLoss: acceptLoss, SoftwarePIN: c.SoftwarePINPad, Log: log,
	}
	if c.RecordTransactions {
		options.RecordDir = filepath.Join(c.DataDir, "recordings")
	}
	if supervisor, ok := b.Watchdog.(*watchdog.Pulse); ok {
		options.FloorRaised = func(t time.Time) {
			if err := supervisor.Floor(t); err != nil {
				log.Warn("time floor", "err", err)
			}
		}
	}
	return reader.Run(ctx, *b, options)
}

// apologise tells whoever stands before a reader that cannot start.
func apologise(ctx context.Context, screen hal.Screen) {
	if screen != nil {
		// What is wrong is in the log; a screen that fails too changes nothing.
		_ = screen.Show(ctx, display.Render(display.View{Kind: display.Error, Message: "Out of order"}, screen.Bounds().Size()))
	}
}

// limitMemory keeps the reader small: readers have little memory, and the
// store's table builders would otherwise let the heap grow between collections.
// GOGC and GOMEMLIMIT in the environment have the last word.
func limitMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(64 << 20)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
}

// noCoreDumps: a core file would hold card data in the clear.
func noCoreDumps() error { return syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}) }
