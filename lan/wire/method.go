package wire

// Protocol is the WebSocket subprotocol both sides must name.
const Protocol = "smartreader.v1"

// Path is where the WebSocket is opened.
const Path = "/v1/terminal"

// Methods a POS can call. Each has <Name>Params and, where it returns more
// than a PaymentIntent, <Name>Result.
const (
	MethodHello                      = "hello"
	MethodConnectReader              = "connectReader"
	MethodDisconnectReader           = "disconnectReader"
	MethodCreatePaymentIntent        = "createPaymentIntent"
	MethodRetrievePaymentIntent      = "retrievePaymentIntent"
	MethodCollectPaymentMethod       = "collectPaymentMethod"
	MethodConfirmPaymentIntent       = "confirmPaymentIntent"
	MethodProcessPaymentIntent       = "processPaymentIntent"
	MethodCancelCollectPaymentMethod = "cancelCollectPaymentMethod"
	MethodCancelPaymentIntent        = "cancelPaymentIntent"
	MethodGetReader                  = "getReader"
	MethodGetOfflineStatus           = "getOfflineStatus"
	MethodListStoredPayments         = "listStoredPayments"
	MethodForwardNow                 = "forwardNow"
	MethodAcknowledgeEvents          = "acknowledgeEvents"
	MethodVoidStoredPayment          = "voidStoredPayment"
	MethodExplainOfflinePolicy       = "explainOfflinePolicy"
	MethodExportLedger               = "exportLedger"
	MethodVerifyLedger               = "verifyLedger"
	MethodRescuePayments             = "rescuePayments"
	MethodCollectInputs              = "collectInputs"
	MethodSetSimulatorConfiguration  = "setSimulatorConfiguration" // simulated readers only
)

// MethodFetchConnectionToken is what the reader asks a POS: the only request
// that goes this way.
const MethodFetchConnectionToken = "fetchConnectionToken"

// Events the reader sends as JSON-RPC notifications: the method is the event's
// type, the params are an Event.
//
// The first group is durable: numbered without gaps, kept until acknowledged,
// sent again after a reconnect. The second is transient: it tells what goes on
// now and is not repeated.
const (
	EventPaymentIntentForwarded = "paymentIntentForwarded" // a stored payment reached its end at the platform; Error is set when that end is a decline or a refusal
	EventPaymentIntentChange    = "paymentIntentChange"    // a payment moved to another state
	EventForwardingFailure      = "forwardingFailure"      // forwarding as a whole is stuck; Error says why
	EventLedgerNote             = "ledgerNote"             // any other numbered entry of the ledger (configuration taken, loss acknowledged); Reason names it

	EventOfflineStatusChange = "offlineStatusChange"
	EventPaymentStatusChange = "paymentStatusChange"
	EventReaderEvent         = "readerEvent"
	EventDisplayMessage      = "requestReaderDisplayMessage"
	EventLeaseChange         = "leaseChange"
	EventConnectionLost      = "connectionLost"
	EventCredentialRenewed   = "credentialRenewed" // keep the new credential for the next outage; to its POS only
	EventUpdateAvailable     = "updateAvailable"
)

// Durable reports whether events of this type are numbered and kept.
func Durable(eventType string) bool {
	switch eventType {
	case EventPaymentIntentForwarded, EventPaymentIntentChange, EventForwardingFailure, EventLedgerNote:
		return true
	}
	return false
}
