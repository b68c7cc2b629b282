package sandbox

import (
	"maps"
	"net"
	"slices"
	"sync"
)

// gate is the fault "unreachable" of one face: while closed, connections are
// cut as soon as they are accepted, and closing it cuts the established ones.
type gate struct {
	mu     sync.Mutex
	closed bool
	conns  map[*gatedConn]struct{}
}

func (g *gate) set(closed bool) {
	g.mu.Lock()
	g.closed = closed
	g.mu.Unlock()
	if closed {
		g.cutAll()
	}
}

// cutAll cuts the established connections.
func (g *gate) cutAll() {
	g.mu.Lock()
	conns := slices.Collect(maps.Keys(g.conns))
	g.mu.Unlock()
	for _, c := range conns {
		c.cut()
	}
}

// admit registers a connection unless the gate is closed.
func (g *gate) admit(c *gatedConn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	if g.conns == nil {
		g.conns = make(map[*gatedConn]struct{})
	}
	g.conns[c] = struct{}{}
	return true
}

func (g *gate) forget(c *gatedConn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.conns, c)
}

func (g *gate) listen(l net.Listener) net.Listener { return &gatedListener{l, g} }

type gatedListener struct {
	net.Listener
	gate *gate
}

func (l *gatedListener) Accept() (net.Conn, error) {
	for {
		raw, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := &gatedConn{Conn: raw, gate: l.gate}
		if l.gate.admit(c) {
			return c, nil
		}
		c.cut()
	}
}

type gatedConn struct {
	net.Conn
	gate *gate
}

func (c *gatedConn) Close() error {
	c.gate.forget(c)
	return c.Conn.Close()
}

// cut resets the connection, as a dead line would do, instead of ending it
// politely.
func (c *gatedConn) cut() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	c.Close()
}
