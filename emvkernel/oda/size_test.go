package oda

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

// EMV facts 8 and 10: keys of any legal length certify each other. The certification authority's
// certificate has room for all but 36 bytes of its own length, the issuer's for all but 42; what does not
// fit is the remainder, exactly that long. The lengths stand on both sides of these limits, on no multiple
// of eight bytes, and at the ends of what is legal.
func TestKeyLengths(t *testing.T) {
	lengths := []int{64, 80, 86, 87, 102, 103, 112, 124, 126, 128, 140, 141, 144, 176, 212, 213, 248}
	key := func(length int) *signer {
		exponent := int64(3)
		if length%3 == 0 {
			exponent = 65537
		}
		return newSigner(t, length, exponent)
	}
	for _, by := range lengths {
		for _, length := range lengths {
			if length > by {
				break
			}
			c := chainOf(key(by), key(length), key(length))
			if err := c.ca.Check(); err != nil {
				t.Fatal(err)
			}
			checkCertificate(t, fmt.Sprintf("authority %d, issuer %d", by, length), c.issuer.PublicKey, by-36, c.issuerCertificate(t, nil),
				func(k Certificate) (PublicKey, error) { return RecoverIssuerKey(c.ca, k, testPAN, nil, today) })
			c = chainOf(key(248), key(by), key(length))
			checkCertificate(t, fmt.Sprintf("issuer %d, card %d", by, length), c.icc.PublicKey, by-42, c.iccCertificate(t, nil),
				func(k Certificate) (PublicKey, error) {
					return RecoverICCKey(c.issuer.PublicKey, k, testStatic, testPAN, today)
				})
		}
	}
	// A key longer than the one above it is none, even where the certificate is sound.
	c := chainOf(newSigner(t, 112, 3), newSigner(t, 124, 3), newSigner(t, 126, 3))
	if _, err := RecoverIssuerKey(c.ca, c.issuerCertificate(t, nil), testPAN, nil, today); !errors.Is(err, BadKeyLength) {
		t.Errorf("issuer's key longer than the authority's: %v", err)
	}
	if _, err := RecoverICCKey(c.issuer.PublicKey, c.iccCertificate(t, nil), testStatic, testPAN, today); !errors.Is(err, BadKeyLength) {
		t.Errorf("card's key longer than the issuer's: %v", err)
	}
}

func checkCertificate(t *testing.T, name string, want PublicKey, room int, good Certificate, recover func(Certificate) (PublicKey, error)) {
	t.Helper()
	key, err := recover(good)
	if err != nil || !bytes.Equal(key.Modulus, want.Modulus) || !bytes.Equal(key.Exponent, want.Exponent) {
		t.Errorf("%s: key of %d bytes, %v", name, len(key.Modulus), err)
	}
	if n := max(0, len(want.Modulus)-room); len(good.Remainder) != n {
		t.Errorf("%s: remainder of %d bytes, want %d", name, len(good.Remainder), n)
	}
	longer := good
	longer.Remainder = append(bytes.Clone(good.Remainder), 0xBB)
	if _, err := recover(longer); !errors.Is(err, RemainderMismatch) {
		t.Errorf("%s: remainder too long: %v", name, err)
	}
	if n := len(good.Remainder); n > 0 {
		shorter := good
		shorter.Remainder = good.Remainder[:n-1]
		reason := RemainderMismatch
		if n == 1 {
			reason = Missing
		}
		if _, err := recover(shorter); !errors.Is(err, reason) {
			t.Errorf("%s: remainder too short: %v", name, err)
		}
	}
}

// EMV fact 10: signatures by keys of any length, and as long as the key that makes them.
func TestSignatureLengths(t *testing.T) {
	un := []byte{1, 2, 3, 4}
	for _, length := range []int{64, 86, 87, 124, 126, 141, 248} {
		icc := newSigner(t, length, 3)
		sdad := icc.sign(t, dynamicBody(icc, 3, []byte{2, 0xAA, 0xBB}), un)
		if number, err := VerifyDDA(icc.PublicKey, sdad, un); err != nil || !bytes.Equal(number, []byte{0xAA, 0xBB}) {
			t.Errorf("%d bytes: %X, %v", length, number, err)
		}
		for _, wrong := range [][]byte{sdad[1:], sdad[:length-1], append([]byte{0}, sdad...), nil} {
			if _, err := VerifyDDA(icc.PublicKey, wrong, un); !errors.Is(err, WrongLength) {
				t.Errorf("%d bytes for a key of %d: %v", len(wrong), length, err)
			}
		}
	}
}

// EMV fact 13: a certificate is revoked by the key that signed it and its serial number, all of them.
func TestRevoked(t *testing.T) {
	c := newChain(t, 128, 112, 96)
	cert := c.issuerCertificate(t, func(b []byte) { copy(b[7:], []byte{0xAB, 0xCD, 0xEF}) })
	hit := Revocation{RID: c.ca.RID, Index: c.ca.Index, Serial: [3]byte{0xAB, 0xCD, 0xEF}}
	if _, err := RecoverIssuerKey(c.ca, cert, testPAN, []Revocation{{}, hit}, today); !errors.Is(err, Revoked) {
		t.Errorf("listed: %v", err)
	}
	var others []Revocation
	for i := range 3 {
		other := hit
		other.Serial[i] ^= 1
		others = append(others, other)
	}
	for i := range 5 {
		other := hit
		other.RID[i] ^= 1
		others = append(others, other)
	}
	other := hit
	other.Index++
	if _, err := RecoverIssuerKey(c.ca, cert, testPAN, append(others, other), today); err != nil {
		t.Errorf("others listed: %v", err)
	}
}
