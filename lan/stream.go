package lan

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"smartreader/lan/wire"
)

var (
	errSlow    = errors.New("lan: the POS does not read its messages")
	errClosed  = errors.New("lan: connection closed")
	errTooLong = errors.New("lan: message over the limit")
)

// stream is the jsonrpc2.ObjectStream of one WebSocket: bounded both ways.
//
// Reading happens in jsonrpc2's reading goroutine. It answers what is no
// request itself, so that one bad message does not end a connection on which a
// payment waits. Writing only queues; one goroutine (write) owns the socket's
// writing half, pings, and closes the socket when it ends.
type stream struct {
	ws     *websocket.Conn
	limits Limits

	queue   chan []byte   // replies and transient events: full means a slow POS
	durable chan []byte   // durable events: the pump waits
	closing chan struct{} // closed: send what is queued, then the close frame
	written chan struct{} // closed when write has returned
	ended   chan struct{} // closed when reading has ended
	once    sync.Once
	code    int    // of the close frame
	reason  string // of the close frame

	bad    int     // reading goroutine only
	tokens float64 // of the rate limit; reading goroutine only
	filled time.Time
}

func newStream(ws *websocket.Conn, limits Limits) *stream {
	s := &stream{
		ws: ws, limits: limits,
		queue: make(chan []byte, limits.Queue), durable: make(chan []byte),
		closing: make(chan struct{}), written: make(chan struct{}), ended: make(chan struct{}),
		tokens: float64(limits.Rate), filled: time.Now(),
	}
	s.alive()
	ws.SetPongHandler(func(string) error { return s.alive() })
	ws.SetPingHandler(func(data string) error {
		if err := s.throttle(); err != nil {
			return err
		}
		ws.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(limits.Write))
		return s.alive()
	})
	ws.SetCloseHandler(func(int, string) error {
		s.closeWith(websocket.CloseNormalClosure, "")
		return nil
	})
	return s
}

// alive moves the time at which the peer counts as dead.
func (s *stream) alive() error { return s.ws.SetReadDeadline(time.Now().Add(s.limits.Dead)) }

// throttle slows a peer down to the rate limit by not reading from it.
func (s *stream) throttle() error {
	now := time.Now()
	rate := float64(s.limits.Rate)
	s.tokens = min(2*rate, s.tokens+now.Sub(s.filled).Seconds()*rate)
	s.filled = now
	s.tokens--
	if s.tokens >= 0 {
		return nil
	}
	pause := time.NewTimer(time.Second / time.Duration(s.limits.Rate))
	defer pause.Stop()
	select {
	case <-pause.C:
		return nil
	case <-s.closing:
		return errClosed
	}
}

// ReadObject implements jsonrpc2.ObjectStream: it returns the next well-formed
// request or response. jsonrpc2 does not call it again after an error.
func (s *stream) ReadObject(v any) (err error) {
	defer func() {
		if err != nil {
			close(s.ended)
		}
	}()
	for {
		if err := s.throttle(); err != nil {
			return err
		}
		data, err := s.read()
		if err != nil {
			return err
		}
		if s.isClosing() {
			continue // too late to be answered; until the peer's close frame comes
		}
		id, refused := checkEnvelope(data)
		if refused == nil {
			if json.Unmarshal(data, v) == nil {
				return nil
			}
			// jsonrpc2's message type keeps what an earlier attempt left in it.
			reflect.ValueOf(v).Elem().SetZero()
			refused = wire.NewError(wire.CodeInvalidMessage, "")
		}
		s.reject(id, refused)
	}
}

// reject refuses a bad message and closes on the last one that is borne. It is
// called in the reading goroutine only.
func (s *stream) reject(id json.RawMessage, refused *wire.Error) {
	s.refuse(id, refused)
	if s.bad++; s.bad >= s.limits.Bad {
		s.closeWith(websocket.ClosePolicyViolation, "too many bad messages")
	}
}

// read reads one whole text message of at most wire.MaxMessage bytes. Binary
// messages come back empty, which no envelope is.
func (s *stream) read() ([]byte, error) {
	kind, r, err := s.ws.NextReader()
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(r, wire.MaxMessage+1))
	if err != nil {
		return nil, err
	}
	if len(data) > wire.MaxMessage {
		s.refuse(nil, wire.NewError(wire.CodeMessageTooLarge, ""))
		s.closeWith(websocket.CloseMessageTooBig, "message over 64 KiB")
		s.ws.SetReadDeadline(time.Now().Add(linger))
		io.CopyN(io.Discard, r, 16*wire.MaxMessage)
		return nil, errTooLong
	}
	s.alive()
	if kind != websocket.TextMessage {
		return nil, nil
	}
	return data, nil
}

// refuse answers a message that is no request. id is nil when it could not be
// made out.
func (s *stream) refuse(id json.RawMessage, refused *wire.Error) {
	if id == nil {
		id = json.RawMessage("null")
	}
	reply, err := json.Marshal(struct {
		JSONRPC string          `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Error   any             `json:"error"`
	}{"2.0", id, rpcError(refused)})
	if err == nil {
		s.enqueue(reply)
	}
}

// WriteObject implements jsonrpc2.ObjectStream. It never blocks.
func (s *stream) WriteObject(obj any) error {
	data, err := json.Marshal(obj)
	if err != nil {
		return err
	}
	return s.enqueue(data)
}

func (s *stream) isClosing() bool {
	select {
	case <-s.closing:
		return true
	default:
		return false
	}
}

func (s *stream) enqueue(data []byte) error {
	if s.isClosing() {
		return errClosed
	}
	select {
	case s.queue <- data:
		return nil
	default:
		s.closeWith(websocket.ClosePolicyViolation, "reads too slowly")
		s.ws.Close() // a queue that is full will not drain: cut the write that hangs
		return errSlow
	}
}

// sendDurable waits until the writer takes data.
func (s *stream) sendDurable(data []byte) error {
	select {
	case s.durable <- data:
		return nil
	case <-s.closing:
		return errClosed
	}
}

// Close implements jsonrpc2.ObjectStream: it lets write send what is queued.
func (s *stream) Close() error {
	s.closeWith(websocket.CloseNormalClosure, "")
	return nil
}

// closeWith starts the end; the first reason counts.
func (s *stream) closeWith(code int, reason string) {
	s.once.Do(func() {
		s.code, s.reason = code, reason
		close(s.closing)
	})
}

// write sends until the stream is closed or the socket breaks. It closes the
// socket at its end.
func (s *stream) write() (err error) {
	ping := time.NewTicker(s.limits.Ping)
	defer func() {
		ping.Stop()
		s.closeWith(websocket.CloseAbnormalClosure, "")
		s.ws.Close()
		close(s.written)
	}()
	for {
		select {
		case data := <-s.queue: // answers before events
			err = s.writeMessage(data)
		default:
			select {
			case data := <-s.queue:
				err = s.writeMessage(data)
			case data := <-s.durable:
				err = s.writeMessage(data)
			case <-ping.C:
				err = s.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(s.limits.Write))
			case <-s.closing:
				return s.finish()
			}
		}
		if err != nil {
			return fmt.Errorf("lan: write: %w", err)
		}
	}
}

// linger is how long the peer may take to answer the close frame. Closing with
// unread input would reset the connection, and that could destroy what was just
// sent on its way.
const linger = time.Second

// finish sends what is queued and the close frame, all within one deadline, and
// gives the peer a moment to read it.
func (s *stream) finish() error {
	deadline := time.Now().Add(s.limits.Write)
	s.ws.SetWriteDeadline(deadline)
	for {
		select {
		case data := <-s.queue:
			if err := s.ws.WriteMessage(websocket.TextMessage, data); err != nil {
				return err
			}
		default:
			if err := s.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(s.code, s.reason), deadline); err != nil {
				return err
			}
			wait := time.NewTimer(linger)
			defer wait.Stop()
			select {
			case <-s.ended:
			case <-wait.C:
			}
			return nil
		}
	}
}

func (s *stream) writeMessage(data []byte) error {
	s.ws.SetWriteDeadline(time.Now().Add(s.limits.Write))
	return s.ws.WriteMessage(websocket.TextMessage, data)
}
