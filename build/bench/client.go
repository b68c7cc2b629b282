package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"smartreader/build/sandbox"
)

// Client calls the control API of a running program.
type Client struct {
	Base  string // URL, with a slash at the end: Endpoints.Control
	Start string // how the program is started, to tell who forgot it

	// Patience is how long one request may take; 0: 10 s.
	Patience time.Duration

	transport http.RoundTripper // nil: the network
}

// ClientAt is a client for the control API at an address.
func ClientAt(address, start string) Client {
	return Client{Base: "http://" + address + "/control/", Start: start}
}

// Run carries out a command of the command line. What it does not know is a
// UsageError.
func (c Client) Run(ctx context.Context, args []string, stdout io.Writer) error {
	run, err := c.Command(args, stdout)
	if err != nil {
		return err
	}
	return run(ctx)
}

// Command understands a command without carrying it out yet. What it does not
// know is a UsageError.
func (c Client) Command(args []string, stdout io.Writer) (run func(context.Context) error, err error) {
	switch command := strings.Join(args, " "); {
	case command == "card list":
		return func(ctx context.Context) error { return c.listCards(ctx, shortGroups, stdout) }, nil
	case command == "card list all":
		return func(ctx context.Context) error { return c.listCards(ctx, cardGroups, stdout) }, nil
	case command == "card remove":
		return c.Remove, nil
	case len(args) == 3 && args[0] == "card" && args[1] == "insert":
		return func(ctx context.Context) error { return c.Insert(ctx, args[2]) }, nil
	case (len(args) == 3 || len(args) == 4) && args[0] == "card" && args[1] == "tap":
		return func(ctx context.Context) error { return c.Tap(ctx, args[2:]...) }, nil
	case len(args) > 2 && args[0] == "card" && args[1] == "hold":
		longer, cards, err := parseHold(args[2:])
		return func(ctx context.Context) error { return c.Hold(ctx, longer, cards...) }, err
	case command == "card take":
		return c.Take, nil
	case len(args) == 3 && args[0] == "card" && args[1] == "reset":
		return func(ctx context.Context) error { return c.ResetCard(ctx, args[2]) }, nil
	case command == "net cut", command == "net restore":
		return func(ctx context.Context) error { return c.Unreachable(ctx, command == "net cut") }, nil
	case len(args) > 1 && args[0] == "fault":
		fault, err := parseFault(args[1:])
		return func(ctx context.Context) error {
			return c.Do(ctx, http.MethodPost, "platform/"+fault.path, fault.body, nil)
		}, err
	case len(args) == 2 && args[0] == "pin":
		return func(ctx context.Context) error { return c.PIN(ctx, args[1]) }, checkPIN(args[1])
	case len(args) > 0 && args[0] == "simulate":
		asked, err := parseSimulate(args[1:])
		return func(ctx context.Context) error { return c.simulate(ctx, asked, stdout) }, err
	case len(args) == 2 && args[0] == "screen":
		return func(ctx context.Context) error { return c.screenshot(ctx, args[1]) }, nil
	case command == "status":
		return func(ctx context.Context) error { return c.status(ctx, stdout) }, nil
	}
	said := strings.Join(args, " ")
	if len(args) > 0 && commandForms[args[0]] != "" {
		return nil, Usagef("there is no command %q; it is: %s", said, commandForms[args[0]])
	}
	if len(args) > 0 && slices.Contains(cardWords, args[0]) {
		return nil, Usagef("there is no command %q; is %q meant?", said, "card "+said)
	}
	return nil, Usagef("there is no command %q", said)
}

// cardWords are what is done with cards: who leaves out the first word is told.
var cardWords = []string{"list", "insert", "remove", "tap", "hold", "take", "reset"}

// commandForms are the ways to go on after a command's first word.
var commandForms = map[string]string{
	"card":   "card list [all], card insert NAME, card remove, card tap NAME [NAME], card hold NAME [NAME] [TIME], card take, card reset NAME",
	"fault":  "fault NAME [VALUES]; there is " + strings.Join(slices.Sorted(maps.Keys(faultForms)), ", "),
	"net":    "net cut, net restore",
	"pin":    pinForm,
	"screen": "screen FILE.png",
	"status": "status",
}

func (c Client) status(ctx context.Context, stdout io.Writer) error {
	var status json.RawMessage
	if err := c.Do(ctx, http.MethodGet, "status", nil, &status); err != nil {
		return err
	}
	_, err := fmt.Fprintf(stdout, "%s\n", bytes.TrimSpace(status))
	return err
}

// Insert puts a card into the slot.
func (c Client) Insert(ctx context.Context, card string) error {
	return c.Do(ctx, http.MethodPost, "card", map[string]string{"card": card}, nil)
}

// Remove takes it out.
func (c Client) Remove(ctx context.Context) error {
	return c.Do(ctx, http.MethodDelete, "card", nil, nil)
}

// ResetCard gives a card all of its PIN tries back, and locks a phone again.
func (c Client) ResetCard(ctx context.Context, card string) error {
	return c.Do(ctx, http.MethodPost, "card/reset", map[string]string{"card": card}, nil)
}

// Unreachable cuts the internet of reader and shop, or restores it.
func (c Client) Unreachable(ctx context.Context, on bool) error {
	return c.Do(ctx, http.MethodPost, "platform/unreachable", map[string]bool{"on": on}, nil)
}

// LoseNextAnswer has the next payment request decided, and its answer lost.
func (c Client) LoseNextAnswer(ctx context.Context) error {
	return c.Do(ctx, http.MethodPost, "platform/lose_next_answer", struct{}{}, nil)
}

// Platform returns the platform's status.
func (c Client) Platform(ctx context.Context) (status sandbox.Status, err error) {
	err = c.Do(ctx, http.MethodGet, "platform", nil, &status)
	return status, err
}

func (c Client) screenshot(ctx context.Context, file string) error {
	var picture []byte
	if err := c.Do(ctx, http.MethodGet, "screen.png", nil, &picture); err != nil {
		return err
	}
	return os.WriteFile(file, picture, 0o644)
}

// failure is the text of an answer's error: {"error": "..."}, or from below
// platform/ {"error": {"message": "..."}}.
func failure(data []byte) string {
	var plain struct{ Error string }
	if json.Unmarshal(data, &plain) == nil {
		return plain.Error
	}
	var coded struct{ Error struct{ Message string } }
	_ = json.Unmarshal(data, &coded) // not JSON: nothing is said
	return coded.Error.Message
}

// Do sends one request. The answer goes into out: as it is for *[]byte, else
// as JSON.
func (c Client) Do(ctx context.Context, method, path string, in, out any) error {
	patience := c.Patience
	if patience == 0 {
		patience = 10 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.Base+path, body)
	if err != nil {
		return UsageError{err}
	}
	response, err := (&http.Client{Transport: c.transport}).Do(request)
	if ctx.Err() != nil {
		return fmt.Errorf("no answer from %s: %w", c.Base, ctx.Err())
	}
	if err != nil {
		return fmt.Errorf("nothing answers at %s: start it with %s, or name its address with -control: %w", c.Base, c.Start, err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, 16<<20))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		if said := failure(data); said != "" {
			return errors.New(said)
		}
		if response.StatusCode == http.StatusNotFound || response.StatusCode == http.StatusMethodNotAllowed {
			return fmt.Errorf("what runs at %s cannot do that; was it started with %s, and not with -sandbox-only?", c.Base, c.Start)
		}
		return errors.New(response.Status)
	}
	switch out := out.(type) {
	case nil:
		return nil
	case *[]byte:
		*out = data
		return nil
	}
	return json.Unmarshal(data, out)
}
