package pn532_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/hal"
	"smartreader/hal/haltest"
	"smartreader/hal/pn532"
	"smartreader/hal/pn532/pn532test"
)

// Commands that tests make fail.
const (
	firmwareVersion = 0x02
	setBaud         = 0x10
	samConfig       = 0x14
	rfConfig        = 0x32
	dataExchange    = 0x40
	listTargets     = 0x4A
	diagnose        = 0x00
)

// stub is a chip that says of every command how long it was, and what number
// this is; SELECT PPSE gets a template.
type stub struct {
	mu     sync.Mutex
	count  int
	resets int
	answer func(ctx context.Context, command []byte) ([]byte, error)
}

func (s *stub) ATR() []byte { return nil }

func (s *stub) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.resets++
	s.count = 0
}

func (s *stub) Exchange(ctx context.Context, command []byte) ([]byte, error) {
	s.mu.Lock()
	s.count++
	s.mu.Unlock()
	if s.answer != nil {
		return s.answer(ctx, command)
	}
	if bytes.Contains(command, []byte("2PAY.SYS.DDF01")) {
		return []byte{0x6F, 0x02, 0x84, 0x00, 0x90, 0x00}, nil
	}
	return []byte{byte(len(command)), 0x90, 0x00}, nil
}

var selectPPSE = append(append([]byte{0x00, 0xA4, 0x04, 0x00, 14}, "2PAY.SYS.DDF01"...), 0x00)

// bench is a reader with an emulated chip on a cable.
type bench struct {
	chip   *pn532test.Emulator
	cable  *pn532test.Cable
	reader *pn532.Reader
	opened int
}

// run runs a test in a bubble with a clock of its own.
func run(t *testing.T, test func(*testing.T, *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newBench(t, nil)) })
}

func newBench(t *testing.T, opts *pn532.Opts) *bench {
	b := &bench{chip: pn532test.New()}
	b.cable = pn532test.Plug(b.chip)
	b.reader = pn532.New(b.open, opts)
	t.Cleanup(func() {
		if err := b.reader.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		b.cable.Close()
	})
	return b
}

func (b *bench) open(context.Context) (pn532.Link, error) {
	port, err := b.cable.Open()
	if err != nil {
		return nil, err
	}
	b.opened++
	return pn532.HSU(port), nil
}

func (b *bench) activate(t *testing.T) hal.Card {
	t.Helper()
	card, err := b.reader.Activate(t.Context())
	if err != nil {
		t.Fatalf("Activate: %v", err)
	}
	return card
}

func (b *bench) tap(t *testing.T, cards ...pn532test.Card) {
	t.Helper()
	for _, c := range cards {
		if err := b.chip.Tap(c); err != nil {
			t.Fatal(err)
		}
	}
}

func answers(t *testing.T, card hal.Card) {
	t.Helper()
	response, err := card.Transceive(t.Context(), selectPPSE)
	if err != nil || !bytes.Equal(response, []byte{0x6F, 0x02, 0x84, 0x00, 0x90, 0x00}) {
		t.Fatalf("SELECT PPSE: % X, %v", response, err)
	}
}

func want(t *testing.T, what string, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("%s: got %v, want %v", what, err, target)
	}
}

func TestActivateAndExchange(t *testing.T) {
	for name, kind := range map[string]struct {
		card func(pn532test.Chip) pn532test.Card
		atr  []byte
	}{
		"type A": {pn532test.TypeA, []byte{0x05, 0x78, 0x80, 0x70, 0x02}},
		"type B": {pn532test.TypeB, []byte{0x50, 0x4A, 0x1B, 0x2C, 0x3D, 0x00, 0x00, 0x00, 0x00, 0x00, 0x71, 0x71}},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, b *bench) {
				b.tap(t, kind.card(&stub{}))
				card := b.activate(t)
				if !bytes.Equal(card.ATR(), kind.atr) {
					t.Errorf("ATR % X", card.ATR())
				}
				clear(card.ATR())
				if !bytes.Equal(card.ATR(), kind.atr) {
					t.Error("ATR returns the same slice twice")
				}
				answers(t, card)
				if b.chip.Baud() != 921600 {
					t.Errorf("%d baud", b.chip.Baud())
				}
				for range 2 {
					if err := card.Close(); err != nil {
						t.Errorf("Close: %v", err)
					}
				}
				if b.chip.FieldOn() {
					t.Error("the field is on after Close")
				}
				_, err := card.Transceive(t.Context(), selectPPSE)
				want(t, "closed card", err, hal.ErrHalted)
				answers(t, b.activate(t)) // it stayed there
			})
		})
	}
}

func TestEveryUIDLength(t *testing.T) {
	for _, n := range []int{4, 7, 10} {
		run(t, func(t *testing.T, b *bench) {
			card := pn532test.TypeA(&stub{})
			card.UID = make([]byte, n)
			b.tap(t, card)
			answers(t, b.activate(t))
		})
	}
}

func TestActivateWaitsForACard(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		go func() {
			time.Sleep(5 * time.Second)
			if err := b.chip.Tap(pn532test.TypeA(&stub{})); err != nil {
				t.Error(err)
			}
		}()
		start := time.Now()
		answers(t, b.activate(t))
		if waited := time.Since(start); waited < 5*time.Second || waited > 6*time.Second {
			t.Errorf("waited %v", waited)
		}
	})
}

func TestActivateEndsWithItsContext(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		_, err := b.reader.Activate(ctx)
		want(t, "no card", err, context.DeadlineExceeded)
		if late := time.Since(start) - 3*time.Second; late > time.Second {
			t.Errorf("%v late", late)
		}
		if b.chip.FieldOn() {
			t.Error("the field is on after an error")
		}
		cancelled, stop := context.WithCancel(t.Context())
		stop()
		_, err = b.reader.Activate(cancelled)
		want(t, "cancelled before", err, context.Canceled)

		b.tap(t, pn532test.TypeA(&stub{}))
		answers(t, b.activate(t))
	})
}

func TestCollision(t *testing.T) {
	for name, cards := range map[string][]pn532test.Card{
		"A and A":          {pn532test.TypeA(&stub{}), pn532test.TypeA(&stub{})},
		"B and B":          {pn532test.TypeB(&stub{}), pn532test.TypeB(&stub{})},
		"A and B":          {pn532test.TypeA(&stub{}), pn532test.TypeB(&stub{})},
		"payment and door": {pn532test.TypeA(&stub{}), pn532test.Door()},
		"three":            {pn532test.TypeA(&stub{}), pn532test.TypeA(&stub{}), pn532test.TypeB(&stub{})},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, b *bench) {
				b.tap(t, cards...)
				_, err := b.reader.Activate(t.Context())
				want(t, "Activate", err, hal.ErrCollision)
				if b.chip.FieldOn() {
					t.Error("the field is on after an error")
				}
				b.chip.Take()
				b.tap(t, pn532test.TypeA(&stub{}))
				answers(t, b.activate(t))
			})
		})
	}
}

func TestCardsThatCannotBeActivated(t *testing.T) {
	silent := pn532test.TypeA(&stub{})
	silent.ATS = nil
	for name, card := range map[string]pn532test.Card{"door card": pn532test.Door(), "no ATS": silent} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, b *bench) {
				b.tap(t, card)
				_, err := b.reader.Activate(t.Context())
				want(t, "Activate", err, hal.ErrMute)
				if b.chip.FieldOn() {
					t.Error("the field is on after an error")
				}
			})
		})
	}
}

// TestLengths has commands and responses around every limit of a frame.
func TestLengths(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		echo := &stub{answer: func(_ context.Context, command []byte) ([]byte, error) {
			return append(bytes.Clone(command), 0x90, 0x00), nil
		}}
		b.tap(t, pn532test.TypeA(echo))
		card := b.activate(t)
		for _, n := range []int{1, 5, 250, 251, 252, 253, 254, 259, 260, 261, 262, 263, 523, 524, 525, 65535} {
			command := make([]byte, n)
			for i := range command {
				command[i] = byte(i * 7)
			}
			sent := bytes.Clone(command)
			response, err := card.Transceive(t.Context(), command)
			if err != nil || !bytes.Equal(response, append(sent, 0x90, 0x00)) {
				t.Fatalf("%d bytes: %d back, %v", n, len(response), err)
			}
			if !bytes.Equal(command, sent) {
				t.Error("Transceive changed the command")
			}
		}
		if got := b.chip.Exchanges(); got != 16 {
			t.Errorf("the card saw %d commands, want 16", got)
		}
	})
}

func TestReactivationEndsTheFirstActivation(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		card := &stub{}
		b.tap(t, pn532test.TypeA(card))
		first := b.activate(t)
		answers(t, first)
		second := b.activate(t)
		if card.count != 0 {
			t.Error("the card was not reset")
		}
		_, err := first.Transceive(t.Context(), selectPPSE)
		want(t, "first activation", err, hal.ErrHalted)
		if err := first.Close(); err != nil {
			t.Error(err)
		}
		answers(t, second) // closing the first did not touch it
	})
}

func TestFieldOffResetsAndClosesTheCard(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		if err := b.reader.FieldOff(); err != nil {
			t.Errorf("before anything: %v", err)
		}
		b.tap(t, pn532test.TypeB(&stub{}))
		card := b.activate(t)
		if err := b.reader.FieldOff(); err != nil {
			t.Error(err)
		}
		if b.chip.FieldOn() {
			t.Error("the field is on")
		}
		_, err := card.Transceive(t.Context(), selectPPSE)
		want(t, "after FieldOff", err, hal.ErrHalted)
	})
}

func TestWaitRemoval(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		if err := b.reader.WaitRemoval(t.Context()); err != nil {
			t.Fatalf("nobody there: %v", err)
		}
		if b.chip.FieldOn() {
			t.Error("the field is on")
		}
		b.tap(t, pn532test.TypeA(&stub{}))
		card := b.activate(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		want(t, "a card is there", b.reader.WaitRemoval(ctx), context.DeadlineExceeded)
		answers(t, card)

		go func() {
			time.Sleep(time.Second)
			b.chip.Take()
		}()
		if err := b.reader.WaitRemoval(t.Context()); err != nil {
			t.Fatal(err)
		}
		if b.chip.FieldOn() {
			t.Error("the field is on")
		}
		_, err := card.Transceive(t.Context(), selectPPSE)
		want(t, "after removal", err, hal.ErrCardRemoved)
		if err := card.Close(); err != nil {
			t.Errorf("Close after removal: %v", err)
		}
	})
}

// TestWaitRemovalOfCardsThatAreNotActivated covers what a shop does after a
// collision, a closed card or a door card: wait until the field is empty.
func TestWaitRemovalOfCardsThatAreNotActivated(t *testing.T) {
	for name, cards := range map[string][]pn532test.Card{
		"door card": {pn532test.Door()},
		"type B":    {pn532test.TypeB(&stub{})},
		"two":       {pn532test.TypeA(&stub{}), pn532test.TypeA(&stub{})},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, b *bench) {
				b.tap(t, cards...)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				want(t, "there", b.reader.WaitRemoval(ctx), context.DeadlineExceeded)
				b.chip.Take()
				if err := b.reader.WaitRemoval(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestRemovedBeforeAndDuringAnExchange(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.tap(t, pn532test.TypeA(&stub{}))
		card := b.activate(t)
		b.chip.Take()
		for range 2 {
			_, err := card.Transceive(t.Context(), selectPPSE)
			want(t, "before", err, hal.ErrCardRemoved)
		}

		started := make(chan struct{})
		b.tap(t, pn532test.TypeA(&stub{answer: func(ctx context.Context, _ []byte) ([]byte, error) {
			close(started)
			<-ctx.Done()
			return nil, ctx.Err()
		}}))
		card = b.activate(t)
		go func() {
			<-started
			b.chip.Take()
		}()
		_, err := card.Transceive(t.Context(), selectPPSE)
		want(t, "during", err, hal.ErrCardRemoved)
	})
}

func TestMuteCard(t *testing.T) {
	for _, fault := range []pn532test.Fault{pn532test.Mute, pn532test.Transmission, pn532test.Endless} {
		run(t, func(t *testing.T, b *bench) {
			b.tap(t, pn532test.TypeA(&stub{}))
			card := b.activate(t)
			b.chip.Fail(dataExchange, fault)
			_, err := card.Transceive(t.Context(), selectPPSE)
			want(t, "Transceive", err, hal.ErrMute)
			_, err = card.Transceive(t.Context(), selectPPSE)
			want(t, "after that", err, hal.ErrHalted)
			answers(t, b.activate(t))
		})
	}
}

func TestResponsesThatAreNone(t *testing.T) {
	for _, response := range [][]byte{nil, {0x90}} {
		run(t, func(t *testing.T, b *bench) {
			b.tap(t, pn532test.TypeA(&stub{answer: func(context.Context, []byte) ([]byte, error) { return response, nil }}))
			_, err := b.activate(t).Transceive(t.Context(), selectPPSE)
			want(t, "Transceive", err, hal.ErrMute)
		})
	}
}

func TestEmptyCommand(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.tap(t, pn532test.TypeA(&stub{}))
		card := b.activate(t)
		if _, err := card.Transceive(t.Context(), nil); err == nil {
			t.Error("an empty command was sent")
		}
	})
}

func TestCancelledExchange(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		slow := &stub{}
		slow.answer = func(ctx context.Context, _ []byte) ([]byte, error) {
			if slow.resets > 1 {
				return []byte{0x90, 0x00}, nil
			}
			<-ctx.Done()
			return nil, ctx.Err()
		}
		b.tap(t, pn532test.TypeA(slow))
		card := b.activate(t)
		before, stop := context.WithCancel(t.Context())
		stop()
		_, err := card.Transceive(before, selectPPSE)
		want(t, "before it began", err, context.Canceled)
		if b.chip.Exchanges() != 0 {
			t.Error("a cancelled command was sent")
		}

		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		start := time.Now()
		_, err = card.Transceive(ctx, selectPPSE)
		want(t, "slow card", err, context.DeadlineExceeded)
		if late := time.Since(start) - 2*time.Second; late > time.Second {
			t.Errorf("%v late", late)
		}
		_, err = card.Transceive(t.Context(), selectPPSE)
		want(t, "after that", err, hal.ErrHalted)

		// The chip is ready at once, and no answer of the old command comes.
		again := b.activate(t)
		if response, err := again.Transceive(t.Context(), selectPPSE); err != nil || len(response) != 2 {
			t.Errorf("% X, %v", response, err)
		}
	})
}

func TestCloseEndsCallsInFlight(t *testing.T) {
	for name, call := range map[string]func(context.Context, *pn532.Reader) error{
		"Activate": func(ctx context.Context, r *pn532.Reader) error {
			_, err := r.Activate(ctx)
			return err
		},
		"WaitRemoval": func(ctx context.Context, r *pn532.Reader) error {
			card, err := r.Activate(ctx)
			if err != nil {
				return err
			}
			defer card.Close()
			return r.WaitRemoval(ctx)
		},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, b *bench) {
				if name == "WaitRemoval" {
					b.tap(t, pn532test.TypeA(&stub{}))
				}
				done := make(chan error)
				go func() { done <- call(t.Context(), b.reader) }()
				time.Sleep(3 * time.Second)
				start := time.Now()
				if err := b.reader.Close(); err != nil {
					t.Error(err)
				}
				want(t, "in flight", <-done, hal.ErrHalted)
				if took := time.Since(start); took > time.Second {
					t.Errorf("took %v", took)
				}
				if b.chip.FieldOn() {
					t.Error("the field is on")
				}
				_, err := b.reader.Activate(t.Context())
				want(t, "Activate", err, hal.ErrHalted)
				want(t, "WaitRemoval", b.reader.WaitRemoval(t.Context()), hal.ErrHalted)
				want(t, "FieldOff", b.reader.FieldOff(), hal.ErrHalted)
			})
		})
	}
}

// hand holds cards into the field of a bench.
type hand struct {
	t *testing.T
	b *bench
}

func (h hand) Insert() { h.b.tap(h.t, pn532test.TypeA(&haltest.TestCard{})) }
func (h hand) InsertBoth() {
	h.b.tap(h.t, pn532test.TypeA(&haltest.TestCard{}), pn532test.TypeB(&haltest.TestCard{}))
}
func (h hand) RemoveOne() { h.b.chip.TakeOne() }
func (h hand) Remove()    { h.b.chip.Take() }

func TestConformance(t *testing.T) {
	run(t, func(t *testing.T, b *bench) { haltest.ContactlessReader(t, b.reader, hand{t, b}) })
}
