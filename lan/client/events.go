package client

import (
	"context"
	"fmt"
	"time"

	"smartreader/lan/wire"
)

// ackEvery bounds how many events are dealt with before they are acknowledged,
// well under what the reader sends ahead; a quiet queue is acknowledged at once.
const ackEvery = 64

// deliver hands events to OnEvent one by one and acknowledges them.
func (c *Conn) deliver() {
	owed, last := 0, uint64(0) // durable events not acknowledged, and the newest
	for {
		select {
		case e := <-c.events:
			if err := c.opts.OnEvent(e); err != nil {
				c.fail(fmt.Errorf("client: OnEvent: %w", err))
				return
			}
			if e.Seq != 0 {
				owed, last = owed+1, e.Seq
				c.newest.Store(last)
			}
			// Also after a transient event: it may have been what kept the
			// queue from being empty.
			if c.opts.AutoAcknowledge && owed > 0 && (owed >= ackEvery || len(c.events) == 0) {
				if !c.autoAcknowledge(last) {
					c.deliverRest()
					return
				}
				owed = 0
			}
		case <-c.ended:
			c.deliverRest()
			return
		}
	}
}

// deliverRest hands over what arrived before the connection ended: the last
// events say why it did. Durable ones come again, as nobody acknowledged them.
func (c *Conn) deliverRest() {
	for {
		c.mu.Lock()
		closing := c.closing
		c.mu.Unlock()
		if closing {
			return // who closed it has heard enough
		}
		select {
		case e := <-c.events:
			if e.Seq != 0 {
				continue
			}
			if err := c.opts.OnEvent(e); err != nil {
				return
			}
		default:
			return
		}
	}
}

// autoAcknowledge ends the connection when the reader does not take it: without
// acknowledgements events stop coming, and that must not go unseen.
func (c *Conn) autoAcknowledge(seq uint64) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second) // a lost connection ends it at once
	defer cancel()
	if _, err := c.AcknowledgeEvents(ctx, seq); err != nil {
		c.fail(err)
		return false
	}
	return true
}

// AcknowledgeEvents says that this POS has dealt with all durable events up to
// and with seq. It returns where the POS's cursor stands.
func (c *Conn) AcknowledgeEvents(ctx context.Context, seq uint64) (uint64, error) {
	var r wire.AcknowledgeEventsResult
	err := c.call(ctx, wire.MethodAcknowledgeEvents, &wire.AcknowledgeEventsParams{Seq: seq}, &r)
	return r.Seq, err
}
