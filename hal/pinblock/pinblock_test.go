package pinblock_test

import (
	"bytes"
	"crypto/aes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"smartreader/hal/pinblock"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Format 0: the block of ANSI X9.24-1:2009 A.4 (PIN 1234, PAN 4012345678909), as
// in several DUKPT libraries' tests; moov-io/pinblock's; psec's.
func TestFormat0(t *testing.T) {
	for _, c := range []struct{ pin, pan, block string }{
		{"1234", "4012345678909", "041274EDCBA9876F"},
		{"1234", "5432101234567891", "041215FEDCBA9876"},
		{"1234", "5555555551234567", "041261AAAAEDCBA9"},
		{"123456789", "5555555551234567", "091261032D8DCBA9"},
		{"123456789012", "5555555551234567", "0C1261032D8226A9"},
		// A shorter account number is right justified (ISO 9564-1; an HSM
		// vendor's manual says so, no vector was found).
		{"1234", "12345670", "041234FFFEDCBA98"},
	} {
		got, err := pinblock.Encode0([]byte(c.pin), []byte(c.pan))
		if err != nil || !bytes.Equal(got, unhex(t, c.block)) {
			t.Errorf("encoded %X, %v; want %s", got, err, c.block)
		}
		pin, err := pinblock.Decode0(unhex(t, c.block), []byte(c.pan))
		if err != nil || string(pin) != c.pin {
			t.Errorf("%s: decoded %s, %v", c.block, pin, err)
		}
	}
}

// Format 2: psec's tests. EMV fact 23: the block of a plain PIN is 24 12 34 FF...
func TestFormat2(t *testing.T) {
	for pin, block := range map[string]string{
		"1234": "241234FFFFFFFFFF", "98765": "2598765FFFFFFFFF", "123456789": "29123456789FFFFF", "123456789012": "2C123456789012FF",
	} {
		got, err := pinblock.Encode2([]byte(pin))
		if err != nil || !bytes.Equal(got, unhex(t, block)) {
			t.Errorf("encoded %X, %v; want %s", got, err, block)
		}
		digits, err := pinblock.Decode2(unhex(t, block))
		if err != nil || string(digits) != pin {
			t.Errorf("%s: decoded %s, %v", block, digits, err)
		}
	}
}

// Format 3: blocks of psec's tests and of another project's (paysec), whose
// filling is all F.
func TestFormat3(t *testing.T) {
	for _, c := range []struct{ pin, pan, block string }{
		{"1234", "5555555551234567", "341261AAAAEDCBA9"},
		{"1234567890", "5555555551234567", "3A1261032D82CBA9"},
		{"1234", "12345678901234", "341217BA9876FEDC"},
		{"12345", "1234567890123", "3512266BA9876FED"},
		{"1234567", "1234567890123456", "37127131F6FEDCBA"},
	} {
		pin, err := pinblock.Decode3(unhex(t, c.block), []byte(c.pan))
		if err != nil || string(pin) != c.pin {
			t.Errorf("%s: decoded %s, %v", c.block, pin, err)
		}
		// 5, 11, ...: the sixth filler, F; FC to FF are drawn again.
		all5 := bytes.NewReader(append(bytes.Repeat([]byte{0xFF, 0xFC}, 3), bytes.Repeat([]byte{251}, 20)...))
		got, err := pinblock.Encode3([]byte(c.pin), []byte(c.pan), all5)
		if err != nil || !bytes.Equal(got, unhex(t, c.block)) {
			t.Errorf("encoded %X, %v; want %s", got, err, c.block)
		}
	}
	// All six fillers are drawn, and nothing else.
	seen := map[byte]bool{}
	for range 200 {
		block, err := pinblock.Encode3([]byte("1234"), []byte("1000000000000"), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range []byte{block[6] >> 4, block[6] & 0xF, block[7] >> 4, block[7] & 0xF} {
			seen[v] = true
		}
	}
	for v := range byte(16) {
		if seen[v] != (v >= 0xA) {
			t.Errorf("filler %X: %v", v, seen[v])
		}
	}
}

// Format 4: the worked examples of the supplement to ANSI X9.24-3-2017 (as in
// several projects' tests), and psec's, one of them of the Swiss ep2
// specification.
func TestFormat4(t *testing.T) {
	const x9, psec = "2F69ADDE2E9E7ACE", "FFFFFFFFFFFFFFFF"
	for _, c := range []struct{ key, pin, pan, random, block string }{
		{"AF8CB133A78F8DC2D1359F18527593FB", "1234", "4111111111111111", x9, "A912150391AB65A67E52883D81CE2D15"},
		{"D30BDC73EC9714B000BEC66BDB7B6D09", "1234", "4111111111111111", x9, "52A00503BD34BA1383F6A7EE9FE2547F"},
		{"7D69F01F3B45449F62C7816ECE723268", "1234", "4111111111111111", x9, "A5A27E82B43A9A866A93D7ABE89CEF93"},
		{"00112233445566778899AABBCCDDEEFF", "1234", "1234567890123456789", psec, "28B41FDDD29B743E93124BD8E32D921E"},
		{"00112233445566778899AABBCCDDEEFF", "1234", "1234567890123456", "", "E4BE5B623AF7E006AC319E5B93544564"},
		{"C1D0F8FB4958670DBA40AB1F3752EF0D", "1234", "432198765432109870", "", "CC17F65586BFD0953010226C4FC5B3CA"},
	} {
		key, err := aes.NewCipher(unhex(t, c.key))
		if err != nil {
			t.Fatal(err)
		}
		pin, err := pinblock.Decipher4(key, unhex(t, c.block), []byte(c.pan))
		if err != nil || string(pin) != c.pin {
			t.Errorf("%s: decoded %s, %v", c.block, pin, err)
		}
		if c.random == "" {
			continue
		}
		got, err := pinblock.Encipher4(key, []byte(c.pin), []byte(c.pan), bytes.NewReader(unhex(t, c.random)))
		if err != nil || !bytes.Equal(got, unhex(t, c.block)) {
			t.Errorf("encoded %X, %v; want %s", got, err, c.block)
		}
	}
	// Fewer than twelve digits are right justified (psec's rule). A cipher that
	// does nothing shows the field that is added.
	sum, err := pinblock.Encipher4(none{}, []byte("1234"), []byte("12345670"), bytes.NewReader(make([]byte, 8)))
	if err != nil {
		t.Fatal(err)
	}
	if field := xor(sum, unhex(t, "441234AAAAAAAAAA0000000000000000")); !bytes.Equal(field, unhex(t, "00000123456700000000000000000000")) {
		t.Errorf("the account number field is %X", field)
	}
}

// none is a cipher that does nothing.
type none struct{}

func (none) BlockSize() int          { return 16 }
func (none) Encrypt(dst, src []byte) { copy(dst, src) }
func (none) Decrypt(dst, src []byte) { copy(dst, src) }

// short is a cipher of eight bytes.
type short struct{ none }

func (short) BlockSize() int { return 8 }

func xor(a, b []byte) []byte {
	c := bytes.Clone(a)
	for i := range b {
		c[i] ^= b[i]
	}
	return c
}

// encoders of all formats.
func encoders(t *testing.T) map[string]func(pin, pan []byte) ([]byte, error) {
	key, err := aes.NewCipher(make([]byte, 16))
	if err != nil {
		t.Fatal(err)
	}
	return map[string]func(pin, pan []byte) ([]byte, error){
		"0": pinblock.Encode0,
		"2": func(pin, _ []byte) ([]byte, error) { return pinblock.Encode2(pin) },
		"3": func(pin, pan []byte) ([]byte, error) { return pinblock.Encode3(pin, pan, rand.Reader) },
		"4": func(pin, pan []byte) ([]byte, error) { return pinblock.Encipher4(key, pin, pan, rand.Reader) },
		"3 without a random source": func(pin, pan []byte) ([]byte, error) {
			return pinblock.Encode3(pin, pan, strings.NewReader(""))
		},
		"4 without a random source": func(pin, pan []byte) ([]byte, error) {
			return pinblock.Encipher4(key, pin, pan, strings.NewReader(""))
		},
		"4 with another cipher": func(pin, pan []byte) ([]byte, error) {
			return pinblock.Encipher4(short{}, pin, pan, rand.Reader)
		},
	}
}

// The digits are overwritten, whatever comes of it; no error tells of them.
func TestDigitsAreWiped(t *testing.T) {
	for name, encode := range encoders(t) {
		for _, c := range []struct{ pin, pan string }{
			{"97531", "5555555551234567"}, {"975", "5555555551234567"}, {"9753197531975", "5555555551234567"}, {"9753a", "5555555551234567"},
			{"97531", "5555555"}, {"97531", "55555555512345671234"}, {"97531", "555555555123456x"}, {"", ""},
		} {
			pin := []byte(c.pin)
			block, err := encode(pin, []byte(c.pan))
			if len(bytes.Trim(pin, "\x00")) != 0 {
				t.Errorf("format %s: %d digits are still there", name, len(pin))
			}
			switch bad := len(c.pin) != 5 || c.pin != "97531"; {
			case bad && !errors.Is(err, pinblock.ErrPIN):
				t.Errorf("format %s, a PIN of %d bytes: %v", name, len(c.pin), err)
			case !bad && len(c.pan) != 16 && name != "2" && !errors.Is(err, pinblock.ErrPAN):
				t.Errorf("format %s, an account number of %d digits: %v", name, len(c.pan), err)
			}
			if err != nil && (block != nil || strings.Contains(err.Error(), "753") || strings.Contains(err.Error(), "555")) {
				t.Errorf("format %s: block %X, %v", name, block, err)
			}
			if strings.Contains(name, "with") && err == nil {
				t.Errorf("format %s: no error", name)
			}
		}
	}
}

func TestDecodersRefuse(t *testing.T) {
	pan := []byte("5555555551234567")
	key, err := aes.NewCipher(make([]byte, 16))
	if err != nil {
		t.Fatal(err)
	}
	for what, decode := range map[string]func() ([]byte, error){
		"another format":    func() ([]byte, error) { return pinblock.Decode0(unhex(t, "241261AAAAEDCBA9"), pan) },
		"too long a PIN":    func() ([]byte, error) { return pinblock.Decode0(unhex(t, "0F1261AAAAEDCBA9"), pan) },
		"too short a PIN":   func() ([]byte, error) { return pinblock.Decode0(unhex(t, "021261AAAAEDCBA9"), pan) },
		"a wrong filling":   func() ([]byte, error) { return pinblock.Decode0(unhex(t, "041261AAAAEDCBAA"), pan) },
		"no digits":         func() ([]byte, error) { return pinblock.Decode0(unhex(t, "051261AAAAEDCBA9"), pan) },
		"too short a block": func() ([]byte, error) { return pinblock.Decode0(unhex(t, "041261AAAAEDCB"), pan) },
		"filling of 0":      func() ([]byte, error) { return pinblock.Decode3(unhex(t, "341261AAAAEDCBA2"), pan) },
		"format 2, filling": func() ([]byte, error) { return pinblock.Decode2(unhex(t, "2C123456789012CF")) },
		"format 2, nothing": func() ([]byte, error) { return pinblock.Decode2(nil) },
		"another key": func() ([]byte, error) {
			return pinblock.Decipher4(key, unhex(t, "A912150391AB65A67E52883D81CE2D15"), pan)
		},
		"half a block": func() ([]byte, error) { return pinblock.Decipher4(key, make([]byte, 8), pan) },
	} {
		if pin, err := decode(); pin != nil || !errors.Is(err, pinblock.ErrBlock) {
			t.Errorf("%s: %d digits, %v", what, len(pin), err)
		}
	}
	if _, err := pinblock.Decode3(make([]byte, 8), nil); !errors.Is(err, pinblock.ErrPAN) {
		t.Errorf("no account number: %v", err)
	}
}

// Of format 4 too everything is looked at but the random half.
func TestFormat4IsChecked(t *testing.T) {
	pan := []byte("5555555551234567")
	// The cipher does nothing: what is added is taken away again.
	with := func(field string) []byte {
		return xor(unhex(t, field+"0123456789ABCDEF"), unhex(t, "45555555551234567000000000000000"))
	}
	if pin, err := pinblock.Decipher4(none{}, with("441234AAAAAAAAAA"), pan); err != nil || string(pin) != "1234" {
		t.Fatalf("%d digits, %v", len(pin), err)
	}
	for _, field := range []string{"041234AAAAAAAAAA", "431234AAAAAAAAAA", "4D1234AAAAAAAAAA", "44123AAAAAAAAAAA", "44123BAAAAAAAAAA",
		"441234AAAAAAAAAF", "4412345AAAAAAAAA", "451234AAAAAAAAAA", "4C123456789012AF", "4C12345678901AAA"} {
		if pin, err := pinblock.Decipher4(none{}, with(field), pan); pin != nil || !errors.Is(err, pinblock.ErrBlock) {
			t.Errorf("%s: %d digits, %v", field, len(pin), err)
		}
	}
}

// Every length of a PIN with every length of an account number, there and back.
// Two blocks of formats 3 and 4 are never alike, another account number finds no
// such PIN.
func TestEveryLength(t *testing.T) {
	key, err := aes.NewCipher([]byte("one key per PIN!"))
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]struct {
		encode, decode func(a, pan []byte) ([]byte, error)
		random         int // the longest PIN beside which there is something random
	}{
		"0": {pinblock.Encode0, pinblock.Decode0, 0},
		"3": {func(pin, pan []byte) ([]byte, error) { return pinblock.Encode3(pin, pan, rand.Reader) }, pinblock.Decode3, 4},
		"4": {func(pin, pan []byte) ([]byte, error) { return pinblock.Encipher4(key, pin, pan, rand.Reader) },
			func(block, pan []byte) ([]byte, error) { return pinblock.Decipher4(key, block, pan) }, 12},
	} {
		for n := 4; n <= 12; n++ {
			for m := 8; m <= 19; m++ {
				pin, pan := "864209753186"[:n], []byte("9182736455463728190"[:m])
				block, err := f.encode([]byte(pin), pan)
				if err != nil {
					t.Fatalf("format %s, %d of %d digits: %v", name, n, m, err)
				}
				if got, err := f.decode(block, pan); err != nil || string(got) != pin {
					t.Errorf("format %s, %d of %d digits: %d come back, %v", name, n, m, len(got), err)
				}
				different := false
				for range 20 { // four fillers are alike once in 1296 times
					again, err := f.encode([]byte(pin), pan)
					different = different || err == nil && !bytes.Equal(again, block)
				}
				if n <= f.random && !different {
					t.Errorf("format %s, %d of %d digits: nothing is random", name, n, m)
				}
				// The last digit is the check digit, which only format 4 binds. In format
				// 3 one filler may pass for another, so only a digit on the PIN tells.
				other, at := bytes.Clone(pan), m-2
				if name == "3" {
					at = max(0, m-13)
				}
				other[at] ^= 1
				if got, err := f.decode(block, other); err == nil && string(got) == pin && (name != "3" || m >= 13) {
					t.Errorf("format %s, %d of %d digits: another account number finds the PIN", name, n, m)
				}
			}
		}
	}
}

// What decodes is what encodes to it, whatever is in the block.
func FuzzDecode(f *testing.F) {
	f.Add([]byte("\x04\x12\x61\xAA\xAA\xED\xCB\xA9"), []byte("5555555551234567"))
	f.Add([]byte("\x24\x12\x34\xFF\xFF\xFF\xFF\xFF"), []byte("12345678"))
	f.Add([]byte("\x34\x12\x61\xAA\xAA\xED\xCB\xA9"), []byte("5555555551234567"))
	f.Add([]byte("\x44\x12\x34\xAA\xAA\xAA\xAA\xAA12345678"), []byte("1234567812345678123"))
	f.Fuzz(func(t *testing.T, block, pan []byte) {
		if pin, err := pinblock.Decode0(block, pan); err == nil {
			if again, err := pinblock.Encode0(pin, pan); err != nil || !bytes.Equal(again, block) {
				t.Errorf("format 0: %X, %v", again, err)
			}
		}
		if pin, err := pinblock.Decode2(block); err == nil {
			if again, err := pinblock.Encode2(pin); err != nil || !bytes.Equal(again, block) {
				t.Errorf("format 2: %X, %v", again, err)
			}
		}
		if pin, err := pinblock.Decode3(block, pan); err == nil && (len(pin) < 4 || len(pin) > 12) {
			t.Error("format 3: no PIN")
		}
		if pin, err := pinblock.Decipher4(none{}, block, pan); err == nil {
			first := string(pin)
			again, err := pinblock.Encipher4(none{}, pin, pan, bytes.NewReader(block[8:]))
			if err != nil || !bytes.Equal(again[:1], block[:1]) {
				t.Fatalf("format 4: %v", err)
			}
			if second, err := pinblock.Decipher4(none{}, again, pan); err != nil || string(second) != first {
				t.Errorf("format 4: another PIN, %v", err)
			}
		}
	})
}

func ExampleEncipher4() {
	key, err := aes.NewCipher([]byte("one key per PIN!")) // a working key of package dukpt
	if err != nil {
		panic(err)
	}
	pin, pan := []byte("1234"), []byte("4111111111111111")
	block, err := pinblock.Encipher4(key, pin, pan, rand.Reader)
	fmt.Println(len(block), pin, err)
	again, err := pinblock.Decipher4(key, block, pan)
	fmt.Println(string(again), err)
	// Output:
	// 16 [0 0 0 0] <nil>
	// 1234 <nil>
}
