package entry

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tap"
)

// candidate is an application that both card and reader have.
type candidate struct {
	prepared  *Prepared
	name      []byte // as the directory has it
	extension []byte // appended to the name when it is selected; empty: nothing
	rank      int    // lower is better
	position  int    // in the directory, and within an entry
}

// Ranks of candidates: the card's priorities are 1 to 15. Those the reader has no kernel for come after all
// others, as if they were not there until nothing else is.
const (
	rankNone      = 16
	rankElsewhere = 32
)

// candidates returns the combinations of reader and directory, best first: by the card's priority, none or
// zero last; equal ones in the card's order; those of one entry in the reader's, but where the entry leaves
// the kernel open the payment system's own first (Book B, 3.3.2.5 and 3.3.3.2).
func (t *Transaction) candidates(entries []directoryEntry) []candidate {
	var list []candidate
	for i, e := range entries {
		for j := range t.prepared {
			p := &t.prepared[j]
			if p.Indicators.NotAllowed || !bytes.HasPrefix(e.name, p.AID) || !fits(p.Combination, e.kernel) {
				continue
			}
			c := candidate{prepared: p, name: bytes.Clone(e.name), rank: int(e.priority), position: 2 * i}
			if c.rank == 0 {
				c.rank = rankNone
			}
			if elsewhere(p.Combination) {
				c.rank += rankElsewhere
			}
			if p.Kernel.ID() != defaultKernel(p.AID) {
				c.position++
			}
			if p.ExtendedSelection {
				c.extension = bytes.Clone(e.extension)
			}
			list = append(list, c)
		}
	}
	slices.SortStableFunc(list, func(a, b candidate) int {
		return cmp.Or(a.rank-b.rank, a.position-b.position)
	})
	return list
}

// errLost says that the exchange with the card broke: it left the field, or what it answered is none.
var errLost = errors.New("entry: lost the card")

// readDirectory selects the directory and finds the candidates. A card without one, or with one that is
// malformed, has none: there is no list of names to try on this interface (Book B, 3.3.2.2 to 3.3.2.5).
func (t *Transaction) readDirectory(ctx context.Context) error {
	t.list = nil
	resp, err := t.send(ctx, apdu.Select([]byte(apdu.PPSE), false))
	if err != nil {
		return err
	}
	if resp.SW != apdu.OK {
		t.env.Log.DebugContext(ctx, "tap: no directory", "answer", resp.SW.String())
		return nil
	}
	entries, err := parseDirectory(resp.Data)
	t.list = t.candidates(entries)
	t.env.Log.DebugContext(ctx, "tap: directory", "entries", len(entries), "candidates", len(t.list), "error", err)
	return nil
}

// selected is an application that was selected.
type selected struct {
	prepared *Prepared
	name     []byte // '84' of its FCI
	fci      []byte
}

// selectFirst selects the best candidate. One that the card refuses, or answers with another, leaves the list
// and the next is taken. Ok is false when none is left (Book B, 3.3.3.3 to 3.3.3.6). After a request to the
// issuer only the application it was for will do.
func (t *Transaction) selectFirst(ctx context.Context) (ok bool, err error) {
	t.selected = nil
	for len(t.list) > 0 {
		c := &t.list[0]
		resp, err := t.send(ctx, apdu.Select(slices.Concat(c.name, c.extension), false))
		if err != nil {
			return false, err
		}
		app, refused := accept(c, resp)
		if refused == "" {
			t.languages = app.languages
			t.selected = &selected{prepared: c.prepared, name: bytes.Clone(app.name), fci: resp.Data}
			return true, nil
		}
		t.env.Log.DebugContext(ctx, "tap: application refused", "aid", fmt.Sprintf("%X", c.name), "why", refused)
		if t.answer != nil {
			return false, nil
		}
		t.list = t.list[1:]
	}
	return false, nil
}

// accept judges the answer to the SELECT of a candidate; refused says why it is not to be used. The name in
// the answer must begin with the one that was asked for: a card, or whoever stands between, must not put
// another application in its place [unverified].
func accept(c *candidate, resp apdu.Response) (app application, refused string) {
	if resp.SW != apdu.OK {
		return app, resp.SW.String()
	}
	app, err := parseApplication(resp.Data)
	switch {
	case err != nil:
		return app, err.Error()
	case !bytes.HasPrefix(app.name, c.name):
		return app, "the card answered with another name"
	case c.prepared.Kernel.ID() == tap.KernelVisa && defaultKernel(c.name) == tap.KernelVisa && !app.pdol.Contains(0x9F66):
		return app, "no '9F66' in the PDOL: of kernel 1, which is not supported" // Book B, 3.3.3.6
	}
	return app, ""
}

// noCandidate is the outcome where no application can be used (Book B, 3.3.2.7).
func noCandidate() tap.Outcome {
	return tap.Outcome{
		Kind:   tap.EndApplication,
		UI:     &tap.UIRequest{Message: tap.InsertSwipeOrTryAnother, Status: tap.ReadyToRead},
		Reason: "no application in common",
	}
}

// send sends a command. A broken exchange is errLost; the end of ctx stays what it is. A card that has the
// reader send more than a tap has is out of commands: it is as if it refused.
func (t *Transaction) send(ctx context.Context, cmd apdu.Command) (apdu.Response, error) {
	resp, err := t.link.Send(ctx, cmd)
	switch {
	case err == nil:
		return resp, nil
	case ctx.Err() != nil:
		return resp, err
	case errors.Is(err, tap.ErrTooMuch):
		return apdu.Response{SW: apdu.NoPreciseDiagnosis}, nil
	default:
		return resp, fmt.Errorf("%w: %w", errLost, err)
	}
}
