package entry_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/entry"
	"smartreader/emvkernel/tap"
)

// A conformance suite calls each start point by itself and sees each kernel outcome as it is.
func TestSteps(t *testing.T) {
	s := newShop(t, plain(visa, mastercard), plain(mastercard))
	s.cfg.Combinations[2].Limits = []tap.Limits{{CVMRequired: limit(1000)}}
	s.k3.outcomes = []any{
		tap.Outcome{Kind: tap.TryAgain, UI: &tap.UIRequest{Message: tap.SeePhone}, Reading: reading(t)},
		tap.Outcome{Kind: tap.SelectNext},
	}
	tx := s.begin(t)
	step := func(start tap.Start, want tap.OutcomeKind, journal string) tap.Outcome {
		t.Helper()
		out, err := tx.Step(t.Context(), start)
		if err != nil || out.Kind != want {
			t.Fatalf("%s: %+v, %v", start, out, err)
		}
		s.expect(t, journal)
		return out
	}
	out := step(tap.StartA, tap.TryAgain, `
		ui 15/02 1250
		on
		ui 16/03
		> PPSE
		> A0000000031010
		kernel 3 at A`)
	if out.Reading.Card().Last4 != "4242" {
		t.Error("the reading was wiped, or another one came")
	}
	if !s.k3.given[0].Indicators.CVMRequired {
		t.Error("no pre-processing")
	}
	step(tap.StartD, tap.SelectNext, `kernel 3 at D`)
	step(tap.StartC, tap.Declined, `
		> A0000000041010
		kernel 2 at C`)
	step(tap.StartC, tap.EndApplication, ``)
	if next, err := tx.Process(tap.Outcome{Kind: tap.TryAgain}); err != nil || next != tap.StartB {
		t.Errorf("%s, %v", next, err)
	}
	s.expect(t, `off`)
	step(tap.StartB, tap.Declined, `
		hold 200ms
		ui 15/02 1250
		on
		ui 16/03
		> PPSE
		> A0000000041010
		kernel 2 at B`)
	if a := s.k2.given[1]; !a.Again {
		t.Error("the kernel does not know that the card was there before")
	}
}

// Start B as a payment's first step is without pre-processing: no indicator, and the TTQ as configured.
func TestStartBFirst(t *testing.T) {
	s := newShop(t, plain(visa), plain(visa))
	c := &s.cfg.Combinations[2]
	c.TTQ = &[4]byte{0x26, 0xC0, 0x40, 0x00}
	c.Limits = []tap.Limits{{Transaction: limit(1), CVMRequired: limit(1)}}
	tx := s.begin(t)
	if _, err := tx.Step(t.Context(), tap.StartB); err != nil {
		t.Fatal(err)
	}
	if got, want := s.k3.given[0].Indicators, (tap.Indicators{HasTTQ: true, TTQ: *c.TTQ}); got != want {
		t.Errorf("%+v", got)
	}

	// Later ones keep what pre-processing found, and Start A does it anew.
	s = newShop(t, plain(visa), plain(visa))
	s.cfg.Combinations[2].Limits = []tap.Limits{{CVMRequired: limit(1)}}
	tx = s.begin(t)
	for i, start := range []tap.Start{tap.StartB, tap.StartA} {
		if _, err := tx.Step(t.Context(), start); err != nil {
			t.Fatal(err)
		}
		if got := s.k3.given[i].Indicators.CVMRequired; got != (start == tap.StartA) {
			t.Errorf("start %s: CVM required %v", start, got)
		}
	}
	s.cards = []any{plain(visa)}
	if _, err := tx.Step(t.Context(), tap.StartB); err != nil || !s.k3.given[2].Indicators.CVMRequired {
		t.Errorf("a later Start B forgot what pre-processing found: %v", err)
	}
}

// Start A begins a payment: nothing of the tries before is left.
func TestStartAIsNew(t *testing.T) {
	s := newShop(t, plain(visa), plain(visa))
	tx := s.begin(t)
	if _, err := tx.Step(t.Context(), tap.StartA); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Process(tap.Outcome{Kind: tap.TryAgain, Restart: &tap.UIRequest{Message: tap.SeePhone}}); err != nil {
		t.Fatal(err)
	}
	s.journal = nil
	if _, err := tx.Step(t.Context(), tap.StartA); err != nil {
		t.Fatal(err)
	}
	s.expect(t, `
		hold 200ms
		ui 15/02 1250
		on
		ui 16/03
		> PPSE
		> A0000000031010
		kernel 3 at A`)
	if s.k3.given[1].Again {
		t.Error("the restart flag is still set")
	}

	// Where nobody switched the field off, it does.
	s.journal = nil
	if _, err := tx.Step(t.Context(), tap.StartA); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	s.expect(t, `
		off
		ui 15/02 1250
		on: no card`)
	s.dead = errors.New("no antenna")
	if out, err := tx.Step(t.Context(), tap.StartA); !errors.Is(err, s.dead) || out.Kind != tap.NoOutcome {
		t.Errorf("%+v, %v", out, err)
	}
}

// Steps without outcome processing between them: each activation counts once, and the field rests once.
func TestStepsWithoutProcess(t *testing.T) {
	s := newShop(t, plain(visa), plain(visa), plain(visa))
	tx := s.begin(t)
	for i, start := range []tap.Start{tap.StartA, tap.StartB, tap.StartB} {
		if _, err := tx.Step(t.Context(), start); err != nil {
			t.Fatal(err)
		}
		if commands, _, _ := tx.Traffic(); commands != 2*(i+1) {
			t.Errorf("%d commands after %d activations", commands, i+1)
		}
		if i == 0 {
			if _, err := tx.Process(tap.Outcome{Kind: tap.TryAgain}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := strings.Count(strings.Join(s.journal, "\n"), "hold"); n != 1 {
		t.Errorf("%d rests:\n%s", n, strings.Join(s.journal, "\n"))
	}
}

// Where no tap is allowed Start A says so, and asks for no card.
func TestStepNothingAllowed(t *testing.T) {
	s := newShop(t, plain(visa))
	s.p.Amount = 0
	out, err := s.begin(t).Step(t.Context(), tap.StartA)
	if err != nil || out.Kind != tap.TryAnotherInterface || out.UI.Message != tap.InsertOrSwipe || out.UI.Status != tap.ConditionsNotSatisfied {
		t.Errorf("%+v, %v", out, err)
	}
	s.expect(t, ``)
}

// A start point that cannot be is the caller's mistake, and changes nothing.
func TestStepsOutOfOrder(t *testing.T) {
	s := newShop(t, plain(visa), plain(visa))
	tx := s.begin(t)
	refused := func(when string, starts ...tap.Start) {
		t.Helper()
		for _, start := range starts {
			if out, err := tx.Step(t.Context(), start); !errors.Is(err, emvkernel.ErrOrder) || out.Kind != tap.NoOutcome {
				t.Errorf("%s, start %s: %+v, %v", when, start, out, err)
			}
		}
	}
	refused("at the beginning", tap.NoStart, tap.StartC, tap.StartD, tap.Start(9))
	if _, err := tx.Step(t.Context(), tap.StartB); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Process(tap.Outcome{Kind: tap.TryAgain}); err != nil {
		t.Fatal(err)
	}
	refused("with the field off", tap.NoStart, tap.StartC, tap.StartD)
	s.cards = []any{&card{answers: map[string][]string{}}}
	if out, err := tx.Step(t.Context(), tap.StartB); err != nil || out.Kind != tap.EndApplication {
		t.Fatalf("%+v, %v", out, err)
	}
	refused("without an application", tap.StartC, tap.StartD)

	// What was selected on the card before is not selected on this one, also where the step ended early.
	s = newShop(t, plain(visa, mastercard), plain(visa, mastercard))
	env := s.environment()
	ctx, cancel := context.WithCancel(t.Context())
	env.Trace = func(c emvkernel.Transceiver) emvkernel.Transceiver {
		if len(s.k3.given) > 0 {
			cancel()
		}
		return c
	}
	var err error
	if tx, err = entry.New(s.cfg, s.p, env); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Step(ctx, tap.StartA); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Step(ctx, tap.StartB); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	refused("with another card", tap.StartC, tap.StartD)
}
