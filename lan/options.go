package lan

import (
	"crypto"
	"crypto/tls"
	"errors"
	"log/slog"
	"time"
)

// Options configure a Server.
type Options struct {
	Reader   Reader
	ReaderID string           // tmr_..., part of what a POS signs
	Key      crypto.PublicKey // of the reader's TLS certificate, part of what a POS signs

	TLS            *tls.Config // certificate(s) for Serve; the server raises it to TLS 1.3 only
	AllowedOrigins []string    // web pages that may connect, as browsers write them: "https://pos.example"
	AllowedHosts   []string    // names under which the reader is reached, such as "S123.local"; IP addresses and localhost always work

	// Connected, when not nil, is called when a POS has just been let in and has
	// its answer: the time to broadcast what may have changed in between. It
	// must not block.
	Connected func()

	// Now is the time sessions expire by, one that never goes back; nil is
	// time.Now.
	Now func() time.Time

	Log    *slog.Logger
	Limits Limits // zero members take the defaults
}

// Limits are the server's bounds and times.
type Limits struct {
	Hello      time.Duration // first message after the handshake; 5 s
	Connect    time.Duration // authenticated after the handshake; 60 s
	Ping       time.Duration // between pings; 2 s
	Dead       time.Duration // without a sign of life; 6 s
	Write      time.Duration // for one message; 5 s
	LeaseGrace time.Duration // the lease outlives the last socket; 60 s
	Token      time.Duration // for a POS to give a connection token; 60 s

	Connections int // sockets in all, at most half of them not authenticated; 64
	PerAddress  int // sockets from one address, of IPv6 one /64 network; 16
	Queue       int // messages waiting to be sent to one POS; 64
	Calls       int // calls of one connection running at once; 16
	Rate        int // messages per second of one connection before it is slowed down; 50
	Bad         int // bad messages before a connection is closed; 10
}

func (l Limits) withDefaults() Limits {
	set := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	count := func(n *int, v int) {
		if *n <= 0 {
			*n = v
		}
	}
	set(&l.Hello, 5*time.Second)
	set(&l.Connect, time.Minute)
	set(&l.Ping, 2*time.Second)
	set(&l.Dead, 6*time.Second)
	set(&l.Write, 5*time.Second)
	set(&l.LeaseGrace, time.Minute)
	set(&l.Token, time.Minute)
	count(&l.Connections, 64)
	count(&l.PerAddress, 16)
	count(&l.Queue, 64)
	count(&l.Calls, 16)
	count(&l.Rate, 50)
	count(&l.Bad, 10)
	return l
}

// Errors of New, Serve and ServeLoopback.
var (
	ErrOptions     = errors.New("lan: incomplete options")
	ErrNotLoopback = errors.New("lan: plain WebSocket is served on loopback only")
)
