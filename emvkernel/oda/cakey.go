package oda

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"fmt"
	"time"
)

// ErrCAKey is returned by CAKey.Check for a key that is not usable.
var ErrCAKey = errors.New("oda: bad certification authority key")

// CAKey is one public key of a payment system's certification authority.
type CAKey struct {
	RID      [5]byte // registered application provider the key belongs to
	Index    byte    // tag '8F' of the card names it
	Modulus  []byte  // big endian, first byte not zero
	Exponent []byte  // big endian: 03 or 010001
	// Expiry is the last month the key may be used in, as "2031-12". Empty means it is not known.
	Expiry string
	// Checksum is SHA-1 over RID, index, modulus and exponent, as the payment system publishes it.
	Checksum []byte
	// Test says that it is a key for test cards.
	Test bool
}

// Revocation names an issuer certificate that its payment system has revoked (EMV Book 2, "Certificate
// Revocation List").
type Revocation struct {
	RID    [5]byte
	Index  byte    // of the certification authority key that signed it
	Serial [3]byte // the certificate's
}

// Check verifies the key's form and its checksum (EMV Book 2, "Certification Authority Public Key
// checksum"). An index alone does not identify a key: test and live keys share them.
func (k CAKey) Check() error {
	if k.RID == ([5]byte{}) {
		return fmt.Errorf("%w: no RID", ErrCAKey)
	}
	if n := len(k.Modulus); n < 64 || n > maxModulus || k.Modulus[0] == 0 || k.Modulus[n-1]&1 == 0 {
		return fmt.Errorf("%w: %X index %02X: modulus of %d bytes", ErrCAKey, k.RID, k.Index, len(k.Modulus))
	}
	if !validExponent(k.Exponent) {
		return fmt.Errorf("%w: %X index %02X: exponent is neither 3 nor 65537", ErrCAKey, k.RID, k.Index)
	}
	if _, ok := k.lastMonth(); !ok {
		return fmt.Errorf("%w: %X index %02X: expiry is not YYYY-MM", ErrCAKey, k.RID, k.Index)
	}
	if sum := k.Sum(); !bytes.Equal(sum[:], k.Checksum) {
		return fmt.Errorf("%w: %X index %02X: checksum differs", ErrCAKey, k.RID, k.Index)
	}
	return nil
}

// Sum computes the checksum of the key.
func (k CAKey) Sum() [sha1.Size]byte {
	h := sha1.New()
	h.Write(k.RID[:])
	h.Write([]byte{k.Index})
	h.Write(k.Modulus)
	h.Write(k.Exponent)
	return [sha1.Size]byte(h.Sum(nil))
}

// lastMonth returns the month of expiry, or -1 when there is none; ok is false when it is malformed.
func (k CAKey) lastMonth() (last month, ok bool) {
	if k.Expiry == "" {
		return -1, true
	}
	t, err := time.Parse("2006-01", k.Expiry)
	if err != nil {
		return 0, false
	}
	return monthOf(t), true
}

// validExponent accepts the two exponents EMV allows (Book 2, "RSA Algorithm").
func validExponent(e []byte) bool {
	return bytes.Equal(e, []byte{3}) || bytes.Equal(e, []byte{1, 0, 1})
}
