package payment

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/bojanz/currency"
)

// isoCurrency is a currency as the kernel wants it: the ISO 4217 numeric code
// (9F1A, 5F2A) and the number of minor-unit digits (5F36).
type isoCurrency struct {
	numeric  uint16
	exponent byte
}

func lookUpCurrency(code string) (isoCurrency, error) {
	upper := strings.ToUpper(code)
	digits, ok := currency.GetDigits(upper)
	number, ok2 := currency.GetNumericCode(upper)
	if !ok || !ok2 || upper == code {
		return isoCurrency{}, fmt.Errorf("payment: %q is not a lower-case ISO 4217 currency code", code)
	}
	n, err := strconv.ParseUint(number, 10, 16)
	if err != nil {
		return isoCurrency{}, fmt.Errorf("payment: currency %q has no numeric code", code)
	}
	return isoCurrency{numeric: uint16(n), exponent: digits}, nil
}

// written is an amount for people to read: "12.50 USD".
func written(amount int64, code string) string {
	a, err := currency.NewAmountFromInt64(amount, strings.ToUpper(code))
	if err != nil {
		return fmt.Sprintf("%d minor units of %s", amount, code)
	}
	return a.String()
}

// CurrencyNumber returns the ISO 4217 numeric code of a lower-case currency code.
func CurrencyNumber(code string) (uint16, error) {
	iso, err := lookUpCurrency(code)
	return iso.numeric, err
}
