package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"smartreader/lan/wire"
)

var errClosed = errors.New("client: connection closed")

// writeTimeout bounds one message; a reader on the LAN takes milliseconds.
const writeTimeout = 5 * time.Second

// stream is the jsonrpc2.ObjectStream over the WebSocket. jsonrpc2 serializes
// writes.
type stream struct {
	ws   *websocket.Conn
	dead time.Duration

	mu     sync.Mutex
	closed bool
	err    error // why reading ended, nil after our own Close
}

func newStream(ws *websocket.Conn, dead time.Duration) *stream {
	s := &stream{ws: ws, dead: dead}
	ws.SetReadLimit(wire.MaxMessage)
	s.alive()
	ws.SetPingHandler(func(data string) error {
		ws.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(writeTimeout))
		return s.alive()
	})
	return s
}

// alive moves the time at which the reader counts as gone.
func (s *stream) alive() error { return s.ws.SetReadDeadline(time.Now().Add(s.dead)) }

// ReadObject implements jsonrpc2.ObjectStream.
func (s *stream) ReadObject(v any) error {
	_, data, err := s.ws.ReadMessage()
	if err == nil {
		s.alive()
		if err = wire.CheckDepth(data); err == nil {
			err = json.Unmarshal(data, v)
		}
	}
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.closed {
			s.err = fmt.Errorf("%w: %w", ErrLost, err)
		}
	}
	return err
}

// WriteObject implements jsonrpc2.ObjectStream.
func (s *stream) WriteObject(obj any) error {
	data, err := json.Marshal(obj)
	if err != nil {
		return err
	}
	if len(data) > wire.MaxMessage {
		return wire.NewError(wire.CodeMessageTooLarge, "")
	}
	s.ws.SetWriteDeadline(time.Now().Add(writeTimeout))
	return s.ws.WriteMessage(websocket.TextMessage, data)
}

// Close implements jsonrpc2.ObjectStream.
func (s *stream) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return errClosed
	}
	s.closed = true
	s.mu.Unlock()
	s.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second))
	return s.ws.Close()
}

func (s *stream) cause() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// quiet sends jsonrpc2's own messages to the debug log.
type quiet struct{ log *slog.Logger }

func (q quiet) Printf(format string, v ...any) { q.log.Debug("jsonrpc2: " + fmt.Sprintf(format, v...)) }
