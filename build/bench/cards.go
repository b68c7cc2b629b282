package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"

	"smartreader/emvkernel/emvtest"
	"smartreader/hal/sim"
)

// Slot is where a card can be put; sim.Tray is one. Insert fails with an error
// that matches sim.ErrOccupied, Remove with one that matches sim.ErrEmpty.
type Slot interface {
	Insert(name string, chip sim.Chip) error
	Remove() error
	Inserted() string // the card's name, empty without one
}

// Cards are the software cards and what each remembers: its transaction
// counter must go on after a restart, or the issuer would see a copied card.
// Its methods may be called concurrently.
type Cards struct {
	file string

	mu     sync.Mutex
	states map[string]*emvtest.State
	tapped *emvtest.Card // the card that was tapped last; nil: it was used otherwise since
	name   string        // its profile
}

// OpenCards reads the cards' memory; a missing file means new cards.
func OpenCards(file string) (*Cards, error) {
	c := &Cards{file: file, states: map[string]*emvtest.State{}}
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

// Card returns a card as it was left, by its profile's name. It writes down
// what it must remember before it answers.
func (c *Cards) Card(name string) (*emvtest.Card, error) {
	if !slices.Contains(emvtest.Profiles(), name) {
		return nil, noSuchCard(name)
	}
	profile, err := emvtest.Load(name)
	if err != nil {
		return nil, err
	}
	state, err := c.memory(name)
	if err != nil {
		return nil, err
	}
	card := emvtest.NewCard(profile, state)
	card.Keep(func(s emvtest.State) error { return c.keep(name, s) })
	return card, nil
}

// memory returns a copy of what a card remembers: the card will own it.
func (c *Cards) memory(name string) (*emvtest.State, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.name == name { // from now on another one remembers
		c.tapped, c.name = nil, ""
	}
	state := &emvtest.State{}
	kept, ok := c.states[name]
	if !ok {
		return state, nil
	}
	data, err := json.Marshal(kept)
	if err != nil {
		return nil, err
	}
	return state, json.Unmarshal(data, state)
}

// Insert puts a card into a slot, by any name that FindCard knows. The slot is
// told the name of its profile.
func (c *Cards) Insert(name string, into Slot) error {
	profile, ok := FindCard(name)
	if !ok {
		return noSuchCard(name)
	}
	if err := Insertable(profile); err != nil {
		return err
	}
	card, err := c.Card(profile)
	if err != nil {
		return err
	}
	err = into.Insert(profile, card)
	if errors.Is(err, sim.ErrOccupied) {
		err = fmt.Errorf("%w; take it out first: card remove", err)
	}
	return err
}

// Tap returns the face that a card shows to a contactless reader, by any name that
// FindCard knows, and the name of its profile. A card that is tapped again is the
// same as before: one that was torn off the field in the middle knows of it.
func (c *Cards) Tap(name string) (profile string, face *emvtest.TapCard, err error) {
	profile, ok := FindCard(name)
	if !ok {
		return "", nil, noSuchCard(name)
	}
	c.mu.Lock()
	card := c.tapped
	same := c.name == profile
	c.mu.Unlock()
	if !same {
		if card, err = c.Card(profile); err != nil {
			return "", nil, err
		}
		c.mu.Lock()
		c.tapped, c.name = card, profile
		c.mu.Unlock()
	}
	return profile, card.Contactless(), nil
}

func noSuchCard(name string) error {
	return fmt.Errorf("there is no card %s; see: card list", MaskCard(name))
}

// Reset gives a card all of its PIN tries back, as its issuer would; a phone is
// locked again, and a tap that was torn is forgotten, and will be torn again where the
// card's profile has that. The counters go on. The slot must not have the card, which
// would remember better.
func (c *Cards) Reset(name string, slot Slot) error {
	profile, ok := FindCard(name)
	if !ok {
		return noSuchCard(name)
	}
	if slot.Inserted() == profile {
		return errors.New("the card is in the slot; take it out first: card remove")
	}
	state, err := c.memory(profile)
	if err != nil {
		return err
	}
	for aid, application := range state.Applications {
		application.PINFailures, application.Unlocked = 0, false
		application.Torn, application.Update = "", ""
		state.Applications[aid] = application
	}
	return c.keep(profile, *state)
}

// keep writes the file whole, so that a kill leaves the old or the new.
func (c *Cards) keep(name string, state emvtest.State) error {
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
