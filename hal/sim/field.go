package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"smartreader/hal"
)

// Field is the antenna of a contactless reader, and the hand that holds cards
// to it. It is safe for concurrent use. Cards may have no ATR. What Activate
// returns implements hal.TimedCard if the card is a [TimedChip], and not
// otherwise.
type Field struct {
	tray *Tray // of the first card: power in a slot is power in a field

	mu     sync.Mutex
	beside []held // cards beside the first, in the order they came
}

// held is a card in the field.
type held struct {
	name string
	chip Chip
}

var _ hal.ContactlessReader = (*Field)(nil)

func newField() *Field {
	f := &Field{tray: newTray()}
	f.tray.air = true
	return f
}

// Tap holds a card to the antenna, also a second one beside the first: the next
// Activate is then a collision. The name is for people, and for TakeOne.
func (f *Field) Tap(name string, chip Chip) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.tray.Insert(name, chip)
	if errors.Is(err, ErrOccupied) {
		f.beside = append(f.beside, held{name, chip})
		return nil
	}
	return err
}

// Take takes all cards away, in the middle of an exchange if there is one; that
// exchange then fails with hal.ErrCardRemoved.
func (f *Field) Take() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.beside = nil
	return f.tray.Remove()
}

// TakeOne takes one card away, as Take does, and leaves the others. It returns
// ErrEmpty when there is none of that name.
func (f *Field) TakeOne(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if i := slices.IndexFunc(f.beside, func(h held) bool { return h.name == name }); i >= 0 {
		f.beside = slices.Delete(f.beside, i, i+1)
		return nil
	}
	if f.tray.Inserted() != name {
		return fmt.Errorf("%w named %s", ErrEmpty, name)
	}
	if len(f.beside) == 0 {
		return f.tray.Remove()
	}
	f.tray.replace(f.beside[0].name, f.beside[0].chip)
	f.beside = slices.Delete(f.beside, 0, 1)
	return nil
}

// Held returns the names of the cards in the field, in the order they came.
func (f *Field) Held() (names []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if first := f.tray.Inserted(); first != "" {
		names = append(names, first)
	}
	for _, h := range f.beside {
		names = append(names, h.name)
	}
	return names
}

// Activate implements hal.ContactlessReader.
func (f *Field) Activate(ctx context.Context) (hal.Card, error) {
	s, err := f.tray.activate(ctx)
	if err == nil && f.crowded() {
		err = fmt.Errorf("sim: activate: %w", hal.ErrCollision)
	}
	if err != nil {
		f.tray.powerDown()
		return nil, err
	}
	if _, ok := s.card.chip.(TimedChip); ok {
		return &timedSession{s}, nil
	}
	return s, nil
}

func (f *Field) crowded() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.beside) > 0
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
