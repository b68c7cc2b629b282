package pinblock

import (
	"crypto/cipher"
	"errors"
	"io"
)

// errKey is a mistake of the caller's, who chose the cipher.
var errKey = errors.New("pinblock: format 4 needs a block cipher of 16 bytes, AES")

// Encipher4 makes an enciphered block of format 4 and wipes pin. The key is that
// of an AES cipher; random is crypto/rand.Reader but in tests. Errors: ErrPIN,
// ErrPAN, and random's.
func Encipher4(key cipher.Block, pin, pan []byte, random io.Reader) ([]byte, error) {
	defer clear(pin)
	if err := check(pin, pan); err != nil {
		return nil, err
	}
	if key.BlockSize() != 16 {
		return nil, errKey
	}
	field := make([]byte, 16)
	defer clear(field)
	for i := range field[:8] {
		field[i] = 0xAA
	}
	plain(field, 4, pin)
	if _, err := io.ReadFull(random, field[8:]); err != nil {
		return nil, err
	}
	block := make([]byte, 16)
	key.Encrypt(block, field)
	xor(block, account16(pan))
	key.Encrypt(block, block)
	return block, nil
}

// Decipher4 takes an enciphered block of format 4 apart. Errors: ErrPAN,
// ErrBlock.
func Decipher4(key cipher.Block, block, pan []byte) (pin []byte, err error) {
	if err := CheckPAN(pan); err != nil {
		return nil, err
	}
	if key.BlockSize() != 16 {
		return nil, errKey
	}
	if len(block) != 16 {
		return nil, ErrBlock
	}
	field := make([]byte, 16)
	defer clear(field)
	key.Decrypt(field, block)
	xor(field, account16(pan))
	key.Decrypt(field, field)
	return open(field[:8], 4, func(v byte) bool { return v == 0xA })
}
