package client

import (
	"context"
	"crypto/rand"
	"encoding/hex"

	"smartreader/lan/wire"
)

// NewRequestID returns a random request id. Keep it until the outcome is known.
func NewRequestID() string {
	b := make([]byte, 16)
	rand.Read(b)
	return "rq_" + hex.EncodeToString(b)
}

// Disconnect gives the lease back; the connection stays open for looking.
func (c *Conn) Disconnect(ctx context.Context) error {
	return c.call(ctx, wire.MethodDisconnectReader, &wire.DisconnectReaderParams{}, nil)
}

// CreatePaymentIntent creates a payment.
func (c *Conn) CreatePaymentIntent(ctx context.Context, p wire.CreatePaymentIntentParams) (wire.PaymentIntent, error) {
	return c.intent(ctx, wire.MethodCreatePaymentIntent, &p)
}

// RetrievePaymentIntent looks a payment up.
func (c *Conn) RetrievePaymentIntent(ctx context.Context, p wire.RetrievePaymentIntentParams) (wire.PaymentIntent, error) {
	return c.intent(ctx, wire.MethodRetrievePaymentIntent, &p)
}

// CollectPaymentMethod asks for a card and waits for it.
func (c *Conn) CollectPaymentMethod(ctx context.Context, p wire.CollectPaymentMethodParams) (wire.PaymentIntent, error) {
	return c.intent(ctx, wire.MethodCollectPaymentMethod, &p)
}

// ConfirmPaymentIntent authorizes or stores what was collected.
func (c *Conn) ConfirmPaymentIntent(ctx context.Context, p wire.ConfirmPaymentIntentParams) (wire.PaymentIntent, error) {
	return c.intent(ctx, wire.MethodConfirmPaymentIntent, &p)
}

// ProcessPaymentIntent is collect and confirm in one call.
func (c *Conn) ProcessPaymentIntent(ctx context.Context, p wire.ProcessPaymentIntentParams) (wire.PaymentIntent, error) {
	return c.intent(ctx, wire.MethodProcessPaymentIntent, &p)
}

func (c *Conn) intent(ctx context.Context, method string, p wire.Params) (wire.PaymentIntent, error) {
	var r wire.PaymentIntentResult
	err := c.call(ctx, method, p, &r)
	return r.PaymentIntent, err
}

// CancelCollectPaymentMethod ends the running collect.
func (c *Conn) CancelCollectPaymentMethod(ctx context.Context, p wire.CancelCollectPaymentMethodParams) (wire.CancelResult, error) {
	var r wire.CancelResult
	err := c.call(ctx, wire.MethodCancelCollectPaymentMethod, &p, &r)
	return r, err
}

// CancelPaymentIntent cancels a payment that has no outcome yet.
func (c *Conn) CancelPaymentIntent(ctx context.Context, p wire.CancelPaymentIntentParams) (wire.CancelResult, error) {
	var r wire.CancelResult
	err := c.call(ctx, wire.MethodCancelPaymentIntent, &p, &r)
	return r, err
}

// GetReader describes the reader, with its location and who holds it.
func (c *Conn) GetReader(ctx context.Context) (wire.Reader, error) {
	var r wire.Reader
	err := c.call(ctx, wire.MethodGetReader, &wire.GetReaderParams{}, &r)
	return r, err
}

// GetOfflineStatus says what is stored and whether the platform is reached.
func (c *Conn) GetOfflineStatus(ctx context.Context) (wire.OfflineStatus, error) {
	var r wire.OfflineStatus
	err := c.call(ctx, wire.MethodGetOfflineStatus, &wire.GetOfflineStatusParams{}, &r)
	return r, err
}

// ListStoredPayments returns one page of the payments taken offline.
func (c *Conn) ListStoredPayments(ctx context.Context, p wire.ListStoredPaymentsParams) (wire.ListStoredPaymentsResult, error) {
	var r wire.ListStoredPaymentsResult
	err := c.call(ctx, wire.MethodListStoredPayments, &p, &r)
	return r, err
}

// ForwardNow lets the forwarder try at once and waits for its run.
func (c *Conn) ForwardNow(ctx context.Context, p wire.ForwardNowParams) (wire.ForwardNowResult, error) {
	var r wire.ForwardNowResult
	err := c.call(ctx, wire.MethodForwardNow, &p, &r)
	return r, err
}
