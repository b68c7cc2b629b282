package entry

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tap"
)

// stage is what Step does next.
type stage byte

// A card that is lost during selection leads back to activation; a kernel comes to an outcome of its own.
//
//	Start A, B ──▶ activation ──▶ directory ──▶ final selection ──▶ kernel ──▶ outcome
//	                   ▲   └── with an answer ──▶     │   ▲           ▲
//	                   └──────── lost ────────────────┘   │           │
//	                                         Start C ─────┘  Start D ─┘
const (
	activation stage = iota
	directory
	finalSelection
	kernelActivation
)

// Step does Entry Point from a start point to one outcome, and no outcome processing: what card, rules or
// kernel came to, as it is. It is for conformance suites; payments use Run.
//
//	A  a new payment: with the field off at first, and pre-processing
//	B  a card is looked for; as a payment's first step, without pre-processing
//	C  the application selected before is given up for the next one
//	D  the kernel is started again for the application selected before
//
// C and D need the card of the step before in the field. A lost card is asked for again here as well. The field
// is left as it is, also after an error: Process, or the caller, switches it off.
func (t *Transaction) Step(ctx context.Context, start tap.Start) (tap.Outcome, error) {
	at, err := t.enter(start)
	if err != nil {
		return tap.Outcome{}, err
	}
	if start == tap.StartA && !t.Possible() {
		return nothingAllowed(), nil
	}
	for {
		switch at {
		case activation:
			err, at = t.activate(ctx), directory
			if t.answer != nil {
				at = finalSelection
			}
		case directory:
			err, at = t.readDirectory(ctx), finalSelection
		case finalSelection:
			var ok bool
			ok, err = t.selectFirst(ctx)
			if err == nil && !ok {
				return noCandidate(), nil
			}
			at = kernelActivation
		case kernelActivation:
			return t.activateKernel(ctx, start)
		}
		if errors.Is(err, errLost) {
			t.env.Log.DebugContext(ctx, "tap: lost the card", "error", err)
			at, start, err = activation, tap.StartB, t.lose()
		}
		if err != nil {
			return tap.Outcome{}, err
		}
	}
}

// enter checks that the start point can be, and does what belongs to it alone.
func (t *Transaction) enter(start tap.Start) (stage, error) {
	first := !t.begun
	switch {
	case start == tap.StartA: // a new payment, whatever was before
		if err := t.off(); err != nil {
			return 0, err
		}
		t.prepare()
		t.answer, t.again, t.pending, t.request, t.languages = nil, false, tap.Outcome{}, nil, ""
	case start == tap.StartB:
		if first {
			t.reset()
		}
	case start == tap.StartC && t.selected != nil:
		t.list, t.selected = t.list[1:], nil
		return finalSelection, nil
	case start == tap.StartD && t.selected != nil:
		return kernelActivation, nil
	default:
		return 0, fmt.Errorf("%w: start %s without an application selected on a card in the field", emvkernel.ErrOrder, start)
	}
	t.begun = true
	return activation, nil
}

// lose gets ready for the same card to be presented again (Book B, 3.3.3.7).
func (t *Transaction) lose() error {
	r := presentAgain
	t.request, t.pause = &r, settle
	return t.off()
}

// activateKernel starts the kernel of the selected combination (Book B, 3.4), with an unpredictable number of
// this activation's own: one that a card saw before would let it answer what it prepared.
func (t *Transaction) activateKernel(ctx context.Context, start tap.Start) (tap.Outcome, error) {
	un, err := t.env.UN()
	if err != nil {
		return tap.Outcome{}, fmt.Errorf("entry: drawing an unpredictable number: %w", err)
	}
	params := t.params
	params.UnpredictableNumber = un
	p := t.selected.prepared
	out, err := p.Kernel.Activate(ctx, &tap.Activation{
		Card: t.link, Config: t.cfg.EMV, Combination: p.Combination, Indicators: p.Indicators, Params: params,
		AID: bytes.Clone(t.selected.name), FCI: bytes.Clone(t.selected.fci), SW: apdu.OK,
		Start: start, Again: t.again, Answer: t.answer, UI: t.show, UN: t.env.UN, Log: t.env.Log,
	})
	if err != nil {
		out.Reading.Wipe()
		return tap.Outcome{}, fmt.Errorf("entry: kernel %d: %w", byte(p.Kernel.ID()), err)
	}
	t.env.Log.DebugContext(ctx, "tap: outcome", "kernel", byte(p.Kernel.ID()), "aid", fmt.Sprintf("%X", t.selected.name),
		"outcome", out.Kind.String(), "reason", out.Reason)
	return out, nil
}
