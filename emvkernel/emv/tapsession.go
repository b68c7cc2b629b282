package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/decode"
	"smartreader/emvkernel/entry"
	"smartreader/emvkernel/tap"
	"smartreader/emvkernel/transcript"
)

// tapSession is one payment by tap.
type tapSession struct {
	tracer
	cfg    *entry.Config
	source *tapSource
	first  [4]byte // unpredictable number of the first kernel activation
	drawn  uint32  // how many were drawn

	taps   int    // how often a card was activated, or tried to
	kernel string // what the last kernel came to
	issuer string
}

// errTaps is returned when the card was presented as often as -taps allows.
var errTaps = errors.New("the card is asked for again")

func (s *tapSession) run(ctx context.Context, params emvkernel.Params) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	recorder := transcript.NewTapRecorder()
	defer recorder.Wipe()
	switch {
	case s.source.played != nil:
		params = s.source.played.Payment.Params()
		params.PINPad = s.source.player.PINPad()
	case s.options.onlinePIN: // a kernel may look whether there is one; a tapped card takes no PIN
		params.PINPad = &pad{digits: s.options.pin, prompt: s.app.stderr}
	}
	s.first = params.UnpredictableNumber
	payment, err := entry.New(s.cfg, recorder.Params(params), recorder.Environment(s.environment(stop)))
	if err != nil {
		return setup(err)
	}
	r := &tapReport{Redacted: !s.options.clear}
	out, err := payment.Run(ctx)
	defer func() { out.Reading.Wipe() }()
	var answer *emvkernel.Answer
	if err == nil {
		r.outcome(s, out)
		answer = s.ask(r, out)
	}
	last := out
	var given *tap.OnlineAnswer
	if answer != nil && answer.Kind == emvkernel.IssuerAnswered && out.OnlineData != tap.NoOnlineData {
		given = &tap.OnlineAnswer{Approved: approves(answer.ARC), ARC: answer.ARC, IssuerAuthenticationData: answer.IssuerAuthenticationData, Scripts: answer.Scripts}
		last, err = payment.Resume(ctx, *given)
		defer func() { last.Reading.Wipe() }()
		if err == nil {
			r.resumed(s, last)
		}
	}
	recorded := recorder.Transcript()
	defer recorded.Wipe()
	recorded.ConfiguredTap(s.cfg)
	if s.options.config != "" {
		recorded.Config = filepath.Base(s.options.config)
	}
	if recorded.Answer = answer; given != nil {
		recorded.Resumed(*given)
	}
	recorded.EndTap(last, err)
	var unsaved error // what happened is told all the same
	if s.options.record != "" {
		unsaved = s.options.save(recorded)
	}
	if s.source.player != nil {
		r.Transcript, err = s.compare(last, err)
	}
	r.finish(s, recorded, answer, err)
	if reported := s.report(r); reported != nil {
		return reported
	}
	switch {
	case unsaved != nil:
		return unsaved
	case r.Result == resultAgain:
		return errNotApproved
	case err != nil:
		failed := errors.New("no outcome: " + s.redactor.Text(err.Error()))
		if errors.Is(err, errSetup) {
			return setup(failed)
		}
		return failed
	case r.Result != resultApproved && r.Result != resultStored && r.Result != resultAsks:
		return errNotApproved
	}
	return nil
}

// environment is what Entry Point runs in: the card's, and all that happens is printed.
func (s *tapSession) environment(stop context.CancelFunc) entry.Environment {
	env := entry.Environment{Field: s.source.field, UN: s.number, UI: func(tap.UIRequest) {}, Hold: s.source.hold}
	if s.source.player != nil {
		env = s.source.player.Environment(stop)
	}
	shown := env.UI
	env.UI = func(r tap.UIRequest) {
		shown(r)
		s.say("ui: %s\n", uiLine(r))
	}
	env.Field, env.Trace, env.Log = presented{s, env.Field}, s.trace, slog.New((*tapListener)(s))
	return env
}

// ask returns what the issuer says where the outcome asks for it; nil: nothing.
func (s *tapSession) ask(r *tapReport, out tap.Outcome) (answer *emvkernel.Answer) {
	switch {
	case out.Kind != tap.OnlineRequest:
		return nil
	case s.source.played != nil:
		if answer = s.source.played.Answer; answer == nil {
			r.Issuer = "no answer in the transcript: a reader records the card and not its issuer"
			s.say("\nissuer: %s\n", r.Issuer)
		}
	case out.Reading.MagneticStripe() && s.options.arc == "" && !s.options.unable && !s.options.cancel:
		r.Issuer = "not asked: the test issuer knows chips alone, and a magnetic stripe is never stored; -arc gives an answer"
		s.say("\nissuer: %s\n", r.Issuer)
		return nil
	default:
		a, err := s.options.answer(s.source.soft != nil, func() (a emvkernel.Answer, err error) {
			a, s.issuer, err = testIssuer(s.source.soft, out.Reading.ACData())
			return a, err
		})
		if err != nil {
			fmt.Fprintf(s.app.stderr, "emv: %v; the payment is deferred\n", err)
		}
		answer = &a
	}
	if answer != nil {
		r.Issuer = answerText(*answer, s.issuer)
		s.say("\nissuer: %s\n", r.Issuer)
	}
	return answer
}

// compare says how a played transcript ended; its error is what was different.
func (s *tapSession) compare(out tap.Outcome, err error) (string, error) {
	played, differs := s.source.player.TapResult(out, err)
	switch {
	case differs != nil:
		made := s.source.played.Config
		if _, mismatch := errors.AsType[*transcript.Mismatch](differs); mismatch && s.options.config == "" && made != transcript.TestConfig {
			differs = fmt.Errorf("%w; was it made with another terminal (%q)? Give it with -config", differs, made)
		}
		return differs.Error(), differs
	case played.Parted != "":
		why := played.Parted + "; a recording in clear (-clear, test cards only) can be played to its end"
		return why, errors.New(why)
	case s.source.played.Redacted:
		return "as recorded, but for what needs the certificates, which are redacted", err
	}
	return "as recorded", err
}

// number is the unpredictable number of a kernel activation: the payment's, and one more each time.
func (s *tapSession) number() (un [4]byte, err error) {
	binary.BigEndian.PutUint32(un[:], binary.BigEndian.Uint32(s.first[:])+s.drawn)
	s.drawn++
	return un, nil
}

// trace stands between recorder and card, and prints what passes.
func (s *tapSession) trace(card emvkernel.Transceiver) emvkernel.Transceiver {
	link := tracedTap{s, card}
	if timed, ok := card.(tap.Timed); ok {
		return timedTap{link, timed}
	}
	return link
}

type tracedTap struct {
	session *tapSession
	card    emvkernel.Transceiver
}

func (t tracedTap) Transceive(ctx context.Context, command []byte) ([]byte, error) {
	return t.session.pass(command, func() ([]byte, error) { return t.card.Transceive(ctx, command) })
}

type timedTap struct {
	tracedTap
	timed tap.Timed
}

func (t timedTap) TransceiveTimed(ctx context.Context, command []byte) (answer []byte, took time.Duration, ok bool, err error) {
	answer, err = t.session.pass(command, func() (b []byte, err error) {
		b, took, ok, err = t.timed.TransceiveTimed(ctx, command)
		return b, err
	})
	if ok {
		t.session.say("    took %v\n", took)
	}
	return answer, took, ok, err
}

// presented announces each time a card is presented, and ends it after as many as are allowed.
type presented struct {
	session *tapSession
	entry.Field
}

func (p presented) Activate(ctx context.Context) (emvkernel.Transceiver, error) {
	s := p.session
	if s.taps == s.options.taps && s.source.player == nil {
		return nil, s.enough()
	}
	s.taps++
	s.say("\n== tap %d\n", s.taps)
	card, err := p.Field.Activate(ctx)
	if err != nil {
		s.say("  ! %s\n", s.redactor.Text(err.Error()))
	}
	return card, err
}

// enough says why the card is not presented again.
func (s *tapSession) enough() error {
	taps := fmt.Sprintf("%d taps", s.taps)
	if s.taps == 1 {
		taps = "1 tap"
	}
	if s.kernel != "" {
		taps += " (" + s.kernel + ")"
	}
	return fmt.Errorf("%w after %s; -taps allows more", errTaps, taps)
}

// tapListener hears from Entry Point's log what each kernel came to.
type tapListener tapSession

func (l *tapListener) Enabled(context.Context, slog.Level) bool { return true }

func (l *tapListener) Handle(_ context.Context, r slog.Record) error {
	if r.Message != "tap: outcome" {
		return nil
	}
	said := map[string]string{}
	r.Attrs(func(a slog.Attr) bool {
		said[a.Key] = a.Value.String()
		return true
	})
	line := "kernel " + said["kernel"] + ": " + said["outcome"]
	if said["reason"] != "" {
		line += ": " + said["reason"]
	}
	l.kernel = l.redactor.Text(line)
	(*tapSession)(l).say("  %s\n", l.kernel)
	return nil
}

func (l *tapListener) WithAttrs([]slog.Attr) slog.Handler { return l }
func (l *tapListener) WithGroup(string) slog.Handler      { return l }

// approves: codes that approve the full amount, as emvkernel.Answer has it.
func approves(arc [2]byte) bool {
	switch string(arc[:]) {
	case "00", "08", "11":
		return true
	}
	return false
}

// uiLine says a user interface request in a line.
func uiLine(r tap.UIRequest) string {
	item, err := decode.UIRequest(r.Bytes())
	if err != nil {
		return r.String()
	}
	return itemLine(item)
}

// itemLine says the parts of a decoded request in a line.
func itemLine(item decode.Item) string {
	line := ""
	for i, part := range item.Items {
		switch part.Name {
		case "message", "status":
			line += part.Meaning + " (" + part.Value + ")"
		default:
			line += part.Name + " " + part.Meaning
		}
		if i < len(item.Items)-1 {
			line += "; "
		}
	}
	return line
}

// tap runs a payment by tap.
func (a *app) tap(ctx context.Context, o *runOptions, terminal *emvkernel.Config, file []contactlessFile, played *transcript.Transcript, params emvkernel.Params) error {
	cfg, err := o.tapConfig(terminal, file, &params)
	if err != nil {
		return err
	}
	if played != nil && o.config == "" {
		played.ConfigureTap(cfg)
	}
	if err := cfg.Validate(); err != nil {
		return setup(err)
	}
	src, err := o.openField(ctx, played)
	if err != nil {
		return err
	}
	defer src.close()
	s := &tapSession{tracer: tracer{app: a, options: o, redactor: transcript.NewRedactor()}, cfg: cfg, source: src}
	return s.run(ctx, params)
}
