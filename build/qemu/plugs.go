package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"smartreader/build/bench"
)

// plug is the far end of a device while it is plugged in.
type plug struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// plugIn runs the far end until it is pulled or the machine ends.
func (r *rig) plugIn(name string, serve func(context.Context) error) *plug {
	ctx, cancel := context.WithCancel(context.Background())
	p := &plug{cancel, make(chan struct{})}
	go func() {
		defer close(p.done)
		if err := serve(ctx); err != nil && ctx.Err() == nil {
			r.log.Error("far end of a device", "device", name, "error", err)
		}
	}()
	return p
}

// pull ends the far end and waits for it. A nil plug is not plugged in.
func (p *plug) pull() {
	if p != nil {
		p.cancel()
		<-p.done
	}
}

// plugCCID connects the slot to the machine's chip card reader, which is there.
func (r *rig) plugCCID(ctx context.Context) error {
	conn, err := r.m.Slot(ctx)
	if err == nil {
		r.ccid = r.plugIn("ccid", func(ctx context.Context) error { return r.slot.Serve(ctx, conn) })
	}
	return err
}

// plugPN532 connects the PN532 to its serial adapter, which makes it appear.
func (r *rig) plugPN532(ctx context.Context) error {
	conn, err := r.m.Serial(ctx)
	if err == nil {
		r.pn532 = r.plugIn("pn532", func(ctx context.Context) error { return r.field.Serve(ctx, conn) })
	}
	return err
}

// plug plugs a device in or pulls it out. What is as it should be stays so.
func (r *rig) plug(ctx context.Context, device string, on bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.m == nil {
		return errOff
	}
	switch {
	case device == "ccid" && on && r.ccid == nil:
		if err := r.m.PlugCCID(ctx); err != nil {
			return err
		}
		return r.plugCCID(ctx)
	case device == "ccid" && !on && r.ccid != nil:
		r.ccid.pull()
		r.ccid = nil
		return r.m.UnplugCCID(ctx)
	case device == "pn532" && on && r.pn532 == nil:
		return r.plugPN532(ctx)
	case device == "pn532" && !on && r.pn532 != nil:
		r.pn532.pull()
		r.pn532 = nil
		return nil
	case device != "ccid" && device != "pn532":
		return fmt.Errorf("there is no plug %q; there are ccid and pn532", device)
	}
	return nil
}

// press presses a key of the keypad.
func (r *rig) press(ctx context.Context, key string) error {
	code, ok := keys[key]
	if !ok {
		var names []string
		for name := range keys {
			names = append(names, name)
		}
		slices.Sort(names)
		return fmt.Errorf("there is no key %q; there are %s", key, strings.Join(names, ", "))
	}
	m, err := r.running()
	if err != nil {
		return err
	}
	return m.Press(ctx, code)
}

// screen returns what the reader shows, as PNG.
func (r *rig) screen(ctx context.Context) ([]byte, error) {
	m, err := r.running()
	if err != nil {
		return nil, err
	}
	return m.Screenshot(ctx)
}

// power does what the power command says.
func (r *rig) power(ctx context.Context, what string) error {
	switch what {
	case "cut":
		r.Kill()
		return nil
	case "off":
		return r.switchOff(ctx)
	case "on":
		_, err := r.Start(ctx)
		return err
	}
	return bench.Usagef("power %q: it can be cut, off and on", what)
}
