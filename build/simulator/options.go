package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"smartreader/build/bench"
)

// options are the simulator's flags.
type options struct {
	dir         string
	listen      string
	public      string
	device      string
	control     string
	sandboxOnly bool
	platformURL string
	platformCA  string
	code        string
	serial      string
	autoCard    string
	acceptLoss  string
	seed        uint64
	script      string
	record      string
	demo        string
	json        bool
	verbose     bool

	cardTimeout      time.Duration
	authorizeTimeout time.Duration
}

func (o *options) register(f *flag.FlagSet) {
	f.StringVar(&o.dir, "data", "data", "`folder` of everything that is kept: ledger, keys, cards, the platform's state")
	f.StringVar(&o.listen, "listen", "127.0.0.1:4443", "`address` where POS connect")
	f.StringVar(&o.public, "public", "127.0.0.1:4480", "`address` of the platform's public API (loopback only)")
	f.StringVar(&o.device, "device", "127.0.0.1:4482", "`address` of the platform's reader face")
	f.StringVar(&o.control, "control", "127.0.0.1:4481", "`address` of the control API (loopback only)")
	f.BoolVar(&o.sandboxOnly, "sandbox-only", false, "run the platform without a reader")
	f.StringVar(&o.platformURL, "platform", "", "use the platform at this `URL` instead of running one; needs -platform-ca and -code")
	f.StringVar(&o.platformCA, "platform-ca", "", "PEM `file` with the root certificate of -platform")
	f.StringVar(&o.code, "code", "simulated-s700", "registration `code`, used at the first start")
	f.StringVar(&o.serial, "serial", "SIM-0001", "serial `number` of the simulated reader")
	f.StringVar(&o.autoCard, "auto", "", "put this `card` in whenever a payment asks for one, and take it out afterwards (see: simulate -card)")
	f.Uint64Var(&o.seed, "seed", 1, "`number` that decides what is random in the simulation; the same number, the same behaviour")
	f.StringVar(&o.script, "script", "", "play the commands in this `file`: each line a time and a command, as in \"5s net cut\"")
	f.StringVar(&o.record, "record", "", "write what passes between kernel and card into this `folder`, a file for each transaction, to replay with emvkernel/emv")
	f.StringVar(&o.acceptLoss, "accept-loss", "", "go on although the ledger is damaged; give the `reason`, it is signed into the ledger")
	f.StringVar(&o.demo, "demo", "", "play a `story` and check it: outage")
	f.BoolVar(&o.json, "json", false, "print for machines")
	f.BoolVar(&o.verbose, "v", false, "log what goes on, lights and tones too, to standard error")
	f.DurationVar(&o.cardTimeout, "card-timeout", 2*time.Minute, "how long a payment waits for a card")
	f.DurationVar(&o.authorizeTimeout, "authorize-timeout", 15*time.Second, "how long an authorization may take before the payment is stored instead")
}

func (o *options) check() error {
	if o.sandboxOnly && o.platformURL != "" {
		return bench.Usagef("-sandbox-only and -platform exclude each other")
	}
	if o.platformURL != "" && o.platformCA == "" {
		return bench.Usagef("-platform needs -platform-ca, or the reader could not recognise it")
	}
	abs, err := filepath.Abs(o.dir)
	if err != nil {
		return err
	}
	o.dir = abs
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	return nil
}
