package store

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Payment is everything the reader knows about one payment, card data
// excepted. Amounts are minor units, times Unix milliseconds.
//
// Index, Sequence, NaturalKey, PayloadHash and History belong to the store:
// Commit sets them and ignores what the caller put there (Index excepted, see
// Change).
type Payment struct {
	LocalID     string `json:"localId"`            // "pl_" and 32 hex digits
	Index       uint64 `json:"-"`                  // journal index of this state
	Sequence    uint64 `json:"sequence,omitempty"` // given when card data is sealed
	NaturalKey  string `json:"naturalKey,omitempty"`
	PayloadHash string `json:"payloadHash,omitempty"`
	State       State  `json:"state"`

	Key              string            `json:"key"` // idempotency key, fixed at create
	IntentID         string            `json:"intentId,omitempty"`
	ClientSecret     string            `json:"clientSecret,omitempty"`
	POS              string            `json:"pos,omitempty"`
	Livemode         bool              `json:"livemode"`
	Amount           int64             `json:"amount"`
	Tip              int64             `json:"tip,omitempty"` // part of Amount
	Currency         string            `json:"currency"`      // ISO 4217, lower case
	CaptureMethod    string            `json:"captureMethod,omitempty"`
	OfflineBehavior  string            `json:"offlineBehavior,omitempty"`
	Description      string            `json:"description,omitempty"`
	Metadata         map[string]string `json:"metadata,omitempty"`
	SetupFutureUsage string            `json:"setupFutureUsage,omitempty"`

	CreatedAtMs   int64 `json:"createdAtMs"`
	CollectedAtMs int64 `json:"collectedAtMs,omitempty"`
	StoredAtMs    int64 `json:"storedAtMs,omitempty"`
	DoneAtMs      int64 `json:"doneAtMs,omitempty"`

	Card    *Card    `json:"card,omitempty"`
	Receipt *Receipt `json:"receipt,omitempty"`

	Attempted       bool  `json:"attempted,omitempty"` // an authorization was, or may have been, sent
	Attempts        int   `json:"attempts,omitempty"`  // of forwarding or reversing that may have left the reader
	NextAttemptAtMs int64 `json:"nextAttemptAtMs,omitempty"`
	After           State `json:"after,omitempty"` // where reversing ends

	Failure           *Failure `json:"failure,omitempty"`
	ChargeID          string   `json:"chargeId,omitempty"`
	AuthorizationCode string   `json:"authorizationCode,omitempty"`
	ResponseCode      string   `json:"responseCode,omitempty"`

	History []Step `json:"history,omitempty"`
}

// Card is what may be kept of the card in the clear.
type Card struct {
	Brand         string `json:"brand,omitempty"`
	Last4         string `json:"last4,omitempty"`
	ReadMethod    string `json:"readMethod,omitempty"`
	ExpMonth      int    `json:"expMonth,omitempty"`
	ExpYear       int    `json:"expYear,omitempty"`
	Authenticated bool   `json:"authenticated,omitempty"`
}

// Receipt is what a receipt prints. All values are as the wire has them: names
// as text, the rest in hex.
type Receipt struct {
	ApplicationPreferredName     string `json:"applicationPreferredName,omitempty"`
	ApplicationLabel             string `json:"applicationLabel,omitempty"`
	DedicatedFileName            string `json:"dedicatedFileName,omitempty"`
	ApplicationCryptogram        string `json:"applicationCryptogram,omitempty"`
	TerminalVerificationResults  string `json:"terminalVerificationResults,omitempty"`
	TransactionStatusInformation string `json:"transactionStatusInformation,omitempty"`
	CardholderVerificationMethod string `json:"cardholderVerificationMethod,omitempty"`
	ATC                          string `json:"atc,omitempty"`
}

// Failure says why a payment did not succeed.
type Failure struct {
	Code        string `json:"code,omitempty"`
	DeclineCode string `json:"declineCode,omitempty"`
	Message     string `json:"message,omitempty"`
}

// Step is one line of a payment's history.
type Step struct {
	State  State  `json:"state"`
	AtMs   int64  `json:"atMs"`
	Reason string `json:"reason,omitempty"`
}

// A payment that cannot be forwarded for days takes two steps per attempt, and
// each journal entry repeats the history: it keeps its beginning and its end.
// The journal itself has every step.
const (
	historyHead = 6
	historyTail = 18
)

func (p *Payment) addStep(s Step) {
	p.History = append(slices.Clone(p.History), s)
	if over := len(p.History) - historyHead - historyTail; over > 0 {
		p.History = slices.Delete(p.History, historyHead, historyHead+over)
	}
}

// clone makes a copy that shares nothing that can change.
func (p Payment) clone() Payment {
	p.Metadata = maps.Clone(p.Metadata)
	p.History = slices.Clone(p.History)
	if p.Card != nil {
		card := *p.Card
		p.Card = &card
	}
	if p.Receipt != nil {
		receipt := *p.Receipt
		p.Receipt = &receipt
	}
	if p.Failure != nil {
		failure := *p.Failure
		p.Failure = &failure
	}
	return p
}

// checkNew checks what create fixes.
func (p *Payment) checkNew() error {
	hex, ok := strings.CutPrefix(p.LocalID, "pl_")
	switch {
	case !ok || len(hex) != 32 || strings.Trim(hex, "0123456789abcdef") != "":
		return fmt.Errorf("%w: local id is not pl_ and 32 hex digits", ErrTransition)
	case p.Key == "":
		return fmt.Errorf("%w: a payment needs its key from the start", ErrTransition)
	}
	return p.checkMoney()
}

func (p *Payment) checkMoney() error {
	switch {
	case p.Amount < 0:
		return fmt.Errorf("%w: negative amount", ErrTransition)
	case len(p.Currency) != 3 || strings.Trim(p.Currency, "abcdefghijklmnopqrstuvwxyz") != "":
		return fmt.Errorf("%w: currency is not a lower-case ISO 4217 code", ErrTransition)
	}
	return nil
}

// checkStep checks that next may replace p.
func (p *Payment) checkStep(next *Payment) error {
	switch {
	case !p.State.Allows(next.State):
		return fmt.Errorf("%w: from %s to %q", ErrTransition, p.State, next.State)
	case p.State == Declined && p.StoredAtMs != 0:
		return fmt.Errorf("%w: the issuer's answer to a forwarded payment is final", ErrTransition)
	case p.State == Failed && p.StoredAtMs == 0:
		return fmt.Errorf("%w: it was never stored", ErrTransition)
	case next.Key != p.Key, next.Livemode != p.Livemode, next.CreatedAtMs != p.CreatedAtMs:
		return fmt.Errorf("%w: key, mode and creation time are fixed at create", ErrTransition)
	case p.Sequence != 0 && (next.Amount != p.Amount || next.Currency != p.Currency) && next.State != Created && next.State != Collecting:
		return fmt.Errorf("%w: the amount is fixed once the card has signed it", ErrTransition)
	case p.IntentID != "" && next.IntentID != p.IntentID:
		return fmt.Errorf("%w: the platform's id does not change", ErrTransition)
	case next.State == Reversing && next.After != Interrupted && next.After != Declined && next.After != Created && next.After != Voided:
		return fmt.Errorf("%w: reversing needs to know where it ends", ErrTransition)
	case p.State == Reversing && next.State != Reversing && next.State != p.After:
		return fmt.Errorf("%w: this reversal ends in %s, not %s", ErrTransition, p.After, next.State)
	}
	return next.checkMoney()
}
