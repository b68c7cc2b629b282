package main

import (
	"context"
	"errors"

	"smartreader/build/bench"
	"smartreader/hal"
	"smartreader/hal/sim"
)

// autoSlot is the tray with a cardholder who always has the same card at hand.
type autoSlot struct {
	*sim.Tray
	cards *bench.Cards
	name  string
}

func (a *autoSlot) Activate(ctx context.Context) (hal.Card, error) {
	if a.Inserted() == "" {
		if err := a.cards.Insert(a.name, a.Tray); err != nil && !errors.Is(err, sim.ErrOccupied) {
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
