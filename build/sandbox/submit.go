package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"

	"smartreader/firmware/platform"
	"smartreader/store/seal"
)

// submission handles authorize and offline_payments: one way for both, because
// a payment may be sent to either and must be recognised on the other.
func (s *Sandbox) submission(offline bool) func(http.ResponseWriter, *http.Request, caller) {
	return func(w http.ResponseWriter, r *http.Request, c caller) {
		var q platform.Submission
		if err := readJSON(w, r, &q); err != nil {
			s.refuse(w, err)
			return
		}
		if q.Offline != offline {
			s.refuse(w, invalid("offline: does not fit the path"))
			return
		}
		verdict, lost, err := s.submit(c, q)
		if err != nil {
			s.refuse(w, err)
			return
		}
		if lost {
			panic(http.ErrAbortHandler) // cuts the connection without an answer
		}
		writeBody(w, http.StatusOK, verdict)
	}
}

// submit returns the verdict as it is sent, and whether the answer is to be
// lost on the way.
func (s *Sandbox) submit(c caller, q platform.Submission) (verdict []byte, lost bool, err error) {
	p, err := s.unseal(c, q, func(header seal.Header) error { return checkProof(c, q, header) })
	if err != nil {
		return nil, false, err
	}
	return s.resolve(p)
}

// resolve gives the verdict of the natural key: the first one, or a new one.
func (s *Sandbox) resolve(p *opened) (verdict []byte, lost bool, err error) {
	defer clear(p.plaintext)
	err = s.update(func(t *tx) error {
		count := t.counters
		if known, ok := t.authorizations.get(p.naturalKey); ok {
			if known.Facts != "" && known.Facts != p.facts {
				return refused(http.StatusConflict, platform.CodeNaturalKeyConflict, "the natural key was used for another payment")
			}
			verdict = known.Verdict
			count.Repeated++
		} else {
			verdict, err = s.decide(t, p)
			if err != nil {
				return err
			}
			count.Processed++
		}
		t.put(count)
		if f := t.faults; f.LoseAnswers > 0 {
			f.LoseAnswers--
			f.AnswersLost++
			t.put(f)
			lost = true
		}
		return nil
	})
	return verdict, lost, err
}

// opened is a submission whose envelope has been opened.
type opened struct {
	caller     caller
	key        platform.NaturalKey
	naturalKey string
	header     seal.Header
	plaintext  []byte
	facts      string
	offline    bool
	storedAtMs int64
	rescuedBy  string // as in authorization
	pin        *platform.PINBlock
}

// unseal opens the envelope and checks who sealed it for what; prove checks the
// journal entry against its header. Its refusals leave no trace: nothing in the
// request can be trusted yet.
func (s *Sandbox) unseal(c caller, q platform.Submission, prove func(seal.Header) error) (*opened, error) {
	key, err := platform.ParseNaturalKey(q.NaturalKey)
	if err != nil {
		return nil, invalid("naturalKey: not of the form reader.sequence.ATC.cryptogram")
	}
	if key.ReaderID != c.reader.ID {
		return nil, invalid("naturalKey: of another reader")
	}
	raw, plaintext, err := seal.Open(func(id string) (seal.PrivateKey, bool) {
		return s.keys.seal, id == s.keys.seal.ID()
	}, q.Envelope)
	if err != nil {
		return nil, refused(http.StatusUnprocessableEntity, platform.CodeEnvelopeUnreadable, "the envelope does not open: %v", err)
	}
	header, err := seal.ParseHeader(raw)
	if err != nil {
		clear(plaintext)
		return nil, refused(http.StatusUnprocessableEntity, platform.CodeEnvelopeUnreadable, "the envelope's header is malformed")
	}
	if err := prove(header); err != nil {
		clear(plaintext)
		return nil, err
	}
	facts, err := factsOf(header, plaintext)
	if err != nil {
		clear(plaintext)
		return nil, err
	}
	return &opened{
		caller: c, key: key, naturalKey: q.NaturalKey, header: header, plaintext: plaintext, facts: facts,
		offline: q.Offline, storedAtMs: q.StoredAtMs, pin: q.PIN,
	}, nil
}

// checkProof verifies the journal entry that came along, if one did.
func checkProof(c caller, q platform.Submission, header seal.Header) error {
	if q.Proof == nil {
		return nil
	}
	bad := refused(http.StatusUnprocessableEntity, platform.CodeProofInvalid, "the journal entry is not this reader's record of this envelope")
	entry := seal.Entry{Header: q.Proof.Header, Signature: q.Proof.Signature}
	if entry.Verify(c.key) != nil {
		return bad
	}
	h, err := seal.ParseEntryHeader(entry.Header)
	if err != nil || h.LocalID != header.LocalID || h.Sequence != header.Sequence || h.PayloadHash != seal.HashPayload(q.Envelope) {
		return bad
	}
	return nil
}

// factsOf hashes what makes a payment this payment. Left out is what may
// differ between two tries of the same one: how it was sent, the mode it was
// collected in, and the intent id, which the reader may learn late.
func factsOf(h seal.Header, plaintext []byte) (string, error) {
	h.Offline = false
	h.IntentID = ""
	encoded, err := h.Bytes()
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	first := sha256.Sum256(encoded)
	sum.Write(first[:])
	sum.Write(plaintext)
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// lookUp returns the verdict of a natural key of this reader.
func (s *Sandbox) lookUp(w http.ResponseWriter, r *http.Request, c caller) {
	naturalKey := r.PathValue("naturalKey")
	var a authorization
	var ok bool
	s.view(func(st *state) { a, ok = st.authorizations.get(naturalKey) })
	if !ok || a.ReaderID != c.reader.ID {
		refuse(w, http.StatusNotFound, platform.CodeAuthorizationNotFound, "nothing was ever submitted under this natural key")
		return
	}
	writeBody(w, http.StatusOK, a.Verdict)
}

// reverse undoes whatever was, or will be, submitted under the natural key.
func (s *Sandbox) reverse(c caller, q platform.ReversalRequest) (any, error) {
	key, err := platform.ParseNaturalKey(q.NaturalKey)
	if err != nil || key.ReaderID != c.reader.ID {
		return nil, invalid("naturalKey: not of this reader")
	}
	var answer platform.Reversal
	err = s.update(func(t *tx) error {
		a, known := t.authorizations.get(q.NaturalKey)
		if a.Reversal != nil {
			answer = *a.Reversal
			return nil
		}
		answer = platform.Reversal{NaturalKey: q.NaturalKey, Outcome: platform.ReversalNothing, ChargeID: a.ChargeID}
		verdict := platform.Verdict{
			NaturalKey: q.NaturalKey, Status: platform.StatusFailed, Code: platform.CodeReversed,
			Message: "reversed by the reader", Reversed: true, Rescued: a.RescuedBy != "",
		}
		if !known {
			a = authorization{NaturalKey: q.NaturalKey, ReaderID: key.ReaderID, Sequence: key.Sequence, AtMs: t.atMs}
			answer.Outcome = platform.ReversalNeverKnown
		} else if charged, ok := t.charges.get(a.ChargeID); ok && charged.live() {
			o, _ := t.intents.get(a.IntentID)
			undone := t.undo(&o)
			answer.Outcome = platform.ReversalReleased
			if undone.Captured > 0 {
				answer.Outcome = platform.ReversalRefunded
			}
			verdict.ChargeID, verdict.Intent = undone.ID, &o.PaymentIntent
			t.put(undone)
			t.put(o)
		}
		if answer.Outcome != platform.ReversalNothing {
			var err error
			if a.Verdict, err = json.Marshal(verdict); err != nil {
				return err
			}
		}
		a.Reversal = &answer
		t.put(a)
		return nil
	})
	if err == nil {
		s.log.Info("reversal", "naturalKey", q.NaturalKey, "outcome", string(answer.Outcome))
	}
	return answer, err
}
