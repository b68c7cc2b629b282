package pinblock

import "errors"

var (
	// ErrPIN is returned when a PIN is not 4 to 12 ASCII digits.
	ErrPIN = errors.New("pinblock: a PIN is 4 to 12 digits")
	// ErrPAN is returned when an account number is not 8 to 19 ASCII digits.
	ErrPAN = errors.New("pinblock: an account number is 8 to 19 digits")
	// ErrBlock is returned by decoders for what is no block of their format. It
	// is all they say, so that nobody learns how close a guess was: the wrong
	// key, the wrong account number and a forged block look alike.
	ErrBlock = errors.New("pinblock: no PIN block of this format, key and account number")
)

// Lengths of PINs (ISO 9564-1).
const (
	MinDigits = 4
	MaxDigits = 12
)

// CheckPAN says with ErrPAN that no block can be made with this account number.
func CheckPAN(pan []byte) error {
	if len(pan) < 8 || len(pan) > 19 || !digits(pan) {
		return ErrPAN
	}
	return nil
}

func checkPIN(pin []byte) error {
	if len(pin) < MinDigits || len(pin) > MaxDigits || !digits(pin) {
		return ErrPIN
	}
	return nil
}

func digits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// put writes a nibble, the left one of a byte first.
func put(block []byte, at int, nibble byte) {
	if at%2 == 0 {
		block[at/2] = block[at/2]&0x0F | nibble<<4
	} else {
		block[at/2] = block[at/2]&0xF0 | nibble
	}
}

func get(block []byte, at int) byte {
	if at%2 == 0 {
		return block[at/2] >> 4
	}
	return block[at/2] & 0x0F
}

func xor(to, from []byte) {
	for i, b := range from {
		to[i] ^= b
	}
}
