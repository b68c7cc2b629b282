package emvtest

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"smartreader/emvkernel"
)

// Expectation is what EMV has a terminal make of a card, as its profile says: a test of a terminal makes
// the Payment with the card and compares.
type Expectation struct {
	Payment Payment
	Scripts []byte // templates '71' and '72' of the issuer's answer, nil for none
	// First is what the first GENERATE AC, or something before it, comes to.
	First Result
	// What follows an online request, nil after anything else: the issuer answered, the payment is
	// deferred, or the issuer could not be reached and the default action codes decide.
	Online, Deferred, Unable *Result
	// Name is what the application is called in front of the cardholder, empty where the profile leaves it
	// open.
	Name string
}

// Result is one outcome and the words of the terminal that go with it.
type Result struct {
	// Outcome is Undecided where there is none: the card is pulled out (ErrPulled).
	Outcome emvkernel.OutcomeKind
	// Authenticated: the card has proved that it is genuine. It counts only where a cryptogram was given.
	Authenticated bool
	Reverse       bool // the issuer approved in vain
	Referral      bool // the issuer wants to be called
	Forged        bool // the issuer finds the cryptogram wrong
	// Code is the decline code of the issuer, in words as in Stripe's; empty when it approves.
	Code string
	TVR  *emvkernel.TVR // nil where the profile leaves it open, so TSI and CVM
	TSI  *emvkernel.TSI
	CVM  *[3]byte // '9F34'
	AID  []byte   // which application paid; so where the card has several
	// Language the cardholder is addressed in, of those of TerminalConfig.
	Language string
}

// expectation says which of the results a line of a profile is about.
type expectation string

const (
	expectFirst    expectation = "expect"
	expectOnline   expectation = "expect-online"
	expectDeferred expectation = "expect-deferred"
	expectUnable   expectation = "expect-unable"
)

var outcomeWords = map[string]emvkernel.OutcomeKind{
	"online": emvkernel.OnlineRequest, "approved": emvkernel.Approved, "declined": emvkernel.Declined,
	"not-accepted": emvkernel.NotAccepted, "card-blocked": emvkernel.CardBlocked, "try-again": emvkernel.TryAgain,
	"terminated": emvkernel.Terminated, "canceled": emvkernel.Canceled, "timed-out": emvkernel.TimedOut,
	"pulled": emvkernel.Undecided,
}

// Expectation returns what the profile expects; ok is false when it says nothing. After an online request
// it need not say that the issuer's answer leads to an approval, or the profile's decline code to none,
// and anything else to an AAC.
func (p *Profile) Expectation() (e Expectation, ok bool) {
	first := p.expected[expectFirst]
	if first == nil {
		return e, false
	}
	e = Expectation{Payment: p.payment, Scripts: scriptTemplates(p.scripts), First: *first, Name: p.expectedName}
	if first.Outcome != emvkernel.OnlineRequest {
		return e, true
	}
	online := Result{Outcome: emvkernel.Approved, Code: p.applications[0].decline}
	if online.Code != "" {
		online.Outcome = emvkernel.Declined
	}
	stated := func(which expectation, otherwise Result) *Result {
		if r := p.expected[which]; r != nil {
			return r
		}
		return &otherwise
	}
	declined := Result{Outcome: emvkernel.Declined}
	e.Online = stated(expectOnline, online)
	e.Deferred = stated(expectDeferred, declined)
	e.Unable = stated(expectUnable, declined)
	return e, true
}

// expectSetting reads lines such as "expect online authenticated tvr 0000008000 tsi E800 cvm 5E0300".
func expectSetting(which expectation) setting {
	return setting{
		word: string(which),
		card: func(p *Profile, value string) error {
			r, ok := parseResult(strings.Fields(value))
			if !ok {
				return fmt.Errorf("%s %q is not valid; write one of %s and what goes with it: %s online authenticated tvr 0000008000 tsi E800 cvm 5E0300; "+
					"there are also reverse, referral, forged, code CODE, aid HEX, language XX", which, value, outcomeNames(), which)
			}
			if p.expected == nil {
				p.expected = map[expectation]*Result{}
			}
			p.expected[which] = &r
			return nil
		},
		cardLines: func(p *Profile) []string {
			if r := p.expected[which]; r != nil {
				return []string{r.String()}
			}
			return nil
		},
	}
}

func parseResult(fields []string) (r Result, ok bool) {
	if len(fields) == 0 {
		return r, false
	}
	if r.Outcome, ok = outcomeWords[fields[0]]; !ok {
		return r, false
	}
	for i := 1; i < len(fields); i++ {
		switch fields[i] {
		case "authenticated":
			r.Authenticated = true
			continue
		case "reverse":
			r.Reverse = true
			continue
		case "referral":
			r.Referral = true
			continue
		case "forged":
			r.Forged = true
			continue
		}
		if i+1 == len(fields) {
			return r, false
		}
		value := fields[i+1]
		b, err := hex.DecodeString(value)
		switch word := fields[i]; {
		case word == "code" && slices.Contains(declineCodes(), value):
			r.Code = value
		case word == "tvr" && err == nil && len(b) == 5:
			r.TVR = (*emvkernel.TVR)(b)
		case word == "tsi" && err == nil && len(b) == 2:
			r.TSI = (*emvkernel.TSI)(b)
		case word == "cvm" && err == nil && len(b) == 3:
			r.CVM = (*[3]byte)(b)
		case word == "aid" && err == nil && len(b) >= 5 && len(b) <= 16:
			r.AID = b
		case word == "language" && len(value) == 2:
			r.Language = value
		default:
			return r, false
		}
		i++
	}
	return r, true
}

// String writes the result as a profile does.
func (r Result) String() string {
	var out []string
	for word, kind := range outcomeWords {
		if kind == r.Outcome {
			out = append(out, word)
		}
	}
	flag := func(is bool, word string) {
		if is {
			out = append(out, word)
		}
	}
	flag(r.Authenticated, "authenticated")
	flag(r.Reverse, "reverse")
	flag(r.Referral, "referral")
	flag(r.Forged, "forged")
	if r.Code != "" {
		out = append(out, "code", r.Code)
	}
	if r.TVR != nil {
		out = append(out, "tvr", r.TVR.String())
	}
	if r.TSI != nil {
		out = append(out, "tsi", r.TSI.String())
	}
	if r.CVM != nil {
		out = append(out, "cvm", fmt.Sprintf("%X", *r.CVM))
	}
	if r.AID != nil {
		out = append(out, "aid", fmt.Sprintf("%X", r.AID))
	}
	if r.Language != "" {
		out = append(out, "language", r.Language)
	}
	return strings.Join(out, " ")
}

func outcomeNames() string {
	var names []string
	for word := range outcomeWords {
		names = append(names, word)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
