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
	quiet    = 10 * time.Second       // much longer than an emulated reader thinks between two commands
	apart    = 300 * time.Millisecond // the first time; twice as long each time after, for slow machines

	// Two cards are asked nothing, and nothing tells whether a reader that found them
	// was after a card to read or after the last customer's. So they come to one that
	// asks: with nobody at the antenna it looks on and on, while a look for the last
	// customer's card is over after a few rounds, and the field stays off.
	asks = 1500 * time.Millisecond
	dark = 300 * time.Millisecond // more than the field is off between two rounds
	pair = time.Second            // how long two cards are held together
)

// Tap implements bench.Antenna.
func (t *tapper) Tap(names ...string) error { return t.hand(0, names, t.tap) }

// Hold implements bench.Antenna.
func (t *tapper) Hold(longer time.Duration, names ...string) error {
	return t.hand(longer, names, t.leave)
}

// hand takes cards in hand and does something with them, until that has an end.
func (t *tapper) hand(longer time.Duration, names []string, do func(context.Context, []pn532test.Card)) error {
	held, profiles, err := faces(t.cards, names)
	if err != nil {
		return err
	}
	for i := range held {
		held[i].Chip = bench.Slowly(held[i].Chip, longer)
	}
	t.end()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	t.mu.Lock()
	t.inHand, t.stop, t.done = profiles, stop, done
	t.mu.Unlock()
	go func() {
		defer close(done)
		do(ctx, held)
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
	again := false
	for away := apart; ; {
		if !await(ctx, 0, t.field.FieldOn) {
			return
		}
		if len(cards) > 1 && !t.asking(ctx) {
			if ctx.Err() != nil {
				return
			}
			continue
		}
		asked := t.field.Exchanges()
		t.show(cards)
		if len(cards) > 1 {
			await(ctx, pair, func() bool { return false })
			return
		}
		served := await(ctx, unserved, func() bool { return t.field.Exchanges() > asked })
		if served {
			more := true
			for more && t.field.FieldOn() {
				asked = t.field.Exchanges()
				more = await(ctx, quiet, func() bool { return !t.field.FieldOn() || t.field.Exchanges() > asked })
			}
			if more || again {
				return
			}
			// An answer may have got lost on the way: a reader that asks again soon gets the card once more.
			t.field.Take()
			await(ctx, apart, func() bool { return false })
			if again = await(ctx, unserved, t.field.FieldOn); !again {
				return
			}
			continue
		}
		t.field.Take()
		if ctx.Err() != nil {
			return
		}
		await(ctx, away, func() bool { return false })
		away *= 2
	}
}

// leave lays the cards on the antenna until ctx ends.
func (t *tapper) leave(ctx context.Context, cards []pn532test.Card) {
	defer t.field.Take()
	t.show(cards)
	<-ctx.Done()
}

// show holds the cards to the antenna.
func (t *tapper) show(cards []pn532test.Card) {
	for _, c := range cards {
		if err := t.field.Tap(c); err != nil {
			panic(err) // they are made in faces
		}
	}
}

// asking reports whether the reader asks for a card: it looks for one longer than it
// takes to see that nobody is at the antenna. If ctx ends it does not.
func (t *tapper) asking(ctx context.Context) bool {
	begun := time.Now()
	lit := begun
	gaveUp := func() bool { return time.Since(lit) > dark }
	return await(ctx, 0, func() bool {
		if t.field.FieldOn() {
			lit = time.Now()
		}
		return gaveUp() || time.Since(begun) > asks
	}) && !gaveUp()
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
