package transcript

import "strings"

// Card numbers have 12 to 19 digits. Nine in a row are recognised wherever they stand: eight may tell the
// issuer and nothing else.
const (
	leastNumber = 12
	mostNumber  = 19
	piece       = 9
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

// zero makes everything but filler zero.
func zero(b []byte, from, to int) {
	for i := from; i < to; i++ {
		if nibble(b, i) != 0x0F {
			setNibble(b, i, 0)
		}
	}
}

// accountNumber is a card number that was learnt.
type accountNumber struct {
	digits string
	mark   byte // zero, or tells it from an earlier one that ends with the same four digits
	keep   int  // how many digits at its end may be shown: four, or none where it is a part of another
}

// place is where in a number that was learnt nine digits stand.
type place struct{ number, offset int }

// mostLearnt numbers or names are remembered: more than any card has, and few enough that one that lies does
// not make redaction endless.
const mostLearnt = 64

// row is a row of digits: the nibbles of bytes, or the characters of a text.
type row struct {
	length int
	at     func(i int) byte // more than 9: no digit
	put    func(i int, digit byte)
	tail   func(end int) // takes out the track data that may follow a number
}

func nibbles(b []byte) row {
	return row{
		2 * len(b), func(i int) byte { return nibble(b, i) }, func(i int, digit byte) { setNibble(b, i, digit) },
		func(end int) {
			if end < 2*len(b) && nibble(b, end) == 0x0D {
				maskTrackTail(b, end+1)
			}
		},
	}
}

func characters(b []byte) row {
	return row{
		len(b), func(i int) byte { return b[i] - '0' }, func(i int, digit byte) { b[i] = '0' + digit },
		func(end int) {
			if end < len(b) && (b[end] == '^' || b[end] == '=' || b[end] == 'D') {
				maskTextTail(b[end+1:])
			}
		},
	}
}

// spaced is a text in which blanks and hyphens may stand between digits.
func spaced(b []byte) row {
	var places []int
	for i, c := range b {
		if c != ' ' && c != '-' {
			places = append(places, i)
		}
	}
	return row{
		len(places), func(i int) byte { return b[places[i]] - '0' }, func(i int, digit byte) { b[places[i]] = '0' + digit },
		func(int) {},
	}
}

func clearDigits(digits row, from, to int) {
	for i := from; i < to; i++ {
		digits.put(i, 0)
	}
}

// mask takes what was learnt of numbers out of a row: whole ones but for the digits that may be shown, and
// pieces of at least nine digits. Pieces of little but zeros stay, because amounts look like them.
func (r *Redactor) mask(digits row) {
	if len(r.numbers) == 0 {
		return
	}
	for i := 0; i+piece <= digits.length; i++ {
		var nine [piece]byte
		for j := range nine {
			nine[j] = digits.at(i + j)
		}
		var best place
		length := 0
		for _, p := range r.places[nine] {
			number := r.numbers[p.number].digits[p.offset:]
			n := piece
			for n < len(number) && i+n < digits.length && digits.at(i+n) == number[n]-'0' {
				n++
			}
			if n > length {
				best, length = p, n
			}
		}
		if length == 0 {
			continue
		}
		number := r.numbers[best.number]
		whole, end, last := length == len(number.digits), i+length, best.offset+length == len(number.digits)
		shown := 0
		if last {
			shown = number.keep
		}
		found := number.digits[best.offset : best.offset+length]
		if !whole && (length-strings.Count(found, "0") < 4 || strings.Trim(found[:length-shown], "0") == "") {
			continue
		}
		clearDigits(digits, i, end-shown)
		if whole && shown > 0 {
			digits.put(end-shown-1, number.mark)
		}
		if last {
			digits.tail(end)
		}
		i = end - shown - 1
	}
}

// redacted: nothing but the last four digits and the mark before them is left of it.
func redacted(digits string) bool {
	return len(digits) >= piece && strings.Trim(digits[:len(digits)-5], "0") == ""
}

// maskTrackTail keeps expiry and service code, seven digits, and makes zeros of the issuer's own data, as far
// as there are digits.
func maskTrackTail(b []byte, from int) {
	for i := from; i < 2*len(b) && nibble(b, i) <= 9; i++ {
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
	runs(nibbles(b), func(from, to int) {
		zeroDigits(b, from, to)
		if to < 2*len(b) && nibble(b, to) == 0x0D {
			zeroDigits(b, to, 2*len(b))
		}
	})
	maskTextRuns(b)
}

// maskTextRuns does so for text alone: letters look like digits by their nibbles.
func maskTextRuns(b []byte) {
	text := characters(b)
	runs(text, func(from, to int) {
		fill(b[from:to], '0')
		text.tail(to)
	})
}

// runs calls mask for the runs of digits in a row that are suspicious.
func runs(digits row, mask func(from, to int)) {
	for i := 0; i < digits.length; {
		end := i
		for end < digits.length && digits.at(end) <= 9 {
			end++
		}
		if suspicious(end-i, func(k int) byte { return digits.at(i + k) }) {
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
