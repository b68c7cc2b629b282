package lan

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"testing/synctest"

	"smartreader/lan/wire"
)

// oneEvent is a reader with an event for everybody.
type oneEvent struct{ Reader }

func (oneEvent) EventsAfter(context.Context, uint64, int) ([]wire.Event, error) {
	return []wire.Event{{Seq: 1, Type: wire.EventPaymentIntentChange}}, nil
}

// A POS that hangs up while events are on their way is nothing to complain of,
// and ends the pump.
func TestHangingUpIsNoError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), pumpRetry/2)
		defer cancel()
		var said bytes.Buffer
		s := &stream{closing: make(chan struct{})}
		close(s.closing)
		c := &conn{srv: &Server{opts: Options{Reader: oneEvent{}}}, stream: s, log: slog.New(slog.NewTextHandler(&said, nil))}
		c.pump(ctx)
		if said.Len() > 0 || ctx.Err() != nil {
			t.Errorf("%v, logged: %s", ctx.Err(), &said)
		}
	})
}
