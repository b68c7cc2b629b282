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

// VoidStoredPayment takes back a stored payment before it is forwarded.
func (c *Conn) VoidStoredPayment(ctx context.Context, p wire.VoidStoredPaymentParams) (wire.PaymentIntent, error) {
	return c.intent(ctx, wire.MethodVoidStoredPayment, &p)
}

// ExplainOfflinePolicy says whether such a payment would be stored now, and why.
func (c *Conn) ExplainOfflinePolicy(ctx context.Context, p wire.ExplainOfflinePolicyParams) (wire.ExplainOfflinePolicyResult, error) {
	return do[wire.ExplainOfflinePolicyResult](ctx, c, wire.MethodExplainOfflinePolicy, &p)
}

// VerifyLedger has the reader check every hash and signature of its ledger.
func (c *Conn) VerifyLedger(ctx context.Context) (wire.VerifyLedgerResult, error) {
	return do[wire.VerifyLedgerResult](ctx, c, wire.MethodVerifyLedger, &wire.VerifyLedgerParams{})
}

// RescuePayments has the reader submit stored payments of another one. It may be
// repeated: the platform charges each once.
func (c *Conn) RescuePayments(ctx context.Context, p wire.RescuePaymentsParams) (wire.RescuePaymentsResult, error) {
	return do[wire.RescuePaymentsResult](ctx, c, wire.MethodRescuePayments, &p)
}

// CollectInputs asks the cardholder for inputs and waits for them.
// CancelCollectPaymentMethod ends it too.
func (c *Conn) CollectInputs(ctx context.Context, p wire.CollectInputsParams) (wire.CollectInputsResult, error) {
	return do[wire.CollectInputsResult](ctx, c, wire.MethodCollectInputs, &p)
}

// SetSimulatorConfiguration changes how a simulated reader behaves, and returns
// all of it. Other readers answer UNSUPPORTED_OPERATION.
func (c *Conn) SetSimulatorConfiguration(ctx context.Context, p wire.SetSimulatorConfigurationParams) (wire.SimulatorConfiguration, error) {
	return do[wire.SimulatorConfiguration](ctx, c, wire.MethodSetSimulatorConfiguration, &p)
}

func do[R any](ctx context.Context, c *Conn, method string, p wire.Params) (R, error) {
	var r R
	err := c.call(ctx, method, p, &r)
	return r, err
}
