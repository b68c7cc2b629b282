package dukpt

import (
	"bytes"
	"crypto/cipher"
	"crypto/des"
	"encoding/binary"
)

// TDES is the device's side of TDES DUKPT.
type TDES struct {
	serial [10]byte // with a counter of 0
	registers
}

func newTDES(serial [10]byte) *TDES {
	return &TDES{serial: serial, registers: registers{width: counterBits, ones: 10}}
}

// The sizes of TDES DUKPT.
const (
	counterBits = 21
	tdesKey     = 16 // bytes of every key
)

// LoadTDES makes a device out of its initial key (16 bytes, which the caller
// wipes) and its initial key serial number, whose counter must be 0. Errors:
// ErrKey, ErrSerial.
func LoadTDES(initialKey []byte, serial [10]byte) (*TDES, error) {
	if len(initialKey) != tdesKey {
		return nil, ErrKey
	}
	if withCounter(serial, 0) != serial {
		return nil, ErrSerial
	}
	d := newTDES(serial)
	d.load(initialKey, d.derive)
	return d, nil
}

// NextPIN implements Device.
func (d *TDES) NextPIN() (cipher.Block, []byte, error) {
	if d.Exhausted() {
		return nil, nil, ErrExhausted
	}
	key, counter := d.next(d.derive)
	defer clear(key)
	vary(key, pinVariant)
	block, err := twoKey(key)
	serial := withCounter(d.serial, counter)
	return block, serial[:], err
}

// PINBlockSize implements Device.
func (d *TDES) PINBlockSize() int { return des.BlockSize }

// Exhausted implements Device.
func (d *TDES) Exhausted() bool { return d.counter == 0 }

// Serial implements Device.
func (d *TDES) Serial() []byte { return bytes.Clone(d.serial[:]) }

// Wipe implements Device.
func (d *TDES) Wipe() { d.wipe() }

func (d *TDES) derive(parent []byte, counter uint32) []byte {
	return oneWay(parent, withCounter(d.serial, counter))
}

// Variants: what is added to both halves of a key to get another one of it.
const (
	pinVariant  uint64 = 0x00000000000000FF // for PIN encryption
	leftVariant uint64 = 0xC0C0C0C000000000 // for the other half of a derived key
)

func vary(key []byte, variant uint64) {
	for half := key; len(half) > 0; half = half[8:] {
		binary.BigEndian.PutUint64(half, binary.BigEndian.Uint64(half)^variant)
	}
}

// withCounter puts a counter into the last 21 bits of a key serial number.
func withCounter(serial [10]byte, counter uint32) [10]byte {
	const mask = 1<<counterBits - 1
	tail := binary.BigEndian.Uint32(serial[6:])
	binary.BigEndian.PutUint32(serial[6:], tail&^mask|counter&mask)
	return serial
}

// oneWay is the key of a branch (X9.24-1:2009 A.2, non-reversible key generation):
// the last eight bytes of the serial number, masked with the right half of the
// parent, through DES with the left half, and masked again; that is the right half
// of the new key. The left half is made in the same way with a variant of the parent.
func oneWay(parent []byte, serial [10]byte) []byte {
	varied := bytes.Clone(parent)
	defer clear(varied)
	vary(varied, leftVariant)
	key := make([]byte, tdesKey)
	half(key[:8], varied, serial)
	half(key[8:], parent, serial)
	return key
}

func half(to, parent []byte, serial [10]byte) {
	block, err := des.NewCipher(parent[:8])
	if err != nil {
		panic(err) // eight bytes are a DES key
	}
	mask := binary.BigEndian.Uint64(parent[8:])
	binary.BigEndian.PutUint64(to, binary.BigEndian.Uint64(serial[2:])^mask)
	block.Encrypt(to, to)
	binary.BigEndian.PutUint64(to, binary.BigEndian.Uint64(to)^mask)
}

// twoKey is TDES with a key of two halves: left, right, left.
func twoKey(key []byte) (cipher.Block, error) {
	long := append(bytes.Clone(key), key[:8]...)
	defer clear(long)
	return des.NewTripleDESCipher(long)
}
