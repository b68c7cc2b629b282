package platform

import (
	"crypto/ecdsa"
	"encoding/json"
	"fmt"
	"time"
)

// POSCredential proves, without the platform, that a POS was connected online.
// It travels as a Signed document with LabelCredential; any reader of that
// account, type and location can check it.
type POSCredential struct {
	AccountID   string `json:"accountId"`
	Livemode    bool   `json:"livemode"`
	POSID       string `json:"posId"`
	PublicKey   []byte `json:"publicKey"` // SPKI DER, ECDSA P-256
	LocationID  string `json:"locationId"`
	DeviceType  string `json:"deviceType"`
	Network     string `json:"network"` // fingerprint of the network it was redeemed on
	IssuedAtMs  int64  `json:"issuedAtMs"`
	ExpiresAtMs int64  `json:"expiresAtMs"`
}

// OpenCredential is SigningKeys.OpenCredential with one key.
func OpenCredential(pub *ecdsa.PublicKey, s Signed) (*POSCredential, error) {
	return SigningKeys{pub}.OpenCredential(s)
}

// OpenCredential verifies and decodes a credential; it returns ErrSignature or
// ErrDocument. Whether the credential fits this reader, POS and moment is for
// the caller.
func (k SigningKeys) OpenCredential(s Signed) (*POSCredential, error) {
	if err := k.Verify(LabelCredential, s); err != nil {
		return nil, fmt.Errorf("credential: %w", err)
	}
	c := new(POSCredential)
	if err := json.Unmarshal(s.Payload, c); err != nil {
		return nil, fmt.Errorf("%w: credential: %w", ErrDocument, err)
	}
	v := &validator{document: "credential"}
	v.that(c.POSID != "", "posId", "is empty")
	v.that(c.LocationID != "", "locationId", "is empty")
	v.that(c.IssuedAtMs > 0, "issuedAtMs", "is not positive")
	v.that(c.ExpiresAtMs > c.IssuedAtMs, "expiresAtMs", "is not after issuedAtMs")
	_, err := ParseSigningKey(c.PublicKey)
	v.that(err == nil, "publicKey", "is not an ECDSA P-256 key")
	return c, v.err
}

// Expired reports whether the credential's time is over.
func (c *POSCredential) Expired(now time.Time) bool { return now.UnixMilli() >= c.ExpiresAtMs }
