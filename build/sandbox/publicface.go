package sandbox

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"smartreader/firmware/platform"
)

// stripeError is a refusal in the public API's form.
type stripeError struct {
	Status  int    `json:"-"`
	Type    string `json:"type"`
	Code    string `json:"code,omitempty"`
	Message string `json:"message"`
	Param   string `json:"param,omitempty"`
}

func (e *stripeError) Error() string { return e.Message }

func badRequest(code, param, format string, args ...any) *stripeError {
	return &stripeError{http.StatusBadRequest, "invalid_request_error", code, fmt.Sprintf(format, args...), param}
}

func missing(what, id string) *stripeError {
	return &stripeError{http.StatusNotFound, "invalid_request_error", "resource_missing", fmt.Sprintf("No such %s: '%s'", what, id), "id"}
}

// query is one request of the public face: its path id and its parameters.
type query struct {
	id     string
	params url.Values
}

// allow refuses parameters the sandbox does not know, so that a misspelt or
// unsupported one is noticed. A name ending in [] or [*] allows that family.
func (q query) allow(names ...string) error {
	names = append(names, "expand[]", "expand[*]")
	for name := range q.params {
		if slices.Contains(names, name) {
			continue
		}
		if base, _, nested := strings.Cut(name, "["); nested && slices.Contains(names, base+"[*]") {
			continue
		}
		return badRequest("parameter_unknown", name, "Received unknown parameter: %s", name)
	}
	return nil
}

// expanded reports whether expand[] names the member.
func (q query) expanded(member string) bool {
	for name, values := range q.params {
		if strings.HasPrefix(name, "expand[") && slices.Contains(values, member) {
			return true
		}
	}
	return false
}

// integer returns a whole number, or fallback when absent.
func (q query) integer(name string, fallback int64) (int64, error) {
	text := q.params.Get(name)
	if text == "" {
		return fallback, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, badRequest("parameter_invalid_integer", name, "Invalid integer: %s", name)
	}
	return n, nil
}

// boolean returns true or false, or nil when absent.
func (q query) boolean(name string) (*bool, error) {
	var b bool
	switch q.params.Get(name) {
	case "":
		return nil, nil
	case "true":
		b = true
	case "false":
	default:
		return nil, badRequest("", name, "Invalid boolean: %s", name)
	}
	return &b, nil
}

// nested returns the members of name[...].
func (q query) nested(name string) map[string]string {
	var out map[string]string
	for full, values := range q.params {
		if key, ok := strings.CutPrefix(full, name+"["); ok && strings.HasSuffix(key, "]") {
			if out == nil {
				out = make(map[string]string)
			}
			out[strings.TrimSuffix(key, "]")] = values[0]
		}
	}
	return out
}

// publicHandler is the face for a shop's backend.
func (s *Sandbox) publicHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ca.pem", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-pem-file")
		w.Write(s.CAPEM())
	})
	for pattern, h := range map[string]func(*tx, query) (any, error){
		"GET /v1/payment_intents":               listIntents,
		"GET /v1/payment_intents/{id}":          getIntent,
		"GET /v1/charges":                       listCharges,
		"GET /v1/charges/{id}":                  getCharge,
		"GET /v1/terminal/readers":              s.listReaders,
		"GET /v1/terminal/readers/{id}":         s.getReader,
		"GET /v1/terminal/locations":            listLocations,
		"GET /v1/terminal/locations/{id}":       getLocation,
		"GET /v1/terminal/configurations":       listConfigurations,
		"GET /v1/terminal/configurations/{id}":  getConfiguration,
		"POST /v1/payment_intents":              postIntent,
		"POST /v1/payment_intents/{id}/capture": captureIntent,
		"POST /v1/payment_intents/{id}/cancel":  postCancel,
		"POST /v1/terminal/connection_tokens":   postToken,
		"POST /v1/terminal/locations/{id}":      postLocation,
		"POST /v1/terminal/configurations":      postConfiguration,
		"POST /v1/terminal/configurations/{id}": postConfiguration,
		"GET /v1/refunds":                       listRefunds,
		"GET /v1/refunds/{id}":                  getRefund,
		"POST /v1/refunds":                      postRefund,
		"GET /v1/events":                        listEvents,
		"GET /v1/events/{id}":                   getEvent,
		"POST /v1/webhook_endpoints":            postEndpoint,
		"GET /v1/webhook_endpoints":             listEndpoints,
		"GET /v1/webhook_endpoints/{id}":        getEndpoint,
		"DELETE /v1/webhook_endpoints/{id}":     deleteEndpoint,
	} {
		mux.HandleFunc(pattern, s.publicly(h))
	}
	mux.HandleFunc("POST "+platform.PathOperatorRescues, s.operatorRescue)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		answerError(w, &stripeError{http.StatusNotFound, "invalid_request_error", "", fmt.Sprintf("Unrecognized request URL (%s: %s). The sandbox has only part of the API.", r.Method, r.URL.Path), ""})
	})
	return mux
}

// publicly authenticates, decodes the form, honours Idempotency-Key on POST,
// and runs h as one change of the state.
func (s *Sandbox) publicly(h func(*tx, query) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Request-Id", "req_"+rand.Text()[:14])
		if !authorized(r) {
			answerUnauthorized(w)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		if err := r.ParseForm(); err != nil {
			answerError(w, badRequest("", "", "The parameters are not form-encoded."))
			return
		}
		q := query{id: r.PathValue("id"), params: r.Form}
		var key string
		if r.Method == http.MethodPost {
			key = r.Header.Get("Idempotency-Key")
		}
		if len(key) > 255 {
			answerError(w, badRequest("", "", "Idempotency keys have at most 255 characters."))
			return
		}
		body, replayed, err := s.once(key, r.URL.Path, q, h)
		if err != nil {
			s.answerPublicError(w, err)
			return
		}
		if replayed {
			w.Header().Set("Idempotent-Replayed", "true")
		}
		writeBody(w, http.StatusOK, body)
	}
}

func authorized(r *http.Request) bool {
	key, _, ok := r.BasicAuth()
	if !ok {
		key, _ = strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	}
	return subtle.ConstantTimeCompare([]byte(key), []byte(APIKey)) == 1
}

func answerUnauthorized(w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", `Basic realm="Smartreader sandbox"`)
	answerError(w, &stripeError{http.StatusUnauthorized, "invalid_request_error", "", "Invalid API Key provided; the sandbox knows " + APIKey + ".", ""})
}

// once runs h, or returns what it answered under the same key. The answer is
// stored with the changes it tells of.
func (s *Sandbox) once(key, path string, q query, h func(*tx, query) (any, error)) (body []byte, replayed bool, err error) {
	sum := sha256.Sum256([]byte(q.params.Encode()))
	form := hex.EncodeToString(sum[:])
	if err := s.settle(); err != nil {
		return nil, false, err
	}
	err = s.update(func(t *tx) error {
		if known, ok := t.replays.get(key); ok {
			if known.Path != path || known.Form != form {
				return &stripeError{http.StatusBadRequest, "idempotency_error", "", "Keys for idempotent requests can only be used with the same parameters they were first used with.", ""}
			}
			body, replayed = known.Body, true
			return nil
		}
		answer, err := h(t, q)
		if err != nil {
			return err
		}
		if body, err = json.Marshal(answer); err != nil {
			return err
		}
		if key != "" {
			t.put(replay{Key: key, Path: path, Form: form, Body: body, AtMs: t.atMs})
		}
		return nil
	})
	return body, replayed, err
}

func (s *Sandbox) answerPublicError(w http.ResponseWriter, err error) {
	var e *stripeError
	var r *refusal
	switch {
	case errors.As(err, &e):
	case errors.As(err, &r):
		e = &stripeError{http.StatusBadRequest, "invalid_request_error", r.code, r.message, ""}
		if r.status == http.StatusNotFound {
			e.Status, e.Code = r.status, "resource_missing"
		}
	default:
		s.log.Error("request failed", "err", err)
		e = &stripeError{http.StatusInternalServerError, "api_error", "", "The sandbox failed.", ""}
	}
	answerError(w, e)
}

func answerError(w http.ResponseWriter, e *stripeError) {
	writeJSON(w, e.Status, map[string]any{"error": e})
}

// list answers a page of objects, newest first.
func list[T object](q query, path string, all []T, render func(T) any) (any, error) {
	limit, err := q.integer("limit", 10)
	if err != nil {
		return nil, err
	}
	if limit < 1 || limit > 100 {
		return nil, badRequest("", "limit", "limit is 1 to 100")
	}
	slices.Reverse(all)
	if after := q.params.Get("starting_after"); after != "" {
		at := slices.IndexFunc(all, func(o T) bool { return o.key() == after })
		if at < 0 {
			return nil, badRequest("resource_missing", "starting_after", "No such object: '%s'", after)
		}
		all = all[at+1:]
	}
	data := []any{}
	for _, o := range all[:min(int(limit), len(all))] {
		data = append(data, render(o))
	}
	return map[string]any{"object": "list", "url": path, "has_more": len(all) > len(data), "data": data}, nil
}
