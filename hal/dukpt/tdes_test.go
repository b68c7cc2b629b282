package dukpt

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"testing"

	"smartreader/hal/pinblock"
)

// The test vectors of ANSI X9.24-1:2009, annex A.4: PIN blocks of format 0 for PIN
// 1234 and PAN 4012345678909, by the last digits of the key serial number. They were
// found alike in jPOS's tests and in a Python DUKPT library's table, the first ones in
// moov-io/dukpt's too.
const (
	bdkTDES     = "0123456789ABCDEFFEDCBA9876543210"
	initialTDES = "6AC292FAA1315B4D858AB3A3D7D5933A"
	serialTDES  = "FFFF9876543210E00000"
)

var blocksTDES = []struct{ tail, block string }{
	{"E00001", "1B9C1845EB993A7A"}, {"E00002", "10A01C8D02C69107"}, {"E00003", "18DC07B94797B466"}, {"E00004", "0BC79509D5645DF7"},
	{"E00005", "5BC0AF22AD87B327"}, {"E00006", "A16DF70AE36158D8"}, {"E00007", "27711C16CB257F8E"}, {"E00008", "50E55547A5027551"},
	{"E00009", "536CF7F678ACFC8D"}, {"E0000A", "EDABBA23221833FE"}, {"E0000B", "2328981C57B4BDBA"}, {"E0000C", "038D03CC926CF286"},
	{"E0000D", "6C8AA97088B62C68"}, {"E0000E", "F17C9E1D72CD4950"}, {"E0000F", "B170F6E7F7F2F64A"}, {"E00010", "D5D9638559EF53D6"},
	{"E00011", "D544F8CDD292C863"}, {"E00012", "7A21BD10F36DC41D"}, {"E00013", "78649BD17D0DFA60"}, {"E00014", "7E7E16EA0C31AD56"},
	{"E00015", "72105C22EBC791E6"},
	// From here on only one of the two has the first four.
	{"E10000", "19776D96D73AF1E2"}, {"E20000", "83F14581B8946B2D"}, {"E40000", "96B3ADCBF9F5219C"}, {"E80000", "1E0F453FD55FCE45"},
	{"EFF800", "33365F5CC6F23C35"}, {"EFF801", "3A86BF003F835C9D"}, {"EFF802", "3DB977D05C36DF3F"}, {"EFF804", "BA83243305712099"},
	{"EFF808", "B0DA04AC90A36D85"}, {"EFF810", "2CF02BD9C309EEDA"}, {"EFF820", "9D1E2F77AEEE81C6"}, {"EFF840", "40870B0F8BA2011C"},
	{"EFF880", "22E340D6ABB40981"}, {"EFF900", "1A4C10AFBA03A430"}, {"EFFA00", "849763B43E5F9CFF"}, {"EFFC00", "DEFC6F09F8927B71"},
	{"F00000", "73EC88AD0AC5830E"},
}

func loadTDES(t testing.TB) *TDES {
	t.Helper()
	d, err := LoadTDES(unhex(t, initialTDES), [10]byte(unhex(t, serialTDES)))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// block is the vectors' PIN under a device's next key.
func block(t *testing.T, d *TDES) (got, serial []byte) {
	t.Helper()
	key, serial, err := d.NextPIN()
	if err != nil {
		t.Fatal(err)
	}
	got, err = pinblock.Encode0([]byte("1234"), []byte("4012345678909"))
	if err != nil {
		t.Fatal(err)
	}
	key.Encrypt(got, got)
	return got, serial
}

func TestTDESInitialKey(t *testing.T) {
	for _, tail := range []string{"E00000", "E00008"} { // the counter does not matter
		got, err := TDESInitialKey(unhex(t, bdkTDES), [10]byte(unhex(t, serialTDES[:14]+tail)))
		if err != nil || !bytes.Equal(got, unhex(t, initialTDES)) {
			t.Errorf("initial key %X, %v; want %s", got, err, initialTDES)
		}
	}
}

// Runs of counters one after the other: the second shows which are skipped.
func TestTDESDevice(t *testing.T) {
	d := loadTDES(t)
	for i, c := range blocksTDES {
		if i >= 21 && i < 26 {
			counter, err := strconv.ParseUint(c.tail, 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			at(&d.registers, unhex(t, initialTDES), uint32(counter)&d.mask(), d.derive)
		}
		got, serial := block(t, d)
		if fmt.Sprintf("%X", serial) != serialTDES[:14]+c.tail || !bytes.Equal(got, unhex(t, c.block)) {
			t.Errorf("block %X of %X, want %s of ...%s", got, serial, c.block, c.tail)
		}
		host, err := TDESPINKey(unhex(t, initialTDES), serial)
		if err != nil {
			t.Fatal(err)
		}
		host.Decrypt(got, got)
		if pin, err := pinblock.Decode0(got, []byte("4012345678909")); err != nil || string(pin) != "1234" {
			t.Errorf("...%s: the host reads %s, %v", c.tail, pin, err)
		}
	}
	at(&d.registers, unhex(t, initialTDES), 0x1FF800, d.derive)
	if _, serial := block(t, d); fmt.Sprintf("%X", serial) != serialTDES[:14]+"FFF800" || !d.Exhausted() {
		t.Errorf("the last serial number %X, exhausted: %v", serial, d.Exhausted())
	}
	if _, _, err := d.NextPIN(); !errors.Is(err, ErrExhausted) {
		t.Errorf("after the last key: %v", err)
	}
}

func TestTDESRefuses(t *testing.T) {
	initial := unhex(t, initialTDES)
	for _, size := range []int{0, 8, 24} {
		if _, err := LoadTDES(make([]byte, size), [10]byte{}); !errors.Is(err, ErrKey) {
			t.Errorf("initial key of %d bytes: %v", size, err)
		}
		if _, err := TDESInitialKey(make([]byte, size), [10]byte{}); !errors.Is(err, ErrKey) {
			t.Errorf("base derivation key of %d bytes: %v", size, err)
		}
		if _, err := TDESPINKey(make([]byte, size), unhex(t, serialTDES[:14]+"E00001")); !errors.Is(err, ErrKey) {
			t.Errorf("initial key of %d bytes, host: %v", size, err)
		}
	}
	for _, tail := range []string{"E00001", "F00000"} {
		if _, err := LoadTDES(initial, [10]byte(unhex(t, serialTDES[:14]+tail))); !errors.Is(err, ErrSerial) {
			t.Errorf("loaded with a counter: %v", err)
		}
	}
	for _, s := range []string{serialTDES, serialTDES[:14] + "FFFFFF", serialTDES[:14], ""} {
		if _, err := TDESPINKey(initial, unhex(t, s)); !errors.Is(err, ErrSerial) {
			t.Errorf("serial number %s: %v", s, err)
		}
	}
}
