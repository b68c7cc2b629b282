package sandbox

import (
	"encoding/json"
	"net/http"

	"smartreader/firmware/platform"
)

// Status is the answer of GET /control/platform.
type Status struct {
	Unreachable    bool              `json:"unreachable"`
	LoseNextAnswer bool              `json:"loseNextAnswer"`
	Totals         Totals            `json:"totals"`
	Readers        []platform.Reader `json:"readers"`
	Gaps           map[string][]Gap  `json:"gaps"` // by reader id; readers without gaps are absent
}

// Status returns switches, totals and gaps.
func (s *Sandbox) Status() Status {
	status := Status{Totals: s.Totals(), Gaps: make(map[string][]Gap), Readers: []platform.Reader{}}
	s.view(func(st *state) {
		status.Unreachable = st.faults.Unreachable
		status.LoseNextAnswer = st.faults.LoseNextAnswer
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
	return mux
}

func (s *Sandbox) controlled(w http.ResponseWriter, err error) {
	if err != nil {
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
