package main

import (
	"context"
	"flag"
	"fmt"

	"smartreader/emvkernel"
	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/tap"
)

const cardsHelp = `
They are grouped by what a terminal makes of them. Each name can be given to emv run -card and emv serve -card.
What a card is said to do, it does with the payment its profile was made for; emv run makes the one of its flags.
So for a card that wants a PIN give -pin, for one that minds the amount -amount:
emv run -card cvm-over-x -amount 6000 -pin 1234

Those said to do something by tap stand in groups of their own, after the others; any other card can be tapped too (emv run
-contactless) unless its profile says "contactless no".
`

// The groups of "emv cards", in its order.
const (
	groupPays     = "They ask for their issuer, who approves"
	groupDeclined = "They ask for their issuer, and the payment is declined"
	groupAlone    = "They approve without their issuer"
	groupRefused  = "They decline, or the terminal does, without the issuer"
	groupEnds     = "Nothing comes of it: refused, blocked, called off, or the card broke a rule"
	groupPulled   = "They are pulled out"

	groupTapPays     = "By tap (emv run -contactless): they ask for their issuer, who approves"
	groupTapDeclined = "By tap: they ask for their issuer, and the payment is declined"
	groupTapAlone    = "By tap: they approve without their issuer"
	groupTapRefused  = "By tap: they decline, or the terminal does, without the issuer"
	groupTapInsert   = "By tap: they are to be inserted"
	groupTapEnds     = "By tap: nothing comes of it, or another card is asked for"
	groupTapLeaves   = "By tap: they leave the field whenever they are presented"
)

var cardGroups = []string{
	groupPays, groupDeclined, groupAlone, groupRefused, groupEnds, groupPulled,
	groupTapPays, groupTapDeclined, groupTapAlone, groupTapRefused, groupTapInsert, groupTapEnds, groupTapLeaves,
}

// groupsOf goes by what the profile expects, of a card that is inserted and of one that is tapped.
func groupsOf(p *emvtest.Profile) (groups []string) {
	_, taps, tapped := p.TapExpectation()
	if _, inserted := p.Expectation(); inserted || !tapped {
		groups = append(groups, groupOf(p))
	}
	if tapped {
		groups = append(groups, groupOfTap(taps))
	}
	return groups
}

func groupOfTap(r emvtest.TapResult) string {
	switch r.Kind {
	case tap.OnlineRequest:
		if r.Forged || r.Code != "" {
			return groupTapDeclined
		}
		return groupTapPays
	case tap.Approved:
		return groupTapAlone
	case tap.Declined:
		return groupTapRefused
	case tap.TryAnotherInterface:
		return groupTapInsert
	case tap.NoOutcome:
		return groupTapLeaves
	}
	return groupTapEnds
}

// groupOf is the group of a card that is inserted.
func groupOf(p *emvtest.Profile) string {
	e, _ := p.Expectation()
	last := e.First.Outcome
	if e.Online != nil {
		last = e.Online.Outcome
	}
	switch {
	case last == emvkernel.Undecided:
		return groupPulled
	case e.Online != nil && last == emvkernel.Approved && !e.Online.Forged:
		return groupPays
	case e.Online != nil:
		return groupDeclined
	case last == emvkernel.Approved:
		return groupAlone
	case last == emvkernel.Declined:
		return groupRefused
	}
	return groupEnds
}

func (a *app) cards(_ context.Context, c *command, args []string) error {
	set := flag.NewFlagSet(c.name, flag.ContinueOnError)
	if err := a.parse(c, set, args); err != nil {
		return err
	}
	if set.NArg() > 0 {
		return usage("%q is too much", set.Arg(0))
	}
	width := 0
	groups := map[string][]*emvtest.Profile{}
	for _, name := range emvtest.Profiles() {
		p, err := emvtest.Load(name)
		if err != nil {
			return setup(err)
		}
		width = max(width, len(name))
		for _, group := range groupsOf(p) {
			groups[group] = append(groups[group], p)
		}
	}
	for i, group := range cardGroups {
		if i > 0 {
			fmt.Fprintln(a.stdout)
		}
		fmt.Fprintf(a.stdout, "%s:\n", group)
		for _, p := range groups[group] {
			fmt.Fprintf(a.stdout, "  %-*s  %s\n", width, p.Name, p.About)
		}
	}
	return nil
}
