package panel

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"

	"smartreader/hal"
	"smartreader/hal/haltest"
)

// contact is the pin of a switch: what is wired to it decides its level, not
// its pull-up.
type contact struct {
	*wire
	noEdges, noPull, noInput, failing bool
	waits                             int
}

func newContact(l gpio.Level) *contact {
	return &contact{wire: newWire(0, l)}
}

func (c *contact) In(pull gpio.Pull, edge gpio.Edge) error {
	if c.noInput || c.noEdges && edge != gpio.NoEdge || c.noPull && pull != gpio.PullNoChange {
		return errors.New("not this way")
	}
	return nil
}

func (c *contact) WaitForEdge(timeout time.Duration) bool {
	c.waits++
	if c.failing {
		return false
	}
	return c.wire.WaitForEdge(timeout)
}

// turn moves the switch.
func (c *contact) turn(l gpio.Level) {
	_ = c.Out(l)
	if !c.noEdges {
		c.edges <- struct{}{}
	}
}

func latch(t *testing.T) *TamperOpts {
	return &TamperOpts{Latch: filepath.Join(t.TempDir(), "tampered")}
}

func TestTamperConformance(t *testing.T) {
	for name, change := range map[string]func(*contact){
		"edges":    func(*contact) {},
		"no edges": func(c *contact) { c.noEdges = true },
		"no pull":  func(c *contact) { c.noPull = true },
		"neither":  func(c *contact) { c.noEdges, c.noPull = true, true },
	} {
		t.Run(name, func(t *testing.T) {
			opts := latch(t)
			synctest.Test(t, func(t *testing.T) {
				c := newContact(gpio.Low)
				change(c)
				w := NewTamper(c, opts)
				haltest.Tamper(t, w, func() { c.turn(gpio.High) })

				c.turn(gpio.Low) // closed again, and restarted
				w = NewTamper(c, opts)
				reason, err := w.Watch(t.Context())
				if err != nil || !strings.Contains(reason, "case was opened, noticed at 2000-01-01T00:0") {
					t.Errorf("after a restart: %q, %v", reason, err)
				}
				if err := os.Remove(opts.Latch); err != nil { // service
					t.Fatal(err)
				}
				w = NewTamper(c, opts)
				haltest.Tamper(t, w, nil)
				haltest.Closing(t, w, w.Close)
			})
		})
	}
}

func TestAKnockIsNoTampering(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newContact(gpio.High)
		w := NewTamper(c, &TamperOpts{Closed: gpio.High})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := w.Watch(ctx)
			done <- err
		}()
		for range 5 {
			c.turn(gpio.Low)
			time.Sleep(40 * ms)
			c.turn(gpio.High)
			time.Sleep(40 * ms)
		}
		stop()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
	})
}

func TestOpenedWhileOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewTamper(newContact(gpio.High), nil)
		for range 2 {
			if reason, err := w.Watch(t.Context()); reason != opening || err != nil {
				t.Errorf("got %q, %v", reason, err)
			}
		}
	})
}

func TestLatchIsWhatCounts(t *testing.T) {
	opts := latch(t)
	// Power failed before anything was written into it.
	if err := os.WriteFile(opts.Latch, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if reason, err := NewTamper(newContact(gpio.Low), opts).Watch(t.Context()); err != nil || !strings.Contains(reason, opening) {
		t.Errorf("empty latch: %q, %v", reason, err)
	}
	opts.Latch = t.TempDir() // cannot be read
	if _, err := NewTamper(newContact(gpio.Low), opts).Watch(t.Context()); err == nil {
		t.Error("a latch that cannot be read is no closed case")
	}
	opts.Latch = filepath.Join(t.TempDir(), "no", "folder")
	if reason, err := NewTamper(newContact(gpio.High), opts).Watch(t.Context()); err != nil || !strings.Contains(reason, "could not be written") {
		t.Errorf("latch that cannot be written: %q, %v", reason, err)
	}
}

func TestAPinThatFails(t *testing.T) {
	c := newContact(gpio.Low)
	c.noInput = true
	if _, err := NewTamper(c, nil).Watch(t.Context()); err == nil || errors.Is(err, hal.ErrHalted) {
		t.Errorf("got %v, want an error: watching is not possible", err)
	}
	synctest.Test(t, func(t *testing.T) {
		c := newContact(gpio.Low)
		c.failing = true // its waits break off at once
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if _, err := NewTamper(c, nil).Watch(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want context.DeadlineExceeded", err)
		}
		if c.waits > 300 {
			t.Errorf("%d waits in a second", c.waits)
		}
	})
}
