package lan

import (
	"context"
	"encoding/json"
	"runtime/debug"

	"github.com/sourcegraph/jsonrpc2"

	"smartreader/lan/wire"
)

// access is what a POS must have to call a method.
type access int

const (
	open    access = iota // anybody
	look                  // authenticated
	command               // the lease
	payment               // the lease, which is busy meanwhile
)

func accessOf(method string) access {
	switch method {
	case wire.MethodHello, wire.MethodConnectReader:
		return open
	case wire.MethodCollectPaymentMethod, wire.MethodConfirmPaymentIntent, wire.MethodProcessPaymentIntent, wire.MethodCollectInputs:
		return payment
	case wire.MethodCreatePaymentIntent, wire.MethodCancelCollectPaymentMethod, wire.MethodCancelPaymentIntent, wire.MethodForwardNow,
		wire.MethodVoidStoredPayment, wire.MethodRescuePayments, wire.MethodExportLedger, wire.MethodSetSimulatorConfiguration:
		return command
	}
	return look
}

// Handle implements jsonrpc2.Handler. It runs in the reading goroutine, so all
// but hello goes on in a goroutine of its own: a collect that waits for a card
// must not keep a cancel from being read.
func (c *conn) Handle(ctx context.Context, _ *jsonrpc2.Conn, req *jsonrpc2.Request) {
	<-c.ready
	if req.Notif {
		// The envelope has an id, but not spelled exactly so: encoding/json does
		// not mind, jsonrpc2 does, and would have it carried out unanswered.
		c.stream.reject(nil, wire.NewError(wire.CodeInvalidMessage, "id is missing; every request is answered"))
		return
	}
	params := wire.NewParams(req.Method)
	if params == nil {
		c.fail(ctx, req, wire.NewError(wire.CodeUnknownMethod, ""))
		return
	}
	var raw json.RawMessage
	if req.Params != nil {
		raw = *req.Params
	}
	if err := wire.DecodeParams(raw, params); err != nil {
		c.fail(ctx, req, err)
		return
	}
	if req.Method == wire.MethodHello {
		result, err := c.guard(ctx, req.Method, params)
		c.answer(ctx, req, result, err)
		return
	}
	if int(c.count.Load()) >= c.callsAllowed(req.Method) {
		c.fail(ctx, req, wire.NewError(wire.CodeTooManyRequests, ""))
		return
	}
	done, err := c.admit(req.Method)
	if err != nil {
		c.fail(ctx, req, err)
		return
	}
	c.count.Add(1)
	c.calls.Add(1)
	go func() {
		defer c.calls.Done()
		result, err := c.guard(ctx, req.Method, params)
		done()
		c.answer(ctx, req, result, err)
		c.count.Add(-1)
		if req.Method == wire.MethodConnectReader {
			c.afterConnect(ctx) // after the answer, so that no event comes before it
		}
	}()
}

// callsAllowed keeps room for canceling and acknowledging.
func (c *conn) callsAllowed(method string) int {
	switch method {
	case wire.MethodCancelCollectPaymentMethod, wire.MethodAcknowledgeEvents, wire.MethodDisconnectReader:
		return c.srv.limits.Calls + 4
	}
	return c.srv.limits.Calls
}

// admit checks what the method needs and returns what to do when it is over.
func (c *conn) admit(method string) (done func(), err error) {
	done = func() {}
	need := accessOf(method)
	if need == open {
		return done, nil
	}
	c.mu.Lock()
	pos, connected, expired := c.pos, c.connected, c.expired
	c.mu.Unlock()
	finishing := finishes(method) && c.srv.lease.mayFinish(pos)
	switch {
	case pos == "":
		return nil, wire.NewError(wire.CodeNotConnectedToReader, "")
	case need == look:
		return done, nil
	case !connected && !finishing && expired:
		return nil, wire.NewError(wire.CodeSessionExpired, "")
	case !connected && !finishing:
		return nil, wire.NewError(wire.CodeNotConnectedToReader, "")
	case startsWork(method) && c.srv.sessionOver(pos):
		return nil, wire.NewError(wire.CodeSessionExpired, "").
			WithRemedy("connect again with a new connection token; this says nothing about a request of before: retrieve its payment")
	}
	holder, ok := c.srv.lease.begin(pos, need == payment, finishing)
	switch {
	case ok && need == payment:
		return func() {
			c.srv.lease.end(pos)
			c.srv.endSession(pos) // if it was only waited for this to end
		}, nil
	case ok:
		return done, nil
	case holder == "":
		return nil, wire.NewError(wire.CodeNotConnectedToReader, "this POS no longer holds the reader")
	}
	return nil, wire.Errorf(wire.CodeReaderInUse, "the POS %s has taken the reader", holder).
		WithNative(4020).WithRemedy("call connectReader to take it back")
}

// guard turns a panic of one call into an error: the other payments and the
// forwarder must go on.
func (c *conn) guard(ctx context.Context, method string, params wire.Params) (result any, err error) {
	defer func() {
		if p := recover(); p != nil {
			c.log.Error("call panicked", "method", method, "panic", p, "stack", string(debug.Stack()))
			result, err = nil, wire.NewError(wire.CodeGenericReaderError, "")
		}
	}()
	return c.call(ctx, params)
}

// call asks the Reader. ctx ends with the socket; c.ctx does not.
func (c *conn) call(ctx context.Context, params wire.Params) (any, error) {
	r := c.srv.opts.Reader
	c.mu.Lock()
	caller := c.caller
	c.mu.Unlock()
	switch p := params.(type) {
	case *wire.HelloParams:
		return c.hello(ctx, p)
	case *wire.ConnectReaderParams:
		return c.connect(ctx, *p)
	case *wire.DisconnectReaderParams:
		return c.disconnect()
	case *wire.CreatePaymentIntentParams:
		return r.CreatePaymentIntent(c.ctx, &caller, *p)
	case *wire.CollectPaymentMethodParams:
		return r.CollectPaymentMethod(c.ctx, &caller, *p)
	case *wire.ConfirmPaymentIntentParams:
		return r.ConfirmPaymentIntent(c.ctx, &caller, *p)
	case *wire.ProcessPaymentIntentParams:
		return r.ProcessPaymentIntent(c.ctx, &caller, *p)
	case *wire.CancelCollectPaymentMethodParams:
		return r.CancelCollectPaymentMethod(c.ctx, &caller, *p)
	case *wire.CancelPaymentIntentParams:
		return r.CancelPaymentIntent(c.ctx, &caller, *p)
	case *wire.ForwardNowParams:
		return r.ForwardNow(c.ctx, &caller, *p)
	case *wire.VoidStoredPaymentParams:
		return r.VoidStoredPayment(c.ctx, &caller, *p)
	case *wire.RescuePaymentsParams:
		return r.RescuePayments(c.ctx, &caller, *p)
	case *wire.CollectInputsParams:
		return r.CollectInputs(c.ctx, &caller, *p)
	case *wire.SetSimulatorConfigurationParams:
		return r.SetSimulatorConfiguration(c.ctx, &caller, *p)
	case *wire.ExportLedgerParams:
		return r.ExportLedger(c.ctx, &caller, *p)
	case *wire.VerifyLedgerParams:
		return c.verify(ctx, &caller)
	case *wire.ExplainOfflinePolicyParams:
		return r.ExplainOfflinePolicy(ctx, &caller, *p)
	case *wire.AcknowledgeEventsParams:
		return c.acknowledge(caller.POSID, p.Seq)
	case *wire.RetrievePaymentIntentParams:
		return r.RetrievePaymentIntent(ctx, &caller, *p)
	case *wire.GetReaderParams:
		reader, err := r.Describe(ctx, &caller)
		return c.describe(reader), err
	case *wire.GetOfflineStatusParams:
		return r.OfflineStatus(ctx, &caller)
	case *wire.ListStoredPaymentsParams:
		return r.ListStoredPayments(ctx, &caller, *p)
	}
	return nil, wire.NewError(wire.CodeUnknownMethod, "")
}

// verify checks the ledger for one POS at a time: every signature of it is read,
// and payments need the processor too.
func (c *conn) verify(ctx context.Context, caller *Caller) (any, error) {
	if !c.srv.verifying.TryLock() {
		return nil, wire.NewError(wire.CodeReaderBusy, "the ledger is being verified for another call").
			WithRemedy("wait for that, then ask again")
	}
	defer c.srv.verifying.Unlock()
	return c.srv.opts.Reader.VerifyLedger(ctx, caller)
}

func (c *conn) answer(ctx context.Context, req *jsonrpc2.Request, result any, err error) {
	if err != nil {
		c.fail(ctx, req, err)
		return
	}
	body, err := json.Marshal(fitResult(result))
	if err == nil && len(body) > maxBody { // none about a payment: fit bounds those
		c.log.Error("answer over the message limit", "method", req.Method, "bytes", len(body))
		err = tooLong(result)
	}
	if err != nil {
		c.fail(ctx, req, err)
		return
	}
	if err := c.rpc.Reply(ctx, req.ID, json.RawMessage(body)); err != nil {
		c.log.Info("the POS was gone before the answer", "method", req.Method)
	}
}

func (c *conn) fail(ctx context.Context, req *jsonrpc2.Request, err error) {
	e := fitError(public(err))
	if _, ok := wire.AsError(err); !ok {
		c.log.Error("call failed", "method", req.Method, "err", err)
	} else {
		c.log.Debug("call refused", "method", req.Method, "code", e.Code)
	}
	if err := c.rpc.ReplyWithError(ctx, req.ID, rpcError(e)); err != nil {
		c.log.Info("the POS was gone before the answer", "method", req.Method)
	}
}
