package lan

import (
	"context"
	"crypto/rand"

	"smartreader/lan/wire"
)

// hello names the reader and sets a fresh nonce; an earlier one is void.
func (c *conn) hello(ctx context.Context, p *wire.HelloParams) (*wire.HelloResult, error) {
	c.mu.Lock()
	if c.pos != "" && p.POSID != c.pos {
		c.mu.Unlock()
		return nil, wire.NewError(wire.CodeUnexpectedOperation, "this connection belongs to another posId").
			WithRemedy("open another connection")
	}
	select {
	case <-c.greet:
	default:
		close(c.greet)
	}
	c.caller.POSID = p.POSID
	c.nonce = make([]byte, wire.NonceSize)
	rand.Read(c.nonce)
	nonce := c.nonce
	c.mu.Unlock()

	full, err := c.srv.opts.Reader.Describe(ctx, nil)
	if err != nil {
		return nil, err
	}
	return &wire.HelloResult{
		Reader: wire.Reader{ // nothing that only an authenticated POS may know
			ID: c.srv.opts.ReaderID, SerialNumber: full.SerialNumber,
			DeviceType: full.DeviceType, DeviceSoftwareVersion: full.DeviceSoftwareVersion,
			Livemode: full.Livemode, Simulated: full.Simulated,
		},
		Protocol: wire.Protocol, Nonce: nonce, ReaderKeyHash: c.srv.keyHash,
	}, nil
}

// connect authenticates the POS and takes the lease.
func (c *conn) connect(ctx context.Context, p wire.ConnectReaderParams) (*wire.ConnectReaderResult, error) {
	c.mu.Lock()
	nonce, pos, caller := c.nonce, c.caller.POSID, c.caller
	c.nonce = nil // good for one attempt
	held := c.connected && c.srv.lease.view(pos).HeldByYou && !c.srv.lease.over(pos, c.srv.opts.Now())
	c.mu.Unlock()
	switch {
	case held:
		return nil, wire.NewError(wire.CodeAlreadyConnectedToReader, "")
	case nonce == nil:
		return nil, wire.NewError(wire.CodeAuthenticationFailed, "there is no challenge to answer").
			WithRemedy("say hello, then connectReader with the signature over its nonce; each nonce works once")
	case p.POSID != pos:
		return nil, c.failed(wire.NewError(wire.CodeInvalidRequiredParameter, "posId must be the one given in hello"))
	}
	challenge := wire.Challenge{
		Nonce: nonce, ReaderID: c.srv.opts.ReaderID, ReaderKeyHash: c.srv.keyHash,
		POSID: p.POSID, POSPublicKey: p.POSPublicKey,
	}
	if challenge.Verify(p.Signature) != nil {
		return nil, c.failed(wire.NewError(wire.CodeAuthenticationFailed, ""))
	}
	result, err := c.srv.opts.Reader.Connect(ctx, &caller, p)
	if err != nil {
		return nil, c.failed(err)
	}
	return c.enter(pos, p, result)
}

// failed counts attempts, so that one connection cannot try tokens for ever.
func (c *conn) failed(err error) error {
	c.mu.Lock()
	c.failures++
	pos := c.caller.POSID
	c.mu.Unlock()
	c.log.Warn("POS not let in", "pos", pos, "err", err)
	return err
}

// enter makes an authenticated POS the lease holder and tells the others. A POS
// that is refused the lease stays authenticated and may look.
func (c *conn) enter(pos string, p wire.ConnectReaderParams, result wire.ConnectReaderResult) (*wire.ConnectReaderResult, error) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil, errClosed // nobody is left to hold the lease
	}
	if c.caller.POSID != pos {
		// Another hello came while this was being checked: whoever said it has
		// proved nothing.
		c.mu.Unlock()
		return nil, c.failed(wire.NewError(wire.CodeUnexpectedOperation, "hello with another posId came before the answer").
			WithRemedy("open another connection"))
	}
	c.pos = pos
	c.newest = max(c.newest, result.NewestSeq)
	if !c.pumping {
		start := result.Cursor
		if p.Resume != nil && p.Resume.LastSeq <= result.NewestSeq {
			// A number beyond the newest event is from another reader or another
			// ledger: then the POS's own cursor here is the only truth.
			start = p.Resume.LastSeq
		}
		c.sent.Store(start)
		c.acked.Store(start)
	}
	c.trust()
	before, term, ok := c.srv.lease.take(pos, p.FailIfInUse, result.SessionExpiresAtMs, c.srv.opts.Now())
	if !ok {
		c.mu.Unlock()
		return nil, wire.Errorf(wire.CodeReaderInUse, "the POS %s holds the reader", before)
	}
	if c.connected {
		c.srv.lease.leave(pos) // it took the lease back: still one socket
	}
	c.connected, c.expired, c.term, c.provides = true, false, term, p.ProvidesTokens
	c.mu.Unlock()
	c.log.Info("POS connected", "pos", pos, "by", result.Connection)
	if before != pos {
		c.srv.leaseMoved(before, pos)
	}
	view := c.srv.lease.view(pos)
	result.Reader.Lease = &view
	return &result, nil
}

// describe completes the reader's description for this POS.
func (c *conn) describe(r wire.Reader) wire.Reader {
	c.mu.Lock()
	pos, newest := c.pos, c.newest
	c.mu.Unlock()
	view := c.srv.lease.view(pos)
	r.Lease, r.NewestSeq = &view, max(newest, c.sent.Load())
	return r
}

// leaseMoved tells everybody who holds the reader now, and the old owner first
// that it is out.
func (s *Server) leaseMoved(from, to string) {
	for _, c := range s.connections() {
		pos := c.posID()
		if from != "" && pos == from && to != "" {
			c.tell(wire.Event{Type: wire.EventConnectionLost, Reason: wire.LostTakenOver})
		}
		if pos != to {
			c.tell(wire.Event{Type: wire.EventLeaseChange})
		}
	}
}

// disconnect gives the lease back; the POS may go on looking.
func (c *conn) disconnect() (*wire.DisconnectReaderResult, error) {
	c.mu.Lock()
	pos := c.pos
	if !c.connected {
		c.mu.Unlock()
		return &wire.DisconnectReaderResult{}, nil
	}
	if !c.srv.lease.release(pos) {
		c.mu.Unlock()
		return nil, wire.NewError(wire.CodeReaderBusy, "a payment of this POS runs").
			WithRemedy("wait for it, or cancel it with cancelCollectPaymentMethod")
	}
	c.connected = false
	c.mu.Unlock()
	c.srv.leaseMoved(pos, "")
	return &wire.DisconnectReaderResult{}, nil
}
