package lan

import (
	"net"
	"sync"
)

// gate is a listener that holds at most so many connections, in all and from
// one address. It counts from accept to close, TLS handshakes and idle HTTP
// connections included, so that nobody can fill the reader before it says hello.
type gate struct {
	net.Listener
	total, perAddress int

	mu   sync.Mutex
	open int
	from map[string]int
}

func newGate(l net.Listener, total, perAddress int) *gate {
	return &gate{Listener: l, total: total, perAddress: perAddress, from: make(map[string]int)}
}

// Accept closes connections over the limit at once and goes on.
func (g *gate) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		address := host(c.RemoteAddr())
		if g.admit(address) {
			return &gated{Conn: c, leave: sync.OnceFunc(func() { g.release(address) })}, nil
		}
		c.Close()
	}
}

func (g *gate) admit(address string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open >= g.total || g.from[address] >= g.perAddress {
		return false
	}
	g.open++
	g.from[address]++
	return true
}

func (g *gate) release(address string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open--
	if g.from[address]--; g.from[address] == 0 {
		delete(g.from, address)
	}
}

type gated struct {
	net.Conn
	leave func()
}

func (c *gated) Close() error {
	defer c.leave()
	return c.Conn.Close()
}

func host(a net.Addr) string {
	h, _, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	return h
}
