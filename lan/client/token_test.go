package client_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"smartreader/lan"
	"smartreader/lan/client"
	"smartreader/lan/lantest"
	"smartreader/lan/wire"
)

// When the session expires Follow connects anew, with the newest credential that
// the reader gave.
func TestFollowRenewsTheSession(t *testing.T) {
	reader := lantest.NewReader("pst_1")
	var now = make(chan time.Time, 1)
	now <- time.Now()
	at := func() time.Time { n := <-now; now <- n; return n }
	reader.Session = time.Hour
	b := lantest.Start(t, reader, func(o *lan.Options) { o.Now = at })
	lost := make(chan error, 10)
	used := make(chan client.ConnectOptions, 10)
	_, conns, _ := follow(t, b, func(o *client.FollowOptions) {
		connect := o.Connect
		o.Connect = func(ctx context.Context, r wire.Reader) (client.ConnectOptions, error) {
			with, err := connect(ctx, r)
			used <- with
			return with, err
		}
		o.Lost = func(err error, _ time.Duration) { lost <- err }
	})
	c := <-conns
	kept, _ := c.Credential()
	if kept == nil {
		t.Fatal("no credential kept")
	}
	<-now
	now <- time.Now().Add(2 * time.Hour)
	_, err := c.CreatePaymentIntent(t.Context(), wire.CreatePaymentIntentParams{RequestID: "c", Amount: 1, Currency: "usd"})
	if !errors.Is(err, wire.CodeSessionExpired) && !errors.Is(err, client.ErrLost) { // the event may close the connection first
		t.Fatal(err)
	}
	if err := <-lost; !errors.Is(err, wire.CodeSessionExpired) {
		t.Fatalf("lost because of %v", err)
	}
	if again := <-conns; again == c {
		t.Fatal("the same connection")
	}
	if n := len(used); n != 2 {
		t.Fatalf("asked %d times what to connect with", n)
	}
}

func TestExportPages(t *testing.T) {
	b := lantest.Start(t, lantest.NewReader("pst_1"), nil)
	c := connected(t, b)
	b.Reader.SetOffline(true)
	pi, err := c.CreatePaymentIntent(t.Context(), wire.CreatePaymentIntentParams{RequestID: "c", Amount: 1, Currency: "usd"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.ProcessPaymentIntent(t.Context(), wire.ProcessPaymentIntentParams{RequestID: "p", PaymentIntent: wire.IntentRef{LocalID: pi.LocalID}}); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", wire.MaxExportPage)
	b.Reader.SetExport([]string{"a", "b"}, []string{long}, []string{"c"})
	var out bytes.Buffer
	done, err := c.Export(t.Context(), true, &out)
	if err != nil || out.String() != "a\nb\n"+long+"\nc\n" || done.Lines != 4 || done.Rescued != 1 || done.HeadSeq == 0 || done.HeadHash == "" {
		t.Fatalf("%+v, %v", done, err)
	}
	if got, err := c.RetrievePaymentIntent(t.Context(), wire.RetrievePaymentIntentParams{LocalID: pi.LocalID}); err != nil || got.OfflineDetails.State != wire.OfflineRescued {
		t.Fatalf("%+v, %v", got, err)
	}
	// A page too large is refused clearly, and the connection goes on.
	b.Reader.SetExport([]string{"a"}, []string{strings.Repeat("x", wire.MaxMessage)})
	if _, err := c.Export(t.Context(), false, &out); !errors.Is(err, wire.CodeMessageTooLarge) {
		t.Fatal(err)
	}
	// What would break the file, or never end, is refused.
	b.Reader.SetExport([]string{"a\nb"})
	if _, err := c.Export(t.Context(), false, &out); !errors.Is(err, client.ErrProtocol) {
		t.Fatal(err)
	}
	b.Reader.SetExport([]string{"a"}, nil, []string{"c"})
	if _, err := c.Export(t.Context(), false, &out); !errors.Is(err, client.ErrProtocol) {
		t.Fatal(err)
	}
	b.Reader.SetExport([]string{"a"})
	if _, err := c.Export(t.Context(), false, full{}); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Fatal(err)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }

// Every method reaches its counterpart.
func TestOtherMethods(t *testing.T) {
	b := lantest.Start(t, lantest.NewReader("pst_1"), nil)
	c := connected(t, b)
	if r, err := c.VerifyLedger(t.Context()); err != nil || !r.OK {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := c.ExplainOfflinePolicy(t.Context(), wire.ExplainOfflinePolicyParams{Amount: 1_000_000, Currency: "usd"}); err != nil || r.Allowed || len(r.Rules) != 1 || r.Error.Code != wire.CodeAmountExceedsOffline {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := c.CollectInputs(t.Context(), wire.CollectInputsParams{RequestID: "i", Inputs: []wire.CollectInput{{Type: wire.InputText, Title: "t"}}}); err != nil || len(r.Results) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	tip := int64(5)
	if r, err := c.SetSimulatorConfiguration(t.Context(), wire.SetSimulatorConfigurationParams{RequestID: "s", SimulatorConfiguration: wire.SimulatorConfiguration{SimulatedTipAmount: &tip}}); err != nil || *r.SimulatedTipAmount != 5 {
		t.Errorf("%+v, %v", r, err)
	}
	pay := wire.RescuePayment{ReaderID: "tmr_2", LocalID: "pl_1", NaturalKey: "nk", Envelope: []byte("e"), Entry: []byte("e"), Signature: make([]byte, 64), StoredAtMs: 1}
	if r, err := c.RescuePayments(t.Context(), wire.RescuePaymentsParams{RequestID: "r", Payments: []wire.RescuePayment{pay}}); err != nil || len(r.Payments) != 1 || r.Payments[0].State != wire.OfflineForwarded {
		t.Errorf("%+v, %v", r, err)
	}
	if got := b.Reader.Rescued(); len(got) != 1 || string(got[0].Envelope) != "e" {
		t.Errorf("%+v", got)
	}
	if _, err := c.VoidStoredPayment(t.Context(), wire.VoidStoredPaymentParams{RequestID: "v", PaymentIntent: wire.IntentRef{LocalID: "pl_x"}}); !errors.Is(err, wire.CodePaymentIntentNotFound) {
		t.Error(err)
	}
}
