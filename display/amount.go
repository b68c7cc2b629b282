package display

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/bojanz/currency"
)

// ErrCurrency is returned by FormatAmount when the currency is not known, so
// that nobody can say where its decimal point belongs.
var ErrCurrency = errors.New("display: unknown currency")

// FormatAmount writes an amount in minor units of an ISO 4217 currency (any
// case) the way the language does, exactly: no digit is rounded away. When the
// font has no currency sign, the code is written instead.
func FormatAmount(minor int64, code, language string) (string, error) {
	code = strings.ToUpper(code)
	amount, err := currency.NewAmountFromInt64(minor, code)
	if err != nil {
		return "", fmt.Errorf("%w: %q", ErrCurrency, code)
	}
	formatter := currency.NewFormatter(currency.NewLocale(locale(language)))
	text := plainSpaces(formatter.Format(amount))
	if !drawable(text) {
		formatter.CurrencyDisplay = currency.DisplayCode
		text = plainSpaces(formatter.Format(amount))
	}
	return text, nil
}

// plainSpaces replaces the many spaces of number formats (thin, no-break) by
// the one every font has, and drops direction marks.
func plainSpaces(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return '\u00a0' // amounts are not wrapped
		case unicode.Is(unicode.Cf, r):
			return -1
		default:
			return r
		}
	}, s)
}
