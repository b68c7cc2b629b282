package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/decode"
	"smartreader/emvkernel/tlv"
	"smartreader/emvkernel/transcript"
)

// report is what -json prints.
type report struct {
	Outcome       outcome        `json:"outcome"`
	Steps         []step         `json:"steps"`
	TVR           decode.Item    `json:"tvr"`
	TSI           decode.Item    `json:"tsi"`
	CVMResults    *decode.Item   `json:"cvmResults,omitempty"`
	CVM           string         `json:"cvm"`
	ODA           authentication `json:"oda"`
	Request       *request       `json:"request,omitempty"`
	Issuer        string         `json:"issuer,omitempty"`
	ScriptResults string         `json:"scriptResults,omitempty"`
	Exchanges     []exchange     `json:"exchanges"`
	Tags          []decode.Item  `json:"tags"`
	Stored        []decode.Item  `json:"stored,omitempty"` // the data set of the first GENERATE AC
	Transcript    string         `json:"transcript,omitempty"`
	Expects       string         `json:"expects,omitempty"` // what the software card's profile says of its own payment
	Redacted      bool           `json:"redacted"`
}

type outcome struct {
	Kind     string `json:"kind"` // "error" when there is none
	Reason   string `json:"reason,omitempty"`
	Stored   bool   `json:"stored,omitempty"` // the card asked for its issuer and was released
	Reverse  bool   `json:"reverse,omitempty"`
	Referral bool   `json:"referral,omitempty"`
}

type authentication struct {
	Method        string `json:"method"`
	Performed     bool   `json:"performed"`
	Authenticated bool   `json:"authenticated"`
	Reason        string `json:"reason,omitempty"` // why it failed
}

type exchange struct {
	Name     string `json:"name"`
	Command  string `json:"command,omitempty"` // absent: the PIN pad's own
	Response string `json:"response,omitempty"`
	Fault    string `json:"fault,omitempty"`
}

// report prints the end of the trace, or all of it as JSON.
func (s *session) report(out emvkernel.Outcome, err error, recorded *transcript.Transcript, answer *emvkernel.Answer, stored bool, replayed string) error {
	r := report{
		Outcome: outcome{out.Kind.String(), out.Reason, stored, out.Reverse, out.Referral}, Steps: s.steps, CVM: s.tx.Receipt().CVM,
		ODA:     authentication{s.tx.AuthenticationMethod(), s.tx.TSI().Has(emvkernel.ODAPerformed), s.tx.Authenticated(), s.odaReason},
		Request: s.request, ScriptResults: fmt.Sprintf("%X", s.tx.ScriptResults()), Redacted: !s.options.clear, Transcript: replayed,
	}
	if err != nil {
		r.Outcome = outcome{Kind: "error", Reason: s.redactor.Text(err.Error())}
	}
	if s.source.soft != nil {
		if e, ok := s.source.soft.Expectation(); ok {
			r.Expects = e.First.String()
		}
	}
	if answer != nil {
		r.Issuer = answerText(*answer, s.issuer)
	}
	r.TVR, _ = decode.TVR(bytesOf(s.tx.TVR()))
	r.TSI, _ = decode.TSI(tsiBytes(s.tx.TSI()))
	if item, err := decode.CVMResults(s.value(0x9F34)); err == nil {
		r.CVMResults = &item
	}
	r.Tags, r.Stored = s.items(s.tx.Data()), s.items(s.tx.ACData())
	if !s.options.clear {
		recorded = transcript.Redact(recorded)
	}
	for _, e := range recorded.Events {
		switch e.Kind {
		case transcript.Command:
			r.Exchanges = append(r.Exchanges, exchange{Name: apdu.Name(e.Bytes), Command: fmt.Sprintf("%X", e.Bytes)})
		case transcript.Response:
			r.Exchanges[len(r.Exchanges)-1].Response = fmt.Sprintf("%X", e.Bytes)
		case transcript.Fault:
			if n := len(r.Exchanges); n > 0 && r.Exchanges[n-1].Response == "" && r.Exchanges[n-1].Fault == "" {
				r.Exchanges[n-1].Fault = e.Text
			} else {
				r.Exchanges = append(r.Exchanges, exchange{Name: "PIN pad", Fault: e.Text})
			}
		}
	}
	if s.options.json {
		return s.app.printJSON(r)
	}
	s.say("\n== result\n    %s", outcomeLine(r.Outcome))
	s.tree(r.TVR, r.TSI)
	if r.CVMResults != nil {
		s.tree(*r.CVMResults)
	}
	s.say("    offline data authentication: %s\n", s.odaText())
	if r.ScriptResults != "" {
		s.say("    issuer script results: %s\n", r.ScriptResults)
	}
	if r.Expects != "" {
		s.say("    the card's profile, of its own payment, expects first: %s\n", r.Expects)
	}
	if replayed != "" {
		s.say("    transcript: %s\n", replayed)
	}
	if len(r.Stored) > 0 {
		s.say("\n== stored data set\n")
		s.tree(r.Stored...)
	}
	if r.Redacted {
		s.say(maskedNote)
	}
	return nil
}

func outcomeLine(o outcome) string {
	line := o.Kind
	if o.Stored {
		return "stored: the card asked for its issuer and was released\n"
	}
	if o.Reason != "" {
		line += ": " + o.Reason
	}
	return line + "\n"
}

func answerText(a emvkernel.Answer, verdict string) string {
	text := map[emvkernel.AnswerKind]string{
		emvkernel.Deferred: "not asked, the payment is stored", emvkernel.Cancel: "not asked, the payment is called off",
		emvkernel.UnableToGoOnline: "unable to go online", emvkernel.IssuerAnswered: "answered " + responseCode(a.ARC),
	}[a.Kind]
	if verdict != "" {
		text += " (" + verdict + ")"
	}
	return text
}

func responseCode(arc [2]byte) string {
	item, err := decode.ResponseCode(arc[:])
	if err != nil {
		return ""
	}
	return item.Meaning
}

// analyze says why the terminal asks for the cryptogram it asks for: which bits of the TVR meet which action
// code (EMV Book 3, 10.7).
func (s *session) analyze(p1 byte) *request {
	r := &request{Asks: decode.GenerateAC(p1).Meaning}
	var terminal [3][5]byte
	if a := s.application(); a != nil {
		terminal = [3][5]byte{a.TACDenial, a.TACOnline, a.TACDefault}
	}
	tvr := s.tx.TVR()
	counts := map[byte]string{0: "denial default", 2: "online"}[p1>>6]
	for i, code := range []struct {
		name   string
		tag    tlv.Tag
		absent byte // every byte of a code the card does not have (Book 3, 10.7)
	}{{"denial", 0x9F0E, 0x00}, {"online", 0x9F0F, 0xFF}, {"default", 0x9F0D, 0xFF}} {
		if !strings.Contains(counts, code.name) {
			continue
		}
		issuer := s.value(code.tag)
		if len(issuer) != 5 {
			issuer = bytes.Repeat([]byte{code.absent}, 5)
		}
		for of, bits := range map[string][]byte{"issuer": issuer, "terminal": terminal[i][:]} {
			met := make([]byte, 5)
			for j := range met {
				met[j] = tvr[j] & bits[j]
			}
			item, err := decode.TVR(met)
			if err != nil {
				continue
			}
			for _, bit := range item.Items {
				r.Why = append(r.Why, fmt.Sprintf("%s action code %s: %s", of, code.name, bit.Meaning))
			}
		}
	}
	switch {
	case len(r.Why) > 0:
	case p1>>6 == 2:
		r.Why = []string{"no action code is met, but approval offline is not allowed here (application or terminal type)"}
	default:
		r.Why = []string{"no action code is met"}
	}
	r.Why = sorted(r.Why)
	return r
}

// sorted: denial before online before default, and within that by the alphabet.
func sorted(why []string) (out []string) {
	for _, code := range []string{"action code denial", "action code online", "action code default", "no action code"} {
		var some []string
		for _, w := range why {
			if strings.Contains(w, code) {
				some = append(some, w)
			}
		}
		out = append(out, slices.Sorted(slices.Values(some))...)
	}
	return out
}

// application is the entry of the configuration for the application in use.
func (s *session) application() *emvkernel.Application {
	aid := s.tx.Card().AID
	for i := range s.cfg.Applications {
		a := &s.cfg.Applications[i]
		if bytes.Equal(a.AID, aid) || a.PartialMatch && bytes.HasPrefix(aid, a.AID) {
			return a
		}
	}
	return nil
}
