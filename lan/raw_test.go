package lan_test

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"smartreader/lan/lantest"
	"smartreader/lan/wire"
)

// raw is a POS that can misbehave.
type raw struct {
	t  *testing.T
	ws *websocket.Conn
}

type rawReply struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params wire.Event      `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Code    int        `json:"code"`
		Message string     `json:"message"`
		Data    wire.Error `json:"data"`
	} `json:"error"`
}

// patience is how long a test waits for what must come; it never decides a
// test that passes.
const patience = 2 * time.Minute

func dialRaw(t *testing.T, b *lantest.Bench, header http.Header) (*raw, *http.Response, error) {
	t.Helper()
	d := websocket.Dialer{
		TLSClientConfig: &tls.Config{RootCAs: b.CA.Pool(), ServerName: "s1.local"},
		Subprotocols:    []string{wire.Protocol},
	}
	ws, resp, err := d.Dial(b.URL, header)
	if err != nil {
		return nil, resp, err
	}
	t.Cleanup(func() { ws.Close() })
	return &raw{t, ws}, resp, nil
}

func openRaw(t *testing.T, b *lantest.Bench) *raw {
	t.Helper()
	r, _, err := dialRaw(t, b, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *raw) send(message string) {
	r.t.Helper()
	if err := r.ws.WriteMessage(websocket.TextMessage, []byte(message)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *raw) next() (rawReply, error) {
	r.ws.SetReadDeadline(time.Now().Add(patience))
	var reply rawReply
	_, data, err := r.ws.ReadMessage()
	if err == nil {
		err = json.Unmarshal(data, &reply)
	}
	return reply, err
}

// reply is the next answer; events are skipped.
func (r *raw) reply() rawReply {
	r.t.Helper()
	for {
		reply, err := r.next()
		if err != nil {
			r.t.Fatal(err)
		}
		if reply.Method == "" {
			return reply
		}
	}
}

func (r *raw) call(method string, params any) rawReply {
	r.t.Helper()
	data, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 7, "method": method, "params": params})
	if err != nil {
		r.t.Fatal(err)
	}
	r.send(string(data))
	return r.reply()
}

func (r *raw) hello(pos string) wire.HelloResult {
	r.t.Helper()
	var result wire.HelloResult
	reply := r.call(wire.MethodHello, wire.HelloParams{Client: "raw", POSID: pos})
	if reply.Error != nil {
		r.t.Fatalf("hello: %+v", reply.Error)
	}
	if err := json.Unmarshal(reply.Result, &result); err != nil {
		r.t.Fatal(err)
	}
	return result
}

// signed are connect params that answer h's challenge.
func signed(t *testing.T, h wire.HelloResult, pos, token string, key *ecdsa.PrivateKey) wire.ConnectReaderParams {
	t.Helper()
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	c := wire.Challenge{Nonce: h.Nonce, ReaderID: h.Reader.ID, ReaderKeyHash: h.ReaderKeyHash, POSID: pos, POSPublicKey: spki}
	signature, err := c.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	return wire.ConnectReaderParams{ConnectionToken: token, POSID: pos, POSPublicKey: spki, Signature: signature}
}

// connect says hello and connects with a token.
func (r *raw) connect(pos, token string) {
	r.t.Helper()
	h := r.hello(pos)
	if reply := r.call(wire.MethodConnectReader, signed(r.t, h, pos, token, lantest.NewKey(r.t))); reply.Error != nil {
		r.t.Fatalf("connect: %+v", reply.Error)
	}
}

// closeCode waits for the close frame.
func (r *raw) closeCode() int {
	r.t.Helper()
	for {
		if _, err := r.next(); err != nil {
			if c, ok := errors.AsType[*websocket.CloseError](err); ok {
				return c.Code
			}
			r.t.Fatalf("no close frame: %v", err)
		}
	}
}
