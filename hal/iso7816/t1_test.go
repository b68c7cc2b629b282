package iso7816

import (
	"bytes"
	"errors"
	"testing"
)

// newT1 makes a protocol whose card takes 16 bytes per block.
func newT1(p Transport) *T1 {
	return NewT1(p, &ATR{Groups: []Group{{TD: b(0x81)}, {TD: b(0x11)}, {TA: b(16)}}})
}

func TestT1(t *testing.T) {
	const (
		ask    = "00 82 00 00"
		askI0  = "00 00 04 00 82 00 00"
		ok     = "90 00"
		okI0   = "00 00 02 90 00"
		long   = "00 20 00 80 10 AA*16" // 21 bytes: two blocks
		longI0 = "00 20 10 00 20 00 80 10 AA*11"
		longI1 = "00 40 05 AA*5"
	)
	broken := errors.New("cable cut")
	tests := []struct {
		name, command string
		steps         []step
		response      string
		err           error
	}{
		{"one block each", ask, []step{{send: askI0, receive: okI0}}, ok, nil},
		{"chain out", long, []step{
			{send: longI0, receive: "00 90 00"},
			{send: longI1, receive: okI0},
		}, ok, nil},
		{"chain in", ask, []step{
			{send: askI0, receive: "00 20 02 01 02"},
			{send: "00 90 00", receive: "00 60 02 03 04"},
			{send: "00 80 00", receive: "00 00 03 05 90 00"},
		}, "01 02 03 04 05 90 00", nil},
		{"more time", ask, []step{
			{send: askI0, receive: "00 C3 01 05"},
			{send: "00 E3 01 05", receive: okI0, wait: 5},
		}, ok, nil},
		{"card takes longer blocks", long, []step{
			{send: longI0, receive: "00 C1 01 20"},
			{send: "00 E1 01 20", receive: "00 90 00"},
			{send: longI1, receive: okI0},
		}, ok, nil},
		{"card takes shorter blocks from now", long, []step{
			{send: longI0, receive: "00 C1 01 03"},
			{send: "00 E1 01 03", receive: "00 90 00"},
			{send: "00 60 03 AA*3", receive: "00 80 00"},
			{send: "00 00 02 AA*2", receive: okI0},
		}, ok, nil},
		{"command lost", ask, []step{
			{send: askI0, receive: "00 81 00"},
			{send: askI0, receive: "00 82 00"},
			{send: askI0, receive: okI0},
		}, ok, nil},
		{"command lost for ever", ask, []step{
			{send: askI0, receive: "00 81 00"},
			{send: askI0, receive: "00 82 00"},
			{send: askI0, receive: "00 82 00"},
		}, "", ErrProtocol},
		{"answer garbled", ask, []step{
			{send: askI0, err: ErrGarbled},
			{send: "00 81 00", receive: okI0},
		}, ok, nil},
		{"silence", ask, []step{
			{send: askI0, err: ErrSilent},
			{send: "00 82 00", receive: okI0},
		}, ok, nil},
		{"silence for ever", ask, []step{
			{send: askI0, err: ErrSilent},
			{send: "00 82 00", err: ErrSilent},
			{send: "00 82 00", err: ErrSilent},
		}, "", ErrProtocol},
		{"wrong sequence number", ask, []step{
			{send: askI0, receive: "00 40 02 90 00"},
			{send: "00 82 00", receive: okI0},
		}, ok, nil},
		{"answer before the chain is complete", long, []step{
			{send: longI0, receive: okI0},
			{send: "00 82 00", receive: "00 90 00"},
			{send: longI1, receive: okI0},
		}, ok, nil},
		{"R-block lost within the answer", ask, []step{
			{send: askI0, receive: "00 20 01 01"},
			{send: "00 90 00", receive: "00 90 00"},
			{send: "00 90 00", receive: "00 40 02 90 00"},
		}, "01 90 00", nil},
		{"garbled within the answer", ask, []step{
			{send: askI0, receive: "00 20 01 01"},
			{send: "00 90 00", err: ErrGarbled},
			{send: "00 91 00", receive: "00 40 02 90 00"},
		}, "01 90 00", nil},
		{"node address", ask, []step{
			{send: askI0, receive: "12 00 02 90 00"},
			{send: "00 82 00", receive: okI0},
		}, ok, nil},
		{"empty block in a chain", ask, []step{
			{send: askI0, receive: "00 20 01 01"},
			{send: "00 90 00", receive: "00 60 00"},
			{send: "00 80 00", receive: okI0},
		}, "01 90 00", nil},
		{"grant of time garbled on its way", ask, []step{
			{send: askI0, receive: "00 C3 01 05"},
			{send: "00 E3 01 05", receive: "00 81 00", wait: 5},
			{send: "00 E3 01 05", receive: okI0, wait: 5},
		}, ok, nil},
		{"grant of time garbled, the card counts on", ask, []step{
			{send: askI0, receive: "00 C3 01 05"},
			{send: "00 E3 01 05", receive: "00 92 00", wait: 5},
			{send: "00 E3 01 05", receive: okI0, wait: 5},
		}, ok, nil},
		{"grant of time garbled for ever", ask, []step{
			{send: askI0, receive: "00 C3 01 05"},
			{send: "00 E3 01 05", receive: "00 81 00", wait: 5},
			{send: "00 E3 01 05", receive: "00 81 00", wait: 5},
			{send: "00 E3 01 05", receive: "00 81 00", wait: 5},
		}, "", ErrProtocol},
		{"block size garbled on its way", long, []step{
			{send: longI0, receive: "00 C1 01 20"},
			{send: "00 E1 01 20", receive: "00 91 00"},
			{send: "00 E1 01 20", receive: "00 90 00"},
			{send: longI1, receive: okI0},
		}, ok, nil},
		{"time within a chain", long, []step{
			{send: longI0, receive: "00 C3 01 02"},
			{send: "00 E3 01 02", receive: "00 90 00", wait: 2},
			{send: longI1, receive: okI0},
		}, ok, nil},
		{"longer than announced", ask, []step{
			{send: askI0, receive: "00 00 21 55*31 90 00"},
			{send: "00 82 00", receive: okI0},
		}, ok, nil},
		{"card wants to resynchronise", ask, []step{{send: askI0, receive: "00 C0 00"}}, "", ErrProtocol},
		{"card aborts", ask, []step{{send: askI0, receive: "00 C2 00"}}, "", ErrProtocol},
		{"unasked response", ask, []step{
			{send: askI0, receive: "00 E3 01 01"},
			{send: "00 82 00", receive: okI0},
		}, ok, nil},
		{"one byte of answer", ask, []step{{send: askI0, receive: "00 00 01 90"}}, "", ErrProtocol},
		{"link fails", ask, []step{{send: askI0, err: broken}}, "", broken},
		{"no command", "00 82", nil, "", ErrCommand},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := &playback{t: t, steps: tt.steps, check: true}
			plain := playback{t: t}
			got, err := newT1(p).Exchange(t.Context(), plain.unhex(tt.command))
			if !errors.Is(err, tt.err) || !bytes.Equal(got, plain.unhex(tt.response)) {
				t.Errorf("got % X, %v; want %s, %v", got, err, tt.response, tt.err)
			}
			p.done()
		})
	}
}

func TestT1SequenceGoesOn(t *testing.T) {
	p := &playback{t: t, check: true, steps: []step{
		{send: "00 C1 01 FE", receive: "00 E1 01 FE"},
		{send: "00 00 04 00 82 00 00", receive: "00 00 02 90 00"},
		{send: "00 40 04 00 82 00 00", receive: "00 40 02 90 00"},
		{send: "00 00 04 00 82 00 00", receive: "00 00 02 90 00"},
	}}
	card := newT1(p)
	if err := card.Announce(t.Context(), 254); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := card.Exchange(t.Context(), []byte{0, 0x82, 0, 0}); err != nil {
			t.Fatal(err)
		}
	}
	p.done()
}

func TestT1Announce(t *testing.T) {
	p := &playback{t: t, check: true, steps: []step{
		{send: "00 C1 01 FE", err: ErrSilent},
		{send: "00 C1 01 FE", receive: "00 82 00"},
		{send: "00 C1 01 FE", receive: "00 E1 01 20"},
	}}
	card := newT1(p)
	if err := card.Announce(t.Context(), 254); !errors.Is(err, ErrProtocol) {
		t.Errorf("got %v, want ErrProtocol", err)
	}
	if _, err := card.Exchange(t.Context(), []byte{0, 0x82, 0, 0}); !errors.Is(err, ErrProtocol) {
		t.Errorf("used after an error: got %v, want ErrProtocol", err)
	}
	p.done()
}

func TestT1EndlessWaiting(t *testing.T) {
	card := newT1(transport(func([]byte) ([]byte, error) { return block{pcb: requestWTX, inf: []byte{1}}.append(nil, false), nil }))
	if _, err := card.Exchange(t.Context(), []byte{0, 0x82, 0, 0}); !errors.Is(err, ErrProtocol) {
		t.Errorf("got %v, want ErrProtocol", err)
	}
}

func TestT1EndlessEmptyChain(t *testing.T) {
	n := byte(1)
	card := newT1(transport(func([]byte) ([]byte, error) {
		n ^= 1
		return block{pcb: blockI(n) | moreI}.append(nil, false), nil
	}))
	if _, err := card.Exchange(t.Context(), []byte{0, 0x82, 0, 0}); !errors.Is(err, ErrProtocol) {
		t.Errorf("got %v, want ErrProtocol", err)
	}
}

func TestCRC(t *testing.T) {
	// The check value of CRC-16/X-25.
	if got := crc16([]byte("123456789")); got != 0x906E {
		t.Errorf("got %04X, want 906E", got)
	}
	raw := block{pcb: 0x40, inf: []byte{0x90, 0x00}}.append(nil, true)
	if _, err := parseBlock(raw, true); err != nil {
		t.Error(err)
	}
	raw[4] ^= 1
	if _, err := parseBlock(raw, true); !errors.Is(err, errEDC) {
		t.Errorf("got %v, want errEDC", err)
	}
}

func FuzzBlock(f *testing.F) {
	f.Add([]byte{0, 0x40, 2, 0x90, 0x00, 0xD2}, false)
	f.Add([]byte{0, 0xC1, 1, 0xFE, 0x3E}, false)
	f.Add(block{pcb: 0x92}.append(nil, true), true)
	f.Fuzz(func(t *testing.T, raw []byte, crc bool) {
		b, err := parseBlock(raw, crc)
		if err != nil {
			if !errors.Is(err, errBlock) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		if got := b.append(nil, crc); !bytes.Equal(got, raw) {
			t.Fatalf("% X becomes % X", raw, got)
		}
	})
}

// FuzzCard checks that no card can make an exchange panic, run for ever or
// return something that is neither an answer nor an error.
func FuzzCard(f *testing.F) {
	f.Add([]byte{5, 0, 0, 2, 0x90, 0x00}, uint8(1), 21)
	f.Add([]byte{2, 0x61, 0x10, 3, 1, 0x90, 0x00}, uint8(0), 4)
	f.Add([]byte{0, 2, 0x6C, 1}, uint8(0), 5)
	f.Fuzz(func(t *testing.T, script []byte, kind uint8, size int) {
		command := make([]byte, 4+max(size, 0)%300)
		if n := len(command) - 5; n > 0 && n < 256 {
			command[4] = byte(n)
		}
		asked, at := 0, 0
		card := transport(func([]byte) ([]byte, error) {
			if asked++; asked > 5000 {
				t.Fatal("runs for ever")
			}
			if len(script) == 0 {
				return nil, ErrSilent
			}
			n := int(script[at%len(script)])
			answer := make([]byte, 0, n)
			for range n {
				at++
				answer = append(answer, script[at%len(script)])
			}
			at++
			if kind&2 == 0 && len(answer) > 2 && kind&1 == 1 {
				// Make most blocks right, so that more than the parser is reached.
				answer[0], answer[2] = 0, byte(len(answer)-4)
				answer[len(answer)-1] ^= xor(answer)
			}
			return answer, nil
		})
		var got []byte
		var err error
		if kind&1 == 0 {
			got, err = (&T0{Link: card, Whole: kind&2 != 0}).Exchange(t.Context(), command)
		} else {
			got, err = newT1(card).Exchange(t.Context(), command)
		}
		if (err == nil) != (len(got) >= 2) {
			t.Fatalf("%d bytes and %v", len(got), err)
		}
	})
}

func BenchmarkT1(b *testing.B) {
	answer := make([]byte, 0, 64)
	n := byte(0)
	card := newT1(transport(func([]byte) ([]byte, error) {
		answer = block{pcb: n << 6, inf: []byte{0x90, 0x00}}.append(answer[:0], false)
		n ^= 1
		return answer, nil
	}))
	for b.Loop() {
		if _, err := card.Exchange(b.Context(), []byte{0, 0x82, 0, 0}); err != nil {
			b.Fatal(err)
		}
	}
}
