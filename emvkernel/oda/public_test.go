package oda_test

import (
	"bytes"
	"crypto/sha256"
	"testing"

	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/oda"
)

// EMV fact 15: an index is the same in live and test sets, so the keys anybody can sign with are known by
// what they are.
func TestPublicKeys(t *testing.T) {
	keys := emvtest.CAKeys()
	if len(keys) < 9 {
		t.Fatalf("%d keys", len(keys))
	}
	for _, k := range keys {
		if !k.Public() {
			t.Errorf("%X index %02X is not listed in public.go: %x", k.RID, k.Index, sha256.Sum256(k.Modulus))
		}
		if !k.Test {
			t.Errorf("%X index %02X is not marked as a test key", k.RID, k.Index)
		}
		other := k
		other.RID, other.Index, other.Test = [5]byte{0xA0, 0, 0, 0, 3}, 0x92, false
		if !other.Public() {
			t.Errorf("%X index %02X under another name", k.RID, k.Index)
		}
		k.Modulus = bytes.Clone(k.Modulus)
		k.Modulus[9] ^= 1
		if k.Public() {
			t.Errorf("%X index %02X with another modulus", k.RID, k.Index)
		}
	}
	if (oda.CAKey{}).Public() {
		t.Error("no key is public")
	}
}
