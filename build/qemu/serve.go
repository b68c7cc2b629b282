package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"smartreader/build/bench"
	"smartreader/build/qemu/machine"
)

// serve runs a reader until ctx is done.
func serve(ctx context.Context, o options, stdout, stderr io.Writer) error {
	if err := o.open(); err != nil {
		return err
	}
	return withRig(ctx, o, stderr, func(ctx context.Context, r *rig) error {
		listener, err := bench.ListenLoopback(o.control, "-control")
		if err != nil {
			return err
		}
		r.at.Control = "http://" + listener.Addr().String() + "/control/"
		api := bench.Control{
			Endpoints: func() bench.Endpoints { return r.endpoints() },
			Cards:     r.cards, Slot: r.slot, Antenna: &r.tapper, Screen: r.screen, Platform: r.platform, More: r.hands(),
		}
		if err := r.build(ctx, "", ""); err != nil {
			return errors.Join(err, listener.Close())
		}
		r.parts.Serve(ctx, "control API", listener, api.Handler())
		at, err := r.Start(ctx)
		if err != nil {
			return err
		}
		if o.screenshot != "" {
			return r.saveScreen(ctx, o.screenshot)
		}
		if o.json {
			err = json.NewEncoder(stdout).Encode(at)
		} else {
			fmt.Fprintf(stdout, "console log  %s\n", r.consoleFile())
			err = at.Announce(stdout, fmt.Sprintf("Reader %s is ready on the emulated machine %s (test cards only).", at.ReaderID, o.lane), startCommand)
		}
		if err != nil {
			return err
		}
		return r.keepRunning(ctx)
	})
}

// withRig runs something with everything around the machine, and ends all of
// it: the machine by its power button, when it is on.
func withRig(ctx context.Context, o options, stderr io.Writer, work func(context.Context, *rig) error) error {
	level, echo := slog.LevelWarn, io.Writer(nil)
	if o.verbose {
		level, echo = slog.LevelInfo, stderr
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	outer := ctx
	ctx, parts := bench.NewParts(ctx)
	r, err := newRig(ctx, o, parts, log, newProgress(stderr), echo)
	if err == nil {
		err = work(ctx, r)
	}
	if outer.Err() != nil {
		err = nil // asked to stop: whatever broke off was meant to
	}
	if r != nil && r.console != nil {
		if _, off := r.running(); off == nil {
			r.progress.step("switch the machine off")
		}
		// The platform still runs, so that the reader can end in peace.
		err = errors.Join(err, r.switchOff(context.WithoutCancel(outer)))
		r.progress.step("")
	}
	parts.Stop(nil)
	err = errors.Join(err, parts.Wait(ctx))
	if r != nil {
		err = errors.Join(err, r.close())
	}
	return err
}

// keepRunning follows the machine until ctx is done: a reset boots it again,
// as it would a device.
func (r *rig) keepRunning(ctx context.Context) error {
	for {
		m, err := r.running()
		if err != nil { // switched off from here; it may be switched on again
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(200 * time.Millisecond):
				continue
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-m.Done():
		}
		if !r.ended(m) {
			continue
		}
		if err := m.Err(); err != nil {
			return err
		}
		if m.OffByGuest() {
			r.progress.say("The reader switched itself off. Switch it on with: " + startCommand + " power on")
			continue
		}
		r.progress.say("The reader restarts")
		if _, err := r.Start(ctx); err != nil {
			return err
		}
	}
}

// ended forgets a machine that ended by itself. It is false when somebody here
// ended it.
func (r *rig) ended(m *machine.Machine) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.m != m {
		return false
	}
	r.kill()
	return true
}

func (r *rig) endpoints() bench.Endpoints {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.at
}

// saveScreen saves what the screen shows once it has not changed for a while,
// which is longer than the reader lets its start be seen (payment.Options,
// OutcomeHold).
func (r *rig) saveScreen(ctx context.Context, file string) error {
	const unchanged = 10 // times
	again := time.NewTicker(500 * time.Millisecond)
	defer again.Stop()
	var last []byte
	for same := 0; same < unchanged; {
		picture, err := r.screen(ctx)
		if err != nil {
			return err
		}
		if same++; !bytes.Equal(picture, last) {
			same = 0
		}
		last = picture
		select {
		case <-again.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return os.WriteFile(file, last, 0o644)
}
