package entry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/tap"
)

// Transaction is one payment by tap, however often the card is presented. The fields are grouped by who fills
// them.
type Transaction struct {
	// New; never changed.
	cfg    *Config
	params emvkernel.Params
	env    Environment

	prepared []Prepared // New and pre-processing

	begun   bool              // Step: there was one
	answer  *tap.OnlineAnswer // Resume: what the issuer said; nil before
	again   bool              // Process: the card is presented once more
	pending tap.Outcome       // Process: what the last outcome wants of a restart
	request *tap.UIRequest    // Process, lost: shown instead of "present card"; taken by ask
	pause   time.Duration     // Process, separate, retry, lost: field off before the next try; taken by rest

	on        bool          // activate, off: the field may be on
	link      *tap.Link     // activate; nil: no card
	shown     tap.UIRequest // show
	languages string        // selectFirst: of the last application; read by show

	list     []candidate // readDirectory; Start C takes from it
	selected *selected   // selectFirst; read by activateKernel; nil without a card

	commands, sent, received int // forgetLink
}

// New prepares a payment; nothing is switched on. cfg must have passed Validate. The payment's unpredictable
// number is not that of p: each kernel activation gets one of its own.
func New(cfg *Config, p emvkernel.Params, env Environment) (*Transaction, error) {
	if cfg == nil || cfg.EMV == nil || env.Field == nil {
		return nil, fmt.Errorf("%w: no configuration or no field; give both", tap.ErrConfig)
	}
	if err := p.Validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", tap.ErrConfig, err)
	}
	t := &Transaction{cfg: cfg, params: p, env: env.withDefaults()}
	for i := range cfg.Combinations {
		if c := &cfg.Combinations[i]; c.Serves(p.Type) {
			t.prepared = append(t.prepared, Prepared{Combination: c})
		}
	}
	t.prepare()
	return t, nil
}

// Run does the payment from Start A until an outcome is final: Approved, Declined, OnlineRequest,
// TryAnotherInterface or EndApplication. All others are dealt with inside, as often as it takes: only ctx, or
// an error of the Field, ends the wait for a card. The caller wipes the outcome's Reading.
//
// The field is off when Run returns, but for an OnlineRequest with OnlineData at Start D: its card waits in
// the field for Resume, or for the caller to switch it off. RemovalTimeout, like all other parameters, is the
// caller's to act on.
func (t *Transaction) Run(ctx context.Context) (tap.Outcome, error) {
	if t.begun {
		return tap.Outcome{}, fmt.Errorf("%w: run: this payment was begun before", emvkernel.ErrOrder)
	}
	return t.run(ctx, tap.StartA)
}

// Resume gives the issuer's answer to the kernel after an OnlineRequest with OnlineData, at the start point
// that outcome named: B, the card is presented again and the same application selected; D, it is still there.
// The outcome tells what became of the answer at the card; whether the payment is approved was the issuer's to
// say. Where the kernel wants EMV data and the issuer sent none, nothing is done.
func (t *Transaction) Resume(ctx context.Context, answer tap.OnlineAnswer) (tap.Outcome, error) {
	if !t.resumable() {
		return tap.Outcome{}, fmt.Errorf("%w: resume: no outcome asked for the issuer's answer", emvkernel.ErrOrder)
	}
	if t.pending.OnlineData == tap.EMVOnlineData && answer.IssuerAuthenticationData == nil && len(answer.Scripts) == 0 {
		t.pending = tap.Outcome{}
		if err := t.off(); err != nil {
			return tap.Outcome{}, err
		}
		return tap.Outcome{Kind: tap.EndApplication, Reason: "the issuer sent nothing for the card"}, nil
	}
	t.answer, t.again = &answer, true
	return t.run(ctx, t.pending.Start)
}

func (t *Transaction) run(ctx context.Context, start tap.Start) (tap.Outcome, error) {
	for {
		out, err := t.Step(ctx, start)
		if err != nil {
			return tap.Outcome{}, errors.Join(err, t.off())
		}
		if out.Kind == tap.SelectNext && t.answer != nil {
			// Another application would begin another payment, of which the issuer knows nothing.
			out.Reading.Wipe()
			out = tap.Outcome{Kind: tap.EndApplication, Reason: "the kernel gave up the application that the issuer answered for"}
		}
		start, err = t.Process(out)
		if err != nil {
			return tap.Outcome{}, errors.Join(err, t.off())
		}
		if start == tap.NoStart {
			return out, nil
		}
	}
}

// Traffic returns how many commands were sent to cards in this payment, and the bytes of commands and answers.
func (t *Transaction) Traffic() (commands, sent, received int) {
	commands, sent, received = t.commands, t.sent, t.received
	if t.link != nil {
		c, s, r := t.link.Traffic()
		commands, sent, received = commands+c, sent+s, received+r
	}
	return commands, sent, received
}
