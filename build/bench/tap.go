package bench

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// Antenna is the cardholder at a contactless reader, who taps as people do: when
// the reader asks for a card, and until it has read it.
type Antenna interface {
	// Tap takes cards in hand, by any name that FindCard knows, in place of those
	// that were to be tapped before: usually one, two to be held together. They are
	// tapped once, at the reader's wish or as soon as there is one.
	Tap(cards ...string) error
	// Hold lays cards on the antenna, in place of those that were tapped before or to
	// be, until they are taken: a reader may find them there before it asks, and long
	// after it has read them. Each command takes them that much longer, no more than
	// MostSlow.
	Hold(longer time.Duration, cards ...string) error
	// Take takes them away at once, whatever the reader does with them.
	Take() error
	// Tapped returns the names of the cards' profiles while they are in the hand.
	Tapped() []string
}

// MostSlow is the most that a card may take longer for a command: contactless readers
// give up on one that takes 10 s.
const MostSlow = 5 * time.Second

const tapUsage = `the body must be {"card": NAME}, or {"card": NAME, "with": NAME} for two cards at once; "hold": true leaves them there`

func (c Control) tap(r *http.Request) error {
	var body struct {
		Card string `json:"card"`
		With string `json:"with"`
		Hold bool   `json:"hold"`
		Slow int64  `json:"slowMs"`
	}
	if err := ReadBody(r, &body); err != nil {
		return err
	}
	if body.Card == "" {
		return Usagef(tapUsage)
	}
	if body.Slow < 0 || body.Slow > MostSlow.Milliseconds() {
		return Usagef("slowMs is not 0 to %d", MostSlow.Milliseconds())
	}
	if body.Slow > 0 && !body.Hold {
		return Usagef(`slowMs is for a card that is held; add "hold": true`)
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
	if body.Hold {
		return c.Antenna.Hold(time.Duration(body.Slow)*time.Millisecond, names...)
	}
	return c.Antenna.Tap(names...)
}

// tapped refuses a card that is in the hand which taps: there is only one of it.
func (c Control) tapped(name string) error {
	profile, ok := FindCard(name)
	if ok && c.Antenna != nil && slices.Contains(c.Antenna.Tapped(), profile) {
		return fmt.Errorf("the card %s is at the antenna, or about to be tapped; take it away first: card take", profile)
	}
	return nil
}

// Tap taps a card, or two at once.
func (c Client) Tap(ctx context.Context, cards ...string) error {
	return c.Do(ctx, http.MethodPost, "tap", tapBody(cards), nil)
}

// Hold lays a card on the antenna, or two, until Take; each command takes it that
// much longer.
func (c Client) Hold(ctx context.Context, longer time.Duration, cards ...string) error {
	body := tapBody(cards)
	body["hold"] = true
	if longer > 0 {
		body["slowMs"] = longer.Milliseconds()
	}
	return c.Do(ctx, http.MethodPost, "tap", body, nil)
}

func tapBody(cards []string) map[string]any {
	body := map[string]any{"card": cards[0]}
	if len(cards) > 1 {
		body["with"] = cards[1]
	}
	return body
}

// parseHold reads what follows card hold: one card or two, and how much longer they
// take for a command.
func parseHold(args []string) (longer time.Duration, cards []string, err error) {
	if n := len(args); n > 1 {
		if d, timed := time.ParseDuration(args[n-1]); timed == nil {
			if d < 0 || d > MostSlow {
				return 0, nil, Usagef("card hold: %s is not 0s to %v", args[n-1], MostSlow)
			}
			longer, args = d, args[:n-1]
		}
	}
	if len(args) > 2 {
		return 0, nil, Usagef("card hold: one card or two, and a time such as 2s, got %q", args)
	}
	return longer, args, nil
}

// Take takes away what is tapped, or was to be.
func (c Client) Take(ctx context.Context) error { return c.Do(ctx, http.MethodDelete, "tap", nil, nil) }
