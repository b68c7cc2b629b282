package qmp

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
)

// monitor is QEMU's end: it answers each command by what answers says.
func monitor(t *testing.T, answers func(command string, id uint64) string) (*Client, <-chan Event, net.Conn) {
	t.Helper()
	here, there := net.Pipe()
	go func() {
		fmt.Fprintln(there, `{"QMP": {"version": {}, "capabilities": []}}`)
		lines := bufio.NewScanner(there)
		for lines.Scan() {
			var c struct {
				Execute string
				ID      uint64
			}
			if json.Unmarshal(lines.Bytes(), &c) != nil {
				t.Errorf("not JSON: %s", lines.Text())
			}
			text := fmt.Sprintf(`{"return": {}, "id": %d}`, c.ID)
			if c.Execute != "qmp_capabilities" {
				text = answers(c.Execute, c.ID)
			}
			if text != "" {
				fmt.Fprintln(there, text)
			}
		}
	}()
	events := make(chan Event, 8)
	c, err := New(t.Context(), here, func(e Event) { events <- e })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); there.Close() })
	return c, events, there
}

func TestExecute(t *testing.T) {
	c, events, _ := monitor(t, func(command string, id uint64) string {
		if command == "query-status" {
			return fmt.Sprintf("{\"event\": \"RESUME\", \"data\": {\"x\": 1}}\n{\"return\": {\"status\": \"running\"}, \"id\": %d}", id)
		}
		return fmt.Sprintf(`{"error": {"class": "GenericError", "desc": "no such thing"}, "id": %d}`, id)
	})
	var status struct{ Status string }
	if err := c.Execute(t.Context(), "query-status", nil, &status); err != nil || status.Status != "running" {
		t.Errorf("got %+v, %v", status, err)
	}
	if e := <-events; e.Event != "RESUME" || string(e.Data) != `{"x": 1}` {
		t.Errorf("got %+v", e)
	}
	err := c.Execute(t.Context(), "device_del", map[string]string{"id": "x"}, nil)
	var refused *Error
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "device_del: qmp: no such thing") {
		t.Errorf("got %v", err)
	}
}

func TestExecuteEnds(t *testing.T) {
	asked := make(chan struct{}, 8)
	c, _, there := monitor(t, func(string, uint64) string { asked <- struct{}{}; return "" })
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if err := c.Execute(ctx, "quit", nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	go func() { <-asked; there.Close() }()
	if err := c.Execute(t.Context(), "quit", nil, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
	if err := c.Execute(t.Context(), "quit", nil, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
	if _, err := Dial(t.Context(), t.TempDir()+"/nothing", nil); err == nil {
		t.Error("dialled nothing")
	}
}

// FuzzRead feeds what no QEMU would send.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		`{"QMP": {}}` + "\n" + `{"return": {}, "id": 1}` + "\n" + `{"return": {}, "id": 1}`,
		`{"event": 7}`, `{"error": null, "id": 1}`, `[`, `{"id": -1}`, `{"return": 5, "id": 1}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		here, there := net.Pipe()
		go io.Copy(io.Discard, there)
		go func() { there.Write(in); there.Close() }()
		c, err := New(t.Context(), here, nil)
		if err == nil {
			c.Close()
		}
	})
}
