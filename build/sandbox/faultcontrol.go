package sandbox

import (
	"bytes"
	"io"
	"net/http"
)

// The bodies of the fault switches; ControlHandler lists them.
type (
	countBody struct {
		Count int `json:"count"`
	}
	statusBody struct {
		Status int `json:"status"`
		Count  int `json:"count"`
	}
	rateBody struct {
		RetryAfterSeconds int `json:"retryAfterSeconds"`
		Count             int `json:"count"`
	}
	onBody struct {
		On bool `json:"on"`
	}
	portalBody struct {
		On               bool   `json:"on"`
		Kind             string `json:"kind"`
		WrongCertificate bool   `json:"wrongCertificate"` // with the portal; the switch of its own name stays as it is without
	}
	clockBody struct {
		OffsetMs *int64 `json:"offsetMs"`
	}
)

// faultControl mounts the switches under /control/platform/faults.
func (s *Sandbox) faultControl(mux *http.ServeMux) {
	faultSwitch(s, mux, "latency", Latency{}, s.SetLatency)
	faultSwitch(s, mux, "http", statusBody{Status: http.StatusServiceUnavailable}, func(b statusBody) error { return s.AnswerStatus(b.Status, b.Count) })
	faultSwitch(s, mux, "rate_limit", rateBody{RetryAfterSeconds: 1}, func(b rateBody) error { return s.RateLimit(b.RetryAfterSeconds, b.Count) })
	faultSwitch(s, mux, "reset", countBody{1}, func(b countBody) error { return s.ResetAnswers(b.Count) })
	faultSwitch(s, mux, "lose_answer", countBody{1}, func(b countBody) error { return s.LoseAnswers(b.Count) })
	faultSwitch(s, mux, "wrong_certificate", onBody{true}, func(b onBody) error { return s.SetWrongCertificate(b.On) })
	faultSwitch(s, mux, "captive_portal", portalBody{On: true, Kind: PortalPage}, func(b portalBody) error {
		if !b.On {
			b.Kind = ""
		} else if b.Kind == "" {
			return invalid("kind is html, redirect or plain")
		}
		if err := s.SetCaptivePortal(b.Kind); err != nil || !b.WrongCertificate {
			return err
		}
		return s.SetWrongCertificate(b.On)
	})
	faultSwitch(s, mux, "clock", clockBody{}, func(b clockBody) error {
		if b.OffsetMs == nil {
			return invalid(`the body is {"offsetMs":...}`)
		}
		return s.SetClock(*b.OffsetMs)
	})
	faultSwitch(s, mux, "forget_keys", struct{}{}, func(struct{}) error { return s.ForgetKeys() })
	faultSwitch(s, mux, "clear", struct{}{}, func(struct{}) error { return s.ClearFaults() })
}

// faultSwitch mounts one switch; body is what members that are absent mean.
func faultSwitch[B any](s *Sandbox, mux *http.ServeMux, name string, body B, set func(B) error) {
	mux.HandleFunc("POST /control/platform/faults/"+name, func(w http.ResponseWriter, r *http.Request) {
		b := body
		given, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err == nil && len(bytes.TrimSpace(given)) > 0 {
			err = DecodeObject(given, &b)
		}
		if err != nil {
			s.refuse(w, invalid("the body does not fit this fault: %v", err))
			return
		}
		s.controlled(w, set(b))
	})
}
