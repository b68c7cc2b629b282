package lan_test

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"smartreader/lan"
	"smartreader/lan/client"
	"smartreader/lan/lantest"
	"smartreader/lan/wire"
)

// pipes is a listener of in-memory connections, so that time can be synctest's.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 4443} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	mine, theirs := net.Pipe()
	p.conns <- theirs
	return mine, nil
}

// timed runs a test against a served reader in a synctest bubble.
func timed(t *testing.T, reader func() *lantest.Reader, test func(t *testing.T, b *lantest.Bench, p *pipes)) {
	synctest.Test(t, func(t *testing.T) {
		r := reader()
		server, err := lan.New(lan.Options{
			Reader: r, ReaderID: lantest.ReaderID, Key: lantest.NewKey(t).Public(), Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		r.Notify = server.Notify
		p := newPipes()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- server.ServeLoopback(ctx, p) }()
		defer func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
			time.Sleep(time.Minute) // bubble time: let every timer of the connections run out
		}()
		test(t, &lantest.Bench{Reader: r, Server: server, URL: "ws://127.0.0.1:4443" + wire.Path, CA: lantest.NewCA(t)}, p)
	})
}

func (p *pipes) raw(t *testing.T, b *lantest.Bench) *raw {
	t.Helper()
	d := websocket.Dialer{NetDialContext: p.dial, Subprotocols: []string{wire.Protocol}}
	ws, _, err := d.Dial(b.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &raw{t, ws}
}

func (p *pipes) pos(t *testing.T, b *lantest.Bench, id string) client.Options {
	o := b.POS(t, id)
	o.Dial = p.dial
	return o
}

func TestNoHelloInTime(t *testing.T) {
	timed(t, func() *lantest.Reader { return lantest.NewReader() }, func(t *testing.T, b *lantest.Bench, p *pipes) {
		start := time.Now()
		r := p.raw(t, b)
		defer r.ws.Close()
		if code := r.closeCode(); code != websocket.ClosePolicyViolation {
			t.Fatalf("closed with %d", code)
		}
		if d := time.Since(start); d != 5*time.Second {
			t.Fatalf("closed after %v", d)
		}
	})
}

func TestNoConnectInTime(t *testing.T) {
	timed(t, func() *lantest.Reader { return lantest.NewReader() }, func(t *testing.T, b *lantest.Bench, p *pipes) {
		start := time.Now()
		r := p.raw(t, b)
		defer r.ws.Close()
		r.hello("pos_1")
		if code := r.closeCode(); code != websocket.ClosePolicyViolation {
			t.Fatalf("closed with %d", code)
		}
		if d := time.Since(start); d != time.Minute {
			t.Fatalf("closed after %v", d)
		}
	})
}

func TestIdleConnectionLives(t *testing.T) {
	timed(t, func() *lantest.Reader { return lantest.NewReader("pst_1") }, func(t *testing.T, b *lantest.Bench, p *pipes) {
		c := connect(t, p.pos(t, b, "pos_1"), client.ConnectOptions{ConnectionToken: "pst_1"})
		defer c.Close()
		time.Sleep(24 * time.Hour)
		if _, err := c.GetReader(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// A POS that neither reads nor writes is gone after the dead time, whatever
// waits to be sent to it.
func TestDeadPOSIsDropped(t *testing.T) {
	timed(t, func() *lantest.Reader { return lantest.NewReader("pst_1") }, func(t *testing.T, b *lantest.Bench, p *pipes) {
		r := p.raw(t, b)
		r.connect("pos_1", "pst_1")
		start := time.Now()
		for b.Server.Lease().Connected {
			time.Sleep(time.Second)
		}
		if d := time.Since(start); d > 8*time.Second {
			t.Fatalf("dropped after %v", d)
		}
		r.ws.Close()
	})
}

// A POS that does not read is disconnected when its queue is full; the others
// do not wait for it.
func TestSlowPOSIsDisconnected(t *testing.T) {
	timed(t, func() *lantest.Reader { return lantest.NewReader("pst_1", "pst_2") }, func(t *testing.T, b *lantest.Bench, p *pipes) {
		slow := p.raw(t, b)
		slow.connect("pos_slow", "pst_1")
		pos := p.pos(t, b, "pos_2")
		got := make(chan struct{}, 1000)
		pos.OnEvent = func(wire.Event) error { got <- struct{}{}; return nil }
		c := connect(t, pos, client.ConnectOptions{ConnectionToken: "pst_2"})
		defer c.Close()
		synctest.Wait()
		start := time.Now()
		for range 200 {
			b.Server.Broadcast(wire.Event{Type: wire.EventReaderEvent, ReaderEvent: wire.ReaderCardInserted})
			synctest.Wait()
		}
		if time.Since(start) != 0 {
			t.Fatal("somebody waited")
		}
		if len(got) != 200 {
			t.Fatalf("the other POS got %d events", len(got))
		}
		slow.ws.SetReadDeadline(time.Now().Add(time.Hour))
		n := 0
		for ; ; n++ {
			if _, _, err := slow.ws.ReadMessage(); err != nil {
				break
			}
		}
		if n >= 200 {
			t.Fatal("the slow POS was waited for")
		}
		slow.ws.Close()
	})
}

func TestLeaseOutlivesItsSocket(t *testing.T) {
	timed(t, func() *lantest.Reader { return lantest.NewReader("pst_1", "pst_2") }, func(t *testing.T, b *lantest.Bench, p *pipes) {
		watcher := p.pos(t, b, "pos_2")
		told := make(chan wire.Event, 10)
		watcher.OnEvent = func(e wire.Event) error { told <- e; return nil }
		two := connect(t, watcher, client.ConnectOptions{ConnectionToken: "pst_2"})
		defer two.Close()
		one := connect(t, p.pos(t, b, "pos_1"), client.ConnectOptions{ConnectionToken: "pst_1"})
		one.Close()
		synctest.Wait()
		for len(told) > 0 {
			<-told
		}
		time.Sleep(59 * time.Second)
		if l := b.Server.Lease(); l.POSID != "pos_1" || l.Connected {
			t.Fatalf("after 59 s: %+v", l)
		}
		time.Sleep(2 * time.Second)
		if l := b.Server.Lease(); l.POSID != "" {
			t.Fatalf("after 61 s: %+v", l)
		}
		time.Sleep(2 * time.Second)
		if e := <-told; e.Type != wire.EventLeaseChange || e.Lease.POSID != "" {
			t.Fatalf("the others were told %+v", e)
		}
	})
}

func TestRunningPaymentKeepsTheLease(t *testing.T) {
	reader := func() *lantest.Reader {
		r := lantest.NewReader("pst_1")
		r.Hold = true
		return r
	}
	timed(t, reader, func(t *testing.T, b *lantest.Bench, p *pipes) {
		c := connect(t, p.pos(t, b, "pos_1"), client.ConnectOptions{ConnectionToken: "pst_1"})
		pi, err := c.CreatePaymentIntent(t.Context(), wire.CreatePaymentIntentParams{RequestID: "c", Amount: 1, Currency: "usd"})
		if err != nil {
			t.Fatal(err)
		}
		go c.CollectPaymentMethod(t.Context(), wire.CollectPaymentMethodParams{RequestID: "x", PaymentIntent: wire.IntentRef{LocalID: pi.LocalID}})
		synctest.Wait()
		c.Close()
		time.Sleep(10 * time.Minute)
		if l := b.Server.Lease(); l.POSID != "pos_1" || !l.Busy || l.Connected {
			t.Fatalf("while it runs: %+v", l)
		}
		if err := b.Reader.Present(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if l := b.Server.Lease(); l.POSID != "pos_1" || l.Busy {
			t.Fatalf("when it ended: %+v", l)
		}
		time.Sleep(61 * time.Second)
		if l := b.Server.Lease(); l.POSID != "" {
			t.Fatalf("after the grace: %+v", l)
		}
	})
}

// A flood is slowed down, not answered with errors and not obeyed.
func TestFloodIsThrottled(t *testing.T) {
	timed(t, func() *lantest.Reader { return lantest.NewReader() }, func(t *testing.T, b *lantest.Bench, p *pipes) {
		r := p.raw(t, b)
		defer r.ws.Close()
		start := time.Now()
		const n = 200
		go func() {
			for range n {
				r.ws.WriteMessage(websocket.TextMessage, []byte(`{"jsonrpc":"2.0","id":1,"method":"hello","params":{"posId":"p"}}`))
			}
		}()
		for range n {
			if reply := r.reply(); reply.Error != nil {
				t.Fatalf("%+v", reply.Error)
			}
		}
		if d := time.Since(start); d < 2*time.Second {
			t.Fatalf("%d messages in %v", n, d)
		}
	})
}
