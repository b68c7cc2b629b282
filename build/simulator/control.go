package main

import (
	"context"
	"encoding/json"
	"errors"
	"image/png"
	"net"
	"net/http"
	"strings"
	"time"

	"smartreader/build/sandbox"
	"smartreader/emvkernel/emvtest"
	"smartreader/hal/sim"
)

// control is the control API: what a person at the desk would do with their
// hands, and what goes wrong in a network, on demand. docs/simulator.md
// describes it.
type control struct {
	cards    *cards           // nil without a reader
	board    *sim.Board       // nil without a reader
	platform *sandbox.Sandbox // nil with a platform elsewhere
}

// controlStatus is the answer of GET /control/status.
type controlStatus struct {
	Endpoints endpoints       `json:"endpoints"`
	Card      string          `json:"card"` // in the slot; empty: none
	Platform  *sandbox.Status `json:"platform,omitempty"`
}

// cardInfo is one line of GET /control/cards.
type cardInfo struct {
	Name  string `json:"name"`
	About string `json:"about"`
}

func serveControl(ctx context.Context, cancel context.CancelCauseFunc, o options, at *endpoints, parts *parts, c control) error {
	listener, err := listenLoopback(o.control, "-control")
	if err != nil {
		return err
	}
	at.Control = "http://" + listener.Addr().String() + "/control/"
	server := &http.Server{Handler: guard(c.handler(*at)), ReadHeaderTimeout: 5 * time.Second}
	parts.run(cancel, "control API", func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	parts.run(cancel, "control API", func() error {
		<-ctx.Done()
		return server.Close()
	})
	return nil
}

// guard keeps web pages out: a page open in the developer's browser could
// otherwise reach this address.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		ip := net.ParseIP(strings.Trim(host, "[]"))
		if r.Header.Get("Origin") != "" || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			fail(w, http.StatusForbidden, "the control API does not answer web pages or foreign host names")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (c control) handler(at endpoints) http.Handler {
	mux := http.NewServeMux()
	status := func(w http.ResponseWriter) {
		s := controlStatus{Endpoints: at}
		if c.board != nil {
			s.Card = c.board.Tray.Inserted()
		}
		if c.platform != nil {
			p := c.platform.Status()
			s.Platform = &p
		}
		reply(w, s)
	}
	mux.HandleFunc("GET /control/status", func(w http.ResponseWriter, _ *http.Request) { status(w) })
	if c.board != nil {
		mux.HandleFunc("GET /control/cards", func(w http.ResponseWriter, _ *http.Request) { reply(w, cardList()) })
		mux.HandleFunc("POST /control/card", func(w http.ResponseWriter, r *http.Request) {
			var body struct{ Card string }
			if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4096)).Decode(&body); err != nil || body.Card == "" {
				fail(w, http.StatusBadRequest, `the body must be {"card": NAME}`)
				return
			}
			if err := c.cards.insert(body.Card); err != nil {
				fail(w, http.StatusConflict, err.Error())
				return
			}
			status(w)
		})
		mux.HandleFunc("DELETE /control/card", func(w http.ResponseWriter, _ *http.Request) {
			if err := c.cards.remove(); err != nil {
				fail(w, http.StatusConflict, err.Error())
				return
			}
			status(w)
		})
		mux.HandleFunc("GET /control/screen.png", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "image/png")
			_ = png.Encode(w, c.board.Screen.Frame()) // the client has gone: nothing to tell it
		})
	}
	if c.platform != nil {
		mux.Handle("/control/platform", c.platform.ControlHandler())
		mux.Handle("/control/platform/", c.platform.ControlHandler())
	}
	return mux
}

func cardList() []cardInfo {
	list := []cardInfo{}
	for _, name := range emvtest.Profiles() {
		info := cardInfo{Name: name}
		if p, err := emvtest.Load(name); err == nil {
			info.About = p.About
		}
		list = append(list, info)
	}
	return list
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(v) // the client has gone: nothing to tell it
}

func fail(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": message})
}
