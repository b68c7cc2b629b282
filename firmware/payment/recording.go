package payment

import (
	"smartreader/emvkernel"
	"smartreader/emvkernel/transcript"
)

// recording is what passes between kernel and card in one transaction. A nil one
// records nothing.
type recording struct {
	*transcript.Recorder
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

// saveRecording hands over what was recorded of the transaction, which is over.
func (m *Machine) saveRecording(s *session) {
	r := s.recording
	s.recording = nil
	if r == nil {
		return
	}
	t := r.Transcript()
	r.Wipe()
	t.Answer = r.answer
	t.Configured(s.settings.Kernel, s.transaction.Card().AID)
	t.End(s.transaction, r.outcome, r.err)
	m.opt.Record(s.payment, t)
}
