package simulation

import (
	"context"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"smartreader/lan/wire"
)

// hang is how long a request hangs in offlineTimeout before it fails.
const hang = 15 * time.Second

// Line is a line to the internet that fails on demand. Its errors are those of
// a real network. Its methods may be called concurrently.
//
//	disabled             everything passes
//	offlineImmediate     connections are refused, established ones reset
//	offlineTimeout       connecting, writing, and answers that come hang for 15 s, then fail;
//	                     if the mode changes meanwhile they go on as the new one says
//	offlineIntermittent  about half of the requests fail: half of these are refused, the
//	                     others get out and their answer is lost
type Line struct {
	mu      sync.Mutex
	mode    string        // a wire.Simulated* offline mode
	changed chan struct{} // closed and renewed when mode changes
	random  *rand.Rand
	conns   map[*lineConn]struct{}
}

func newLine(seed uint64) *Line {
	return &Line{
		mode: wire.SimulatedOnline, changed: make(chan struct{}),
		random: rand.New(rand.NewPCG(seed, 2)), conns: map[*lineConn]struct{}{},
	}
}

// Mode returns the mode.
func (l *Line) Mode() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mode
}

// SetMode changes the mode, also for what is under way.
func (l *Line) SetMode(mode string) {
	l.mu.Lock()
	if mode == l.mode {
		l.mu.Unlock()
		return
	}
	l.mode = mode
	close(l.changed)
	l.changed = make(chan struct{})
	var cut []*lineConn
	if mode == wire.SimulatedOfflineImmediate {
		for c := range l.conns {
			cut = append(cut, c)
		}
	}
	l.mu.Unlock()
	for _, c := range cut {
		c.cut(syscall.ECONNRESET)
	}
}

// Dial connects like net.Dialer.DialContext, as far as the mode lets it.
func (l *Line) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	lose := false
	err := l.pass(ctx)
	if err == nil {
		lose, err = l.chance()
	}
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	raw, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c := &lineConn{Conn: raw, line: l, lose: lose}
	c.open, c.end = context.WithCancelCause(context.Background())
	l.mu.Lock()
	dead := l.mode == wire.SimulatedOfflineImmediate // since we asked
	l.conns[c] = struct{}{}
	l.mu.Unlock()
	if dead {
		c.cut(syscall.ECONNRESET)
	}
	return c, nil
}

// pass waits until the mode lets something pass, and fails when it does not,
// or when ctx is done.
func (l *Line) pass(ctx context.Context) error {
	var over <-chan time.Time
	for {
		l.mu.Lock()
		mode, changed := l.mode, l.changed
		l.mu.Unlock()
		switch mode {
		case wire.SimulatedOfflineImmediate:
			return os.NewSyscallError("connect", syscall.ECONNREFUSED)
		case wire.SimulatedOfflineTimeout:
		default:
			return nil
		}
		if over == nil {
			timer := time.NewTimer(hang)
			defer timer.Stop()
			over = timer.C
		}
		select {
		case <-changed:
		case <-over:
			return os.NewSyscallError("connect", syscall.ETIMEDOUT)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// chance decides about a new connection: refused, answer lost, or neither.
func (l *Line) chance() (lose bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mode != wire.SimulatedOfflineIntermittent {
		return false, nil
	}
	switch l.random.IntN(4) {
	case 0:
		return false, os.NewSyscallError("connect", syscall.ECONNREFUSED)
	case 1:
		return true, nil
	}
	return false, nil
}

func (l *Line) forget(c *lineConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
}
