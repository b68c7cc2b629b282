package client_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"smartreader/lan"
	"smartreader/lan/client"
	"smartreader/lan/lantest"
	"smartreader/lan/wire"
)

func TestPayOnlineAndOffline(t *testing.T) {
	b := lantest.Start(t, lantest.NewReader("pst_1"), nil)
	c, err := client.Dial(t.Context(), b.POS(t, "pos_1"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	result, err := c.Connect(t.Context(), client.ConnectOptions{ConnectionToken: "pst_1"})
	if err != nil || result.Connection != wire.ConnectedOnline || result.Credential == nil {
		t.Fatalf("%+v, %v", result, err)
	}
	pay := func(n int) wire.PaymentIntent {
		pi, err := c.CreatePaymentIntent(t.Context(), wire.CreatePaymentIntentParams{RequestID: fmt.Sprint("c", n), Amount: 1250, Currency: "usd"})
		if err != nil {
			t.Fatal(err)
		}
		ref := wire.IntentRef{LocalID: pi.LocalID}
		if pi, err = c.CollectPaymentMethod(t.Context(), wire.CollectPaymentMethodParams{RequestID: fmt.Sprint("k", n), PaymentIntent: ref}); err != nil || pi.Status != wire.StatusRequiresConfirmation {
			t.Fatalf("%+v, %v", pi, err)
		}
		if pi, err = c.ConfirmPaymentIntent(t.Context(), wire.ConfirmPaymentIntentParams{RequestID: fmt.Sprint("f", n), PaymentIntent: ref}); err != nil {
			t.Fatal(err)
		}
		return pi
	}
	if pi := pay(1); pi.ID == nil || pi.OfflineDetails != nil || pi.Status != wire.StatusSucceeded {
		t.Fatalf("online: %+v", pi)
	}
	b.Reader.SetOffline(true)
	stored := pay(2)
	if d := stored.OfflineDetails; stored.ID != nil || d == nil || !d.RequiresUpload || d.State != wire.OfflineStored || d.Sequence != 1 {
		t.Fatalf("offline: %+v", stored)
	}
	if s, err := c.GetOfflineStatus(t.Context()); err != nil || s.Reader.OfflinePaymentAmountsByCurrency["usd"] != 1250 {
		t.Fatalf("%+v, %v", s, err)
	}
	b.Reader.SetOffline(false)
	if r, err := c.ForwardNow(t.Context(), wire.ForwardNowParams{RequestID: "n"}); err != nil || r.Forwarded != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if list, err := c.ListStoredPayments(t.Context(), wire.ListStoredPaymentsParams{States: []string{wire.OfflineForwarded}}); err != nil || len(list.PaymentIntents) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	if pi, err := c.RetrievePaymentIntent(t.Context(), wire.RetrievePaymentIntentParams{LocalID: stored.LocalID}); err != nil || pi.ID == nil {
		t.Fatalf("%+v, %v", pi, err)
	}
	_, err = c.CreatePaymentIntent(t.Context(), wire.CreatePaymentIntentParams{RequestID: "x", Amount: -1, Currency: "usd"})
	if !errors.Is(err, wire.CodeInvalidRequiredParameter) {
		t.Fatal(err)
	}
}

// connected is a POS that holds the reader until the test ends.
func connected(t *testing.T, b *lantest.Bench) *client.Conn {
	t.Helper()
	c, err := client.Dial(t.Context(), b.POS(t, "pos_1"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := c.Connect(t.Context(), client.ConnectOptions{ConnectionToken: "pst_1"}); err != nil {
		t.Fatal(err)
	}
	return c
}

// A long list comes in pages that fit in a message, and none is missing.
func TestListPagesFit(t *testing.T) {
	b := lantest.Start(t, lantest.NewReader("pst_1"), nil)
	c := connected(t, b)
	b.Reader.SetOffline(true)
	metadata := make(map[string]string)
	for i := range 15 {
		metadata[fmt.Sprint("key", i)] = strings.Repeat("v", 500)
	}
	const n = 30
	for i := range n {
		pi, err := c.CreatePaymentIntent(t.Context(), wire.CreatePaymentIntentParams{RequestID: fmt.Sprint("c", i), Amount: 1, Currency: "usd", Metadata: metadata})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.ProcessPaymentIntent(t.Context(), wire.ProcessPaymentIntentParams{RequestID: fmt.Sprint("p", i), PaymentIntent: wire.IntentRef{LocalID: pi.LocalID}}); err != nil {
			t.Fatal(err)
		}
	}
	var next, sequence uint64
	for pages := 0; ; pages++ {
		list, err := c.ListStoredPayments(t.Context(), wire.ListStoredPaymentsParams{After: next, Limit: wire.MaxListed})
		if err != nil {
			t.Fatal(err)
		}
		for _, pi := range list.PaymentIntents {
			if sequence++; pi.OfflineDetails.Sequence != sequence {
				t.Fatalf("got #%d, want #%d", pi.OfflineDetails.Sequence, sequence)
			}
		}
		if next = list.Next; next == 0 {
			if sequence != n || pages == 0 {
				t.Fatalf("%d payments in %d pages", sequence, pages+1)
			}
			return
		}
	}
}

func TestTheRightReader(t *testing.T) {
	var cert tls.Certificate
	for _, test := range []struct {
		name    string
		id      string
		ends    time.Duration
		otherCA bool
		insist  string
		want    error
		warns   bool
	}{
		{name: "right", id: lantest.ReaderID, ends: time.Hour, insist: lantest.ReaderID},
		{name: "any", id: lantest.ReaderID, ends: time.Hour},
		{name: "expired", id: lantest.ReaderID, ends: -time.Hour, insist: lantest.ReaderID, warns: true},
		{name: "another reader", id: "tmr_other", ends: time.Hour, insist: lantest.ReaderID, want: client.ErrIdentity},
		{name: "no name", ends: time.Hour, want: client.ErrIdentity},
		{name: "another CA", id: lantest.ReaderID, ends: time.Hour, otherCA: true, want: client.ErrIdentity},
		{name: "expired, another CA", id: lantest.ReaderID, ends: -time.Hour, otherCA: true, want: client.ErrIdentity},
		{name: "not valid yet", id: lantest.ReaderID, ends: 2 * 365 * 24 * time.Hour, want: client.ErrIdentity},
	} {
		t.Run(test.name, func(t *testing.T) {
			ca := lantest.NewCA(t)
			cert = ca.Reader(t, test.id, time.Now().Add(test.ends))
			b := lantest.Start(t, lantest.NewReader(), func(o *lan.Options) {
				o.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
				o.Key = cert.PrivateKey.(*ecdsa.PrivateKey).Public()
			})
			pos := b.POS(t, "pos_1")
			pos.ReaderID, pos.RootCAs = test.insist, ca.Pool()
			if test.otherCA {
				pos.RootCAs = lantest.NewCA(t).Pool()
			}
			c, err := client.Dial(t.Context(), pos)
			if !errors.Is(err, test.want) {
				t.Fatal(err)
			}
			if err != nil {
				return
			}
			defer c.Close()
			if warned := len(c.Warnings()) > 0; warned != test.warns {
				t.Fatalf("warnings %q", c.Warnings())
			}
		})
	}
}

// A reader whose hello does not fit its certificate is a machine in the middle.
func TestHelloMustFitTheCertificate(t *testing.T) {
	b := lantest.Start(t, lantest.NewReader(), func(o *lan.Options) { o.Key = lantest.NewKey(t).Public() })
	if _, err := client.Dial(t.Context(), b.POS(t, "pos_1")); !errors.Is(err, client.ErrIdentity) {
		t.Fatal(err)
	}
}

func TestDialErrors(t *testing.T) {
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody.Close()
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	b := lantest.Start(t, lantest.NewReader(), nil)
	for _, test := range []struct {
		name   string
		change func(*client.Options)
		want   error
	}{
		{"nobody there", func(o *client.Options) { o.URL = "wss://" + nobody.Addr().String() }, client.ErrUnreachable},
		{"no WebSocket", func(o *client.Options) { o.URL = "ws" + strings.TrimPrefix(web.URL, "http") }, client.ErrProtocol},
		{"no scheme", func(o *client.Options) { o.URL = b.Addr }, client.ErrOptions},
		{"http", func(o *client.Options) { o.URL = "https://" + b.Addr }, client.ErrOptions},
		{"plain over the LAN", func(o *client.Options) { o.URL = "ws://192.0.2.1:4443" }, client.ErrOptions},
		{"no CA", func(o *client.Options) { o.RootCAs = nil }, client.ErrOptions},
		{"no key", func(o *client.Options) { o.Key = nil }, client.ErrOptions},
		{"no POS", func(o *client.Options) { o.POSID = "" }, client.ErrOptions},
	} {
		o := b.POS(t, "pos_1")
		test.change(&o)
		if _, err := client.Dial(t.Context(), o); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client.Dial(canceled, b.POS(t, "pos_1")); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}
