package reader

import (
	"fmt"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/c2"
	"smartreader/emvkernel/c3"
	"smartreader/emvkernel/entry"
	"smartreader/emvkernel/tap"
	"smartreader/firmware/payment"
	"smartreader/firmware/platform"
)

// A card that left in the middle of its payment is recovered when it comes back within
// this time (EMV Contactless Book C-2, "Max Lifetime of Torn Transaction Log Record").
const (
	tornRecords  = 2
	tornLifetime = 5 * time.Minute
)

// ttqIssuerUpdate, in byte 3 of '9F66', promises that the card is asked for a second
// time, with its issuer's answer. No payment does that.
const ttqIssuerUpdate = 0x80

// tapConfig converts the applications taken by tap; nil when there are none. They
// share terminal, keys and revocation list with those of the chip.
func tapConfig(c *platform.Config, kernel *emvkernel.Config) (*entry.Config, error) {
	if len(c.Contactless) == 0 {
		return nil, nil
	}
	d := &hexDecoder{}
	config := &entry.Config{EMV: kernel}
	// One for all: a card that left is looked for by its account.
	torn, err := c2.NewTornLog(tornRecords, tornLifetime)
	if err != nil {
		return nil, err
	}
	for i, a := range c.Contactless {
		field := func(name string) string { return fmt.Sprintf("contactless[%d].%s", i, name) }
		limits, err := tapLimits(a.Limits)
		if err != nil {
			return nil, fmt.Errorf("contactless[%d].%w", i, err)
		}
		combination := tap.Combination{AID: d.bytes(field("aid"), a.AID), Brand: a.Brand, ZeroAmountAllowed: a.ZeroAmount}
		switch a.Kernel {
		case platform.KernelC2:
			k := c2.Default()
			k.Version = [2]byte(d.fixed(field("version"), a.Version, 2))
			k.TACDenial = [5]byte(d.fixed(field("tacDenial"), a.TACDenial, 5))
			k.TACOnline = [5]byte(d.fixed(field("tacOnline"), a.TACOnline, 5))
			k.TACDefault = [5]byte(d.fixed(field("tacDefault"), a.TACDefault, 5))
			k.Limits, k.MagneticStripe, k.Torn = limits, a.MagneticStripe, torn
			combination.Kernel = &k
		case platform.KernelC3:
			k := c3.Default()
			ttq := [4]byte(d.fixed(field("ttq"), a.TTQ, 4))
			ttq[2] &^= ttqIssuerUpdate
			combination.Kernel, combination.TTQ, combination.Limits = &k, &ttq, limits
		case platform.KernelInsert:
			combination.Kernel = tap.Elsewhere(a.KernelID)
		default:
			return nil, fmt.Errorf("contactless[%d].kernel %q is none of %q, %q, %q", i, a.Kernel, platform.KernelC2, platform.KernelC3, platform.KernelInsert)
		}
		config.Combinations = append(config.Combinations, combination)
	}
	if d.err != nil {
		return nil, d.err
	}
	return config, config.Validate()
}

func tapLimits(list []platform.ContactlessLimits) ([]tap.Limits, error) {
	var out []tap.Limits
	for i, l := range list {
		number, err := payment.CurrencyNumber(l.Currency)
		if err != nil {
			return nil, fmt.Errorf("limits[%d].currency: %w", i, err)
		}
		out = append(out, tap.Limits{Currency: number, Transaction: l.Transaction, OnDevice: l.OnDevice, Floor: l.Floor, CVMRequired: l.CVMRequired})
	}
	return out, nil
}
