package vscard

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/emvkernel/emvtest"
	"smartreader/hal/sim"
)

// peer is QEMU's end.
type peer struct {
	t    *testing.T
	conn net.Conn
}

func (p peer) receive(want kind) message {
	p.t.Helper()
	m, err := readMessage(p.conn)
	if err != nil || m.kind != want {
		p.t.Fatalf("got %+v, %v; want type %d", m, err, want)
	}
	return m
}

func (p peer) send(kind kind, data []byte) {
	p.t.Helper()
	if _, err := p.conn.Write(message{kind: kind, data: data}.append(nil)); err != nil {
		p.t.Fatal(err)
	}
}

func (p peer) fine() { p.send(kindError, make([]byte, 4)) }

// serve connects a slot to a peer and plays the greeting.
func serve(t *testing.T, s *Slot) (peer, <-chan error) {
	t.Helper()
	return serveUntil(t.Context(), t, s)
}

func serveUntil(ctx context.Context, t *testing.T, s *Slot) (peer, <-chan error) {
	t.Helper()
	here, there := net.Pipe()
	p := peer{t, there}
	t.Cleanup(func() { there.Close() })
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, here) }()
	m := p.receive(kindInit)
	if !bytes.Equal(m.data, []byte{'V', 'S', 'C', 'D', 0, 0, 0, 2, 0, 0, 0, 0}) {
		t.Errorf("the greeting is % x", m.data)
	}
	p.send(kindInit, m.data)
	p.receive(kindReaderAdd)
	p.fine()
	return p, ended
}

func visa(t *testing.T) *emvtest.Card {
	t.Helper()
	profile, err := emvtest.Load("visa")
	if err != nil {
		t.Fatal(err)
	}
	return emvtest.NewCard(profile, nil)
}

func TestCardGoesInAnswersAndComesOut(t *testing.T) {
	s := NewSlot()
	if err := s.Remove(); !errors.Is(err, sim.ErrEmpty) {
		t.Errorf("Remove from an empty slot: %v", err)
	}
	p, ended := serve(t, s)
	if err := s.Insert("visa", visa(t)); err != nil || s.Inserted() != "visa" {
		t.Fatalf("%v, %q is in", err, s.Inserted())
	}
	if err := s.Insert("visa", visa(t)); !errors.Is(err, sim.ErrOccupied) {
		t.Errorf("a second card: %v", err)
	}
	if atr := p.receive(kindATR).data; len(atr) == 0 || atr[0] != 0x3B {
		t.Errorf("ATR % x", atr)
	}
	p.fine()
	p.send(kindAPDU, append([]byte{0x00, 0xA4, 0x04, 0x00, 14}, "1PAY.SYS.DDF01"...))
	r := p.receive(kindAPDU).data
	if len(r) != 2 || r[0] != 0x61 {
		t.Fatalf("SELECT answered % x", r)
	}
	p.send(kindAPDU, []byte{0x00, 0xC0, 0x00, 0x00, r[1]})
	if got := p.receive(kindAPDU).data; len(got) != int(r[1])+2 || got[0] != 0x6F || !bytes.HasSuffix(got, []byte{0x90, 0x00}) {
		t.Errorf("GET RESPONSE answered % x", got)
	}
	if err := s.Remove(); err != nil || s.Inserted() != "" {
		t.Errorf("%v, %q is in", err, s.Inserted())
	}
	p.receive(kindCardRemove)
	p.fine()
	p.conn.Close()
	if err := <-ended; err != nil {
		t.Errorf("QEMU ended: %v", err)
	}
}

// A card that is in when QEMU starts, or starts again, is announced at once.
func TestCardStaysOverARestart(t *testing.T) {
	s := NewSlot()
	if err := s.Insert("visa", visa(t)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		p, ended := serve(t, s)
		p.receive(kindATR)
		p.conn.Close()
		<-ended
	}
}

// chip answers by a function.
type chip func(ctx context.Context, command []byte) ([]byte, error)

func (chip) ATR() []byte { return []byte{0x3B, 0x60, 0x00, 0x00} }
func (chip) Reset()      {}
func (c chip) Exchange(ctx context.Context, command []byte) ([]byte, error) {
	return c(ctx, command)
}

// A card pulled out in the middle of an exchange does not answer any more, and
// what was meant for it does not reach the next card, which comes no sooner
// than the guest can have seen the slot empty.
func TestCardPulledInTheMiddle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSlot()
		p, _ := serve(t, s)
		asked := make(chan struct{})
		must(t, s.Insert("first", chip(func(ctx context.Context, _ []byte) ([]byte, error) {
			close(asked)
			<-ctx.Done()
			return []byte{0x90, 0x00}, nil
		})))
		p.receive(kindATR)
		p.fine()
		p.send(kindAPDU, []byte{0, 0, 0, 0, 0})
		<-asked
		pulled := time.Now()
		must(t, s.Remove())
		must(t, s.Insert("second", chip(func(context.Context, []byte) ([]byte, error) { return []byte{0x6D, 0x00}, nil })))
		p.receive(kindCardRemove)
		p.send(kindAPDU, []byte{0, 0, 0, 1, 0}) // written before QEMU saw the message
		p.fine()
		p.receive(kindATR)
		if gap := time.Since(pulled); gap != apart {
			t.Errorf("the next card came after %v", gap)
		}
		p.send(kindAPDU, []byte{0, 0, 0, 2, 0})
		p.fine()
		p.send(kindAPDU, []byte{0, 0, 0, 3, 0})
		if r := p.receive(kindAPDU).data; !bytes.Equal(r, []byte{0x6D, 0x00}) {
			t.Errorf("answered % x", r)
		}
		// Nothing more: a late answer would come before this one.
		must(t, s.Remove())
		p.receive(kindCardRemove)
	})
}

// A command that comes while the card still works on another was sent after a
// reset of the reader: the answer to the first, which QEMU would take for the
// second's, is never given.
func TestLateAnswerIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSlot()
		p, _ := serve(t, s)
		must(t, s.Insert("slow", chip(func(ctx context.Context, command []byte) ([]byte, error) {
			if command[3] == 1 {
				<-ctx.Done()
			}
			return []byte{0x90, command[3]}, nil
		})))
		p.receive(kindATR)
		p.fine()
		p.send(kindAPDU, []byte{0, 0, 0, 1, 0})
		p.send(kindAPDU, []byte{0, 0, 0, 2, 0})
		for _, want := range []byte{2, 3} {
			if r := p.receive(kindAPDU).data; !bytes.Equal(r, []byte{0x90, want}) {
				t.Errorf("answered % x, want 90 %02x", r, want)
			}
			p.send(kindAPDU, []byte{0, 0, 0, 3, 0})
		}
	})
}

// The plug is pulled in the middle of an exchange: QEMU is told before the
// connection ends, and the answer is never given.
func TestPlugPulledInTheMiddle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, last := range map[string]func(peer) (took time.Duration){
			"QEMU sees it": func(p peer) time.Duration {
				p.receive(kindReaderRemove)
				p.send(kindAPDU, []byte{0, 0, 0, 0, 0}) // written before it saw the message
				p.fine()
				return 0
			},
			"QEMU hangs": func(peer) time.Duration { return leaveTime },
			"QEMU ends":  func(p peer) time.Duration { p.conn.Close(); return 0 },
		} {
			s := NewSlot()
			ctx, pull := context.WithCancel(t.Context())
			p, ended := serveUntil(ctx, t, s)
			asked := make(chan struct{})
			must(t, s.Insert("card", chip(func(ctx context.Context, _ []byte) ([]byte, error) {
				close(asked)
				<-ctx.Done()
				return []byte{0x90, 0x00}, nil
			})))
			p.receive(kindATR)
			p.fine()
			p.send(kindAPDU, []byte{0, 0, 0, 0, 0})
			<-asked
			pulled := time.Now()
			pull()
			want := last(p)
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", name, err)
			}
			if took := time.Since(pulled); took != want {
				t.Errorf("%s: took %v, want %v", name, took, want)
			}
			if m, err := readMessage(p.conn); err == nil {
				t.Errorf("%s: then came %+v", name, m)
			}
		}
	})
}

func TestMuteCard(t *testing.T) {
	for name, answer := range map[string]chip{
		"error": func(context.Context, []byte) ([]byte, error) { return nil, errors.New("broken") },
		"short": func(context.Context, []byte) ([]byte, error) { return []byte{0x90}, nil },
	} {
		s := NewSlot()
		p, _ := serve(t, s)
		must(t, s.Insert(name, answer))
		p.receive(kindATR)
		p.fine()
		p.send(kindAPDU, []byte{0, 0, 0, 0, 0})
		if code := p.receive(kindError).data; !bytes.Equal(code, []byte{0, 0, 0, iccMute}) {
			t.Errorf("%s: % x", name, code)
		}
	}
}

func TestWrongPeers(t *testing.T) {
	wrongVersion := hello()
	binary.BigEndian.PutUint32(wrongVersion.data[4:], 1)
	for name, first := range map[string][]byte{
		"another protocol": []byte("HTTP/1.1 400 Bad Request\r\n\r\n"),
		"another version":  wrongVersion.append(nil),
		"no greeting":      message{kind: kindAPDU}.append(nil),
		"refusal":          append(hello().append(nil), message{kind: kindError, data: []byte{0, 0, 0, 2}}.append(nil)...),
		"half a code":      append(hello().append(nil), message{kind: kindError, data: []byte{0}}.append(nil)...),
		"ATR to us":        append(hello().append(nil), message{kind: kindATR}.append(nil)...),
	} {
		here, there := net.Pipe()
		go io.Copy(io.Discard, there)
		go there.Write(first)
		if err := NewSlot().Serve(t.Context(), here); err == nil {
			t.Errorf("%s: no error", name)
		}
		there.Close()
	}
}

func TestServeEndsWithItsContext(t *testing.T) {
	here, there := net.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- NewSlot().Serve(ctx, here) }()
	if _, err := readMessage(there); err != nil {
		t.Fatal(err)
	}
	cancel()
	there.Close()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// script is a chip that answers with what the command's P1 and P2 ask for: so
// many bytes, and a status word of success.
type script struct{}

func (script) ATR() []byte { return nil }
func (script) Reset()      {}
func (script) Exchange(_ context.Context, c []byte) ([]byte, error) {
	return append(make([]byte, int(c[2])<<8|int(c[3])), 0x90, 0x00), nil
}

func TestT0(t *testing.T) {
	card := t0{chip: script{}}
	for _, test := range []struct {
		name    string
		command []byte
		want    int // bytes before the status word
		sw      []byte
	}{
		{"no data either way", []byte{0, 1, 0, 0, 0}, 0, []byte{0x90, 0}},
		{"right length", []byte{0, 1, 0, 7, 7}, 7, []byte{0x90, 0}},
		{"256 bytes", []byte{0, 1, 1, 0, 0}, 256, []byte{0x90, 0}},
		{"wrong length", []byte{0, 1, 0, 7, 0}, 0, []byte{0x6C, 7}},
		{"data, no answer", []byte{0, 1, 0, 0, 1, 9}, 0, []byte{0x90, 0}},
		{"data and answer", []byte{0, 1, 0, 9, 1, 9}, 0, []byte{0x61, 9}},
		{"fetch too much", []byte{0, 0xC0, 0, 0, 10}, 0, []byte{0x6C, 9}},
		{"fetch a part", []byte{0, 0xC0, 0, 0, 4}, 4, []byte{0x61, 5}},
		{"fetch the rest", []byte{0, 0xC0, 0, 0, 5}, 5, []byte{0x90, 0}},
		{"long answer", []byte{0, 1, 1, 4, 1, 9}, 0, []byte{0x61, 0}},
		{"fetch most", []byte{0, 0xC0, 0, 0, 0}, 256, []byte{0x61, 4}},
		{"given up", []byte{0, 1, 0, 0, 0}, 0, []byte{0x90, 0}},
		{"nothing to fetch", []byte{0, 0xC0, 0, 0, 0}, 0, []byte{0x90, 0}},
		{"too short", []byte{0, 1, 0, 0}, 0, []byte{0x67, 0}},
		{"wrong P3", []byte{0, 1, 0, 0, 2, 9}, 0, []byte{0x67, 0}},
	} {
		got, err := card.exchange(t.Context(), test.command)
		if err != nil || len(got) != test.want+2 || !bytes.HasSuffix(got, test.sw) {
			t.Errorf("%s: % x, %v; want %d bytes and % x", test.name, got, err, test.want, test.sw)
		}
	}
}

// insists is a chip made for T=1 that refuses a command without Le.
type insists struct{ script }

func (i insists) Exchange(ctx context.Context, c []byte) ([]byte, error) {
	if len(c) != 5+int(c[4])+1 {
		return []byte{0x67, 0x00}, nil
	}
	return i.script.Exchange(ctx, c)
}

func TestChipThatInsistsOnLe(t *testing.T) {
	card := t0{chip: insists{}}
	if got, err := card.exchange(t.Context(), []byte{0, 1, 0, 9, 1, 9}); err != nil || !bytes.Equal(got, []byte{0x61, 9}) {
		t.Errorf("got % x, %v", got, err)
	}
}

func FuzzT0(f *testing.F) {
	f.Add([]byte{0, 1, 1, 4, 1, 9}, []byte{0, 0xC0, 0, 0, 0})
	f.Add([]byte{0, 0xC0}, []byte{0, 1, 0, 7, 7})
	f.Fuzz(func(t *testing.T, first, second []byte) {
		card := t0{chip: script{}}
		for _, c := range [][]byte{first, second, {0, 0xC0, 0, 0, 0}, {0, 0xC0, 0, 0, 1}} {
			if got, err := card.exchange(t.Context(), c); err != nil || len(got) < 2 || len(got) > 258 {
				t.Fatalf("% x: %d bytes, %v", c, len(got), err)
			}
		}
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func FuzzReadMessage(f *testing.F) {
	f.Add(hello().append(nil))
	f.Add(message{kind: kindAPDU, reader: 3, data: []byte{0x90, 0x00}}.append(nil))
	f.Add([]byte{0, 0, 0, 7, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF})
	f.Add([]byte{0, 0, 0})
	f.Fuzz(func(t *testing.T, in []byte) {
		r := bytes.NewReader(in)
		for {
			before := len(in) - r.Len()
			m, err := readMessage(r)
			if err != nil {
				return
			}
			if got := m.append(nil); !bytes.Equal(got, in[before:len(in)-r.Len()]) {
				t.Fatalf("% x became % x", in[before:len(in)-r.Len()], got)
			}
			_ = checkHello(m)
		}
	})
}
