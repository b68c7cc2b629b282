package emvtest

import (
	"fmt"
	"maps"
)

// State is what a card remembers without power. It marshals to JSON; the zero value is a card fresh
// from the personaliser. A State given to NewCard belongs to that card: read it through Card.State.
type State struct {
	// Seed and Draws make the card's "random" numbers: the same seed and the same commands give the same
	// bytes on every run. An empty seed is the profile's name.
	Seed  string `json:"seed,omitempty"`
	Draws uint64 `json:"draws"`
	// Applications holds the counters of each application by its AID in upper-case hexadecimal.
	Applications map[string]ApplicationState `json:"applications,omitempty"`
}

// ApplicationState is the memory of one application.
type ApplicationState struct {
	ATC           uint16 `json:"atc"`           // '9F36' of the last transaction
	LastOnlineATC uint16 `json:"lastOnlineATC"` // '9F13'
	// PINFailures counts the wrong PINs since the last right one.
	PINFailures byte `json:"pinFailures,omitempty"`
	// OnlinePending: an ARQC was given and the transaction never completed.
	OnlinePending bool `json:"onlinePending,omitempty"`
	// IssuerFailed: the last issuer answer did not verify.
	IssuerFailed bool `json:"issuerFailed,omitempty"`
	// Unlocked: the consumer unlocked the device for the tap to come.
	Unlocked bool `json:"unlocked,omitempty"`
	// Update is the cryptogram, in hexadecimal, to which a tap brings the issuer's answer.
	Update string `json:"update,omitempty"`
	// Torn is what RECOVER AC gives back: the last unpredictable number and the answer to the last GENERATE
	// AC by tap, in hexadecimal.
	Torn string `json:"torn,omitempty"`
}

func (s *State) clone() State {
	c := *s
	c.Applications = maps.Clone(s.Applications)
	return c
}

// draw returns the next n unpredictable bytes of the card.
func (s *State) draw(profile string, n int) []byte {
	seed := s.Seed
	if seed == "" {
		seed = profile
	}
	s.Draws++
	return stream(fmt.Sprintf("card/%s/%d", seed, s.Draws), n)
}

func (s *State) equal(other *State) bool {
	return s.Seed == other.Seed && s.Draws == other.Draws && maps.Equal(s.Applications, other.Applications)
}
