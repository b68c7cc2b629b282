package decode

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Currency decodes a numeric currency code in two bytes, as '5F2A' and '9F42'.
func Currency(b []byte) (Item, error) {
	number, ok := number(b)
	if len(b) != 2 || !ok {
		return Item{}, wrong("currency code", len(b), "2 of digits")
	}
	meaning := "not in the table"
	for _, c := range currencies {
		if c.number == number {
			meaning = fmt.Sprintf("%s, %s", c.code, plural(c.decimals, "decimal"))
		}
	}
	return Item{Name: "Currency Code", Value: hexOf(b), Meaning: meaning}, nil
}

// CurrencyCode returns the numeric code and the decimals of a currency given as "EUR" or "978". It is not ok
// for letters or digits that are no code; one that is not in the table has -1 decimals.
func CurrencyCode(s string) (code uint16, decimals int, ok bool) {
	for _, c := range currencies {
		if c.code == strings.ToUpper(s) || fmt.Sprintf("%03d", c.number) == s {
			return uint16(c.number), c.decimals, true
		}
	}
	n, err := strconv.ParseUint(s, 10, 16)
	return uint16(n), -1, err == nil && len(s) == 3 && n > 0
}

// currencies: ISO 4217, those most cards are issued in.
var currencies = []struct {
	code             string
	number, decimals int
}{
	{"AED", 784, 2}, {"AUD", 36, 2}, {"BRL", 986, 2}, {"CAD", 124, 2}, {"CHF", 756, 2}, {"CLP", 152, 0}, {"CNY", 156, 2},
	{"CZK", 203, 2}, {"DKK", 208, 2}, {"EUR", 978, 2}, {"GBP", 826, 2}, {"HKD", 344, 2}, {"HUF", 348, 2}, {"IDR", 360, 2},
	{"ILS", 376, 2}, {"INR", 356, 2}, {"JPY", 392, 0}, {"KRW", 410, 0}, {"KWD", 414, 3}, {"MXN", 484, 2}, {"MYR", 458, 2},
	{"NOK", 578, 2}, {"NZD", 554, 2}, {"PHP", 608, 2}, {"PLN", 985, 2}, {"RON", 946, 2}, {"RUB", 643, 2}, {"SAR", 682, 2},
	{"SEK", 752, 2}, {"SGD", 702, 2}, {"THB", 764, 2}, {"TRY", 949, 2}, {"TWD", 901, 2}, {"UAH", 980, 2}, {"USD", 840, 2}, {"ZAR", 710, 2},
}

// countries: ISO 3166-1, those most cards are issued in.
var countries = map[int]string{
	784: "AE", 36: "AU", 40: "AT", 56: "BE", 76: "BR", 124: "CA", 152: "CL", 156: "CN", 203: "CZ", 208: "DK", 246: "FI", 250: "FR",
	276: "DE", 300: "GR", 344: "HK", 348: "HU", 356: "IN", 360: "ID", 372: "IE", 376: "IL", 380: "IT", 392: "JP", 410: "KR", 442: "LU",
	458: "MY", 484: "MX", 528: "NL", 554: "NZ", 578: "NO", 608: "PH", 616: "PL", 620: "PT", 642: "RO", 643: "RU", 682: "SA", 702: "SG",
	710: "ZA", 724: "ES", 752: "SE", 756: "CH", 764: "TH", 792: "TR", 804: "UA", 826: "GB", 840: "US",
}

// Country decodes a numeric country code in two bytes, as '5F28' and '9F1A'.
func Country(b []byte) (Item, error) {
	number, ok := number(b)
	if len(b) != 2 || !ok {
		return Item{}, wrong("country code", len(b), "2 of digits")
	}
	meaning, ok := countries[number]
	if !ok {
		meaning = "not in the table"
	}
	return Item{Name: "Country Code", Value: hexOf(b), Meaning: meaning}, nil
}

// Date decodes three bytes YYMMDD; years from 50 on are of the last century (EMV Book 4, 6.7.3).
func Date(b []byte) (Item, error) {
	if _, ok := number(b); !ok || len(b) != 3 {
		return Item{}, wrong("date", len(b), "3 of digits")
	}
	century := "20"
	if b[0] >= 0x50 {
		century = "19"
	}
	meaning := fmt.Sprintf("%s%02X-%02X-%02X", century, b[0], b[1], b[2])
	if _, err := time.Parse(time.DateOnly, meaning); err != nil {
		meaning += ", which is no day"
	}
	return Item{Name: "Date", Value: hexOf(b), Meaning: meaning}, nil
}

// Time decodes three bytes HHMMSS.
func Time(b []byte) (Item, error) {
	if _, ok := number(b); !ok || len(b) != 3 {
		return Item{}, wrong("time", len(b), "3 of digits")
	}
	return Item{Name: "Time", Value: hexOf(b), Meaning: fmt.Sprintf("%02X:%02X:%02X", b[0], b[1], b[2])}, nil
}

// Track2 decodes track 2 equivalent data, '57' (ISO/IEC 7813): card number, expiry, service code and the
// issuer's own data.
func Track2(b []byte) (Item, error) {
	const name = "Track 2 Equivalent Data"
	if len(b) == 0 || len(b) > 19 {
		return Item{}, wrong(name, len(b), "1 to 19")
	}
	digits := strings.TrimRight(hexOf(b), "F")
	pan, rest, found := strings.Cut(digits, "D")
	if !found || len(rest) < 7 {
		return Item{}, fmt.Errorf("%w: %s without separator, expiry and service code", ErrForm, name)
	}
	return Item{Name: name, Value: hexOf(b), Items: []Item{
		{Name: "card number", Meaning: pan},
		{Name: "expires", Meaning: "20" + rest[:2] + "-" + rest[2:4]},
		{Name: "service code", Meaning: ServiceCode(rest[4:7])},
		{Name: "discretionary data", Meaning: rest[7:]},
	}}, nil
}

// ServiceCode says what the three digits of a service code mean (ISO/IEC 7813).
func ServiceCode(digits string) string {
	first := map[byte]string{'1': "international", '2': "international, chip", '5': "national", '6': "national, chip", '7': "private", '9': "test"}
	second := map[byte]string{'0': "normal authorization", '2': "online", '4': "online unless agreed"}
	third := map[byte]string{
		'0': "PIN required", '1': "no restrictions", '2': "goods and services", '3': "ATM with PIN", '4': "cash",
		'5': "goods and services with PIN", '6': "PIN if possible", '7': "goods and services, PIN if possible",
	}
	if len(digits) != 3 || first[digits[0]] == "" || second[digits[1]] == "" || third[digits[2]] == "" {
		return digits + " (reserved)"
	}
	return fmt.Sprintf("%s (%s; %s; %s)", digits, first[digits[0]], second[digits[1]], third[digits[2]])
}

func number(b []byte) (n int, ok bool) {
	for _, c := range b {
		if c>>4 > 9 || c&0x0F > 9 {
			return 0, false
		}
		n = n*100 + int(c>>4)*10 + int(c&0x0F)
	}
	return n, true
}

// printable shows text; what is no printable ASCII becomes a dot.
func printable(b []byte) string {
	out := make([]byte, len(b))
	for i, c := range b {
		out[i] = c
		if c < 0x20 || c > 0x7E {
			out[i] = '.'
		}
	}
	return strconv.Quote(string(out))
}
