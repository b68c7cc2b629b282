package transcript

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"smartreader/emvkernel"
	"smartreader/emvkernel/entry"
	"smartreader/emvkernel/tap"
)

// TapResult is what a payment by tap came to when it was run again. Its outcome's Reading is the caller's to wipe.
type TapResult struct {
	Outcome tap.Outcome
	Err     error // of the payment, where the transcript has one too
	// Parted says from where on a redacted transcript could not be compared any more; empty: to its end.
	Parted string
}

// ReplayTap is Replay for a payment by tap. The configuration must have passed Validate.
func ReplayTap(ctx context.Context, cfg *entry.Config, t *Transcript) (TapResult, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	player := NewPlayer(t)
	params := t.Payment.Params()
	params.PINPad = player.PINPad() // a kernel may look whether there is one
	payment, err := entry.New(cfg, params, player.Environment(stop))
	if err != nil {
		return TapResult{}, err
	}
	out, err := payment.Run(ctx)
	if err == nil && out.Kind == tap.OnlineRequest && out.OnlineData != tap.NoOnlineData && t.Answer != nil {
		out.Reading.Wipe()
		out, err = payment.Resume(ctx, t.OnlineAnswer())
	}
	return player.TapResult(out, err)
}

// OnlineAnswer is what Resume was given; only for a transcript with an Answer.
func (t *Transcript) OnlineAnswer() tap.OnlineAnswer {
	a := t.Answer
	return tap.OnlineAnswer{Approved: t.IssuerApproved, ARC: a.ARC, IssuerAuthenticationData: a.IssuerAuthenticationData, Scripts: a.Scripts}
}

// Resumed notes what Resume was given.
func (t *Transcript) Resumed(a tap.OnlineAnswer) {
	t.IssuerApproved = a.Approved
	t.Answer = &emvkernel.Answer{Kind: emvkernel.IssuerAnswered, ARC: a.ARC, IssuerAuthenticationData: a.IssuerAuthenticationData, Scripts: a.Scripts}
}

// TapResult compares the end of a payment that ran in Environment with the recorded one. Its error says what was
// different, as that of Replay.
func (p *Player) TapResult(out tap.Outcome, err error) (TapResult, error) {
	r := TapResult{Outcome: out, Err: err}
	differs := p.Done()
	if differs == nil {
		differs = p.t.judgeTap(&r)
	}
	if p.altered && differs != nil && p.passed() {
		differs = &Parted{p.number, "every command was as recorded; outcome and messages follow from the authentication"}
	}
	if parted, ok := errors.AsType[*Parted](differs); ok {
		r.Parted, r.Err = parted.Error(), nil
		return r, nil
	}
	return r, differs
}

// passed reports whether every recorded command came, and no other.
func (p *Player) passed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m, ok := errors.AsType[*Mismatch](p.failed); ok && !m.flow || p.refused {
		return false
	}
	return !slices.ContainsFunc(p.t.Events[p.next:], func(e Event) bool { return e.Kind == Command })
}

func (t *Transcript) judgeTap(r *TapResult) error {
	var again Transcript
	again.EndTap(r.Outcome, r.Err)
	if t.Redacted { // the reason and the results may speak of the authentication
		kind, _, _ := strings.Cut(t.Outcome, ":")
		if is, _, _ := strings.Cut(again.Outcome, ":"); t.Outcome != "" && is != kind {
			return fmt.Errorf("%w: outcome %q, in the transcript %q", ErrResult, again.Outcome, t.Outcome)
		}
		return nil
	}
	for _, c := range []struct{ what, is, was string }{
		{"outcome", again.Outcome, t.Outcome}, {"CVM", again.CVM, t.CVM}, {"TVR", again.TVR, t.TVR}, {"TSI", again.TSI, t.TSI},
	} {
		if c.was != "" && c.is != c.was {
			return fmt.Errorf("%w: %s %q, in the transcript %q", ErrResult, c.what, c.is, c.was)
		}
	}
	return nil
}
