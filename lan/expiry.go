package lan

import (
	"github.com/gorilla/websocket"

	"smartreader/lan/wire"
)

// A session ends at a time that connectReader's answer says, so that no POS goes
// on for ever without having been vouched for. Its end stops what is new, and
// never cuts what runs: a payment that was begun can be confirmed and canceled.

// startsWork names the methods that a session that is over refuses.
func startsWork(method string) bool {
	switch method {
	case wire.MethodCreatePaymentIntent, wire.MethodCollectPaymentMethod, wire.MethodProcessPaymentIntent, wire.MethodCollectInputs:
		return true
	}
	return false
}

// finishes names the methods that bring to its end what was begun before the
// session was over.
func finishes(method string) bool {
	switch method {
	case wire.MethodConfirmPaymentIntent, wire.MethodCancelCollectPaymentMethod, wire.MethodCancelPaymentIntent:
		return true
	}
	return false
}

// RenewSession sets anew when the session of a POS ends, in Unix ms, 0 for never:
// the platform has vouched for it again. It does nothing when the POS does not
// hold the reader.
func (s *Server) RenewSession(posID string, expiresAtMs int64) { s.lease.renew(posID, expiresAtMs) }

// Disconnect ends the session and closes the connections of a POS that may not be
// here any more. A payment of it that runs goes on to its end.
func (s *Server) Disconnect(posID string) {
	s.lease.renew(posID, 1) // over long ago
	s.releaseExpired(posID)
	for _, c := range s.connections() {
		if posID != "" && c.posID() == posID {
			c.stream.closeWith(websocket.ClosePolicyViolation, "this POS may not use the reader any more")
		}
	}
}

// sessionOver reports whether the session of pos is over. If so it ends it, or
// has it end with the payment that runs.
func (s *Server) sessionOver(pos string) bool {
	if !s.lease.over(pos, s.opts.Now()) {
		return false
	}
	s.releaseExpired(pos)
	return true
}

// endSession ends a session that was over while a payment ran.
func (s *Server) endSession(pos string) {
	if s.lease.isAwaited(pos) {
		s.releaseExpired(pos)
	}
}

// releaseExpired takes the lease from a POS whose session is over, if none of its
// payments runs, and tells everybody, once.
func (s *Server) releaseExpired(pos string) {
	term, ended := s.lease.expire(pos, s.opts.Now())
	if !ended {
		return
	}
	s.log.Info("session expired", "pos", pos)
	for _, c := range s.connections() {
		if c.expire(pos, term) {
			c.tell(wire.Event{Type: wire.EventConnectionLost, Reason: wire.LostExpired})
		}
	}
	s.leaseMoved(pos, "")
}

// expire takes this connection's part of the lease back, unless it connected
// after that taking, and reports whether it had one.
func (c *conn) expire(pos string, term uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pos != pos || !c.connected || c.term > term {
		return false
	}
	c.connected, c.expired = false, true
	c.srv.lease.leave(pos)
	return true
}
