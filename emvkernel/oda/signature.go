package oda

import (
	"crypto/sha1"
	"crypto/subtle"
	"math/big"
	"slices"
)

// Sizes of the signature scheme with message recovery (EMV Book 2, Annex A2.1).
const (
	hashSize = sha1.Size
	// maxModulus is the longest modulus EMV allows: 248 bytes, so that everything fits one APDU.
	maxModulus = 248
)

// The two exponents EMV allows (Book 2, "RSA Algorithm"). Nobody changes them.
var (
	three  = big.NewInt(3)
	fermat = big.NewInt(65537)
)

// exponent decodes a valid exponent.
func exponent(e []byte) *big.Int {
	if len(e) == 1 {
		return three
	}
	return fermat
}

// PublicKey is an RSA public key of any legal length in bytes; lengths that are no multiple of eight
// exist (124 and 126 bytes).
type PublicKey struct {
	Modulus  []byte
	Exponent []byte
}

// recoverMessage applies the key to a signature or certificate and checks its frame: '6A', one of the formats,
// ..., hash, 'BC'. It returns what is between header and hash, format byte included, and the hash.
func (k PublicKey) recoverMessage(what string, signed []byte, formats ...byte) (message, hash []byte, err error) {
	if len(k.Modulus) == 0 || len(k.Modulus) > maxModulus || !validExponent(k.Exponent) {
		return nil, nil, fail(what, BadKey)
	}
	if len(signed) != len(k.Modulus) {
		return nil, nil, fail(what, WrongLength)
	}
	n := new(big.Int).SetBytes(k.Modulus)
	s := new(big.Int).SetBytes(signed)
	// An RSA modulus is odd; Exp with a zero modulus would not reduce at all.
	if n.Bit(0) == 0 {
		return nil, nil, fail(what, BadKey)
	}
	if s.Cmp(n) >= 0 {
		return nil, nil, fail(what, BadHeader) // or a signature and the modulus added to it were both good
	}
	x := s.Exp(s, exponent(k.Exponent), n).FillBytes(make([]byte, len(k.Modulus)))
	if len(x) < 1+1+hashSize+1 || x[0] != 0x6A {
		return nil, nil, fail(what, BadHeader)
	}
	if x[len(x)-1] != 0xBC {
		return nil, nil, fail(what, BadTrailer)
	}
	end := len(x) - 1 - hashSize
	message, hash = x[1:end], x[end:len(x)-1]
	if !slices.Contains(formats, message[0]) {
		return nil, nil, fail(what, BadFormat)
	}
	return message, hash, nil
}

// sumEqual reports whether hash is SHA-1 over the parts.
func sumEqual(hash []byte, parts ...[]byte) bool {
	h := sha1.New()
	for _, p := range parts {
		h.Write(p)
	}
	var sum [hashSize]byte
	return subtle.ConstantTimeCompare(h.Sum(sum[:0]), hash) == 1
}
