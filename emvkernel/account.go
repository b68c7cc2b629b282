package emvkernel

// AccountNumber decodes '5A': 8 to 19 digits in up to ten bytes, filled with 'F'. The digits are a copy, the caller's
// to wipe; there is none where ok is false.
func AccountNumber(b []byte) (digits Secret, ok bool) {
	if len(b) > 10 {
		return nil, false
	}
	digits, n := leadingDigits(b)
	ok = accountLength(digits)
	for ; n < 2*len(b); n++ {
		ok = ok && nibble(b, n) == 0x0F
	}
	if !ok {
		digits.Wipe()
		return nil, false
	}
	return digits, true
}

// Track2 is what a track 2 image says of the account.
type Track2 struct {
	PAN         Secret  // 8 to 19 digits; a copy, the caller's to wipe
	Expiry      [2]byte // YYMM as coded; digits, but perhaps no month
	ServiceCode string  // three digits
}

// ParseTrack2 decodes '57' or '9F6B': the account number's digits up to the separator 'D', behind it expiry
// date (4 digits), service code (3) and discretionary data, all digits, and one 'F' where that leaves half a
// byte (EMV Book 3, Annex A, "Track 2 Equivalent Data"). There is nothing in t where ok is false.
func ParseTrack2(b []byte) (t Track2, ok bool) {
	if len(b) > 19 {
		return Track2{}, false
	}
	digits, n := leadingDigits(b)
	end := 2 * len(b)
	if end > 0 && nibble(b, end-1) == 0x0F {
		end--
	}
	ok = accountLength(digits) && end-n >= 1+4+3 && nibble(b, n) == 0x0D
	for n++; ok && n < end; n++ {
		ok = nibble(b, n) <= 9
	}
	if !ok {
		digits.Wipe()
		return Track2{}, false
	}
	n = len(digits) + 1
	return Track2{
		PAN:         digits,
		Expiry:      [2]byte{nibble(b, n)<<4 | nibble(b, n+1), nibble(b, n+2)<<4 | nibble(b, n+3)},
		ServiceCode: string([]byte{'0' + nibble(b, n+4), '0' + nibble(b, n+5), '0' + nibble(b, n+6)}),
	}, true
}

func accountLength(digits Secret) bool { return len(digits) >= 8 && len(digits) <= 19 }

func leadingDigits(b []byte) (digits Secret, n int) {
	digits = make(Secret, 0, 2*len(b))
	for n < 2*len(b) && nibble(b, n) <= 9 {
		digits = append(digits, '0'+nibble(b, n))
		n++
	}
	return digits, n
}

func nibble(b []byte, i int) byte {
	if i%2 == 0 {
		return b[i/2] >> 4
	}
	return b[i/2] & 0x0F
}
