package transcript

import (
	"bytes"
	"strings"
)

// Card numbers have 12 to 19 digits: 8 are the least a number is learnt from, since a card may be wrong.
const (
	leastNumber  = 12
	mostNumber   = 19
	leastLearned = 8
)

// nibble i of b, counted from the left half of the first byte.
func nibble(b []byte, i int) byte {
	if i%2 == 0 {
		return b[i/2] >> 4
	}
	return b[i/2] & 0x0F
}

func setNibble(b []byte, i int, v byte) {
	if i%2 == 0 {
		b[i/2] = b[i/2]&0x0F | v<<4
	} else {
		b[i/2] = b[i/2]&0xF0 | v
	}
}

// zeroDigits makes the decimal nibbles from..to-1 zero; separators and filler stay.
func zeroDigits(b []byte, from, to int) {
	for i := from; i < to; i++ {
		if nibble(b, i) <= 9 {
			setNibble(b, i, 0)
		}
	}
}

// findDigits returns where the digits begin in b's nibbles, at or after from, or -1.
func findDigits(b []byte, digits string, from int) int {
	for i := from; i+len(digits) <= 2*len(b); i++ {
		j := 0
		for j < len(digits) && nibble(b, i+j) == digits[j]-'0' {
			j++
		}
		if j == len(digits) {
			return i
		}
	}
	return -1
}

// accountNumber is a card number that was learnt. mark is zero, or tells it from an earlier one that ends
// with the same four digits.
type accountNumber struct {
	digits string
	mark   byte
}

// redacted: nothing but the last four digits and the mark before them is left of it.
func redacted(digits string) bool {
	return len(digits) >= leastLearned && strings.Trim(digits[:len(digits)-5], "0") == ""
}

// maskNumber takes a card number out of b wherever it stands: as nibbles, even or odd, and as text. Its
// last four digits stay. What follows a field separator is track data, and goes too.
func maskNumber(b []byte, a accountNumber) {
	const keep = 4
	number := a.digits
	for i := findDigits(b, number, 0); i >= 0; i = findDigits(b, number, i+1) {
		end := i + len(number)
		zeroDigits(b, i, end-keep)
		setNibble(b, end-keep-1, a.mark)
		if end < 2*len(b) && nibble(b, end) == 0x0D {
			maskTrackTail(b, end+1)
		}
	}
	for from := 0; ; {
		i := bytes.Index(b[from:], []byte(number))
		if i < 0 {
			return
		}
		i += from
		end := i + len(number)
		fill(b[i:end-keep], '0')
		b[end-keep-1] = '0' + a.mark
		if end < len(b) && (b[end] == '^' || b[end] == '=' || b[end] == 'D') {
			maskTextTail(b[end+1:])
		}
		from = i + 1
	}
}

// maskPrefix takes out what a list that asks for less than the whole leaves of a number: at least nine
// digits, for eight may tell the issuer and nothing else.
func maskPrefix(b []byte, number string) {
	for n := len(number) - 1; n >= 9; n-- {
		for i := findDigits(b, number[:n], 0); i >= 0; i = findDigits(b, number[:n], i+1) {
			zeroDigits(b, i, i+n)
		}
		for from := 0; ; {
			i := bytes.Index(b[from:], []byte(number[:n]))
			if i < 0 {
				break
			}
			fill(b[from+i:from+i+n], '0')
			from += i + n
		}
	}
}

// maskTrackTail keeps expiry and service code, seven digits, and makes zeros of the issuer's own data.
func maskTrackTail(b []byte, from int) {
	i := from
	for ; i < 2*len(b) && nibble(b, i) <= 9; i++ {
		if i >= from+7 {
			setNibble(b, i, 0)
		}
	}
}

// maskTextTail makes zeros of track data in text, up to what no track has.
func maskTextTail(b []byte) {
	for i, c := range b {
		if c < 0x20 || c > 0x7E {
			return
		}
		if c != '^' && c != '=' {
			b[i] = '0'
		}
	}
}

// maskRuns makes zeros of every run of digits that may be a card number with something around it, as
// nibbles and as text. It is for bytes of which nothing else is known, and takes out too much rather than
// too little.
func maskRuns(b []byte) {
	runs(2*len(b), func(i int) byte { return nibble(b, i) }, func(from, to int) {
		zeroDigits(b, from, to)
		if to < 2*len(b) && nibble(b, to) == 0x0D {
			zeroDigits(b, to, 2*len(b))
		}
	})
	maskTextRuns(b)
}

// maskTextRuns does so for text alone: letters look like digits by their nibbles.
func maskTextRuns(b []byte) {
	runs(len(b), func(i int) byte { return b[i] - '0' }, func(from, to int) {
		fill(b[from:to], '0')
		if to < len(b) && (b[to] == '^' || b[to] == '=' || b[to] == 'D') {
			maskTextTail(b[to+1:])
		}
	})
}

// runs calls mask for the runs of digits among length places that are suspicious.
func runs(length int, digit func(int) byte, mask func(from, to int)) {
	for i := 0; i < length; {
		end := i
		for end < length && digit(end) <= 9 {
			end++
		}
		if suspicious(end-i, func(k int) byte { return digit(i + k) }) {
			mask(i, end)
		}
		i = end + 1
	}
}

// suspicious: somewhere in the run are digits with the length and the check digit of a card number.
func suspicious(length int, digit func(int) byte) bool {
	for start := 0; start+leastNumber <= length; start++ {
		if digit(start) == 0 {
			continue
		}
		for n := leastNumber; n <= mostNumber && start+n <= length; n++ {
			if luhn(n, func(k int) byte { return digit(start + k) }) {
				return true
			}
		}
	}
	return false
}

// luhn: the check digit is right (ISO/IEC 7812-1).
func luhn(n int, digit func(int) byte) bool {
	sum := 0
	for i := range n {
		d := int(digit(i))
		if (n-i)%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

func fill(b []byte, c byte) {
	for i := range b {
		b[i] = c
	}
}
