package transcript

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"smartreader/emvkernel"
)

// ErrResult is returned by Replay when the commands were the same and what came of them is not.
var ErrResult = errors.New("transcript: another result")

// Result is what a transaction came to when it was run again.
type Result struct {
	Outcome       emvkernel.Outcome
	Err           error // of the transaction, where the transcript has one too
	TVR           emvkernel.TVR
	TSI           emvkernel.TSI
	Authenticated bool
	Receipt       emvkernel.Receipt
	ACData        emvkernel.Secret // the stored data set; the caller's to wipe
	// Parted says from where on a redacted transcript could not be compared any more; empty: to its end.
	Parted string
}

// Replay runs the kernel with cfg, which must have passed Validate, against a transcript, with its payment,
// its cardholder and its issuer's answer. An error says what was different: a Mismatch for the first command
// that is not the recorded one, ErrResult for another outcome or other results at the end. A redacted
// transcript is compared except for what follows from the card not being authenticated; see Result.Parted.
func Replay(ctx context.Context, cfg *emvkernel.Config, t *Transcript) (Result, error) {
	player := NewPlayer(t)
	params := t.Payment.Params()
	params.PINPad = player.PINPad()
	tx, err := emvkernel.NewTransaction(cfg, params, player, player.Cardholder(), nil)
	if err != nil {
		return Result{}, err
	}
	defer tx.Wipe()
	out, err := tx.Collect(ctx)
	if err == nil && out.Kind == emvkernel.OnlineRequest && t.Answer != nil {
		out, err = tx.Complete(ctx, *t.Answer)
	}
	r := Result{
		Outcome: out, Err: err, TVR: tx.TVR(), TSI: tx.TSI(), Authenticated: tx.Authenticated(), Receipt: tx.Receipt(), ACData: tx.ACData(),
	}
	done := player.Done()
	if done == nil && (err == nil || errors.Is(err, ErrRecorded)) {
		done = t.judge(&r)
	}
	if player.altered && errors.Is(done, ErrResult) {
		done = player.parted(done)
	}
	if parted, ok := errors.AsType[*Parted](done); ok {
		r.Parted, r.Err = parted.Error(), nil
		return r, nil
	}
	if err != nil && !errors.Is(err, ErrRecorded) {
		return r, err
	}
	return r, done
}

// judge compares the end with the recorded one, as far as there is one.
func (t *Transcript) judge(r *Result) error {
	outcome := outcomeText(r.Outcome)
	if r.Err != nil {
		outcome = "error"
	}
	if t.Redacted {
		// The kind must be the same; the reason and the results may speak of the authentication.
		if kind, _, _ := strings.Cut(t.Outcome, ":"); t.Outcome != "" && !strings.HasPrefix(outcome, kind) {
			return fmt.Errorf("%w: outcome %q, in the transcript %q", ErrResult, outcome, t.Outcome)
		}
		return nil
	}
	for _, c := range []struct{ what, is, was string }{
		{"outcome", outcome, t.Outcome}, {"TVR", r.TVR.String(), t.TVR}, {"TSI", r.TSI.String(), t.TSI},
	} {
		if c.was != "" && c.is != c.was {
			return fmt.Errorf("%w: %s %q, in the transcript %q", ErrResult, c.what, c.is, c.was)
		}
	}
	return nil
}
