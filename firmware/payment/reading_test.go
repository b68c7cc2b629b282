package payment

import "testing"

// A number that cannot be of the brand whose application was used is told, and no number that can.
func TestBrandFits(t *testing.T) {
	numbers := map[string]string{
		"4242424242424242": "visa", "5555555555554444": "mastercard", "5100000000000000": "mastercard", "2221000000000000": "mastercard",
		"2720990000000000": "mastercard", "2220990000000000": "other", "2721000000000000": "other", "5000000000000000": "other",
		"5600000000000000": "other", "340000000000000": "amex", "371449635398431": "amex", "6011111111111117": "other", "6200000000000005": "other",
	}
	fits := map[string][]string{
		"visa": {"visa", "other"}, "mastercard": {"mastercard", "other"}, "maestro": {"mastercard", "other"}, "amex": {"amex"},
		"discover": {"other"}, "diners": {"other"}, "jcb": {"other"}, "unionpay": {"other"},
	}
	for brand, of := range fits {
		for pan, is := range numbers {
			want := false
			for _, o := range of {
				want = want || o == is
			}
			if brandFits(brand, []byte(pan)) != want {
				t.Errorf("%s, %s: want %v", brand, pan, want)
			}
		}
	}
	for _, brand := range deferrable { // each brand that is stored is looked at
		if _, ok := fits[brand]; !ok {
			t.Errorf("%s is stored, and its numbers are not known", brand)
		}
		if brandFits(brand, []byte("412")) {
			t.Errorf("%s: a number of three digits", brand)
		}
	}
}
