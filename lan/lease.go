package lan

import (
	"sync"
	"time"

	"smartreader/lan/wire"
)

// lease says which POS holds the reader. It belongs to the POS, not to a
// socket: it is held while the POS has a connection open or one of its payments
// runs, and for a grace time after that.
type lease struct {
	grace time.Duration

	mu      sync.Mutex
	holder  string
	idleAt  time.Time      // when the holder last had neither socket nor payment
	sockets map[string]int // connected sockets per POS, also of POSes that lost the lease
	running map[string]int // payments per POS
}

func newLease(grace time.Duration) *lease {
	return &lease{grace: grace, sockets: make(map[string]int), running: make(map[string]int)}
}

// current is the holder now, "" for nobody. The caller holds l.mu.
func (l *lease) current() string {
	if l.holder != "" && l.sockets[l.holder] == 0 && l.running[l.holder] == 0 && time.Since(l.idleAt) >= l.grace {
		l.holder = ""
	}
	return l.holder
}

// take gives the lease to pos for one more of its sockets. With failIfInUse it
// does not take it from another POS. It returns who held it before.
func (l *lease) take(pos string, failIfInUse bool) (before string, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before = l.current()
	if failIfInUse && before != "" && before != pos {
		return before, false
	}
	l.holder = pos
	l.sockets[pos]++
	return before, true
}

// leave counts one connected socket of pos less.
func (l *lease) leave(pos string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.decrement(l.sockets, pos)
}

// release gives the lease back at once and counts one socket less. It fails
// while a payment of pos runs.
func (l *lease) release(pos string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running[pos] > 0 {
		return false
	}
	l.decrement(l.sockets, pos)
	if l.holder == pos {
		l.holder = ""
	}
	return true
}

// begin checks that pos holds the lease and, for a payment, marks it busy until
// end. holder is who holds it otherwise.
func (l *lease) begin(pos string, payment bool) (holder string, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if holder = l.current(); holder != pos {
		return holder, false
	}
	if payment {
		l.running[pos]++
	}
	return holder, true
}

func (l *lease) end(pos string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.decrement(l.running, pos)
}

// decrement counts down and notes when the holder became idle. The caller
// holds l.mu.
func (l *lease) decrement(m map[string]int, pos string) {
	if m[pos]--; m[pos] <= 0 {
		delete(m, pos)
	}
	if pos == l.holder && l.sockets[pos] == 0 && l.running[pos] == 0 {
		l.idleAt = time.Now()
	}
}

// view is the lease as pos sees it; pos "" is nobody.
func (l *lease) view(pos string) wire.Lease {
	l.mu.Lock()
	defer l.mu.Unlock()
	holder := l.current()
	if holder == "" {
		return wire.Lease{}
	}
	return wire.Lease{
		POSID: holder, HeldByYou: holder == pos,
		Connected: l.sockets[holder] > 0, Busy: l.running[holder] > 0,
	}
}
