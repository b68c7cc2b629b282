package simulation

import (
	"context"
	"errors"
	"sync"

	"smartreader/build/bench"
	"smartreader/hal"
	"smartreader/hal/sim"
)

// Slot is the tray with a cardholder who always has the simulated card at
// hand: it is put in when the reader asks for a card and there is none, and
// taken out when the reader asks for that. Cards that others put in are left
// alone. Without a simulated card it is the tray.
type Slot struct {
	*sim.Tray
	cards *bench.Cards

	mu      sync.Mutex
	card    string // the simulated card's profile; empty: none
	put     string // the card this cardholder put in; empty: none
	waiting int    // how many wait for a card
}

var _ hal.ContactReader = (*Slot)(nil)

// SetCard changes the simulated card; an empty name is none. A reader that
// waits for a card gets it at once.
func (s *Slot) SetCard(profile string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.card = profile
	if s.waiting == 0 {
		return nil
	}
	return s.present()
}

// Activate implements hal.ContactReader.
func (s *Slot) Activate(ctx context.Context) (hal.Card, error) {
	if err := s.wait(); err != nil {
		return nil, err
	}
	defer s.waited()
	return s.Tray.Activate(ctx)
}

func (s *Slot) wait() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.present(); err != nil {
		return err
	}
	s.waiting++
	return nil
}

func (s *Slot) waited() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting--
}

// present puts the simulated card in if there is one and the slot is empty.
// The caller holds mu.
func (s *Slot) present() error {
	if s.card == "" || s.Inserted() != "" {
		return nil
	}
	err := s.cards.Insert(s.card, s.Tray)
	if errors.Is(err, sim.ErrOccupied) {
		return nil // somebody was faster: theirs is the card
	}
	if err == nil {
		s.put = s.card
	}
	return err
}

// WaitRemoval implements hal.ContactReader.
func (s *Slot) WaitRemoval(ctx context.Context) error {
	if err := s.take(); err != nil {
		return err
	}
	return s.Tray.WaitRemoval(ctx)
}

// take removes the card if this cardholder put it in.
func (s *Slot) take() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	put := s.put
	s.put = ""
	if put == "" || s.Inserted() != put {
		return nil
	}
	if err := s.Remove(); !errors.Is(err, sim.ErrEmpty) {
		return err
	}
	return nil
}
