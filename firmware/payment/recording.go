package payment

import (
	"smartreader/emvkernel"
	"smartreader/emvkernel/entry"
	"smartreader/emvkernel/tap"
	"smartreader/emvkernel/transcript"
)

// recording is what passes between kernel and card in one transaction. A nil one
// records nothing.
type recording struct {
	*transcript.Recorder
	tapped  bool              // a card was held to the reader; without one there is nothing to keep
	answer  *emvkernel.Answer // what Complete was given
	outcome emvkernel.Outcome // of the last step
	err     error
}

// note remembers how a step ended.
func (r *recording) note(answer *emvkernel.Answer, o emvkernel.Outcome, err error) {
	if r != nil {
		r.answer, r.outcome, r.err = answer, o, err
	}
}

// recordTap has what passes at the antenna recorded, if anything is.
func (m *Machine) recordTap(s *session, p emvkernel.Params, env entry.Environment) (emvkernel.Params, entry.Environment) {
	m.saveRecording(s) // of the tap before, which came to nothing
	if m.opt.Record == nil {
		return p, env
	}
	r := &recording{Recorder: transcript.NewTapRecorder()}
	s.recording = r
	env.Trace = func(card emvkernel.Transceiver) emvkernel.Transceiver {
		r.tapped = true
		return card
	}
	return r.Params(p), r.Environment(env)
}

// endTap remembers how a tap ended.
func (r *recording) endTap(o tap.Outcome, err error) {
	if r != nil {
		r.EndTap(o, err)
	}
}

// saveRecording hands over what was recorded of the transaction, which is over.
func (m *Machine) saveRecording(s *session) {
	r := s.recording
	s.recording = nil
	if r == nil {
		return
	}
	t := r.Transcript()
	r.Wipe()
	switch {
	case !t.Contactless:
		t.Answer = r.answer
		t.Configured(s.settings.Kernel, s.transaction.Card().AID)
		t.End(s.transaction, r.outcome, r.err)
	case r.tapped:
		t.ConfiguredTap(s.settings.Tap)
	default:
		t.Wipe()
		return
	}
	m.opt.Record(s.payment, t)
}
