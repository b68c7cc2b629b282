package lan_test

import (
	"context"
	"errors"
	"testing"

	"github.com/gorilla/websocket"

	"smartreader/lan"
	"smartreader/lan/client"
	"smartreader/lan/lantest"
	"smartreader/lan/wire"
)

// connect dials and connects with a token.
func connect(t *testing.T, o client.Options, with client.ConnectOptions) *client.Conn {
	t.Helper()
	c, err := client.Dial(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := c.Connect(t.Context(), with); err != nil {
		t.Fatal(err)
	}
	return c
}

func wantCode(t *testing.T, err error, code wire.Code) *wire.Error {
	t.Helper()
	if !errors.Is(err, code) {
		t.Fatalf("got %v, want %s", err, code)
	}
	e, _ := wire.AsError(err)
	return e
}

func TestBeforeConnectNothingCanBeCalled(t *testing.T) {
	b := lantest.Start(t, lantest.NewReader(), nil)
	r := openRaw(t, b)
	valid := map[string]any{
		wire.MethodCreatePaymentIntent:        map[string]any{"requestId": "r", "amount": 1, "currency": "usd"},
		wire.MethodRetrievePaymentIntent:      map[string]any{"localId": "pl_1"},
		wire.MethodCollectPaymentMethod:       map[string]any{"requestId": "r", "paymentIntent": map[string]any{"localId": "pl_1"}},
		wire.MethodConfirmPaymentIntent:       map[string]any{"requestId": "r", "paymentIntent": map[string]any{"localId": "pl_1"}},
		wire.MethodProcessPaymentIntent:       map[string]any{"requestId": "r", "paymentIntent": map[string]any{"localId": "pl_1"}},
		wire.MethodCancelCollectPaymentMethod: map[string]any{"requestId": "r"},
		wire.MethodCancelPaymentIntent:        map[string]any{"requestId": "r", "paymentIntent": map[string]any{"localId": "pl_1"}},
		wire.MethodForwardNow:                 map[string]any{"requestId": "r"},
		wire.MethodVoidStoredPayment:          map[string]any{"requestId": "r", "paymentIntent": map[string]any{"localId": "pl_1"}},
		wire.MethodExplainOfflinePolicy:       map[string]any{"amount": 1, "currency": "usd"},
		wire.MethodCollectInputs:              map[string]any{"requestId": "r", "inputs": []any{map[string]any{"type": "text", "title": "t"}}},
		wire.MethodSetSimulatorConfiguration:  map[string]any{"requestId": "r"},
		wire.MethodRescuePayments: map[string]any{"requestId": "r", "payments": []any{map[string]any{
			"readerId": "tmr_2", "localId": "pl_1", "naturalKey": "nk", "envelope": "ZQ==", "entry": "ZQ==", "signature": make([]byte, 64), "storedAtMs": 1,
		}}},
	}
	for _, step := range []string{"before hello", "after hello"} {
		for _, method := range wire.Methods() {
			if method == wire.MethodHello || method == wire.MethodConnectReader {
				continue
			}
			if reply := r.call(method, valid[method]); reply.Error == nil || reply.Error.Data.Code != wire.CodeNotConnectedToReader {
				t.Fatalf("%s %s: %+v", method, step, reply)
			}
		}
		if h := r.hello("pos_1"); h.Reader.Location != nil || h.Reader.LocationID != "" || h.Reader.Lease != nil {
			t.Fatalf("hello tells a stranger too much: %+v", h.Reader)
		}
	}
}

func TestWrongSignatureIsRefused(t *testing.T) {
	b := lantest.Start(t, lantest.NewReader("pst_1"), nil)
	key := lantest.NewKey(t)
	for name, spoil := range map[string]func(h *wire.HelloResult, p *wire.ConnectReaderParams){
		"bit flipped": func(_ *wire.HelloResult, p *wire.ConnectReaderParams) { p.Signature[40] ^= 1 },
		"other pos": func(_ *wire.HelloResult, p *wire.ConnectReaderParams) {
			*p = signed(t, wire.HelloResult{}, "pos_1", "pst_1", key)
		},
		"another key": func(_ *wire.HelloResult, p *wire.ConnectReaderParams) {
			p.POSPublicKey = signed(t, wire.HelloResult{}, "pos_1", "pst_1", lantest.NewKey(t)).POSPublicKey
		},
		"zero": func(_ *wire.HelloResult, p *wire.ConnectReaderParams) { clear(p.Signature) },
		"other reader": func(h *wire.HelloResult, p *wire.ConnectReaderParams) {
			h.Reader.ID = "tmr_other"
			*p = signed(t, *h, "pos_1", "pst_1", key)
		},
		"other TLS key": func(h *wire.HelloResult, p *wire.ConnectReaderParams) {
			h.ReaderKeyHash[0] ^= 1
			*p = signed(t, *h, "pos_1", "pst_1", key)
		},
	} {
		r := openRaw(t, b)
		h := r.hello("pos_1")
		p := signed(t, h, "pos_1", "pst_1", key)
		spoil(&h, &p)
		if reply := r.call(wire.MethodConnectReader, p); reply.Error == nil || reply.Error.Data.Code != wire.CodeAuthenticationFailed {
			t.Fatalf("%s: %+v", name, reply)
		}
	}
	// The token was never spent on any of them.
	r := openRaw(t, b)
	h := r.hello("pos_1")
	p := signed(t, h, "pos_1", "pst_1", key)
	if reply := r.call(wire.MethodConnectReader, p); reply.Error != nil {
		t.Fatalf("%+v", reply.Error)
	}
}

func TestNonceWorksOnce(t *testing.T) {
	b := lantest.Start(t, lantest.NewReader("pst_1", "pst_2"), nil)
	r := openRaw(t, b)
	p := signed(t, r.hello("pos_1"), "pos_1", "wrong", lantest.NewKey(t))
	if reply := r.call(wire.MethodConnectReader, p); reply.Error == nil || reply.Error.Data.Code != wire.CodeConnectionTokenError {
		t.Fatalf("wrong token: %+v", reply)
	}
	p.ConnectionToken = "pst_1"
	if reply := r.call(wire.MethodConnectReader, p); reply.Error == nil || reply.Error.Data.Code != wire.CodeAuthenticationFailed {
		t.Fatalf("replayed signature: %+v", reply)
	}
	other := openRaw(t, b)
	other.hello("pos_1")
	if reply := other.call(wire.MethodConnectReader, p); reply.Error == nil || reply.Error.Data.Code != wire.CodeAuthenticationFailed {
		t.Fatalf("signature for another connection: %+v", reply)
	}
}

func TestManyFailedAttemptsClose(t *testing.T) {
	b := lantest.Start(t, lantest.NewReader(), nil)
	r := openRaw(t, b)
	key := lantest.NewKey(t)
	for range 5 {
		p := signed(t, r.hello("pos_1"), "pos_1", "guess", key)
		if reply := r.call(wire.MethodConnectReader, p); reply.Error == nil || reply.Error.Data.Code != wire.CodeConnectionTokenError {
			t.Fatalf("%+v", reply)
		}
	}
	if code := r.closeCode(); code != websocket.ClosePolicyViolation {
		t.Fatalf("closed with %d", code)
	}
}

func TestLeaseTakeover(t *testing.T) {
	b := lantest.Start(t, lantest.NewReader("pst_1", "pst_2", "pst_3"), nil)
	told := make(chan wire.Event, 100)
	first := b.POS(t, "pos_1")
	first.OnEvent = func(e wire.Event) error {
		if !wire.Durable(e.Type) {
			told <- e
		}
		return nil
	}
	one := connect(t, first, client.ConnectOptions{ConnectionToken: "pst_1"})

	two, err := client.Dial(t.Context(), b.POS(t, "pos_2"))
	if err != nil {
		t.Fatal(err)
	}
	defer two.Close()
	_, err = two.Connect(t.Context(), client.ConnectOptions{ConnectionToken: "pst_2", FailIfInUse: true})
	if e := wantCode(t, err, wire.CodeReaderInUse); e.NativeErrorCode != 3880 {
		t.Fatalf("number %d", e.NativeErrorCode)
	}
	// Refused, but it is known who it is: it may look, and sees who holds it.
	reader, err := two.GetReader(t.Context())
	if err != nil || reader.Lease == nil || reader.Lease.POSID != "pos_1" || reader.Lease.HeldByYou || !reader.Lease.Connected {
		t.Fatalf("%+v, %v", reader.Lease, err)
	}
	_, err = two.CreatePaymentIntent(t.Context(), wire.CreatePaymentIntentParams{RequestID: "r", Amount: 1, Currency: "usd"})
	wantCode(t, err, wire.CodeNotConnectedToReader)

	result, err := two.Connect(t.Context(), client.ConnectOptions{ConnectionToken: "pst_3"})
	if err != nil || !result.Reader.Lease.HeldByYou {
		t.Fatalf("%+v, %v", result, err)
	}
	for _, want := range []string{wire.EventConnectionLost, wire.EventLeaseChange} {
		if e := <-told; e.Type != want || (e.Lease != nil && e.Lease.POSID != "pos_2") {
			t.Fatalf("the old owner was told %+v, want %s", e, want)
		}
	}
	_, err = one.CreatePaymentIntent(t.Context(), wire.CreatePaymentIntentParams{RequestID: "r", Amount: 1, Currency: "usd"})
	if e := wantCode(t, err, wire.CodeReaderInUse); e.NativeErrorCode != 4020 {
		t.Fatalf("number %d", e.NativeErrorCode)
	}
	if _, err := one.GetOfflineStatus(t.Context()); err != nil {
		t.Fatalf("the old owner may look: %v", err)
	}
	if err := two.Disconnect(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.Reader.AddToken("pst_4")
	if _, err := one.Connect(t.Context(), client.ConnectOptions{ConnectionToken: "pst_4", FailIfInUse: true}); err != nil {
		t.Fatalf("taking it back on the same connection: %v", err)
	}
	_, err = one.Connect(t.Context(), client.ConnectOptions{ConnectionToken: "pst_4"})
	wantCode(t, err, wire.CodeAlreadyConnectedToReader)
	if l := b.Server.Lease(); l.POSID != "pos_1" {
		t.Fatalf("%+v", l)
	}
}

// A payment is not canceled by a lost socket, the lease stays, and the outcome
// comes when the request is repeated.
func TestLostSocketLosesNothing(t *testing.T) {
	reader := lantest.NewReader("pst_1", "pst_2")
	reader.Hold = true
	b := lantest.Start(t, reader, nil)
	pos := b.POS(t, "pos_1")
	c, err := client.Dial(t.Context(), pos)
	if err != nil {
		t.Fatal(err)
	}
	connected, err := c.Connect(t.Context(), client.ConnectOptions{ConnectionToken: "pst_1"})
	if err != nil {
		t.Fatal(err)
	}
	pi, err := c.CreatePaymentIntent(t.Context(), wire.CreatePaymentIntentParams{RequestID: "create", Amount: 1250, Currency: "usd"})
	if err != nil {
		t.Fatal(err)
	}
	process := wire.ProcessPaymentIntentParams{RequestID: "process", PaymentIntent: wire.IntentRef{ID: pi.ID, LocalID: pi.LocalID}}
	lost := make(chan error, 1)
	go func() {
		_, err := c.ProcessPaymentIntent(t.Context(), process)
		lost <- err
	}()
	for !b.Server.Lease().Busy { // until the reader has the call
	}
	// While collect waits, other calls work.
	if s, err := c.GetOfflineStatus(t.Context()); err != nil || s.Reader == nil {
		t.Fatal(err)
	}
	wantCode(t, c.Disconnect(t.Context()), wire.CodeReaderBusy)
	c.Close()
	if err := <-lost; !errors.Is(err, client.ErrLost) {
		t.Fatalf("the cut call said %v", err)
	}

	other, err := client.Dial(t.Context(), b.POS(t, "pos_2"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	_, err = other.Connect(t.Context(), client.ConnectOptions{ConnectionToken: "pst_2", FailIfInUse: true})
	wantCode(t, err, wire.CodeReaderInUse)

	again := connect(t, pos, client.ConnectOptions{Credential: connected.Credential, FailIfInUse: true})
	outcome := make(chan wire.PaymentIntent, 1)
	go func() {
		pi, err := again.ProcessPaymentIntent(t.Context(), process)
		if err != nil {
			t.Error(err)
		}
		outcome <- pi
	}()
	if err := b.Reader.Present(t.Context()); err != nil {
		t.Fatal(err)
	}
	if pi := <-outcome; pi.Status != wire.StatusSucceeded || pi.Amount != 1250 {
		t.Fatalf("%+v", pi)
	}
}

func TestCancelWhileCollecting(t *testing.T) {
	reader := lantest.NewReader("pst_1")
	reader.Hold = true
	b := lantest.Start(t, reader, nil)
	c := connect(t, b.POS(t, "pos_1"), client.ConnectOptions{ConnectionToken: "pst_1"})
	pi, err := c.CreatePaymentIntent(t.Context(), wire.CreatePaymentIntentParams{RequestID: "create", Amount: 1250, Currency: "usd"})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := c.CollectPaymentMethod(t.Context(), wire.CollectPaymentMethodParams{RequestID: "collect", PaymentIntent: wire.IntentRef{LocalID: pi.LocalID}})
		ended <- err
	}()
	for {
		r, err := c.CancelCollectPaymentMethod(t.Context(), wire.CancelCollectPaymentMethodParams{RequestID: client.NewRequestID()})
		if err != nil {
			t.Fatal(err)
		}
		if r.Outcome == wire.CancelCanceled {
			break
		}
	}
	e := wantCode(t, <-ended, wire.CodeCanceled)
	if e.PaymentIntent == nil || e.PaymentIntent.LocalID != pi.LocalID || e.NativeErrorCode != 2020 {
		t.Fatalf("%+v", e)
	}
}

// panics is a reader with a bug.
type panics struct{ *lantest.Reader }

func (panics) OfflineStatus(context.Context, *lan.Caller) (wire.OfflineStatus, error) { panic("bug") }

func (panics) ListStoredPayments(context.Context, *lan.Caller, wire.ListStoredPaymentsParams) (wire.ListStoredPaymentsResult, error) {
	return wire.ListStoredPaymentsResult{}, errors.New("secret path /data/x")
}

func TestInternalErrorsStayInside(t *testing.T) {
	b := lantest.Start(t, lantest.NewReader("pst_1"), func(o *lan.Options) { o.Reader = panics{o.Reader.(*lantest.Reader)} })
	c := connect(t, b.POS(t, "pos_1"), client.ConnectOptions{ConnectionToken: "pst_1"})
	_, err := c.GetOfflineStatus(t.Context())
	wantCode(t, err, wire.CodeGenericReaderError)
	_, err = c.ListStoredPayments(t.Context(), wire.ListStoredPaymentsParams{})
	if e := wantCode(t, err, wire.CodeGenericReaderError); e.Message != "the reader failed" {
		t.Fatalf("told the POS %q", e.Message)
	}
}

func TestShutdownTellsThePOS(t *testing.T) {
	b := lantest.Start(t, lantest.NewReader("pst_1"), nil)
	told := make(chan wire.Event, 10)
	pos := b.POS(t, "pos_1")
	pos.OnEvent = func(e wire.Event) error { told <- e; return nil }
	c := connect(t, pos, client.ConnectOptions{ConnectionToken: "pst_1"})
	b.Stop()
	if e := <-told; e.Type != wire.EventConnectionLost || e.Reason != wire.LostShuttingDown {
		t.Fatalf("%+v", e)
	}
	<-c.Done()
}
