package lan_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/lan"
	"smartreader/lan/client"
	"smartreader/lan/lantest"
	"smartreader/lan/wire"
)

// gatekeeper lets a test stand between the check of a POS and its answer.
type gatekeeper struct {
	*lantest.Reader
	entered, leave chan struct{}
}

func (g gatekeeper) Connect(ctx context.Context, c *lan.Caller, p wire.ConnectReaderParams) (wire.ConnectReaderResult, error) {
	if p.POSID == "pos_attacker" {
		close(g.entered)
		<-g.leave
	}
	return g.Reader.Connect(ctx, c, p)
}

// Who says hello as another POS while its own signature is being checked is
// neither of them.
func TestHelloWhileConnectingProvesNothing(t *testing.T) {
	reader := lantest.NewReader("pst_a", "pst_v")
	g := gatekeeper{reader, make(chan struct{}), make(chan struct{})}
	b := lantest.Start(t, reader, func(o *lan.Options) { o.Reader, o.Limits.LeaseGrace = g, time.Nanosecond })
	reader.AddEvents(5)
	a := openRaw(t, b)
	p := signed(t, a.hello("pos_attacker"), "pos_attacker", "pst_a", lantest.NewKey(t))
	data, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 8, "method": wire.MethodConnectReader, "params": p})
	if err != nil {
		t.Fatal(err)
	}
	a.send(string(data))
	<-g.entered
	a.hello("pos_victim")
	close(g.leave)
	if reply := a.reply(); reply.Error == nil || reply.Error.Data.Code != wire.CodeUnexpectedOperation {
		t.Fatalf("connectReader answered %+v %s", reply.Error, reply.Result)
	}
	openRaw(t, b).connect("pos_victim", "pst_v")
	for method, params := range map[string]any{
		wire.MethodCreatePaymentIntent: map[string]any{"requestId": "r", "amount": 1, "currency": "usd"},
		wire.MethodAcknowledgeEvents:   map[string]any{"seq": 5},
		wire.MethodGetOfflineStatus:    nil,
	} {
		if reply := a.call(method, params); reply.Error == nil || reply.Error.Data.Code != wire.CodeNotConnectedToReader {
			t.Errorf("%s as the victim: %+v %s", method, reply.Error, reply.Result)
		}
	}
	if c := reader.Cursors(); len(c) != 0 {
		t.Errorf("cursors %v", c)
	}
	if l := b.Server.Lease(); l.POSID != "pos_victim" {
		t.Errorf("lease %+v", l)
	}
}

// An HTTP request that never ends holds its connection for the hello time only.
func TestSlowRequestIsCutOff(t *testing.T) {
	timed(t, func() *lantest.Reader { return lantest.NewReader() }, func(t *testing.T, b *lantest.Bench, p *pipes) {
		start := time.Now()
		for i := range 16 {
			c, err := p.dial(t.Context(), "", "")
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := fmt.Fprintf(c, "POST /%d HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\nA", i); err != nil {
				t.Fatal(err)
			}
			for { // the answer comes, or the end; then nothing keeps the connection
				if _, err := c.Read(make([]byte, 4096)); err != nil {
					break
				}
			}
			if d := time.Since(start); d > 11*time.Second {
				t.Fatalf("connection %d was held until %v", i, d)
			}
			start = time.Now()
		}
	})
}

// Strangers can fill neither the places of POSes that are connected nor keep
// another from connecting.
func TestStrangersKeepNobodyOut(t *testing.T) {
	b := lantest.Start(t, lantest.NewReader("pst_1", "pst_2"), func(o *lan.Options) { o.Limits.Connections, o.Limits.PerAddress = 8, 8 })
	first := openRaw(t, b)
	first.connect("pos_1", "pst_1")
	for range 20 {
		openRaw(t, b).hello("pos_x")
	}
	late := connect(t, b.POS(t, "pos_2"), client.ConnectOptions{ConnectionToken: "pst_2"})
	for range 20 {
		openRaw(t, b).hello("pos_x")
	}
	if reply := first.call(wire.MethodGetReader, nil); reply.Error != nil {
		t.Errorf("%+v", reply.Error)
	}
	if _, err := late.GetReader(t.Context()); err != nil {
		t.Error(err)
	}
}

// greeter is a reader whose description takes its time, whoever waits for it.
type greeter struct {
	*lantest.Reader
	entered, leave chan struct{}
}

func (g greeter) Describe(ctx context.Context, c *lan.Caller) (wire.Reader, error) {
	close(g.entered)
	<-g.leave
	return g.Reader.Describe(ctx, c)
}

// Serve returns only when no call of a POS is inside the reader any more, hello
// included: the reader may be closed after it.
func TestServeWaitsForHello(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := greeter{lantest.NewReader(), make(chan struct{}), make(chan struct{})}
		server, err := lan.New(lan.Options{Reader: g, ReaderID: lantest.ReaderID, Key: lantest.NewKey(t).Public(), Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		p := newPipes()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- server.ServeLoopback(ctx, p) }()
		r := p.raw(t, &lantest.Bench{URL: "ws://127.0.0.1:4443" + wire.Path})
		go r.ws.ReadMessage()
		r.send(`{"jsonrpc":"2.0","id":1,"method":"hello","params":{"posId":"p"}}`)
		<-g.entered
		cancel()
		time.Sleep(time.Hour) // bubble time
		select {
		case <-done:
			t.Error("Serve returned while hello was inside the reader")
		default:
		}
		close(g.leave)
		synctest.Wait()
		r.ws.Close()
		if len(done) == 0 {
			t.Error("Serve did not return")
		}
	})
}

// A POS that the lease was refused to may look, and gets the events from where
// it stands.
func TestLookerGetsEvents(t *testing.T) {
	b := lantest.Start(t, lantest.NewReader("pst_1", "pst_2"), nil)
	b.Reader.AddEvents(10)
	connect(t, b.POS(t, "pos_till"), client.ConnectOptions{ConnectionToken: "pst_1"})
	office := b.POS(t, "pos_office")
	seqs := durable(&office)
	c, err := client.Dial(t.Context(), office)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	result, err := c.Connect(t.Context(), client.ConnectOptions{ConnectionToken: "pst_2", Look: true, LastSeq: last(4)})
	if err != nil || result.NewestSeq != 10 || result.Reader.Lease == nil || result.Reader.Lease.POSID != "pos_till" {
		t.Fatalf("%+v, %v", result, err)
	}
	expect(t, seqs, 5, 6)
	b.Reader.AddEvents(2)
	expect(t, seqs, 11, 2)
	if at, err := c.AcknowledgeEvents(t.Context(), 12); err != nil || at != 12 {
		t.Fatalf("%d, %v", at, err)
	}
	if r, err := c.GetReader(t.Context()); err != nil || r.NewestSeq != 12 || r.Lease.POSID != "pos_till" {
		t.Fatalf("%+v, %v", r, err)
	}
}

// oversized is a reader that says too much.
type oversized struct{ *lantest.Reader }

var long = strings.Repeat("<", wire.MaxMessage)

func oversizedPayment() wire.PaymentIntent {
	return wire.PaymentIntent{LocalID: "pl_1", Amount: 1250, Status: wire.StatusSucceeded, LastPaymentError: &wire.PaymentError{Code: "x", Message: long}}
}

func (oversized) EventsAfter(_ context.Context, seq uint64, _ int) ([]wire.Event, error) {
	if seq > 0 {
		return nil, nil
	}
	pi := oversizedPayment()
	return []wire.Event{{Type: wire.EventPaymentIntentForwarded, Seq: 1, PaymentIntent: &pi, Reason: long}}, nil
}

func (oversized) ProcessPaymentIntent(context.Context, *lan.Caller, wire.ProcessPaymentIntentParams) (wire.PaymentIntentResult, error) {
	return wire.PaymentIntentResult{PaymentIntent: oversizedPayment()}, nil
}

func (oversized) ConfirmPaymentIntent(context.Context, *lan.Caller, wire.ConfirmPaymentIntentParams) (wire.PaymentIntentResult, error) {
	return wire.PaymentIntentResult{}, wire.NewError(wire.CodeDeclined, long).WithPaymentIntent(oversizedPayment())
}

// What is too long is told in fewer words: a POS must get past such an event,
// and learn such an outcome.
func TestOversizedIsToldInFewerWords(t *testing.T) {
	b := lantest.Start(t, lantest.NewReader("pst_1"), func(o *lan.Options) { o.Reader = oversized{o.Reader.(*lantest.Reader)} })
	pos := b.POS(t, "pos_1")
	seqs := durable(&pos)
	c := connect(t, pos, client.ConnectOptions{ConnectionToken: "pst_1"})
	expect(t, seqs, 1, 1)
	ref := wire.IntentRef{LocalID: "pl_1"}
	pi, err := c.ProcessPaymentIntent(t.Context(), wire.ProcessPaymentIntentParams{RequestID: "p", PaymentIntent: ref})
	if err != nil || pi.LocalID != "pl_1" || pi.Amount != 1250 || pi.Status != wire.StatusSucceeded {
		t.Fatalf("%+v, %v", pi, err)
	}
	_, err = c.ConfirmPaymentIntent(t.Context(), wire.ConfirmPaymentIntentParams{RequestID: "c", PaymentIntent: ref})
	if e := wantCode(t, err, wire.CodeDeclined); e.PaymentIntent == nil || e.PaymentIntent.LocalID != "pl_1" {
		t.Fatalf("%+v", e.PaymentIntent)
	}
}
