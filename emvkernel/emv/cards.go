package main

import (
	"context"
	"flag"
	"fmt"

	"smartreader/emvkernel"
	"smartreader/emvkernel/emvtest"
)

// The groups of "emv cards", in its order.
const (
	groupPays     = "They ask for their issuer, who approves"
	groupDeclined = "They ask for their issuer, and the payment is declined"
	groupAlone    = "They approve without their issuer"
	groupRefused  = "They decline, or the terminal does, without the issuer"
	groupEnds     = "Nothing comes of it: refused, blocked, called off, or the card broke a rule"
	groupPulled   = "They are pulled out"
)

var cardGroups = []string{groupPays, groupDeclined, groupAlone, groupRefused, groupEnds, groupPulled}

// groupOf goes by what the profile expects.
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
		group := groupOf(p)
		groups[group] = append(groups[group], p)
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
