package bench

import (
	"fmt"
	"slices"
	"strings"

	"smartreader/emvkernel/emvtest"
)

// FindCard returns the profile of a card that is known by its profile's name,
// by a test card number, or by the name of a test payment method
// (mastercard_debit, charge_declined_lost_card).
func FindCard(name string) (profile string, ok bool) {
	if slices.Contains(emvtest.Profiles(), name) {
		return name, true
	}
	if profile, ok = emvtest.ByNumber(name); ok {
		return profile, true
	}
	return emvtest.ByPaymentMethod(name)
}

// Insertable refuses the profile of a device, which fits into no slot.
func Insertable(profile string) error {
	p, err := emvtest.Load(profile)
	if err != nil {
		return err
	}
	for line := range strings.Lines(p.Text()) {
		device, ok := strings.CutPrefix(strings.TrimSpace(line), "tap-device ")
		if ok && device != "card" {
			return fmt.Errorf("%s is a %s, which fits into no slot; tap it: card tap %s", profile, device, profile)
		}
	}
	return nil
}

// MaskCard is a card's name as it may be printed: of a number the last four
// digits only.
func MaskCard(name string) string {
	digits := strings.IndexFunc(name, func(r rune) bool { return r < '0' || r > '9' }) < 0
	if digits && len(name) > 4 {
		return "ending in " + name[len(name)-4:]
	}
	return name
}
