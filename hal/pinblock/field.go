package pinblock

// plain begins a block: the format, the number of digits, the digits. What
// follows them is the format's filling, up to the end of the first eight bytes.
func plain(block []byte, format byte, pin []byte) {
	put(block, 0, format)
	put(block, 1, byte(len(pin)))
	for i, c := range pin {
		put(block, 2+i, c-'0')
	}
}

// open takes apart what plain and filling made. The caller wipes the digits.
func open(block []byte, format byte, filling func(byte) bool) ([]byte, error) {
	n := int(get(block, 1))
	ok := get(block, 0) == format && n >= MinDigits && n <= MaxDigits
	pin := make([]byte, 0, MaxDigits)
	for at := 2; at < 16; at++ {
		v := get(block, at)
		if at < 2+n {
			ok = ok && v <= 9
			if len(pin) < MaxDigits {
				pin = append(pin, '0'+v)
			}
		} else {
			ok = ok && filling(v)
		}
	}
	if !ok {
		clear(pin)
		return nil, ErrBlock
	}
	return pin, nil
}

// account8 is what formats 0 and 3 add: the twelve digits before the check
// digit, with zeros to the left of them.
func account8(pan []byte) []byte {
	field := make([]byte, 8)
	for i, at := len(pan)-2, 15; i >= 0 && at >= 4; i, at = i-1, at-1 {
		put(field, at, pan[i]-'0')
	}
	return field
}

// account16 is what format 4 adds: how many digits more than twelve there are,
// all of them from the left, zeros. Fewer than twelve get zeros on their left.
func account16(pan []byte) []byte {
	field := make([]byte, 16)
	at := 1 + max(0, 12-len(pan))
	put(field, 0, byte(max(0, len(pan)-12)))
	for i, c := range pan {
		put(field, at+i, c-'0')
	}
	return field
}
