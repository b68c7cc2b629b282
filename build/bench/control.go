package bench

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"

	"smartreader/build/sandbox"
	"smartreader/lan/wire"
)

// Simulator is a reader that can be told how to behave.
type Simulator interface {
	// Configure changes what c names and returns all of it. A *wire.Error says
	// what is wrong with c.
	Configure(ctx context.Context, c wire.SimulatorConfiguration) (wire.SimulatorConfiguration, error)
}

// Control is the control API: what a person at the desk would do with their
// hands, and what goes wrong in a network, on demand. docs/simulator.md
// and docs/qemu.md describe it.
type Control struct {
	Endpoints func() Endpoints
	Cards     *Cards // nil without a reader
	Slot      Slot   // nil without a reader

	Antenna Antenna // nil without a contactless reader

	// Screen returns a PNG of what the reader shows; nil without a screen.
	Screen func(context.Context) ([]byte, error)

	Signals func() Signals // nil without lights and beeper, or where nobody sees them

	PINPad PINPad // nil where no cardholder is simulated

	Simulator Simulator // nil where the reader is a real one

	Platform *sandbox.Sandbox // nil with a platform elsewhere

	// More are further things to do, by pattern ("POST /control/..."). An
	// error is answered with its text (status 400 for a UsageError, else 409),
	// success with the status.
	More map[string]func(*http.Request) error
}

// Status is the answer of GET /control/status.
type Status struct {
	Endpoints Endpoints       `json:"endpoints"`
	Card      string          `json:"card"`             // in the slot; empty: none
	Tapped    []string        `json:"tapped,omitempty"` // in the hand that taps
	Signals   *Signals        `json:"signals,omitempty"`
	Platform  *sandbox.Status `json:"platform,omitempty"`
}

// Handler serves the API to programs on this computer, and to nothing else.
func (c Control) Handler() http.Handler {
	mux := http.NewServeMux()
	do := func(pattern string, act func(*http.Request) error) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			err := act(r)
			switch {
			case errors.As(err, new(UsageError)):
				fail(w, http.StatusBadRequest, err.Error())
				return
			case err != nil:
				fail(w, http.StatusConflict, err.Error())
				return
			}
			reply(w, c.status())
		})
	}
	mux.HandleFunc("GET /control/status", func(w http.ResponseWriter, _ *http.Request) { reply(w, c.status()) })
	if c.Slot != nil {
		mux.HandleFunc("GET /control/cards", func(w http.ResponseWriter, _ *http.Request) { reply(w, cardList()) })
		mux.HandleFunc("POST /control/card", func(w http.ResponseWriter, r *http.Request) {
			var body struct {
				Card string `json:"card"`
			}
			if err := ReadBody(r, &body); err != nil || body.Card == "" {
				fail(w, http.StatusBadRequest, `the body must be {"card": NAME}`)
				return
			}
			err := c.tapped(body.Card)
			if err == nil {
				err = c.Cards.Insert(body.Card, c.Slot)
			}
			if err != nil {
				fail(w, http.StatusConflict, err.Error())
				return
			}
			reply(w, c.status())
		})
		do("POST /control/card/reset", func(r *http.Request) error {
			var body struct {
				Card string `json:"card"`
			}
			if err := ReadBody(r, &body); err != nil {
				return err
			}
			if err := c.tapped(body.Card); err != nil {
				return err
			}
			return c.Cards.Reset(body.Card, c.Slot)
		})
		do("DELETE /control/card", func(*http.Request) error { return c.Slot.Remove() })
	}
	if c.Antenna != nil {
		do("POST /control/tap", c.tap)
		do("DELETE /control/tap", func(*http.Request) error { return c.Antenna.Take() })
	}
	if c.Screen != nil {
		mux.HandleFunc("GET /control/screen.png", func(w http.ResponseWriter, r *http.Request) {
			picture, err := c.Screen(r.Context())
			if err != nil {
				fail(w, http.StatusConflict, err.Error())
				return
			}
			w.Header().Set("Content-Type", "image/png")
			_, _ = w.Write(picture) // the client has gone: nothing to tell it
		})
	}
	if c.Simulator != nil {
		mux.HandleFunc("GET /control/simulator", func(w http.ResponseWriter, r *http.Request) {
			c.configure(w, r, wire.SimulatorConfiguration{})
		})
		mux.HandleFunc("PUT /control/simulator", func(w http.ResponseWriter, r *http.Request) {
			var asked wire.SimulatorConfiguration
			if err := ReadBody(r, &asked); err != nil {
				fail(w, http.StatusBadRequest, err.Error())
				return
			}
			c.configure(w, r, asked)
		})
	}
	if c.PINPad != nil {
		do("POST /control/pin", c.pin)
	}
	for pattern, act := range c.More {
		do(pattern, act)
	}
	if c.Platform != nil {
		mux.Handle("/control/platform", c.Platform.ControlHandler())
		mux.Handle("/control/platform/", c.Platform.ControlHandler())
	}
	return guard(mux)
}

// configure answers with the simulator's whole configuration.
func (c Control) configure(w http.ResponseWriter, r *http.Request, asked wire.SimulatorConfiguration) {
	all, err := c.Simulator.Configure(r.Context(), asked)
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	reply(w, all)
}

func (c Control) status() Status {
	s := Status{Endpoints: c.Endpoints()}
	if c.Slot != nil {
		s.Card = c.Slot.Inserted()
	}
	if c.Antenna != nil {
		s.Tapped = c.Antenna.Tapped()
	}
	if c.Signals != nil {
		shown := c.Signals()
		s.Signals = &shown
	}
	if c.Platform != nil {
		p := c.Platform.Status()
		s.Platform = &p
	}
	return s
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

// ReadBody reads a small JSON body. What is wrong with it is a UsageError; so is
// a member that is not known: it is misspelt, and would be left out in silence.
func ReadBody(r *http.Request, into any) error {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, 4096))
	if err == nil {
		err = sandbox.DecodeObject(body, into)
	}
	if err != nil {
		return Usagef("the body is not the JSON it must be: %w", err)
	}
	return nil
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
	message = strings.TrimPrefix(message, "sim: ") // a package's name tells people nothing
	_ = json.NewEncoder(w).Encode(map[string]string{"error": message})
}
