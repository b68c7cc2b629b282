package lan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"smartreader/lan"
	"smartreader/lan/lantest"
	"smartreader/lan/wire"
)

// Every bad message gets a clear error, and the connection on which a payment
// may wait goes on.
func TestBadMessagesAreAnswered(t *testing.T) {
	b := lantest.Start(t, lantest.NewReader("pst_1"), func(o *lan.Options) { o.Limits.Bad = 100 })
	r := openRaw(t, b)
	r.connect("pos_1", "pst_1")
	create := func(members string) string {
		return `{"jsonrpc":"2.0","id":"c","method":"createPaymentIntent","params":{"requestId":"r1","amount":100,"currency":"usd"` + members + `}}`
	}
	for _, test := range []struct {
		name, message string
		rpc           int
		code          wire.Code
		names         string // part of the message
	}{
		{"garbage", "\x00\xff garbage", wire.RPCInvalidRequest, wire.CodeInvalidMessage, "UTF-8"},
		{"not JSON", `{"jsonrpc":`, wire.RPCInvalidRequest, wire.CodeInvalidMessage, "JSON"},
		{"empty", ``, wire.RPCInvalidRequest, wire.CodeInvalidMessage, "empty"},
		{"number", `17`, wire.RPCInvalidRequest, wire.CodeInvalidMessage, "JSON object"},
		{"batch", `[{"jsonrpc":"2.0","id":1,"method":"getReader"}]`, wire.RPCInvalidRequest, wire.CodeInvalidMessage, "batches"},
		{"depth bomb", strings.Repeat(`{"a":`, 12000), wire.RPCInvalidRequest, wire.CodeInvalidMessage, "deeply"},
		{"array bomb", `{"jsonrpc":"2.0","id":1,"method":"getReader","params":{"a":` + strings.Repeat("[", 50) + strings.Repeat("]", 50) + `}}`, wire.RPCInvalidRequest, wire.CodeInvalidMessage, "deeply"},
		{"no version", `{"id":1,"method":"getReader"}`, wire.RPCInvalidRequest, wire.CodeInvalidMessage, "jsonrpc"},
		{"no id", `{"jsonrpc":"2.0","method":"getReader"}`, wire.RPCInvalidRequest, wire.CodeInvalidMessage, "id"},
		{"null id", `{"jsonrpc":"2.0","id":null,"method":"getReader"}`, wire.RPCInvalidRequest, wire.CodeInvalidMessage, "id"},
		{"negative id", `{"jsonrpc":"2.0","id":-1,"method":"getReader"}`, wire.RPCInvalidRequest, wire.CodeInvalidMessage, "id"},
		{"id in capitals", `{"jsonrpc":"2.0","ID":5,"method":"getReader"}`, wire.RPCInvalidRequest, wire.CodeInvalidMessage, "id"},
		{"id in capitals after null", `{"jsonrpc":"2.0","id":null,"ID":5,"method":"createPaymentIntent","params":{"requestId":"r9","amount":1,"currency":"usd"}}`, wire.RPCInvalidRequest, wire.CodeInvalidMessage, "id"},
		{"fraction id", `{"jsonrpc":"2.0","id":1.5,"method":"getReader"}`, wire.RPCInvalidRequest, wire.CodeInvalidMessage, "id"},
		{"method type", `{"jsonrpc":"2.0","id":1,"method":5}`, wire.RPCInvalidRequest, wire.CodeInvalidMessage, "method"},
		{"neither", `{"jsonrpc":"2.0","id":1}`, wire.RPCInvalidRequest, wire.CodeInvalidMessage, "method"},
		{"unknown method", `{"jsonrpc":"2.0","id":1,"method":"openDrawer"}`, wire.RPCMethodNotFound, wire.CodeUnknownMethod, "method"},
		{"params array", `{"jsonrpc":"2.0","id":1,"method":"getReader","params":[1]}`, wire.RPCInvalidParams, wire.CodeInvalidRequiredParameter, "params"},
		{"params string", `{"jsonrpc":"2.0","id":1,"method":"getReader","params":"x"}`, wire.RPCInvalidParams, wire.CodeInvalidRequiredParameter, "params"},
		{"amount string", create(`,"amount":"100"`), wire.RPCInvalidParams, wire.CodeInvalidRequiredParameter, "amount must be a whole number"},
		{"amount fraction", create(`,"amount":12.5`), wire.RPCInvalidParams, wire.CodeInvalidRequiredParameter, "amount must be a whole number"},
		{"amount too big for int64", create(`,"amount":99999999999999999999`), wire.RPCInvalidParams, wire.CodeInvalidRequiredParameter, "amount"},
		{"amount negative", create(`,"amount":-1`), wire.RPCInvalidParams, wire.CodeInvalidRequiredParameter, "amount"},
		{"currency number", create(`,"currency":840`), wire.RPCInvalidParams, wire.CodeInvalidRequiredParameter, "currency must be a string"},
		{"currency case", create(`,"currency":"USD"`), wire.RPCInvalidParams, wire.CodeInvalidRequiredParameter, "currency"},
		{"metadata number", create(`,"metadata":{"a":1}`), wire.RPCInvalidParams, wire.CodeInvalidRequiredParameter, "metadata"},
		{"nested type", `{"jsonrpc":"2.0","id":1,"method":"collectPaymentMethod","params":{"requestId":"r","paymentIntent":{"localId":3}}}`, wire.RPCInvalidParams, wire.CodeInvalidRequiredParameter, "paymentIntent.localId must be a string"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r.t = t
			r.send(test.message)
			reply := r.reply()
			if reply.Error == nil {
				t.Fatalf("answered %s", reply.Result)
			}
			e := reply.Error
			if e.Code != test.rpc || e.Data.Code != test.code || !strings.Contains(e.Message, test.names) {
				t.Fatalf("answered %d %s %q", e.Code, e.Data.Code, e.Message)
			}
			if e.Data.Remedy == "" || e.Data.Retry == "" {
				t.Fatal("no remedy or no retry")
			}
		})
	}
	r.t = t
	if reply := r.call(wire.MethodCreatePaymentIntent, map[string]any{"requestId": "ok", "amount": 100, "currency": "usd", "unknown": true}); reply.Error != nil {
		t.Fatalf("the connection did not go on: %+v", reply.Error)
	}
}

func TestResponseAfterBadRequestIsNoRequest(t *testing.T) {
	// jsonrpc2 decodes into a value that keeps earlier attempts: a response
	// after a bad request must not run the bad one.
	b := lantest.Start(t, lantest.NewReader("pst_1"), nil)
	r := openRaw(t, b)
	r.hello("pos_1")
	r.send(`{"jsonrpc":"2.0","id":1,"result":{}}`) // nobody asked: ignored
	r.send(`{"jsonrpc":"2.0","id":2,"method":"getReader","error":{"code":1,"message":"x"}}`)
	if reply := r.reply(); reply.Error == nil || string(reply.ID) != "2" {
		t.Fatalf("%+v", reply)
	}
	r.send(`{"jsonrpc":"2.0","id":3,"error":{"code":1,"message":"x"}}`)
	if reply := r.call(wire.MethodGetReader, nil); reply.Error == nil || reply.Error.Data.Code != wire.CodeNotConnectedToReader {
		t.Fatalf("%+v", reply)
	}
}

func TestOversizedMessageIsAnsweredAndClosed(t *testing.T) {
	b := lantest.Start(t, lantest.NewReader(), nil)
	for _, size := range []int{wire.MaxMessage + 1, 10 * wire.MaxMessage} {
		r := openRaw(t, b)
		r.hello("pos_1")
		r.send(strings.Repeat("x", size))
		if reply := r.reply(); reply.Error == nil || reply.Error.Data.Code != wire.CodeMessageTooLarge {
			t.Fatalf("%+v", reply)
		}
		if code := r.closeCode(); code != websocket.CloseMessageTooBig {
			t.Fatalf("closed with %d", code)
		}
	}
	r := openRaw(t, b)
	hello := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"hello","params":{"posId":"p","x":"%s"}}`, strings.Repeat("y", wire.MaxMessage-100))
	r.send(hello)
	if reply := r.reply(); reply.Error != nil {
		t.Fatalf("a message under the limit: %+v", reply.Error)
	}
}

func TestTooManyBadMessagesClose(t *testing.T) {
	b := lantest.Start(t, lantest.NewReader(), func(o *lan.Options) { o.Limits.Bad = 3 })
	r := openRaw(t, b)
	for range 3 {
		r.send("rubbish")
	}
	for range 3 {
		if reply := r.reply(); reply.Error == nil {
			t.Fatalf("%+v", reply)
		}
	}
	if code := r.closeCode(); code != websocket.ClosePolicyViolation {
		t.Fatalf("closed with %d", code)
	}
}

func TestBinaryFramesAreRefused(t *testing.T) {
	b := lantest.Start(t, lantest.NewReader(), nil)
	r := openRaw(t, b)
	if err := r.ws.WriteMessage(websocket.BinaryMessage, []byte(`{"jsonrpc":"2.0","id":1,"method":"hello","params":{"posId":"p"}}`)); err != nil {
		t.Fatal(err)
	}
	if reply := r.reply(); reply.Error == nil || reply.Error.Data.Code != wire.CodeInvalidMessage {
		t.Fatalf("%+v", reply)
	}
}
