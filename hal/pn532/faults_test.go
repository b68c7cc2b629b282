package pn532_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/hal"
	"smartreader/hal/pn532"
	"smartreader/hal/pn532/pn532test"
)

func TestUnplugAndReplug(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.tap(t, pn532test.TypeA(&stub{}))
		card := b.activate(t)
		b.cable.Unplug()
		_, err := card.Transceive(t.Context(), selectPPSE)
		want(t, "Transceive", err, hal.ErrNotFound)
		if err := card.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		for range 2 {
			_, err = b.reader.Activate(t.Context())
			want(t, "Activate", err, hal.ErrNotFound)
			want(t, "WaitRemoval", b.reader.WaitRemoval(t.Context()), hal.ErrNotFound)
			if err := b.reader.FieldOff(); err != nil {
				t.Errorf("FieldOff: %v", err)
			}
		}
		b.cable.Replug()
		answers(t, b.activate(t))
	})
}

func TestUnplugDuringActivate(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		go func() {
			time.Sleep(2 * time.Second)
			b.cable.Unplug()
		}()
		_, err := b.reader.Activate(t.Context())
		want(t, "Activate", err, hal.ErrNotFound)
	})
}

// TestPowerLoss has the chip lose its power, and so its rate and settings,
// while the adapter stays.
func TestPowerLoss(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.tap(t, pn532test.TypeA(&stub{}))
		card := b.activate(t)
		b.chip.PowerCycle()
		_, err := card.Transceive(t.Context(), selectPPSE)
		want(t, "Transceive", err, hal.ErrNotFound)
		answers(t, b.activate(t))
		b.chip.PowerCycle()
		answers(t, b.activate(t)) // it noticed by itself
		if b.opened != 3 {
			t.Errorf("opened %d times, want 3", b.opened)
		}
	})
}

// TestChipLeftAtTheRaisedRate is a program that was killed: the next one finds
// the chip where it was left.
func TestChipLeftAtTheRaisedRate(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.tap(t, pn532test.TypeA(&stub{}))
		answers(t, b.activate(t))
		next := pn532.New(b.open, nil)
		defer next.Close()
		card, err := next.Activate(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		answers(t, card)
	})
}

func TestBaudRates(t *testing.T) {
	for _, baud := range []int{115200, 230400, 460800, 921600, 1288000} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, &pn532.Opts{Baud: baud})
			b.tap(t, pn532test.TypeA(&stub{}))
			answers(t, b.activate(t))
			if b.chip.Baud() != baud {
				t.Errorf("the chip is at %d baud, want %d", b.chip.Baud(), baud)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		_, err := newBench(t, &pn532.Opts{Baud: 12345}).reader.Activate(t.Context())
		want(t, "a rate the chip has not", err, hal.ErrUnsupported)
	})
}

func TestBaudRateThatTheChipDoesNotFollow(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.chip.IgnoreBaud()
		b.tap(t, pn532test.TypeA(&stub{}))
		answers(t, b.activate(t))
		if b.chip.Baud() != 115200 {
			t.Errorf("%d baud", b.chip.Baud())
		}
	})
}

// TestOneFault lets every command of a payment meet every fault of the line
// once. Commands that may be repeated are, so nobody notices; an exchange that
// may have reached the card is repeated by nobody.
func TestOneFault(t *testing.T) {
	line := map[string]pn532test.Fault{
		"deaf": pn532test.Deaf, "no answer": pn532test.NoAnswer, "bad answer": pn532test.BadAnswer,
		"short answer": pn532test.ShortAnswer, "headless answer": pn532test.HeadlessAnswer,
		"bad acknowledgement": pn532test.BadAck, "noise": pn532test.Noise, "refused": pn532test.Refuse,
	}
	for _, command := range []byte{firmwareVersion, setBaud, samConfig, rfConfig, listTargets, diagnose, 0x12} {
		for name, fault := range line {
			t.Run(fmt.Sprintf("%02X %s", command, name), func(t *testing.T) {
				run(t, func(t *testing.T, b *bench) {
					b.tap(t, pn532test.TypeA(&stub{}))
					b.chip.Fail(command, fault)
					answers(t, b.activate(t))
				})
			})
		}
	}
	for name, fault := range line {
		t.Run("exchange "+name, func(t *testing.T) {
			run(t, func(t *testing.T, b *bench) {
				b.tap(t, pn532test.TypeA(&stub{}))
				card := b.activate(t)
				b.chip.Fail(dataExchange, fault)
				response, err := card.Transceive(t.Context(), selectPPSE)
				switch fault {
				case pn532test.BadAnswer, pn532test.ShortAnswer, pn532test.Noise:
					if err != nil || !bytes.Equal(response, []byte{0x6F, 0x02, 0x84, 0x00, 0x90, 0x00}) {
						t.Errorf("% X, %v: a repeated answer would have done", response, err)
					}
				default:
					want(t, "Transceive", err, hal.ErrMute)
					answers(t, b.activate(t))
				}
			})
		})
	}
}

func TestNoAPDUIsSentTwice(t *testing.T) {
	for fault := pn532test.Deaf; fault <= pn532test.Endless; fault++ {
		run(t, func(t *testing.T, b *bench) {
			b.tap(t, pn532test.TypeA(&stub{}))
			card := b.activate(t)
			b.chip.Fail(dataExchange, fault)
			_, _ = card.Transceive(t.Context(), selectPPSE) // whatever it says
			if n := b.chip.Exchanges(); n > 1 {
				t.Errorf("fault %d: the card saw the command %d times", fault, n)
			}
		})
	}
}

func TestNoChip(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		many := make([]pn532test.Fault, 100)
		b.chip.Fail(samConfig, many...) // deaf
		start := time.Now()
		_, err := b.reader.Activate(t.Context())
		want(t, "Activate", err, hal.ErrNotFound)
		for _, text := range []string{"an emulated cable", "check power", "switches 0 0"} {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("%q lacks %q", err, text)
			}
		}
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("took %v to find that out", took)
		}
	})
}

func TestOpenFails(t *testing.T) {
	r := pn532.New(func(context.Context) (pn532.Link, error) { return nil, errors.New("no such bus") }, nil)
	defer r.Close()
	_, err := r.Activate(t.Context())
	want(t, "Activate", err, hal.ErrNotFound)
}

// TestContextEndsWithADeadChip ends a call at every moment of a chip's death.
func TestContextEndsWithADeadChip(t *testing.T) {
	for limit := 100 * time.Millisecond; limit < 3*time.Second; limit += 130 * time.Millisecond {
		run(t, func(t *testing.T, b *bench) {
			for _, command := range []byte{listTargets, rfConfig, samConfig, firmwareVersion} {
				healthy := []pn532test.Fault{}
				if command == rfConfig {
					// The set-up and the first reset are as they should be.
					healthy = make([]pn532test.Fault, 6)
					for i := range healthy {
						healthy[i] = pn532test.Noise
					}
				}
				if command == samConfig || command == firmwareVersion {
					healthy = append(healthy, pn532test.Noise)
				}
				b.chip.Fail(command, append(healthy, make([]pn532test.Fault, 100)...)...) // deaf
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			start := time.Now()
			_, err := b.reader.Activate(ctx)
			if late := time.Since(start) - limit; late > time.Second {
				t.Errorf("%v: %v late", limit, late)
			}
			if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, hal.ErrNotFound) {
				t.Errorf("%v: %v", limit, err)
			}
		})
	}
}
