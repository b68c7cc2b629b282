package wire

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
)

// Errors of the challenge.
var (
	ErrKey       = errors.New("wire: not an ECDSA P-256 public key in SPKI form")
	ErrSignature = errors.New("wire: signature does not verify")
)

// challengeLabel keeps this signature apart from anything else the POS's key
// may ever sign.
const challengeLabel = "smartreader pos challenge v1"

// signatureSize is r||s of P-256.
const signatureSize = 64

// Challenge is what a POS signs to connect. It binds the reader's fresh nonce
// to this reader's identity and key and to this POS's identity and key, so
// that a signature given to one reader is of no use at another.
type Challenge struct {
	Nonce         []byte
	ReaderID      string
	ReaderKeyHash []byte // SHA-256 of the reader's SPKI
	POSID         string
	POSPublicKey  []byte // SPKI, DER
}

// Message is the signed bytes: each field, label first, with its length as a
// 32-bit big-endian prefix. WebCrypto signs it with {name: "ECDSA", hash: "SHA-256"}.
func (c Challenge) Message() []byte {
	var m []byte
	for _, field := range [][]byte{
		[]byte(challengeLabel), c.Nonce, []byte(c.ReaderID), c.ReaderKeyHash, []byte(c.POSID), c.POSPublicKey,
	} {
		m = binary.BigEndian.AppendUint32(m, uint32(len(field)))
		m = append(m, field...)
	}
	return m
}

// Digest is the SHA-256 of Message.
func (c Challenge) Digest() [sha256.Size]byte { return sha256.Sum256(c.Message()) }

// Sign signs the challenge with the POS's ECDSA P-256 key and returns raw r||s.
func (c Challenge) Sign(key crypto.Signer) ([]byte, error) {
	pub, ok := key.Public().(*ecdsa.PublicKey)
	if !ok || pub.Curve != elliptic.P256() {
		return nil, ErrKey
	}
	digest := c.Digest()
	der, err := key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("wire: signing the challenge: %w", err)
	}
	var sig struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(der, &sig); err != nil || len(rest) != 0 {
		return nil, errors.New("wire: signer did not return an ECDSA signature")
	}
	if sig.R.Sign() <= 0 || sig.S.Sign() <= 0 || sig.R.BitLen() > 256 || sig.S.BitLen() > 256 {
		return nil, errors.New("wire: signer returned a signature out of range")
	}
	raw := make([]byte, signatureSize)
	sig.R.FillBytes(raw[:32])
	sig.S.FillBytes(raw[32:])
	return raw, nil
}

// Verify checks a raw r||s signature by the key in c.POSPublicKey. It returns
// ErrKey or ErrSignature.
func (c Challenge) Verify(signature []byte) error {
	pub, err := ParsePublicKey(c.POSPublicKey)
	if err != nil {
		return err
	}
	if len(signature) != signatureSize {
		return ErrSignature
	}
	digest := c.Digest()
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	if !ecdsa.Verify(pub, digest[:], r, s) {
		return ErrSignature
	}
	return nil
}

// ParsePublicKey reads an ECDSA P-256 key from SPKI DER, in its one canonical
// encoding, so that a key has one spelling only.
func ParsePublicKey(spki []byte) (*ecdsa.PublicKey, error) {
	key, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		return nil, ErrKey
	}
	pub, ok := key.(*ecdsa.PublicKey)
	if !ok || pub.Curve != elliptic.P256() {
		return nil, ErrKey
	}
	if canonical, err := x509.MarshalPKIXPublicKey(pub); err != nil || !bytes.Equal(canonical, spki) {
		return nil, ErrKey
	}
	return pub, nil
}

// KeyHash is the SHA-256 of a public key's SPKI.
func KeyHash(pub crypto.PublicKey) ([]byte, error) {
	spki, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return nil, fmt.Errorf("wire: %w", err)
	}
	sum := sha256.Sum256(spki)
	return sum[:], nil
}
