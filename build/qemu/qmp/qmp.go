// Package qmp is a client of the QEMU Machine Protocol: JSON objects, one to a
// line, over a local socket. QEMU, docs "QEMU Machine Protocol Specification"
// and "QEMU QMP Reference Manual".
package qmp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// Error is a command that QEMU refused.
type Error struct {
	Class string `json:"class"`
	Desc  string `json:"desc"`
}

// Error returns QEMU's own words.
func (e *Error) Error() string { return "qmp: " + e.Desc }

// ErrClosed is returned by Execute when the connection has ended, before or
// during the command.
var ErrClosed = errors.New("qmp: the connection to QEMU has ended")

// Event is something that happened in QEMU by itself.
type Event struct {
	Event string          `json:"event"`
	Data  json.RawMessage `json:"data"`
}

// Client is a connection to one QEMU. Its methods may be called concurrently.
type Client struct {
	conn    io.ReadWriteCloser
	onEvent func(Event)
	done    chan struct{} // closed when nothing more is read

	mu      sync.Mutex
	next    uint64
	waiting map[uint64]chan<- answer
}

type answer struct {
	Return json.RawMessage `json:"return"`
	Error  *Error          `json:"error"`
	ID     uint64          `json:"id"`
	Event
	QMP json.RawMessage // the greeting
}

// Dial connects to a socket file. onEvent, which may be nil, is called for
// every event, one at a time; it must not call the client. The client must be
// closed.
func Dial(ctx context.Context, path string, onEvent func(Event)) (*Client, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("qmp: %w", err)
	}
	return New(ctx, conn, onEvent)
}

// New speaks over a connection, which the client then owns.
func New(ctx context.Context, conn io.ReadWriteCloser, onEvent func(Event)) (*Client, error) {
	if onEvent == nil {
		onEvent = func(Event) {}
	}
	c := &Client{conn: conn, onEvent: onEvent, done: make(chan struct{}), waiting: map[uint64]chan<- answer{}}
	go c.read()
	// QEMU sends its greeting unasked and accepts this command at once.
	if err := c.Execute(ctx, "qmp_capabilities", nil, nil); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Done is closed when the connection has ended and every event was told.
func (c *Client) Done() <-chan struct{} { return c.done }

// Close ends the connection and waits for what reads from it.
func (c *Client) Close() error {
	err := c.conn.Close()
	<-c.done
	return err
}

// Execute sends a command and waits for its answer, which goes into result
// unless that is nil. Errors match *Error, ErrClosed or the context's error.
func (c *Client) Execute(ctx context.Context, command string, arguments, result any) error {
	answered := make(chan answer, 1)
	c.mu.Lock()
	c.next++
	id := c.next
	line, err := json.Marshal(struct {
		Execute   string `json:"execute"`
		Arguments any    `json:"arguments,omitempty"`
		ID        uint64 `json:"id"`
	}{command, arguments, id})
	if err == nil {
		c.waiting[id] = answered
		_, err = c.conn.Write(append(line, '\n'))
	}
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.waiting, id)
	}()
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrClosed, command, err)
	}
	select {
	case a := <-answered:
		if a.Error != nil {
			return fmt.Errorf("%s: %w", command, a.Error)
		}
		if result == nil {
			return nil
		}
		return json.Unmarshal(a.Return, result)
	case <-c.done:
		return fmt.Errorf("%w: %s", ErrClosed, command)
	case <-ctx.Done():
		return fmt.Errorf("qmp: %s: %w", command, ctx.Err())
	}
}

// read hands out answers and events until the connection ends or makes no
// sense any more.
func (c *Client) read() {
	defer close(c.done)
	from := json.NewDecoder(c.conn)
	for {
		var a answer
		if err := from.Decode(&a); err != nil {
			c.conn.Close() // nobody would read what comes
			return
		}
		if a.Event.Event != "" {
			c.onEvent(a.Event)
			continue
		}
		c.mu.Lock()
		if to, ok := c.waiting[a.ID]; ok {
			to <- a
			delete(c.waiting, a.ID) // a second answer would block
		}
		c.mu.Unlock()
	}
}
