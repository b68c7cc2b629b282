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
	term    uint64         // counts how often it was taken
	ends    time.Time      // of the holder's session; zero: never
	awaited bool           // the session is over, and only the running payment is waited for
	former  string         // whose session ended, as long as nobody took the reader: it may finish what it began
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

// take gives the lease to pos for one more of its sockets, for a session that
// ends at expiresAtMs, 0 for never. With failIfInUse it does not take it from
// another POS, unless only an idle session that is over holds it. It returns who held it before, and the number of this taking.
func (l *lease) take(pos string, failIfInUse bool, expiresAtMs int64, now time.Time) (before string, term uint64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before = l.current()
	if failIfInUse && before != "" && before != pos && !l.isSpent(now) {
		return before, 0, false
	}
	l.holder, l.former = pos, ""
	l.term++
	l.until(expiresAtMs)
	l.sockets[pos]++
	return before, l.term, true
}

// isSpent reports whether the holder's session is over and none of its payments
// runs. The caller holds l.mu.
func (l *lease) isSpent(now time.Time) bool {
	return l.isOver(l.holder, now) && l.running[l.holder] == 0
}

// until sets when the holder's session ends. The caller holds l.mu.
func (l *lease) until(expiresAtMs int64) {
	l.ends, l.awaited = time.Time{}, false
	if expiresAtMs > 0 {
		l.ends = time.UnixMilli(expiresAtMs)
	}
}

// renew lets the session of pos, if it holds the lease, end later.
func (l *lease) renew(pos string, expiresAtMs int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.holder == pos {
		l.until(expiresAtMs)
	}
}

// over reports whether pos holds the lease and its session's time is over.
func (l *lease) over(pos string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.isOver(pos, now)
}

func (l *lease) isOver(pos string, now time.Time) bool {
	return l.holder == pos && !l.ends.IsZero() && !now.Before(l.ends)
}

// expire takes the lease from pos because its session is over, unless one of its
// payments runs: then it is awaited. ended is true for the one call that took
// it, and term is the number of the last taking it is for.
func (l *lease) expire(pos string, now time.Time) (term uint64, ended bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.isOver(pos, now) {
		return 0, false
	}
	if l.running[pos] > 0 {
		l.awaited = true
		return 0, false
	}
	l.holder, l.former, l.awaited = "", pos, false
	return l.term, true
}

// isAwaited reports whether the end of a payment ends the session of pos too.
func (l *lease) isAwaited(pos string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.holder == pos && l.awaited
}

// mayFinish reports whether pos lost the lease because its session was over, and
// nobody has taken it since.
func (l *lease) mayFinish(pos string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return pos != "" && l.former == pos && l.current() == ""
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
// end. holder is who holds it otherwise. With finishing it is enough that pos
// mayFinish.
func (l *lease) begin(pos string, payment, finishing bool) (holder string, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	holder = l.current()
	if holder != pos && !(finishing && holder == "" && l.former == pos) {
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
