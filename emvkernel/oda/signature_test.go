package oda

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"math/big"
	"testing"
)

func TestRecoverMessageFrame(t *testing.T) {
	s := newSigner(t, 64, 3)
	body := s.pad([]byte{formatDynamic, 1})
	frame := func(edit func([]byte)) []byte {
		m := append([]byte{0x6A}, body...)
		m = append(m, make([]byte, 20)...)
		m = append(m, 0xBC)
		edit(m)
		return s.raw(m)
	}
	tests := []struct {
		name   string
		key    PublicKey
		signed []byte
		want   Reason
	}{
		{"header", s.PublicKey, frame(func(m []byte) { m[0] = 0x6B }), BadHeader},
		{"trailer", s.PublicKey, frame(func(m []byte) { m[63] = 0xCC }), BadTrailer},
		{"format", s.PublicKey, frame(func(m []byte) { m[1] = 0x95 }), BadFormat},
		{"length", s.PublicKey, make([]byte, 63), WrongLength},
		{"not below the modulus", s.PublicKey, bytes.Repeat([]byte{0xFF}, 64), BadHeader},
		{"no modulus", PublicKey{nil, []byte{3}}, nil, BadKey},
		{"zero modulus", PublicKey{make([]byte, 64), []byte{3}}, make([]byte, 64), BadKey},
		{"even modulus", PublicKey{append(bytes.Repeat([]byte{0x7F}, 63), 0x02), []byte{3}}, make([]byte, 64), BadKey},
		{"exponent 1", PublicKey{s.Modulus, []byte{1}}, make([]byte, 64), BadKey},
		{"no exponent", PublicKey{s.Modulus, nil}, make([]byte, 64), BadKey},
		{"modulus too long", PublicKey{make([]byte, 249), []byte{3}}, make([]byte, 249), BadKey},
		{"modulus of one byte", PublicKey{[]byte{0x7F}, []byte{3}}, []byte{1}, BadHeader},
	}
	for _, tt := range tests {
		if _, _, err := tt.key.recoverMessage("test", tt.signed, formatDynamic); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}

// A signature is a number below the modulus. The same one with the modulus added recovers to the same
// message, and there would be two for one.
func TestSignatureIsBelowTheModulus(t *testing.T) {
	icc, un := newSigner(t, 64, 3), []byte{1, 2, 3, 4}
	for n := range byte(100) {
		sdad := icc.sign(t, dynamicBody(icc, 3, []byte{2, n, n}), un)
		other := new(big.Int).SetBytes(sdad)
		if other.Add(other, icc.n).BitLen() > 8*len(sdad) {
			continue // no room for it
		}
		if _, err := VerifyDDA(icc.PublicKey, sdad, un); err != nil {
			t.Error(err)
		}
		if _, err := VerifyDDA(icc.PublicKey, other.Bytes(), un); !errors.Is(err, BadHeader) {
			t.Errorf("a signature above the modulus: %v", err)
		}
		return
	}
	t.Fatal("no signature has room for the modulus")
}

// dynamicBody is 05 | 01 | length | dynamic data | padding.
func dynamicBody(s *signer, length int, dynamic []byte) []byte {
	return s.pad(append([]byte{formatDynamic, 1, byte(length)}, dynamic...))
}

func TestVerifyDDA(t *testing.T) {
	for _, size := range []int{64, 96, 124, 126} {
		icc := newSigner(t, size, 3)
		un := []byte{1, 2, 3, 4}
		sdad := icc.sign(t, dynamicBody(icc, 4, []byte{3, 0xAA, 0xBB, 0xCC}), un)
		number, err := VerifyDDA(icc.PublicKey, sdad, un)
		if err != nil || !bytes.Equal(number, []byte{0xAA, 0xBB, 0xCC}) {
			t.Errorf("%d bytes: %X, %v", size, number, err)
		}
		if _, err := VerifyDDA(icc.PublicKey, sdad, []byte{1, 2, 3, 5}); !errors.Is(err, HashMismatch) {
			t.Errorf("other unpredictable number: %v", err)
		}
	}
}

// EMV fact 8: the fast signature of a tap comes in two formats; every other method has one only.
func TestVerifyFDDA(t *testing.T) {
	icc := newSigner(t, 126, 3)
	signed := []byte("number amount currency 9F69")
	for _, tt := range []struct {
		format byte
		want   error
	}{
		{0x05, nil}, {0x95, nil}, {0x15, BadFormat}, {0x94, BadFormat}, {0x03, BadFormat}, {0x04, BadFormat}, {0x85, BadFormat},
	} {
		body := dynamicBody(icc, 4, []byte{3, 0xAA, 0xBB, 0xCC})
		body[0] = tt.format
		sdad := icc.sign(t, body, signed)
		number, err := VerifyFDDA(icc.PublicKey, sdad, signed)
		if !errors.Is(err, tt.want) || tt.want == nil && !bytes.Equal(number, []byte{0xAA, 0xBB, 0xCC}) {
			t.Errorf("format %02X: %X, %v", tt.format, number, err)
		}
		if tt.want != nil {
			continue
		}
		if _, err := VerifyFDDA(icc.PublicKey, sdad, signed[1:]); !errors.Is(err, HashMismatch) {
			t.Errorf("format %02X, other data: %v", tt.format, err)
		}
		if _, err := VerifyDDA(icc.PublicKey, sdad, signed); (err == nil) != (tt.format == 0x05) {
			t.Errorf("format %02X as DDA: %v", tt.format, err)
		}
		if _, err := VerifyCDA(icc.PublicKey, sdad, signed, 0x80, nil); errors.Is(err, BadFormat) != (tt.format == 0x95) {
			t.Errorf("format %02X as CDA: %v", tt.format, err)
		}
	}
	// EMV fact 10 holds for it too.
	short := icc.sign(t, dynamicBody(icc, 2, []byte{1, 0xAA}), signed)
	if _, err := VerifyFDDA(icc.PublicKey, short, signed); !errors.Is(err, BadDynamicData) {
		t.Errorf("dynamic number of one byte: %v", err)
	}
}

// EMV fact 10: the length of the ICC dynamic number is checked, not only the hash.
func TestDynamicNumberLength(t *testing.T) {
	icc := newSigner(t, 96, 3)
	tests := []struct {
		name    string
		length  int
		dynamic []byte
		want    error
	}{
		{"2 bytes", 3, []byte{2, 1, 2}, nil},
		{"8 bytes", 9, []byte{8, 1, 2, 3, 4, 5, 6, 7, 8}, nil},
		{"further data behind it", 6, []byte{2, 1, 2, 9, 9, 9}, nil},
		{"1 byte", 2, []byte{1, 1}, BadDynamicData},
		{"9 bytes", 10, []byte{9, 1, 2, 3, 4, 5, 6, 7, 8, 9}, BadDynamicData},
		{"none", 0, nil, BadDynamicData},
		{"longer than the dynamic data", 3, []byte{4, 1, 2, 3, 4}, BadDynamicData},
		{"dynamic data longer than the signature", 200, []byte{2, 1, 2}, BadDynamicData},
	}
	for _, tt := range tests {
		sdad := icc.sign(t, dynamicBody(icc, tt.length, tt.dynamic), nil)
		if _, err := VerifyDDA(icc.PublicKey, sdad, nil); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	small := newSigner(t, 24, 3) // has no room for a length
	if _, err := VerifyDDA(small.PublicKey, small.sign(t, []byte{formatDynamic, 1}), nil); !errors.Is(err, BadDynamicData) {
		t.Errorf("key of 24 bytes: %v", err)
	}
	body := dynamicBody(icc, 3, []byte{2, 1, 2})
	body[1] = 0x02
	if _, err := VerifyDDA(icc.PublicKey, icc.sign(t, body), nil); !errors.Is(err, BadAlgorithm) {
		t.Errorf("hash algorithm 02: %v", err)
	}
}

// EMV fact 11.
func TestVerifyCDA(t *testing.T) {
	icc := newSigner(t, 96, 3)
	un, transaction := []byte{9, 8, 7, 6}, []byte("PDOL CDOL1 answer")
	hash := sha1.Sum(transaction)
	dynamic := append([]byte{2, 0xDD, 0xEE, 0x80}, []byte("CRYPTOGR")...)
	dynamic = append(dynamic, hash[:]...)
	sdad := icc.sign(t, dynamicBody(icc, len(dynamic), dynamic), un)

	proof, err := VerifyCDA(icc.PublicKey, sdad, un, 0x80, transaction)
	if err != nil || string(proof.Cryptogram) != "CRYPTOGR" || !bytes.Equal(proof.Number, []byte{0xDD, 0xEE}) || len(proof.More) != 0 {
		t.Errorf("%+v, %v", proof, err)
	}
	more := append(bytes.Clone(dynamic), "more"...)
	proof, err = VerifyCDA(icc.PublicKey, icc.sign(t, dynamicBody(icc, len(more), more), un), un, 0x80, transaction)
	if err != nil || string(proof.Cryptogram) != "CRYPTOGR" || string(proof.More) != "more" {
		t.Errorf("with more behind the hash: %+v, %v", proof, err)
	}
	if _, err := VerifyCDA(icc.PublicKey, sdad, un, 0x40, transaction); !errors.Is(err, CIDMismatch) {
		t.Errorf("other CID: %v", err)
	}
	if _, err := VerifyCDA(icc.PublicKey, sdad, un, 0x80, transaction[1:]); !errors.Is(err, TransactionHash) {
		t.Errorf("other transaction: %v", err)
	}
	if _, err := VerifyCDA(icc.PublicKey, sdad, []byte{9, 8, 7, 7}, 0x80, transaction); !errors.Is(err, HashMismatch) {
		t.Errorf("other unpredictable number: %v", err)
	}
	short := icc.sign(t, dynamicBody(icc, len(dynamic)-1, dynamic), un)
	if _, err := VerifyCDA(icc.PublicKey, short, un, 0x80, transaction); !errors.Is(err, BadDynamicData) {
		t.Errorf("hash cut short: %v", err)
	}
}

func TestVerifySSAD(t *testing.T) {
	issuer := newSigner(t, 112, 3)
	body := issuer.pad([]byte{formatStatic, 1, 0xDA, 0xC5})
	ssad := issuer.sign(t, body, testStatic)
	dac, err := VerifySSAD(issuer.PublicKey, ssad, testStatic)
	if err != nil || !bytes.Equal(dac, []byte{0xDA, 0xC5}) {
		t.Errorf("%X, %v", dac, err)
	}
	if _, err := VerifySSAD(issuer.PublicKey, ssad, testStatic[1:]); !errors.Is(err, HashMismatch) {
		t.Errorf("other data: %v", err)
	}
	if _, err := VerifySSAD(issuer.PublicKey, nil, testStatic); !errors.Is(err, Missing) {
		t.Errorf("no signature: %v", err)
	}
	body[1] = 2
	if _, err := VerifySSAD(issuer.PublicKey, issuer.sign(t, body, testStatic), testStatic); !errors.Is(err, BadAlgorithm) {
		t.Errorf("hash algorithm 02: %v", err)
	}
}

func FuzzSDAD(f *testing.F) {
	icc := newSigner(f, 96, 3)
	un := []byte{1, 2, 3, 4}
	f.Add(icc.sign(f, dynamicBody(icc, 4, []byte{3, 1, 2, 3}), un), un, []byte("x"))
	f.Add([]byte{}, []byte{}, []byte{})
	f.Add([]byte{0x05, 0x01, 0x26, 0x08}, un, []byte("x"))
	f.Fuzz(func(t *testing.T, sdad, un, transaction []byte) {
		_, _ = VerifyDDA(icc.PublicKey, sdad, un)
		_, _ = VerifyCDA(icc.PublicKey, sdad, un, 0x80, transaction)
		_, _ = VerifyFDDA(icc.PublicKey, sdad, transaction)
		_, _ = VerifySSAD(icc.PublicKey, sdad, transaction)
		// The same bytes as the content of a good signature: the structure behind the hash must hold too.
		if len(sdad) > 96-22 {
			return
		}
		body := append([]byte{}, sdad...)
		signed := icc.sign(t, icc.pad(body), un)
		number, err := VerifyDDA(icc.PublicKey, signed, un)
		if err == nil && (len(number) < 2 || len(number) > 8) {
			t.Fatalf("dynamic number of %d bytes", len(number))
		}
		if proof, err := VerifyCDA(icc.PublicKey, signed, un, 0x80, transaction); err == nil && len(proof.Cryptogram) != 8 {
			t.Fatalf("cryptogram of %d bytes", len(proof.Cryptogram))
		}
	})
}
