package pn532

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"

	"periph.io/x/conn/v3/conntest"
	"periph.io/x/conn/v3/i2c/i2ctest"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
	"periph.io/x/conn/v3/spi/spitest"

	"smartreader/hal"
)

// step is one frame on a bus: out from the host, or in from the chip.
type step struct {
	out, in []byte
}

// payment is what a bus carries from the first command to the answer of a
// type A card to SELECT PPSE, field off at the end. The frames are written out,
// byte by byte, as the User Manual has them.
var payment = []step{
	{out: []byte{0x00, 0x00, 0xFF, 0x05, 0xFB, 0xD4, 0x14, 0x01, 0x00, 0x01, 0x16, 0x00}}, // SAMConfiguration
	{in: ackIn}, {in: []byte{0x00, 0x00, 0xFF, 0x02, 0xFE, 0xD5, 0x15, 0x16, 0x00}},
	{out: []byte{0x00, 0x00, 0xFF, 0x02, 0xFE, 0xD4, 0x02, 0x2A, 0x00}}, // GetFirmwareVersion
	{in: ackIn}, {in: []byte{0x00, 0x00, 0xFF, 0x06, 0xFA, 0xD5, 0x03, 0x32, 0x01, 0x06, 0x07, 0xE8, 0x00}},
	{out: []byte{0x00, 0x00, 0xFF, 0x03, 0xFD, 0xD4, 0x12, 0x14, 0x06, 0x00}}, // SetParameters
	{in: ackIn}, {in: []byte{0x00, 0x00, 0xFF, 0x02, 0xFE, 0xD5, 0x13, 0x18, 0x00}},
	{out: []byte{0x00, 0x00, 0xFF, 0x06, 0xFA, 0xD4, 0x32, 0x02, 0x00, 0x0B, 0x0A, 0xE3, 0x00}}, // timings
	{in: ackIn}, {in: rfIn},
	{out: []byte{0x00, 0x00, 0xFF, 0x04, 0xFC, 0xD4, 0x32, 0x04, 0x00, 0xF6, 0x00}}, // no repeats
	{in: ackIn}, {in: rfIn},
	{out: []byte{0x00, 0x00, 0xFF, 0x06, 0xFA, 0xD4, 0x32, 0x05, 0x00, 0x00, 0x01, 0xF4, 0x00}}, // retries
	{in: ackIn}, {in: rfIn},
	{out: fieldOut(0)}, {in: ackIn}, {in: rfIn},
	// Activate: the field is off; look for B, then A
	{out: fieldOut(1)}, {in: ackIn}, {in: rfIn},
	{out: []byte{0x00, 0x00, 0xFF, 0x05, 0xFB, 0xD4, 0x4A, 0x02, 0x03, 0x00, 0xDD, 0x00}},
	{in: ackIn}, {in: []byte{0x00, 0x00, 0xFF, 0x03, 0xFD, 0xD5, 0x4B, 0x00, 0xE0, 0x00}},
	{out: listA}, {in: ackIn}, {in: cardA},
	{
		out: []byte{
			0x00, 0x00, 0xFF, 0x17, 0xE9, 0xD4, 0x40, 0x01,
			0x00, 0xA4, 0x04, 0x00, 0x0E, 0x32, 0x50, 0x41, 0x59, 0x2E, 0x53, 0x59, 0x53, 0x2E, 0x44, 0x44, 0x46, 0x30, 0x31, 0x00,
			0x8F, 0x00,
		},
	},
	{in: ackIn}, {in: longIn},
	// Close
	{out: fieldOut(0)}, {in: ackIn}, {in: rfIn},
}

var (
	ackIn = []byte{0x00, 0x00, 0xFF, 0x00, 0xFF, 0x00}
	rfIn  = []byte{0x00, 0x00, 0xFF, 0x02, 0xFE, 0xD5, 0x33, 0xF8, 0x00}
	listA = []byte{0x00, 0x00, 0xFF, 0x04, 0xFC, 0xD4, 0x4A, 0x02, 0x00, 0xE0, 0x00}
	cardA = []byte{
		0x00, 0x00, 0xFF, 0x11, 0xEF, 0xD5, 0x4B, 0x01, 0x01, 0x00, 0x04, 0x20, 0x04,
		0x08, 0x5A, 0x12, 0x34, 0x05, 0x78, 0x80, 0x70, 0x02, 0x9F, 0x00,
	}
	// An answer of 262 bytes is longer than the first read and than a normal
	// frame: 01 05 is 261 bytes with the frame identifier, code and status.
	answerLong = append(bytes.Repeat([]byte{0x00}, 256), 0x90, 0x00)
	longIn     = append(append([]byte{0x00, 0x00, 0xFF, 0xFF, 0xFF, 0x01, 0x05, 0xFA, 0xD5, 0x41, 0x00}, answerLong...), 0x5A, 0x00)
)

func fieldOut(on byte) []byte {
	return []byte{0x00, 0x00, 0xFF, 0x04, 0xFC, 0xD4, 0x32, 0x01, on, 0xF9 - on, 0x00}
}

// filled is a frame as a longer read gets it.
func filled(frame []byte, n int) []byte {
	b := make([]byte, n)
	copy(b, frame)
	return b
}

// first is how much of a frame is read at first: an ACK exactly, because an
// answer may follow it.
func first(frame []byte) int {
	if len(frame) == 6 {
		return 6
	}
	return 64
}

func pay(t *testing.T, link Link) {
	t.Helper()
	r := New(func(context.Context) (Link, error) { return link, nil }, nil)
	card, err := r.Activate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	command := append(append([]byte{0x00, 0xA4, 0x04, 0x00, 14}, "2PAY.SYS.DDF01"...), 0x00)
	response, err := card.Transceive(t.Context(), command)
	if err != nil || !bytes.Equal(response, answerLong) {
		t.Errorf("%d bytes, %v", len(response), err)
	}
	if err := card.Close(); err != nil {
		t.Error(err)
	}
}

func TestI2C(t *testing.T) {
	ops := []i2ctest.IO{{Addr: 0x24, W: []byte{0x00}}} // wake
	in := func(b ...byte) { ops = append(ops, i2ctest.IO{Addr: 0x24, R: b}) }
	in(0x00) // settle: nothing there
	for i, s := range payment {
		if s.out != nil {
			ops = append(ops, i2ctest.IO{Addr: 0x24, W: s.out})
			continue
		}
		if i%2 == 0 {
			in(0x00) // not ready yet
		}
		in(0x01)
		in(append([]byte{0x01}, filled(s.in, first(s.in))...)...)
		if len(s.in) > 64 {
			ops = append(ops, i2ctest.IO{Addr: 0x24, W: []byte{0x00, 0x00, 0xFF, 0xFF, 0x00, 0x00}})
			in(0x01)
			in(append([]byte{0x01}, s.in...)...) // no more than there is
		}
	}
	bus := &i2ctest.Playback{Ops: ops}
	pay(t, I2C(bus, 0))
	if err := bus.Close(); err != nil {
		t.Error(err)
	}
}

// turned has the bits of every byte the other way round, by the definition.
func turned(b []byte) []byte {
	out := make([]byte, len(b))
	for i, x := range b {
		for bit := range 8 {
			out[i] |= x >> bit & 1 << (7 - bit)
		}
	}
	return out
}

func TestSPI(t *testing.T) {
	var ops []conntest.IO
	transaction := func(first byte, out, in []byte) {
		ops = append(ops, conntest.IO{W: turned(append([]byte{first}, out...)), R: turned(append([]byte{0xAA}, in...))})
	}
	status := func(b byte) { transaction(0x02, []byte{0}, []byte{b}) }
	read := func(frame []byte, n int) { transaction(0x03, make([]byte, n), filled(frame, n)) }
	status(0x00) // wake
	status(0x00) // settle
	for i, s := range payment {
		if s.out != nil {
			transaction(0x01, s.out, make([]byte, len(s.out)))
			continue
		}
		if i%2 == 0 {
			status(0x00)
		}
		status(0x01)
		read(s.in, first(s.in))
		if len(s.in) > 64 {
			transaction(0x01, []byte{0x00, 0x00, 0xFF, 0xFF, 0x00, 0x00}, make([]byte, 6))
			status(0x01)
			read(s.in, len(s.in)) // no more than there is
		}
	}
	if got := ops[0].W; !slices.Equal(got, []byte{0x40, 0x00}) {
		t.Fatalf("status is % X on the wire", got)
	}
	port := &modePort{Playback: spitest.Playback{Playback: conntest.Playback{Ops: ops}}}
	pay(t, SPI(port))
	if err := port.Close(); err != nil {
		t.Error(err)
	}
	if port.mode != spi.Mode0 || port.speed > 5*physic.MegaHertz || port.bits != 8 {
		t.Errorf("mode %v, %v, %d bits", port.mode, port.speed, port.bits)
	}
}

// modePort remembers how it was connected.
type modePort struct {
	spitest.Playback
	mode  spi.Mode
	speed physic.Frequency
	bits  int
}

func (p *modePort) Connect(f physic.Frequency, mode spi.Mode, bits int) (spi.Conn, error) {
	p.mode, p.speed, p.bits = mode, f, bits
	return p.Playback.Connect(f, mode, bits)
}

func TestBusWithoutAChip(t *testing.T) {
	for name, link := range map[string]Link{
		"I2C": I2C(&i2ctest.Playback{DontPanic: true}, I2CAddress),
		"SPI": SPI(&spitest.Playback{Playback: conntest.Playback{DontPanic: true}}),
	} {
		_, err := New(func(context.Context) (Link, error) { return link, nil }, nil).Activate(t.Context())
		if !errors.Is(err, hal.ErrNotFound) {
			t.Errorf("%s: got %v, want hal.ErrNotFound", name, err)
		}
	}
}
