package emvkernel

// AccountNumber decodes '5A': 8 to 19 digits in up to ten bytes, filled with 'F'.
func AccountNumber(b []byte) (Secret, bool) {
	if len(b) > 10 {
		return nil, false
	}
	digits, n := leadingDigits(b)
	for ; n < 2*len(b); n++ {
		if nibble(b, n) != 0x0F {
			return nil, false
		}
	}
	return digits, len(digits) >= 8 && len(digits) <= 19
}

// Track2 is what a track 2 image says of the account.
type Track2 struct {
	PAN         Secret  // digits; the caller's
	Expiry      [2]byte // YYMM as coded
	ServiceCode string  // three digits
}

// ParseTrack2 decodes '57' or '9F6B': the account number's digits up to the separator 'D', behind it expiry
// date (4 digits), service code (3) and discretionary data, all digits, and one 'F' where that leaves half a
// byte (EMV Book 3, Annex A, "Track 2 Equivalent Data").
func ParseTrack2(b []byte) (t Track2, ok bool) {
	digits, n := leadingDigits(b)
	if len(b) > 19 || n >= 2*len(b) || nibble(b, n) != 0x0D {
		return Track2{}, false
	}
	end := 2 * len(b)
	if nibble(b, end-1) == 0x0F {
		end--
	}
	n++
	if end-n < 4+3 {
		return Track2{}, false
	}
	for i := n; i < end; i++ {
		if nibble(b, i) > 9 {
			return Track2{}, false
		}
	}
	t.PAN = digits
	t.Expiry = [2]byte{nibble(b, n)<<4 | nibble(b, n+1), nibble(b, n+2)<<4 | nibble(b, n+3)}
	t.ServiceCode = string([]byte{'0' + nibble(b, n+4), '0' + nibble(b, n+5), '0' + nibble(b, n+6)})
	return t, true
}

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
