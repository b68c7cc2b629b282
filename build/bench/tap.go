package bench

import (
	"context"
	"fmt"
	"net/http"
	"slices"
)

// Antenna is the cardholder at a contactless reader, who taps as people do: when
// the reader asks for a card, and until it has read it.
type Antenna interface {
	// Tap takes cards in hand, by any name that FindCard knows, in place of those
	// that were to be tapped before: usually one, two to be held together. They are
	// tapped once, at the reader's wish or as soon as there is one.
	Tap(cards ...string) error
	// Take takes them away at once, whatever the reader does with them.
	Take() error
	// Tapped returns the names of the cards' profiles while they are in the hand.
	Tapped() []string
}

const tapUsage = `the body must be {"card": NAME}, or {"card": NAME, "with": NAME} for two cards at once`

func (c Control) tap(r *http.Request) error {
	var body struct {
		Card string `json:"card"`
		With string `json:"with"`
	}
	if err := ReadBody(r, &body); err != nil {
		return err
	}
	if body.Card == "" {
		return Usagef(tapUsage)
	}
	names := []string{body.Card}
	if body.With != "" {
		names = append(names, body.With)
	}
	for i, name := range names {
		profile, _ := FindCard(name)
		if c.Slot != nil && profile != "" && c.Slot.Inserted() == profile {
			return fmt.Errorf("the card %s is in the slot; take it out first: card remove", profile)
		}
		if other, _ := FindCard(names[0]); i > 0 && other == profile {
			return fmt.Errorf("there is only one card %s", profile)
		}
	}
	return c.Antenna.Tap(names...)
}

// tapped refuses a card that is in the hand which taps: there is only one of it.
func (c Control) tapped(name string) error {
	profile, ok := FindCard(name)
	if ok && c.Antenna != nil && slices.Contains(c.Antenna.Tapped(), profile) {
		return fmt.Errorf("the card %s is about to be tapped; take it away first: card take", profile)
	}
	return nil
}

// Tap taps a card, or two at once.
func (c Client) Tap(ctx context.Context, cards ...string) error {
	body := map[string]string{"card": cards[0]}
	if len(cards) > 1 {
		body["with"] = cards[1]
	}
	return c.Do(ctx, http.MethodPost, "tap", body, nil)
}

// Take takes away what is tapped, or was to be.
func (c Client) Take(ctx context.Context) error { return c.Do(ctx, http.MethodDelete, "tap", nil, nil) }
