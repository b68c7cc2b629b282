package sim

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"smartreader/hal"
)

// Field is the antenna of a contactless reader, and the hand that holds cards
// to it. It is safe for concurrent use.
type Field struct {
	tray *Tray // of the first card: power in a slot is power in a field

	mu      sync.Mutex
	crowded bool // there is a second card
}

var _ hal.ContactlessReader = (*Field)(nil)

func newField() *Field { return &Field{tray: newTray()} }

// Tap holds a card to the antenna, also a second one beside the first: the next
// Activate is then a collision.
func (f *Field) Tap(name string, chip Chip) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.tray.Insert(name, chip)
	if errors.Is(err, ErrOccupied) {
		f.crowded = true
		return nil
	}
	return err
}

// Take takes all cards away, in the middle of an exchange if there is one; that
// exchange then fails with hal.ErrCardRemoved.
func (f *Field) Take() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.crowded = false
	return f.tray.Remove()
}

// Activate implements hal.ContactlessReader.
func (f *Field) Activate(ctx context.Context) (hal.Card, error) {
	card, err := f.tray.Activate(ctx)
	if err != nil {
		f.tray.powerDown()
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.crowded {
		f.tray.powerDown()
		return nil, fmt.Errorf("sim: activate: %w", hal.ErrCollision)
	}
	return card, nil
}

// WaitRemoval implements hal.ContactlessReader.
func (f *Field) WaitRemoval(ctx context.Context) error { return f.tray.WaitRemoval(ctx) }

// FieldOff implements hal.ContactlessReader.
func (f *Field) FieldOff() error {
	if !f.tray.powerDown() {
		return fmt.Errorf("sim: field off: %w", hal.ErrHalted)
	}
	return nil
}

func (f *Field) halt() { f.tray.halt() }
