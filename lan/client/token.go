package client

import (
	"context"
	"time"

	"github.com/sourcegraph/jsonrpc2"

	"smartreader/lan/wire"
)

// tokenTime is how long the reader waits for a connection token.
const tokenTime = time.Minute

// provideToken answers the reader's request for a connection token. One is got
// at a time, so that a reader cannot flood the backend.
func (c *Conn) provideToken(req *jsonrpc2.Request) {
	ctx, cancel := context.WithTimeout(context.Background(), tokenTime)
	defer cancel()
	go func() {
		select {
		case <-c.ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	var params wire.FetchConnectionTokenParams
	var raw []byte
	if req.Params != nil {
		raw = *req.Params
	}
	if err := wire.DecodeParams(raw, &params); err != nil {
		c.rpc.ReplyWithError(ctx, req.ID, &jsonrpc2.Error{Code: wire.RPCInvalidParams, Message: err.Error()})
		return
	}
	if !c.fetching.TryLock() {
		c.rpc.ReplyWithError(ctx, req.ID, &jsonrpc2.Error{Code: wire.RPCRefused, Message: "another connection token is being fetched"})
		return
	}
	token, err := c.opts.ConnectionToken(ctx, params.Reason)
	c.fetching.Unlock() // before the answer: the next request may follow at once
	if err != nil {
		c.opts.Log.Warn("no connection token for the reader", "reason", params.Reason, "err", err)
		c.rpc.ReplyWithError(ctx, req.ID, &jsonrpc2.Error{Code: wire.RPCRefused, Message: shortened(err.Error())})
		return
	}
	c.rpc.Reply(ctx, req.ID, wire.FetchConnectionTokenResult{ConnectionToken: token})
}

// shortened keeps what a person reads of an error's text.
func shortened(s string) string {
	const kept = 500
	n := 0
	for i := range s {
		if n++; n > kept {
			return s[:i]
		}
	}
	return s
}
