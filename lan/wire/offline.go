package wire

// Network states.
const (
	NetworkUnknown = "unknown"
	NetworkOffline = "offline"
	NetworkOnline  = "online"
)

// OfflineStatus is the two views of the outage. Reader is exact and pushed at
// once. SDK is the client's own view of the internet with zero counts; a
// simulated reader mirrors Reader there.
type OfflineStatus struct {
	SDK    OfflineStatusDetails  `json:"sdk"`
	Reader *OfflineStatusDetails `json:"reader"` // null before a reader is connected
}

// OfflineStatusDetails counts what is stored and not yet at its end.
type OfflineStatusDetails struct {
	NetworkStatus                   string  `json:"networkStatus"`
	OfflinePaymentsCount            int     `json:"offlinePaymentsCount"`
	OfflinePaymentAmountsByCurrency Amounts `json:"offlinePaymentAmountsByCurrency"` // minor units per currency
}

// Amounts are sums of minor units per lower-case currency; {} when none.
type Amounts map[string]int64

// GetOfflineStatusParams is empty; the result is an OfflineStatus.
type GetOfflineStatusParams struct{}

// ListStoredPaymentsParams pages through the payments the reader stored
// offline, in the order of their sequence.
type ListStoredPaymentsParams struct {
	After  uint64   `json:"after,omitempty"`  // sequence after which to go on; 0 = from the first
	Limit  int      `json:"limit,omitempty"`  // 1 to MaxListed; 0 = 20
	States []string `json:"states,omitempty"` // only these OfflineDetails states; empty = all
}

// ListStoredPaymentsResult is one page. Totals cover all that waits, not the page.
type ListStoredPaymentsResult struct {
	PaymentIntents PaymentIntents       `json:"paymentIntents"`
	Next           uint64               `json:"next,omitempty"` // give this as After; 0 = there is no more
	Totals         OfflineStatusDetails `json:"totals"`
}

// ForwardNowParams asks the forwarder to try now instead of at its next time.
// PaymentIntent, when given, is a payment that failed, or that was handed over
// for rescue and whose end is not known: it is looked up at the platform and,
// if that never saw it, sent again.
type ForwardNowParams struct {
	RequestID     string     `json:"requestId"`
	PaymentIntent *IntentRef `json:"paymentIntent,omitempty"`
}

// ForwardNowResult counts what this run brought to an end and what still waits.
type ForwardNowResult struct {
	Forwarded int `json:"forwarded"`
	Declined  int `json:"declined"`
	Failed    int `json:"failed"`
	Remaining int `json:"remaining"`
	// Error says why the run ended before nothing was left.
	Error *Error `json:"error,omitempty"`
}
