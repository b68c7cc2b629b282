package bench

import "time"

// Signals are what a reader's lights and beeper tell people.
type Signals struct {
	Lights []int    `json:"lights"` // lit now, of 1 to 4
	Last   []Signal `json:"last"`   // the last of them, oldest first
}

// Signal is a change of the lights, or a tone.
type Signal struct {
	At     time.Time `json:"at"`
	Lights []int     `json:"lights"`         // lit from then on, of 1 to 4
	Tone   string    `json:"tone,omitempty"` // success, alert, remove, key; empty: only the lights changed
}
