// Package acme100 drives the ACME 100, an invented chip card slot on a serial
// line (115200 baud, 8N1). It is an example of a driver outside the smartreader
// repository: complete, but for a device that does not exist.
//
// The slot answers every command with one frame (see frame.go). Commands:
//
//	53 status                    00 empty, 01 card
//	50 power on, cold reset      the ATR
//	58 exchange, command APDU    the response APDU; T=0 and T=1 are the slot's business
//	4F power off                 nothing
//
// An answer has the kind of its command with the high bit set. Kind FF is a
// refusal, its payload a code: 01 no card, 02 the card does not answer, 03 the
// card has no power. A card that is taken out loses its power.
package acme100

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"smartreader/hal"
)

const (
	cmdStatus   = 'S'
	cmdPower    = 'P'
	cmdExchange = 'X'
	cmdOff      = 'O'

	answered = 0x80
	refused  = 0xFF

	codeNoCard  = 1
	codeMute    = 2
	codeNoPower = 3
)

const (
	baud = 115200
	// step is how often a wait looks whether it was called off.
	step = 100 * time.Millisecond
	// silence is how long the slot may think about a card's answer.
	silence = 20 * time.Second
)

// Port is the serial line. *tty.Port of smartreader/hal/tty is one.
type Port interface {
	io.ReadWriteCloser
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

// Slot is an ACME 100. Any number of goroutines may use it.
type Slot struct {
	open   func(baud int) (Port, error)
	turn   chan struct{} // held while a command is on the line; guards port and sequence
	halted chan struct{}
	once   sync.Once

	port     Port // nil: not open
	sequence byte

	mu     sync.Mutex
	active *card
}

var _ hal.ContactReader = (*Slot)(nil)

// New returns a slot. The line is opened when it is first needed, and again
// after it failed: a slot on a USB adapter may be unplugged.
func New(open func(baud int) (Port, error)) *Slot {
	return &Slot{open: open, turn: make(chan struct{}, 1), halted: make(chan struct{})}
}

// Close closes the line. Calls in flight and later calls return hal.ErrHalted.
func (s *Slot) Close() (err error) {
	s.once.Do(func() {
		close(s.halted)
		s.turn <- struct{}{} // the command on the line ends within a step
		defer func() { <-s.turn }()
		if s.port != nil {
			err = s.port.Close()
		}
	})
	return err
}

// Activate implements hal.ContactReader.
func (s *Slot) Activate(ctx context.Context) (hal.Card, error) {
	for {
		if err := s.await(ctx, true); err != nil {
			return nil, fmt.Errorf("acme100: activate: %w", err)
		}
		s.replace(nil)
		atr, err := s.command(ctx, cmdPower, nil)
		if errors.Is(err, hal.ErrMute) { // one warm reset is one more try here
			atr, err = s.command(ctx, cmdPower, nil)
		}
		switch {
		case errors.Is(err, hal.ErrCardRemoved):
			continue // taken out while it was powered up
		case err == nil && len(atr) < 2:
			err = fmt.Errorf("%w: an ATR of %d bytes", hal.ErrMute, len(atr))
		}
		if err != nil {
			return nil, fmt.Errorf("acme100: activate: %w", err)
		}
		c := &card{slot: s, atr: atr}
		s.replace(c)
		return c, nil
	}
}

// WaitRemoval implements hal.ContactReader.
func (s *Slot) WaitRemoval(ctx context.Context) error {
	if err := s.await(ctx, false); err != nil {
		return fmt.Errorf("acme100: wait for removal: %w", err)
	}
	return nil
}

// Present implements hal.ContactReader.
func (s *Slot) Present(ctx context.Context) (bool, error) {
	here, err := s.status(ctx)
	if err != nil {
		return false, fmt.Errorf("acme100: present: %w", err)
	}
	return here, nil
}

// await polls until a card is there, or none.
func (s *Slot) await(ctx context.Context, want bool) error {
	tick := time.NewTicker(step)
	defer tick.Stop()
	for {
		here, err := s.status(ctx)
		if err != nil || here == want {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.halted:
			return hal.ErrHalted
		}
	}
}

func (s *Slot) status(ctx context.Context) (here bool, err error) {
	answer, err := s.command(ctx, cmdStatus, nil)
	if err == nil && (len(answer) != 1 || answer[0] > 1) {
		err = fmt.Errorf("%w: the slot's status has %d bytes and makes no sense", hal.ErrUnsupported, len(answer))
	}
	return err == nil && answer[0] == 1, err
}

// replace makes c the card in use; the one before is dead.
func (s *Slot) replace(c *card) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.active != nil && s.active.dead == nil {
		s.active.dead = hal.ErrHalted
	}
	s.active = c
}

// giveUp says whether c was the card in use, which no card is from now on.
func (s *Slot) giveUp(c *card) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.active != c {
		return false
	}
	s.active = nil
	return true
}

// command sends a command and returns the payload of its answer, which the
// caller owns.
func (s *Slot) command(ctx context.Context, kind byte, payload []byte) ([]byte, error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := s.called(ctx); err != nil {
		return nil, err
	}
	if s.port == nil {
		port, err := s.open(baud)
		if err != nil {
			return nil, fmt.Errorf("%w: %w; check the cable of the slot and the setting of its port", hal.ErrNotFound, err)
		}
		s.port = port
	}
	s.sequence++
	answer, err := s.talk(ctx, frame{s.sequence, kind, payload})
	if errors.Is(err, hal.ErrNotFound) { // opened again by the next command
		err = errors.Join(err, s.port.Close())
		s.port = nil
	}
	return answer, err
}

// called says whether the wait was called off.
func (s *Slot) called(ctx context.Context) error {
	select {
	case <-s.halted:
		return hal.ErrHalted
	default:
		return ctx.Err()
	}
}

// talk sends a frame and waits for its answer. Frames that are not its answer
// are those of commands that were given up.
func (s *Slot) talk(ctx context.Context, command frame) ([]byte, error) {
	// One write of 406 bytes takes 40 ms at 115200 baud.
	if err := s.port.SetWriteDeadline(time.Now().Add(5 * step)); err != nil {
		return nil, fmt.Errorf("%w: %w", hal.ErrNotFound, err)
	}
	if _, err := s.port.Write(command.encode()); err != nil {
		return nil, fmt.Errorf("%w: %w", hal.ErrNotFound, err)
	}
	var buffer []byte
	chunk := make([]byte, 256)
	for end := time.Now().Add(silence); ; {
		for {
			f, drop, ok := decode(buffer)
			buffer = buffer[drop:]
			if !ok {
				break
			}
			if f.sequence == command.sequence {
				return judge(command.kind, f)
			}
		}
		if err := s.called(ctx); err != nil {
			return nil, err
		}
		if time.Now().After(end) {
			return nil, fmt.Errorf("%w: the slot did not answer for %v; check that an ACME 100 is on this line", hal.ErrNotFound, silence)
		}
		if err := s.port.SetReadDeadline(time.Now().Add(step)); err != nil {
			return nil, fmt.Errorf("%w: %w", hal.ErrNotFound, err)
		}
		n, err := s.port.Read(chunk)
		buffer = append(buffer, chunk[:n]...)
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, fmt.Errorf("%w: the line was lost: %w", hal.ErrNotFound, err)
		}
	}
}

// judge says what an answer means.
func judge(command byte, f frame) ([]byte, error) {
	switch {
	case f.kind == command|answered:
		return bytes.Clone(f.payload), nil
	case f.kind == refused && len(f.payload) == 1:
		switch f.payload[0] {
		case codeNoCard, codeNoPower:
			return nil, hal.ErrCardRemoved
		case codeMute:
			return nil, hal.ErrMute
		}
	}
	return nil, fmt.Errorf("%w: an answer of kind %02x to command %02x", hal.ErrUnsupported, f.kind, command)
}
