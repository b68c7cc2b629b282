package sim

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"smartreader/hal"
)

// Chip is a card without its transport: it answers command APDUs. The tray
// calls it from one goroutine at a time.
type Chip interface {
	ATR() []byte
	// Exchange answers one command APDU. It must return when ctx ends, which
	// it does when the card is pulled out too.
	Exchange(ctx context.Context, command []byte) (response []byte, err error)
	// Reset puts the chip in its state after power on.
	Reset()
}

var (
	// ErrOccupied is returned by Insert when there is a card in the slot.
	ErrOccupied = errors.New("sim: there is a card in the slot")
	// ErrEmpty is returned by Remove when there is no card in the slot.
	ErrEmpty = errors.New("sim: there is no card in the slot")
)

// Tray is a chip card slot, and the hand that puts cards in. It implements
// hal.ContactReader; like the slot of a real reader it is there for one
// customer at a time, but all its methods are safe for concurrent use.
type Tray struct {
	air bool // it is the middle of a field: cards need no answer to reset

	// turn is held while a chip works, so that a chip is never asked two
	// things at once even when it is pulled out and put in again meanwhile.
	turn chan struct{}

	mu      sync.Mutex
	card    *insertion    // nil: slot empty
	halted  bool          // the board was closed
	changed chan struct{} // closed and renewed when card or halted change
}

// insertion is one stay of a card in the slot.
type insertion struct {
	name   string
	chip   Chip
	gone   context.Context // ends when the card is removed or the tray halts
	end    context.CancelCauseFunc
	active *session // the powered session, nil: no power
}

var _ hal.ContactReader = (*Tray)(nil)

func newTray() *Tray {
	return &Tray{turn: make(chan struct{}, 1), changed: make(chan struct{})}
}

// Insert puts a card in the slot. The name is for people: Inserted returns it.
func (t *Tray) Insert(name string, chip Chip) error {
	if chip == nil {
		return errors.New("sim: insert: no chip")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.halted:
		return fmt.Errorf("sim: insert: %w", hal.ErrHalted)
	case t.card != nil:
		return fmt.Errorf("%w: %s", ErrOccupied, t.card.name)
	}
	t.put(name, chip)
	return nil
}

// put puts a card in the empty slot. The caller holds mu.
func (t *Tray) put(name string, chip Chip) {
	gone, end := context.WithCancelCause(context.Background())
	t.card = &insertion{name: name, chip: chip, gone: gone, end: end}
	t.announce()
}

// Remove takes the card out, in the middle of an exchange if there is one;
// that exchange then fails with hal.ErrCardRemoved.
func (t *Tray) Remove() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.card == nil {
		return ErrEmpty
	}
	t.card.end(hal.ErrCardRemoved)
	t.card = nil
	t.announce()
	return nil
}

// replace puts another card in the place of the one in the slot, if there is one:
// nobody sees the slot empty between the two.
func (t *Tray) replace(name string, chip Chip) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.card == nil {
		return
	}
	t.card.end(hal.ErrCardRemoved)
	t.put(name, chip)
}

// Inserted returns the name of the card in the slot, "" when it is empty.
func (t *Tray) Inserted() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.card == nil {
		return ""
	}
	return t.card.name
}

// Activate implements hal.ContactReader. Every activation resets the chip.
func (t *Tray) Activate(ctx context.Context) (hal.Card, error) {
	s, err := t.activate(ctx)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (t *Tray) activate(ctx context.Context) (*session, error) {
	for {
		card, err := t.waitFor(ctx, func(card *insertion) bool { return card != nil })
		if err != nil {
			return nil, fmt.Errorf("sim: activate: %w", err)
		}
		powered, err := t.power(ctx, card)
		if errors.Is(err, hal.ErrCardRemoved) {
			continue // taken out while powering up: wait for the next one
		}
		if err != nil {
			return nil, fmt.Errorf("sim: activate: %w", err)
		}
		return powered, nil
	}
}

// WaitRemoval implements hal.ContactReader.
func (t *Tray) WaitRemoval(ctx context.Context) error {
	if _, err := t.waitFor(ctx, func(card *insertion) bool { return card == nil }); err != nil {
		return fmt.Errorf("sim: wait for removal: %w", err)
	}
	return nil
}

// Present implements hal.ContactReader.
func (t *Tray) Present(ctx context.Context) (bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return false, fmt.Errorf("sim: present: %w", err)
	}
	if t.halted {
		return false, fmt.Errorf("sim: present: %w", hal.ErrHalted)
	}
	return t.card != nil, nil
}

// waitFor returns the content of the slot as soon as it is as wanted.
func (t *Tray) waitFor(ctx context.Context, wanted func(*insertion) bool) (*insertion, error) {
	for {
		t.mu.Lock()
		card, halted, changed := t.card, t.halted, t.changed
		t.mu.Unlock()
		switch {
		case halted:
			return nil, hal.ErrHalted
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case wanted(card):
			return card, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// power resets the chip and makes it the card in use.
func (t *Tray) power(ctx context.Context, card *insertion) (*session, error) {
	if err := t.take(ctx, card); err != nil {
		return nil, err
	}
	defer t.release()
	card.chip.Reset()
	atr := card.chip.ATR()
	if len(atr) == 0 && !t.air {
		return nil, hal.ErrMute
	}
	s := &session{tray: t, card: card, atr: atr}
	t.mu.Lock()
	defer t.mu.Unlock()
	card.active = s
	return s, nil
}

// take waits until no chip is at work, and checks that the card is still in.
func (t *Tray) take(ctx context.Context, card *insertion) error {
	select {
	case t.turn <- struct{}{}:
	case <-card.gone.Done():
		return context.Cause(card.gone)
	case <-ctx.Done():
		return ctx.Err()
	}
	err := ctx.Err()
	if card.gone.Err() != nil {
		err = context.Cause(card.gone)
	}
	if err != nil {
		t.release()
	}
	return err
}

func (t *Tray) release() { <-t.turn }

// announce wakes all who wait for a change. The caller holds mu.
func (t *Tray) announce() {
	close(t.changed)
	t.changed = make(chan struct{})
}

// powerDown takes the power from the card, if there is one. It returns false
// when the tray was halted.
func (t *Tray) powerDown() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.card != nil {
		t.card.active = nil
	}
	return !t.halted
}

func (t *Tray) halt() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.halted {
		return
	}
	t.halted = true
	if t.card != nil {
		t.card.end(hal.ErrHalted)
	}
	t.announce()
}
