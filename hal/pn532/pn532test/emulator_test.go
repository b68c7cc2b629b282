package pn532test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// echo is a card that answers what it is asked, and its status.
type echo struct{}

func (echo) ATR() []byte { return nil }
func (echo) Reset()      {}
func (echo) Exchange(_ context.Context, command []byte) ([]byte, error) {
	return append(bytes.Clone(command), 0x90, 0x00), nil
}

// unhex reads hexadecimal with spaces.
func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// talk is a host that says bytes and gets what the chip says until it is quiet.
type talk struct {
	t     *testing.T
	chip  *Emulator
	cable *Cable
	port  *Port
}

func dialogue(t *testing.T, test func(h *talk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := &talk{t: t, chip: New()}
		h.cable = Plug(h.chip)
		defer h.cable.Close()
		var err error
		if h.port, err = h.cable.Open(); err != nil {
			t.Fatal(err)
		}
		test(h)
	})
}

func (h *talk) say(b []byte) []byte {
	h.t.Helper()
	if _, err := h.port.Write(b); err != nil {
		h.t.Fatal(err)
	}
	var heard []byte
	for {
		h.port.SetReadDeadline(time.Now().Add(time.Second))
		part := make([]byte, 600)
		n, err := h.port.Read(part)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return heard
		}
		if err != nil {
			h.t.Fatal(err)
		}
		heard = append(heard, part[:n]...)
	}
}

// raw checks bytes against bytes.
func (h *talk) raw(what, out, in string) {
	h.t.Helper()
	if got := h.say(unhex(h.t, out)); !bytes.Equal(got, unhex(h.t, in)) {
		h.t.Errorf("%s: % X, want %s", what, got, in)
	}
}

const acked = "0000FF00FF00"

// ask checks a command against its answer, "" for a syntax error.
func (h *talk) ask(what, out, in string) {
	h.t.Helper()
	data := append([]byte{0xD4}, unhex(h.t, out)...)
	frame := append([]byte{0, 0, 0xFF, byte(len(data)), byte(-len(data))}, data...)
	total := byte(0)
	for _, b := range data {
		total += b
	}
	want := append(unhex(h.t, acked), answerFrame(unhex(h.t, in))...)
	if in == "" {
		want = append(unhex(h.t, acked), syntaxError...)
	}
	if got := h.say(append(frame, -total, 0)); !bytes.Equal(got, want) {
		h.t.Errorf("%s: % X, want % X", what, got, want)
	}
}

func (h *talk) wake() {
	h.t.Helper()
	h.raw("wake", "55 55 00 00 00 00 00 00 00 00 00 00 00 00 00 00", "")
	h.ask("SAMConfiguration", "14 01 00 01", "15")
}

func TestAsleepItHearsNothing(t *testing.T) {
	const version = acked + "0000FF 06 FA D5 03 32 01 06 07 E8 00"
	dialogue(t, func(h *talk) {
		// Four rising edges of zeros, and one is missing.
		h.raw("asleep", "00 00 00 00", "")
		// The frame's first bytes wake it, the others are lost on it.
		h.raw("waking", "0000FF 02 FE D4 02 2A 00", "")
		h.raw("awake", "0000FF 02 FE D4 02 2A 00", version)
	})
	dialogue(t, func(h *talk) {
		h.raw("its clock starts", "55 55 0000FF 02 FE D4 02 2A 00", "")
	})
	dialogue(t, func(h *talk) {
		h.raw("long enough a preamble", "55 55 00 00 00 00 00 00 00 00 00 0000FF 02 FE D4 02 2A 00", version)
	})
}

func TestLowBatteryMode(t *testing.T) {
	dialogue(t, func(h *talk) {
		h.raw("wake", "55 55 00 00 00 00 00 00 00 00 00 00 00 00 00 00", "")
		h.ask("polling", "4A 02 00", "")
		h.ask("SAMConfiguration", "14 01", "15")
		h.ask("retries", "32 05 00 00 01", "33")
		h.ask("polling", "4A 02 00", "4B 00")
	})
}

func TestFramesThatTheChipDrops(t *testing.T) {
	dialogue(t, func(h *talk) {
		h.wake()
		h.raw("length checksum", "0000FF 02 FF D4 02 2A 00", "")
		h.raw("data checksum", "0000FF 02 FE D4 02 2B 00", "")
		h.raw("its own identifier", "0000FF 02 FE D5 02 29 00", "")
		h.raw("no command", "0000FF 01 FF D4 2C 00", "")
		h.raw("too long", "0000FF FFFF 01 0A F5 D4", "")
		h.raw("half a frame, then a pause", "0000FF 06 FA D4 02", "")
		h.raw("a good one", "0000FF 02 FE D4 02 2A 00", acked+"0000FF 06 FA D5 03 32 01 06 07 E8 00")
		h.raw("NACK", "0000FF FF00 00", "0000FF 06 FA D5 03 32 01 06 07 E8 00")
		h.raw("extended", "0000FF FFFF 00 02 FE D4 02 2A 00", acked+"0000FF 06 FA D5 03 32 01 06 07 E8 00")
		h.ask("unknown command", "7E", "")
		h.ask("wrong parameters", "32 01", "")
		h.ask("echo", "00 00 12 34", "01 00 12 34")
	})
}

func TestTargets(t *testing.T) {
	dialogue(t, func(h *talk) {
		h.wake()
		h.ask("retries", "32 05 00 00 00", "33")
		h.ask("nobody activated", "40 01 00", "41 27")
		h.ask("presence of nobody", "00 06", "01 27")
		if err := h.chip.Tap(TypeA(echo{})); err != nil {
			t.Fatal(err)
		}
		h.ask("list", "4A 02 00", "4B 01 01 00 04 20 04 08 5A 12 34 05 78 80 70 02")
		h.ask("exchange", "40 01 CA FE", "41 00 CA FE 90 00")
		h.ask("half a command", "40 41 CA", "41 00")
		h.ask("the rest", "40 01 FE", "41 00 CA FE 90 00")
		h.ask("another number", "40 02 CA FE", "41 27")
		h.ask("present", "00 06", "01 00")
		h.ask("again: it is activated and deaf", "4A 01 00", "4B 00")
		h.ask("and forgotten", "40 01 CA FE", "41 27")
		h.ask("field off", "32 01 00", "33")
		h.ask("list", "4A 01 00", "4B 01 01 00 04 20 04 08 5A 12 34 05 78 80 70 02")
		h.ask("release", "52 00", "53 00")
		h.ask("released", "40 01 CA FE", "41 27")
		h.ask("field off", "32 01 00", "33")
		h.ask("list", "4A 01 00", "4B 01 01 00 04 20 04 08 5A 12 34 05 78 80 70 02")
		h.chip.Take()
		h.ask("taken away", "40 01 CA FE", "41 01")
		h.ask("not present", "00 06", "01 01")
		h.ask("status", "04", "05 00 00 01 01 00 00 00 00")
	})
}

func TestAckEndsACommand(t *testing.T) {
	dialogue(t, func(h *talk) {
		h.wake()
		h.raw("polling without end", "0000FF 04 FC D4 4A 01 00 E1 00", acked)
		h.raw("ACK", acked, "")
		if err := h.chip.Tap(TypeA(echo{})); err != nil {
			t.Fatal(err)
		}
		h.ask("it is ready", "02", "03 32 01 06 07")
	})
}

func TestBaudRateChangesWithTheHostsAck(t *testing.T) {
	dialogue(t, func(h *talk) {
		h.wake()
		h.ask("SetSerialBaudRate", "10 07", "11")
		if h.chip.Baud() != 115200 {
			t.Error("changed before the ACK")
		}
		h.raw("ACK", acked, "")
		if h.chip.Baud() != 921600 {
			t.Errorf("%d baud after the ACK", h.chip.Baud())
		}
		if got := h.say(unhex(t, "0000FF02FED4022A00")); len(got) != 0 {
			t.Errorf("it understood the old rate: % X", got)
		}
		h.port.SetBaud(921600)
		h.ask("at the new rate", "02", "03 32 01 06 07")
	})
}

func TestPowerDown(t *testing.T) {
	dialogue(t, func(h *talk) {
		h.wake()
		h.ask("PowerDown", "16 10", "17 00")
		h.raw("asleep", "0000FF 02 FE D4 02 2A 00", "")
	})
}

func TestCardsThatCannotBe(t *testing.T) {
	short := TypeA(echo{})
	short.UID = []byte{1}
	b := TypeB(echo{})
	b.Data = nil
	for _, card := range []Card{short, b, TypeA(nil)} {
		if err := New().Tap(card); err == nil {
			t.Errorf("%+v was taken", card)
		}
	}
}

// FuzzEmulator says anything to the chip: it must go on, and answer a good
// command in the end.
func FuzzEmulator(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0x00, 0x00, 0xFF, 0x04, 0xFC, 0xD4, 0x4A, 0x01, 0x00, 0xE1, 0x00})
	f.Add([]byte{0x00, 0x00, 0xFF, 0x00, 0xFF, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0x00, 0x00})
	f.Add([]byte{0x00, 0x00, 0xFF, 0xFF, 0xFF, 0x01, 0x09, 0xF6, 0xD4, 0x40})
	f.Add([]byte{0x00, 0x00, 0xFF, 0x03, 0xFD, 0xD4, 0x16, 0x10, 0x06, 0x00})
	f.Fuzz(func(t *testing.T, noise []byte) {
		dialogue(t, func(h *talk) {
			if err := h.chip.Tap(TypeA(echo{})); err != nil {
				t.Fatal(err)
			}
			h.wake()
			h.say(noise)
			h.say(unhex(t, acked)) // ends what may be running
			h.port.SetBaud(h.chip.Baud())
			h.say(bytes.Repeat([]byte{0x55}, 16)) // it may have been sent to sleep
			h.ask("after noise", "02", "03 32 01 06 07")
		})
	})
}
