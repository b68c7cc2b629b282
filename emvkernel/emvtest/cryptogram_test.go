package emvtest

import (
	"encoding/hex"
	"testing"
)

func key(t *testing.T, s string) [16]byte { return [16]byte(fromHex(t, s)) }

func fromHex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The key is the usual one of public examples; the expected values are printed in the documentation of
// several independent implementations.
func TestDeriveMasterKey(t *testing.T) {
	issuer := key(t, "0123456789ABCDEFFEDCBA9876543210")
	for _, c := range []struct {
		number   string
		sequence byte
		want     string
	}{
		{"99012345678901234", 0x45, "67F8292358083E5EA7AB7FDA58D53B6B"},
		{"12345678901234567", 0x01, "73AD54688CEF2934B0979857E3C719F1"},
		{"123456789012", 0x00, "FE890EC1B3FBF7EC32A880C8D6169461"}, // short: zeros on the left
	} {
		if got := deriveMasterKey(issuer, c.number, c.sequence); got != key(t, c.want) {
			t.Errorf("%s %02X: %X, want %s", c.number, c.sequence, got, c.want)
		}
	}
}

func TestDeriveSessionKey(t *testing.T) {
	master := key(t, "67F8292358083E5EA7AB7FDA58D53B6B")
	// This vector is published with odd parity; DES ignores the difference.
	general := oddParity(diversify(master, [8]byte(fromHex(t, "1234567890123456"))))
	if got, want := general, key(t, "29B33180E567CE38EA4CBC9D753B0E61"); got != want {
		t.Errorf("general: %X, want %X", got, want)
	}
	if got, want := deriveSessionKey(master, 1), key(t, "68533955B11DEC088A36B4871DEAF9CF"); got != want {
		t.Errorf("counter 1: %X, want %X", got, want)
	}
}

func TestMACAndResponse(t *testing.T) {
	session := key(t, "29B33180E567CE38EA4CBC9D753B0E61")
	arqc := mac(session, fromHex(t, "0123456789ABCDEF0123456789ABCDEF"))
	if want := [8]byte(fromHex(t, "FA624250B008B59A")); arqc != want {
		t.Errorf("cryptogram %X, want %X", arqc, want)
	}
	if got, want := arpc(session, arqc, [2]byte{}), [8]byte(fromHex(t, "45D4255EEF10C920")); got != want {
		t.Errorf("response cryptogram %X, want %X", got, want)
	}
	// The response code is added to the first two bytes.
	moved := arqc
	moved[0] ^= 0x30
	moved[1] ^= 0x35
	if arpc(session, arqc, [2]byte{0x30, 0x35}) != arpc(session, moved, [2]byte{}) {
		t.Error("the response code is not in its place")
	}
	// 29 bytes: the padding is not a whole block.
	short := fromHex(t, "0000000020000000000000000124000000800001241103090038"+"04823E58000001")
	if got, want := mac(key(t, "AAAAAAAAAAAAAAAABBBBBBBBBBBBBBBB"), short), [8]byte(fromHex(t, "3B76CF10FECD8789")); got != want {
		t.Errorf("padded cryptogram %X, want %X", got, want)
	}
}
