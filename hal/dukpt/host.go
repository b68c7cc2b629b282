package dukpt

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
)

// AESInitialKey is what a host loads into the device with this id: a key as long
// as the BDK. Errors: ErrKey.
func AESInitialKey(bdk []byte, id [8]byte) ([]byte, error) {
	t := derivationType(len(bdk))
	if t == 0 {
		return nil, ErrKey
	}
	return expand(bdk, initialDerivation, t, id), nil
}

// AESWorkingKey is a device's working key for a key serial number (12 bytes), out
// of its initial key. Errors: ErrKey, ErrSerial.
func AESWorkingKey(initialKey, serial []byte, usage Usage, t KeyType) ([]byte, error) {
	if derivationType(len(initialKey)) == 0 || !permitted(len(initialKey), t) {
		return nil, ErrKey
	}
	if len(serial) != 12 {
		return nil, ErrSerial
	}
	d := newAES(len(initialKey), [8]byte(serial))
	counter := binary.BigEndian.Uint32(serial[8:])
	if !d.valid(counter) {
		return nil, ErrSerial
	}
	return expand(walk(initialKey, counter, d.derive), usage, t, transaction(d.id, counter)), nil
}

// AESPINKey is the cipher of the PIN block that came with a key serial number.
// Errors: ErrKey, ErrSerial.
func AESPINKey(initialKey, serial []byte) (cipher.Block, error) {
	key, err := AESWorkingKey(initialKey, serial, PINEncryption, AES128)
	if err != nil {
		return nil, err
	}
	return aes.NewCipher(key)
}

// TDESInitialKey is what a host loads into the device with this key serial
// number, whatever its counter. The BDK has 16 bytes. Errors: ErrKey.
func TDESInitialKey(bdk []byte, serial [10]byte) ([]byte, error) {
	if len(bdk) != tdesKey {
		return nil, ErrKey
	}
	serial = withCounter(serial, 0)
	varied := bytes.Clone(bdk)
	defer clear(varied)
	vary(varied, leftVariant)
	key := make([]byte, tdesKey)
	for i, half := range [][]byte{bdk, varied} {
		block, err := twoKey(half)
		if err != nil {
			return nil, err
		}
		block.Encrypt(key[8*i:], serial[:8])
	}
	return key, nil
}

// TDESPINKey is the cipher of the PIN block that came with a key serial number
// (10 bytes), out of the device's initial key. Errors: ErrKey, ErrSerial.
func TDESPINKey(initialKey, serial []byte) (cipher.Block, error) {
	if len(initialKey) != tdesKey {
		return nil, ErrKey
	}
	if len(serial) != 10 {
		return nil, ErrSerial
	}
	d := newTDES([10]byte(serial))
	counter := binary.BigEndian.Uint32(serial[6:]) & d.mask()
	if !d.valid(counter) {
		return nil, ErrSerial
	}
	key := bytes.Clone(walk(initialKey, counter, d.derive))
	vary(key, pinVariant)
	return twoKey(key)
}
