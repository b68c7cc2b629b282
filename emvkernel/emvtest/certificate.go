package emvtest

import (
	"bytes"
	"crypto/sha1"
)

// The signed data formats of EMV Book 2, chapters "Static Data Authentication (SDA)" and "Offline
// Dynamic Data Authentication". Common to all: '6A' header, format byte, ..., SHA-1, 'BC' trailer.

const (
	hashSHA1     = 0x01
	algorithmRSA = 0x01
)

// How many bytes a certificate needs besides the part of the key it carries, and a signature besides
// its data and padding.
const (
	issuerOverhead  = 36
	iccOverhead     = 42
	staticOverhead  = 26
	dynamicOverhead = 25
)

// signBlock signs '6A' | body | SHA-1(body | alsoHashed) | 'BC'.
func signBlock(k *rsaKey, body, alsoHashed []byte, f flaw) []byte {
	h := sha1.New()
	h.Write(body)
	h.Write(alsoHashed)
	block := append([]byte{0x6A}, body...)
	block = h.Sum(block)
	block = append(block, 0xBC)
	f.inBlock(block)
	return f.inSignature(k.sign(block))
}

// The formats of a dynamic signature: Visa has two for fDDA (EMV Contactless Book C-3).
const (
	formatSDAD     = 0x05
	formatFastSDAD = 0x95
)

// splitKey returns what of a modulus fits into room bytes, filled up with 'BB', and the rest.
func splitKey(modulus []byte, room int) (fits, remainder []byte) {
	if len(modulus) > room {
		return modulus[:room], modulus[room:]
	}
	return append(bytes.Clone(modulus), bytes.Repeat([]byte{0xBB}, room-len(modulus))...), nil
}

// certificateTerm is the expiry (MMYY, BCD) and serial number of a certificate.
type certificateTerm struct {
	expiry [2]byte
	serial [3]byte
}

// issuerCertificate makes tags '90' and '92'. identifier is the beginning of the PAN, filled with 'F'.
func issuerCertificate(ca, issuer *rsaKey, identifier [4]byte, t certificateTerm, f flaw) (certificate, remainder []byte) {
	return certify(ca, issuer, 0x02, identifier[:], t, nil, f)
}

// iccCertificate makes tags '9F46' and '9F48'. pan is filled with 'F'; static is the static data to be
// authenticated, which the certificate vouches for too.
func iccCertificate(issuer, icc *rsaKey, pan [10]byte, t certificateTerm, static []byte, f flaw) (certificate, remainder []byte) {
	return certify(issuer, icc, 0x04, pan[:], t, static, f)
}

// certify has signer vouch for subject, the key of holder.
func certify(signer, subject *rsaKey, format byte, holder []byte, t certificateTerm, static []byte, f flaw) (certificate, remainder []byte) {
	modulus := subject.modulus()
	fits, remainder := splitKey(modulus, signer.size()-(issuerOverhead-4)-len(holder))
	body := append([]byte{format}, holder...)
	body = append(body, t.expiry[:]...)
	body = append(body, t.serial[:]...)
	algorithms := len(body)
	body = append(body, hashSHA1, algorithmRSA, byte(len(modulus)), byte(len(subject.exponent())))
	body = append(body, fits...)
	f.inBody(body, algorithms)
	switch f {
	case flawIdentifier:
		body[2] ^= 0x01 // the third or fourth digit
	case flawKeyAlgorithm:
		body[algorithms+1] = 0x7F
	case flawKeyLength:
		body[algorithms+2]--
	case flawExponentLength:
		body[algorithms+3] = 2
	}
	alsoHashed := append(bytes.Clone(remainder), subject.exponent()...)
	return signBlock(signer, body, append(alsoHashed, static...), f), f.inRemainder(remainder)
}

// signStatic makes tag '93' with a data authentication code.
func signStatic(issuer *rsaKey, code [2]byte, static []byte, f flaw) []byte {
	body := append([]byte{0x03, hashSHA1}, code[:]...)
	body = append(body, bytes.Repeat([]byte{0xBB}, issuer.size()-staticOverhead)...)
	f.inBody(body, 1)
	return signBlock(issuer, body, static, f)
}

// signDynamic makes tag '9F4B' in one of the two formats. terminal is the DDOL data for DDA, the
// unpredictable number for CDA, that and more for fDDA.
func signDynamic(icc *rsaKey, format byte, dynamic, terminal []byte, f flaw) []byte {
	body := append([]byte{format, hashSHA1, byte(len(dynamic))}, dynamic...)
	body = append(body, bytes.Repeat([]byte{0xBB}, icc.size()-dynamicOverhead-len(dynamic))...)
	f.inBody(body, 1)
	if f == flawDataLength {
		body[2] = byte(icc.size()) // more than there is room for
	}
	return signBlock(icc, body, terminal, f)
}
