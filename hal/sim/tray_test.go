package sim_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"smartreader/hal"
	"smartreader/hal/sim"
)

// chip answers 9000 to everything, after the gate opens.
type chip struct {
	gate   chan struct{} // nil: open
	asked  chan struct{} // nil: not told
	resets int
	atr    []byte
}

func (c *chip) ATR() []byte { return c.atr }
func (c *chip) Reset()      { c.resets++ }

func (c *chip) Exchange(ctx context.Context, command []byte) ([]byte, error) {
	if c.asked != nil {
		close(c.asked)
	}
	clear(command) // a chip may do what it likes with its copy
	if c.gate != nil {
		select {
		case <-c.gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return []byte{0x90, 0x00}, nil
}

func newChip() *chip { return &chip{atr: []byte{0x3B, 0x00}} }

func open(t *testing.T) *sim.Board {
	t.Helper()
	b, err := sim.Open(sim.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.HAL.Close() })
	return b
}

// hand moves one chip.
type hand struct {
	t    *testing.T
	tray *sim.Tray
	chip sim.Chip
}

func (h hand) Insert() {
	if err := h.tray.Insert("card", h.chip); err != nil {
		h.t.Fatal(err)
	}
}

func (h hand) Remove() {
	if err := h.tray.Remove(); err != nil {
		h.t.Fatal(err)
	}
}

func TestInsertAndRemove(t *testing.T) {
	tray := open(t).Tray
	if err := tray.Remove(); !errors.Is(err, sim.ErrEmpty) {
		t.Errorf("Remove from an empty slot: %v", err)
	}
	if err := tray.Insert("visa", newChip()); err != nil {
		t.Fatal(err)
	}
	if got := tray.Inserted(); got != "visa" {
		t.Errorf("Inserted = %q", got)
	}
	if err := tray.Insert("other", newChip()); !errors.Is(err, sim.ErrOccupied) {
		t.Errorf("Insert into an occupied slot: %v", err)
	}
	if err := tray.Insert("none", nil); err == nil {
		t.Error("Insert without a chip worked")
	}
	if err := tray.Remove(); err != nil {
		t.Error(err)
	}
	if got := tray.Inserted(); got != "" {
		t.Errorf("Inserted after Remove = %q", got)
	}
}

func TestRemovalDuringExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tray := open(t).Tray
		slow := newChip()
		slow.gate, slow.asked = make(chan struct{}), make(chan struct{})
		tray.Insert("slow", slow)
		card, err := tray.Activate(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error)
		go func() {
			_, err := card.Transceive(t.Context(), []byte{0, 0xA4, 4, 0})
			done <- err
		}()
		<-slow.asked
		tray.Remove()
		if err := <-done; !errors.Is(err, hal.ErrCardRemoved) {
			t.Errorf("got %v, want hal.ErrCardRemoved", err)
		}
		// The same card put in again is not the same session.
		tray.Insert("slow", slow)
		if _, err := card.Transceive(t.Context(), []byte{0, 0xA4, 4, 0}); !errors.Is(err, hal.ErrCardRemoved) {
			t.Errorf("old card after it came back: got %v, want hal.ErrCardRemoved", err)
		}
	})
}

// stubborn ignores its context, like a chip that cannot be interrupted.
type stubborn struct{ chip }

func (s *stubborn) Exchange(context.Context, []byte) ([]byte, error) {
	close(s.asked)
	<-s.gate
	return []byte{0x90, 0x00}, nil
}

func TestChipIsNeverUsedTwiceAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tray := open(t).Tray
		s := &stubborn{*newChip()}
		s.gate, s.asked = make(chan struct{}), make(chan struct{})
		tray.Insert("stubborn", s)
		card, err := tray.Activate(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		first := make(chan error)
		go func() {
			_, err := card.Transceive(t.Context(), []byte{0, 0, 0, 0})
			first <- err
		}()
		<-s.asked
		tray.Remove()
		tray.Insert("stubborn", s)
		second := make(chan error)
		go func() {
			_, err := tray.Activate(t.Context())
			second <- err
		}()
		synctest.Wait()
		if s.resets != 1 {
			t.Error("the chip was reset while it was at work")
		}
		close(s.gate)
		if err := <-first; !errors.Is(err, hal.ErrCardRemoved) {
			t.Errorf("an answer of a card pulled out was believed: %v", err)
		}
		if err := <-second; err != nil {
			t.Error(err)
		}
		if s.resets != 2 {
			t.Errorf("%d resets, want one per activation", s.resets)
		}
	})
}

func TestCancelledExchangeDropsTheCard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tray := open(t).Tray
		slow := newChip()
		slow.gate, slow.asked = make(chan struct{}), make(chan struct{})
		tray.Insert("slow", slow)
		card, err := tray.Activate(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-slow.asked; cancel() }()
		if _, err := card.Transceive(ctx, []byte{0, 0, 0, 0}); !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v, want context.Canceled", err)
		}
		if _, err := card.Transceive(t.Context(), []byte{0, 0, 0, 0}); !errors.Is(err, hal.ErrHalted) {
			t.Errorf("after an exchange in doubt: got %v, want hal.ErrHalted", err)
		}
	})
}

func TestMuteCard(t *testing.T) {
	tray := open(t).Tray
	tray.Insert("upside down", &chip{})
	if _, err := tray.Activate(t.Context()); !errors.Is(err, hal.ErrMute) {
		t.Errorf("no ATR: got %v, want hal.ErrMute", err)
	}
	tray.Remove()
	tray.Insert("broken", broken{newChip()})
	card, err := tray.Activate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := card.Transceive(t.Context(), []byte{0, 0, 0, 0}); !errors.Is(err, hal.ErrMute) {
		t.Errorf("short answer: got %v, want hal.ErrMute", err)
	}
}

type broken struct{ *chip }

func (broken) Exchange(context.Context, []byte) ([]byte, error) { return []byte{0x90}, nil }

func TestCommandIsNotShared(t *testing.T) {
	tray := open(t).Tray
	tray.Insert("card", newChip())
	card, err := tray.Activate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	command := []byte{1, 2, 3, 4}
	if _, err := card.Transceive(t.Context(), command); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(command, []byte{1, 2, 3, 4}) {
		t.Error("the chip could change the caller's command")
	}
}

func TestCloseUnblocksEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t)
		errs := make(chan error)
		go func() { _, err := b.Tray.Activate(t.Context()); errs <- err }()
		go func() { _, err := b.Screen.Wait(t.Context(), 0); errs <- err }()
		go func() { _, err := b.Tamper.Watch(t.Context()); errs <- err }()
		synctest.Wait()
		for range 2 {
			if err := b.HAL.Close(); err != nil {
				t.Error(err)
			}
		}
		for range 3 {
			if err := <-errs; !errors.Is(err, hal.ErrHalted) {
				t.Errorf("got %v, want hal.ErrHalted", err)
			}
		}
		if err := b.Tray.Insert("late", newChip()); !errors.Is(err, hal.ErrHalted) {
			t.Errorf("Insert after Close: %v", err)
		}
	})
}
