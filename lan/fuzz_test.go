package lan_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"smartreader/lan"
	"smartreader/lan/lantest"
	"smartreader/lan/wire"
)

// Whatever a POS sends, before or after it is let in, the server does not
// panic, and it either answers the next proper request or has closed the
// connection.
func FuzzServer(f *testing.F) {
	reader := lantest.NewReader()
	server, err := lan.New(lan.Options{
		Reader: reader, ReaderID: lantest.ReaderID, Key: lantest.NewKey(f).Public(), Log: slog.New(slog.DiscardHandler),
		Limits: lan.Limits{Rate: 1 << 20, Connections: 1 << 20, PerAddress: 1 << 20},
	})
	if err != nil {
		f.Fatal(err)
	}
	reader.Notify = server.Notify
	p := newPipes()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.ServeLoopback(ctx, p) }()
	f.Cleanup(func() { cancel(); <-done })
	key := lantest.NewKey(f)
	var n atomic.Int64

	for _, m := range wire.Methods() {
		f.Add([]byte(fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":{"requestId":"r","posId":"p","amount":1,"currency":"usd","paymentIntent":{"localId":"pl_1"}}}`, m)), true)
	}
	f.Add([]byte(`{"jsonrpc":"2.0","id":"x","result":null}`), false)
	f.Add([]byte(`[1]`), false)
	f.Add([]byte("\xff\x00"), true)
	f.Fuzz(func(t *testing.T, message []byte, connected bool) {
		d := websocket.Dialer{NetDialContext: p.dial, Subprotocols: []string{wire.Protocol}}
		ws, _, err := d.Dial("ws://127.0.0.1"+wire.Path, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer ws.Close()
		r := &raw{t, ws}
		if connected {
			token := fmt.Sprintf("pst_%d", n.Add(1))
			reader.AddToken(token)
			h := r.hello("pos_fuzz")
			if reply := r.call(wire.MethodConnectReader, signed(t, h, "pos_fuzz", token, key)); reply.Error != nil {
				t.Fatalf("%+v", reply.Error)
			}
		}
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			ws.SetWriteDeadline(time.Now().Add(patience))
			if ws.WriteMessage(websocket.TextMessage, message) == nil {
				ws.WriteMessage(websocket.TextMessage, []byte(`{"jsonrpc":"2.0","id":"probe","method":"hello","params":{"posId":"pos_fuzz"}}`))
			}
		}()
		for {
			reply, err := r.next()
			if websocket.IsCloseError(err, websocket.CloseMessageTooBig, websocket.ClosePolicyViolation, websocket.CloseNormalClosure) {
				break
			}
			if err != nil {
				t.Fatalf("neither answered nor closed: %v", err)
			}
			var id string
			if json.Unmarshal(reply.ID, &id) == nil && id == "probe" {
				break
			}
		}
		ws.Close()
		<-sent
	})
}
