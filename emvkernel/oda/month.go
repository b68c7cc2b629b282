package oda

import "time"

// month counts months since year 0, so that expiry dates compare as numbers.
type month int

func monthOf(t time.Time) month {
	return month(t.Year()*12 + int(t.Month()) - 1)
}

// expiryMonth decodes the MMYY of a certificate, two BCD bytes. Years 00 to 49 are in this century,
// 50 to 99 in the last one (EMV Book 4, "Date Management").
func expiryMonth(b []byte) (month, bool) {
	mm, ok1 := bcd(b[0])
	yy, ok2 := bcd(b[1])
	if !ok1 || !ok2 || mm < 1 || mm > 12 {
		return 0, false
	}
	year := 2000 + yy
	if yy >= 50 {
		year = 1900 + yy
	}
	return month(year*12 + mm - 1), true
}

func bcd(b byte) (int, bool) {
	hi, lo := int(b>>4), int(b&0x0F)
	return hi*10 + lo, hi <= 9 && lo <= 9
}
