package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/decode"
	"smartreader/emvkernel/tap"
	"smartreader/emvkernel/transcript"
)

// tapReport is what -json prints of a payment by tap.
type tapReport struct {
	Result     string        `json:"result"`  // approved, stored, asks, declined, insert, ended, again or error
	Outcome    *tapOutcome   `json:"outcome"` // of Entry Point; null when there is none
	Resumed    *tapOutcome   `json:"resumed,omitempty"`
	Reason     string        `json:"reason,omitempty"` // why there is none
	Card       *tapCard      `json:"card,omitempty"`
	Issuer     string        `json:"issuer,omitempty"`
	Taps       []tapTrace    `json:"taps"`
	Traffic    traffic       `json:"traffic"`
	Tags       []decode.Item `json:"tags,omitempty"`
	Stored     []decode.Item `json:"stored,omitempty"`  // the data set of the cryptogram
	Expects    string        `json:"expects,omitempty"` // what the software card's profile says of its own tap
	Transcript string        `json:"transcript,omitempty"`
	Redacted   bool          `json:"redacted"`
}

// Results of a payment by tap.
const (
	resultApproved = "approved"
	resultStored   = "stored"
	resultAsks     = "asks" // for the issuer, and nobody gives an answer
	resultDeclined = "declined"
	resultInsert   = "insert"
	resultEnded    = "ended"
	resultAgain    = "again" // the card is asked for once more than -taps allows
	resultError    = "error"
)

type tapOutcome struct {
	Kind               string        `json:"kind"`
	Reason             string        `json:"reason,omitempty"`
	Start              string        `json:"start"`
	OnlineData         string        `json:"onlineData"`
	CVM                string        `json:"cvm"`
	UI                 string        `json:"ui,omitempty"`
	Restart            string        `json:"restart,omitempty"`
	AlternateInterface string        `json:"alternateInterface"`
	Receipt            bool          `json:"receipt"`
	FieldOffMs         int64         `json:"fieldOffMs"`
	RemovalTimeoutMs   int64         `json:"removalTimeoutMs"`
	Discretionary      []decode.Item `json:"discretionary,omitempty"`
}

type tapCard struct {
	Authentication string      `json:"authentication"` // method
	Authenticated  bool        `json:"authenticated"`
	MagneticStripe bool        `json:"magneticStripe,omitempty"`
	Device         string      `json:"device,omitempty"`
	TokenRequestor string      `json:"tokenRequestor,omitempty"`
	TVR            decode.Item `json:"tvr"`
	TSI            decode.Item `json:"tsi"`
}

// tapTrace is what happened from one activation of a card, or the attempt, to the next.
type tapTrace struct {
	Failed  string     `json:"failed,omitempty"` // why there was no card
	Timed   bool       `json:"timed,omitempty"`
	Events  []tapEvent `json:"events"`
	Traffic traffic    `json:"traffic"`
}

// tapEvent is one of an exchange, a number or a request of the user interface.
type tapEvent struct {
	*exchange
	Took   string `json:"took,omitempty"`
	Number string `json:"unpredictableNumber,omitempty"`
	UI     string `json:"ui,omitempty"`
}

// traffic is what went over the air: bytes of commands and answers.
type traffic struct {
	Commands int `json:"commands"`
	Sent     int `json:"sent"`
	Received int `json:"received"`
}

func (t traffic) String() string {
	return fmt.Sprintf("%d commands, %d bytes sent, %d received", t.Commands, t.Sent, t.Received)
}

// outcome notes and prints what Entry Point came to.
func (r *tapReport) outcome(s *tapSession, out tap.Outcome) {
	r.Outcome = s.outcomeOf(out)
	s.say("\n== outcome\n")
	s.sayOutcome(r.Outcome)
	if out.Reading == nil {
		return
	}
	tvr, tsi := out.Reading.TVR(), out.Reading.TSI()
	c := &tapCard{
		Authentication: out.Reading.AuthenticationMethod(), Authenticated: out.Reading.Authenticated(), MagneticStripe: out.Reading.MagneticStripe(),
		Device: out.Reading.Device(), TokenRequestor: out.Reading.TokenRequestor(),
	}
	c.TVR, _ = decode.TVR(tvr[:])
	c.TSI, _ = decode.TSI(tsi[:])
	r.Card, r.Tags, r.Stored = c, s.items(out.Reading.Data()), s.items(out.Reading.ACData())
	s.say("    card authentication: %s\n", c.authentication())
	for _, line := range [][2]string{{"device", c.Device}, {"token requestor", c.TokenRequestor}} {
		if line[1] != "" {
			s.say("    %s: %s\n", line[0], line[1])
		}
	}
	s.tree(c.TVR, c.TSI)
}

func (c *tapCard) authentication() string {
	switch {
	case c.MagneticStripe:
		return "none, magnetic stripe mode"
	case c.Authenticated:
		return c.Authentication + " successful"
	case c.Authentication == "none":
		return "not performed"
	}
	return c.Authentication + " not successful"
}

// resumed notes and prints what became of the issuer's answer.
func (r *tapReport) resumed(s *tapSession, out tap.Outcome) {
	r.Resumed = s.outcomeOf(out)
	s.say("\n== outcome after the issuer's answer\n")
	s.sayOutcome(r.Resumed)
}

var interfaces = map[tap.Interface]string{
	tap.NoInterface: "n/a", tap.Contact: "contact", tap.MagneticStripe: "magnetic stripe", tap.AnyInterface: "any",
}

var onlineData = map[tap.OnlineData]string{tap.NoOnlineData: "n/a", tap.EMVOnlineData: "EMV data", tap.AnyOnlineData: "any"}

func (s *tapSession) outcomeOf(out tap.Outcome) *tapOutcome {
	o := &tapOutcome{
		Kind: out.Kind.String(), Reason: out.Reason, Start: out.Start.String(), OnlineData: onlineData[out.OnlineData], CVM: out.CVM.String(),
		AlternateInterface: interfaces[out.AlternateInterface], Receipt: out.Receipt,
		FieldOffMs: out.FieldOff.Milliseconds(), RemovalTimeoutMs: out.RemovalTimeout.Milliseconds(),
		Discretionary: s.items(append(emvkernel.Secret{}, out.Discretionary...)),
	}
	if out.UI != nil {
		o.UI = uiLine(*out.UI)
	}
	if out.Restart != nil {
		o.Restart = uiLine(*out.Restart)
	}
	return o
}

func (s *tapSession) sayOutcome(o *tapOutcome) {
	line := o.Kind
	if o.Reason != "" {
		line += ": " + o.Reason
	}
	s.say("    %s\n", line)
	receipt := "no"
	if o.Receipt {
		receipt = "yes"
	}
	for _, p := range [][2]string{
		{"start", o.Start}, {"online response data", o.OnlineData}, {"CVM", o.CVM}, {"alternate interface", o.AlternateInterface}, {"receipt", receipt},
		{"field off", lasting(o.FieldOffMs)}, {"removal timeout", lasting(o.RemovalTimeoutMs)}, {"ui on outcome", o.UI}, {"ui on restart", o.Restart},
	} {
		if p[1] != "" {
			s.say("    %s: %s\n", p[0], p[1])
		}
	}
	if len(o.Discretionary) > 0 {
		s.say("    discretionary data:\n")
		for _, i := range o.Discretionary {
			for line := range strings.Lines(i.String()) {
				s.say("      %s", line)
			}
		}
	}
}

func lasting(ms int64) string {
	if ms == 0 {
		return "n/a"
	}
	return (time.Duration(ms) * time.Millisecond).String()
}

// finish notes what is known at the end: the result, and what passed.
func (r *tapReport) finish(s *tapSession, recorded *transcript.Transcript, answer *emvkernel.Answer, err error) {
	r.Result = result(r.Outcome, answer, err)
	if err != nil {
		r.Reason = s.redactor.Text(err.Error())
	}
	if s.source.soft != nil {
		if _, e, ok := s.source.soft.TapExpectation(); ok {
			r.Expects = e.String()
		}
	}
	if !s.options.clear {
		recorded = transcript.Redact(recorded)
		defer recorded.Wipe()
	}
	r.Taps = tapsOf(recorded)
	if r.Result == resultAgain {
		r.Reason = s.enough().Error()
		r.Taps = r.Taps[:min(s.taps, len(r.Taps))] // the one that was not allowed is none
	}
	for _, t := range r.Taps {
		r.Traffic.Commands += t.Traffic.Commands
		r.Traffic.Sent += t.Traffic.Sent
		r.Traffic.Received += t.Traffic.Received
	}
}

// result is what the payment came to, in a word.
func result(o *tapOutcome, answer *emvkernel.Answer, err error) string {
	switch {
	case errors.Is(err, errTaps):
		return resultAgain
	case err != nil || o == nil:
		return resultError
	case o.Kind == tap.Approved.String():
		return resultApproved
	case o.Kind == tap.TryAnotherInterface.String():
		return resultInsert
	case o.Kind == tap.EndApplication.String():
		return resultEnded
	case o.Kind != tap.OnlineRequest.String():
		return resultDeclined
	case answer == nil:
		return resultAsks
	case answer.Kind == emvkernel.Deferred:
		return resultStored
	case answer.Kind == emvkernel.IssuerAnswered && approves(answer.ARC):
		return resultApproved
	}
	return resultDeclined // a card that asked for its issuer does not decide instead of it by tap
}

// tapsOf divides what was recorded by activations. What was shown before the first belongs to it; without one there
// was no tap.
func tapsOf(t *transcript.Transcript) []tapTrace {
	taps := []tapTrace{}
	current := tapTrace{Events: []tapEvent{}}
	begun := false
	begin := func() {
		if begun {
			taps = append(taps, current)
			current = tapTrace{Events: []tapEvent{}}
		}
		begun = true
	}
	for _, e := range t.Events {
		switch e.Kind {
		case transcript.Tap:
			begin()
			current.Timed = e.Text != ""
		case transcript.Field:
			begin()
			current.Failed = e.Text
		case transcript.Command:
			current.Events = append(current.Events, tapEvent{exchange: &exchange{Name: apdu.Name(e.Bytes), Command: fmt.Sprintf("%X", e.Bytes)}})
			current.Traffic.Commands++
			current.Traffic.Sent += len(e.Bytes)
		case transcript.Response:
			current.Events[len(current.Events)-1].Response = fmt.Sprintf("%X", e.Bytes)
			current.Traffic.Received += len(e.Bytes)
		case transcript.Fault:
			current.Events[len(current.Events)-1].Fault = e.Text
		case transcript.Took:
			current.Events[len(current.Events)-1].Took = e.Text
		case transcript.Number:
			current.Events = append(current.Events, tapEvent{Number: fmt.Sprintf("%X", e.Bytes)})
		case transcript.UI:
			if item, err := decode.UIRequest(e.Bytes); err == nil {
				current.Events = append(current.Events, tapEvent{UI: itemLine(item)})
			}
		}
	}
	if begun {
		taps = append(taps, current)
	}
	return taps
}

// report prints the end of the trace, or all of it as JSON.
func (s *tapSession) report(r *tapReport) error {
	if s.options.json {
		return s.app.printJSON(r)
	}
	s.say("\n== result\n    %s\n", r.Result)
	if r.Result == resultAgain {
		s.say("    %s\n", r.Reason)
	}
	for i, t := range r.Taps {
		s.say("    tap %d: %v\n", i+1, t.Traffic)
	}
	if r.Expects != "" {
		s.say("    the card's profile, of its own tap, expects: %s\n", r.Expects)
	}
	if r.Transcript != "" {
		s.say("    transcript: %s\n", r.Transcript)
	}
	if len(r.Stored) > 0 {
		s.say("\n== data set of the cryptogram\n")
		s.tree(r.Stored...)
	}
	if r.Redacted {
		s.say(maskedNote)
	}
	return nil
}
