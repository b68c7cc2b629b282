package pn532_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"smartreader/hal"
	"smartreader/hal/pn532"
	"smartreader/hal/pn532/pn532test"
)

// TestFieldIsOffAfterAFailedExchange: the card is in doubt, so it gets no power
// until the next activation, and not only from the moment it is closed.
func TestFieldIsOffAfterAFailedExchange(t *testing.T) {
	for name, fail := range map[string]func(*bench, context.CancelFunc){
		"mute":      func(b *bench, _ context.CancelFunc) { b.chip.Fail(dataExchange, pn532test.Mute) },
		"lost":      func(b *bench, _ context.CancelFunc) { b.chip.Fail(dataExchange, pn532test.NoAnswer) },
		"endless":   func(b *bench, _ context.CancelFunc) { b.chip.Fail(dataExchange, pn532test.Endless) },
		"removed":   func(b *bench, _ context.CancelFunc) { b.chip.Take() },
		"cancelled": func(_ *bench, cancel context.CancelFunc) { time.AfterFunc(time.Second, cancel) },
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, b *bench) {
				slow := &stub{answer: func(ctx context.Context, _ []byte) ([]byte, error) {
					<-ctx.Done()
					return nil, ctx.Err()
				}}
				b.tap(t, pn532test.TypeA(slow))
				card := b.activate(t)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				fail(b, cancel)
				if _, err := card.Transceive(ctx, selectPPSE); err == nil {
					t.Fatal("no error")
				}
				if b.chip.FieldOn() {
					t.Error("the field is on")
				}
				if err := card.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
		})
	}
}

// TestCardInDoubtStaysDead ends the context while the driver finds out what
// became of an exchange.
func TestCardInDoubtStaysDead(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.tap(t, pn532test.TypeA(&stub{}))
		card := b.activate(t)
		b.chip.Fail(dataExchange, pn532test.Deaf)
		b.chip.Fail(firmwareVersion, pn532test.Deaf)
		ctx, cancel := context.WithTimeout(t.Context(), 700*time.Millisecond)
		defer cancel()
		_, err := card.Transceive(ctx, selectPPSE)
		want(t, "Transceive", err, context.DeadlineExceeded)
		_, err = card.Transceive(t.Context(), selectPPSE)
		want(t, "after that", err, hal.ErrHalted)
	})
}

// TestALostListIsNoProofOfOneCard: the cards of a list that got lost are deaf
// to the next one, which must not take a third card for the only one.
func TestALostListIsNoProofOfOneCard(t *testing.T) {
	for lost := range 3 {
		for name, kind := range map[string]func(pn532test.Chip) pn532test.Card{"A": pn532test.TypeA, "B": pn532test.TypeB} {
			run(t, func(t *testing.T, b *bench) {
				b.tap(t, kind(&stub{}), kind(&stub{}), kind(&stub{}))
				for range lost {
					b.chip.Fail(listTargets, pn532test.Noise)
				}
				b.chip.Fail(listTargets, pn532test.NoAnswer)
				_, err := b.reader.Activate(t.Context())
				want(t, name, err, hal.ErrCollision)
			})
		}
	}
}

// TestNonsenseOfACard has a card whose ATS is shorter than it says: that is no
// fault of the chip.
func TestNonsenseOfACard(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		card := pn532test.TypeA(&stub{})
		card.ATS = []byte{0x14, 0x78, 0x80}
		b.tap(t, card)
		_, err := b.reader.Activate(t.Context())
		want(t, "Activate", err, hal.ErrMute)
		if errors.Is(err, hal.ErrNotFound) {
			t.Errorf("Activate: %v: the chip is there", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		want(t, "WaitRemoval", b.reader.WaitRemoval(ctx), context.DeadlineExceeded)
		if b.opened != 1 {
			t.Errorf("opened %d times", b.opened)
		}
	})
}

// TestChipThatDiesBeforeTheFieldIsOff: a time limit of the driver's own is not
// the caller's.
func TestChipThatDiesBeforeTheFieldIsOff(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.tap(t, pn532test.TypeA(&stub{}))
		card := b.activate(t)
		b.chip.Fail(rfConfig, make([]pn532test.Fault, 100)...) // deaf
		err := b.reader.FieldOff()
		want(t, "FieldOff", err, hal.ErrNotFound)
		if errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("FieldOff: %v", err)
		}
		if err := card.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
}

// TestPatienceIsForOneCard: what brushes the field now and then does not add up
// to a card that is mute.
func TestPatienceIsForOneCard(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		passing := pn532test.TypeA(&stub{})
		passing.ATS = nil
		go func() {
			for range 6 {
				if err := b.chip.Tap(passing); err != nil {
					t.Error(err)
				}
				time.Sleep(70 * time.Millisecond)
				b.chip.Take()
				time.Sleep(2 * time.Second)
			}
			b.tap(t, pn532test.TypeA(&stub{}))
		}()
		answers(t, b.activate(t))
	})
}

// TestNoOlderAnswer has bytes on the line while a card thinks, and a chip that
// takes a request to repeat its answer for one to the exchange before.
func TestNoOlderAnswer(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		number := byte(0)
		b.tap(t, pn532test.TypeA(&stub{answer: func(ctx context.Context, _ []byte) ([]byte, error) {
			number++
			if number == 2 {
				select {
				case <-time.After(time.Second):
				case <-ctx.Done():
				}
			}
			return []byte{number, 0x90, 0x00}, nil
		}}))
		card := b.activate(t)
		if response, err := card.Transceive(t.Context(), selectPPSE); err != nil || response[0] != 1 {
			t.Fatalf("first: % X, %v", response, err)
		}
		b.chip.Fail(dataExchange, pn532test.Crosstalk)
		if response, err := card.Transceive(t.Context(), selectPPSE); err == nil && response[0] != 2 {
			t.Errorf("the second exchange got the answer %d", response[0])
		}
	})
}

// babbler is a port that says a byte now and then, for ever, once it was told to.
type babbler struct {
	pn532.Port
	on chan struct{}
}

func (b babbler) Read(p []byte) (int, error) {
	select {
	case <-b.on:
		time.Sleep(29 * time.Millisecond)
		return copy(p, "\x01"), nil
	default:
		return b.Port.Read(p)
	}
}

// TestContextEndsWithABabbler has a line that is never quiet.
func TestContextEndsWithABabbler(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		babble := make(chan struct{})
		r := pn532.New(func(context.Context) (pn532.Link, error) {
			port, err := b.cable.Open()
			return pn532.HSU(babbler{port, babble}), err
		}, nil)
		defer r.Close()
		b.tap(t, pn532test.TypeA(&stub{answer: func(ctx context.Context, _ []byte) ([]byte, error) {
			close(babble)
			<-ctx.Done()
			return nil, ctx.Err()
		}}))
		card, err := r.Activate(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		start := time.Now()
		_, err = card.Transceive(ctx, selectPPSE)
		want(t, "Transceive", err, context.DeadlineExceeded)
		if late := time.Since(start) - 2*time.Second; late > time.Second {
			t.Errorf("%v late", late)
		}
	})
}

// keeper keeps the buffers that it was given.
type keeper struct {
	pn532.Port
	kept *[][]byte
}

func (k keeper) Read(p []byte) (int, error) {
	*k.kept = append(*k.kept, p)
	return k.Port.Read(p)
}

func (k keeper) Write(p []byte) (int, error) {
	*k.kept = append(*k.kept, p)
	return k.Port.Write(p)
}

// TestBuffersAreCleared: what went to a card and came from it does not stay in
// memory that is the driver's.
func TestBuffersAreCleared(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		var kept [][]byte
		r := pn532.New(func(context.Context) (pn532.Link, error) {
			port, err := b.cable.Open()
			return pn532.HSU(keeper{port, &kept}), err
		}, nil)
		defer r.Close()
		secret := []byte("4000000000000002")
		b.tap(t, pn532test.TypeA(&stub{answer: func(context.Context, []byte) ([]byte, error) {
			return append(bytes.Repeat(secret, 40), 0x90, 0x00), nil
		}}))
		card, err := r.Activate(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		command := append([]byte{0x00, 0x2A, 0x00, 0x00}, secret...)
		if response, err := card.Transceive(t.Context(), command); err != nil || len(response) != 642 {
			t.Fatalf("%d bytes, %v", len(response), err)
		}
		for _, buffer := range kept {
			if bytes.Contains(buffer, secret) {
				t.Fatalf("a buffer of %d bytes has card data", len(buffer))
			}
		}
	})
}
