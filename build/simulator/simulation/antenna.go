package simulation

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"smartreader/build/bench"
	"smartreader/hal"
	"smartreader/hal/sim"
)

// Antenna is the field with a cardholder who taps as people do: cards are held to it
// once the reader asks for one, and taken away when the reader is done with them.
// Those that are held stay until they are taken.
type Antenna struct {
	*sim.Field
	cards *bench.Cards

	mu    sync.Mutex
	ready []ready            // in the hand, for when the reader asks
	held  []ready            // in the hand, at the antenna
	seen  bool               // the reader has seen them
	stay  bool               // they are left there
	again context.CancelFunc // makes a reader that asks ask once more; nil: it does not ask
}

// ready is a card in the hand.
type ready struct {
	name string
	chip sim.Chip
}

var (
	_ hal.ContactlessReader = (*Antenna)(nil)
	_ bench.Antenna         = (*Antenna)(nil)
)

// errNotTapped is what Take says when there is nothing to take.
var errNotTapped = errors.New("no card is tapped")

// Tap implements bench.Antenna.
func (a *Antenna) Tap(names ...string) error { return a.hand(0, false, names) }

// Hold implements bench.Antenna.
func (a *Antenna) Hold(longer time.Duration, names ...string) error {
	return a.hand(longer, true, names)
}

// hand takes cards in hand, for the reader or to leave them there.
func (a *Antenna) hand(longer time.Duration, stay bool, names []string) error {
	var hand []ready
	for _, name := range names {
		profile, chip, err := a.cards.Tap(name)
		if err != nil {
			return err
		}
		hand = append(hand, ready{profile, bench.Slowly(chip, longer)})
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.away(); err != nil {
		return err
	}
	a.ready, a.stay = hand, stay
	switch {
	case a.again != nil: // not into the field under its eyes: two cards come together
		a.again()
	case stay:
		return a.present()
	}
	return nil
}

// Take implements bench.Antenna.
func (a *Antenna) Take() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.held)+len(a.ready) == 0 {
		return errNotTapped
	}
	a.ready = nil
	return a.away()
}

// Tapped implements bench.Antenna.
func (a *Antenna) Tapped() (names []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range slices.Concat(a.held, a.ready) {
		names = append(names, r.name)
	}
	return names
}

// Activate implements hal.ContactlessReader.
func (a *Antenna) Activate(ctx context.Context) (hal.Card, error) {
	for {
		asking, again := context.WithCancel(ctx)
		err := a.ask(again)
		var card hal.Card
		if err == nil {
			card, err = a.Field.Activate(asking)
		}
		once := a.asked(ctx, err)
		again()
		if once {
			return card, err
		}
	}
}

// ask holds to the antenna what is in the hand.
func (a *Antenna) ask(again context.CancelFunc) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.again = again
	return a.present()
}

// asked reports whether the reader has its answer.
func (a *Antenna) asked(ctx context.Context, err error) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.again = nil
	if errors.Is(err, context.Canceled) {
		return ctx.Err() != nil
	}
	read := err == nil || errors.Is(err, hal.ErrCollision) || errors.Is(err, hal.ErrMute)
	a.seen = a.seen || read && len(a.held) > 0
	return true
}

// WaitRemoval implements hal.ContactlessReader.
func (a *Antenna) WaitRemoval(ctx context.Context) error {
	if err := a.done(); err != nil {
		return err
	}
	return a.Field.WaitRemoval(ctx)
}

// FieldOff implements hal.ContactlessReader.
func (a *Antenna) FieldOff() error {
	return errors.Join(a.Field.FieldOff(), a.done())
}

// done takes away what is at the antenna, when the reader has seen it. A reader that
// stopped asking just then, or looks for the last customer's card, is no reason to
// leave: the card stays in the hand, for when it asks.
func (a *Antenna) done() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stay {
		return nil
	}
	if len(a.held) > 0 && !a.seen {
		a.ready = slices.Concat(a.held, a.ready)
	}
	return a.away()
}

// present holds the cards in the hand to the antenna. The caller holds mu.
func (a *Antenna) present() error {
	for len(a.ready) > 0 {
		next := a.ready[0]
		if err := a.Field.Tap(next.name, next.chip); err != nil {
			return err
		}
		a.ready, a.held = a.ready[1:], append(a.held, next)
	}
	return nil
}

// away takes the cards from the antenna. The caller holds mu.
func (a *Antenna) away() error {
	a.stay = false
	if len(a.held) == 0 {
		return nil
	}
	a.held, a.seen = nil, false
	if err := a.Field.Take(); !errors.Is(err, sim.ErrEmpty) {
		return err
	}
	return nil
}
