package pinblock

import "io"

// Encode0 makes a clear block of format 0 and wipes pin. Errors: ErrPIN, ErrPAN.
func Encode0(pin, pan []byte) ([]byte, error) {
	defer clear(pin)
	if err := check(pin, pan); err != nil {
		return nil, err
	}
	block := filled(0xFF)
	plain(block, 0, pin)
	xor(block, account8(pan))
	return block, nil
}

// Decode0 takes a clear block of format 0 apart. Errors: ErrPAN, ErrBlock.
func Decode0(block, pan []byte) (pin []byte, err error) {
	return decode(block, pan, 0, func(v byte) bool { return v == 0xF })
}

// Encode2 makes the block of a card's VERIFY command (EMV Book 3, VERIFY
// Command-Response APDUs) and wipes pin. Error: ErrPIN.
func Encode2(pin []byte) ([]byte, error) {
	defer clear(pin)
	if err := checkPIN(pin); err != nil {
		return nil, err
	}
	block := filled(0xFF)
	plain(block, 2, pin)
	return block, nil
}

// Decode2 takes a block of format 2 apart. Error: ErrBlock.
func Decode2(block []byte) (pin []byte, err error) {
	if len(block) != 8 {
		return nil, ErrBlock
	}
	return open(block, 2, func(v byte) bool { return v == 0xF })
}

// Encode3 makes a clear block of format 3 and wipes pin. The filling is A to F,
// drawn from random, which is crypto/rand.Reader but in tests. Errors: ErrPIN,
// ErrPAN, and random's.
func Encode3(pin, pan []byte, random io.Reader) ([]byte, error) {
	defer clear(pin)
	if err := check(pin, pan); err != nil {
		return nil, err
	}
	block := filled(0)
	for at := 2 + len(pin); at < 16; at++ {
		v, err := filler(random)
		if err != nil {
			return nil, err
		}
		put(block, at, v)
	}
	plain(block, 3, pin)
	xor(block, account8(pan))
	return block, nil
}

// filler draws one of the six nibbles A to F. 252 is the largest multiple of six
// in a byte: what is above it would make some of them likelier.
func filler(random io.Reader) (byte, error) {
	for {
		var b [1]byte
		if _, err := io.ReadFull(random, b[:]); err != nil {
			return 0, err
		}
		if b[0] < 252 {
			return 0xA + b[0]%6, nil
		}
	}
}

// Decode3 takes a clear block of format 3 apart. Errors: ErrPAN, ErrBlock.
func Decode3(block, pan []byte) (pin []byte, err error) {
	return decode(block, pan, 3, func(v byte) bool { return v >= 0xA })
}

func decode(block, pan []byte, format byte, filling func(byte) bool) ([]byte, error) {
	if err := CheckPAN(pan); err != nil {
		return nil, err
	}
	if len(block) != 8 {
		return nil, ErrBlock
	}
	field := account8(pan)
	defer clear(field)
	xor(field, block)
	return open(field, format, filling)
}

func check(pin, pan []byte) error {
	if err := checkPIN(pin); err != nil {
		return err
	}
	return CheckPAN(pan)
}

func filled(with byte) []byte {
	block := make([]byte, 8)
	for i := range block {
		block[i] = with
	}
	return block
}
