package sandbox

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"smartreader/firmware/platform"
	"smartreader/store/seal"
)

// operator is authorization.RescuedBy when no reader did it.
const operator = "operator"

// rescue handles a stored payment submitted by another reader.
func (s *Sandbox) rescue(w http.ResponseWriter, r *http.Request, c caller) {
	var q platform.Rescue
	if err := readJSON(w, r, &q); err != nil {
		s.refuse(w, err)
		return
	}
	by := c.reader.ID
	if by == q.ReaderID {
		by = "" // its own payment: a submission like any other
	}
	s.answerRescue(w, q, by, s.refuse)
}

// operatorRescue is the same for the shop's own people, from an export on disk.
// Unlike the rest of the public face it takes JSON, and needs no
// Idempotency-Key: the natural key is one.
func (s *Sandbox) operatorRescue(w http.ResponseWriter, r *http.Request) {
	if !authorized(r) {
		answerUnauthorized(w)
		return
	}
	var q platform.Rescue
	err := readJSON(w, r, &q)
	if err != nil {
		s.refuseOperator(w, err)
		return
	}
	s.answerRescue(w, q, operator, s.refuseOperator)
}

// refuseOperator keeps status and code of the reader face, in the public form.
func (s *Sandbox) refuseOperator(w http.ResponseWriter, err error) {
	if r, ok := errors.AsType[*refusal](err); ok {
		answerError(w, &stripeError{r.status, "invalid_request_error", r.code, r.message, ""})
		return
	}
	s.answerPublicError(w, err)
}

func (s *Sandbox) answerRescue(w http.ResponseWriter, q platform.Rescue, by string, refuse func(http.ResponseWriter, error)) {
	verdict, lost, err := s.submitRescue(q, by)
	if err != nil {
		refuse(w, err)
		return
	}
	if lost {
		panic(http.ErrAbortHandler) // cuts the connection without an answer
	}
	writeBody(w, http.StatusOK, verdict)
}

// submitRescue decides like submit, as if the original reader had come. What
// it refuses leaves no trace: nobody may spoil another reader's natural key.
func (s *Sandbox) submitRescue(q platform.Rescue, by string) (verdict []byte, lost bool, err error) {
	if q.Proof == nil {
		return nil, false, refused(http.StatusUnprocessableEntity, platform.CodeProofInvalid, "a rescue needs the payment's newest journal entry")
	}
	var original reader
	var ok bool
	s.view(func(st *state) { original, ok = st.readers.get(q.ReaderID) })
	if !ok {
		return nil, false, refused(http.StatusUnprocessableEntity, platform.CodeAccountMismatch, "the account has no reader %q", q.ReaderID)
	}
	p, err := s.unseal(caller{reader: original}, platform.Submission{
		NaturalKey: q.NaturalKey, Envelope: q.Envelope, Offline: true, StoredAtMs: q.StoredAtMs, Proof: q.Proof,
	}, func(header seal.Header) error {
		if header.NaturalKey() != q.NaturalKey {
			return refused(http.StatusUnprocessableEntity, platform.CodeHeaderMismatch, "the envelope's header is of another natural key")
		}
		return checkRescueProof(original, q, header)
	})
	if err != nil {
		return nil, false, err
	}
	p.rescuedBy = by
	return s.resolve(p)
}

// rescuable are the reader's states (package store) in which a payment still
// waits for somebody to forward it.
var rescuable = []string{"stored", "sending", "unknown", "failed", "rescued"}

// checkRescueProof verifies that the original reader signed the entry, that it
// is of this payment and this envelope, and that the payment then still waited.
// That no newer entry exists cannot be seen here: a payment voided later is
// reversed by its reader, which undoes the charge.
func checkRescueProof(original reader, q platform.Rescue, header seal.Header) error {
	bad := func(why string) error {
		return refused(http.StatusUnprocessableEntity, platform.CodeProofInvalid, "the journal entry %s", why)
	}
	entry := seal.Entry{Header: q.Proof.Header, Signature: q.Proof.Signature}
	if !slices.ContainsFunc(original.Keys, func(der []byte) bool {
		pub, err := x509.ParsePKIXPublicKey(der)
		key, ok := pub.(*ecdsa.PublicKey)
		return err == nil && ok && entry.Verify(key) == nil
	}) {
		return bad("is not signed by the reader that took the payment")
	}
	h, err := seal.ParseEntryHeader(entry.Header)
	if err != nil || h.Kind != seal.KindPayment && h.Kind != seal.KindCarried {
		return bad("is not of a payment")
	}
	// Only the entry that stored the payload names it itself; later ones have it
	// in their body.
	var body struct {
		PayloadHash string `json:"payloadHash"`
	}
	if json.Unmarshal(h.Body, &body) == nil && h.PayloadHash == "" {
		h.PayloadHash = body.PayloadHash
	}
	switch {
	case h.LocalID != header.LocalID || h.Sequence != header.Sequence:
		return bad("is of another payment")
	case h.PayloadHash != seal.HashPayload(q.Envelope):
		return bad("is of another envelope")
	case !slices.Contains(rescuable, h.State):
		return bad("says " + h.State + ": the payment does not wait any more")
	}
	return nil
}
