package acme100

import (
	"bytes"
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"

	"smartreader/hal"
	"smartreader/hal/haltest"
)

// emulator is an ACME 100 at the other end of the line, and the hand with the
// card.
type emulator struct {
	mu      sync.Mutex
	line    net.Conn // the slot's end
	present bool
	powered bool
	mute    bool   // the card does not answer its reset
	silent  bool   // the slot does not answer exchanges
	noise   []byte // comes before every answer
	status  []byte // instead of the status
	served  sync.WaitGroup
}

// open is what the driver is given. Every call is another line.
func (e *emulator) open(int) (Port, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.line != nil {
		e.line.Close()
	}
	reader, line := net.Pipe()
	e.line = line
	e.served.Go(func() { e.serve(line) })
	return reader, nil
}

func (e *emulator) unplug() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.line.Close()
}

func (e *emulator) Insert() { e.card(true) }
func (e *emulator) Remove() { e.card(false) }

func (e *emulator) card(present bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.present, e.powered = present, false
}

func (e *emulator) serve(line net.Conn) {
	// A line keeps what nobody reads yet, a pipe does not.
	answers := make(chan []byte, 64)
	defer close(answers)
	e.served.Go(func() {
		for answer := range answers {
			if _, err := line.Write(answer); err != nil {
				line.Close()
			}
		}
	})
	var buffer []byte
	chunk := make([]byte, 64)
	for {
		n, err := line.Read(chunk)
		if err != nil {
			return
		}
		buffer = append(buffer, chunk[:n]...)
		f, drop, ok := decode(buffer)
		buffer = buffer[drop:]
		if !ok {
			continue
		}
		kind, payload := e.answer(f)
		if kind == 0 {
			continue
		}
		answers <- append(bytes.Clone(e.noise), frame{f.sequence, kind, payload}.encode()...)
	}
}

func (e *emulator) answer(f frame) (kind byte, payload []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case f.kind == cmdStatus && e.status != nil:
		return f.kind | answered, e.status
	case f.kind == cmdStatus && e.present:
		return f.kind | answered, []byte{1}
	case f.kind == cmdStatus:
		return f.kind | answered, []byte{0}
	case f.kind == cmdOff:
		e.powered = false
		return f.kind | answered, nil
	case !e.present:
		return refused, []byte{codeNoCard}
	case f.kind == cmdPower && e.mute:
		return refused, []byte{codeMute}
	case f.kind == cmdPower:
		e.powered = true
		return f.kind | answered, []byte{0x3B, 0x00}
	case !e.powered:
		return refused, []byte{codeNoPower}
	case e.silent:
		return 0, nil
	}
	return f.kind | answered, []byte{0x6A, 0x82}
}

// trial runs a test with a slot and its emulator, in time that takes no time.
func trial(t *testing.T, test func(*testing.T, *Slot, *emulator)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		e := &emulator{}
		s := New(e.open)
		defer e.served.Wait()
		defer s.Close()
		test(t, s, e)
	})
}

func TestConformance(t *testing.T) {
	trial(t, func(t *testing.T, s *Slot, e *emulator) { haltest.ContactReader(t, s, e) })
}

func TestConformanceOnANoisyLine(t *testing.T) {
	trial(t, func(t *testing.T, s *Slot, e *emulator) {
		e.noise = []byte{0x00, start, 0xFF, start, 0x01, 0x00, 0x01, 'S', 0x00, 0x00}
		haltest.ContactReader(t, s, e)
	})
}

func TestClosing(t *testing.T) {
	trial(t, func(t *testing.T, s *Slot, e *emulator) { haltest.Closing(t, s, s.Close) })
}

func TestUnplugged(t *testing.T) {
	trial(t, func(t *testing.T, s *Slot, e *emulator) {
		e.Insert()
		card, err := s.Activate(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		e.unplug()
		if _, err := card.Transceive(t.Context(), make([]byte, 5)); !errors.Is(err, hal.ErrNotFound) {
			t.Errorf("Transceive: got %v, want hal.ErrNotFound", err)
		}
		if _, err := s.Activate(t.Context()); err != nil {
			t.Errorf("Activate after it was plugged in again: %v", err)
		}
	})
}

func TestLineThatIsNotThere(t *testing.T) {
	s := New(func(int) (Port, error) { return nil, errors.New("no such line") })
	defer s.Close()
	if _, err := s.Present(t.Context()); !errors.Is(err, hal.ErrNotFound) {
		t.Errorf("got %v, want hal.ErrNotFound", err)
	}
}

func TestSlotThatIsSilent(t *testing.T) {
	trial(t, func(t *testing.T, s *Slot, e *emulator) {
		e.silent = true
		e.Insert()
		card, err := s.Activate(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*step)
		defer cancel()
		if _, err := card.Transceive(ctx, make([]byte, 5)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("called off: got %v, want context.DeadlineExceeded", err)
		}
		if _, err := card.Transceive(t.Context(), make([]byte, 5)); !errors.Is(err, hal.ErrHalted) {
			t.Errorf("after an exchange in doubt: got %v, want hal.ErrHalted", err)
		}
		if card, err = s.Activate(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := card.Transceive(t.Context(), make([]byte, 5)); !errors.Is(err, hal.ErrNotFound) {
			t.Errorf("for ever: got %v, want hal.ErrNotFound", err)
		}
	})
}

func TestCardThatIsMute(t *testing.T) {
	trial(t, func(t *testing.T, s *Slot, e *emulator) {
		e.mute = true
		e.Insert()
		if _, err := s.Activate(t.Context()); !errors.Is(err, hal.ErrMute) {
			t.Errorf("got %v, want hal.ErrMute", err)
		}
	})
}

func TestAnswersThatMakeNoSense(t *testing.T) {
	trial(t, func(t *testing.T, s *Slot, e *emulator) {
		for _, e.status = range [][]byte{{}, {2}, make([]byte, maxPayload)} {
			if _, err := s.Present(t.Context()); !errors.Is(err, hal.ErrUnsupported) {
				t.Errorf("status of %d bytes: got %v, want hal.ErrUnsupported", len(e.status), err)
			}
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add(frame{7, cmdStatus, nil}.encode())
	f.Add(append([]byte{start, 0xFF}, frame{8, cmdExchange, []byte{0, 0xA4, 4, 0}}.encode()...))
	f.Add([]byte{start, 0, 0xFF, 0xFF, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, drop, ok := decode(b)
		if drop < 0 || drop > len(b) || ok && drop == 0 {
			t.Fatalf("%d of %d bytes dropped", drop, len(b))
		}
		if ok && !bytes.HasSuffix(b[:drop], got.encode()) {
			t.Error("the frame is not what came")
		}
	})
}
