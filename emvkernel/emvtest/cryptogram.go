package emvtest

import (
	"bytes"
	"crypto/cipher"
	"crypto/des"
	"crypto/sha256"
	"crypto/subtle"
	"math/bits"
)

// issuerMasterKey is the key all application cryptogram keys of a brand's test cards derive from.
func issuerMasterKey(b *brand) [16]byte {
	sum := sha256.Sum256([]byte(keySeed + "/application cryptogram/" + b.name))
	return oddParity([16]byte(sum[:16]))
}

// deriveMasterKey derives a card's key from the issuer's by Option A (EMV Book 2, Annex A1.4.1):
// sequence is the PAN sequence number in BCD, 0 when the card has none. The result has odd parity.
func deriveMasterKey(issuer [16]byte, pan string, sequence byte) [16]byte {
	digits := pan + string([]byte{'0' + sequence>>4, '0' + sequence&0x0F})
	for len(digits) < 16 {
		digits = "0" + digits
	}
	digits = digits[len(digits)-16:]
	var y, inverse [8]byte
	for i := range y {
		y[i] = (digits[2*i]-'0')<<4 | (digits[2*i+1] - '0')
		inverse[i] = ^y[i]
	}
	left, right := encrypt(issuer, y), encrypt(issuer, inverse)
	return oddParity([16]byte(append(left[:], right[:]...)))
}

// deriveSessionKey is the EMV common session key derivation (EMV Book 2, Annex A1.3) for the
// application cryptogram of one transaction: the counter is the diversification value.
func deriveSessionKey(master [16]byte, atc uint16) [16]byte {
	return diversify(master, [8]byte{byte(atc >> 8), byte(atc)})
}

func diversify(master [16]byte, r [8]byte) [16]byte {
	r[2] = 0xF0
	left := encrypt(master, r)
	r[2] = 0x0F
	right := encrypt(master, r)
	return [16]byte(append(left[:], right[:]...))
}

// mac is ISO/IEC 9797-1 MAC algorithm 3 with padding method 2: '80' is always added, then zeros
// (EMV Book 2, Annex A1.2).
func mac(key [16]byte, data []byte) [8]byte {
	padded := append(bytes.Clone(data), 0x80)
	for len(padded)%8 != 0 {
		padded = append(padded, 0)
	}
	left, right := single(key[:8]), single(key[8:])
	var h [8]byte
	for ; len(padded) > 0; padded = padded[8:] {
		subtle.XORBytes(h[:], h[:], padded[:8])
		left.Encrypt(h[:], h[:])
	}
	right.Decrypt(h[:], h[:])
	left.Encrypt(h[:], h[:])
	return h
}

// arpc is the authorisation response cryptogram, method 1 (EMV Book 2, 8.2.1).
func arpc(session [16]byte, arqc [8]byte, arc [2]byte) [8]byte {
	y := arqc
	y[0] ^= arc[0]
	y[1] ^= arc[1]
	return encrypt(session, y)
}

// encrypt is triple DES with two keys over one block.
func encrypt(key [16]byte, block [8]byte) [8]byte {
	c, err := des.NewTripleDESCipher(append(key[:], key[:8]...))
	if err != nil {
		panic(err) // only a key of another length than 24 fails
	}
	var out [8]byte
	c.Encrypt(out[:], block[:])
	return out
}

func single(key []byte) cipher.Block {
	c, err := des.NewCipher(key)
	if err != nil {
		panic(err) // only a key of another length than 8 fails
	}
	return c
}

func oddParity(key [16]byte) [16]byte {
	for i, b := range key {
		if bits.OnesCount8(b)%2 == 0 {
			key[i] ^= 1
		}
	}
	return key
}
