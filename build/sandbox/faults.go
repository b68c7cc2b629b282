package sandbox

// SetUnreachable cuts both faces off, or restores them: established
// connections are reset and new ones are reset as soon as they are accepted.
// Requests in progress may or may not have been processed, as in life.
func (s *Sandbox) SetUnreachable(unreachable bool) error {
	err := s.update(func(t *tx) error {
		f := t.faults
		f.Unreachable = unreachable
		t.put(f)
		return nil
	})
	if err == nil {
		s.applyFaults()
		s.log.Info("fault", "unreachable", unreachable)
	}
	return err
}

// LoseNextAnswer makes the next authorize or offline_payments request end with
// a cut connection after it was processed and written to disk.
func (s *Sandbox) LoseNextAnswer() error {
	return s.update(func(t *tx) error {
		f := t.faults
		f.LoseNextAnswer = true
		t.put(f)
		return nil
	})
}

// applyFaults sets the gates as the state has it, and holds the state still
// meanwhile: the last of several callers must have the last word.
func (s *Sandbox) applyFaults() {
	s.view(func(st *state) {
		s.public.set(st.faults.Unreachable)
		s.device.set(st.faults.Unreachable)
	})
}

// RevokePOS voids the credentials of a POS: readers learn it with their next
// configuration.
func (s *Sandbox) RevokePOS(posID string) error {
	return s.update(func(t *tx) error {
		if _, ok := t.revocations.get(posID); !ok {
			t.put(revocation{POSID: posID, AtMs: t.atMs})
		}
		return nil
	})
}
