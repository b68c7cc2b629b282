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
	// Config names what the terminal was configured with, for people: a file, or "test".
	Config  string
	Payment Payment
	// Answer is what Complete was given; nil when it was not called.
	Answer *emvkernel.Answer
	// What it came to, empty or zero in a transcript that was not ended: the last outcome, as "approved:
	// issuer and card approved", or "error" when there was none, and the results of the terminal.
	Outcome string
	TVR     string // ten hexadecimal digits
	TSI     string // four
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
)

// Event is one line.
type Event struct {
	Kind  Kind
	Bytes []byte
	Text  string
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
	RequireODA          bool
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
		RequireODA: p.RequireODA, NoOnlinePIN: p.NoOnlinePIN, NoOfflineApproval: p.NoOfflineApproval, ForceOnline: p.ForceOnline,
		PINPad: p.PINPad != nil,
	}
}

// Params returns the parameters, without a PIN pad: a Player has one.
func (p Payment) Params() emvkernel.Params {
	return emvkernel.Params{
		Amount: p.Amount, Cashback: p.Cashback, Currency: p.Currency, Exponent: p.Exponent, Type: p.Type, Time: p.Time,
		UnpredictableNumber: p.UnpredictableNumber, RandomSelection: p.RandomSelection, Counter: p.Counter,
		RequireODA: p.RequireODA, NoOnlinePIN: p.NoOnlinePIN, NoOfflineApproval: p.NoOfflineApproval, ForceOnline: p.ForceOnline,
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
