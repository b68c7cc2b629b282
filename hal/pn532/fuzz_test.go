package pn532

import (
	"bytes"
	"context"
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

func FuzzDecode(f *testing.F) {
	for _, s := range payment {
		f.Add(append(bytes.Clone(s.in), s.out...))
	}
	f.Add([]byte{0x00, 0x00, 0xFF, 0x01, 0xFF, 0x7F, 0x81, 0x00})
	f.Add([]byte{0x00, 0x00, 0xFF, 0xFF, 0x00, 0x00})
	f.Add([]byte{0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02, 0xD5})
	f.Fuzz(func(t *testing.T, b []byte) {
		kept := bytes.Clone(b)
		for len(b) > 0 {
			got, used, err := decode(b)
			if used < 0 || used > len(b) {
				t.Fatalf("used %d of %d bytes", used, len(b))
			}
			if errors.Is(err, errShort) {
				if len(b)-used > maxFrame {
					t.Fatalf("waits for more than a frame: %d bytes", len(b)-used)
				}
				if n := extent(b); n <= 0 || n > maxFrame || n != maxFrame && n <= len(b) {
					t.Fatalf("%d bytes of a frame are there that takes %d", len(b), n)
				}
				break
			}
			if n := extent(b); err == nil && got.kind == information && n != min(used, maxFrame) {
				t.Fatalf("a frame that ends at %d takes %d", used, n)
			}
			if used == 0 {
				t.Fatal("no progress")
			}
			if err == nil && got.kind == information {
				// A correct frame, built again, is what was read.
				want := encode(got.data)
				from := bytes.Index(b, []byte{0x00, 0xFF})
				if n := used - from; len(got.data)+1 <= maxNormal && b[from+2] != 0xFF && len(want)-1 != n {
					t.Fatalf("a frame of %d bytes was read from %d", len(want)-1, n)
				}
			}
			b = b[used:]
		}
		if len(b) > len(kept) {
			t.Fatal("grew")
		}
	})
}

// TestDecode has the frames of the User Manual and what may become of them.
func TestDecode(t *testing.T) {
	version := []byte{0x00, 0x00, 0xFF, 0x06, 0xFA, 0xD5, 0x03, 0x32, 0x01, 0x06, 0x07, 0xE8, 0x00}
	data := version[6:11]
	changed := func(at int, to byte) []byte {
		b := bytes.Clone(version)
		b[at] = to
		return b
	}
	for name, c := range map[string]struct {
		in   []byte
		kind kind
		data []byte
		used int
		err  error
	}{
		"nothing":            {in: nil, err: errShort},
		"answer":             {in: version, data: data, used: 13},
		"without preamble":   {in: version[1:], data: data, used: 12},
		"long preamble":      {in: append(make([]byte, 9), version...), data: data, used: 22},
		"after noise":        {in: append([]byte{0x12, 0x00, 0xA0}, version...), data: data, used: 16},
		"begun":              {in: version[:9], used: 1, err: errShort},
		"begun with noise":   {in: append([]byte{0x12, 0x34}, version[:2]...), used: 3, err: errShort},
		"ACK":                {in: ack[:], kind: acknowledge, used: 5},
		"NACK":               {in: nack[:], kind: negative, used: 5},
		"syntax error":       {in: []byte{0x00, 0x00, 0xFF, 0x01, 0xFF, 0x7F, 0x81, 0x00}, kind: refusal, used: 8},
		"extended, short":    {in: []byte{0x00, 0x00, 0xFF, 0xFF, 0xFF, 0x00, 0x02, 0xFE, 0xD5, 0x15, 0x16, 0x00}, data: []byte{0x15}, used: 12},
		"bad length":         {in: changed(3, 0x07), used: 3, err: errDamaged},
		"bad checksum":       {in: changed(8, 0x00), used: 13, err: errDamaged},
		"of the host":        {in: encode([]byte{0x02}), used: 9, err: errDamaged},
		"a zero lost":        {in: []byte{0x00, 0x00, 0xFF, 0x03, 0xFD, 0xD5, 0x41, 0xEA, 0x00, 0x01}, used: 10, err: errDamaged},
		"of length zero":     {in: []byte{0x00, 0x00, 0xFF, 0x00, 0x00, 0x00}, used: 3, err: errDamaged},
		"extended, too long": {in: []byte{0x00, 0x00, 0xFF, 0xFF, 0xFF, 0x01, 0x0A, 0xF5}, used: 3, err: errDamaged},
		"extended, bad":      {in: []byte{0x00, 0x00, 0xFF, 0xFF, 0xFF, 0x01, 0x00, 0x00}, used: 3, err: errDamaged},
	} {
		f, used, err := decode(c.in)
		if !errors.Is(err, c.err) || used != c.used || err == nil && (f.kind != c.kind || !bytes.Equal(f.data, c.data)) {
			t.Errorf("%s: %v % X, used %d, %v", name, f.kind, f.data, used, err)
		}
	}
}

func FuzzParseTargets(f *testing.F) {
	f.Add(true, []byte{0x00})
	f.Add(true, cardA[7:22])
	f.Add(true, []byte{0x01, 0x01, 0x00, 0x04, 0x08, 0x04, 1, 2, 3, 4})
	f.Add(true, []byte{0x01, 0x01, 0x03, 0x44, 0x20, 0x07, 1, 2, 3, 4, 5, 6, 7})
	f.Add(false, []byte{0x01, 0x01, 0x50, 1, 2, 3, 4, 0, 0, 0, 0, 0x00, 0x71, 0x71, 0x01, 0x00})
	f.Add(false, []byte{0x02, 0x01})
	f.Add(true, []byte{0xFF})
	f.Fuzz(func(t *testing.T, a bool, b []byte) {
		m := typeB
		if a {
			m = typeA
		}
		targets, err := parseTargets(m, b)
		if (err == nil) != (targets != nil) || len(targets) > maxTargets {
			t.Fatalf("%d targets, %v", len(targets), err)
		}
		if len(targets) == 1 && (targets[0].number < 1 || targets[0].number > maxTargets || len(targets[0].answer) > len(b)) {
			t.Fatalf("%+v", targets[0])
		}
	})
}

func TestParseTargets(t *testing.T) {
	a := []byte{0x01, 0x01, 0x00, 0x04, 0x20, 0x04, 1, 2, 3, 4}
	for name, c := range map[string]struct {
		m         modulation
		in        []byte
		n         int
		activated bool
		answer    []byte
		err       error
	}{
		"nobody":            {in: []byte{0}},
		"with ATS":          {in: append(bytes.Clone(a), 0x02, 0x75), n: 1, activated: true, answer: []byte{0x02, 0x75}},
		"with length only":  {in: append(bytes.Clone(a), 0x01), n: 1, activated: true, answer: []byte{0x01}},
		"ATS of length 0":   {in: append(bytes.Clone(a), 0x00), n: 1},
		"no ATS":            {in: a, n: 1},
		"no ISO 14443-4":    {in: []byte{0x01, 0x01, 0x00, 0x04, 0x08, 0x04, 1, 2, 3, 4}, n: 1},
		"two":               {in: []byte{0x02, 0xFF}, n: 2},
		"type B":            {m: typeB, in: []byte{1, 1, 0x50, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 0}, n: 1, activated: true, answer: []byte{0x50, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}},
		"type B, cut":       {m: typeB, in: []byte{1, 1, 0x50, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 1}, n: 1},
		"nothing":           {in: nil, err: errTargets},
		"three":             {in: []byte{3}, err: errTargets},
		"cut":               {in: a[:7], n: 1},
		"ATS cut":           {in: append(bytes.Clone(a), 0x05, 0x75), n: 1},
		"more than a card":  {in: append(bytes.Clone(a), 0x01, 0x75), n: 1},
		"number 0":          {in: append([]byte{0x01, 0x00}, a[2:]...), err: errTargets},
		"number of no card": {in: append([]byte{0x01, 0x03}, a[2:]...), err: errTargets},
	} {
		got, err := parseTargets(c.m, c.in)
		if !errors.Is(err, c.err) || len(got) != c.n {
			t.Errorf("%s: %d targets, %v", name, len(got), err)
		} else if c.n == 1 && (got[0].activated() != c.activated || !bytes.Equal(got[0].answer, c.answer)) {
			t.Errorf("%s: %+v", name, got[0])
		}
	}
}

// madChip is a serial port with a chip on it that follows a script: mostly
// well-formed nonsense, so that it gets past the frames.
type madChip struct {
	script   []byte
	pending  []byte
	code     byte
	deadline time.Time
}

func (m *madChip) next() byte {
	if len(m.script) == 0 {
		return 0
	}
	b := m.script[0]
	m.script = m.script[1:]
	return b
}

func (m *madChip) Write(b []byte) (int, error) {
	// Not a frame with a command: an ACK or NACK, or the wake-up.
	if len(b) < 8 || b[0] != 0 {
		return len(b), nil
	}
	m.code = b[6]
	if b[3] == 0xFF && b[4] == 0xFF {
		m.code = b[9]
	}
	return len(b), nil
}

func (m *madChip) Read(b []byte) (int, error) {
	if len(m.pending) == 0 {
		m.pending = m.say()
	}
	if len(m.pending) == 0 {
		time.Sleep(time.Until(m.deadline)) // in a bubble: no time passes
		return 0, os.ErrDeadlineExceeded
	}
	n := copy(b, m.pending)
	m.pending = m.pending[n:]
	return n, nil
}

func (m *madChip) say() []byte {
	if len(m.script) == 0 {
		return nil
	}
	what := m.next()
	payload := func() []byte {
		n := int(what >> 3)
		if what == 0xFF {
			n = 250
		}
		b := make([]byte, 0, n)
		for range n {
			b = append(b, m.next())
		}
		return b
	}
	switch what & 7 {
	case 0, 1, 2: // what a chip would say, with a script's content
		data := append([]byte{fromChip, m.code + 1}, payload()...)
		frame := append([]byte{0, 0, 0xFF, byte(len(data)), -byte(len(data))}, data...)
		return append(append(bytes.Clone(ack[:]), frame...), -sum(data), 0)
	case 3: // a good answer to most commands
		data := []byte{fromChip, m.code + 1, 0x32, 1, 6, 7}
		frame := append([]byte{0, 0, 0xFF, byte(len(data)), -byte(len(data))}, data...)
		return append(append(bytes.Clone(ack[:]), frame...), -sum(data), 0)
	case 4:
		return payload()
	case 5:
		return bytes.Clone(ack[:])
	case 6:
		return []byte{0, 0, 0xFF, 0x01, 0xFF, 0x7F, 0x81, 0}
	}
	return nil // silence
}

func (m *madChip) SetReadDeadline(t time.Time) error { m.deadline = t; return nil }
func (*madChip) SetWriteDeadline(time.Time) error    { return nil }
func (*madChip) SetBaud(int) error                   { return nil }
func (*madChip) Close() error                        { return nil }

// FuzzReader has a reader work with a mad chip: it may fail, never hang or panic.
func FuzzReader(f *testing.F) {
	good := bytes.Repeat([]byte{3}, 8)
	f.Add([]byte{})
	f.Add(good)
	f.Add(append(bytes.Clone(good), bytes.Repeat([]byte{0}, 60)...))
	f.Add(append(append(bytes.Clone(good), 3, 3), append([]byte{byte(len(cardA[7:22]) << 3)}, cardA[7:22]...)...))
	f.Add(bytes.Repeat([]byte{6, 5, 7, 4}, 50))
	f.Add(bytes.Repeat([]byte{0xFF, 0x01, 0x8A}, 100))
	f.Fuzz(func(t *testing.T, script []byte) {
		synctest.Test(t, func(t *testing.T) {
			chip := &madChip{script: script}
			r := New(func(context.Context) (Link, error) { return HSU(chip), nil }, &Opts{Baud: 115200})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			for range 3 {
				card, err := r.Activate(ctx)
				if (card == nil) == (err == nil) {
					t.Fatalf("Activate: %v, %v", card, err)
				}
				if err != nil {
					continue
				}
				for range 2 {
					response, err := card.Transceive(ctx, []byte{0x00, 0xA4, 0x04, 0x00})
					if err == nil && len(response) < 2 {
						t.Fatalf("a response of %d bytes", len(response))
					}
				}
				_ = r.WaitRemoval(ctx)
				_ = card.Close()
			}
			_ = r.FieldOff()
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
		})
	})
}
