package oda

import (
	"bytes"
	"crypto/sha1"
	"math/big"
	"slices"
	"testing"
	"time"
)

// What cannot be saved is raising each certificate and each signature to its exponent, and hashing what
// they cover: the floor. It is computed here with math/big, as the package does, on numbers and messages
// prepared beforehand: nothing is decoded, compared, copied or reported.
type floor struct {
	powers []power
	hashes [][]byte
}

type power struct{ x, e, n *big.Int }

func (f *floor) power(key PublicKey, signed []byte) {
	f.powers = append(f.powers, power{
		new(big.Int).SetBytes(signed), new(big.Int).SetBytes(key.Exponent), new(big.Int).SetBytes(key.Modulus),
	})
}

func (f *floor) hash(parts ...[]byte) { f.hashes = append(f.hashes, bytes.Join(parts, nil)) }

// signed adds what a certificate or signature costs: extra is hashed behind what the signature holds.
func (f *floor) signed(key PublicKey, format byte, signed []byte, extra ...[]byte) {
	f.power(key, signed)
	message, _, err := key.recoverMessage("", signed, format)
	if err != nil {
		panic(err)
	}
	f.hash(append([][]byte{message}, extra...)...)
}

var sink byte

func (f *floor) run() {
	x := new(big.Int)
	for _, p := range f.powers {
		x.Exp(p.x, p.e, p.n)
	}
	for _, m := range f.hashes {
		sum := sha1.Sum(m)
		sink ^= sum[0]
	}
}

// compare runs work and floor in turns, so that both see the same machine, and reports the median time of
// work and how many times the floor's that is.
func (f *floor) compare(b *testing.B, work func()) {
	b.Helper()
	var ours, bare []time.Duration
	for b.Loop() {
		start := time.Now()
		work()
		middle := time.Now()
		f.run()
		ours = append(ours, middle.Sub(start))
		bare = append(bare, time.Since(middle))
	}
	b.ReportMetric(median(ours), "ns/op")
	b.ReportMetric(median(ours)/median(bare), "x-floor")
}

// median is in nanoseconds. Other work on the machine does not move it.
func median(times []time.Duration) float64 {
	slices.Sort(times)
	return float64(times[len(times)/2].Nanoseconds())
}

// BenchmarkVerification is all of offline data authentication but the card's commands. The keys are as
// long as those of current cards; the exponents are 3 as on most of them, or 65537.
func BenchmarkVerification(b *testing.B) {
	for _, exponent := range []int64{3, 65537} {
		name := map[int64]string{3: "exponent 3", 65537: "exponent 65537"}[exponent]
		c := newChainOf(b, 248, 176, 144, exponent)
		issuerCert, iccCert := c.issuerCertificate(b, nil), c.iccCertificate(b, nil)
		chain := func(f *floor) {
			f.signed(c.caKey.PublicKey, formatIssuer, issuerCert.Certificate, issuerCert.Remainder, issuerCert.Exponent)
			f.signed(c.issuer.PublicKey, formatICC, iccCert.Certificate, iccCert.Remainder, iccCert.Exponent, testStatic)
		}
		recoverKeys := func() PublicKey {
			issuer, err := RecoverIssuerKey(c.ca, issuerCert, testPAN, nil, today)
			if err != nil {
				b.Fatal(err)
			}
			icc, err := RecoverICCKey(issuer, iccCert, testStatic, testPAN, today)
			if err != nil {
				b.Fatal(err)
			}
			return icc
		}
		un := []byte{1, 2, 3, 4}

		b.Run("SDA/"+name, func(b *testing.B) {
			ssad := c.issuer.sign(b, c.issuer.pad([]byte{formatStatic, 1, 0xDA, 0xC5}), testStatic)
			var f floor
			f.signed(c.caKey.PublicKey, formatIssuer, issuerCert.Certificate, issuerCert.Remainder, issuerCert.Exponent)
			f.signed(c.issuer.PublicKey, formatStatic, ssad, testStatic)
			f.compare(b, func() {
				issuer, err := RecoverIssuerKey(c.ca, issuerCert, testPAN, nil, today)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := VerifySSAD(issuer, ssad, testStatic); err != nil {
					b.Fatal(err)
				}
			})
		})
		b.Run("DDA/"+name, func(b *testing.B) {
			sdad := c.icc.sign(b, dynamicBody(c.icc, 9, []byte{8, 1, 2, 3, 4, 5, 6, 7, 8}), un)
			var f floor
			chain(&f)
			f.signed(c.icc.PublicKey, formatDynamic, sdad, un)
			f.compare(b, func() {
				if _, err := VerifyDDA(recoverKeys(), sdad, un); err != nil {
					b.Fatal(err)
				}
			})
		})
		b.Run("CDA/"+name, func(b *testing.B) {
			// As long as PDOL data, CDOL1 data and the other data objects of an answer are together.
			transaction := bytes.Repeat([]byte{0x5A}, 90)
			hash := sha1.Sum(transaction)
			dynamic := append([]byte{8, 1, 2, 3, 4, 5, 6, 7, 8, 0x80}, []byte("CRYPTOGR")...)
			dynamic = append(dynamic, hash[:]...)
			sdad := c.icc.sign(b, dynamicBody(c.icc, len(dynamic), dynamic), un)
			var f floor
			chain(&f)
			f.signed(c.icc.PublicKey, formatDynamic, sdad, un)
			f.hash(transaction)
			f.compare(b, func() {
				if _, err := VerifyCDA(recoverKeys(), sdad, un, 0x80, transaction); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}
