package emvtest

import "bytes"

// A flaw is what is wrong in one signed block, by the second half of a fault's name: the fault
// "issuer-certificate-trailer" is the flaw "trailer" of the issuer certificate. All else in the block is
// right, the hash included, so that nothing but the check of that one field can find it.
type flaw string

const (
	flawHeader        flaw = "header"
	flawFormat        flaw = "format"
	flawHashAlgorithm flaw = "hash-algorithm"
	flawHash          flaw = "hash"
	flawTrailer       flaw = "trailer"
	flawSignature     flaw = "signature"
	flawLength        flaw = "length"

	flawIdentifier       flaw = "identifier"
	flawExpired          flaw = "expired"
	flawKeyAlgorithm     flaw = "key-algorithm"
	flawKeyLength        flaw = "key-length"
	flawExponentLength   flaw = "exponent-length"
	flawRemainderShort   flaw = "remainder-short"
	flawRemainderLong    flaw = "remainder-long"
	flawRemainderMissing flaw = "remainder-missing"

	flawDataLength flaw = "data-length"
)

// flawed is a flaw and its effect on some signed data, which completes "the certificate ...".
type flawed struct {
	flaw
	effect string
}

// blockFlaws are those every signed block can have.
var blockFlaws = []flawed{
	{flawHeader, "begins with 6B instead of 6A"},
	{flawFormat, "has another format byte"},
	{flawHashAlgorithm, "claims a hash algorithm that does not exist"},
	{flawHash, "has a hash that is one bit off"},
	{flawTrailer, "ends with BD instead of BC"},
	{flawSignature, "has one wrong bit: it is no signature of the key at all"},
	{flawLength, "is one byte longer than the key that signed it, by a zero in front"},
}

// certificateFlaws are those certificates can have besides.
var certificateFlaws = []flawed{
	{flawIdentifier, "is that of another card number"},
	{flawExpired, "expired in December 2019"},
	{flawKeyAlgorithm, "claims a key algorithm that does not exist"},
	{flawKeyLength, "claims a key one byte shorter than it is"},
	{flawExponentLength, "claims an exponent of two bytes"},
}

// remainderFlaws are those of certificates whose key did not fit in whole.
var remainderFlaws = []flawed{
	{flawRemainderShort, "lacks the last byte of its remainder"},
	{flawRemainderLong, "has one byte too many in its remainder"},
	{flawRemainderMissing, "comes without its remainder"},
}

// inBody applies a flaw to a field that the hash covers.
func (f flaw) inBody(body []byte, hashAlgorithm int) {
	switch f {
	case flawFormat:
		body[0] |= 0x08
	case flawHashAlgorithm:
		body[hashAlgorithm] = 0x7F
	}
}

// inBlock applies a flaw to what surrounds the body: '6A', and at the end hash and 'BC'.
func (f flaw) inBlock(block []byte) {
	n := len(block)
	switch f {
	case flawHeader:
		block[0] = 0x6B
	case flawHash:
		spoil(block[n-21 : n-1])
	case flawTrailer:
		block[n-1] = 0xBD
	}
}

// inSignature applies a flaw to the finished signature.
func (f flaw) inSignature(signature []byte) []byte {
	switch f {
	case flawSignature:
		spoil(signature)
	case flawLength:
		return append([]byte{0x00}, signature...) // the same number: only its length is wrong
	}
	return signature
}

// inRemainder applies a flaw to the part of a key that did not fit into its certificate.
func (f flaw) inRemainder(remainder []byte) []byte {
	if len(remainder) == 0 {
		return remainder
	}
	switch f {
	case flawRemainderShort:
		return remainder[:len(remainder)-1]
	case flawRemainderLong:
		return append(bytes.Clone(remainder), 0xBB)
	case flawRemainderMissing:
		return nil
	}
	return remainder
}

// spoil flips one bit in the middle.
func spoil(b []byte) { b[len(b)/2] ^= 0x01 }
