package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/decode"
	"smartreader/emvkernel/tlv"
	"smartreader/emvkernel/transcript"
)

// testTerminal is what a transcript calls the terminal without a -config file.
const testTerminal = "test terminal"

// session is one run of a transaction.
type session struct {
	tracer
	cfg    *emvkernel.Config
	source *source
	tx     *emvkernel.Transaction

	tvr       emvkernel.TVR // as last reported
	tsi       emvkernel.TSI
	steps     []step
	odaReason string // why offline data authentication failed
	request   *request
	issuer    string // what the test issuer found
}

// step is one step of the transaction, as reported.
type step struct {
	Name    string        `json:"step"`
	TVR     string        `json:"tvr"`
	TSI     string        `json:"tsi"`
	Set     []decode.Item `json:"set,omitempty"` // bits that were not set before
	Outcome string        `json:"outcome,omitempty"`
	Reason  string        `json:"reason,omitempty"`
}

// request is what terminal action analysis came to.
type request struct {
	Asks string   `json:"asks"`
	Why  []string `json:"why,omitempty"`
}

func (s *session) run(ctx context.Context, params emvkernel.Params) error {
	recorder := transcript.NewRecorder(s, s.source.atr)
	defer recorder.Wipe()
	lines := bufio.NewReader(s.app.stdin)
	var holder emvkernel.Cardholder = &person{s.app, lines}
	switch {
	case s.source.played != nil:
		params = s.source.played.Payment.Params()
		params.PINPad = s.source.player.PINPad()
		holder = s.source.player.Cardholder()
	case s.options.pin != "":
		params.PINPad = &pad{card: recorder, digits: s.options.pin, prompt: s.app.stderr, lines: lines}
	}
	var err error
	s.tx, err = emvkernel.NewTransaction(s.cfg, recorder.Params(params), recorder, recorder.Cardholder(holder), slog.New((*listener)(s)))
	if err != nil {
		return setup(err)
	}
	defer s.tx.Wipe()
	if len(s.source.atr) > 0 {
		if item, err := decode.ATR(s.source.atr); err == nil {
			s.tree(item)
		}
	}
	out, err := s.collect(ctx)
	asked := err == nil && out.Kind == emvkernel.OnlineRequest
	var answer *emvkernel.Answer
	switch {
	case asked && s.source.played != nil:
		answer = s.source.played.Answer
	case asked:
		a, failed := s.options.answer(s.source.soft != nil, s.askTestIssuer)
		if failed != nil {
			fmt.Fprintf(s.app.stderr, "emv: %v; the payment is deferred\n", failed)
		}
		answer = &a
	}
	if answer != nil {
		s.say("\nissuer: %s\n", answerText(*answer, s.issuer))
		out, err = s.step("complete", func() (emvkernel.Outcome, error) { return s.tx.Complete(ctx, *answer) })
	}
	recorded := recorder.Transcript()
	recorded.Config, recorded.Answer = testTerminal, answer
	if s.options.config != "" {
		recorded.Config = filepath.Base(s.options.config)
	}
	recorded.End(s.tx, out, err)
	defer recorded.Wipe()
	var unsaved error // what happened is told all the same
	if s.options.record != "" {
		unsaved = s.options.save(recorded)
	}
	replayed := ""
	if s.source.player != nil {
		replayed = "as recorded"
		if s.source.played.Redacted {
			replayed = "as recorded, but for what needs the certificates, which are redacted"
		}
		if differs := s.source.player.Done(); differs != nil {
			made := s.source.played.Config
			if _, mismatch := errors.AsType[*transcript.Mismatch](differs); mismatch && s.options.config == "" && made != testTerminal {
				differs = fmt.Errorf("%w; was it made with another terminal (%q)? Give it with -config", differs, made)
			}
			if _, parted := errors.AsType[*transcript.Parted](differs); parted {
				differs = fmt.Errorf("%w; a recording in clear (-clear, test cards only) can be played to its end", differs)
			}
			replayed, err = differs.Error(), differs
		}
	}
	stored := err == nil && asked && answer != nil && answer.Kind == emvkernel.Deferred
	if reported := s.report(out, err, recorded, answer, stored, replayed); reported != nil {
		return reported
	}
	switch {
	case unsaved != nil:
		return unsaved
	case err != nil:
		return errors.New("no outcome: " + s.redactor.Text(err.Error()))
	case out.Kind != emvkernel.Approved && !stored && (!asked || answer != nil):
		return errNotApproved
	}
	return nil
}

// collect runs the steps one by one up to the first GENERATE AC.
func (s *session) collect(ctx context.Context) (out emvkernel.Outcome, err error) {
	type named struct {
		name string
		run  func(context.Context) (emvkernel.Outcome, error)
	}
	choose := []named{{"select application", s.tx.SelectApplication}, {"initiate application", s.tx.InitiateApplication}}
	due := append([]named{{"build candidate list", s.tx.BuildCandidates}}, choose...)
	rest := []named{
		{"read data", s.tx.ReadData}, {"authenticate data", s.tx.AuthenticateData}, {"check restrictions", s.tx.CheckRestrictions},
		{"verify cardholder", s.tx.VerifyCardholder}, {"manage risk", s.tx.ManageRisk}, {"analyze terminal action", s.tx.AnalyzeTerminalAction},
		{"first GENERATE AC", s.tx.FirstGenerateAC},
	}
	due = append(due, rest...)
	for len(due) > 0 {
		next := due[0]
		due = due[1:]
		out, err = s.step(next.name, func() (emvkernel.Outcome, error) { return next.run(ctx) })
		switch {
		case err != nil:
			return out, err
		case out.Kind == emvkernel.SelectAgain:
			due = append(append([]named{}, choose...), rest...)
		case out.Kind != emvkernel.Undecided:
			return out, nil
		}
	}
	return out, nil
}

// step runs a step and reports what it changed.
func (s *session) step(name string, run func() (emvkernel.Outcome, error)) (emvkernel.Outcome, error) {
	s.say("\n== %s\n", name)
	out, err := run()
	done := step{Name: name, TVR: s.tx.TVR().String(), TSI: s.tx.TSI().String()}
	for _, r := range []struct {
		of       string
		now, was []byte
		decode   func([]byte) (decode.Item, error)
	}{{"TVR", bytesOf(s.tx.TVR()), bytesOf(s.tvr), decode.TVR}, {"TSI", tsiBytes(s.tx.TSI()), tsiBytes(s.tsi), decode.TSI}} {
		fresh := make([]byte, len(r.now))
		for i := range fresh {
			fresh[i] = r.now[i] &^ r.was[i]
		}
		if item, err := r.decode(fresh); err == nil {
			for _, bit := range item.Items {
				bit.Name = r.of + " " + bit.Name
				done.Set = append(done.Set, bit)
			}
		}
	}
	s.tvr, s.tsi = s.tx.TVR(), s.tx.TSI()
	s.tree(done.Set...)
	switch name {
	case "authenticate data":
		s.say("    offline data authentication: %s\n", s.odaText())
	case "verify cardholder":
		if item, err := decode.CVMResults(s.value(0x9F34)); err == nil {
			s.tree(item)
		}
	}
	if out.Kind != emvkernel.Undecided {
		done.Outcome, done.Reason = out.Kind.String(), out.Reason
		s.say("    outcome: %v: %s\n", out.Kind, out.Reason)
	}
	if err != nil {
		done.Outcome, done.Reason = "error", s.redactor.Text(err.Error())
	}
	s.steps = append(s.steps, done)
	return out, err
}

func bytesOf(r emvkernel.TVR) []byte  { return r[:] }
func tsiBytes(r emvkernel.TSI) []byte { return r[:] }

// value is a data object of the transaction.
func (s *session) value(tag tlv.Tag) []byte {
	list, err := tlv.Parse(s.tx.Data())
	if err != nil {
		return nil
	}
	e, _ := tlv.Find(list, tag)
	return e.Value
}

func (s *session) odaText() string {
	method := s.tx.AuthenticationMethod()
	switch {
	case method == "none":
		return "not performed, card and terminal have no method in common"
	case s.odaReason != "":
		return method + " failed: " + s.odaReason
	case method == "CDA" && !s.tx.Authenticated():
		return "CDA, keys recovered; the signature comes with the cryptogram"
	}
	return method + " successful"
}

// Transceive stands between recorder and card, and prints what passes.
func (s *session) Transceive(ctx context.Context, command []byte) ([]byte, error) {
	if command[1] == apdu.INSGenerateAC && s.request == nil {
		s.request = s.analyze(command[2])
		s.say("    the terminal %s\n", s.request.Asks)
		for _, why := range s.request.Why {
			s.say("      because %s\n", why)
		}
	}
	return s.pass(command, func() ([]byte, error) { return s.source.card.Transceive(ctx, command) })
}

// listener hears from the kernel's log why an authentication failed.
type listener session

func (l *listener) Enabled(context.Context, slog.Level) bool { return true }

func (l *listener) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "offline data authentication failed" {
		r.Attrs(func(a slog.Attr) bool {
			if a.Key == "reason" {
				l.odaReason = a.Value.String()
			}
			return true
		})
	}
	return nil
}

func (l *listener) WithAttrs([]slog.Attr) slog.Handler { return l }
func (l *listener) WithGroup(string) slog.Handler      { return l }
