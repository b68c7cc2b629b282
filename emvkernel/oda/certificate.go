package oda

import (
	"bytes"
	"time"
)

// Formats of certificates and signatures: the second byte of what is recovered.
const (
	formatIssuer  = 0x02
	formatStatic  = 0x03
	formatICC     = 0x04
	formatDynamic = 0x05
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
	what   string
	format byte
	idSize int // bytes of the owner's identification: 4 issuer, 10 account number
}

var (
	issuerLayout = layout{"issuer certificate", formatIssuer, 4}
	iccLayout    = layout{"ICC certificate", formatICC, 10}
	pinLayout    = layout{"PIN encipherment key certificate", formatICC, 10}
)

// recoverKey verifies a certificate and returns the key it certifies and the owner's identification.
// extra is hashed behind the exponent: the static data of an ICC certificate.
func (l layout) recoverKey(by PublicKey, c Certificate, extra []byte, on time.Time) (PublicKey, []byte, error) {
	if len(c.Certificate) == 0 || len(c.Exponent) == 0 {
		return PublicKey{}, nil, fail(l.what, Missing)
	}
	message, hash, err := by.recoverMessage(l.what, c.Certificate, l.format)
	if err != nil {
		return PublicKey{}, nil, err
	}
	// format, identification, expiry(2), serial(3), hash algorithm, key algorithm, key length,
	// exponent length, key digits and padding.
	head := 1 + l.idSize + 2 + 3 + 1 + 1 + 1 + 1
	if len(message) <= head {
		return PublicKey{}, nil, fail(l.what, BadKeyLength)
	}
	id := message[1 : 1+l.idSize]
	expiry := message[1+l.idSize : 1+l.idSize+2]
	algorithms := message[head-4 : head-2]
	keyLength, exponentLength := int(message[head-2]), int(message[head-1])
	digits := message[head:]

	// The hash algorithm is checked before it is used, the key algorithm may be checked at any time.
	if algorithms[0] != algorithm01 || algorithms[1] != algorithm01 {
		return PublicKey{}, nil, fail(l.what, BadAlgorithm)
	}
	if keyLength == 0 || keyLength > len(by.Modulus) || exponentLength != len(c.Exponent) {
		return PublicKey{}, nil, fail(l.what, BadKeyLength)
	}
	missing := max(0, keyLength-len(digits))
	switch {
	case missing > 0 && len(c.Remainder) == 0:
		return PublicKey{}, nil, fail(l.what, Missing)
	case len(c.Remainder) != missing:
		return PublicKey{}, nil, fail(l.what, RemainderMismatch)
	}
	if !sumEqual(hash, message, c.Remainder, c.Exponent, extra) {
		return PublicKey{}, nil, fail(l.what, HashMismatch)
	}
	last, ok := expiryMonth(expiry)
	if !ok || monthOf(on) > last {
		return PublicKey{}, nil, fail(l.what, Expired)
	}
	if !validExponent(c.Exponent) {
		return PublicKey{}, nil, fail(l.what, BadKey)
	}
	key := PublicKey{Exponent: bytes.Clone(c.Exponent)}
	key.Modulus = append(key.Modulus, digits[:keyLength-missing]...)
	key.Modulus = append(key.Modulus, c.Remainder...)
	return key, id, nil
}

// RecoverIssuerKey verifies the issuer's certificate with the certification authority's key
// (EMV Book 2, 5.3 and 6.3). pan is '5A' as the card holds it; on is the transaction date. A
// certificate is good to the end of its month.
//
// The revocation list (5.3, step "is the certificate revoked", optional) is not consulted.
func RecoverIssuerKey(ca CAKey, c Certificate, pan []byte, on time.Time) (PublicKey, error) {
	if last, _ := ca.lastMonth(); last >= 0 && monthOf(on) > last {
		return PublicKey{}, fail("certification authority key", KeyExpired)
	}
	key, id, err := issuerLayout.recoverKey(PublicKey{ca.Modulus, ca.Exponent}, c, nil, on)
	if err != nil {
		return PublicKey{}, err
	}
	if !issuerMatches(id, pan) {
		return PublicKey{}, fail(issuerLayout.what, IssuerMismatch)
	}
	return key, nil
}

// RecoverICCKey verifies the card's own certificate with the issuer's key (EMV Book 2, 6.4). static
// is the static data to be authenticated (StaticData); pan is '5A' as the card holds it.
func RecoverICCKey(issuer PublicKey, c Certificate, static, pan []byte, on time.Time) (PublicKey, error) {
	return iccLayout.recoverCardKey(issuer, c, static, pan, on)
}

// RecoverPINKey verifies the certificate of the key PINs are enciphered with, '9F2D' to '9F2F'
// (EMV Book 2, 7.1). It is made like the card's own certificate, but vouches for no static data.
func RecoverPINKey(issuer PublicKey, c Certificate, pan []byte, on time.Time) (PublicKey, error) {
	return pinLayout.recoverCardKey(issuer, c, nil, pan, on)
}

func (l layout) recoverCardKey(issuer PublicKey, c Certificate, static, pan []byte, on time.Time) (PublicKey, error) {
	key, id, err := l.recoverKey(issuer, c, static, on)
	if err != nil {
		return PublicKey{}, err
	}
	if !panMatches(id, pan) {
		return PublicKey{}, fail(l.what, PANMismatch)
	}
	return key, nil
}

// issuerMatches: the identifier is the leftmost 3 to 8 digits of the account number, filled with 'F'.
func issuerMatches(id, pan []byte) bool {
	want, got := digits(id), digits(pan)
	return len(want) >= 3 && len(got) >= len(want) && filled(id, len(want)) && bytes.Equal(want, got[:len(want)])
}

// panMatches compares the certificate's ten bytes with '5A', which may be shorter: both are digits
// filled with 'F'.
func panMatches(id, pan []byte) bool {
	want, got := digits(id), digits(pan)
	return len(want) > 0 && filled(id, len(want)) && filled(pan, len(got)) && bytes.Equal(want, got)
}

// digits returns the leading decimal digits of b, one per byte.
func digits(b []byte) []byte {
	out := make([]byte, 0, 2*len(b))
	for i := range 2 * len(b) {
		d := nibble(b, i)
		if d > 9 {
			break
		}
		out = append(out, d)
	}
	return out
}

// filled reports whether all from digit n on is 'F'.
func filled(b []byte, n int) bool {
	for i := n; i < 2*len(b); i++ {
		if nibble(b, i) != 0x0F {
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
