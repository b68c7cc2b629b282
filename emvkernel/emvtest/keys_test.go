package emvtest

import (
	"encoding/json"
	"math/big"
	"slices"
	"testing"
)

// The whole file is compared by the generator's -check; here each entry is checked for what makes it
// usable and one of each kind is derived again.
func TestKeysFileIsUpToDate(t *testing.T) {
	var file storedKeys
	if err := json.Unmarshal(keysFile, &file); err != nil {
		t.Fatal(err)
	}
	if file.Notice != keysNotice {
		t.Errorf("keys.json does not say that its keys are public")
	}
	specs, err := neededKeys()
	if err != nil {
		t.Fatal(err)
	}
	var names, wanted []string
	for _, s := range specs {
		wanted = append(wanted, s.name)
	}
	for _, s := range file.Keys {
		names = append(names, s.Name)
	}
	if !slices.Equal(names, wanted) {
		t.Fatalf("keys.json has %q, want %q: run go generate", names, wanted)
	}
	for _, spec := range specs {
		k := embeddedKeys()[spec.name]
		if k == nil || k.n.BitLen() != spec.bits || k.e != spec.exponent {
			t.Fatalf("%s is not the key its brand asks for: run go generate", spec.name)
		}
		if !k.p.ProbablyPrime(0) || !k.q.ProbablyPrime(0) || k.p.Cmp(k.q) == 0 {
			t.Errorf("%s: not two primes", spec.name)
		}
		m := new(big.Int).SetBytes(stream(spec.name, spec.bits/8-1))
		signed := new(big.Int).SetBytes(k.sign(m.FillBytes(make([]byte, k.size()))))
		if signed.Exp(signed, big.NewInt(int64(k.e)), k.n).Cmp(m) != 0 {
			t.Errorf("%s: the public key does not undo the private key", spec.name)
		}
	}
	for _, spec := range []keySpec{
		brandNamed("unionpay").caSpec(), brandNamed("jcb").issuerSpec(), load(t, "mastercard").applications[0].iccSpec(),
	} {
		if k := deriveKey(spec); k.n.Cmp(embeddedKeys()[spec.name].n) != 0 {
			t.Errorf("%s derives to another key: run go generate", spec.name)
		}
	}
}

// The certificate formats have a case for every relation of key sizes; the brands cover them.
func TestKeySizesCoverTheFormats(t *testing.T) {
	var unaligned, issuerFits, issuerSplit, iccFits, iccSplit bool
	exponents := map[int]bool{}
	for _, b := range brands {
		unaligned = unaligned || b.icc.bits%64 != 0
		ca, issuer, icc := b.ca.bits/8, b.issuer.bits/8, b.icc.bits/8
		if issuer > ca || icc > issuer {
			t.Errorf("%s: a key is longer than the one that signs it", b.name)
		}
		if ca > 248 {
			t.Errorf("%s: a certification authority key has at most 1984 bits", b.name)
		}
		issuerFits = issuerFits || issuer <= ca-issuerOverhead
		issuerSplit = issuerSplit || issuer > ca-issuerOverhead
		iccFits = iccFits || icc <= issuer-iccOverhead
		iccSplit = iccSplit || icc > issuer-iccOverhead
		for _, k := range []keySize{b.ca, b.issuer, b.icc} {
			exponents[k.exponent] = true
		}
	}
	if !unaligned || !issuerFits || !issuerSplit || !iccFits || !iccSplit || !exponents[3] || !exponents[65537] {
		t.Errorf("unaligned %v, issuer fits %v, split %v, icc fits %v, split %v, exponents %v",
			unaligned, issuerFits, issuerSplit, iccFits, iccSplit, exponents)
	}
}

// A card somebody invents gets a key too, always the same.
func TestKeyOfUnknownCardIsDerived(t *testing.T) {
	const text = "application unionpay\npan 6200000000000047\n"
	a := parse(t, text).applications[0]
	if embeddedKeys()[a.iccSpec().name] != nil {
		t.Fatal("the test's card number is one of the profiles'")
	}
	if k := findKey(a.iccSpec()); k.n.Cmp(deriveKey(a.iccSpec()).n) != 0 || k != findKey(a.iccSpec()) {
		t.Error("not the derived key, or derived again on each use")
	}
}
