package bench

import (
	"fmt"
	"io"
	"strings"

	"smartreader/lan/wire"
)

// Endpoints is what runs where; printed when all of it is ready.
type Endpoints struct {
	ReaderID string `json:"readerId,omitempty"`
	POS      string `json:"pos,omitempty"`     // wss URL
	Public   string `json:"public,omitempty"`  // http URL of the platform's public face
	Device   string `json:"device,omitempty"`  // https URL of its reader face
	Control  string `json:"control,omitempty"` // http URL of the control API, with a slash at the end
	APIKey   string `json:"apiKey,omitempty"`
	Data     string `json:"data"` // folder of everything that is kept
}

// What the programs' flags are without being given.
const (
	defaultPOS     = "wss://127.0.0.1:4443" + wire.Path
	defaultPublic  = "http://127.0.0.1:4480"
	defaultControl = "http://127.0.0.1:4481/control/"
)

// Announce tells a person where everything is and what to try. The first line
// is what runs; start is how this program is run from a shell.
func (e Endpoints) Announce(w io.Writer, first, start string) error {
	var err error
	p := func(format string, args ...any) {
		if err == nil {
			_, err = fmt.Fprintf(w, format+"\n", args...)
		}
	}
	p("%s", first)
	if e.ReaderID != "" {
		p("  POS connect at  %s", e.POS)
	}
	if e.Public != "" {
		p("  platform        %s  (secret key %s); readers at %s", e.Public, e.APIKey, e.Device)
	}
	p("  control API     %s", e.Control)
	p("  data            %s", e.Data)
	if e.ReaderID != "" {
		connect := "go run ./lan/pos connect"
		if e.POS != defaultPOS {
			connect += " -reader " + e.POS
		}
		if e.Public != defaultPublic && e.Public != "" {
			connect += " -backend " + e.Public
		}
		if e.Control != defaultControl {
			start += " -control " + strings.TrimSuffix(strings.TrimPrefix(e.Control, "http://"), "/control/")
		}
		p("Try, in another terminal:")
		p("  %s", connect)
		p("  %s card insert visa     # or: card tap visa; then pay; see: card list", start)
		p("  go run ./lan/pos pay 12.50 usd")
		if e.Public != "" {
			p("  %s net cut              # and pay again", start)
		}
	}
	p("Ctrl-C stops it; even kill -9 loses nothing.")
	return err
}
