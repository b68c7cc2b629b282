package oda

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

// EMV fact 15. A payment system's published test key (1024 bits, index 99): the checksum formula agrees with theirs.
func TestPublishedChecksum(t *testing.T) {
	modulus, _ := hex.DecodeString("AB79FCC9520896967E776E64444E5DCDD6E13611874F3985722520425295EEA4BD0C2781DE7F31CD3D041F565F747306" +
		"EED62954B17EDABA3A6C5B85A1DE1BEB9A34141AF38FCF8279C9DEA0D5A6710D08DB4124F041945587E20359BAB47B75" +
		"75AD94262D4B25F264AF33DEDCF28E09615E937DE32EDC03C54445FE7E382777")
	checksum, _ := hex.DecodeString("4ABFFD6B1C51212D05552E431C5B17007D2F5E6D")
	k := CAKey{RID: [5]byte{0xA0, 0, 0, 0, 3}, Index: 0x99, Modulus: modulus, Exponent: []byte{3}, Checksum: checksum}
	if err := k.Check(); err != nil {
		t.Error(err)
	}
	k.Index = 0x98
	if err := k.Check(); !errors.Is(err, ErrCAKey) || !strings.Contains(err.Error(), "98") {
		t.Errorf("other index: %v", err)
	}
}

func TestCAKeyCheck(t *testing.T) {
	good := newChain(t, 96, 64, 64).ca
	change := map[string]func(*CAKey){
		"no RID":             func(k *CAKey) { k.RID = [5]byte{} },
		"other RID":          func(k *CAKey) { k.RID[4]++ },
		"no modulus":         func(k *CAKey) { k.Modulus = nil },
		"leading zero":       func(k *CAKey) { k.Modulus = append([]byte{0}, k.Modulus...) },
		"even modulus":       func(k *CAKey) { k.Modulus = append(bytes.Clone(k.Modulus), 0) },
		"too long":           func(k *CAKey) { k.Modulus = bytes.Repeat([]byte{0x81}, 249) },
		"exponent 2":         func(k *CAKey) { k.Exponent = []byte{2} },
		"no exponent":        func(k *CAKey) { k.Exponent = nil },
		"no checksum":        func(k *CAKey) { k.Checksum = nil },
		"altered modulus":    func(k *CAKey) { k.Modulus = bytes.Clone(k.Modulus); k.Modulus[5] ^= 1 },
		"month 13":           func(k *CAKey) { k.Expiry = "2031-13" },
		"date of other form": func(k *CAKey) { k.Expiry = "12/2031" },
	}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for name, f := range change {
		k := good
		f(&k)
		if err := k.Check(); !errors.Is(err, ErrCAKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	good.Expiry = ""
	if err := good.Check(); err != nil {
		t.Errorf("no expiry: %v", err)
	}
}

func TestReasonsHaveWords(t *testing.T) {
	for r := Missing; r <= TransactionHash; r++ {
		if strings.HasPrefix(r.Error(), "reason ") {
			t.Errorf("reason %d has no words", r)
		}
	}
	if Reason(200).Error() != "reason 200" {
		t.Error("an unknown reason is its number")
	}
}
