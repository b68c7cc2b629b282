package main

import (
	"strings"
	"testing"
)

func TestParseAmount(t *testing.T) {
	for _, test := range []struct {
		number, code string
		want         int64
		problem      string
	}{
		{"12.50", "usd", 1250, ""},
		{"12.5", "USD", 1250, ""},
		{"12", "eur", 1200, ""},
		{"0.01", "usd", 1, ""},
		{"00012.50", "usd", 1250, ""},
		{"1250", "jpy", 1250, ""},
		{"1.234", "kwd", 1234, ""},
		{"0.29", "usd", 29, ""}, // 0.29*100 is 28.999... in floating point
		{"1.15", "usd", 115, ""},
		{"999999.99", "usd", 99999999, ""},
		{"1000000.00", "usd", 0, "too large"},
		{"12.505", "usd", 0, "2 decimals"},
		{"12.50", "jpy", 0, "0 decimals"},
		{"0", "usd", 0, "more than nothing"},
		{"0.00", "usd", 0, "more than nothing"},
		{"-1", "usd", 0, "no amount"},
		{"+1", "usd", 0, "no amount"},
		{"1e3", "usd", 0, "no amount"},
		{"1,50", "usd", 0, "no amount"},
		{"1.", "usd", 0, "no amount"},
		{".5", "usd", 0, "no amount"},
		{"1.5.0", "usd", 0, "no amount"},
		{"", "usd", 0, "no amount"},
		{"٣", "usd", 0, "no amount"},
		{"12.50", "xxx1", 0, "no currency"},
		{"12.50", "", 0, "no currency"},
	} {
		got, lower, err := parseAmount(test.number, test.code)
		switch {
		case test.problem == "" && (err != nil || got != test.want || lower != strings.ToLower(test.code)):
			t.Errorf("%s %s: %d %s, %v", test.number, test.code, got, lower, err)
		case test.problem != "" && (err == nil || !strings.Contains(err.Error(), test.problem)):
			t.Errorf("%s %s: %d, %v, want %q", test.number, test.code, got, err, test.problem)
		}
	}
}

// What is accepted is written back as the same amount.
func FuzzParseAmount(f *testing.F) {
	f.Add("12.50", "usd")
	f.Add("7", "jpy")
	f.Add("1.234", "KWD")
	f.Fuzz(func(t *testing.T, number, code string) {
		minor, lower, err := parseAmount(number, code)
		if err != nil {
			return
		}
		written, _, _ := strings.Cut(money(minor, lower), " ")
		if again, _, err := parseAmount(written, lower); err != nil || again != minor {
			t.Fatalf("%s %s is %d, written %s, read %d, %v", number, code, minor, written, again, err)
		}
	})
}
