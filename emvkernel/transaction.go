package emvkernel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"smartreader/emvkernel/oda"
	"smartreader/emvkernel/tlv"
)

// Transceiver sends one command to the card and returns its answer, status word included. It must
// return when ctx ends, with an error that wraps ctx.Err(). Its errors reach the kernel's caller
// wrapped. The kernel copies the answer: its memory may be used again at once.
type Transceiver interface {
	Transceive(ctx context.Context, command []byte) (response []byte, err error)
}

// Cardholder is asked what only the cardholder can answer. An error ends the transaction and reaches
// the kernel's caller wrapped. The labels are UTF-8 and printable.
//
// A terminal that cannot ask passes nil to NewTransaction: applications that insist on the
// cardholder's consent are then not used, and of the others the one with the best priority is, an
// international scheme's before eftpos Australia or Cartes Bancaires. An implementation that answers
// without asking would give consent in the cardholder's name.
type Cardholder interface {
	// ChooseApplication offers the applications, best first, and returns the index of the chosen one.
	// The choice counts as consent: ConfirmApplication does not follow.
	ChooseApplication(ctx context.Context, labels []string) (int, error)
	// ConfirmApplication asks whether the one application there is may be used.
	ConfirmApplication(ctx context.Context, label string) (bool, error)
}

// phase is the step that is due next.
type phase byte

const (
	toBuild phase = iota
	toSelect
	toInitiate
	toRead
	toAuthenticate
	toRestrict
	toVerify
	toManage
	toAnalyze
	toFirstAC
	toComplete
	over
)

// Transaction is one payment with one card. The fields are grouped by the step that fills them.
type Transaction struct {
	// NewTransaction; never changed.
	cfg    *Config
	params Params
	link   Transceiver
	holder Cardholder // may be nil: nobody to ask
	log    *slog.Logger

	phase    phase
	commands int // sent so far, see maxCommands

	// BuildCandidates fills, SelectApplication takes from.
	candidates []candidate

	// SelectApplication fills; every later step reads.
	selected candidate
	app      *Application

	// card holds the card's primitive data objects: of the FCI what inFCI lists (SelectApplication), of
	// the processing options AIP and AFL (InitiateApplication), the records (ReadData), the ICC dynamic
	// number or data authentication code (AuthenticateData, FirstGenerateAC). What the terminal owns is
	// never in it (see terminalData).
	card map[tlv.Tag][]byte

	// From here on SelectApplication clears all.

	tvr TVR // set by AuthenticateData to Complete; read by AnalyzeTerminalAction and the CDOLs
	tsi TSI // set by AuthenticateData to Complete

	aip      [2]byte          // InitiateApplication; read by AuthenticateData, VerifyCardholder, Complete
	afl      []byte           // InitiateApplication; read by ReadData
	seen     map[tlv.Tag]bool // InitiateApplication and ReadData: tags that may not come again
	pdolData []byte           // InitiateApplication; read by the CDA check

	static oda.StaticData // ReadData; read by AuthenticateData
	cdol1  tlv.DOL        // ReadData; read by FirstGenerateAC
	cdol2  tlv.DOL        // ReadData; read by Complete
	pan    Secret         // ReadData: digits; read by Card
	expiry Date           // ReadData; read by CheckRestrictions and Card

	method        method        // AuthenticateData; read by FirstGenerateAC and Complete
	iccKey        oda.PublicKey // AuthenticateData, for CDA; read by FirstGenerateAC and Complete
	authenticated bool          // AuthenticateData (DDA), FirstGenerateAC (CDA); read by Authenticated

	cvmResults []byte // VerifyCardholder: '9F34'; nil before: a card that asks early gets zeros
	pinOver    bool   // VerifyCardholder: no offline PIN can come right any more
	bypassed   bool   // VerifyCardholder: the cardholder goes on without a PIN
	pinFailed  bool   // VerifyCardholder: a PIN was asked for, or could not be any more, and is not right
	pinWanted  bool   // VerifyCardholder: a rule wanted an online PIN that cannot be taken; read by OnlinePINRequired

	request byte   // AnalyzeTerminalAction: P1 without CDA; read by FirstGenerateAC
	arc     []byte // AnalyzeTerminalAction and Complete: '8A'
	tcHash  []byte // FirstGenerateAC and Complete, when a CDOL asks for '98'
	issuer  []byte // Complete: '91'
	scripts []byte // Complete: '9F5B', five bytes a script

	cdol1Data []byte // FirstGenerateAC; read by the CDA check
	ac        acAnswer
	acData    Secret // FirstGenerateAC; never changed after
	clearing  Secret // FirstGenerateAC or Complete, with a TC
}

// NewTransaction prepares a transaction; the card is powered and nothing was sent to it. cfg must have
// passed Validate, which is too slow to repeat for every payment and which every step relies on, and
// must not change while transactions use it. holder is nil when nobody can be asked; log may be nil.
func NewTransaction(cfg *Config, p Params, card Transceiver, holder Cardholder, log *slog.Logger) (*Transaction, error) {
	if cfg == nil || card == nil {
		return nil, fmt.Errorf("%w: no configuration or no card; give both", ErrConfig)
	}
	if err := p.Validate(); err != nil {
		return nil, err
	}
	for i := range cfg.Applications {
		if a := &cfg.Applications[i]; a.RandomMaximum > 0 && p.RandomSelection == 0 {
			return nil, fmt.Errorf("%w: application %d (%X) wants random selection; draw Params.RandomSelection, 1 to 99", ErrConfig, i, a.AID)
		}
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Transaction{cfg: cfg, params: p, link: card, holder: holder, log: log, card: map[tlv.Tag][]byte{}}, nil
}

// step runs one exported step: it keeps the order and turns a decision into an Outcome. Any other
// error ends the transaction, because what the card knows is then unknown.
func (t *Transaction) step(ctx context.Context, name string, due, next phase, run func(context.Context) error) (Outcome, error) {
	if t.phase != due {
		return Outcome{}, fmt.Errorf("%w: %s", ErrOrder, name)
	}
	err := run(ctx)
	if err == nil {
		t.phase = next
		if t.log.Enabled(ctx, slog.LevelDebug) {
			t.log.DebugContext(ctx, "emv step", "step", name, "tvr", t.tvr.String(), "tsi", t.tsi.String())
		}
		return Outcome{}, nil
	}
	d, ok := errors.AsType[*decision](err)
	if !ok {
		t.phase = over
		t.log.DebugContext(ctx, "emv step broke", "step", name, "error", err)
		return Outcome{}, err
	}
	switch d.Kind {
	case SelectAgain:
		t.phase = toSelect
	case OnlineRequest:
		t.phase = toComplete
	default:
		t.phase = over
	}
	if t.log.Enabled(ctx, slog.LevelDebug) {
		t.log.DebugContext(ctx, "emv outcome", "step", name, "outcome", d.Kind.String(), "reason", d.Reason,
			"tvr", t.tvr.String(), "tsi", t.tsi.String())
	}
	return d.Outcome, nil
}

// Collect runs every step from BuildCandidates to FirstGenerateAC and returns what they came to. When
// it is OnlineRequest, a Complete is owed before the card may be released.
func (t *Transaction) Collect(ctx context.Context) (Outcome, error) {
	if out, err := t.BuildCandidates(ctx); err != nil || out.Kind != Undecided {
		return out, err
	}
	for {
		out, err := t.SelectApplication(ctx)
		if err != nil || out.Kind != Undecided {
			return out, err
		}
		out, err = t.InitiateApplication(ctx)
		if err == nil && out.Kind == SelectAgain {
			continue // ends: every round takes one candidate away
		}
		if err != nil || out.Kind != Undecided {
			return out, err
		}
		break
	}
	for _, step := range []func(context.Context) (Outcome, error){
		t.ReadData, t.AuthenticateData, t.CheckRestrictions, t.VerifyCardholder,
		t.ManageRisk, t.AnalyzeTerminalAction, t.FirstGenerateAC,
	} {
		if out, err := step(ctx); err != nil || out.Kind != Undecided {
			return out, err
		}
	}
	return Outcome{}, fmt.Errorf("%w: no decision after the first GENERATE AC", ErrOrder)
}

// Authenticated reports whether the card proved that it is genuine: DDA or CDA succeeded. SDA proves
// nothing about a copy and does not count.
func (t *Transaction) Authenticated() bool { return t.authenticated }

// TVR returns the terminal verification results as they stand.
func (t *Transaction) TVR() TVR { return t.tvr }

// TSI returns the transaction status information as it stands.
func (t *Transaction) TSI() TSI { return t.tsi }

// Wipe overwrites the card data the transaction holds, and forgets everything else about the card: the
// transaction is over, and what it could be asked is as at its beginning. The secrets Card returned earlier
// are overwritten too; what ACData, ClearingData and Data returned is the caller's to wipe.
func (t *Transaction) Wipe() {
	for _, v := range t.card {
		clear(v)
	}
	for _, v := range [][]byte{t.acData, t.clearing, t.pan, t.pdolData, t.cdol1Data} {
		clear(v)
	}
	t.ac.wipe()
	t.static.Wipe()
	*t = Transaction{cfg: t.cfg, params: t.params, link: t.link, holder: t.holder, log: t.log, phase: over, card: map[tlv.Tag][]byte{}}
}

// Format keeps fmt away from the fields, which hold card data; those of a copy too.
func (t Transaction) Format(f fmt.State, _ rune) { io.WriteString(f, "emvkernel.Transaction") }

// LogValue keeps loggers away from the fields, which hold card data; those of a copy too.
func (t Transaction) LogValue() slog.Value { return slog.StringValue("emvkernel.Transaction") }
