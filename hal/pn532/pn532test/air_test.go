package pn532test

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"
	"time"
)

const ms = time.Millisecond

// TestCardsNeedTheirTime asks the chip's commands one after the other, as fast as
// no line can: cards are strict about the silences they are owed.
func TestCardsNeedTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := New()
		e.lowBattery, e.retries = false, 0
		if err := e.Tap(TypeA(echo{})); err != nil {
			t.Fatal(err)
		}
		look := func(kind byte) int {
			params := []byte{2, kind}
			if kind == 0x03 {
				params = append(params, 0)
			}
			return int(e.execute(t.Context(), append([]byte{0x4A}, params...), noFault)[1])
		}
		field := func(on byte) { e.execute(t.Context(), []byte{0x32, 0x01, on}, noFault) }
		for _, step := range []struct {
			what string
			do   func()
			want int
		}{
			{"the field was switched on just now", func() { field(1) }, 0},
			{"it is on for long enough", func() { time.Sleep(5 * ms) }, 1},
			{"it is activated", func() { time.Sleep(5 * ms) }, 0},
			{"the field was off too shortly", func() { field(0); time.Sleep(4 * ms); field(1); time.Sleep(6 * ms) }, 0},
			{"it was off long enough", func() { field(0); time.Sleep(5 * ms); field(1); time.Sleep(6 * ms) }, 1},
			{"behind words for type B", func() { field(0); time.Sleep(5 * ms); field(1); time.Sleep(6 * ms); look(0x03) }, 0},
			{"behind a silence", func() { time.Sleep(5 * ms); look(0x03); time.Sleep(5 * ms) }, 1},
			{"the chip switches the field on", func() { field(0); time.Sleep(5 * ms) }, 1},
		} {
			step.do()
			if got := look(0x00); got != step.want {
				t.Errorf("%s: %d cards, want %d", step.what, got, step.want)
			}
		}
	})
}

func TestTheOtherCardStays(t *testing.T) {
	dialogue(t, func(h *talk) {
		h.wake()
		h.ask("retries", "32 05 00 00 00", "33")
		second := TypeA(echo{})
		second.UID = []byte{1, 2, 3, 4}
		for _, card := range []Card{TypeA(echo{}), second} {
			if err := h.chip.Tap(card); err != nil {
				t.Fatal(err)
			}
		}
		h.ask("two", "4A 02 00", "4B 02 01 00 04 20 04 08 5A 12 34 05 78 80 70 02 02 00 04 20 04 01 02 03 04 05 78 80 70 02")
		h.chip.TakeOne()
		h.ask("the second has gone", "40 02 CA", "41 01")
		h.ask("the first is there", "40 01 CA", "41 00 CA 90 00")
		h.chip.TakeOne()
		h.ask("so has the first", "40 01 CA", "41 01")
		h.chip.TakeOne() // nobody is left
	})
}

func TestTheChipForgets(t *testing.T) {
	dialogue(t, func(h *talk) {
		h.wake()
		h.ask("retries", "32 05 00 00 00", "33")
		if err := h.chip.Tap(TypeA(echo{})); err != nil {
			t.Fatal(err)
		}
		h.ask("list", "4A 01 00", "4B 01 01 00 04 20 04 08 5A 12 34 05 78 80 70 02")
		h.chip.Fail(0x40, Forget)
		h.ask("it forgets", "40 01 CA", "41 27")
		h.ask("for good", "40 01 CA", "41 27")
		h.ask("and the card does not", "4A 01 00", "4B 00")
	})
}

// slow takes as long as it says.
type slow struct {
	echo
	delay time.Duration
}

func (s slow) Exchange(ctx context.Context, command []byte) ([]byte, error) {
	select {
	case <-time.After(s.delay):
		return s.echo.Exchange(ctx, command)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func TestWaitingTime(t *testing.T) {
	with := func(ats ...byte) Card { return Card{ATS: ats} }
	b := TypeB(echo{})
	b.Data[6] = 0x81
	for name, c := range map[string]struct {
		card Card
		want time.Duration
	}{
		"none":           {with(), 4833 * time.Microsecond},
		"no TB":          {with(0x03, 0x58, 0x80), 4833 * time.Microsecond},
		"TA and TB":      {with(0x05, 0x78, 0x80, 0x70, 0x02), 38664 * time.Microsecond},
		"TB only":        {with(0x03, 0x28, 0x80), 77328 * time.Microsecond},
		"cut short":      {with(0x02, 0x78), 4833 * time.Microsecond},
		"of a B card":    {b, 77328 * time.Microsecond},
		"the longest is": {with(0x03, 0x28, 0xE0), 4949 * time.Millisecond},
	} {
		if got := c.card.waitingTime(); got < c.want-ms || got > c.want+ms {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	for _, c := range []struct {
		delay time.Duration
		tardy bool
		want  byte
	}{{30 * ms, true, ok}, {50 * ms, true, timeOut}, {500 * ms, false, ok}} {
		synctest.Test(t, func(t *testing.T) {
			e := New()
			e.lowBattery, e.retries = false, 0
			card := TypeA(slow{delay: c.delay})
			card.Tardy = c.tardy
			if err := e.Tap(card); err != nil {
				t.Fatal(err)
			}
			e.execute(t.Context(), []byte{0x4A, 0x01, 0x00}, noFault)
			if got := e.execute(t.Context(), []byte{0x40, 0x01, 0xCA}, noFault); got[1] != c.want {
				t.Errorf("%v, tardy %v: status %02X, want %02X", c.delay, c.tardy, got[1], c.want)
			}
		})
	}
}

// TestLimit has a cable that carries short frames only at a high rate.
func TestLimit(t *testing.T) {
	long := append([]byte{0x00, 0x00, 0xFF, 0x23, 0xDD, 0xD4, 0x00, 0x00}, make([]byte, 32)...)
	long = append(long, 0x2C, 0x00)
	dialogue(t, func(h *talk) {
		h.wake()
		h.cable.Limit(230400)
		if got := h.say(long); len(got) != 6+7+34+1 {
			t.Errorf("at 115200 baud: % X", got)
		}
		h.ask("SetSerialBaudRate", "10 06", "11")
		h.raw("ACK", acked, "")
		h.port.SetBaud(460800)
		h.ask("a short one", "02", "03 32 01 06 07")
		if got := h.say(long); bytes.Contains(got, []byte{0xD5}) {
			t.Errorf("at 460800 baud: % X", got)
		}
		h.cable.Limit(0)
		if got := h.say(long); len(got) != 6+7+34+1 {
			t.Errorf("without a limit: % X", got)
		}
	})
}
