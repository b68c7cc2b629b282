package lan

import (
	"crypto/tls"
	"net"
	"net/netip"
	"slices"
	"sync"
)

// gate is a listener that holds at most so many connections, in all and from
// one address. It counts from accept to close, TLS handshakes included.
//
// Strangers, who are not authenticated, get at most half of it. A newcomer is
// not turned away because of them: the oldest stranger of the address that has
// most of them goes, so that a flood displaces itself and not a POS.
type gate struct {
	net.Listener
	total, strange, perAddress int

	mu        sync.Mutex
	open      int
	from      map[string]int
	strangers []*gated // oldest first
}

func newGate(l net.Listener, limits Limits) *gate {
	return &gate{
		Listener: l, total: limits.Connections, strange: max(1, limits.Connections/2), perAddress: limits.PerAddress,
		from: make(map[string]int),
	}
}

// Accept closes what is over the limit at once and goes on.
func (g *gate) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		in := &gated{Conn: c, gate: g, address: host(c.RemoteAddr())}
		out, ok := g.admit(in)
		if out != nil {
			out.Conn.Close()
		}
		if ok {
			return in, nil
		}
		c.Close()
	}
}

// admit counts c in, if there is room or out can make room.
func (g *gate) admit(c *gated) (out *gated, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.from[c.address] >= g.perAddress:
		out = g.oldest(c.address)
	case len(g.strangers) >= g.strange || g.open >= g.total:
		out = g.oldest(g.crowded())
	default:
		ok = true
	}
	if out != nil {
		g.drop(out)
		ok = true
	}
	if ok {
		g.open++
		g.from[c.address]++
		g.strangers = append(g.strangers, c)
	}
	return out, ok
}

// crowded is the address with most strangers. The caller holds g.mu.
func (g *gate) crowded() (address string) {
	count := make(map[string]int)
	for _, c := range g.strangers {
		if count[c.address]++; count[c.address] > count[address] {
			address = c.address
		}
	}
	return address
}

// oldest is the oldest stranger of an address, nil if there is none. The caller
// holds g.mu.
func (g *gate) oldest(address string) *gated {
	i := slices.IndexFunc(g.strangers, func(c *gated) bool { return c.address == address })
	if i < 0 {
		return nil
	}
	return g.strangers[i]
}

// drop counts c out, once. The caller holds g.mu.
func (g *gate) drop(c *gated) {
	if c.dropped {
		return
	}
	c.dropped = true
	g.know(c)
	g.open--
	if g.from[c.address]--; g.from[c.address] == 0 {
		delete(g.from, c.address)
	}
}

// know takes c off the strangers. The caller holds g.mu.
func (g *gate) know(c *gated) {
	g.strangers = slices.DeleteFunc(g.strangers, func(s *gated) bool { return s == c })
}

type gated struct {
	net.Conn
	gate    *gate
	address string
	dropped bool // counted out; under gate.mu
}

func (c *gated) Close() error {
	c.gate.mu.Lock()
	c.gate.drop(c)
	c.gate.mu.Unlock()
	return c.Conn.Close()
}

// trust says that the POS at the other end is authenticated.
func (c *gated) trust() {
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	c.gate.know(c)
}

// trustIn finds what tells the gate that the POS behind c is authenticated.
func trustIn(c net.Conn) func() {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	if g, ok := c.(*gated); ok {
		return g.trust
	}
	return func() {}
}

// host is the address that is counted: of IPv6 the /64 network, because one
// machine may use as many addresses of it as it likes.
func host(a net.Addr) string {
	at, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return a.String()
	}
	ip := at.Addr().Unmap()
	if ip.Is6() {
		return netip.PrefixFrom(ip.WithZone(""), 64).Masked().String()
	}
	return ip.String()
}
