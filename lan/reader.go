package lan

import (
	"context"

	"smartreader/lan/wire"
)

// Caller is the POS a call comes from.
type Caller struct {
	POSID      string
	Session    string // random id of the connection, for logs
	RemoteAddr string // host:port
	Origin     string // of a browser; empty for others
}

// Reader is what the server serves: the hub of the firmware. All methods may be
// called at the same time from many goroutines.
//
// Params have been validated. An error that is or wraps a *wire.Error goes to
// the POS as it is; any other is logged and answered as GENERIC_READER_ERROR
// without its text. Methods marked "lease" are called for the lease holder
// only; their ctx is the server's and outlives the POS's socket. The ctx of the
// others ends with the socket.
type Reader interface {
	// Describe returns the reader without lease. The server blanks what a peer
	// that is not authenticated may not see (c is nil then).
	Describe(ctx context.Context, c *Caller) (wire.Reader, error)

	// Connect checks the token or credential of a POS whose signature has been
	// verified, and that the credential names this POS id and public key. The
	// server fills in Reader.Lease; Cursor and NewestSeq are the hub's.
	Connect(ctx context.Context, c *Caller, p wire.ConnectReaderParams) (wire.ConnectReaderResult, error)

	CreatePaymentIntent(ctx context.Context, c *Caller, p wire.CreatePaymentIntentParams) (wire.PaymentIntentResult, error)                // lease
	CollectPaymentMethod(ctx context.Context, c *Caller, p wire.CollectPaymentMethodParams) (wire.PaymentIntentResult, error)              // lease; blocks
	ConfirmPaymentIntent(ctx context.Context, c *Caller, p wire.ConfirmPaymentIntentParams) (wire.PaymentIntentResult, error)              // lease; blocks
	ProcessPaymentIntent(ctx context.Context, c *Caller, p wire.ProcessPaymentIntentParams) (wire.PaymentIntentResult, error)              // lease; blocks
	CancelCollectPaymentMethod(ctx context.Context, c *Caller, p wire.CancelCollectPaymentMethodParams) (wire.CancelResult, error)         // lease
	CancelPaymentIntent(ctx context.Context, c *Caller, p wire.CancelPaymentIntentParams) (wire.CancelResult, error)                       // lease
	ForwardNow(ctx context.Context, c *Caller, p wire.ForwardNowParams) (wire.ForwardNowResult, error)                                     // lease; blocks
	VoidStoredPayment(ctx context.Context, c *Caller, p wire.VoidStoredPaymentParams) (wire.PaymentIntentResult, error)                    // lease
	RescuePayments(ctx context.Context, c *Caller, p wire.RescuePaymentsParams) (wire.RescuePaymentsResult, error)                         // lease; blocks
	CollectInputs(ctx context.Context, c *Caller, p wire.CollectInputsParams) (wire.CollectInputsResult, error)                            // lease; blocks
	SetSimulatorConfiguration(ctx context.Context, c *Caller, p wire.SetSimulatorConfigurationParams) (wire.SimulatorConfiguration, error) // lease
	ExportLedger(ctx context.Context, c *Caller, p wire.ExportLedgerParams) (wire.ExportLedgerResult, error)                               // lease
	VerifyLedger(ctx context.Context, c *Caller) (wire.VerifyLedgerResult, error)                                                          // any authenticated POS; blocks
	ExplainOfflinePolicy(ctx context.Context, c *Caller, p wire.ExplainOfflinePolicyParams) (wire.ExplainOfflinePolicyResult, error)       // any authenticated POS
	RetrievePaymentIntent(ctx context.Context, c *Caller, p wire.RetrievePaymentIntentParams) (wire.PaymentIntentResult, error)            // any authenticated POS
	OfflineStatus(ctx context.Context, c *Caller) (wire.OfflineStatus, error)                                                              // any authenticated POS
	ListStoredPayments(ctx context.Context, c *Caller, p wire.ListStoredPaymentsParams) (wire.ListStoredPaymentsResult, error)             // any authenticated POS

	// EventsAfter returns up to max durable events with Seq > seq, in order and
	// without gaps; none when there are no newer ones yet.
	EventsAfter(ctx context.Context, seq uint64, max int) ([]wire.Event, error)

	// Acknowledge moves the last event a POS acknowledged forward, never back, and
	// returns where it stands.
	Acknowledge(ctx context.Context, posID string, seq uint64) (uint64, error)
}
