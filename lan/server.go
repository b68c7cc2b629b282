package lan

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"smartreader/lan/wire"
)

// Server serves one Reader to POSes. Its methods may be called concurrently.
type Server struct {
	opts    Options
	limits  Limits
	log     *slog.Logger
	keyHash []byte // SHA-256 of the reader's SPKI
	lease   *lease

	verifying sync.Mutex // held while the ledger is verified

	mu    sync.Mutex
	conns map[*conn]struct{}
}

// New checks the options. It starts nothing.
func New(opts Options) (*Server, error) {
	if opts.Reader == nil || opts.ReaderID == "" || opts.Key == nil || opts.Log == nil {
		return nil, fmt.Errorf("%w: Reader, ReaderID, Key and Log are needed", ErrOptions)
	}
	keyHash, err := wire.KeyHash(opts.Key)
	if err != nil {
		return nil, fmt.Errorf("lan: reader key: %w", err)
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	limits := opts.Limits.withDefaults()
	return &Server{
		opts: opts, limits: limits, log: opts.Log, keyHash: keyHash,
		lease: newLease(limits.LeaseGrace), conns: make(map[*conn]struct{}),
	}, nil
}

// Serve serves TLS 1.3 on l until ctx is done, then tells every POS, closes the
// connections, waits for the calls that still run (their context is ctx), and
// returns nil. It returns an error when the listener breaks. It closes l.
// Serve and ServeLoopback may run at the same time.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	if s.opts.TLS == nil {
		return fmt.Errorf("%w: TLS is needed", ErrOptions)
	}
	cfg := s.opts.TLS.Clone()
	cfg.MinVersion = tls.VersionTLS13
	cfg.NextProtos = []string{"http/1.1"} // a WebSocket is opened by HTTP/1.1
	return s.serve(ctx, l, cfg)
}

// ServeLoopback is Serve without TLS, for a POS on the device itself or on the
// desk. It refuses a listener that others can reach with ErrNotLoopback.
func (s *Server) ServeLoopback(ctx context.Context, l net.Listener) error {
	if a, ok := l.Addr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
		return fmt.Errorf("%w: %s", ErrNotLoopback, l.Addr())
	}
	return s.serve(ctx, l, nil)
}

func (s *Server) serve(ctx context.Context, l net.Listener, cfg *tls.Config) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l = newGate(l, s.limits)
	if cfg != nil {
		l = tls.NewListener(l, cfg)
	}
	var sockets group
	web := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !sockets.enter() {
				http.Error(w, "the reader is shutting down", http.StatusServiceUnavailable)
				return
			}
			defer sockets.leave()
			s.serveHTTP(ctx, w, r)
		}),
		// One request per connection, body included, until the WebSocket is
		// open, which clears both deadlines.
		ReadTimeout:    s.limits.Hello, // bounds the TLS handshake too
		WriteTimeout:   s.limits.Write,
		MaxHeaderBytes: 8 << 10,
		ErrorLog:       slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	web.SetKeepAlivesEnabled(false)
	stop := context.AfterFunc(ctx, func() { web.Close() })
	err := web.Serve(l)
	stop()
	web.Close() // also when the listener broke
	cancel()
	sockets.wait()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("lan: %w", err)
}

// Notify says that there are new durable events. It never blocks.
func (s *Server) Notify() {
	for _, c := range s.connections() {
		c.kickPump()
	}
}

// Broadcast sends a transient event to every authenticated POS. It never
// blocks: a POS whose queue is full is disconnected.
func (s *Server) Broadcast(e wire.Event) {
	for _, c := range s.connections() {
		c.tell(e)
	}
}

// Tell is Broadcast to the sockets of one POS.
func (s *Server) Tell(posID string, e wire.Event) {
	for _, c := range s.connections() {
		if posID != "" && c.posID() == posID {
			c.tell(e)
		}
	}
}

// Lease says who holds the reader, for the reader's own screens.
func (s *Server) Lease() wire.Lease { return s.lease.view("") }

func (s *Server) connections() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		list = append(list, c)
	}
	return list
}

func (s *Server) add(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns[c] = struct{}{}
}

func (s *Server) remove(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

// group is a WaitGroup that can be closed, because hijacked connections are
// nothing http.Server waits for.
type group struct {
	mu     sync.Mutex
	closed bool
	wg     sync.WaitGroup
}

func (g *group) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.wg.Add(1)
	return true
}

func (g *group) leave() { g.wg.Done() }

func (g *group) wait() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.wg.Wait()
}
