package story_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"smartreader/build/bench"
	"smartreader/build/sandbox"
	"smartreader/build/story"
)

// dark is a bench whose platform nobody can reach.
type dark struct{ killed bool }

func (*dark) Start(context.Context) (bench.Endpoints, error) {
	return bench.Endpoints{ReaderID: "tmr_1", Public: "http://127.0.0.1:1", POS: "wss://127.0.0.1:1/"}, nil
}
func (d *dark) Kill()                                            { d.killed = true }
func (*dark) Insert(context.Context, string) error               { return nil }
func (*dark) Remove(context.Context) error                       { return nil }
func (*dark) Tap(context.Context, ...string) error               { return nil }
func (*dark) Unreachable(context.Context, bool) error            { return nil }
func (*dark) LoseNextAnswer(context.Context) error               { return nil }
func (*dark) Status(context.Context) (s sandbox.Status, e error) { return }

// The story ends at the first step that does not hold, and says which.
func TestStoryStopsAtWhatDoesNotHold(t *testing.T) {
	var live strings.Builder
	teller := story.NewTeller(&live)
	err := story.Outage(t.Context(), &dark{}, teller.Tell)
	if err == nil || !strings.HasPrefix(err.Error(), "connect: ") {
		t.Fatalf("got %v, want the step that failed", err)
	}
	if strings.Count(live.String(), "· ") != 2 {
		t.Errorf("told live:\n%s", &live)
	}
	var table, machine strings.Builder
	if err := errors.Join(teller.WriteTable(&table), teller.WriteJSON(&machine, "outage", false)); err != nil {
		t.Fatal(err)
	}
	var told struct {
		Held  bool
		Steps []story.Step
	}
	if err := json.Unmarshal([]byte(machine.String()), &told); err != nil || told.Held || len(told.Steps) != 2 || !told.Steps[0].OK || told.Steps[1].OK {
		t.Errorf("%v: %s", err, &machine)
	}
	if !strings.Contains(table.String(), "NO\n") {
		t.Errorf("the table:\n%s", &table)
	}
}
