package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"smartreader/build/bench"
	"smartreader/build/sandbox"
	"smartreader/firmware/platform"
	"smartreader/hal/sim"
)

// serve runs the parts asked for until ctx is done or one of them fails.
func serve(ctx context.Context, o options, stdout, stderr io.Writer) error {
	if err := o.check(); err != nil {
		return err
	}
	script, err := readScript(o.script)
	if err != nil {
		return err
	}
	level := slog.LevelWarn
	if o.verbose {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	at := bench.Endpoints{Data: o.dir}
	ctx, parts := bench.NewParts(ctx)
	defer parts.Stop(nil)

	ca := []byte(nil)
	var backend *sandbox.Sandbox
	if o.platformURL == "" {
		var err error
		if backend, err = startSandbox(ctx, o, &at, parts, log); err != nil {
			return err
		}
		defer backend.Close()
		ca, o.platformURL = backend.CAPEM(), at.Device
	} else {
		var err error
		if ca, err = os.ReadFile(o.platformCA); err != nil {
			return fmt.Errorf("read the platform's certificate: %w", err)
		}
	}
	control := bench.Control{Endpoints: func() bench.Endpoints { return at }, Platform: backend}
	if !o.sandboxOnly {
		board, err := sim.Open(sim.Options{Dir: filepath.Join(o.dir, "reader"), Serial: o.serial})
		if err != nil {
			return err
		}
		defer board.HAL.Close()
		ready, err := startReader(ctx, o, board, ca, &at, &control, parts, log)
		if err != nil {
			return err
		}
		select {
		case <-ready:
		case <-ctx.Done():
			return parts.Wait(ctx)
		}
	}
	listener, err := bench.ListenLoopback(o.control, "-control")
	if err != nil {
		parts.Stop(err)
		return parts.Wait(ctx)
	}
	at.Control = "http://" + listener.Addr().String() + "/control/"
	parts.Serve(ctx, "control API", listener, control.Handler())
	if err := announce(stdout, at, o, backend); err != nil {
		parts.Stop(err)
	}
	if script != nil {
		parts.Run("script", func() error { return play(ctx, script, at.Control, stderr) })
	}
	return parts.Wait(ctx)
}

func announce(w io.Writer, at bench.Endpoints, o options, backend *sandbox.Sandbox) error {
	if o.json {
		return json.NewEncoder(w).Encode(at)
	}
	first := fmt.Sprintf("Simulated reader %s is ready (test cards only).", at.ReaderID)
	if o.sandboxOnly {
		first = "The payments platform is ready, without a reader (test mode only)."
	}
	err := at.Announce(w, first, startCommand)
	if err == nil && backend != nil && !o.sandboxOnly && !knows(backend, at.ReaderID) {
		_, err = fmt.Fprintf(w, "NOTE: this platform does not know the reader: one of them was removed. To start anew, remove %s\n", o.dir)
	}
	if err == nil && backend != nil && backend.Status().Faults != (sandbox.Faults{}) {
		_, err = fmt.Fprintln(w, "NOTE: faults of the last time are still on, or the internet is cut. To end them: fault clear")
	}
	return err
}

func knows(backend *sandbox.Sandbox, reader string) bool {
	return slices.ContainsFunc(backend.Status().Readers, func(r platform.Reader) bool { return r.ID == reader })
}

func encode(picture image.Image) ([]byte, error) {
	var b bytes.Buffer
	err := png.Encode(&b, picture)
	return b.Bytes(), err
}

// deskLink notices an outage, and its end, within a few seconds: nobody at a
// desk wants to wait as long as a shop can.
func deskLink() platform.LinkOptions {
	return platform.LinkOptions{OnlineInterval: 2 * time.Second, RetryMin: 500 * time.Millisecond, RetryMax: 3 * time.Second}
}

func startSandbox(ctx context.Context, o options, at *bench.Endpoints, parts *bench.Parts, log *slog.Logger) (*sandbox.Sandbox, error) {
	public, err := bench.ListenLoopback(o.public, "-public")
	if err != nil {
		return nil, err
	}
	device, err := bench.Listen(o.device, "-device")
	if err != nil {
		return nil, err
	}
	backend, err := sandbox.New(sandbox.Options{Dir: filepath.Join(o.dir, "platform"), Public: public, Device: device, Log: log})
	if err != nil {
		return nil, err
	}
	at.Public, at.Device, at.APIKey = "http://"+public.Addr().String(), "https://"+device.Addr().String(), sandbox.APIKey
	parts.Run("platform", func() error { return backend.Run(ctx) })
	return backend, nil
}
