package story

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"smartreader/build/bench"
	"smartreader/build/sandbox"
)

// Bench is a reader with its payments platform, and the hands that a story
// needs. The story calls it from one goroutine.
type Bench interface {
	// Start switches the reader on and returns when it is ready. After a Kill
	// everything is where it was.
	Start(ctx context.Context) (bench.Endpoints, error)
	// Kill cuts the reader's power.
	Kill()

	Hand
	// Unreachable cuts the internet of reader and shop, or restores it.
	Unreachable(ctx context.Context, on bool) error
	// LoseNextAnswer has the platform decide the next payment and lose the answer.
	LoseNextAnswer(ctx context.Context) error
	Status(ctx context.Context) (sandbox.Status, error)
}

// Step is one line of a story's table.
type Step struct {
	Step string `json:"step"`
	Got  string `json:"got"`
	OK   bool   `json:"ok"`
}

// Teller writes a story down while it is played.
type Teller struct {
	live  io.Writer // each step as it happens; nil: silent
	steps []Step
}

// NewTeller tells each step to live as it happens, unless that is nil.
func NewTeller(live io.Writer) *Teller { return &Teller{live: live} }

// Tell adds a step.
func (t *Teller) Tell(s Step) {
	t.steps = append(t.steps, s)
	if t.live != nil {
		fmt.Fprintf(t.live, "· %s: %s\n", s.Step, s.Got)
	}
}

// WriteJSON writes the whole story for machines.
func (t *Teller) WriteJSON(w io.Writer, name string, held bool) error {
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	return out.Encode(map[string]any{"story": name, "held": held, "steps": t.steps})
}

// WriteTable writes it for people.
func (t *Teller) WriteTable(to io.Writer) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nSTEP\tWHAT HAPPENED\tHELD")
	for _, s := range t.steps {
		held := "yes"
		if !s.OK {
			held = "NO"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", s.Step, s.Got, held)
	}
	return w.Flush()
}
