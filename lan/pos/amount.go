package main

import (
	"fmt"
	"strings"

	"github.com/bojanz/currency"

	"smartreader/lan/wire"
)

// parseAmount turns "12.50" and "usd" into 1250 minor units, exactly: digits,
// at most one point, and no more decimals than the currency has (ISO 4217).
func parseAmount(number, code string) (minor int64, lower string, err error) {
	upper := strings.ToUpper(code)
	lower = strings.ToLower(code)
	digits, ok := currency.GetDigits(upper)
	if !ok {
		return 0, "", fmt.Errorf("%q is no currency code; give one such as usd, eur, jpy", code)
	}
	whole, decimals, point := strings.Cut(number, ".")
	if !onlyDigits(whole) || (point && !onlyDigits(decimals)) {
		return 0, "", fmt.Errorf("%q is no amount; write it like 12.50", number)
	}
	if len(decimals) > int(digits) {
		return 0, "", fmt.Errorf("%s has %d decimals, %s has %d", upper, digits, number, len(decimals))
	}
	a, err := currency.NewAmount(number, upper)
	if err == nil {
		minor, err = a.Int64()
	}
	if err != nil || minor > wire.MaxAmount {
		return 0, "", fmt.Errorf("%s is too large; at most %s", number, money(wire.MaxAmount, lower))
	}
	if minor == 0 {
		return 0, "", fmt.Errorf("the amount must be more than nothing")
	}
	return minor, lower, nil
}

func onlyDigits(s string) bool {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return s != "" && len(s) <= 15
}

// money writes minor units as people do: "12.50 USD".
func money(minor int64, code string) string {
	upper := strings.ToUpper(code)
	a, err := currency.NewAmountFromInt64(minor, upper)
	if err != nil {
		return fmt.Sprintf("%d minor units of %s", minor, upper)
	}
	return a.Number() + " " + upper
}
