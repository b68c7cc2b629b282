package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// command is one subcommand.
type command struct {
	name, args, short string
	long              string
	min, max          int // positional arguments
	flags             func(*flag.FlagSet) any
	run               func(a *app, ctx context.Context, args []string, flags any) error
}

// commands in the order of the help.
func commands() []command {
	return []command{
		connectCommand, payCommand, statusCommand, listCommand, retrieveCommand,
		cancelCommand, voidCommand, forwardCommand, explainCommand, watchCommand,
		exportCommand, rescueCommand, verifyCommand, simulateCommand, disconnectCommand,
	}
}

func find(name string) (command, bool) {
	for _, c := range commands() {
		if c.name == name {
			return c, true
		}
	}
	return command{}, false
}

// common are the flags every command has.
type common struct {
	json     bool
	verbose  bool
	state    string
	reader   string
	readerID string
	ca       string
	backend  string
	secret   string
	failBusy bool
	timeout  time.Duration
}

const (
	defaultReader  = "wss://127.0.0.1:4443/v1/terminal"
	defaultBackend = "http://127.0.0.1:4480"
	defaultSecret  = "sk_test_smartreader"
)

func (c *common) register(fs *flag.FlagSet) {
	fs.BoolVar(&c.json, "json", false, "print JSON for machines")
	fs.BoolVar(&c.verbose, "v", false, "log what happens on the wire to stderr")
	fs.StringVar(&c.state, "state", "", "`folder` with this POS's key, credential and place in the events\n(default: smartreader/pos in the user's configuration folder)")
	fs.StringVar(&c.reader, "reader", "", "reader `URL` (default: the last one, at first "+defaultReader+")")
	fs.StringVar(&c.readerID, "reader-id", "", "insist on this reader `id` (tmr_...)")
	fs.StringVar(&c.ca, "ca", "", "PEM `file` with the CA of the reader's certificate (default: the backend's /ca.pem)")
	fs.StringVar(&c.backend, "backend", "", "merchant backend `URL` that hands out connection tokens\n(default: the last one, at first "+defaultBackend+")")
	fs.StringVar(&c.secret, "secret", defaultSecret, "the backend's secret `key`")
	fs.BoolVar(&c.failBusy, "fail-if-in-use", false, "do not take the reader over from another POS; commands that only look never do")
	fs.DurationVar(&c.timeout, "timeout", 15*time.Second, "how long to wait for the reader to answer; a card is waited for longer")
}

// start parses the flags, which may stand before, between and after the
// arguments, and runs the command.
func (c command) start(a *app, ctx context.Context, args []string) error {
	fs, own := c.flagSet(&a.common)
	var positional []string
	for {
		if err := fs.Parse(args); err != nil {
			if err == flag.ErrHelp {
				return err
			}
			return &usageError{c.name, flagProblem(err)}
		}
		if fs.NArg() == 0 {
			break
		}
		positional = append(positional, fs.Arg(0))
		args = fs.Args()[1:]
	}
	if n := len(positional); n < c.min || n > c.max {
		return &usageError{c.name, "usage: pos " + strings.TrimSpace(c.name+" "+c.args)}
	}
	if a.state == "" {
		base, err := os.UserConfigDir()
		if err != nil {
			return fmt.Errorf("no place for the POS's state: %w; name one with -state", err)
		}
		a.state = filepath.Join(base, "smartreader", "pos")
	}
	return c.run(a, ctx, positional, own)
}

// flagProblem says what was wrong with the flags. What begins like a negative
// number was meant as an amount.
func flagProblem(err error) string {
	if name, unknown := strings.CutPrefix(err.Error(), "flag provided but not defined: -"); unknown && onlyDigits(name[:1]) {
		return fmt.Sprintf("-%s: an amount must be more than nothing", name)
	}
	return err.Error()
}

func (c command) flagSet(common *common) (*flag.FlagSet, any) {
	fs := flag.NewFlagSet(c.name, flag.ContinueOnError)
	fs.SetOutput(io.Discard) // errors are said once, by app.fail
	common.register(fs)
	var own any
	if c.flags != nil {
		own = c.flags(fs)
	}
	return fs, own
}

func (a *app) log() *slog.Logger {
	if !a.verbose {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
