package emvtest

import (
	"crypto/sha256"
	"encoding/binary"
	"math/big"
)

// keySeed is the whole secret of the test PKI, and here it is: public on purpose.
const keySeed = "smartreader emvtest PUBLIC TEST KEYS v1"

// rsaKey is a private key with EMV's raw RSA (Book 2, Annex A2.1): no padding but the signature
// formats' own.
type rsaKey struct {
	n, p, q *big.Int
	e       int
	// Chinese remainder form of the private exponent; a card signs on every payment.
	dp, dq, qInverse *big.Int
}

func newRSAKey(p, q *big.Int, exponent int) *rsaKey {
	one := big.NewInt(1)
	e := big.NewInt(int64(exponent))
	private := func(prime *big.Int) *big.Int {
		return new(big.Int).ModInverse(e, new(big.Int).Sub(prime, one))
	}
	return &rsaKey{
		n: new(big.Int).Mul(p, q), p: p, q: q, e: exponent,
		dp: private(p), dq: private(q), qInverse: new(big.Int).ModInverse(q, p),
	}
}

// size returns the length of the modulus in bytes.
func (k *rsaKey) size() int { return (k.n.BitLen() + 7) / 8 }

func (k *rsaKey) modulus() []byte { return k.n.Bytes() }

func (k *rsaKey) exponent() []byte { return big.NewInt(int64(k.e)).Bytes() }

// sign applies the private key to a block as long as the modulus. Its first byte is '6A', so the
// number is below any modulus whose top bit is set.
func (k *rsaKey) sign(block []byte) []byte {
	m := new(big.Int).SetBytes(block)
	a := new(big.Int).Exp(m, k.dp, k.p)
	b := new(big.Int).Exp(m, k.dq, k.q)
	h := a.Sub(a, b)
	h.Mul(h, k.qInverse).Mod(h, k.p)
	return h.Mul(h, k.q).Add(h, b).FillBytes(make([]byte, k.size()))
}

// deriveKey finds the key of a name: the same one on every machine, for ever.
func deriveKey(spec keySpec) *rsaKey {
	p := derivePrime(spec.name+"/p", spec.bits/2, spec.exponent)
	q := derivePrime(spec.name+"/q", spec.bits/2, spec.exponent)
	return newRSAKey(p, q, spec.exponent)
}

// derivePrime takes the first suitable prime at or after a number drawn from the name's stream. The two
// top bits are set so that the product of two primes has its full length.
func derivePrime(name string, bits, exponent int) *big.Int {
	one, two := big.NewInt(1), big.NewInt(2)
	e := big.NewInt(int64(exponent))
	p := new(big.Int).SetBytes(stream(keySeed+"/"+name, (bits+7)/8))
	p.Rsh(p, uint(8*((bits+7)/8)-bits))
	p.SetBit(p, bits-1, 1).SetBit(p, bits-2, 1).SetBit(p, 0, 1)
	for ; ; p.Add(p, two) {
		// e is prime itself, so one division tells whether it has an inverse.
		if new(big.Int).Mod(new(big.Int).Sub(p, one), e).Sign() != 0 && p.ProbablyPrime(20) {
			return p
		}
	}
}

// stream returns the first n bytes of SHA-256(seed | 0) | SHA-256(seed | 1) | ...
func stream(seed string, n int) []byte {
	var out []byte
	for i := uint32(0); len(out) < n; i++ {
		block := sha256.Sum256(binary.BigEndian.AppendUint32([]byte(seed), i))
		out = append(out, block[:]...)
	}
	return out[:n]
}
