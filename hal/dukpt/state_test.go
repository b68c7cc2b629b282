package dukpt

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"testing"
)

// summed puts the right sum behind a state, as who made it would.
func summed(b []byte) []byte {
	sum := sha256.Sum256(b)
	return append(bytes.Clone(b), sum[:sumSize]...)
}

// A device that is stored after every key and parsed before the next goes the same
// way as one that never was.
func TestStateGoesOn(t *testing.T) {
	for _, d := range []Device{loadAES(t, initial128), loadAES(t, initial256), loadTDES(t)} {
		stored := d.State()
		for range 70 {
			kept, err := Parse(stored)
			if err != nil {
				t.Fatal(err)
			}
			key, serial, err := kept.NextPIN()
			if err != nil {
				t.Fatal(err)
			}
			want, wantSerial, err := d.NextPIN()
			if err != nil || !bytes.Equal(serial, wantSerial) {
				t.Fatalf("serial number %X, want %X, %v", serial, wantSerial, err)
			}
			a, b := make([]byte, 16), make([]byte, 16)
			key.Encrypt(a, a)
			want.Encrypt(b, b)
			if !bytes.Equal(a, b) {
				t.Fatalf("%X: another key", serial)
			}
			stored = kept.State()
			if !bytes.Equal(stored, d.State()) {
				t.Fatalf("%X: another state", serial)
			}
			if !bytes.Equal(kept.Serial(), d.Serial()) || !bytes.HasPrefix(serial, d.Serial()[:7]) {
				t.Fatalf("%X: serial numbers %X, %X", serial, kept.Serial(), d.Serial())
			}
		}
	}
}

// The layout on disk is that of states written by earlier releases.
func TestStateLayout(t *testing.T) {
	d := loadAES(t, initial128)
	state := d.State()
	if want := unhex(t, "0141101234567890123456000000014F21B565BAD9835E112B6465635EAE44"); !bytes.HasPrefix(state, want) || len(state) != 15+32*16+8 {
		t.Errorf("state of %d bytes begins %X", len(state), state[:len(want)])
	}
	tdes := loadTDES(t)
	state = tdes.State()
	if want := unhex(t, "015410FFFF9876543210E0000000000001"+"042666B49184CFA368DE9628D0397BC9"); !bytes.HasPrefix(state, want) || len(state) != 17+21*16+8 {
		t.Errorf("state of %d bytes begins %X", len(state), state[:len(want)])
	}
	d.Wipe()
	if state := d.State(); len(state) != 15+8 {
		t.Errorf("an exhausted state has %d bytes", len(state))
	} else if kept, err := Parse(state); err != nil || !kept.Exhausted() {
		t.Errorf("an exhausted state: %v", err)
	}
}

func TestParseRefuses(t *testing.T) {
	good := loadAES(t, initial128).State()
	body := good[:len(good)-sumSize]
	change := func(at int, to byte) []byte {
		b := bytes.Clone(body)
		b[at] = to
		return summed(b)
	}
	tdes := loadTDES(t).State()
	counted := bytes.Clone(tdes[:len(tdes)-sumSize])
	counted[12] = 1 // in the serial number
	for what, state := range map[string][]byte{
		"nothing":                 nil,
		"a sum only":              summed(nil),
		"another version":         change(0, 2),
		"another scheme":          change(1, 'X'),
		"AES keys of 8 bytes":     change(2, 8),
		"counter 3 with keys":     change(14, 3), // needs one register less
		"a counter of 17 ones":    summed(slices.Concat(body[:11], []byte{0, 1, 0xFF, 0xFF}, make([]byte, 16*16))),
		"a counter of 22 bits":    summed(slices.Concat(tdes[:13], []byte{0, 0x20, 0, 1}, make([]byte, 21*16))),
		"a key too few":           summed(body[:len(body)-16]),
		"half a key":              summed(body[:len(body)-8]),
		"something more":          summed(append(bytes.Clone(body), 0)),
		"no counter":              summed(body[:13]),
		"a counter in the serial": summed(counted),
		"a serial cut short":      summed(counted[:9]),
	} {
		if d, err := Parse(state); d != nil || !errors.Is(err, ErrState) {
			t.Errorf("%s: %v, %v", what, d, err)
		}
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x10
		if _, err := Parse(bad); !errors.Is(err, ErrState) {
			t.Fatalf("byte %d damaged: %v", i, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, d := range []Device{loadAES(f, initial128), loadAES(f, initial256), loadTDES(f)} {
		for range 5 {
			state := d.State()
			f.Add(state[:len(state)-sumSize])
			d.NextPIN()
		}
		d.Wipe()
		state := d.State()
		f.Add(state[:len(state)-sumSize])
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		state := summed(body)
		d, err := Parse(state)
		if err != nil {
			if d != nil || !errors.Is(err, ErrState) {
				t.Fatalf("%v, %v", d, err)
			}
			return
		}
		if again := d.State(); !bytes.Equal(again, state) {
			t.Fatalf("parsed and stored: %d bytes, want %d", len(again), len(state))
		}
		if _, serial, err := d.NextPIN(); err == nil != (serial != nil) || err != nil && !d.Exhausted() {
			t.Fatalf("serial number %X, %v", serial, err)
		}
		if again, err := Parse(d.State()); err != nil || fmt.Sprint(again) != fmt.Sprint(d) {
			t.Fatalf("the next state: %v", err)
		}
	})
}
