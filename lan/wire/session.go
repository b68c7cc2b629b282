package wire

// HelloParams opens a session. It must be the first message, within 5 s, and
// may be repeated to get a fresh nonce.
type HelloParams struct {
	Client  string `json:"client"`  // name of the POS software
	Version string `json:"version"` // its version
	POSID   string `json:"posId"`   // the POS's own stable id
}

// HelloResult names the reader and sets the challenge.
type HelloResult struct {
	Reader   Reader `json:"reader"` // what may be known before authentication: no location, no lease
	Protocol string `json:"protocol"`
	Nonce    Bytes  `json:"nonce"` // NonceSize random bytes, good for one connectReader
	// ReaderKeyHash is the SHA-256 of the reader's SPKI, for clients that
	// cannot see the TLS certificate (browsers, plain ws on loopback). Others
	// use the certificate and refuse a different value here.
	ReaderKeyHash Bytes `json:"readerKeyHash"`
}

// ConnectReaderParams authenticates the POS and takes the reader's lease.
// Exactly one of ConnectionToken and Credential is set.
type ConnectReaderParams struct {
	ConnectionToken string      `json:"connectionToken,omitempty"` // one-shot, from the merchant's backend; the reader redeems it online
	Credential      *Credential `json:"credential,omitempty"`      // from an earlier connect; works without internet
	POSID           string      `json:"posId"`
	POSPublicKey    Bytes       `json:"posPublicKey"` // SPKI, DER, ECDSA P-256
	Signature       Bytes       `json:"signature"`    // raw r||s, 64 bytes, over Challenge
	LocationID      string      `json:"locationId,omitempty"`
	FailIfInUse     bool        `json:"failIfInUse,omitempty"` // true: refuse when another POS holds the lease; false: take over
	Resume          *Resume     `json:"resume,omitempty"`
	// ProvidesTokens says that this POS answers fetchConnectionToken.
	ProvidesTokens bool `json:"providesTokens,omitempty"`
}

// Resume names the last durable event the POS has dealt with.
type Resume struct {
	LastSeq uint64 `json:"lastSeq"`
}

// Credential is a POS credential signed by the platform. The POS keeps it and
// never looks inside; the reader verifies it without internet.
type Credential struct {
	Payload   Bytes `json:"payload"`
	Signature Bytes `json:"signature"`
}

// How a POS was let in.
const (
	ConnectedOnline  = "online"  // the platform vouched for it just now
	ConnectedOffline = "offline" // its stored credential did
)

// ConnectReaderResult is the answer to connectReader.
type ConnectReaderResult struct {
	Reader      Reader      `json:"reader"`
	Connection  string      `json:"connection"`            // ConnectedOnline or ConnectedOffline
	Credential  *Credential `json:"credential,omitempty"`  // a new one to keep for the next outage
	ExpiresAtMs int64       `json:"expiresAtMs,omitempty"` // of the credential
	// SessionExpiresAtMs is when new payments of this session end with
	// SESSION_EXPIRED; 0: never. What runs then goes on to its end.
	SessionExpiresAtMs int64         `json:"sessionExpiresAtMs,omitempty"`
	Update             *ReaderUpdate `json:"update,omitempty"` // newer software is there
	OfflineStatus      OfflineStatus `json:"offlineStatus"`
	Cursor             uint64        `json:"cursor"`    // last durable event this POS acknowledged
	NewestSeq          uint64        `json:"newestSeq"` // last durable event there is
	Warnings           []string      `json:"warnings,omitempty"`
}

// DisconnectReaderParams gives the lease back. The socket stays open.
type DisconnectReaderParams struct{}

// DisconnectReaderResult is empty.
type DisconnectReaderResult struct{}

// Lease says which POS holds the reader.
type Lease struct {
	POSID     string `json:"posId"`     // empty: nobody
	HeldByYou bool   `json:"heldByYou"` // filled in per connection
	Connected bool   `json:"connected"` // the holder has a socket open
	Busy      bool   `json:"busy"`      // one of the holder's payments runs, or inputs are collected
}
