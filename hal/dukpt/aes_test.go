package dukpt

import (
	"bytes"
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

// The keys of the test vectors to ANSI X9.24-3-2017 (published by ASC X9 as its
// supplement). The values here were found alike in the tests of at least two of:
// the QRCS HKDS library, paysec, Forage's Android SDK, moov-io/dukpt.
const (
	bdk128     = "FEDCBA9876543210F1F1F1F1F1F1F1F1"
	bdk256     = bdk128 + bdk128
	initial128 = "1273671EA26AC29AFA4D1084127652A1"
	initial256 = "CE9CE0C101D1138F97FB6CAD4DF045A7083D4EAE2D35A31789D01CCF0949550F"
	keyID      = "1234567890123456"
)

var pinKeys128 = map[uint32]string{
	1:          "AF8CB133A78F8DC2D1359F18527593FB",
	2:          "D30BDC73EC9714B000BEC66BDB7B6D09",
	3:          "7D69F01F3B45449F62C7816ECE723268",
	4:          "91A0588318EC2673214271F70137896E",
	5:          "35A43BC9EFEB09C756204B57E3FB7D4D",
	6:          "02DCC6CD1201A3A2CA7099559C862123",
	7:          "6ECF912F3B18CA11A7A27BB60705FD09",
	8:          "4D9DF3FBEE3448FC3E676D04320A90F5",
	9:          "B4273D0F8804829572AFF61FA2BC417F",
	16:         "A09C63853B707708DEAB907BA778C191",
	32:         "D4DD318BB3D0185DE4BF6886262669DF",
	33:         "82100FAAA6847AAB16D6A58E077C7449",
	99:         "0479194DE8820746DAD40E9A305B83AF",
	0x1FFFE:    "DDF7E08A84B5478C498D007C743BF762",
	0x20000:    "AB828BE7B58C7EC5D5ED0D5D320A0C9D",
	0xFFFE4000: "6239A27F572DEDB17BCA1AC413EF9FE9",
	0xFFFE8000: "F10C1404137A80718FCCE8BD90FF9F67",
	0xFFFF0000: "27EFAC1D158632588F4AC69E45C247C4",
}

func loadAES(t testing.TB, initial string) *AES {
	t.Helper()
	d, err := LoadAES(unhex(t, initial), [8]byte(unhex(t, keyID)))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func serial(counter uint32) string { return fmt.Sprintf("%s%08X", keyID, counter) }

func TestAESInitialKey(t *testing.T) {
	for bdk, want := range map[string]string{bdk128: initial128, bdk256: initial256} {
		got, err := AESInitialKey(unhex(t, bdk), [8]byte(unhex(t, keyID)))
		if err != nil || !bytes.Equal(got, unhex(t, want)) {
			t.Errorf("initial key %X, %v; want %s", got, err, want)
		}
	}
}

// The device comes to the published keys one after the other, and at the rarest
// counters by way of a restored state.
func TestAESDevice(t *testing.T) {
	d := loadAES(t, initial128)
	for counter := uint32(1); counter <= 100; counter++ {
		key, got, err := d.Next(PINEncryption, AES128)
		if err != nil || fmt.Sprintf("%X", got) != serial(counter) {
			t.Fatalf("serial number %X, %v; want %s", got, err, serial(counter))
		}
		if want, ok := pinKeys128[counter]; ok && !bytes.Equal(key, unhex(t, want)) {
			t.Errorf("counter %#x: key %X, want %s", counter, key, want)
		}
		host, err := AESWorkingKey(unhex(t, initial128), got, PINEncryption, AES128)
		if err != nil || !bytes.Equal(host, key) {
			t.Errorf("counter %#x: the host has %X, %v", counter, host, err)
		}
	}
	for _, row := range [][]uint32{{0x1FFFE, 0x20000, 0x20001}, {0xFFFE4000, 0xFFFE8000, 0xFFFF0000, 0}} {
		d := loadAES(t, initial128)
		at(&d.registers, unhex(t, initial128), row[0], d.derive)
		for _, counter := range row {
			if counter == 0 {
				if key, _, err := d.Next(PINEncryption, AES128); !errors.Is(err, ErrExhausted) || key != nil || !d.Exhausted() {
					t.Errorf("after the last key: %v", err)
				}
				break
			}
			key, got, err := d.Next(PINEncryption, AES128)
			if err != nil || fmt.Sprintf("%X", got) != serial(counter) {
				t.Fatalf("serial number %X, %v; want %s", got, err, serial(counter))
			}
			if want, ok := pinKeys128[counter]; ok && !bytes.Equal(key, unhex(t, want)) {
				t.Errorf("counter %#x: key %X, want %s", counter, key, want)
			}
		}
	}
}

// The registers, after loading and after the first two transactions.
func TestAESRegisters(t *testing.T) {
	d := loadAES(t, initial128)
	check := func(when string, want map[int]string) {
		t.Helper()
		for k, key := range want {
			if !bytes.Equal(d.keys[k], unhex(t, key)) {
				t.Errorf("%s: register %d holds %X, want %s", when, k, d.keys[k], key)
			}
		}
	}
	above := map[int]string{
		2: "0EEFC7ADA628BA68878DA9165A8A1887", 3: "718EE6CF0B27E53D5F7AF99C4D8146A2", 7: "089F6B989CA13D49A6A0317F85460CE5",
		16: "F4C6237DB49E28BF96E6A18CD8CDDA00", 31: "9DC56486499A2E857FDEFC4740641EA8",
	}
	check("loaded", above)
	check("loaded", map[int]string{0: "4F21B565BAD9835E112B6465635EAE44", 1: "2F34D68DE10F68D38091A73B9E7C437C"})
	d.Next(PINEncryption, AES128)
	check("after the first", above)
	check("after the first", map[int]string{0: "", 1: "2F34D68DE10F68D38091A73B9E7C437C"})
	d.Next(PINEncryption, AES128)
	check("after the second", above)
	check("after the second", map[int]string{0: "031504E530365CF81264238540518318", 1: ""})
}

func TestAESUsagesAndTypes(t *testing.T) {
	for _, c := range []struct {
		initial string
		counter uint32
		usage   Usage
		t       KeyType
		key     string
	}{
		{initial128, 1, KeyEncryption, AES128, "36A724B7BEFA5A25F5E7B5782A4554A2"},
		{initial128, 1, MACGeneration, AES128, "A2DC23DE6FDE0824A2BC321E08E4B8B7"},
		{initial128, 1, MACVerification, AES128, "DBB463945B286C07CD3AD82EE96FD9C9"},
		{initial128, 1, MACBothWays, AES128, "85675439D18D7F1158BD8E3EAA3D502B"},
		{initial128, 1, DataEncryption, AES128, "A35C412EFD41FDB98B69797C02DCD08F"},
		{initial128, 1, DataDecryption, AES128, "16292C6EA8F64C5420A0584BFBC577BE"},
		{initial128, 1, DataBothWays, AES128, "A308E080DD15A1B741F1721BF67DE11C"},
		{initial128, 2, MACGeneration, AES128, "484C3B06E8562704528CD5B46FB12FB6"},
		{initial128, 0x20000, DataEncryption, AES128, "13361208975755318FE7AE28C9616014"},
		{initial128, 1, PINEncryption, TDES2, "630C706D9546E47D4449313F61C4D4AB"},
		{initial128, 1, PINEncryption, TDES3, "EA8B3F37EB9B15831167EF2977FD8762D9B5913F35766F6A"},
		{initial256, 1, PINEncryption, AES128, "09C9C432966811D6B2C3336BAC1B1202"},
		{initial256, 1, PINEncryption, AES256, "8C1AB7BEE973829E30242E0BBBDD4946D540C98FC1B5BDCF94790001A23FD502"},
		{initial256, 3, PINEncryption, AES256, "96A1AB5D37CB7CF81DDE64F66C46E0389B833E7AD5F4E44C791F04FAFDA6DA0E"},
		{initial256, 0xFFFE8000, PINEncryption, AES256, "FAC4E05A67AB1522505CF0E94E5977B99D0E5B116D76ABB6B8A64F0D785FF6DF"},
		{initial256, 0xFFFF0000, PINEncryption, AES256, "88B82556AEF4A681E0687F443A4C4F305AF9203B114470DFC77C7F08BC43F9DA"},
	} {
		got, err := AESWorkingKey(unhex(t, c.initial), unhex(t, serial(c.counter)), c.usage, c.t)
		if err != nil || !bytes.Equal(got, unhex(t, c.key)) {
			t.Errorf("usage %#x, type %d, counter %#x: %X, %v; want %s", c.usage, c.t, c.counter, got, err, c.key)
		}
		d := loadAES(t, c.initial)
		at(&d.registers, unhex(t, c.initial), c.counter, d.derive)
		if got, _, err := d.Next(c.usage, c.t); err != nil || !bytes.Equal(got, unhex(t, c.key)) {
			t.Errorf("usage %#x, type %d, counter %#x: the device has %X, %v; want %s", c.usage, c.t, c.counter, got, err, c.key)
		}
	}
	// AES-192, one source only (paysec, by the standard's reference program).
	initial192, err := AESInitialKey(unhex(t, bdk128+"FEDCBA9876543210"), [8]byte(unhex(t, keyID)))
	if err != nil {
		t.Fatal(err)
	}
	got, err := AESWorkingKey(initial192, unhex(t, serial(3)), PINEncryption, AES192)
	if want := "64AE12F5E0FB2001B22520CED9C5CF1A8AA45AAA3F264882"; err != nil || !bytes.Equal(got, unhex(t, want)) {
		t.Errorf("AES-192: %X, %v; want %s", got, err, want)
	}
}

func TestAESRefuses(t *testing.T) {
	initial := unhex(t, initial128)
	for _, size := range []int{0, 8, 15, 17, 33} {
		if _, err := LoadAES(make([]byte, size), [8]byte{}); !errors.Is(err, ErrKey) {
			t.Errorf("initial key of %d bytes: %v", size, err)
		}
		if _, err := AESInitialKey(make([]byte, size), [8]byte{}); !errors.Is(err, ErrKey) {
			t.Errorf("base derivation key of %d bytes: %v", size, err)
		}
	}
	d := loadAES(t, initial128)
	for _, kind := range []KeyType{AES192, AES256, 5, 99} {
		if _, _, err := d.Next(PINEncryption, kind); !errors.Is(err, ErrKey) || d.counter != 1 {
			t.Errorf("key type %d: %v, the next counter is %d", kind, err, d.counter)
		}
		if _, err := AESWorkingKey(initial, unhex(t, serial(1)), PINEncryption, kind); !errors.Is(err, ErrKey) {
			t.Errorf("key type %d: %v", kind, err)
		}
	}
	for _, s := range []string{"", serial(0), serial(0x1FFFF), serial(0xFFFFFFFF), serial(1) + "00", serial(1)[2:]} {
		if _, err := AESPINKey(initial, unhex(t, s)); !errors.Is(err, ErrSerial) {
			t.Errorf("serial number %s: %v", s, err)
		}
	}
	d.Wipe()
	if _, _, err := d.NextPIN(); !errors.Is(err, ErrExhausted) {
		t.Errorf("wiped: %v", err)
	}
}

// The PIN block of the supplement's first transaction, from the device to the host.
func TestAESPINBlock(t *testing.T) {
	key, got, err := loadAES(t, initial128).NextPIN()
	if err != nil {
		t.Fatal(err)
	}
	pan := []byte("4111111111111111")
	block, err := pinblock.Encipher4(key, []byte("1234"), pan, bytes.NewReader(unhex(t, "2F69ADDE2E9E7ACE")))
	if want := unhex(t, "A912150391AB65A67E52883D81CE2D15"); err != nil || !bytes.Equal(block, want) {
		t.Errorf("block %X, %v; want %X", block, err, want)
	}
	host, err := AESPINKey(unhex(t, initial128), got)
	if err != nil {
		t.Fatal(err)
	}
	if pin, err := pinblock.Decipher4(host, block, pan); err != nil || string(pin) != "1234" {
		t.Errorf("the host reads %s, %v", pin, err)
	}
}

func TestDevicesAreNotShown(t *testing.T) {
	aes := loadAES(t, initial128)
	tdes := loadTDES(t)
	shown := fmt.Sprintf("%v %+v %#v %x %s %v %+v %#v %x %s %+v", aes, aes, aes, aes, aes, tdes, tdes, tdes, tdes, tdes, struct{ D Device }{aes})
	for _, key := range [][]byte{aes.keys[0], tdes.keys[0]} {
		for _, form := range []string{fmt.Sprintf("%x", key), fmt.Sprintf("%X", key), fmt.Sprint(key[:4])[1:9]} {
			if strings.Contains(shown, form) {
				t.Errorf("a key is shown in %s", shown)
			}
		}
	}
}
