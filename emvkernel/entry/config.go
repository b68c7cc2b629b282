package entry

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"smartreader/emvkernel"
	"smartreader/emvkernel/tap"
)

// Config is what the reader takes by tap. It is checked once by Validate and must not change after.
type Config struct {
	// EMV is the terminal, the certification authorities' keys and the revocation list, shared with the contact
	// kernel; its own Validate is the caller's to call.
	EMV *emvkernel.Config
	// Combinations are the applications with their kernels. Where a card's application fits several, the first
	// counts. Those of tap.Elsewhere come after all others, whatever the card prefers: a card that can be
	// tapped is.
	Combinations []tap.Combination
}

// maxAmount is what twelve digits hold.
const maxAmount = 999_999_999_999

// Validate reports the first entry that cannot be used, by its place. Its error wraps tap.ErrConfig.
func (c *Config) Validate() error {
	if c.EMV == nil {
		return fmt.Errorf("%w: no terminal; give Config.EMV", tap.ErrConfig)
	}
	if len(c.Combinations) == 0 {
		return fmt.Errorf("%w: no combinations; list the applications taken by tap, or take no taps", tap.ErrConfig)
	}
	for i := range c.Combinations {
		k := &c.Combinations[i]
		if err := validate(k, c.EMV); err != nil {
			return fmt.Errorf("%w: combination %d (%X): %w", tap.ErrConfig, i, k.AID, err)
		}
		for j := range i {
			if same(k, &c.Combinations[j]) {
				return fmt.Errorf("%w: combination %d (%X): AID, kernel and a transaction type as in combination %d; leave out one", tap.ErrConfig, i, k.AID, j)
			}
		}
	}
	return nil
}

func validate(c *tap.Combination, terminal *emvkernel.Config) error {
	if n := len(c.AID); n < 5 || n > 16 {
		return fmt.Errorf("AID of %d bytes, want 5 to 16", n)
	}
	if c.Kernel == nil {
		return errors.New("no kernel; give one, or tap.Elsewhere for a card that is to be inserted")
	}
	id := c.Kernel.ID()
	if id >= 0x80 {
		return fmt.Errorf("kernel identifier %02X: domestic and proprietary ones have three bytes, which no kernel here can have; use tap.Elsewhere(0)", byte(id))
	}
	if id == 0 && !elsewhere(c) {
		return errors.New("kernel identifier 0 is no kernel's; only tap.Elsewhere may have it")
	}
	for _, t := range c.Types {
		if t>>4 > 9 || t&0x0F > 9 {
			return fmt.Errorf("transaction type %02X, want two decimal digits", t)
		}
	}
	if err := validateLimits(c.Limits); err != nil {
		return err
	}
	if err := c.Kernel.Check(c, terminal); err != nil {
		return fmt.Errorf("kernel %d: %w", byte(id), err)
	}
	return nil
}

func validateLimits(list []tap.Limits) error {
	for i, l := range list {
		if l.Currency > 999 {
			return fmt.Errorf("limits %d: currency %d is not an ISO 4217 numeric code", i, l.Currency)
		}
		for _, before := range list[:i] {
			if before.Currency == l.Currency || before.Currency == 0 {
				return fmt.Errorf("limits %d: never looked at, an entry before them has currency %d; leave out one, or put the one for every currency (0) last", i, before.Currency)
			}
		}
		for _, v := range []struct {
			name  string
			value *int64
		}{{"transaction", l.Transaction}, {"on-device", l.OnDevice}, {"floor", l.Floor}, {"CVM", l.CVMRequired}} {
			if v.value != nil && (*v.value < 0 || *v.value > maxAmount) {
				return fmt.Errorf("limits %d: %s limit %d, want 0 to %d minor units", i, v.name, *v.value, maxAmount)
			}
		}
	}
	return nil
}

// same reports whether nothing could ever tell the two apart.
func same(a, b *tap.Combination) bool {
	return bytes.Equal(a.AID, b.AID) && a.Kernel.ID() == b.Kernel.ID() && elsewhere(a) == elsewhere(b) &&
		(slices.ContainsFunc(a.Types, b.Serves) || len(a.Types) == 0 && b.Serves(0x00))
}

// elsewhere reports whether the reader has no kernel for the application.
func elsewhere(c *tap.Combination) bool {
	_, ok := c.Kernel.(tap.Elsewhere)
	return ok
}
