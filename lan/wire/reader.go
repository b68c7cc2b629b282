package wire

// Reader describes the reader. Before authentication only the identity is sent.
type Reader struct {
	ID                    string    `json:"id"` // tmr_...
	SerialNumber          string    `json:"serialNumber"`
	DeviceType            string    `json:"deviceType"`
	DeviceSoftwareVersion string    `json:"deviceSoftwareVersion"`
	Label                 string    `json:"label,omitempty"`
	Livemode              bool      `json:"livemode"`
	Simulated             bool      `json:"simulated"`
	NetworkStatus         string    `json:"networkStatus,omitempty"` // NetworkUnknown, NetworkOnline, NetworkOffline
	LocationID            string    `json:"locationId,omitempty"`
	Location              *Location `json:"location,omitempty"`
	Lease                 *Lease    `json:"lease,omitempty"`
	Warnings              []string  `json:"warnings,omitempty"` // such as "the reader's certificate has expired"
	// NewestSeq is the last durable event there is, as far as this connection
	// knows; getReader only.
	NewestSeq uint64 `json:"newestSeq,omitempty"`
	// Refusing says why new payments are refused now (damage, disk); empty
	// when they are not.
	Refusing string `json:"refusing,omitempty"`
}

// Location is the shop the reader is activated at.
type Location struct {
	ID          string `json:"id"` // tml_...
	DisplayName string `json:"displayName"`
	Country     string `json:"country,omitempty"`  // ISO 3166-1 alpha-2
	Currency    string `json:"currency,omitempty"` // ISO 4217, lower case
	Livemode    bool   `json:"livemode"`
}

// GetReaderParams is empty; the result is a Reader.
type GetReaderParams struct{}
