package haltest

import (
	"bytes"
	"context"
	"encoding/binary"
	"sync"
	"time"
)

// testAID names the test card: proprietary, registered to nobody.
const testAID = "\xF0HALTEST"

// TestCard is a contactless card for the tests of drivers. It has no keys and no
// money: a directory, one application, records whose answers are around every
// length that frames of a reader chip have, and a command (80 E0) that says what
// it was told. [ContactlessReader] knows it, and checks with it what other cards
// give no occasion to: that every byte arrives, and that a card without a field
// forgets. It is safe for concurrent use. The zero value is ready.
type TestCard struct {
	// Delay is how long each answer takes; a card asks for that time by itself.
	Delay time.Duration

	mu       sync.Mutex
	selected bool
	commands int
	resets   int
}

// testRecords are the lengths of what is in the test card's records, by file from
// 1 on. With headers and status word answers have 6, 62, 129, 130 and 249 to 258
// bytes: those of 253 and more do not fit a normal frame of a PN532.
var testRecords = [][]int{{0, 56, 123, 124}, {241, 242, 243, 244, 245, 246, 247, 248, 249, 250}}

// testOptions is what the test card wants to know.
var testOptions = []byte{
	0x9F, 0x66, 4, 0x9F, 0x02, 6, 0x9F, 0x03, 6, 0x9F, 0x1A, 2, 0x95, 5, 0x5F, 0x2A, 2, 0x9A, 3, 0x9C, 1, 0x9F, 0x37, 4,
}

// testRecord is a record of the test card: no two are the same.
func testRecord(file, number byte) []byte {
	if file < 1 || int(file) > len(testRecords) || number < 1 || int(number) > len(testRecords[file-1]) {
		return nil
	}
	value := make([]byte, testRecords[file-1][number-1])
	for i := range value {
		value[i] = byte(i)*7 + number + file<<4
	}
	return object(0x70, object(0x53, value))
}

// ATR returns nil: a field says what the card's answer to select is.
func (c *TestCard) ATR() []byte { return nil }

// Reset puts the card in its state after power on.
func (c *TestCard) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.selected = false
	c.resets++
}

// Commands returns how many commands the card was asked in all.
func (c *TestCard) Commands() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.commands
}

// Resets returns how often the card lost its field and got it again.
func (c *TestCard) Resets() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.resets
}

// Exchange answers a command.
func (c *TestCard) Exchange(ctx context.Context, command []byte) ([]byte, error) {
	if c.Delay > 0 {
		timer := time.NewTimer(c.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.commands++
	data, sw := c.answer(command)
	return binary.BigEndian.AppendUint16(bytes.Clone(data), sw), nil
}

// answer is what the card says to a command. The caller holds mu.
func (c *TestCard) answer(command []byte) (data []byte, sw uint16) {
	switch {
	case len(command) < 5:
		return nil, 0x6700
	case bytes.Equal(command, []byte(selectPPSE)):
		entry := object(0x61, object(0x4F, []byte(testAID)), object(0x50, []byte("TEST CARD")), object(0x87, []byte{1}))
		return object(0x6F, object(0x84, []byte(selectPPSE[5:19])), object(0xA5, object(0xBF0C, entry))), 0x9000
	case bytes.Equal(command, selectName([]byte(testAID))):
		c.selected = true
		return object(0x6F, object(0x84, []byte(testAID)),
			object(0xA5, object(0x50, []byte("TEST CARD")), object(0x9F38, testOptions))), 0x9000
	case string(command[:4]) == echoHeader:
		if end := 5 + int(command[4]); len(command) == end || len(command) == end+1 {
			return command[5:end], 0x9000
		}
		return nil, 0x6700
	case command[1] == 0xA4:
		return nil, 0x6A82
	case !c.selected:
		return nil, 0x6985
	case command[1] == 0xA8:
		if len(command) != 5+2+33+1 || command[5] != 0x83 || command[6] != 33 {
			return nil, 0x6700
		}
		var files []byte
		for i, lengths := range testRecords {
			files = append(files, byte(i+1)<<3, 1, byte(len(lengths)), 0)
		}
		return object(0x77, object(0x82, []byte{0, 0}), object(0x94, files)), 0x9000
	case command[1] == 0xB2:
		if record := testRecord(command[3]>>3, command[2]); record != nil {
			return record, 0x9000
		}
		return nil, 0x6A83
	}
	return nil, 0x6D00
}

// echoHeader begins the command whose answer is its data.
const echoHeader = "\x80\xE0\x00\x00"
