package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"

	"smartreader/emvkernel/emvtest"
	"smartreader/hal"
	"smartreader/hal/sim"
)

// cards are the software cards and what each remembers: its transaction
// counter must go on after a restart, or the issuer would see a copied card.
type cards struct {
	file string
	tray *sim.Tray

	mu     sync.Mutex
	states map[string]*emvtest.State
}

func openCards(file string, tray *sim.Tray) (*cards, error) {
	c := &cards{file: file, tray: tray, states: map[string]*emvtest.State{}}
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the cards' memory: %w", err)
	}
	if err := json.Unmarshal(data, &c.states); err != nil {
		return nil, fmt.Errorf("the cards' memory %s is damaged: %w; remove the file to start with new cards", file, err)
	}
	return c, nil
}

func (c *cards) known(name string) bool { return slices.Contains(emvtest.Profiles(), name) }

func (c *cards) insert(name string) error {
	if !c.known(name) {
		return fmt.Errorf("there is no card %q; see: simulator card list", name)
	}
	profile, err := emvtest.Load(name)
	if err != nil {
		return err
	}
	c.mu.Lock()
	state := &emvtest.State{}
	if kept, ok := c.states[name]; ok {
		state = kept
	}
	c.mu.Unlock()
	card := emvtest.NewCard(profile, state)
	card.Keep(func(s emvtest.State) error { return c.keep(name, s) })
	return c.tray.Insert(name, card)
}

func (c *cards) remove() error { return c.tray.Remove() }

// keep writes what the card remembers, before the card answers. The file is
// replaced whole, so that a kill leaves the old or the new.
func (c *cards) keep(name string, state emvtest.State) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.states[name] = &state
	data, err := json.MarshalIndent(c.states, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.file+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(c.file+".new", c.file)
}

// autoSlot is the tray with a cardholder who always has the same card at hand.
type autoSlot struct {
	*sim.Tray
	cards *cards
	name  string
}

func (a *autoSlot) Activate(ctx context.Context) (hal.Card, error) {
	if a.Inserted() == "" {
		if err := a.cards.insert(a.name); err != nil && !errors.Is(err, sim.ErrOccupied) {
			return nil, err
		}
	}
	return a.Tray.Activate(ctx)
}

func (a *autoSlot) WaitRemoval(ctx context.Context) error {
	if err := a.Remove(); err != nil && !errors.Is(err, sim.ErrEmpty) {
		return err
	}
	return a.Tray.WaitRemoval(ctx)
}
