package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"

	"smartreader/build/bench"
	"smartreader/build/sandbox"
	"smartreader/build/story"
	"smartreader/lan/wire"
)

// demoOutage plays the story of an outage on a simulator in a process of its
// own, from nothing. It fails unless all of it held.
func demoOutage(ctx context.Context, o options, stdout, stderr io.Writer) error {
	dir, err := os.MkdirTemp("", "smartreader-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var live io.Writer
	if !o.json {
		live = stderr
	}
	teller := story.NewTeller(live)
	// An outage fills the log with warnings that are meant to be there.
	var log bytes.Buffer
	b := &demoBench{dir: dir, stderr: &log}
	failed := story.Outage(ctx, b, teller.Tell)
	b.Kill()
	if o.json {
		err = teller.WriteJSON(stdout, "outage", failed == nil)
	} else {
		err = teller.WriteTable(stdout)
	}
	if failed != nil {
		return fmt.Errorf("the story did not hold: %w\nThe simulator's log:\n%s", failed, &log)
	}
	if err == nil && !o.json {
		_, err = fmt.Fprintln(stdout, "\nAll of it held.")
	}
	return err
}

// demoBench is a simulator that can be killed.
type demoBench struct {
	bench.Client // of the life that runs
	dir          string
	stderr       io.Writer
	reader       *child           // nil: none runs
	first        *bench.Endpoints // of the first life; the others have the same
}

var _ story.Bench = (*demoBench)(nil)

// Start implements story.Bench.
func (d *demoBench) Start(ctx context.Context) (bench.Endpoints, error) {
	const any0 = "127.0.0.1:0"
	listen, public, device, control := any0, any0, any0, any0
	if at := d.first; at != nil {
		listen = at.POS[len("wss://") : len(at.POS)-len(wire.Path)]
		public, device = at.Public[len("http://"):], at.Device[len("https://"):]
		control = at.Control[len("http://") : len(at.Control)-len("/control/")]
	}
	var err error
	d.reader, err = startChild(ctx, d.stderr, "-data", d.dir, "-listen", listen, "-public", public, "-device", device, "-control", control)
	if err != nil {
		return bench.Endpoints{}, err
	}
	d.Client = bench.Client{Base: d.reader.at.Control, Start: startCommand}
	if d.first == nil {
		d.first = &d.reader.at
	}
	return d.reader.at, nil
}

// Kill implements story.Bench. Without a reader it does nothing.
func (d *demoBench) Kill() {
	if d.reader != nil {
		d.reader.kill()
		d.reader = nil
	}
}

// Status implements story.Bench.
func (d *demoBench) Status(ctx context.Context) (sandbox.Status, error) { return d.Platform(ctx) }
