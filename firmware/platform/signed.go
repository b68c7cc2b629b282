package platform

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/binary"
	"fmt"
	"math/big"
)

// Labels of signed documents. A signature made for one purpose can never pass
// for another because the label is signed too.
const (
	LabelConfig     = "smartreader config v1"
	LabelCredential = "smartreader pos credential v1"
)

// Signed is a document and the platform's signature over it. The signature
// covers the exact payload bytes, so nothing needs a canonical form.
type Signed struct {
	Payload   []byte `json:"payload"`   // JSON
	Signature []byte `json:"signature"` // ECDSA P-256, r || s, 64 bytes
}

// digest hashes (label, payload), each preceded by its length in 4 bytes.
func digest(label string, payload []byte) []byte {
	h := sha256.New()
	for _, part := range [][]byte{[]byte(label), payload} {
		var n [4]byte
		binary.BigEndian.PutUint32(n[:], uint32(len(part)))
		h.Write(n[:])
		h.Write(part)
	}
	return h.Sum(nil)
}

// Sign signs payload for the purpose label. The signer must hold an ECDSA
// P-256 key.
func Sign(label string, signer crypto.Signer, payload []byte) (Signed, error) {
	if pub, ok := signer.Public().(*ecdsa.PublicKey); !ok || pub.Curve != elliptic.P256() {
		return Signed{}, fmt.Errorf("platform: sign: key is not ECDSA P-256")
	}
	der, err := signer.Sign(rand.Reader, digest(label, payload), crypto.SHA256)
	if err != nil {
		return Signed{}, fmt.Errorf("platform: sign: %w", err)
	}
	var rs struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &rs); err != nil {
		return Signed{}, fmt.Errorf("platform: sign: %w", err)
	}
	raw := make([]byte, 64)
	rs.R.FillBytes(raw[:32])
	rs.S.FillBytes(raw[32:])
	return Signed{Payload: payload, Signature: raw}, nil
}

// Verify checks s for the purpose label; it returns ErrSignature otherwise.
func Verify(label string, pub *ecdsa.PublicKey, s Signed) error {
	if len(s.Signature) != 64 || pub == nil || pub.Curve != elliptic.P256() {
		return ErrSignature
	}
	r := new(big.Int).SetBytes(s.Signature[:32])
	v := new(big.Int).SetBytes(s.Signature[32:])
	if !ecdsa.Verify(pub, digest(label, s.Payload), r, v) {
		return ErrSignature
	}
	return nil
}

// SigningKeys are the keys a reader accepts documents from: the one pinned at
// activation and those listed by the newest configuration it has verified,
// which is how a platform changes its key.
type SigningKeys []*ecdsa.PublicKey

// ParseSigningKeys parses keys as ParseSigningKey does; one that does not parse
// is an error, as is none at all.
//
//	keys, err := platform.ParseSigningKeys(append([][]byte{pinned}, config.SigningKeys...)...)
//
// Keep what was passed along with a configuration: at the next start it is
// verified with these keys, not with those it lists itself.
func ParseSigningKeys(spki ...[]byte) (SigningKeys, error) {
	if len(spki) == 0 {
		return nil, fmt.Errorf("platform: no signing key")
	}
	keys := make(SigningKeys, len(spki))
	for i, b := range spki {
		var err error
		if keys[i], err = ParseSigningKey(b); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// Verify checks that s was signed for the purpose label with any of the keys;
// it returns ErrSignature otherwise.
func (k SigningKeys) Verify(label string, s Signed) error {
	for _, pub := range k {
		if Verify(label, pub, s) == nil {
			return nil
		}
	}
	return ErrSignature
}

// ParseSigningKey parses a platform's signing key (SPKI DER, ECDSA P-256).
func ParseSigningKey(spki []byte) (*ecdsa.PublicKey, error) {
	key, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		return nil, fmt.Errorf("platform: signing key: %w", err)
	}
	pub, ok := key.(*ecdsa.PublicKey)
	if !ok || pub.Curve != elliptic.P256() {
		return nil, fmt.Errorf("platform: signing key: not ECDSA P-256")
	}
	return pub, nil
}
