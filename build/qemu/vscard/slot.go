package vscard

import (
	"errors"
	"fmt"
	"sync"

	"smartreader/hal/sim"
)

// Slot is a chip card slot whose reader is in QEMU, and the hand that puts
// cards in. A card stays in while QEMU ends and starts again, as a card in a
// real reader does over a power cut. Its methods may be called concurrently.
type Slot struct {
	mu      sync.Mutex
	card    *insertion    // nil: empty
	changed chan struct{} // closed and renewed when card changes
}

// insertion is one stay of a card in the slot.
type insertion struct {
	name string
	chip sim.Chip
}

// NewSlot returns an empty slot.
func NewSlot() *Slot { return &Slot{changed: make(chan struct{})} }

// Insert puts a card in. The name is for people. It returns sim.ErrOccupied
// when there is a card in the slot.
func (s *Slot) Insert(name string, chip sim.Chip) error {
	if chip == nil {
		return errors.New("vscard: no chip")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.card != nil {
		return fmt.Errorf("%w: %s", sim.ErrOccupied, s.card.name)
	}
	s.card = &insertion{name, chip}
	s.announce()
	return nil
}

// Remove takes the card out, in the middle of an exchange if there is one. It
// returns sim.ErrEmpty when there is none.
func (s *Slot) Remove() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.card == nil {
		return sim.ErrEmpty
	}
	s.card = nil
	s.announce()
	return nil
}

// Inserted returns the name of the card in the slot, empty without one.
func (s *Slot) Inserted() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.card == nil {
		return ""
	}
	return s.card.name
}

// announce wakes Serve. s.mu is held.
func (s *Slot) announce() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *Slot) look() (*insertion, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.card, s.changed
}
