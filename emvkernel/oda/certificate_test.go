package oda

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// EMV fact 10: keys are not always a multiple of eight bytes long; remainders exist only where the key
// does not fit.
func TestRecoverChain(t *testing.T) {
	for _, size := range [][3]int{{144, 128, 96}, {144, 126, 124}, {128, 128, 128}, {176, 140, 72}, {248, 248, 248}} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			c := newChain(t, size[0], size[1], size[2])
			if err := c.ca.Check(); err != nil {
				t.Fatal(err)
			}
			cert := c.issuerCertificate(t, nil)
			if fits := size[1] <= size[0]-36; fits != (len(cert.Remainder) == 0) {
				t.Errorf("issuer remainder of %d bytes", len(cert.Remainder))
			}
			issuer, err := RecoverIssuerKey(c.ca, cert, testPAN, nil, today)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(issuer.Modulus, c.issuer.Modulus) || !bytes.Equal(issuer.Exponent, c.issuer.Exponent) {
				t.Error("issuer key differs")
			}
			icc, err := RecoverICCKey(issuer, c.iccCertificate(t, nil), testStatic, testPAN, today)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(icc.Modulus, c.icc.Modulus) || !bytes.Equal(icc.Exponent, c.icc.Exponent) {
				t.Error("ICC key differs")
			}
		})
	}
}

// EMV facts 8 and 13: every field of the certificate wrong.
func TestIssuerCertificateReasons(t *testing.T) {
	c := newChain(t, 128, 112, 96)
	good := c.issuerCertificate(t, nil)
	edited := func(edit func([]byte)) Certificate { return c.issuerCertificate(t, edit) }
	with := func(change func(*Certificate)) Certificate {
		k := good
		k.Certificate, k.Remainder = bytes.Clone(good.Certificate), bytes.Clone(good.Remainder)
		change(&k)
		return k
	}
	// offsets in the body: format 0, id 1..4, expiry 5..6, serial 7..9, hash algorithm 10, key
	// algorithm 11, key length 12, exponent length 13
	tests := []struct {
		name string
		cert Certificate
		want Reason
	}{
		{"no certificate", with(func(k *Certificate) { k.Certificate = nil }), Missing},
		{"no exponent", with(func(k *Certificate) { k.Exponent = nil }), Missing},
		{"no remainder", with(func(k *Certificate) { k.Remainder = nil }), Missing},
		{"short remainder", with(func(k *Certificate) { k.Remainder = k.Remainder[1:] }), RemainderMismatch},
		{"altered remainder", with(func(k *Certificate) { k.Remainder[0] ^= 1 }), HashMismatch},
		{"altered exponent", with(func(k *Certificate) { k.Exponent = []byte{5} }), HashMismatch},
		{"exponent longer than certified", with(func(k *Certificate) { k.Exponent = []byte{1, 0, 1} }), BadKeyLength},
		{"certificate too short", with(func(k *Certificate) { k.Certificate = k.Certificate[1:] }), WrongLength},
		{"altered certificate", with(func(k *Certificate) { k.Certificate[60] ^= 1 }), BadHeader},
		{"ICC format", edited(func(b []byte) { b[0] = formatICC }), BadFormat},
		{"hash algorithm 02", edited(func(b []byte) { b[10] = 2 }), BadAlgorithm},
		{"key algorithm 10 (elliptic curve)", edited(func(b []byte) { b[11] = 0x10 }), BadAlgorithm},
		{"key longer than its signer", edited(func(b []byte) { b[12] = 129 }), BadKeyLength},
		{"no key", edited(func(b []byte) { b[12] = 0 }), BadKeyLength},
		{"last month", edited(func(b []byte) { b[5], b[6] = 0x10, 0x26 }), Expired},
		{"year 99 is 1999", edited(func(b []byte) { b[5], b[6] = 0x12, 0x99 }), Expired},
		{"year 50 is 1950", edited(func(b []byte) { b[5], b[6] = 0x12, 0x50 }), Expired},
		{"month 13", edited(func(b []byte) { b[5], b[6] = 0x13, 0x27 }), Expired},
		{"not a date", edited(func(b []byte) { b[5], b[6] = 0x0A, 0x27 }), Expired},
		{"another issuer", edited(func(b []byte) { b[1] = 0x55 }), IssuerMismatch},
		{"identifier of two digits", edited(func(b []byte) { copy(b[1:], []byte{0x42, 0xFF, 0xFF, 0xFF}) }), IssuerMismatch},
		{"identifier with digits behind the filler", edited(func(b []byte) { copy(b[1:], []byte{0x42, 0x42, 0xF2, 0x42}) }), IssuerMismatch},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := RecoverIssuerKey(c.ca, tt.cert, testPAN, nil, today)
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			f, ok := errors.AsType[*Failure](err)
			if !ok || f.What != "issuer certificate" {
				t.Errorf("not a failure of the issuer certificate: %v", err)
			}
		})
	}
	if _, err := RecoverIssuerKey(c.ca, good, testPAN, nil, today); err != nil {
		t.Errorf("the good one: %v", err)
	}
	// Identifiers of three to eight digits match.
	for _, id := range [][]byte{{0x42, 0x4F, 0xFF, 0xFF}, {0x42, 0x42, 0x42, 0x42}} {
		cert := edited(func(b []byte) { copy(b[1:], id) })
		if _, err := RecoverIssuerKey(c.ca, cert, testPAN, nil, today); err != nil {
			t.Errorf("identifier %X: %v", id, err)
		}
	}
}

// EMV fact 13: a certificate is valid to the end of its month.
func TestCertificateMonth(t *testing.T) {
	c := newChain(t, 128, 112, 96)
	cert := c.issuerCertificate(t, func(b []byte) { b[5], b[6] = 0x11, 0x26 })
	day := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 23, 59, 59, 0, time.UTC) }
	if _, err := RecoverIssuerKey(c.ca, cert, testPAN, nil, day(2026, time.November, 30)); err != nil {
		t.Errorf("last day of the month: %v", err)
	}
	if _, err := RecoverIssuerKey(c.ca, cert, testPAN, nil, day(2026, time.December, 1)); !errors.Is(err, Expired) {
		t.Errorf("first day after: %v", err)
	}
	// Years 00 to 49 are 20xx.
	cert = c.issuerCertificate(t, func(b []byte) { b[5], b[6] = 0x12, 0x49 })
	if _, err := RecoverIssuerKey(c.ca, cert, testPAN, nil, today); err != nil {
		t.Errorf("year 49: %v", err)
	}
	// The certification authority's key has a last month too.
	if _, err := RecoverIssuerKey(c.ca, cert, testPAN, nil, day(2032, time.January, 1)); !errors.Is(err, KeyExpired) {
		t.Errorf("expired key: %v", err)
	}
}

func TestICCCertificateReasons(t *testing.T) {
	c := newChain(t, 128, 112, 96)
	good := c.iccCertificate(t, nil)
	if _, err := RecoverICCKey(c.issuer.PublicKey, good, testStatic, testPAN, today); err != nil {
		t.Fatal(err)
	}
	if _, err := RecoverICCKey(c.issuer.PublicKey, good, append([]byte("x"), testStatic...), testPAN, today); !errors.Is(err, HashMismatch) {
		t.Errorf("other static data: %v", err)
	}
	for _, pan := range [][]byte{{0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x43}, testPAN[:7], {0x42}, nil} {
		if _, err := RecoverICCKey(c.issuer.PublicKey, good, testStatic, pan, today); !errors.Is(err, PANMismatch) {
			t.Errorf("account %X: %v", pan, err)
		}
	}
	if _, err := RecoverICCKey(c.issuer.PublicKey, good, testStatic, testPAN10, today); err != nil {
		t.Errorf("account number filled to ten bytes: %v", err)
	}
	issuerCert := c.issuerCertificate(t, nil)
	if _, err := RecoverICCKey(c.caKey.PublicKey, issuerCert, nil, testPAN, today); !errors.Is(err, BadFormat) {
		t.Errorf("issuer certificate in place of the card's: %v", err)
	}
}

// The certificate of the key for PINs is the card's certificate without static data, and the two do not
// pass for each other.
func TestPINKeyCertificate(t *testing.T) {
	c := newChain(t, 128, 112, 96)
	good := c.issuer.certify(t, formatICC, testPAN10, dec27, c.icc.PublicKey, nil, nil)
	key, err := RecoverPINKey(c.issuer.PublicKey, good, testPAN, today)
	if err != nil || !bytes.Equal(key.Modulus, c.icc.Modulus) || !bytes.Equal(key.Exponent, c.icc.Exponent) {
		t.Errorf("key of %d bytes, %v", len(key.Modulus), err)
	}
	if _, err := RecoverPINKey(c.issuer.PublicKey, c.iccCertificate(t, nil), testPAN, today); !errors.Is(err, HashMismatch) {
		t.Errorf("the card's certificate in its place: %v", err)
	}
	if _, err := RecoverICCKey(c.issuer.PublicKey, good, testStatic, testPAN, today); !errors.Is(err, HashMismatch) {
		t.Errorf("in the place of the card's certificate: %v", err)
	}
	if _, err := RecoverPINKey(c.issuer.PublicKey, good, testPAN[:7], today); !errors.Is(err, PANMismatch) {
		t.Errorf("another card: %v", err)
	}
	if _, err := RecoverPINKey(c.issuer.PublicKey, good, testPAN, today.AddDate(2, 0, 0)); !errors.Is(err, Expired) {
		t.Errorf("two years later: %v", err)
	}
	if _, err := RecoverPINKey(c.caKey.PublicKey, good, testPAN, today); !errors.Is(err, WrongLength) {
		t.Errorf("another issuer's key: %v", err)
	}
	// Every field of it wrong. In the body: format 0, account number 1..10, expiry 11..12, serial 13..15,
	// hash algorithm 16, key algorithm 17, key length 18, exponent length 19.
	edited := func(edit func(body []byte)) Certificate {
		return c.issuer.certify(t, formatICC, testPAN10, dec27, c.icc.PublicKey, nil, edit)
	}
	with := func(change func(*Certificate)) Certificate {
		k := Certificate{bytes.Clone(good.Certificate), bytes.Clone(good.Remainder), bytes.Clone(good.Exponent)}
		change(&k)
		return k
	}
	for _, tt := range []struct {
		name string
		cert Certificate
		want Reason
	}{
		{"none", Certificate{}, Missing},
		{"no certificate", with(func(k *Certificate) { k.Certificate = nil }), Missing},
		{"no exponent", with(func(k *Certificate) { k.Exponent = nil }), Missing},
		{"no remainder", with(func(k *Certificate) { k.Remainder = nil }), Missing},
		{"short remainder", with(func(k *Certificate) { k.Remainder = k.Remainder[1:] }), RemainderMismatch},
		{"altered remainder", with(func(k *Certificate) { k.Remainder[0] ^= 1 }), HashMismatch},
		{"another exponent", with(func(k *Certificate) { k.Exponent = []byte{0, 0, 3} }), HashMismatch},
		{"short exponent", with(func(k *Certificate) { k.Exponent = []byte{3} }), BadKeyLength},
		{"too short", with(func(k *Certificate) { k.Certificate = k.Certificate[1:] }), WrongLength},
		{"altered", with(func(k *Certificate) { k.Certificate[50] ^= 1 }), BadHeader},
		{"issuer's format", edited(func(b []byte) { b[0] = formatIssuer }), BadFormat},
		{"another account", edited(func(b []byte) { b[8] ^= 1 }), PANMismatch},
		{"digits behind the filler", edited(func(b []byte) { b[10] = 0xF1 }), PANMismatch},
		{"last month", edited(func(b []byte) { b[11], b[12] = 0x10, 0x26 }), Expired},
		{"month 0", edited(func(b []byte) { b[11] = 0 }), Expired},
		{"hash algorithm 02", edited(func(b []byte) { b[16] = 2 }), BadAlgorithm},
		{"key algorithm 10", edited(func(b []byte) { b[17] = 0x10 }), BadAlgorithm},
		{"no key", edited(func(b []byte) { b[18] = 0 }), BadKeyLength},
		{"longer than its signer", edited(func(b []byte) { b[18] = 113 }), BadKeyLength},
		{"another length", edited(func(b []byte) { b[18]-- }), RemainderMismatch},
		{"exponent length 1", edited(func(b []byte) { b[19] = 1 }), BadKeyLength},
	} {
		if _, err := RecoverPINKey(c.issuer.PublicKey, tt.cert, testPAN, today); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		} else if f, ok := errors.AsType[*Failure](err); !ok || f.What != pinLayout.what {
			t.Errorf("%s: not of that certificate: %v", tt.name, err)
		}
	}
	even := c.issuer.certify(t, formatICC, testPAN10, dec27, PublicKey{c.icc.Modulus, []byte{2}}, nil, nil)
	if _, err := RecoverPINKey(c.issuer.PublicKey, even, testPAN, today); !errors.Is(err, BadKey) {
		t.Errorf("exponent 2: %v", err)
	}
}

func TestFind(t *testing.T) {
	keys := []CAKey{{RID: [5]byte{1}, Index: 1}, {RID: [5]byte{2}, Index: 1}, {RID: [5]byte{2}, Index: 2}}
	k, err := Find(keys, []byte{2, 0, 0, 0, 0}, 2)
	if err != nil || k.Index != 2 || k.RID[0] != 2 {
		t.Errorf("%v, %v", k, err)
	}
	if _, err := Find(keys, []byte{1, 0, 0, 0, 0}, 2); !errors.Is(err, NoCAKey) {
		t.Errorf("got %v", err)
	}
}

func FuzzCertificate(f *testing.F) {
	c := newChain(f, 128, 112, 96)
	issuer, icc := c.issuerCertificate(f, nil), c.iccCertificate(f, nil)
	f.Add(issuer.Certificate, issuer.Remainder, issuer.Exponent, testPAN, testStatic)
	f.Add(icc.Certificate, icc.Remainder, icc.Exponent, testPAN, testStatic)
	f.Add([]byte{}, []byte{}, []byte{}, []byte{}, []byte{})
	// What the issuer's certificate recovers to, 106 bytes: the target signs variants of it.
	var body []byte
	c.issuerCertificate(f, func(b []byte) { body = bytes.Clone(b) })
	f.Add([]byte{}, issuer.Remainder, issuer.Exponent, testPAN, body)
	f.Fuzz(func(t *testing.T, certificate, remainder, exponent, pan, static []byte) {
		k := Certificate{certificate, remainder, exponent}
		// Nobody but the test has the private keys: whatever verifies was a seed.
		key, err := RecoverIssuerKey(c.ca, k, pan, nil, today)
		if err == nil && !bytes.Equal(key.Modulus, c.issuer.Modulus) {
			t.Fatal("recovered a key nobody certified")
		}
		if _, ok := errors.AsType[*Failure](err); err != nil && !ok {
			t.Fatalf("untyped error %v", err)
		}
		key, err = RecoverICCKey(c.issuer.PublicKey, k, static, pan, today)
		if err == nil && !bytes.Equal(key.Modulus, c.icc.Modulus) {
			t.Fatal("recovered a key nobody certified")
		}
		// The fuzzer's bytes as what a signature recovers to: exponent one would be identity, so sign them.
		if len(static) == 128-22 {
			signed := Certificate{c.caKey.sign(t, static, remainder, exponent), remainder, exponent}
			key, err := RecoverIssuerKey(c.ca, signed, pan, nil, today)
			if _, ok := errors.AsType[*Failure](err); err != nil && !ok {
				t.Fatalf("untyped error %v", err)
			}
			if err == nil {
				checkCertified(t, key, static, remainder, pan)
			}
			if bytes.Equal(static, body) && bytes.Equal(remainder, issuer.Remainder) && bytes.Equal(exponent, issuer.Exponent) && bytes.Equal(pan, testPAN) && err != nil {
				t.Fatalf("the certificate itself: %v", err)
			}
		}
		// A key of the card's own choice never panics.
		_, _ = RecoverICCKey(PublicKey{pan, exponent}, k, static, pan, today)
	})
}

// checkCertified: a key is never longer than the one that certified it, has one of the two exponents, is
// what body and remainder hold, and is of an issuer the account number begins with. Offsets as in
// TestIssuerCertificateReasons.
func checkCertified(t *testing.T, key PublicKey, body, remainder, pan []byte) {
	t.Helper()
	if n := len(key.Modulus); n == 0 || n > 128 || n != int(body[12]) || !validExponent(key.Exponent) || len(key.Exponent) != int(body[13]) {
		t.Fatalf("modulus of %d bytes, exponent %X", len(key.Modulus), key.Exponent)
	}
	room := body[14:]
	if fits := min(len(room), len(key.Modulus)); !bytes.Equal(key.Modulus[:fits], room[:fits]) || !bytes.Equal(key.Modulus[fits:], remainder) {
		t.Fatal("not the key in the certificate")
	}
	id := strings.TrimRight(fmt.Sprintf("%X", body[1:5]), "F")
	if len(id) < 3 || strings.Trim(id, "0123456789") != "" || !strings.HasPrefix(fmt.Sprintf("%X", pan), id) {
		t.Fatalf("issuer %s", id)
	}
}
