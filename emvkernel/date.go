package emvkernel

import "time"

// Date is a day as year*10000 + month*100 + day, so that days compare as numbers.
type Date int

// DateOf returns the day of a time, in its location.
func DateOf(t time.Time) Date {
	y, m, d := t.Date()
	return Date(y*10000 + int(m)*100 + d)
}

// ParseDate decodes YYMMDD, three BCD bytes. Years 00 to 49 are in this century, 50 to 99 in the last
// one (EMV Book 4, "Date Management"). A 31st that the month does not have is taken as its end: days
// compare as numbers, and refusing a card for it would protect nobody [unverified].
func ParseDate(b []byte) (Date, bool) {
	if len(b) != 3 {
		return 0, false
	}
	var n [3]int
	for i, c := range b {
		hi, lo := int(c>>4), int(c&0x0F)
		if hi > 9 || lo > 9 {
			return 0, false
		}
		n[i] = hi*10 + lo
	}
	year := 2000 + n[0]
	if n[0] >= 50 {
		year = 1900 + n[0]
	}
	valid := n[1] >= 1 && n[1] <= 12 && n[2] >= 1 && n[2] <= 31
	return Date(year*10000 + n[1]*100 + n[2]), valid
}

// Year returns the year, four digits.
func (d Date) Year() int { return int(d) / 10000 }

// Month returns the month, 1 to 12.
func (d Date) Month() int { return int(d) / 100 % 100 }
