package transcript

import (
	"bytes"
	"slices"
	"strings"
	"time"
	"unicode"

	"smartreader/emvkernel"
)

// Transcript is one recorded transaction. In clear it holds cardholder data; it prints as a mask.
type Transcript struct {
	Redacted bool
	// Contactless: the payment was made by tap, with Entry Point; what is said of it stands at Tap, Field, Number,
	// UI and Took.
	Contactless bool
	// Config names what the terminal was configured with, for people: a file, "live", or TestConfig.
	Config   string
	Terminal Terminal
	Payment  Payment
	// Answer is what Complete was given; nil when it was not called.
	Answer *emvkernel.Answer
	// IssuerApproved completes Answer where it was given to entry.Transaction's Resume.
	IssuerApproved bool
	// What it came to, empty or zero in a transcript that was not ended: the last outcome, as "approved:
	// issuer and card approved", or "error" when there was none, and the results of the terminal.
	Outcome string
	TVR     string // ten hexadecimal digits
	TSI     string // four
	CVM     string // of a tap's outcome, as tap.CVM has it
	Events  []Event
}

// String masks the content.
func (t Transcript) String() string { return "transcript" }

// GoString masks the content.
func (t Transcript) GoString() string { return "transcript" }

// Kind says what an Event is.
type Kind byte

// Kinds of events.
const (
	Reset    Kind = iota + 1 // the card was reset
	ATR                      // Bytes: its answer
	Command                  // Bytes: what was sent
	Response                 // Bytes: the answer to the command before, status word included
	Fault                    // Text: why there is none
	Choose                   // Text: the index of the chosen application, or "error"
	Confirm                  // Text: "yes", "no" or "error"
	PIN                      // Text: as in the format
	Tap                      // a card was activated in the field. Text: "timed" when its answers are measured
	Field                    // there was no card, or the antenna failed. Text: as in the format
	Number                   // Bytes: the unpredictable number of a kernel activation
	UI                       // Bytes: a user interface request, as tap.UIRequest.Bytes
	Took                     // Text: how long the answer before took on the air, measured
)

// Event is one line.
type Event struct {
	Kind  Kind
	Bytes []byte
	Text  string
}

// TestConfig is what Config says of a terminal that takes the test cards: that of emvtest.TerminalConfig, but
// for what Terminal says.
const TestConfig = "test"

// Terminal is what the configurations of two readers of one platform may differ in, and those of one reader
// on two days. Zero: as in the configuration Config names.
type Terminal struct {
	SerialNumber    string // '9F1E'
	FloorLimit      int64  // of the application that was in use, minor units, and so the rest
	FloorCurrency   uint16 // ISO 4217 numeric
	OfflineApproval bool
	PINBypass       bool
	Tap             *TapTerminal // of a payment by tap
}

// Configured notes what the terminal of the transaction was configured with. aid is the application in use
// ('84', as in CardData); where there is none the configuration's first entry counts.
func (t *Transcript) Configured(cfg *emvkernel.Config, aid []byte) {
	t.Config = "live"
	if cfg.Test {
		t.Config = TestConfig
	}
	t.Terminal = Terminal{SerialNumber: cfg.Terminal.SerialNumber}
	for i, a := range cfg.Applications {
		if i == 0 || bytes.Equal(a.AID, aid) || a.PartialMatch && bytes.HasPrefix(aid, a.AID) {
			t.Terminal.FloorLimit, t.Terminal.FloorCurrency = a.FloorLimit, a.FloorCurrency
			t.Terminal.OfflineApproval, t.Terminal.PINBypass = a.OfflineApproval, a.PINBypass
		}
	}
}

// Configure makes cfg, before Validate, what a replay needs: every application has what the one in use had.
func (t *Transcript) Configure(cfg *emvkernel.Config) {
	if t.Terminal.SerialNumber != "" {
		cfg.Terminal.SerialNumber = t.Terminal.SerialNumber
	}
	for i := range cfg.Applications {
		a := &cfg.Applications[i]
		if t.Terminal.FloorLimit != 0 {
			a.FloorLimit, a.FloorCurrency = t.Terminal.FloorLimit, t.Terminal.FloorCurrency
		}
		a.OfflineApproval = a.OfflineApproval || t.Terminal.OfflineApproval
		a.PINBypass = a.PINBypass || t.Terminal.PINBypass
	}
}

// Payment are the payment's parameters as far as they can be written down.
type Payment struct {
	Amount, Cashback    int64
	Currency            uint16
	Exponent, Type      byte
	Time                time.Time
	UnpredictableNumber [4]byte
	RandomSelection     byte
	Counter             uint32
	NoOnlinePIN         bool
	NoOfflineApproval   bool
	ForceOnline         bool
	PINPad              bool  // there was one
	Cardholder          bool  // somebody could be asked to choose
	EarlierSale         int64 // what Params.SaleLog answered
	InExceptionFile     bool  // what Params.ExceptionFile answered
}

func paymentOf(p *emvkernel.Params) Payment {
	return Payment{
		Amount: p.Amount, Cashback: p.Cashback, Currency: p.Currency, Exponent: p.Exponent, Type: p.Type, Time: p.Time,
		UnpredictableNumber: p.UnpredictableNumber, RandomSelection: p.RandomSelection, Counter: p.Counter,
		NoOnlinePIN: p.NoOnlinePIN, NoOfflineApproval: p.NoOfflineApproval, ForceOnline: p.ForceOnline,
		PINPad: p.PINPad != nil,
	}
}

// Params returns the parameters, without a PIN pad: a Player has one.
func (p Payment) Params() emvkernel.Params {
	return emvkernel.Params{
		Amount: p.Amount, Cashback: p.Cashback, Currency: p.Currency, Exponent: p.Exponent, Type: p.Type, Time: p.Time,
		UnpredictableNumber: p.UnpredictableNumber, RandomSelection: p.RandomSelection, Counter: p.Counter,
		NoOnlinePIN: p.NoOnlinePIN, NoOfflineApproval: p.NoOfflineApproval, ForceOnline: p.ForceOnline,
		SaleLog:       func(emvkernel.Secret, string) int64 { return p.EarlierSale },
		ExceptionFile: func(emvkernel.Secret, string) bool { return p.InExceptionFile },
	}
}

// End notes what the transaction came to: the outcome of the last step, or the error there was instead.
func (t *Transcript) End(tx *emvkernel.Transaction, out emvkernel.Outcome, err error) {
	t.TVR, t.TSI = tx.TVR().String(), tx.TSI().String()
	t.Outcome = "error"
	if err == nil {
		t.Outcome = outcomeText(out)
	}
}

func outcomeText(o emvkernel.Outcome) string {
	return oneLine(o.Kind.String() + ": " + o.Reason)
}

// Wipe overwrites the content, cardholder data among it.
func (t *Transcript) Wipe() {
	for _, e := range t.Events {
		clear(e.Bytes)
	}
	t.Events = nil
}

func (t *Transcript) clone() *Transcript {
	c := *t
	c.Events = slices.Clone(t.Events)
	for i := range c.Events {
		c.Events[i].Bytes = bytes.Clone(c.Events[i].Bytes)
	}
	if t.Answer != nil {
		a := *t.Answer
		a.Scripts, a.IssuerAuthenticationData = bytes.Clone(a.Scripts), bytes.Clone(a.IssuerAuthenticationData)
		c.Answer = &a
	}
	if s := t.Terminal.Tap; s != nil {
		combination := *s // what it points to is not changed
		c.Terminal.Tap = &combination
	}
	return &c
}

// oneLine makes text fit for a line of the file and for a terminal: what is not printable, or turns the
// direction of writing, is left out.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "?")), " ")
	s = strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return -1
	}, s)
	return strings.Join(strings.Fields(s), " ")
}
