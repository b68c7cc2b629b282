package lan

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"github.com/sourcegraph/jsonrpc2"

	"smartreader/lan/wire"
)

// maxFailures is how often one connection may fail to connect before it is closed.
const maxFailures = 5

// conn is one WebSocket of one POS.
//
//	opened --hello--> greeted --connectReader--> connected
//	                  authenticated, not connected: connectReader with failIfInUse
//	                  was refused, disconnectReader, or the session expired; may look
type conn struct {
	srv    *Server
	ctx    context.Context // the server's: outlives the socket
	stream *stream
	trust  func() // tells the gate that the POS is authenticated
	rpc    *jsonrpc2.Conn
	ready  chan struct{} // closed once rpc is set: NewConn reads before it returns
	log    *slog.Logger
	greet  chan struct{} // closed at the first hello
	calls  sync.WaitGroup
	count  atomic.Int32 // calls running
	kick   chan struct{}
	silent atomic.Int32  // requests to the POS in a row that it left unanswered
	acked  atomic.Uint64 // the POS's cursor as far as this connection knows
	sent   atomic.Uint64 // newest durable event sent

	mu        sync.Mutex
	caller    Caller // POSID is what hello claimed
	pos       string // the POS id connectReader has verified; "": not authenticated
	nonce     []byte // nil: none outstanding
	newest    uint64 // newest durable event when it last connected
	connected bool   // holds one of lease's sockets
	expired   bool   // not connected any more, because the session's time was over
	term      uint64 // of the lease, when it last connected
	provides  bool   // answers fetchConnectionToken
	pumping   bool
	closed    bool // the socket is gone: nothing may be taken any more
	failures  int
}

func newConn(s *Server, ctx context.Context, socket *websocket.Conn, remote, origin string, trust func()) *conn {
	session := make([]byte, 8)
	rand.Read(session)
	c := &conn{
		srv: s, ctx: ctx, stream: newStream(socket, s.limits), trust: trust,
		ready: make(chan struct{}), greet: make(chan struct{}), kick: make(chan struct{}, 1),
		caller: Caller{Session: hex.EncodeToString(session), RemoteAddr: remote, Origin: origin},
	}
	c.log = s.log.With("session", c.caller.Session, "remote", remote)
	return c
}

// run serves the connection until its socket is closed and its calls have
// returned.
func (c *conn) run() {
	c.srv.add(c)
	c.log.Debug("POS socket opened")
	go c.stream.write()
	// The context only ends jsonrpc2's own waiting; the socket is ended below.
	c.rpc = jsonrpc2.NewConn(context.WithoutCancel(c.ctx), c.stream, c, jsonrpc2.SetLogger(quiet{c.log}))
	close(c.ready)
	c.watch()
	<-c.stream.written
	c.rpc.Close()
	c.srv.remove(c)
	c.mu.Lock()
	c.closed = true
	if c.connected {
		c.connected = false
		c.srv.lease.leave(c.pos)
	}
	c.mu.Unlock()
	c.log.Debug("POS socket closed", "reason", c.stream.reason)
	<-c.stream.ended // no call begins after this
	c.calls.Wait()
}

// watch enforces the times of a session and tells of a lease that ran out. It
// returns when the connection closes.
func (c *conn) watch() {
	hello := time.NewTimer(c.srv.limits.Hello)
	defer hello.Stop()
	connect := time.NewTimer(c.srv.limits.Connect)
	defer connect.Stop()
	tick := time.NewTicker(c.srv.limits.Ping)
	defer tick.Stop()
	greet := c.greet
	holder := ""
	for {
		select {
		case <-greet:
			hello.Stop()
			greet = nil
		case <-hello.C:
			if greet != nil {
				c.stream.closeWith(websocket.ClosePolicyViolation, "no hello in time")
			}
		case <-connect.C:
			if c.posID() == "" {
				c.stream.closeWith(websocket.ClosePolicyViolation, "no connectReader in time")
			}
		case <-tick.C:
			now := c.srv.lease.view(c.posID())
			if holder != "" && now.POSID == "" {
				c.tell(wire.Event{Type: wire.EventLeaseChange})
			}
			holder = now.POSID
		case <-c.ctx.Done():
			c.tell(wire.Event{Type: wire.EventConnectionLost, Reason: wire.LostShuttingDown})
			c.stream.closeWith(websocket.CloseGoingAway, "the reader stops")
			<-c.stream.closing
			return
		case <-c.stream.closing:
			return
		}
	}
}

// afterConnect pumps events to a POS that is authenticated, also when another
// holds the reader, and closes on one that tries too often.
func (c *conn) afterConnect(ctx context.Context) {
	c.mu.Lock()
	failures, pos := c.failures, c.pos
	c.mu.Unlock()
	if failures >= maxFailures {
		c.stream.closeWith(websocket.ClosePolicyViolation, "too many failed attempts")
		return
	}
	if pos == "" {
		return
	}
	if c.srv.opts.Connected != nil {
		c.srv.opts.Connected()
	}
	c.pump(ctx)
}

// posID is the verified POS id, "" before.
func (c *conn) posID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pos
}

// tell sends a transient event if the POS is authenticated.
func (c *conn) tell(e wire.Event) {
	pos := c.posID()
	if pos == "" {
		return
	}
	if e.AtMs == 0 {
		e.AtMs = time.Now().UnixMilli()
	}
	if e.Type == wire.EventLeaseChange {
		view := c.srv.lease.view(pos)
		e.Lease = &view
	}
	if err := c.rpc.Notify(c.ctx, e.Type, fitEvent(e)); err != nil {
		c.log.Debug("event not sent", "event", e.Type, "err", err)
	}
}

// quiet sends jsonrpc2's own messages to the debug log.
type quiet struct{ log *slog.Logger }

func (q quiet) Printf(format string, v ...any) {
	q.log.Debug("jsonrpc2", "format", format, "values", v)
}
