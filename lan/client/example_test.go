package client_test

import (
	"context"
	"crypto"
	"crypto/x509"
	"fmt"
	"log/slog"

	"smartreader/lan/client"
	"smartreader/lan/wire"
)

// A POS takes one payment. The key and the CA come from the POS's own storage,
// the connection token from the merchant's backend.
func Example() {
	var (
		ctx   context.Context
		key   crypto.Signer
		ca    *x509.CertPool
		token string
	)
	reader, err := client.Dial(ctx, client.Options{
		URL: "wss://192.0.2.7:4443/v1/terminal", RootCAs: ca, POSID: "till-1", Key: key, Log: slog.Default(),
	})
	if err != nil {
		return
	}
	defer reader.Close()
	connected, err := reader.Connect(ctx, client.ConnectOptions{ConnectionToken: token})
	if err != nil {
		return
	}
	keepForTheNextOutage(connected.Credential)

	// Keep the request ids until the outcome is known: repeating them is safe.
	payment, err := reader.CreatePaymentIntent(ctx, wire.CreatePaymentIntentParams{
		RequestID: client.NewRequestID(), Amount: 1250, Currency: "usd",
	})
	if err != nil {
		return
	}
	payment, err = reader.ProcessPaymentIntent(ctx, wire.ProcessPaymentIntentParams{
		RequestID: client.NewRequestID(), PaymentIntent: wire.IntentRef{LocalID: payment.LocalID},
	})
	if err != nil {
		return
	}
	if d := payment.OfflineDetails; d != nil && d.RequiresUpload {
		fmt.Println("stored on the reader, not yet authorized by the bank")
	}
}

func keepForTheNextOutage(*wire.Credential) {}
