package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"smartreader/build/bench"
	"smartreader/hal/pn532/pn532test"
)

// tapper is the hand that taps as people do: cards are held to the antenna once its
// field is on, and taken away when the reader is done with them. It goes by the
// chip's field and by what the cards were asked, as a person goes by lights and
// tones.
type tapper struct {
	field *pn532test.Emulator
	cards *bench.Cards

	mu     sync.Mutex
	inHand []string           // profiles; empty: nothing is tapped
	stop   context.CancelFunc // ends the tap under way
	done   chan struct{}      // closed when it has ended
}

var _ bench.Antenna = (*tapper)(nil)

// How a tap goes. A reader that looks for the last customer's card first takes a new
// one for it: who is not served takes the card away and comes again. One that says
// nothing more, and leaves its field on, waits for the card to be taken away.
const (
	look     = 5 * time.Millisecond
	unserved = 2 * time.Second
	quiet    = 10 * time.Second // much longer than an emulated reader thinks between two commands
	apart    = 300 * time.Millisecond
	pair     = time.Second // how long two cards are held together
)

// Tap implements bench.Antenna.
func (t *tapper) Tap(names ...string) error {
	held, profiles, err := faces(t.cards, names)
	if err != nil {
		return err
	}
	t.end()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	t.mu.Lock()
	t.inHand, t.stop, t.done = profiles, stop, done
	t.mu.Unlock()
	go func() {
		defer close(done)
		t.tap(ctx, held)
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.done == done {
			t.inHand, t.stop, t.done = nil, nil, nil
		}
	}()
	return nil
}

// Take implements bench.Antenna.
func (t *tapper) Take() error {
	if len(t.Tapped()) == 0 {
		return errors.New("no card is tapped")
	}
	t.end()
	return nil
}

// Tapped implements bench.Antenna.
func (t *tapper) Tapped() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.inHand)
}

// end takes away what is tapped, and waits until it is.
func (t *tapper) end() {
	t.mu.Lock()
	stop, done := t.stop, t.done
	t.inHand, t.stop, t.done = nil, nil, nil
	t.mu.Unlock()
	if stop != nil {
		stop()
		<-done
	}
}

// tap holds the cards to the antenna until they were read or ctx ends.
func (t *tapper) tap(ctx context.Context, cards []pn532test.Card) {
	defer t.field.Take()
	for {
		if !await(ctx, 0, t.field.FieldOn) {
			return
		}
		asked := t.field.Exchanges()
		for _, c := range cards {
			if err := t.field.Tap(c); err != nil {
				panic(err) // the cards are made above
			}
		}
		if len(cards) > 1 {
			await(ctx, pair, func() bool { return false })
			return
		}
		served := await(ctx, unserved, func() bool { return t.field.Exchanges() > asked })
		if served {
			for more := true; more && t.field.FieldOn(); {
				asked = t.field.Exchanges()
				more = await(ctx, quiet, func() bool { return !t.field.FieldOn() || t.field.Exchanges() > asked })
			}
			return
		}
		t.field.Take()
		if ctx.Err() != nil {
			return
		}
		await(ctx, apart, func() bool { return false })
	}
}

// await looks again and again whether ok, for no longer than limit (0: for ever).
func await(ctx context.Context, limit time.Duration, ok func() bool) bool {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	again := time.NewTicker(look)
	defer again.Stop()
	for !ok() {
		select {
		case <-again.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// faces are what cards show to a contactless reader, and the names of their profiles.
func faces(cards *bench.Cards, names []string) (held []pn532test.Card, profiles []string, err error) {
	for i, name := range names {
		profile, chip, err := cards.Tap(name)
		if err != nil {
			return nil, nil, err
		}
		card := pn532test.TypeA(chip)
		card.UID, card.ATS = slices.Clone(card.UID), chip.ATR()
		card.UID[3] += byte(i)
		held, profiles = append(held, card), append(profiles, profile)
	}
	return held, profiles, nil
}

// hold holds cards to the contactless reader until they are taken, in place of any
// other.
func (r *rig) hold(names ...string) error {
	held, profiles, err := faces(r.cards, names)
	if err != nil {
		return err
	}
	if in := r.slot.Inserted(); slices.Contains(profiles, in) {
		return fmt.Errorf("the card %q is in the slot; there is only one", in)
	}
	r.field.Take()
	for _, card := range held {
		if err := r.field.Tap(card); err != nil {
			return err
		}
	}
	return nil
}
