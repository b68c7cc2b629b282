//go:build linux

// Command conformance checks the hardware of a card reader against the
// contracts of package hal: the wiring of a whole board, or one driver with its
// device. It tells what was expected, what came, and what to look at.
//
//	go run ./hal/conformance -board desk
//	go run ./hal/conformance -device ccid
//	go run ./hal/conformance -device pn532=hsu:/dev/ttyUSB0 -two-cards
//	go run ./hal/conformance -config reader.json -only contact,screen -json
//
// What must be done by hand it asks for, one line "HAND: ..." each. The last
// line is "CONFORMANCE: pass" or "CONFORMANCE: fail", the exit code 0 only if
// nothing failed. It needs no payments platform and no network, and leaves the
// reader's own keys and payments alone.
//
// It can be the worker of an image instead of the reader (package
// firmware/boot), on hardware that has no screen for a shell: it is started
// with the reader's configuration then, writes to the console, and stays when
// it is done.
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
	"strings"
	"syscall"
	"time"

	"smartreader/hal"
	"smartreader/hal/board"
	"smartreader/hal/filekeys"
	"smartreader/hal/haltest/report"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	worker := os.Getenv("READER_HEARTBEAT") != ""
	err := conformance(ctx, os.Args[1:], worker, boards{board.Open, board.Single}, os.Stdout, os.Stderr)
	code := 0
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errFailed):
		code = 1 // the report said it
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, "conformance:", err)
		code = 2
	default:
		fmt.Fprintln(os.Stderr, "conformance:", err)
		code = 1
	}
	stop()
	os.Exit(code)
}

var (
	errUsage  = errors.New("wrong usage")
	errFailed = errors.New("a check failed")
)

// boards are those of hal/board, or of a test.
type boards struct {
	open   func(name, dir string, s board.Settings, log *slog.Logger) (*hal.Board, error)
	single func(spec string, log *slog.Logger) (*hal.Board, error)
}

func conformance(ctx context.Context, args []string, worker bool, from boards, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	// People get everything on one stream; a program gets JSON on its own.
	people := stdout
	if o.json {
		people = stderr
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	if !worker {
		o.dataDir = "" // the system's folder for such things, which a worker may not use
	}
	dir, err := os.MkdirTemp(o.dataDir, "conformance-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var b *hal.Board
	if o.device != "" {
		b, err = from.single(o.device, log)
	} else {
		b, err = from.open(o.board, dir, o.devices, log)
	}
	if err != nil {
		return err
	}
	if b.Close != nil {
		defer b.Close()
	}
	what := report.Options{
		Only: o.only, Hands: o.hands(people), Part: o.device != "",
		Close:    !worker, // a worker's heartbeat must go on
		Progress: func(c report.Check) { report.WriteRow(people, c) },
	}
	if _, files := b.Keys.(*filekeys.Store); files {
		what.Keys = func() hal.KeyStore { return trialKeys(dir) }
	}
	r, err := report.Run(ctx, b, what)
	if err != nil {
		return err
	}
	if o.json {
		out := json.NewEncoder(stdout)
		out.SetIndent("", "  ")
		err = out.Encode(r)
	}
	if err := errors.Join(err, r.WriteSummary(people)); err != nil {
		return err
	}
	if worker {
		stay(ctx, b.Watchdog)
	}
	if r.Verdict() == report.Fail {
		return errFailed
	}
	return nil
}

// trialKeys opens a key store that may be erased. What cannot be opened fails
// the check.
func trialKeys(dir string) hal.KeyStore {
	keys, err := filekeys.Open(filepath.Join(dir, "trial"))
	if err != nil {
		return nowhere{err}
	}
	return keys
}

// stay keeps a worker alive, so that it is not started again and what it wrote
// can be read.
func stay(ctx context.Context, w hal.Watchdog) {
	tick := time.NewTicker(3 * time.Second)
	defer tick.Stop()
	for {
		if w != nil {
			// A supervisor that does not listen restarts this program: nothing
			// else is to be done about it.
			_ = w.Kick()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// parse reads the flags, and the configuration file if there is one.
func parse(args []string, out io.Writer) (*options, error) {
	o := &options{}
	set := flag.NewFlagSet("conformance", flag.ContinueOnError)
	set.SetOutput(out)
	set.StringVar(&o.board, "board", "", "check the board `name`: "+strings.Join(board.Names(), ", "))
	set.StringVar(&o.device, "device", "", "check one device: ccid, ccid=MATCH, pn532=hsu:/dev/ttyUSB0, pn532=i2c:/dev/i2c-1, fb=/dev/fb0,\nssd1306=/dev/i2c-1, evdev, swipe=usb:vvvv:pppp, panel or watchdog=/dev/watchdog0 (`spec`)")
	config := set.String("config", "", "check the board and devices of a reader's configuration `file`")
	only := set.String("only", "", "check only these `kinds` of devices, separated by commas: "+strings.Join(report.Devices(), ","))
	set.BoolVar(&o.json, "json", false, "write the report as JSON; prompts and progress go to stderr")
	set.BoolVar(&o.unattended, "unattended", false, "nobody is there: skip what needs a hand")
	keys := set.String("keys", "5,enter,cancel", "`keys` to ask for, separated by commas; empty for none")
	set.BoolVar(&o.touch, "touch", false, "ask for touches of the screen")
	set.BoolVar(&o.twoCards, "two-cards", false, "ask for two contactless cards at once")
	set.BoolVar(&o.openCase, "open-case", false, "ask for the case to be opened; the reader remembers that")
	set.Usage = func() {
		fmt.Fprint(set.Output(), "Usage: conformance -board NAME | -device SPEC | -config FILE\n\nChecks the hardware of a card reader.\n")
		set.PrintDefaults()
	}
	if err := set.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil, err
		}
		return nil, fmt.Errorf("%w: %v", errUsage, err)
	}
	if set.NArg() > 0 {
		return nil, fmt.Errorf("%w: unexpected argument %q", errUsage, set.Arg(0))
	}
	chosen := 0
	for _, s := range []string{o.board, o.device, *config} {
		if s != "" {
			chosen++
		}
	}
	if chosen != 1 {
		return nil, fmt.Errorf("%w: say what to check, by one of -board, -device and -config; see -help", errUsage)
	}
	if *only != "" {
		o.only = strings.Split(*only, ",")
	} else if o.device != "" {
		o.only = kinds(o.device)
	}
	if err := o.parseKeys(*keys); err != nil {
		return nil, fmt.Errorf("%w: %v", errUsage, err)
	}
	if *config != "" {
		return o, o.load(*config)
	}
	return o, nil
}
