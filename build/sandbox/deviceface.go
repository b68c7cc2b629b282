package sandbox

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"smartreader/firmware/platform"
)

// maxBody bounds a request of the reader face: an envelope of at most 50 KiB
// in base64, and a journal entry.
const maxBody = 256 << 10

// caller is the authenticated reader of a request.
type caller struct {
	reader reader
	key    *ecdsa.PublicKey
}

// refusal is an error with the HTTP form it has on the reader face.
type refusal struct {
	status  int
	code    string
	message string
}

func (r *refusal) Error() string { return r.code + ": " + r.message }

func refused(status int, code, format string, args ...any) *refusal {
	return &refusal{status, code, fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) *refusal {
	return refused(http.StatusBadRequest, platform.CodeInvalidRequest, format, args...)
}

// deviceHandler is the reader face.
func (s *Sandbox) deviceHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+platform.PathActivate, func(w http.ResponseWriter, r *http.Request) {
		serve(s, w, r, func(q platform.ActivateRequest) (any, error) { return s.activate(q) })
	})
	mux.HandleFunc("GET "+platform.PathConfig, s.asReader(s.config))
	mux.HandleFunc("POST "+platform.PathRedeem, post(s, s.redeem))
	mux.HandleFunc("POST "+platform.PathPaymentIntents, post(s, s.createIntent))
	mux.HandleFunc("GET "+platform.PathPaymentIntents, s.asReader(s.intentBySecret))
	mux.HandleFunc("GET "+platform.PathPaymentIntents+"/{id}", s.asReader(s.intentByID))
	mux.HandleFunc("POST "+platform.PathPaymentIntents+"/{id}/cancel", s.asReader(s.cancelIntent))
	mux.HandleFunc("POST "+platform.PathAuthorize, s.asReader(s.submission(false)))
	mux.HandleFunc("POST "+platform.PathOfflinePayments, s.asReader(s.submission(true)))
	mux.HandleFunc("POST "+platform.PathRescues, s.asReader(s.rescue))
	// Of the public face, which is plain HTTP: programs that insist on TLS before
	// they show the secret key find it here.
	mux.HandleFunc("POST "+platform.PathOperatorRescues, s.operatorRescue)
	mux.HandleFunc("GET "+platform.PathAuthorizations+"/{naturalKey}", s.asReader(s.lookUp))
	mux.HandleFunc("POST "+platform.PathReversals, post(s, s.reverse))
	mux.HandleFunc("POST "+platform.PathHeartbeat, post(s, s.heartbeat))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusNotFound, "no_such_path", "no such path or method on the reader face")
	})
	return mux
}

// asReader authenticates the request by its client certificate.
func (s *Sandbox) asReader(h func(http.ResponseWriter, *http.Request, caller)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, err := s.identify(r)
		if err != nil {
			s.refuse(w, err)
			return
		}
		h(w, r, c)
	}
}

// identify finds the reader. TLS has verified the certificate's chain and
// time; here it must also be the key that was activated last, so that a
// certificate from before a takeover of the serial number is void.
func (s *Sandbox) identify(r *http.Request) (caller, error) {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return caller{}, refused(http.StatusUnauthorized, platform.CodeUnauthenticated, "a client certificate is needed")
	}
	cert := r.TLS.PeerCertificates[0]
	id, err := platform.ReaderID(cert)
	if err != nil {
		return caller{}, refused(http.StatusUnauthorized, platform.CodeUnauthenticated, "the certificate is not a reader's")
	}
	var c caller
	var known bool
	s.view(func(st *state) { c.reader, known = st.readers.get(id) })
	pub, ok := cert.PublicKey.(*ecdsa.PublicKey)
	if !known || !ok || c.reader.KeyHash != keyHash(cert) {
		return caller{}, refused(http.StatusUnauthorized, platform.CodeUnauthenticated, "the reader is not activated with this certificate")
	}
	c.key = pub
	s.saw(id)
	return c, nil
}

func keyHash(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:])
}

// post is an authenticated handler from JSON to JSON.
func post[Q any](s *Sandbox, h func(caller, Q) (any, error)) http.HandlerFunc {
	return s.asReader(func(w http.ResponseWriter, r *http.Request, c caller) {
		serve(s, w, r, func(q Q) (any, error) { return h(c, q) })
	})
}

// serve decodes the body, calls h and answers with its result.
func serve[Q any](s *Sandbox, w http.ResponseWriter, r *http.Request, h func(Q) (any, error)) {
	var q Q
	if err := readJSON(w, r, &q); err != nil {
		s.refuse(w, err)
		return
	}
	answer, err := h(q)
	if err != nil {
		s.refuse(w, err)
		return
	}
	writeJSON(w, http.StatusOK, answer)
}

// readJSON decodes exactly one JSON value. Unknown members are ignored, so
// readers may be newer than this platform.
func readJSON(w http.ResponseWriter, r *http.Request, v any) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLong *http.MaxBytesError
	if errors.As(err, &tooLong) {
		return refused(http.StatusRequestEntityTooLarge, platform.CodeInvalidRequest, "the body is longer than %d bytes", maxBody)
	}
	if err != nil {
		return invalid("the body broke off")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	if err := decoder.Decode(v); err != nil {
		return invalid("the body is not the expected JSON")
	}
	if _, err := decoder.Token(); err != io.EOF {
		return invalid("there is more after the JSON value")
	}
	return nil
}

// refuse answers with err: a refusal as such, anything else as a failure of
// the platform, after which a reader knows nothing.
func (s *Sandbox) refuse(w http.ResponseWriter, err error) {
	var r *refusal
	if errors.As(err, &r) {
		refuse(w, r.status, r.code, r.message)
		return
	}
	s.log.Error("request failed", "err", err)
	refuse(w, http.StatusInternalServerError, "internal", "the platform failed")
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	var body platform.ErrorBody
	body.Error.Code, body.Error.Message = code, message
	writeJSON(w, status, body)
}
