package emvkernel

import (
	"context"
)

// CheckRestrictions compares versions, allowed usage and dates (EMV Book 3, 10.4). It only records
// what it finds; terminal action analysis decides. What the card leaves out is not objected to; what it
// has and is malformed ends the transaction (Book 3, 7.5).
func (t *Transaction) CheckRestrictions(ctx context.Context) (Outcome, error) {
	return t.step(ctx, "check restrictions", toRestrict, toVerify, func(context.Context) error {
		if version, ok := t.card[0x9F08]; ok {
			if len(version) != 2 {
				return terminate("malformed application version number")
			}
			if [2]byte(version) != t.app.Version {
				t.tvr.Set(VersionsDiffer)
			}
		}
		if country, ok := t.card[0x5F28]; ok && !numeric(country, 3) {
			return terminate("malformed issuer country code")
		}
		if auc, ok := t.card[0x9F07]; ok {
			if len(auc) != 2 {
				return terminate("malformed application usage control")
			}
			if !t.params.UsageAllowed([2]byte(auc), t.card[0x5F28], t.country(), t.cfg.Terminal.cashMachine(t.additionalCapabilities())) {
				t.tvr.Set(ServiceNotAllowed)
			}
		}
		today := DateOf(t.params.Time)
		if raw, ok := t.card[0x5F25]; ok {
			effective, ok := ParseDate(raw)
			if !ok {
				return terminate("malformed effective date")
			}
			if today < effective {
				t.tvr.Set(NotYetEffective)
			}
		}
		if today > t.expiry {
			t.tvr.Set(Expired)
		}
		return nil
	})
}

// numeric reports whether b is a number of as many digits, right-justified behind a zero where they are
// odd.
func numeric(b []byte, digits int) bool {
	if len(b) != (digits+1)/2 {
		return false
	}
	for i := range 2 * len(b) {
		if d := nibble(b, i); d > 9 || d != 0 && i < 2*len(b)-digits {
			return false
		}
	}
	return true
}
