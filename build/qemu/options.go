package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"smartreader/build/bench"
	"smartreader/build/qemu/machine"
)

// options are the flags.
type options struct {
	dir     string
	lane    string
	listen  string
	public  string
	device  string
	control string
	json    bool
	verbose bool

	smoke       bool
	conformance bool
	measure     bool
	rounds      int
	screenshot  string
}

func (o *options) register(f *flag.FlagSet) {
	f.StringVar(&o.dir, "data", "data/qemu", "`folder` of everything that is kept: the reader's disk, cards, the platform's state, the console log")
	f.StringVar(&o.lane, "lane", machine.Virt, "`machine`: virt (quick) or raspi3b (a Raspberry Pi, slow)")
	f.StringVar(&o.listen, "listen", "127.0.0.1:4443", "`address` where POS connect")
	f.StringVar(&o.public, "public", "127.0.0.1:4480", "`address` of the platform's public API (loopback only)")
	f.StringVar(&o.device, "device", "127.0.0.1:4482", "`address` of the platform's reader face (loopback only; the machine reaches it)")
	f.StringVar(&o.control, "control", "127.0.0.1:4481", "`address` of the control API (loopback only)")
	f.BoolVar(&o.json, "json", false, "print for machines")
	f.BoolVar(&o.verbose, "v", false, "show the machine's console as it comes")
	f.BoolVar(&o.smoke, "smoke", false, "play the story of an outage on the machine, pull plugs, and check that all of it held")
	f.BoolVar(&o.conformance, "conformance", false, "run hal/conformance on the machine, and be the hands it asks for")
	f.BoolVar(&o.measure, "measure", false, "measure boot time, memory, idle load and the parts of a payment")
	f.IntVar(&o.rounds, "rounds", 3, "how `often` -measure boots each")
	f.StringVar(&o.screenshot, "screenshot", "", "`file` for what the screen shows when the reader is ready, as PNG; without -smoke then end")
}

func (o *options) check() error {
	modes := 0
	for _, mode := range []bool{o.smoke, o.conformance, o.measure} {
		if mode {
			modes++
		}
	}
	if modes > 1 {
		return bench.Usagef("-smoke, -conformance and -measure exclude each other")
	}
	if o.rounds < 1 {
		return bench.Usagef("-rounds must be 1 or more")
	}
	if o.lane != machine.Virt && o.lane != machine.Raspi3b {
		return bench.Usagef("there is no lane %q; there are %s and %s", o.lane, machine.Virt, machine.Raspi3b)
	}
	return machine.Check(o.lane)
}

// open makes the data folder.
func (o *options) open() error {
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

// temporary gives a mode that starts from nothing a folder and addresses of
// its own, so that it disturbs nobody. The folder is removed by leave, unless
// somebody will want to know what failed.
func (o *options) temporary(ctx context.Context) (leave func(failed error) error, err error) {
	dir, err := os.MkdirTemp("", "smartreader-qemu-")
	if err != nil {
		return nil, err
	}
	const any0 = "127.0.0.1:0"
	o.dir, o.listen, o.public, o.device, o.control = dir, any0, any0, any0, any0
	return func(failed error) error {
		if failed != nil && ctx.Err() == nil {
			return fmt.Errorf("%w\nThe disk and the console's log are kept in %s", failed, dir)
		}
		return errors.Join(failed, os.RemoveAll(dir))
	}, nil
}
