package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"text/tabwriter"
	"time"
)

// remote carries out a command on the simulator that runs at address.
func remote(ctx context.Context, address string, args []string, stdout io.Writer) error {
	r := controlClient{base: "http://" + address + "/control/"}
	switch command := strings.Join(args, " "); {
	case command == "card list":
		return r.listCards(ctx, stdout)
	case command == "card remove":
		return r.do(ctx, http.MethodDelete, "card", nil, nil)
	case len(args) == 3 && args[0] == "card" && args[1] == "insert":
		return r.do(ctx, http.MethodPost, "card", map[string]string{"card": args[2]}, nil)
	case command == "net cut", command == "net restore":
		return r.do(ctx, http.MethodPost, "platform/unreachable", map[string]bool{"on": command == "net cut"}, nil)
	case command == "fault lose-next-answer":
		return r.do(ctx, http.MethodPost, "platform/lose_next_answer", struct{}{}, nil)
	case len(args) == 2 && args[0] == "screen":
		return r.screenshot(ctx, args[1])
	case command == "status":
		var status json.RawMessage
		if err := r.do(ctx, http.MethodGet, "status", nil, &status); err != nil {
			return err
		}
		_, err := fmt.Fprintf(stdout, "%s\n", bytes.TrimSpace(status))
		return err
	default:
		return usageError{fmt.Errorf("there is no command %q", command)}
	}
}

// controlClient calls the control API of a running simulator.
type controlClient struct{ base string }

func (c controlClient) listCards(ctx context.Context, stdout io.Writer) error {
	var list []cardInfo
	if err := c.do(ctx, http.MethodGet, "cards", nil, &list); err != nil {
		return err
	}
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	for _, card := range list {
		fmt.Fprintf(w, "%s\t%s\n", card.Name, card.About)
	}
	return w.Flush()
}

func (c controlClient) screenshot(ctx context.Context, file string) error {
	var picture []byte
	if err := c.do(ctx, http.MethodGet, "screen.png", nil, &picture); err != nil {
		return err
	}
	return os.WriteFile(file, picture, 0o644)
}

// do sends one request. The answer goes into out: as it is for *[]byte, else
// as JSON.
func (c controlClient) do(ctx context.Context, method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return usageError{err}
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("no simulator answers at %s: start one with go run ./build/simulator, or name its address with -control: %w", c.base, err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, 16<<20))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		var failed struct{ Error any }
		if json.Unmarshal(data, &failed) == nil && failed.Error != nil {
			return fmt.Errorf("%v", failed.Error)
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
