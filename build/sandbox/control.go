package sandbox

import (
	"encoding/json"
	"errors"
	"net/http"

	"smartreader/firmware/platform"
)

// Status is the answer of GET /control/platform.
type Status struct {
	Unreachable    bool              `json:"unreachable"`
	LoseNextAnswer bool              `json:"loseNextAnswer"`
	Faults         Faults            `json:"faults"` // all switches, those two included
	Totals         Totals            `json:"totals"`
	Readers        []platform.Reader `json:"readers"`
	Gaps           map[string][]Gap  `json:"gaps"`       // by reader id; readers without gaps are absent
	Duplicates     []Duplicate       `json:"duplicates"` // always empty
}

// Status returns switches, totals and gaps.
func (s *Sandbox) Status() Status {
	status := Status{Totals: s.Totals(), Gaps: make(map[string][]Gap), Readers: []platform.Reader{}}
	s.view(func(st *state) {
		status.Unreachable = st.faults.Unreachable
		status.LoseNextAnswer = st.faults.LoseAnswers > 0
		status.Faults = st.faults.Faults
		status.Duplicates = st.duplicates()
		for _, r := range st.readers.all() {
			status.Readers = append(status.Readers, r.Reader)
			if gaps := st.gaps(r.ID); gaps != nil {
				status.Gaps[r.ID] = gaps
			}
		}
	})
	return status
}

// ControlHandler is the switchboard over HTTP. Whoever mounts it keeps it on
// loopback; it asks for no key and is not affected by the faults.
//
//	GET  /control/platform                      Status
//	GET  /control/platform/gaps?reader=tmr_...  [{"from":3,"to":4}]
//	POST /control/platform/unreachable          {"on":true}
//	POST /control/platform/lose_next_answer
//	POST /control/platform/revoke_pos           {"posId":"..."}
//	GET  /control/platform/payments             [PaymentCharges]
//	GET  /control/platform/webhooks             Webhooks
//	GET  /control/platform/offline?location=    Settings of the account, or of a Location
//	PUT  /control/platform/offline              Settings: replaces them
//
// and the faults of the reader face; an empty body means the first form:
//
//	POST /control/platform/faults/latency            {"minMs":100,"maxMs":900} or {"minMs":0,"maxMs":0}; "request":true
//	POST /control/platform/faults/http               {"status":503,"count":2}; count 0: until {"status":0}
//	POST /control/platform/faults/rate_limit         {"retryAfterSeconds":7,"count":1}; 0 seconds: off
//	POST /control/platform/faults/reset              {"count":1}
//	POST /control/platform/faults/lose_answer        {"count":1}
//	POST /control/platform/faults/wrong_certificate  {"on":true}
//	POST /control/platform/faults/captive_portal     {"on":true,"kind":"html","wrongCertificate":false}; or redirect, plain
//	POST /control/platform/faults/clock              {"offsetMs":86400000}
//	POST /control/platform/faults/forget_keys
//	POST /control/platform/faults/clear
//
// Every POST answers with the Status afterwards.
func (s *Sandbox) ControlHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /control/platform", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, s.Status())
	})
	mux.HandleFunc("GET /control/platform/gaps", func(w http.ResponseWriter, r *http.Request) {
		gaps := s.Gaps(r.URL.Query().Get("reader"))
		if gaps == nil {
			gaps = []Gap{}
		}
		writeJSON(w, http.StatusOK, gaps)
	})
	mux.HandleFunc("POST /control/platform/unreachable", func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			On *bool `json:"on"`
		}
		if err := readJSON(w, r, &body); err != nil || body.On == nil {
			refuse(w, http.StatusBadRequest, platform.CodeInvalidRequest, `the body is {"on":true} or {"on":false}`)
			return
		}
		s.controlled(w, s.SetUnreachable(*body.On))
	})
	mux.HandleFunc("POST /control/platform/lose_next_answer", func(w http.ResponseWriter, _ *http.Request) {
		s.controlled(w, s.LoseNextAnswer())
	})
	mux.HandleFunc("POST /control/platform/revoke_pos", func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			POSID string `json:"posId"`
		}
		if err := readJSON(w, r, &body); err != nil || body.POSID == "" {
			refuse(w, http.StatusBadRequest, platform.CodeInvalidRequest, `the body is {"posId":"..."}`)
			return
		}
		s.controlled(w, s.RevokePOS(body.POSID))
	})
	mux.HandleFunc("GET /control/platform/payments", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, s.Payments())
	})
	s.webhookControl(mux)
	s.settingsControl(mux)
	s.faultControl(mux)
	return mux
}

func (s *Sandbox) controlled(w http.ResponseWriter, err error) {
	if err != nil {
		if r, ok := errors.AsType[*refusal](err); ok {
			refuse(w, r.status, r.code, r.message)
			return
		}
		refuse(w, http.StatusInternalServerError, "internal", err.Error())
		return
	}
	writeJSON(w, http.StatusOK, s.Status())
}

// writeJSON answers with v.
func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		refuse(w, http.StatusInternalServerError, "internal", err.Error())
		return
	}
	writeBody(w, status, body)
}

func writeBody(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(body)
}
