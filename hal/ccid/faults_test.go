package ccid_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/hal"
	"smartreader/hal/ccid"
	"smartreader/hal/ccid/ccidtest"
	"smartreader/hal/usbfs"
)

// TestFaults checks what a fault does to the exchange, and that the reader is
// good again afterwards.
func TestFaults(t *testing.T) {
	tests := []struct {
		name   string
		fault  ccidtest.Fault
		atr    []byte
		err    error // nil: the exchange succeeds
		resets int
	}{
		{"T=0 mute", ccidtest.Mute, atrT0, hal.ErrMute, 0},
		{"T=0 parity", ccidtest.Garble, atrT0, hal.ErrMute, 0},
		{"T=1 mute once", ccidtest.Mute, atrT1, nil, 0},
		{"T=1 parity", ccidtest.Garble, atrT1, nil, 0},
		{"T=1 corrupt", ccidtest.Corrupt, atrT1, nil, 0},
		{"time extension", ccidtest.Extend, atrT0, nil, 0},
		{"earlier answer first", ccidtest.Stale, atrT0, nil, 0},
		{"busy", ccidtest.Busy, atrT0, nil, 0},
		{"garbage", ccidtest.Garbage, atrT0, hal.ErrMute, 1},
		{"stall", ccidtest.Stall, atrT0, hal.ErrMute, 1},
		{"reader hangs", ccidtest.Hang, atrT0, hal.ErrMute, 0},
		{"card pulled", ccidtest.Pull, atrT1, hal.ErrCardRemoved, 0},
		{"reader unplugged", ccidtest.Vanish, atrT1, hal.ErrNotFound, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, ccidtest.Options{})
				card := b.activate(newChip(tt.atr))
				b.usb.Fail(tt.fault)
				got, err := card.Transceive(t.Context(), read)
				if !errors.Is(err, tt.err) || tt.err == nil && len(got) != 14 {
					t.Fatalf("got %d bytes, %v; want %v", len(got), err, tt.err)
				}
				if err != nil {
					again := tt.err
					if again == hal.ErrMute {
						again = hal.ErrHalted
					}
					if _, err := card.Transceive(t.Context(), read); !errors.Is(err, again) {
						t.Errorf("once more: got %v, want %v", err, again)
					}
				}
				if err := card.Close(); err != nil {
					t.Error(err)
				}
				switch tt.fault {
				case ccidtest.Pull:
					b.insert(newChip(tt.atr))
				case ccidtest.Vanish:
					if _, err := b.reader.Present(t.Context()); !errors.Is(err, hal.ErrNotFound) {
						t.Errorf("Present: got %v, want hal.ErrNotFound", err)
					}
					b.usb.Plug()
				}
				card, err = b.reader.Activate(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if _, err := card.Transceive(t.Context(), read); err != nil {
					t.Error(err)
				}
				if got := b.usb.Counts().Resets; got != tt.resets {
					t.Errorf("%d resets over USB, want %d", got, tt.resets)
				}
			})
		})
	}
}

// TestCancelledExchange checks that a cancelled exchange ends within a second
// and leaves a usable reader.
func TestCancelledExchange(t *testing.T) {
	for _, o := range []ccidtest.Options{{}, {NoAbort: true}, {Features: ccidtest.LevelShort}} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, o)
			c := newChip(atrT1)
			card := b.activate(c)
			c.gate, c.asked = make(chan struct{}), make(chan struct{})
			ctx, cancel := context.WithCancelCause(t.Context())
			asked := c.asked
			go func() { <-asked; cancel(errors.New("customer pressed stop")) }()
			start := time.Now()
			if _, err := card.Transceive(ctx, read); !errors.Is(err, context.Canceled) {
				t.Fatalf("got %v, want context.Canceled", err)
			}
			if took := time.Since(start); took > time.Second {
				t.Errorf("ended after %v", took)
			}
			if got := b.usb.Counts(); o.NoAbort == (got.Aborts > 0) {
				t.Errorf("%d aborts", got.Aborts)
			}
			if _, err := card.Transceive(t.Context(), read); !errors.Is(err, hal.ErrHalted) {
				t.Errorf("a card in doubt: got %v, want hal.ErrHalted", err)
			}
			close(c.gate)
			card, err := b.reader.Activate(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := card.Transceive(t.Context(), read); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestLateAnswer checks that an answer within the grace period spares the abort.
func TestLateAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, ccidtest.Options{})
		c := newChip(atrT0)
		card := b.activate(c)
		c.gate, c.asked = make(chan struct{}), make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		asked := c.asked
		go func() {
			<-asked
			cancel()
			time.Sleep(100 * time.Millisecond)
			close(c.gate)
		}()
		if _, err := card.Transceive(ctx, read); !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v, want context.Canceled", err)
		}
		if got := b.usb.Counts(); got.Aborts+got.Resets > 0 {
			t.Errorf("%d aborts, %d resets", got.Aborts, got.Resets)
		}
	})
}

func TestUnplug(t *testing.T) {
	for name, call := range map[string]func(context.Context, *ccid.Reader) error{
		"Activate":    func(ctx context.Context, r *ccid.Reader) error { _, err := r.Activate(ctx); return err },
		"WaitRemoval": func(ctx context.Context, r *ccid.Reader) error { return r.WaitRemoval(ctx) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, ccidtest.Options{})
				if name == "WaitRemoval" {
					b.insert(newChip(atrT0))
				}
				done := make(chan error)
				go func() { done <- call(t.Context(), b.reader) }()
				synctest.Wait()
				b.usb.Unplug()
				if err := <-done; !errors.Is(err, hal.ErrNotFound) || !strings.HasSuffix(hal.AdviceOf(err), "was unplugged: plug it in again") {
					t.Errorf("got %v, want hal.ErrNotFound, and for people that it was unplugged", err)
				}
				if err := call(t.Context(), b.reader); !errors.Is(err, hal.ErrNotFound) {
					t.Errorf("called while unplugged: got %v, want hal.ErrNotFound", err)
				}
				b.usb.Plug()
				if _, err := b.reader.Present(t.Context()); err != nil {
					t.Errorf("plugged in again: %v", err)
				}
			})
		})
	}
}

// TestUnplugUnderCard checks that a card stays dead when its reader comes back.
func TestUnplugUnderCard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, ccidtest.Options{})
		c := newChip(atrT1)
		card := b.activate(c)
		c.gate, c.asked = make(chan struct{}), make(chan struct{})
		asked := c.asked
		go func() { <-asked; b.usb.Unplug() }()
		for _, want := range []string{"was unplugged: plug it in again", ""} { // then the reader is looked for
			_, err := card.Transceive(t.Context(), read)
			if !errors.Is(err, hal.ErrNotFound) || !strings.HasSuffix(hal.AdviceOf(err), want) {
				t.Errorf("got %v, want hal.ErrNotFound, and for people %q", err, want)
			}
		}
		b.usb.Plug()
		if _, err := card.Transceive(t.Context(), read); !errors.Is(err, hal.ErrNotFound) {
			t.Errorf("a card of before: got %v, want hal.ErrNotFound", err)
		}
		close(c.gate)
		if _, err := b.reader.Activate(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestCardPutBack checks that a card is dead once it was seen missing, though one
// is in the slot again.
func TestCardPutBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, ccidtest.Options{})
		c := newChip(atrT0)
		card := b.activate(c)
		if err := b.usb.Remove(); err != nil {
			t.Fatal(err)
		}
		if present, err := b.reader.Present(t.Context()); present || err != nil {
			t.Errorf("Present = %v, %v", present, err)
		}
		b.insert(c)
		if _, err := card.Transceive(t.Context(), read); !errors.Is(err, hal.ErrCardRemoved) {
			t.Errorf("got %v, want hal.ErrCardRemoved", err)
		}
	})
}

// TestPulledSilently checks that a card that leaves together with the answer is
// known to have left, not to be mute: the customer is told so.
func TestPulledSilently(t *testing.T) {
	for name, o := range map[string]ccidtest.Options{"aborts": {}, "must be reset": {NoAbort: true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, o)
				card := b.activate(newChip(atrT0))
				b.usb.Fail(ccidtest.PullSilently)
				for range 2 {
					if _, err := card.Transceive(t.Context(), read); !errors.Is(err, hal.ErrCardRemoved) {
						t.Errorf("got %v, want hal.ErrCardRemoved", err)
					}
				}
				b.activate(newChip(atrT0))
			})
		})
	}
}

// TestLostState checks that an answer about the slot that gets lost loses
// nothing: neither the card's removal, nor the next card.
func TestLostState(t *testing.T) {
	for name, o := range map[string]ccidtest.Options{"aborts": {}, "must be reset": {NoAbort: true}, "polled": {Quiet: true, NoAbort: true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, o)
				b.activate(newChip(atrT0))
				b.usb.Swallow(2)
				if err := b.usb.Remove(); err != nil {
					t.Fatal(err)
				}
				if err := b.reader.WaitRemoval(t.Context()); err != nil {
					t.Fatalf("WaitRemoval: %v", err)
				}
				b.usb.Swallow(1)
				if present, err := b.reader.Present(t.Context()); present || err != nil {
					t.Errorf("Present = %v, %v", present, err)
				}
				b.usb.Swallow(1)
				b.activate(newChip(atrT0))
				b.usb.Swallow(1 << 30)
				_, err := b.reader.Present(t.Context())
				if !errors.Is(err, hal.ErrMute) || !strings.HasSuffix(hal.AdviceOf(err), "does not answer: unplug it and plug it in again") {
					t.Errorf("a reader that never answers: got %v, want hal.ErrMute, and for people what to do", err)
				}
				b.usb.Swallow(0)
			})
		})
	}
}

// TestCloseOfHungReader checks that a reader that answers nothing any more does
// not keep those who give it up.
func TestCloseOfHungReader(t *testing.T) {
	for name, give := range map[string]func(hal.Card, *ccid.Reader) error{
		"card":   func(card hal.Card, _ *ccid.Reader) error { return card.Close() },
		"reader": func(_ hal.Card, r *ccid.Reader) error { return r.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				usb := ccidtest.New(ccidtest.Options{})
				d := &deaf{}
				r := ccid.New(ccid.Options{Open: func(ctx context.Context, match string) (ccid.Device, usbfs.Info, error) {
					var i usbfs.Info
					var err error
					d.Device, i, err = usb.Open(ctx, match)
					return d, i, err
				}})
				defer r.Close()
				if err := usb.Insert(newChip(atrT0)); err != nil {
					t.Fatal(err)
				}
				card, err := r.Activate(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				d.hung = true
				start := time.Now()
				if err := give(card, r); err != nil {
					t.Error(err)
				}
				if took := time.Since(start); took > 1500*time.Millisecond {
					t.Errorf("closed after %v", took)
				}
				if _, err := card.Transceive(t.Context(), read); !errors.Is(err, hal.ErrHalted) {
					t.Errorf("got %v, want hal.ErrHalted", err)
				}
			})
		})
	}
}

// deaf is a device that takes messages and does nothing, once it hangs.
type deaf struct {
	ccid.Device
	hung bool
}

func (d *deaf) Transfer(ctx context.Context, e usbfs.Endpoint, data []byte) (int, error) {
	if d.hung && !e.In() {
		return len(data), nil
	}
	return d.Device.Transfer(ctx, e, data)
}
