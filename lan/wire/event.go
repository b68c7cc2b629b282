package wire

// Event is the params of a notification from the reader. Which members are
// set follows from Type.
type Event struct {
	Type string `json:"type"` // the same as the notification's method, so that an event kept alone still says what it is
	Seq  uint64 `json:"seq,omitempty"`
	AtMs int64  `json:"atMs"`

	PaymentIntent  *PaymentIntent `json:"paymentIntent,omitempty"`        // paymentIntentForwarded, paymentIntentChange
	Error          *Error         `json:"error,omitempty"`                // paymentIntentForwarded, forwardingFailure
	OfflineStatus  *OfflineStatus `json:"offlineStatus,omitempty"`        // offlineStatusChange
	PaymentStatus  string         `json:"paymentStatus,omitempty"`        // paymentStatusChange
	ReaderEvent    string         `json:"readerEvent,omitempty"`          // readerEvent
	DisplayMessage string         `json:"readerDisplayMessage,omitempty"` // requestReaderDisplayMessage
	Credential     *Credential    `json:"credential,omitempty"`           // credentialRenewed
	ExpiresAtMs    int64          `json:"expiresAtMs,omitempty"`          // credentialRenewed
	Update         *ReaderUpdate  `json:"update,omitempty"`               // updateAvailable
	Lease          *Lease         `json:"lease,omitempty"`                // leaseChange
	State          string         `json:"state,omitempty"`                // paymentIntentChange: the payment's state in the ledger
	Reason         string         `json:"reason,omitempty"`               // connectionLost, paymentIntentChange, ledgerNote
}

// Payment statuses of paymentStatusChange.
const (
	PaymentNotReady        = "notReady"
	PaymentReady           = "ready"
	PaymentWaitingForInput = "waitingForInput"
	PaymentProcessing      = "processing"
)

// Reader events.
const (
	ReaderCardInserted = "cardInserted"
	ReaderCardRemoved  = "cardRemoved"
	ReaderCardTapped   = "cardTapped" // a card or phone was held to the reader; Stripe's SDKs have no such event
)

// Reader display messages, as Stripe Terminal's SDKs name them: what the cardholder
// reads on the reader's screen now and a cashier may help with.
const (
	DisplayRetryCard         = "retryCard"
	DisplayInsertCard        = "insertCard"
	DisplayMultipleCards     = "multipleContactlessCardsDetected"
	DisplayCheckMobileDevice = "checkMobileDevice"
	DisplayRemovedTooEarly   = "cardRemovedTooEarly"
)

// Reasons of connectionLost.
const (
	LostTakenOver    = "takenOver"      // another POS took the lease; the socket stays open for looking
	LostShuttingDown = "shuttingDown"   // the reader stops; reconnect
	LostExpired      = "sessionExpired" // the session's time is over: connect again
)
