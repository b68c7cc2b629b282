package sandbox

import (
	"crypto/rand"
	"fmt"
)

// tx collects the objects that one request changes. Nothing is visible before
// they are on disk; a function that returns an error has changed nothing.
type tx struct {
	*state
	atMs    int64
	changed []object
}

func (t *tx) put(o object) { t.changed = append(t.changed, o) }

// stamp is a time for what configurations are made from. It rises with every
// change, whatever the clock does: readers take no older configuration.
func (t *tx) stamp() int64 { return max(t.atMs, t.stamped+1) }

// update runs f alone and makes its changes durable before it returns.
func (s *Sandbox) update(f func(*tx) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &tx{state: s.state, atMs: s.now().UnixMilli()}
	if err := f(t); err != nil {
		return err
	}
	if len(t.changed) == 0 {
		return nil
	}
	if err := t.tell(); err != nil {
		return err
	}
	if err := s.journal.append(t.atMs, t.changed); err != nil {
		s.log.Error("state not written", "err", err)
		return err
	}
	for _, o := range t.changed {
		s.state.set(o)
	}
	s.courier.kick()
	return nil
}

// view runs f with the state held still.
func (s *Sandbox) view(f func(*state)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s.state)
}

const idAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// newID makes an identifier like pi_3KJ... that nobody can guess.
func newID(prefix string) string { return prefix + randomText(24) }

func randomText(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = idAlphabet[randomBelow(byte(len(idAlphabet)))]
	}
	return string(b)
}

// randomBelow is uniform: bytes at or above the largest multiple of n are
// drawn again.
func randomBelow(n byte) byte {
	var b [1]byte
	for {
		rand.Read(b[:])
		if limit := 256 / int(n) * int(n); int(b[0]) < limit {
			return b[0] % n
		}
	}
}

// authorizationCode is six digits, as issuers give.
func authorizationCode() string {
	code := 0
	for range 6 {
		code = code*10 + int(randomBelow(10))
	}
	return fmt.Sprintf("%06d", code)
}
