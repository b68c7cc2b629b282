package emvtest

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"smartreader/emvkernel"
	"smartreader/emvkernel/tap"
)

// TapResult is what Entry Point and the kernels are to make of a card that is tapped, as its profile says.
type TapResult struct {
	// Kind is the final outcome: NoOutcome where there is none, because the card leaves whenever it is
	// presented.
	Kind tap.OutcomeKind
	// Authenticated: the card has proved that it is genuine.
	Authenticated bool
	CVM           *tap.CVM // nil where the profile leaves it open, and so what follows
	Device        string
	Message       *tap.Message // shown with the outcome
	Restart       *tap.Message // shown when the card is asked for again, the first time
	Taps          int          // how often it is presented; 0 is once
	TVR           *emvkernel.TVR
	AID           []byte
	Forged        bool   // the issuer finds the cryptogram wrong
	Code          string // decline code of the issuer
}

// TapExpectation returns what the profile expects of a tap; ok is false when it says nothing. The payment is
// that of Expectation.
func (p *Profile) TapExpectation() (payment Payment, r TapResult, ok bool) {
	if p.tap == nil {
		return payment, r, false
	}
	return p.payment, *p.tap, true
}

var tapOutcomeWords = map[string]tap.OutcomeKind{
	"online": tap.OnlineRequest, "approved": tap.Approved, "declined": tap.Declined,
	"insert": tap.TryAnotherInterface, "ended": tap.EndApplication, "leaves": tap.NoOutcome,
}

var tapCVMs = []tap.CVM{tap.NoCVM, tap.ObtainSignature, tap.OnlinePIN, tap.ConfirmationCodeVerified}

var tapExpectSetting = setting{
	word: "expect-tap",
	card: func(p *Profile, value string) error {
		r, ok := parseTapResult(strings.Fields(value))
		if !ok {
			return fmt.Errorf("expect-tap %q is not valid; write one of %s and what goes with it: expect-tap online authenticated cvm none device card message 17 tvr 0000000000; "+
				"there are also restart HEX, taps N, aid HEX, forged, code CODE", value, strings.Join(tapOutcomeNames(), ", "))
		}
		p.tap = &r
		return nil
	},
	cardLines: func(p *Profile) []string {
		if p.tap == nil {
			return nil
		}
		return []string{p.tap.String()}
	},
}

func parseTapResult(fields []string) (r TapResult, ok bool) {
	if len(fields) == 0 {
		return r, false
	}
	if r.Kind, ok = tapOutcomeWords[fields[0]]; !ok {
		return r, false
	}
	for i := 1; i < len(fields); i++ {
		switch fields[i] {
		case "authenticated":
			r.Authenticated = true
			continue
		case "forged":
			r.Forged = true
			continue
		}
		if i+1 == len(fields) || !r.word(fields[i], fields[i+1]) {
			return r, false
		}
		i++
	}
	return r, true
}

// word reads one word and its value.
func (r *TapResult) word(word, value string) bool {
	b, notHex := hex.DecodeString(value)
	isHex := notHex == nil
	switch {
	case word == "cvm":
		i := slices.IndexFunc(tapCVMs, func(c tap.CVM) bool { return c.String() == value })
		if i < 0 {
			return false
		}
		r.CVM = &tapCVMs[i]
	case word == "device" && slices.Contains(deviceNames(), value):
		r.Device = value
	case word == "message" && isHex && len(b) == 1:
		r.Message = (*tap.Message)(&b[0])
	case word == "restart" && isHex && len(b) == 1:
		r.Restart = (*tap.Message)(&b[0])
	case word == "taps":
		n, err := strconv.Atoi(value)
		r.Taps = n
		return err == nil && n > 1 && n < 10
	case word == "tvr" && isHex && len(b) == 5:
		r.TVR = (*emvkernel.TVR)(b)
	case word == "aid" && isHex && len(b) >= 5 && len(b) <= 16:
		r.AID = b
	case word == "code" && slices.Contains(declineCodes(), value):
		r.Code = value
	default:
		return false
	}
	return true
}

// String writes the result as a profile does.
func (r TapResult) String() string {
	var out []string
	for word, kind := range tapOutcomeWords {
		if kind == r.Kind {
			out = append(out, word)
		}
	}
	add := func(is bool, words ...string) {
		if is {
			out = append(out, words...)
		}
	}
	add(r.Authenticated, "authenticated")
	add(r.Forged, "forged")
	if r.CVM != nil {
		out = append(out, "cvm", r.CVM.String())
	}
	add(r.Device != "", "device", r.Device)
	if r.Message != nil {
		out = append(out, "message", fmt.Sprintf("%02X", byte(*r.Message)))
	}
	if r.Restart != nil {
		out = append(out, "restart", fmt.Sprintf("%02X", byte(*r.Restart)))
	}
	add(r.Taps > 1, "taps", strconv.Itoa(r.Taps))
	if r.TVR != nil {
		out = append(out, "tvr", r.TVR.String())
	}
	if r.AID != nil {
		out = append(out, "aid", fmt.Sprintf("%X", r.AID))
	}
	add(r.Code != "", "code", r.Code)
	return strings.Join(out, " ")
}

func tapOutcomeNames() []string {
	var names []string
	for word := range tapOutcomeWords {
		names = append(names, word)
	}
	slices.Sort(names)
	return names
}
