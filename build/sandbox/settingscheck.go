package sandbox

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/bojanz/currency"

	paying "smartreader/firmware/payment"
	"smartreader/firmware/platform"
)

// check refuses what no reader could use, by the names that the settings have for
// it. What a configuration's form forbids is left to the configuration.
func (s Settings) check() error {
	if known(s.PaymentMaxAgeMs) < 0 {
		return invalid("paymentMaxAgeMs is negative")
	}
	if s.Country != nil {
		if _, ok := currency.ForCountryCode(*s.Country); !ok {
			return invalid("country: %q is no country; give two capital letters of ISO 3166, as DE", *s.Country)
		}
	}
	if s.ContactlessLimits != nil && len(s.ContactlessLimits) == 0 {
		return invalid(`contactlessLimits is empty; name the currencies, or set "contactless" to false for no taps`)
	}
	for i, l := range s.ContactlessLimits {
		if err := knownCurrency(fmt.Sprintf("contactlessLimits[%d].currency", i), l.Currency); err != nil {
			return err
		}
	}
	for i, l := range s.Limits {
		if err := knownCurrency(fmt.Sprintf("limits[%d].currency", i), l.Currency); err != nil {
			return err
		}
	}
	if e := s.Equivalents; e != nil {
		if e.Amounts == nil {
			return invalid("equivalents.amounts is missing")
		}
		for _, code := range slices.Sorted(maps.Keys(e.Amounts)) {
			if err := knownCurrency("equivalents.amounts", code); err != nil {
				return err
			}
		}
	}
	return nil
}

// knownCurrency asks what the reader will ask: a code of three letters is not yet
// a currency.
func knownCurrency(member, code string) error {
	if _, err := paying.CurrencyNumber(code); err != nil {
		return invalid("%s: %q is no currency of ISO 4217 in lower case, as usd", member, code)
	}
	return nil
}

// The places of a configuration that settings fill in, and what those call them.
var placesOfSettings = []struct {
	place  *regexp.Regexp
	member string
}{
	{regexp.MustCompile(`\bcontactless\[\d+\]\.limits\b`), "contactlessLimits"},
	{regexp.MustCompile(`\bapplications\[\d+\]\.floorLimit\b`), "floorLimit"},
	{regexp.MustCompile(`\bterminal\.pin\.format\b`), "pinFormat"},
	{regexp.MustCompile(`\boffline\.`), ""},
}

// inSettings is what is wrong with a configuration in the words of its settings.
func inSettings(err error) error {
	if !errors.Is(err, platform.ErrDocument) {
		return err
	}
	text := strings.TrimPrefix(err.Error(), platform.ErrDocument.Error()+": configuration: ")
	for _, p := range placesOfSettings {
		text = p.place.ReplaceAllLiteralString(text, p.member)
	}
	return invalid("%s", text)
}
