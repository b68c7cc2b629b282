package oda

import (
	"bytes"
	"slices"
	"time"
)

// Formats of certificates and signatures: the second byte of what is recovered.
const (
	formatIssuer  = 0x02
	formatStatic  = 0x03
	formatICC     = 0x04
	formatDynamic = 0x05
	formatFast    = 0x95 // of a Visa tap
)

// algorithm01 indicates SHA-1 as hash and RSA as key algorithm (EMV Book 2, Annex B2).
const algorithm01 = 0x01

// Certificate is what a card holds about one key.
type Certificate struct {
	Certificate []byte // '90', '9F46' or '9F2D'
	Remainder   []byte // '92', '9F48' or '9F2F': what of the key did not fit the certificate; often absent
	Exponent    []byte // '9F32', '9F47' or '9F2E'
}

// Find returns the certification authority key with the RID (the first five bytes of the
// application's name) and the index ('8F' of the card).
func Find(keys []CAKey, rid []byte, index byte) (CAKey, error) {
	for _, k := range keys {
		if bytes.Equal(k.RID[:], rid) && k.Index == index {
			return k, nil
		}
	}
	return CAKey{}, fail("certification authority key", NoCAKey)
}

// layout is what issuer and ICC certificates have in common: fields at fixed offsets behind the owner's
// identification (EMV Book 2, tables "Format of Data Recovered from ... Public Key Certificate").
type layout struct {
	what     string
	format   byte
	idSize   int                       // bytes of the owner's identification: 4 issuer, 10 account number
	matches  func(id, pan []byte) bool // whether the owner is the issuer, or the holder, of the account
	mismatch Reason
}

var (
	issuerLayout = layout{"issuer certificate", formatIssuer, 4, issuerMatches, IssuerMismatch}
	iccLayout    = layout{"ICC certificate", formatICC, 10, panMatches, PANMismatch}
	pinLayout    = layout{"PIN encipherment key certificate", formatICC, 10, panMatches, PANMismatch}
)

// serial is a certificate's number, unique among those one key signed.
type serial [3]byte

// recoverKey verifies a certificate and returns the key it certifies and its serial number. extra is
// hashed behind the exponent: the static data of an ICC certificate.
func (l layout) recoverKey(by PublicKey, c Certificate, extra, pan []byte, on time.Time) (PublicKey, serial, error) {
	bad := func(r Reason) (PublicKey, serial, error) { return PublicKey{}, serial{}, fail(l.what, r) }
	if len(c.Certificate) == 0 || len(c.Exponent) == 0 {
		return bad(Missing)
	}
	message, hash, err := by.recoverMessage(l.what, c.Certificate, l.format)
	if err != nil {
		return PublicKey{}, serial{}, err
	}
	// format, identification, expiry(2), serial(3), hash algorithm, key algorithm, key length,
	// exponent length, key digits and padding.
	head := 1 + l.idSize + 2 + 3 + 1 + 1 + 1 + 1
	if len(message) <= head {
		return bad(BadKeyLength)
	}
	id := message[1 : 1+l.idSize]
	expiry := message[head-9 : head-7]
	number := serial(message[head-7 : head-4])
	hashAlgorithm, keyAlgorithm := message[head-4], message[head-3]
	keyLength, exponentLength := int(message[head-2]), int(message[head-1])
	leading := message[head:]

	// The hash algorithm is checked before it is used, the key algorithm may be checked at any time.
	if hashAlgorithm != algorithm01 || keyAlgorithm != algorithm01 {
		return bad(BadAlgorithm)
	}
	if keyLength == 0 || keyLength > len(by.Modulus) || exponentLength != len(c.Exponent) {
		return bad(BadKeyLength)
	}
	missing := max(0, keyLength-len(leading))
	if missing > 0 && len(c.Remainder) == 0 {
		return bad(Missing)
	}
	if len(c.Remainder) != missing {
		return bad(RemainderMismatch)
	}
	if !sumEqual(hash, message, c.Remainder, c.Exponent, extra) {
		return bad(HashMismatch)
	}
	if last, ok := expiryMonth(expiry); !ok || monthOf(on) > last {
		return bad(Expired)
	}
	if !l.matches(id, pan) {
		return bad(l.mismatch)
	}
	if !validExponent(c.Exponent) {
		return bad(BadKey)
	}
	modulus := append(make([]byte, 0, keyLength), leading[:keyLength-missing]...)
	modulus = append(modulus, c.Remainder...)
	return PublicKey{Modulus: modulus, Exponent: bytes.Clone(c.Exponent)}, number, nil
}

// RecoverIssuerKey verifies the issuer's certificate with the certification authority's key
// (EMV Book 2, 5.3 and 6.3). pan is '5A' as the card holds it; on is the transaction date. A
// certificate is good to the end of its month, and unless revoked lists it.
func RecoverIssuerKey(ca CAKey, c Certificate, pan []byte, revoked []Revocation, on time.Time) (PublicKey, error) {
	if last, _ := ca.lastMonth(); last >= 0 && monthOf(on) > last {
		return PublicKey{}, fail("certification authority key", KeyExpired)
	}
	key, number, err := issuerLayout.recoverKey(PublicKey{ca.Modulus, ca.Exponent}, c, nil, pan, on)
	if err != nil {
		return PublicKey{}, err
	}
	if slices.Contains(revoked, Revocation{ca.RID, ca.Index, number}) {
		return PublicKey{}, fail(issuerLayout.what, Revoked)
	}
	return key, nil
}

// RecoverICCKey verifies the card's own certificate with the issuer's key (EMV Book 2, 6.4). static
// is the static data to be authenticated (StaticData); pan is '5A' as the card holds it.
func RecoverICCKey(issuer PublicKey, c Certificate, static, pan []byte, on time.Time) (PublicKey, error) {
	key, _, err := iccLayout.recoverKey(issuer, c, static, pan, on)
	return key, err
}

// RecoverPINKey verifies the certificate of the key PINs are enciphered with, '9F2D' to '9F2F'
// (EMV Book 2, 7.1). It is made like the card's own certificate, but vouches for no static data.
func RecoverPINKey(issuer PublicKey, c Certificate, pan []byte, on time.Time) (PublicKey, error) {
	key, _, err := pinLayout.recoverKey(issuer, c, nil, pan, on)
	return key, err
}

// issuerMatches: the identifier is the leftmost 3 to 8 digits of the account number, filled with 'F'.
func issuerMatches(id, pan []byte) bool {
	n, ok := digits(id)
	have, _ := digits(pan)
	return ok && n >= 3 && n <= have && sameDigits(id, pan, n)
}

// panMatches compares the certificate's ten bytes with '5A', which may be shorter: both are digits
// filled with 'F'.
func panMatches(id, pan []byte) bool {
	n, ok1 := digits(id)
	have, ok2 := digits(pan)
	return ok1 && ok2 && n > 0 && n == have && sameDigits(id, pan, n)
}

// digits counts the decimal digits at the start of b; filled reports that nothing but 'F' follows.
func digits(b []byte) (n int, filled bool) {
	for n < 2*len(b) && nibble(b, n) <= 9 {
		n++
	}
	for i := n; i < 2*len(b); i++ {
		if nibble(b, i) != 0x0F {
			return n, false
		}
	}
	return n, true
}

// sameDigits compares the first n digits, which both have.
func sameDigits(a, b []byte, n int) bool {
	for i := range n {
		if nibble(a, i) != nibble(b, i) {
			return false
		}
	}
	return true
}

func nibble(b []byte, i int) byte {
	if i%2 == 0 {
		return b[i/2] >> 4
	}
	return b[i/2] & 0x0F
}
