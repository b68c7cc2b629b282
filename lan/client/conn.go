package client

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/gorilla/websocket"
	"github.com/sourcegraph/jsonrpc2"

	"smartreader/lan/wire"
)

// eventQueue holds what OnEvent has not yet taken: more than the reader sends
// ahead, so that durable events never overflow it.
const eventQueue = 2 * wire.MaxUnacknowledged

// Conn is one connection to a reader. Its methods may be called concurrently.
type Conn struct {
	opts   Options
	stream *stream
	rpc    *jsonrpc2.Conn
	ready  chan struct{} // closed once rpc is set: NewConn reads before it returns
	events chan wire.Event
	ended  chan struct{} // closed: the connection is gone
	wg     sync.WaitGroup
	newest atomic.Uint64 // last durable event OnEvent dealt with

	mu      sync.Mutex
	who     identity
	reader  wire.Reader
	nonce   []byte
	cause   error // why the connection ended
	closing bool  // Close has begun: nothing may be started any more
	// The newest credential of this POS, as long as this connection stands.
	credential *wire.Credential
	expiresAt  int64 // Unix ms

	fetching sync.Mutex // held while Options.ConnectionToken runs
}

func newConn(socket *websocket.Conn, opts Options) *Conn {
	c := &Conn{
		opts: opts, stream: newStream(socket, opts.Dead), ready: make(chan struct{}),
		events: make(chan wire.Event, eventQueue), ended: make(chan struct{}),
	}
	c.rpc = jsonrpc2.NewConn(context.Background(), c.stream, c, jsonrpc2.SetLogger(quiet{opts.Log}))
	close(c.ready)
	c.wg.Go(func() {
		<-c.rpc.DisconnectNotify()
		c.setCause(c.stream.cause())
		close(c.ended)
	})
	c.wg.Go(c.deliver)
	return c
}

// ConnectOptions are what a POS connects with: a ConnectionToken when it has
// internet, else the Credential from an earlier connect.
type ConnectOptions struct {
	ConnectionToken string
	Credential      *wire.Credential
	LocationID      string
	FailIfInUse     bool // do not take the lease from another POS; refused with READER_CONNECTED_TO_ANOTHER_DEVICE
	// Look is FailIfInUse, but no error when another POS holds the lease: the
	// connection is then good for looking and for events. Of the result only
	// Reader and NewestSeq are there.
	Look bool
	// LastSeq is the last durable event this POS has dealt with; nil begins
	// after the last one it acknowledged.
	LastSeq *uint64
}

// Connect authenticates this POS and takes the reader's lease. It can be called
// again on the same Conn to take the lease back.
func (c *Conn) Connect(ctx context.Context, o ConnectOptions) (wire.ConnectReaderResult, error) {
	var result wire.ConnectReaderResult
	c.mu.Lock()
	who, nonce := c.who, c.nonce
	c.nonce = nil
	c.mu.Unlock()
	if nonce == nil { // used up by an earlier attempt
		if err := c.hello(ctx, who); err != nil {
			return result, err
		}
		c.mu.Lock()
		nonce, c.nonce = c.nonce, nil
		c.mu.Unlock()
	}
	spki, err := x509.MarshalPKIXPublicKey(c.opts.Key.Public())
	if err != nil {
		return result, fmt.Errorf("%w: Key: %w", ErrOptions, err)
	}
	challenge := wire.Challenge{
		Nonce: nonce, ReaderID: who.readerID, ReaderKeyHash: who.keyHash,
		POSID: c.opts.POSID, POSPublicKey: spki,
	}
	signature, err := challenge.Sign(c.opts.Key)
	if err != nil {
		return result, err
	}
	params := &wire.ConnectReaderParams{
		ConnectionToken: o.ConnectionToken, Credential: o.Credential,
		POSID: c.opts.POSID, POSPublicKey: spki, Signature: signature,
		LocationID: o.LocationID, FailIfInUse: o.FailIfInUse || o.Look,
		ProvidesTokens: c.opts.ConnectionToken != nil,
	}
	if o.LastSeq != nil {
		params.Resume = &wire.Resume{LastSeq: *o.LastSeq}
	}
	err = c.call(ctx, wire.MethodConnectReader, params, &result)
	c.renewed(result.Credential, result.ExpiresAtMs)
	if o.Look && errors.Is(err, wire.CodeReaderInUse) { // refused the lease, but let in
		result.Reader, err = c.GetReader(ctx)
		result.NewestSeq = result.Reader.NewestSeq
	}
	return result, err
}

// renewed remembers a credential, if there is one.
func (c *Conn) renewed(credential *wire.Credential, expiresAtMs int64) {
	if credential == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.credential, c.expiresAt = credential, expiresAtMs
}

// Credential is the newest credential this POS was given on this connection, by
// Connect or by the event credentialRenewed, and when it expires in Unix ms. It
// is what to keep for the next outage; nil if there was none.
func (c *Conn) Credential() (credential *wire.Credential, expiresAtMs int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.credential, c.expiresAt
}

// Reader is the reader as it introduced itself.
func (c *Conn) Reader() wire.Reader {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reader
}

// Warnings are what is wrong but did not prevent the connection.
func (c *Conn) Warnings() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.who.warnings
}

// Done is closed when the connection is gone; Err says why.
func (c *Conn) Done() <-chan struct{} { return c.ended }

// Err is why the connection ended, nil while it is up or after Close.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cause
}

func (c *Conn) setCause(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause == nil {
		c.cause = err
	}
}

// Close closes the connection and waits until OnEvent and ConnectionToken have
// returned. The lease
// stays with this POS for a minute, and a running payment goes on.
func (c *Conn) Close() error {
	c.mu.Lock()
	c.closing = true
	c.mu.Unlock()
	c.rpc.Close()
	c.wg.Wait()
	return nil
}

// call makes one call; ctx bounds the waiting, not what the reader does.
func (c *Conn) call(ctx context.Context, method string, params wire.Params, result any) error {
	if err := params.Validate(); err != nil {
		return err
	}
	return callError(method, c.rpc.Call(ctx, method, params, result))
}

// Handle implements jsonrpc2.Handler: it takes the reader's notifications.
func (c *Conn) Handle(ctx context.Context, _ *jsonrpc2.Conn, req *jsonrpc2.Request) {
	<-c.ready
	if !req.Notif && req.Method == wire.MethodFetchConnectionToken && c.opts.ConnectionToken != nil {
		c.mu.Lock()
		if !c.closing {
			c.wg.Go(func() { c.provideToken(req) })
		}
		c.mu.Unlock()
		return
	}
	if !req.Notif {
		c.rpc.ReplyWithError(ctx, req.ID, &jsonrpc2.Error{Code: wire.RPCMethodNotFound, Message: "this POS does not know " + req.Method})
		return
	}
	if req.Params == nil || (c.opts.OnEvent == nil && req.Method != wire.EventCredentialRenewed) {
		return
	}
	var e wire.Event
	if err := json.Unmarshal(*req.Params, &e); err != nil {
		c.opts.Log.Warn("event not understood", "event", req.Method, "err", err)
		if wire.Durable(req.Method) {
			c.fail(fmt.Errorf("client: durable event not understood: %w", err))
		}
		return
	}
	e.Type = req.Method
	if e.Type == wire.EventCredentialRenewed {
		c.renewed(e.Credential, e.ExpiresAtMs)
	}
	if c.opts.OnEvent == nil {
		return
	}
	select {
	case c.events <- e:
	default:
		if e.Seq != 0 {
			c.fail(errors.New("client: OnEvent does not keep up; reconnect to get the events again"))
			return
		}
		c.opts.Log.Debug("transient event dropped, OnEvent does not keep up", "event", e.Type)
	}
}

// fail ends the connection with a cause.
func (c *Conn) fail(err error) {
	c.setCause(err)
	c.rpc.Close()
}
