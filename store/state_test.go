package store

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// The state table once more, drawn by hand: x where a step is allowed. The test
// tries every pair through Commit, so each legal edge works and each illegal
// one is refused and leaves no trace.
const drawnTable = `
              crt cng col aut sto sen unk rev app dec fwd fai exp voi res int can
new           x   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .
created       x   x   .   .   .   .   .   .   .   .   .   .   .   .   .   .   x
collecting    x   .   x   .   .   .   .   .   .   x   .   x   .   .   .   x   x
collected     x   .   x   x   x   .   .   .   .   x   .   x   .   .   .   x   x
authorizing   .   .   .   .   x   .   .   x   x   x   .   .   .   .   .   .   .
stored        .   .   .   .   .   x   .   x   .   .   .   .   .   .   x   .   .
sending       .   .   .   .   x   .   x   .   .   x   x   x   x   .   x   .   .
unknown       .   .   .   .   .   x   x   x   .   x   x   x   x   .   x   .   .
reversing     x   .   .   .   .   .   .   x   .   x   .   .   .   x   .   x   .
approved      .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .
declined      .   x   .   .   .   .   .   .   .   .   .   .   .   .   .   .   x
forwarded     .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .
failed        .   .   .   .   x   .   .   x   .   .   .   .   .   .   x   .   .
expired       .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .
voided        .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .
rescued       .   .   .   .   .   .   x   .   .   x   .   .   .   .   x   .   .
interrupted   .   x   .   .   .   .   .   .   .   .   .   .   .   .   .   .   x
canceled      .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .
`

var drawnOrder = []State{
	Created, Collecting, Collected, Authorizing, Stored, Sending, Unknown, Reversing, Approved,
	Declined, Forwarded, Failed, Expired, Voided, Rescued, Interrupted, Canceled,
}

// ways leads to each state without passing one that would change its edges.
var ways = map[State][]State{
	"":          {},
	Created:     {Created},
	Collecting:  {Created, Collecting},
	Collected:   {Created, Collecting, Collected},
	Authorizing: {Created, Collecting, Collected, Authorizing},
	Stored:      {Created, Collecting, Collected, Stored},
	Sending:     {Created, Collecting, Collected, Stored, Sending},
	Unknown:     {Created, Collecting, Collected, Stored, Sending, Unknown},
	Reversing:   {Created, Collecting, Collected, Authorizing, Reversing},
	Approved:    {Created, Collecting, Collected, Authorizing, Approved},
	Declined:    {Created, Collecting, Collected, Authorizing, Declined},
	Forwarded:   {Created, Collecting, Collected, Stored, Sending, Forwarded},
	Failed:      {Created, Collecting, Collected, Stored, Sending, Failed},
	Expired:     {Created, Collecting, Collected, Stored, Sending, Expired},
	Voided:      {Created, Collecting, Collected, Stored, Reversing, Voided},
	Rescued:     {Created, Collecting, Collected, Stored, Rescued},
	Interrupted: {Created, Collecting, Interrupted},
	Canceled:    {Created, Canceled},
}

func TestEveryEdgeOfTheStateTable(t *testing.T) {
	rows := strings.Split(strings.TrimSpace(drawnTable), "\n")[1:]
	if len(rows) != len(steps) {
		t.Fatalf("%d rows drawn, %d states", len(rows), len(steps))
	}
	n := 0
	for _, row := range rows {
		fields := strings.Fields(row)
		from := State(fields[0])
		if from == "new" {
			from = ""
		}
		for column, mark := range fields[1:] {
			next := drawnOrder[column]
			n++
			t.Run(fmt.Sprintf("%s to %s", fields[0], next), func(t *testing.T) {
				s, _ := openFresh(t)
				p := newPayment(n)
				if next != Interrupted {
					p.After = next // a reversal ends only where it said it would
				}
				if from == Reversing && p.After != Created && p.After != Declined && p.After != Voided {
					p.After = Interrupted
				}
				if from == Voided {
					p.After = Voided
				}
				p = walkWithAfter(t, s, p, ways[from])
				before, _ := s.Head()
				c := to(p, next)
				if from == "" {
					c.Payment.Index = 0
				}
				got, err := s.Commit(background, c)
				after, _ := s.Head()
				switch mark {
				case "x":
					if err != nil || got.State != next || after != before+1 {
						t.Errorf("refused: %v", err)
					}
				default:
					if !errors.Is(err, ErrTransition) || after != before {
						t.Errorf("allowed: %v, head %d after %d", err, after, before)
					}
				}
				if mark == "x" != from.Allows(next) {
					t.Errorf("Allows says %v", from.Allows(next))
				}
			})
		}
	}
}

// walkWithAfter walks a way on which After must not be lost.
func walkWithAfter(t *testing.T, s *Store, p Payment, way []State) Payment {
	t.Helper()
	end := p.After
	for _, next := range way {
		if next == Reversing {
			p.After = end
		}
		p = walkTo(t, s, p, next)
	}
	return p
}

func TestStateClasses(t *testing.T) {
	for _, s := range drawnOrder {
		if !s.Valid() {
			t.Errorf("%s is not valid", s)
		}
		if s.Final() && s.Work() {
			t.Errorf("%s is final and has work to do", s)
		}
		if s.Pending() && !s.Work() {
			t.Errorf("%s is pending and nobody works on it", s)
		}
		if s.Final() && s.sealed() {
			t.Errorf("%s is final and keeps card data", s)
		}
		if s.sealed() && !s.keepsSealed() {
			t.Errorf("%s needs card data and does not keep it", s)
		}
		if s.rescuable() && !s.Allows(Rescued) {
			t.Errorf("%s is to be rescued and may not be", s)
		}
	}
	if State("").Valid() || State("paid").Valid() {
		t.Error("a made-up state is valid")
	}
}

func TestReversalEndsWhereItSaid(t *testing.T) {
	s, _ := openFresh(t)
	p := walkTo(t, s, newPayment(1), Created, Collecting, Collected, Authorizing)
	c := to(p, Reversing)
	c.Payment.After = Approved
	if _, err := s.Commit(background, c); !errors.Is(err, ErrTransition) {
		t.Errorf("reversing to approved: %v", err)
	}
	c.Payment.After = Declined
	p, err := s.Commit(background, c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Commit(background, to(p, Interrupted)); !errors.Is(err, ErrTransition) {
		t.Errorf("ended elsewhere: %v", err)
	}
	walkTo(t, s, p, Declined)
}
