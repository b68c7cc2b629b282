package lan

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/sourcegraph/jsonrpc2"

	"smartreader/lan/wire"
)

// pumpBatch is how many events are fetched at once.
const pumpBatch = 32

// pumpRetry is how long to wait after the ledger could not be read.
const pumpRetry = time.Second

// kickPump wakes the pump.
func (c *conn) kickPump() {
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// pump sends durable events in order, each once per connection, at most
// wire.MaxUnacknowledged ahead of the POS's acknowledgement. It returns when
// the socket closes.
func (c *conn) pump(ctx context.Context) {
	c.mu.Lock()
	started := c.pumping
	c.pumping = true
	c.mu.Unlock()
	if started {
		return // the POS took the lease back on the same connection
	}
	for {
		again, err := c.pumpSome(ctx)
		var retry <-chan time.Time
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, errClosed) {
				return // the POS has hung up
			}
			c.log.Error("durable events cannot be read", "err", err)
			retry = time.After(pumpRetry)
		} else if again {
			continue
		}
		select {
		case <-c.kick:
		case <-retry:
		case <-ctx.Done():
			return
		}
	}
}

// pumpSome sends one batch and reports whether there may be more to send.
func (c *conn) pumpSome(ctx context.Context) (again bool, err error) {
	sent := c.sent.Load()
	ahead := sent - min(sent, c.acked.Load())
	if ahead >= wire.MaxUnacknowledged {
		return false, nil
	}
	events, err := c.srv.opts.Reader.EventsAfter(ctx, sent, int(min(pumpBatch, wire.MaxUnacknowledged-ahead)))
	if err != nil {
		return false, err
	}
	for _, e := range events {
		if e.Seq <= sent {
			continue // a reader that repeats itself must not make the POS see twice
		}
		data, err := notification(e)
		if err != nil {
			return false, err
		}
		sent = e.Seq
		c.sent.Store(sent) // first: the acknowledgement may come back at once
		if err := c.stream.sendDurable(data); err != nil {
			return false, err
		}
	}
	return len(events) > 0, nil
}

func notification(e wire.Event) ([]byte, error) {
	req := jsonrpc2.Request{Method: e.Type, Notif: true}
	if err := req.SetParams(fitEvent(e)); err != nil {
		return nil, err
	}
	return json.Marshal(req)
}

// acknowledge moves the POS's cursor. Acknowledging what was never sent would
// lose it, so that is refused.
func (c *conn) acknowledge(pos string, seq uint64) (*wire.AcknowledgeEventsResult, error) {
	if sent := c.sent.Load(); seq > sent {
		return nil, wire.Errorf(wire.CodeInvalidRequiredParameter, "seq %d was not sent on this connection, the newest was %d", seq, sent).
			WithRemedy("acknowledge only events that have arrived")
	}
	at, err := c.srv.opts.Reader.Acknowledge(c.ctx, pos, seq)
	if err != nil {
		return nil, err
	}
	for _, other := range c.srv.connections() {
		if other.posID() == pos {
			other.raiseAcked(seq)
			other.kickPump()
		}
	}
	return &wire.AcknowledgeEventsResult{Seq: at}, nil
}

func (c *conn) raiseAcked(seq uint64) {
	for {
		old := c.acked.Load()
		if seq <= old || c.acked.CompareAndSwap(old, seq) {
			return
		}
	}
}
